"""The model of a run, looked at without loading its weights."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError, safe_open
from transformers import AutoConfig, PretrainedConfig

from trainer import fresh
from trainer.config.run import RunConfig
from trainer.settings import ConfigError
from trainer.text import Codec, describe

WEIGHT_FILES = ("*.safetensors", "pytorch_model*.bin")


@dataclass(frozen=True, slots=True)
class PlannedModel:
    """The model of a run, without its weights."""

    codec: Codec
    config: PretrainedConfig
    context: int
    description: str


def look_up(config: RunConfig, tokenizer_texts: Sequence[str]) -> PlannedModel:
    made = config.model.fresh
    if made is not None:
        tokenizer = fresh.learn_tokenizer(made, tokenizer_texts)
        architecture = fresh.architecture(made, tokenizer)
        description = f"made from nothing: {architecture.model_type}, {len(tokenizer)} tokens known"
        return PlannedModel(Codec(tokenizer), architecture, made.context, description)
    path = config.model.path
    assert path is not None, "config has neither a path nor a fresh model"
    stored = describe(path)
    form = "" if stored.codec.has_chat else "; it has no chat template: prompts are given to it as they stand"
    return PlannedModel(stored.codec, AutoConfig.from_pretrained(path), stored.context, f"{path}{form}")


def check_weights(path: str | None) -> None:
    """Of a local folder; on the hub they come with the rest. Of each file only the beginning is read."""
    if path is None or not Path(path).is_dir():
        return
    folder = Path(path)
    if not any(any(folder.glob(form)) for form in WEIGHT_FILES):
        raise ConfigError(f"model: {path} has no weights in it: there is no {' and no '.join(WEIGHT_FILES)}")
    for index in folder.glob("*.safetensors.index.json"):
        for name in sorted(set(json.loads(index.read_text())["weight_map"].values())):
            if not (folder / name).is_file():
                raise ConfigError(f"model: {folder / name}: no such file, and {index.name} names it: copy it there")
    for file in folder.glob("*.safetensors"):
        try:
            with safe_open(file, framework="pt"):
                pass
        except SafetensorError as error:
            raise ConfigError(f"model: {file}: is not whole ({error}): copy or download it again") from None
