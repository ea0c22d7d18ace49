"""Dynamic sampling: further problems are sampled until a step has enough groups to learn from (DAPO)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from trainer.types import Group


@dataclass(frozen=True, slots=True)
class Filled:
    """The groups of one step; all have been sampled and judged."""

    kept: Sequence[Group]
    """To learn from: at most as many as were wanted, in the order in which they were sampled."""
    dropped: Sequence[Group]
    """The others: without spread, or beyond what was wanted. They are recorded, and nothing is learned from them."""
    rounds: int


def fill(sample: Callable[[int], Sequence[Group]], *, wanted: int, max_rounds: int) -> Filled:
    """Call `sample(number of problems)` until `wanted` groups have spread (DAPO, arXiv 2503.14476, sec. 3.2, eq. 11).

    The first round asks for `wanted`; a further one for as many as should be enough by the share that has had spread so
    far, and together they never ask for more than `wanted * max_rounds`. Groups with spread beyond those wanted are
    dropped as well: kept for the next step, they would come from a policy that is no longer the present one.
    """
    useful: list[Group] = []
    rest: list[Group] = []
    rounds, count = 0, wanted
    while count and rounds < max_rounds:
        rounds += 1
        for group in sample(count):
            (useful if has_spread(group) and len(useful) < wanted else rest).append(group)
        count = next_count(wanted, len(useful), len(useful) + len(rest), limit=wanted * max_rounds)
    return Filled(useful, rest, rounds)


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
