"""Where sampling and judging meet: a completion is judged as soon as it is finished, while others are sampled."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Protocol

from trainer.sampler import Draw, Sampler
from trainer.types import Completion, Group
from verifiers import Problem, Verdict


class Judge(Protocol):
    """The part of a router that a run needs."""

    @property
    def sandbox_description(self) -> str:
        """Which box runs the programs."""

    def submit(self, problem: Problem, completion: str) -> Future[Verdict]:
        """Judge one completion in the background."""

    def unsound(self, problems: Iterable[Problem]) -> Mapping[str, str]:
        """Problem id to what is wrong with it; asked of sets that come as they are found, and only of them."""


@dataclass(frozen=True, slots=True)
class Rollout:
    """Groups to learn from, in the order of their problems, and where the time went."""

    groups: Sequence[Group]
    sample_seconds: float
    judge_seconds: float
    """From the last sampled token to the last verdict: what judging added to the step."""
    dropped: Sequence[Group] = ()
    """Sampled and judged as well, and not to be learned from: by dynamic sampling."""
    figures: Mapping[str, float] = field(default_factory=dict)
    """Of how the problems were chosen: metrics."""

    @property
    def sampled(self) -> list[Group]:
        return [*self.groups, *self.dropped]


def roll_out(
    problems: Sequence[Problem], prompts: Sequence[Sequence[int]], sampler: Sampler, judge: Judge, draw: Draw
) -> Rollout:
    """Sample `draw.count` completions for each problem and judge them; `prompts` are the problems' tokens."""
    started = time.monotonic()
    answers: list[list[tuple[Completion, Future[Verdict]]]] = [[] for _ in problems]
    for index, completion in sampler.sample(prompts, draw):
        answers[index].append((completion, judge.submit(problems[index], completion.text)))
    sampled = time.monotonic()
    groups = [
        Group(problem, [completion for completion, _ in pairs], [verdict.result() for _, verdict in pairs])
        for problem, pairs in zip(problems, answers, strict=True)
    ]
    return Rollout(groups, sampled - started, time.monotonic() - sampled)
