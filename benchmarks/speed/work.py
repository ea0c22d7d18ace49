"""What all contenders of `step.py` are given to do, and what they tell of each step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Work:
    """What a peer is to do: steps of `problems` x `group` completions at temperature 1, learning at a constant rate."""

    sampler: str
    """"transformers" or "vllm"."""
    model: str
    data: dict[str, Any]
    """A problem source."""
    sandbox: dict[str, Any]
    ids: list[str]
    """Of the problems, in the order in which they are to be seen: `problems` of them a step."""
    problems: int
    group: int
    updates: int
    """Optimizer steps a step."""
    max_new_tokens: int
    lr: float
    betas: tuple[float, float]
    max_grad_norm: float
    clip_low: float
    clip_high: float
    seed: int
    out: str
    """A file that gets a line for each step, a `Step` as an object."""

    @property
    def steps(self) -> int:
        return len(self.ids) // self.problems


@dataclass(frozen=True)
class Step:
    """One step of one contender."""

    end: float
    """As time.time()."""
    tokens: int
    """Sampled."""
    completions: int
    score: float
    phases: Mapping[str, float]
    """Seconds, without what lies between the phases."""
