"""Where completions come from: the protocol, and the plain sampler that is the trained model itself."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch

from trainer.batch import Row
from trainer.checksum import checksum
from trainer.policy import Policy
from trainer.settings import ConfigError
from trainer.text import Codec
from trainer.types import Completion


@dataclass(frozen=True, slots=True)
class Draw:
    """How to sample."""

    count: int
    """Completions for each prompt."""
    max_new_tokens: int
    temperature: float
    """0: greedy."""
    seed: int
    top_p: float = 1.0
    """Only for evaluation: the trainer's log-probs know nothing of it."""
    seeds: tuple[int, ...] = ()
    """One for each completion, prompt after prompt: then it depends on its prompt and seed, whatever the batch."""
    stop: tuple[str, ...] = ()
    """A completion ends before the first of these; only for evaluation."""


class Sampler(Protocol):
    """Samples completions of the policy whose weights it was given last."""

    description: str
    """What samples, with its version."""

    def sample(self, prompts: Sequence[Sequence[int]], draw: Draw) -> Iterator[tuple[int, Completion]]:
        """Yield each completion as it finishes, with its place, prompt after prompt: prompt * `draw.count` + sample.

        The same seed, the same tokens.
        """

    def logprobs(self, sequences: Sequence[Sequence[int]]) -> list[list[float]]:
        """Log-probs at temperature 1 of all tokens of each sequence but its first."""

    def load(self, policy: Policy) -> str:
        """Take over the policy's weights and version; returns the `checksum` of what arrived."""

    def rest(self) -> None:
        """Until `load`, nothing will be asked of it: it may give back memory that the policy learns in."""

    def close(self) -> None:
        """Give back what it holds; twice is harmless. A thread that is sampling gets `SamplerClosed`, and soon."""


class SamplerClosed(RuntimeError):
    """The sampler was closed while a thread still sampled: nobody waits for that any more."""


class PlainSampler:
    """The trained model's own forward pass: no second copy, no cache, no speed. For tests and for reading."""

    description = "plain (the trained model itself)"

    def __init__(self, policy: Policy) -> None:
        self._policy = policy

    def sample(self, prompts: Sequence[Sequence[int]], draw: Draw) -> Iterator[tuple[int, Completion]]:
        started, version = time.monotonic(), self._policy.version
        torch.manual_seed(draw.seed)  # one stream for the batch: `draw.seeds` are of no use here
        codec, device = self._policy.codec, self._policy.model.device
        width = max(len(prompt) for prompt in prompts)
        padded = [[codec.pad_id] * (width - len(prompt)) + list(prompt) for prompt in prompts]
        tokens = torch.tensor(padded, device=device).repeat_interleave(draw.count, 0)
        attention = torch.tensor(
            [[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in prompts], device=device
        ).repeat_interleave(draw.count, 0)
        options: dict[str, float] = {"do_sample": False}
        if draw.temperature > 0:
            options = {"do_sample": True, "temperature": draw.temperature, "top_k": 0, "top_p": draw.top_p}
        with torch.no_grad(), self._policy.padded() as model:
            made = model.generate(
                tokens,
                attention_mask=attention,
                max_new_tokens=draw.max_new_tokens,
                eos_token_id=list(codec.stop_ids),
                pad_token_id=codec.pad_id,
                return_dict_in_generate=True,
                output_logits=True,
                **options,
            )
        new = made.sequences[:, width:]  # [N, T]
        logits = torch.stack(made.logits, 1).float() / (draw.temperature or 1.0)  # [N, T, V]
        logprobs = torch.log_softmax(logits, -1).gather(-1, new[..., None]).squeeze(-1)
        seconds = time.monotonic() - started
        for place, (ids, values) in enumerate(zip(new.tolist(), logprobs.tolist(), strict=True)):
            end = next((at + 1 for at, token in enumerate(ids) if token in codec.stop_ids), None)
            length = end or len(ids)
            prompt = prompts[place // draw.count]
            yield place, completion(codec, prompt, ids[:length], values[:length], version, seconds, draw.stop)

    def logprobs(self, sequences: Sequence[Sequence[int]]) -> list[list[float]]:
        rows = [Row(ids[:1], ids[1:]) for ids in sequences]
        return self._policy.logprobs(rows, temperature=1.0, max_tokens=max(map(len, sequences)))

    def load(self, policy: Policy) -> str:
        self._policy = policy
        return checksum(policy.weights())

    def rest(self) -> None:
        """Has no memory of its own to give back."""

    def close(self) -> None:
        """Holds nothing of its own."""


def completion(
    codec: Codec,
    prompt: Sequence[int],
    ids: Sequence[int],
    logprobs: Sequence[float],
    version: int,
    seconds: float,
    stop: Sequence[str] = (),
) -> Completion:
    """A completion from its tokens; it stopped by itself exactly when its last token ends completions.

    Or where its text came to one of `stop`, before which it is cut; the tokens may go on.
    """
    stopped = bool(ids) and ids[-1] in codec.stop_ids
    text = codec.decode(ids[:-1] if stopped else ids)
    ends = [end for words in stop if (end := text.find(words)) >= 0]
    text, stopped = text[: min(ends, default=None)], stopped or bool(ends)
    return Completion(prompt, ids, logprobs, text, "stop" if stopped else "length", version, seconds)


def check_context(context: int, longest_prompt: int, max_new_tokens: int) -> None:
    """Raise `ConfigError` if prompt and completion together do not fit the model."""
    if longest_prompt + max_new_tokens > context:
        raise ConfigError(
            f"prompts of up to {longest_prompt} tokens and {max_new_tokens} new ones do not fit the model's context of "
            f"{context}: lower max_prompt_tokens or sampling.max_new_tokens"
        )
