"""What moves between sampling, judging and learning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from verifiers import Problem, Verdict


@dataclass(frozen=True, slots=True)
class Completion:
    """One answer of the policy, in the very tokens that were sampled."""

    prompt_ids: Sequence[int]
    token_ids: Sequence[int]
    """With the end token, if it was sampled."""
    logprobs: Sequence[float]
    """Of each sampled token under the sampler, at the sampling temperature."""
    text: str
    finish: Literal["stop", "length"]
    version: int
    """Of the policy that sampled it: the number of updates it had seen."""
    seconds: float
    """From the start of the batch to the last token."""


@dataclass(frozen=True, slots=True)
class Group:
    """All completions of one problem: the unit of advantage and of sharding."""

    problem: Problem
    completions: Sequence[Completion]
    verdicts: Sequence[Verdict]

    @property
    def scores(self) -> list[float]:
        """Of each completion; nan where it could not be judged."""
        return [float("nan") if verdict.score is None else verdict.score for verdict in self.verdicts]
