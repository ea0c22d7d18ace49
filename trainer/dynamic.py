"""Dynamic sampling: further problems are sampled until a step has enough groups to learn from (DAPO)."""

from __future__ import annotations

import math
from collections.abc import Callable

from trainer.rollout import Rollout
from trainer.types import Group


def fill(sample: Callable[[int, int], Rollout], *, wanted: int, max_rounds: int) -> Rollout:
    """Call `sample(problems, round)` until `wanted` groups have spread (DAPO, arXiv 2503.14476, sec. 3.2, eq. 11).

    The first round asks for `wanted`; a further one for as many as should be enough by the share that has had spread so
    far, and together they never ask for more than `wanted * max_rounds`. Groups with spread beyond those wanted are
    dropped as well: kept for the next step, they would come from a policy that is no longer the present one.
    """
    rounds: list[Rollout] = []
    kept: list[Group] = []
    dropped: list[Group] = []
    count = wanted
    while count and len(rounds) < max_rounds:
        rounds.append(sample(count, len(rounds)))
        for group in rounds[-1].groups:
            (kept if has_spread(group) and len(kept) < wanted else dropped).append(group)
        count = next_count(wanted, len(kept), len(kept) + len(dropped), limit=wanted * max_rounds)
    return Rollout(
        kept,
        sample_seconds=sum(one.sample_seconds for one in rounds),
        judge_seconds=sum(one.judge_seconds for one in rounds),
        dropped=dropped,
        figures={
            "dynamic/rounds": len(rounds),
            "dynamic/dropped_groups": len(dropped),
            "dynamic/missing_groups": wanted - len(kept),
        },
    )


def next_count(wanted: int, useful: int, sampled: int, *, limit: int) -> int:
    """Problems to ask for when `useful` of `sampled` groups had spread; 0: there are enough, or `limit` is reached."""
    missing = wanted - useful
    enough = math.ceil(missing * sampled / useful) if useful else wanted
    return min(enough, limit - sampled) if missing > 0 else 0


def has_spread(group: Group) -> bool:
    """Whether not all judged completions have the same score; without, every advantage is 0.

    By scores, as eq. 11 has it, and not by rewards: a group that is all correct teaches nothing but length.
    """
    return len({verdict.score for verdict in group.verdicts if verdict.score is not None}) > 1
