"""Where sampling and judging meet: a completion is judged as soon as it is finished, while others are sampled."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Protocol

from trainer.sampler import Draw, Sampler
from trainer.types import Completion, Group
from trainer.world import World
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


SECONDS_BETWEEN_LOOKS = 0.5
"""At whether the run is over, while nothing but verdicts is waited for."""


class Abandoned(RuntimeError):
    """The run is over: nobody waits for this rollout any more."""


def roll_out(
    problems: Sequence[Problem],
    prompts: Sequence[Sequence[int]],
    sampler: Sampler,
    judge: Judge,
    draw: Draw,
    *,
    is_over: Callable[[], bool] = lambda: False,
) -> Rollout:
    """Sample `draw.count` completions for each problem and judge them; `prompts` are the problems' tokens.

    Raises `Abandoned` when `is_over` says so between two completions, or while the last are judged.
    """
    started = time.monotonic()
    answers: dict[int, tuple[Completion, Future[Verdict]]] = {}
    for place, completion in sampler.sample(prompts, draw):
        if is_over():
            raise Abandoned
        answers[place] = completion, judge.submit(problems[place // draw.count], completion.text)
    sampled = time.monotonic()
    groups = []
    for index, problem in enumerate(problems):
        pairs = [answers[place] for place in range(index * draw.count, (index + 1) * draw.count)]
        groups.append(Group(problem, [made for made, _ in pairs], [_awaited(verdict, is_over) for _, verdict in pairs]))
    return Rollout(groups, sampled - started, time.monotonic() - sampled)


def of_all_ranks(mine: Rollout, problems: Sequence[Problem], world: World) -> Rollout:
    """The rollout of all `problems`, of which this rank had its `world.share`; times are those of the slowest rank."""
    made, _ = world.gathered([(group.completions, group.verdicts) for group in mine.groups])
    seconds, _ = world.gathered([(mine.sample_seconds, mine.judge_seconds)])
    groups = [Group(problem, *each) for problem, each in zip(problems, made, strict=True)]
    return Rollout(groups, max(sampling for sampling, _ in seconds), max(judging for _, judging in seconds))


def _awaited(verdict: Future[Verdict], is_over: Callable[[], bool]) -> Verdict:
    while True:
        try:
            return verdict.result(timeout=SECONDS_BETWEEN_LOOKS)
        except TimeoutError:
            if verdict.done():  # the judge's own
                raise
            if is_over():
                raise Abandoned from None


def seeds_of(problems: Sequence[Problem], count: int, *, seed: int, step: int, turn: int = 0) -> tuple[int, ...]:
    """A seed for each completion, by problem and sample; a problem that comes again, in the same turn of sampling or in
    another, has others then."""
    visits: Counter[str] = Counter()
    seeds = []
    for problem in problems:
        visits[problem.id] += 1
        for sample in range(count):
            name = f"{seed}/{step}/{turn}/{problem.id}/{visits[problem.id]}/{sample}"
            seeds.append(int.from_bytes(hashlib.blake2b(name.encode(), digest_size=7).digest(), "big"))
    return tuple(seeds)
