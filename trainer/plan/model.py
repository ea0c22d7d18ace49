"""The model of a run, looked at without loading its weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

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
    return PlannedModel(stored.codec, AutoConfig.from_pretrained(path), stored.context, path)


def check_weights(path: str | None) -> None:
    """Of a local folder; on the hub they come with the rest."""
    if path is not None and Path(path).is_dir() and not any(any(Path(path).glob(form)) for form in WEIGHT_FILES):
        raise ConfigError(f"model: {path} has no weights in it: there is no {' and no '.join(WEIGHT_FILES)}")
