"""From a name to a problem set; ours and everybody else's come through the same door."""

from __future__ import annotations

import difflib
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Protocol

from benchmarks.types import ProblemError, ProblemSet, ProblemSource
from verifiers import Problem

GROUP = "assay.benchmarks"


class Loader(Protocol):
    """What an entry point in `assay.benchmarks` names."""

    def __call__(self, source: ProblemSource) -> ProblemSet:
        """Load the problems that `source` asks for, or raise `ProblemError`."""


def installed() -> dict[str, str]:
    """Names of the installed problem sets, each with the distribution it comes from."""
    return {point.name: _origin(point) for point in sorted(entry_points(group=GROUP), key=lambda p: p.name)}


def load(source: ProblemSource) -> ProblemSet:
    """Load a problem set by name. Raises `ProblemError` in one line for whatever is wrong with the name or the data."""
    points = {point.name: point for point in entry_points(group=GROUP)}
    point = points.get(source.name)
    if point is None:
        close = difflib.get_close_matches(source.name, points, n=1)
        hint = f"; did you mean {close[0]}?" if close else ""
        if Path(source.name).is_file():
            hint = f"; a file of your own is the set jsonl with path (on the command line: jsonl data={source.name})"
        raise ProblemError(f"{source.name}: no such problem set; installed: {', '.join(sorted(points))}{hint}")
    try:
        loader: Loader = point.load()
    except (ImportError, AttributeError) as error:
        raise ProblemError(f"{source.name}: its plugin {point.value} ({_origin(point)}) is broken: {error}") from error
    loaded = loader(source)
    if not loaded.problems:
        why = f"; {len(loaded.left_out)} left out, first {loaded.left_out[0]}" if loaded.left_out else ""
        raise ProblemError(f"{source.name}: no problems in {source.path or 'this set'}{why}")
    first: dict[str, Problem] = {}
    for problem in loaded.problems:
        if (other := first.setdefault(problem.id, problem)) is not problem:
            where, before = problem.place or source.path or source.name, f" (before: {other.place})" * bool(other.place)
            raise ProblemError(f"{where}: the problem id {problem.id!r} occurs twice{before}; ids must be unique")
    return loaded


def _origin(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else "unknown distribution"
