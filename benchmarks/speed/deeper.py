"""A model with more layers that says the same: steps that last longer, with the same completions to judge."""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

OUTPUTS = ("o_proj.weight", "down_proj.weight")
"""What a layer adds to its input passes through these: with zeros it adds nothing, until it learns."""


def deepened(model: Path, folder: Path, layers: int) -> Path:
    """Writes to `folder` the model with `layers` layers, those added at its end with random weights but no output.

    Raises ValueError if it has more.
    """
    config = AutoConfig.from_pretrained(model)
    if config.num_hidden_layers > layers:
        raise ValueError(f"{model} has {config.num_hidden_layers} layers already; asked for {layers}")
    before = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)
    config.num_hidden_layers = layers
    if getattr(config, "layer_types", None):
        config.layer_types = [config.layer_types[0]] * layers
    torch.manual_seed(0)
    after = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    weights = after.state_dict()
    for name, weight in weights.items():
        if name.endswith(OUTPUTS):
            weight.zero_()
    weights.update(before.state_dict())
    after.load_state_dict(weights)
    after.save_pretrained(folder)
    AutoTokenizer.from_pretrained(model).save_pretrained(folder)
    return folder
