"""The synthetic families as a problem set: as many problems as asked for, the families taking turns."""

from __future__ import annotations

from benchmarks.families import FAMILIES, draw
from benchmarks.types import ProblemError, ProblemSet, ProblemSource

DEFAULT_COUNT = 900
STYLES = ("worked", "slipped", "hasty")


def load(source: ProblemSource) -> ProblemSet:
    """`max_problems` problems drawn from `seed`; split is held_out (default) or train, and the two share no instance.

    Each has three completions that may be imitated: "worked" thinks first and is right, "slipped" thinks and then
    writes one thing of the answer wrong, "hasty" does not think and is nearly always wrong.
    """
    split = source.split or "held_out"
    if split not in ("train", "held_out"):
        raise ProblemError(f"families: split: found {split!r}, expected train or held_out")
    if source.path is not None:
        raise ProblemError(f"families: path: found {source.path!r}; these problems are made, not read")
    count = source.max_problems or DEFAULT_COUNT
    each = -(-count // len(FAMILIES))
    drawn = [draw(family, each, seed=source.seed, held_out=split == "held_out") for family in FAMILIES]
    mixed = [worked for turn in zip(*drawn, strict=True) for worked in turn][:count]
    return ProblemSet(
        "families",
        "1",
        tuple(worked.problem for worked in mixed),
        {style: {worked.problem.id: getattr(worked, style) for worked in mixed} for style in STYLES},
    )
