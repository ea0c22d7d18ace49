"""A low-rank adapter on a model, by peft: attached, switched off, merged, and stored in peft's own form."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model_state_dict, inject_adapter_in_model, set_peft_model_state_dict
from peft.tuners.lora import Linear
from peft.tuners.tuners_utils import BaseTunerLayer
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import PreTrainedModel

from trainer.config.model import Lora
from trainer.settings import ConfigError

NAME = "default"
"""peft's, of the one adapter there is."""

PREFIX = "base_model.model."
"""What peft's files have before the name of each weight."""

WEIGHTS = "adapter_model.safetensors"


class Adapter:
    """y = W x + alpha / rank * B A x in place of y = W x (LoRA, arXiv 2106.09685, sec. 4.1).

    A and B are trained, W is not. B is 0 at first: the model does what it did without. A and B are of W's type, as in
    vLLM, so that trainer and sampler compute alike; the optimizer has float32 copies.
    """

    def __init__(self, model: PreTrainedModel, config: Lora, *, seed: int) -> None:
        """Change `model` in place. Raises `ConfigError` if the targets are none, or none that can have an adapter."""
        settings = LoraConfig(
            r=config.rank,
            lora_alpha=config.alpha,
            target_modules=list(config.targets) or "all-linear",
            lora_dropout=0.0,  # it would make the ratio of trainer to sampler a random number
            task_type="CAUSAL_LM",
        )
        model.requires_grad_(False)
        try:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed)
                inject_adapter_in_model(settings, model, NAME)
        except ValueError as error:
            raise ConfigError(f"model.lora.targets: {str(error).splitlines()[0]}") from error
        layers = {name: part for name, part in model.named_modules() if isinstance(part, BaseTunerLayer)}
        for name, layer in layers.items():
            if not isinstance(layer, Linear) or layer.fan_in_fan_out or layer is model.get_output_embeddings():
                raise ConfigError(
                    f"model.lora.targets: {name}: only linear layers but the head can have an adapter here"
                )
        self._model, self._layers, self._settings = model, list(layers.values()), settings
        self._scale = config.alpha / config.rank

    @contextmanager
    def off(self) -> Iterator[None]:
        """Inside, the model is what it was without its adapter."""
        for layer in self._layers:
            layer.enable_adapters(False)
        try:
            yield
        finally:
            for layer in self._layers:
                layer.enable_adapters(True)

    def merged(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The weights of a model without an adapter that does the same, from a `state_dict` of this one.

        In bfloat16 the sum is rounded, and what is small in it lost: it is for others to load, not to go on with.
        """
        made = {}
        for name, value in state.items():
            if name.endswith(".base_layer.weight"):
                stem = name.removesuffix("base_layer.weight")
                a, b = (state[f"{stem}lora_{part}.{NAME}.weight"].float() for part in "AB")
                value = (value.float() + self._scale * (b @ a)).to(value.dtype)
            if ".lora_" not in name:
                made[name.replace(".base_layer.", ".")] = value
        return made

    def weights(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Those of the adapter in a `state_dict` of the model, under the names of peft's files."""
        found = get_peft_model_state_dict(self._model, state_dict=dict(state), adapter_name=NAME)
        return {f"{PREFIX}{name}": value for name, value in found.items()}

    def write(self, folder: Path, state: Mapping[str, Tensor]) -> None:
        """The adapter alone, from a `state_dict` of the model, as peft and vLLM read it."""
        folder.mkdir(parents=True, exist_ok=True)
        save_file(self.weights(state), folder / WEIGHTS)
        self._settings.save_pretrained(str(folder))

    def read(self, folder: Path) -> None:
        """Take over what `write` wrote, bit for bit."""
        found = {name.removeprefix(PREFIX): value for name, value in stored_weights(folder).items()}
        left = set_peft_model_state_dict(self._model, found, adapter_name=NAME)
        assert not left.unexpected_keys, f"{folder}: an adapter of another model: {left.unexpected_keys[:3]}"


def stored_weights(folder: Path) -> dict[str, Tensor]:
    """What `Adapter.write` wrote, under peft's names."""
    found: dict[str, Tensor] = load_file(folder / WEIGHTS)
    return found
