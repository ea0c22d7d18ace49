"""Rotary embeddings that change with the length of a sequence: held at one length, as vLLM has them."""

from __future__ import annotations

import torch
from transformers import PreTrainedModel
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

from trainer.settings import ConfigError


def hold_long_factors(model: PreTrainedModel) -> None:
    """Have a model with LongRoPE (arXiv 2402.13753) use its factors for long sequences only, if its context is long.

    It has others for sequences no longer than those of its first training. transformers chooses by the longest sequence
    of a batch, so the same tokens would have other log-probs beside other neighbours; vLLM chooses by the context, once
    and for all. In transformers' own hands the trained model goes on with the short ones for short sequences.
    Raises `ConfigError` where each kind of layer has its own.
    """
    for module in model.modules():
        kind = getattr(module, "rope_type", None)
        if isinstance(kind, dict) and "longrope" in kind.values():
            raise ConfigError(
                f"model: {model.config.model_type} has LongRoPE in some kinds of its layers, which is not supported: "
                "take a model of another family"
            )
        if kind == "longrope" and module.config.max_position_embeddings > (first := _first_context(module)):
            frequencies, _ = ROPE_INIT_FUNCTIONS[kind](module.config, module.inv_freq.device, seq_len=first + 1)
            with torch.no_grad():
                module.inv_freq.copy_(frequencies)
            module.rope_type = "default"  # transformers then leaves the frequencies as they are


def _first_context(module: torch.nn.Module) -> int:
    config = module.config
    return int(config.rope_parameters["original_max_position_embeddings"])  # type: ignore[union-attr,index]
