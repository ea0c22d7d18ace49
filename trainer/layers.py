"""A model's decoder layers: computed twice to save memory, compiled to save time."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn
from transformers import AttentionInterface, PreTrainedModel
from transformers.modeling_layers import GradientCheckpointingLayer

from trainer.attention import PACKED, packed_attention
from trainer.settings import ConfigError


def trunk(model: PreTrainedModel) -> nn.Module:
    """The model without its head. Raises `ConfigError` if it is not to be found."""
    for name in (model.base_model_prefix, "model"):  # Llama 4's prefix is none of its parts
        if isinstance(found := getattr(model, name, None), nn.Module):
            return found
    kind = model.config.model_type
    raise ConfigError(f"model: what makes the hidden states of {kind} is not to be found: take another family")


def decoder_layers(model: PreTrainedModel) -> list[GradientCheckpointingLayer]:
    return [module for module in model.modules() if isinstance(module, GradientCheckpointingLayer)]


def enable_recomputing(model: PreTrainedModel) -> None:
    """Have `recomputing` work. Raises `ConfigError` if the model's layers cannot be computed twice."""
    if not model.supports_gradient_checkpointing or not decoder_layers(model):
        raise ConfigError(f"model.gradient_checkpointing: transformers has none for {model.config.model_type}")
    model.gradient_checkpointing_enable({"use_reentrant": False, "preserve_rng_state": False})
    model.disable_input_require_grads()  # which the old, reentrant kind needed


@contextmanager
def recomputing(model: PreTrainedModel, *, is_on: bool) -> Iterator[None]:
    """Inside, layers keep their inputs alone, and are computed again in the backward pass, which must be inside, too.

    transformers' layers look whether they are in train mode. Only they are: what is in them, dropout for one, is not.
    """
    layers = decoder_layers(model) if is_on else []
    for layer in layers:
        layer.training = True
    try:
        yield
    finally:
        for layer in layers:
            layer.training = False


def compile_layers(model: PreTrainedModel) -> None:
    """Compile each layer when it is first called, once for batches of all lengths, attention left as it is.

    For GPUs, where it is unrun here. On two cores of a CPU, updates of a model of 6 layers of 512 took a fifth less
    time after it, of one of 2 layers of 128 no less, so there it is refused unless it is asked for twice.
    Raises `ConfigError` where there is nothing to compile, or nothing to compile with.
    """
    check_compiler(model.device.type)
    if not decoder_layers(model):
        raise ConfigError(f"model.compile: {model.config.model_type} has no layers that transformers names as such")
    # Traced, attention would be compiled anew for each number of spans that a batch is packed in.
    AttentionInterface.register(PACKED, torch.compiler.disable(packed_attention))  # type: ignore[no-untyped-call]
    for layer in decoder_layers(model):
        layer.compile(dynamic=True)


def check_compiler(device: str) -> None:
    """Raise `ConfigError` if nothing can be compiled for this kind of device (cuda, cpu) here."""
    if os.environ.get("TORCHDYNAMO_DISABLE") == "1":  # as the command has it where there is no GPU
        raise ConfigError(
            "model.compile: torch.compile is turned off on a CPU, where it saves small models no time: leave it out, "
            "or set TORCHDYNAMO_DISABLE=0 in the environment"
        )
    variable, usual = ("CXX", "g++") if device == "cpu" else ("CC", "gcc")
    compiler = os.environ.get(variable, usual)
    if shutil.which(compiler) is None:
        raise ConfigError(f"model.compile: there is no compiler {compiler}: apt-get install {usual}, or leave it out")
