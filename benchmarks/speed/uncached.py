"""What a verdict on a program costs in CPU when nothing is known of it yet: a run's programs, judged with no cache."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.speed.host import container_pids, engine_pids, our_seconds
from sandbox import SandboxConfig
from verifiers import Problem, Router, Verdict

WARM = 32
"""Verdicts that are not counted, for boxes to be up."""
ROUNDS = 3


@dataclass(frozen=True)
class Uncached:
    """Of all rounds the median."""

    verdicts: int
    """Different programs."""
    cpu_ms: float
    """Of one verdict: this process, the engine and the boxes."""
    right: float
    """Share of the verdicts that are 1."""


def judge_uncached(pairs: Sequence[tuple[Problem, str]], sandbox: SandboxConfig) -> Uncached:
    """Judge different completions all at once, as often as there are rounds."""
    with Router(sandbox, cache_bytes=0) as router:
        router.judge(pairs[:WARM])
        containers = container_pids()
        others = containers | engine_pids(containers)
        spent: list[float] = []
        verdicts: list[Verdict] = []
        for _ in range(ROUNDS):
            before = our_seconds(others)
            verdicts = router.judge(pairs)
            spent.append(our_seconds(others) - before)
    if lost := sum(verdict.score is None for verdict in verdicts):
        raise SystemExit(f"{lost} of {len(pairs)} programs could not be judged")
    right = statistics.fmean(verdict.score == 1 for verdict in verdicts)
    return Uncached(len(pairs), 1000 * statistics.median(spent) / len(pairs), right)
