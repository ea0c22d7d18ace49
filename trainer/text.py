"""Between text and tokens: prompts in the model's own chat form, completions back to text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import AutoConfig, AutoTokenizer, GenerationConfig, PretrainedConfig

from trainer.settings import ConfigError
from verifiers import Message


class Codec:
    """One tokenizer, used the same way for training, sampling and evaluation."""

    def __init__(self, tokenizer: Any, stop_ids: Sequence[int] = ()) -> None:
        self.tokenizer = tokenizer
        ids = {*stop_ids, tokenizer.eos_token_id} - {None}
        if not ids:
            raise ConfigError("model: the tokenizer has no end token: set eos_token in its tokenizer_config.json")
        self.stop_ids: tuple[int, ...] = tuple(sorted(ids))
        """Tokens that end a completion."""
        self.pad_id: int = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else self.stop_ids[0]

    def encode_prompt(self, prompt: str | Sequence[Message]) -> list[int]:
        """One user turn (or a conversation) in the chat template, ready for the answer; plain text if there is none."""
        return self.encode_text(self.prompt_text(prompt), is_chat=self.has_chat)

    @property
    def has_chat(self) -> bool:
        """Whether the tokenizer has a chat template."""
        return bool(self.tokenizer.chat_template)

    def prompt_text(self, prompt: str | Sequence[Message]) -> str:
        """The prompt as it is encoded, without the special tokens that plain text gets besides."""
        messages = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else list(prompt)
        if not self.has_chat:
            return "\n".join(message["content"] for message in messages)
        text: str = self.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        return text

    def encode_text(self, text: str, *, is_chat: bool) -> list[int]:
        """Tokens of a prompt's text; a chat template has put its special tokens into it already."""
        return self._ids(text, special=not is_chat)

    def encode_completion(self, text: str) -> list[int]:
        """A completion that may be imitated, with the end token."""
        return [*self._ids(text, special=False), self.tokenizer.eos_token_id]

    def decode(self, token_ids: Sequence[int]) -> str:
        """The text of a completion, without special tokens."""
        text: str = self.tokenizer.decode(list(token_ids), skip_special_tokens=True)
        return text

    def _ids(self, text: str, *, special: bool) -> list[int]:
        ids: list[int] = self.tokenizer(text, add_special_tokens=special)["input_ids"]
        return ids


@dataclass(frozen=True, slots=True)
class StoredModel:
    """What one must know of a model to sample from it without loading its weights."""

    codec: Codec
    context: int
    """Longest prompt and completion together, in tokens."""
    dtype: str
    """Of its weights, as "bfloat16"."""
    commit: str | None
    """Of its files on the hub; None for a local folder."""


def describe(path: str) -> StoredModel:
    """A model on the hub or in a local folder. Raises `ConfigError` when there is none."""
    config = read_architecture(path)
    tokenizer = read_tokenizer(path)
    try:
        stops = GenerationConfig.from_pretrained(path).eos_token_id
    except OSError:  # not every model has one
        stops = None
    dtype = str(config.dtype or "bfloat16").removeprefix("torch.")
    commit: str | None = getattr(config, "_commit_hash", None)
    return StoredModel(Codec(tokenizer, stop_ids(stops)), context_of(config), dtype, commit)


def context_of(config: PretrainedConfig) -> int:
    """Tokens of a model's context; of one that also sees, of its language model. Raises `ConfigError` if it is unknown.

    A model with biases for distances in place of positions has none of its own.
    """
    length = getattr(config.get_text_config(), "max_position_embeddings", None)
    if length is None:
        raise ConfigError(
            f"model: the config of this {config.model_type} does not say how long its context is "
            "(max_position_embeddings): add it to its config.json"
        )
    return int(length)


def stop_ids(found: int | Sequence[int] | None) -> list[int]:
    """End tokens of a generation config, which has none, one or several."""
    return [] if found is None else [found] if isinstance(found, int) else list(found)


def read_architecture(path: str) -> Any:
    """The configuration of a model on the hub or in a local folder. Raises `ConfigError` when there is none."""
    folder = Path(path)
    if folder.is_dir() and ((folder / "run.toml").is_file() or not (folder / "config.json").is_file()):
        inner = [
            found.parent for found in (*folder.glob("checkpoints/*/*.safetensors"), *folder.glob("*/*.safetensors"))
        ]
        last = max(inner, key=lambda found: (found.name.isdigit(), found.name), default=None)
        hint = f"; {last} is one" if last else ": it has no config.json"
        raise ConfigError(f"model: cannot load {path!r}: not a model's folder{hint}")
    if not folder.is_dir() and (path.startswith((".", "/", "~")) or path.count("/") > 1):
        raise ConfigError(f"model: cannot load {path!r}: no such folder; a name on the hub looks like owner/model")
    try:
        return AutoConfig.from_pretrained(path)
    except (OSError, ValueError) as error:
        raise missing_model(path, error) from error


def read_tokenizer(path: str) -> Any:
    """The tokenizer of a model on the hub or in a local folder. Raises `ConfigError` when there is none.

    From a folder without one, transformers makes one that knows no text, by the architecture's name.
    """
    try:
        tokenizer = AutoTokenizer.from_pretrained(path)
    except (OSError, ValueError) as error:
        raise missing_model(path, error) from error
    if not tokenizer("1", add_special_tokens=False)["input_ids"]:
        raise ConfigError(
            f"model: {path} has no tokenizer in it: put the tokenizer's files of the model it was made from "
            "(tokenizer.json, tokenizer_config.json) beside its config.json"
        )
    return tokenizer


def missing_model(path: str, error: Exception) -> ConfigError:
    if Path(path).is_dir():
        return ConfigError(f"model: cannot load {path!r}: {' '.join(str(error).split())[:300]}")
    reason = str(error).splitlines()[0]
    return ConfigError(f"model: cannot load {path!r}: no such folder, and not to be had from the hub ({reason})")
