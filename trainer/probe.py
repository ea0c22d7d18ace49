"""How fast this machine samples and learns, measured on the run's own model for a few seconds."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sandbox import owned_folder
from trainer import fresh
from trainer.batch import Row
from trainer.config.run import RunConfig
from trainer.out_of_memory import MicroBatches
from trainer.policy import Policy
from trainer.sampler import Draw, Sampler
from trainer.session import MakeSampler

SECONDS = 10.0
"""For measuring, half of it for sampling and half for learning; loading comes on top."""

MAX_WEIGHT_BYTES = 2**30
"""Larger models are not loaded for a probe."""


@dataclass(frozen=True, slots=True)
class Speed:
    """What was measured, and on how much."""

    sampler: str
    load_seconds: float
    sampled_sequences: int
    """At the same time; sampling is quicker, token for token, the more there are."""
    sampled_tokens: int
    sample_tokens_per_second: float
    """New tokens."""
    learned_sequences: int
    learned_tokens: int
    learn_tokens_per_second: float
    """Prompt and completion, forward and backward, with the optimizer's step."""


def measure(
    config: RunConfig,
    prompts: Sequence[Sequence[int]],
    texts: Sequence[str],
    make: MakeSampler,
    say: Callable[[str], None],
) -> Speed:
    """Sample and learn in growing portions, each only if it should fit in the time that is left.

    `prompts` are those of one step; `texts` are what a fresh tokenizer learns from. The policy and all it wrote are
    thrown away. Learning goes on in smaller micro-batches where memory runs out, as that of a run does, and `say` is
    told; raises `OutOfMemory` where none is small enough.
    """
    started = time.monotonic()
    with contextlib.ExitStack() as opened:
        folder = owned_folder()
        opened.callback(shutil.rmtree, folder, ignore_errors=True)
        policy = _policy(config, texts).prepare(config.model, seed=config.seed)
        if config.model.path is None:
            policy.save(folder)
        with contextlib.closing(make(policy, Path(config.model.path or folder))) as sampler:
            loaded = time.monotonic() - started
            num_sampled, new_tokens, sample_rate = _sampling(config, sampler, prompts)
        micro_batches = MicroBatches(config.micro_batch_tokens, say)
        num_learned, tokens, learn_rate = _learning(config, policy, prompts, micro_batches)
    return Speed(sampler.description, loaded, num_sampled, new_tokens, sample_rate, num_learned, tokens, learn_rate)


def _policy(config: RunConfig, texts: Sequence[str]) -> Policy:
    if config.model.path is not None:
        return Policy.load(config.model.path, dtype=config.model.dtype)
    assert config.model.fresh is not None, "config has neither a path nor a fresh model"
    return fresh.make(config.model.fresh, texts, seed=config.seed, dtype=config.model.dtype)


def _sampling(config: RunConfig, sampler: Sampler, prompts: Sequence[Sequence[int]]) -> tuple[int, int, float]:
    """Sequences, new tokens and tokens a second of the largest portion: from one group of 8 tokens to a whole step."""
    deadline = time.monotonic() + SECONDS / 2
    num_prompts, length, most = 1, min(8, config.sampling.max_new_tokens), config.sampling.max_new_tokens
    while True:
        draw = Draw(config.sampling.group, length, config.sampling.temperature, seed=config.seed)
        begun = time.monotonic()
        made = [completion for _, completion in sampler.sample(prompts[:num_prompts], draw)]
        seconds, tokens = time.monotonic() - begun, sum(len(one.token_ids) for one in made)
        is_whole = num_prompts >= len(prompts) and length >= most
        if is_whole or time.monotonic() + 4 * seconds > deadline:
            return len(made), tokens, tokens / seconds
        if num_prompts < len(prompts):
            num_prompts = min(len(prompts), 4 * num_prompts)
        else:
            length = min(most, 4 * length)


def _learning(
    config: RunConfig, policy: Policy, prompts: Sequence[Sequence[int]], micro_batches: MicroBatches
) -> tuple[int, int, float]:
    """Sequences, tokens and tokens a second of the largest portion: from one completion at full length to an update."""
    policy.begin(config.optim, steps=max(1, config.steps))
    completion = [policy.codec.stop_ids[0]] * config.sampling.max_new_tokens
    every = [
        Row(prompt, completion, (-1.0) ** sample, 1 / len(completion), [0.0] * len(completion))
        for prompt in prompts
        for sample in range(config.sampling.group)
    ]
    deadline = time.monotonic() + SECONDS / 2
    most, count, is_warm = max(1, len(every) // config.minibatches), 1, False
    while True:
        rows, begun = every[:count], time.monotonic()
        micro_batches.run(partial(_update, config, policy, rows), rows)
        seconds, tokens = time.monotonic() - begun, sum(map(len, every[:count]))
        if time.monotonic() + (4 if count < most else 1) * seconds > deadline or (is_warm and count == most):
            return count, tokens, tokens / seconds
        is_warm, count = count == most, min(most, 4 * count)


def _update(config: RunConfig, policy: Policy, rows: Sequence[Row], max_tokens: int) -> None:
    method, temperature = config.objective.method, config.sampling.temperature
    policy.update(rows, method, step=0, temperature=temperature, max_tokens=max_tokens)
