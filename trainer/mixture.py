"""The problem sets of a run, loaded and mixed by weight."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import benchmarks
from trainer.config.data import DataSource
from verifiers import Problem


@dataclass(frozen=True, slots=True)
class Source:
    """One problem set of a mixture."""

    name: str
    """Unlike that of every other source."""
    version: str
    weight: float
    """Its share of the problems asked for, relative to the other sources' weights."""
    problems: tuple[Problem, ...]
    is_as_found: bool = False
    """Nobody has gone over its rows: see `ProblemSet`."""
    left_out: tuple[str, ...] = ()
    """Its rows that are no sound problems, one line each."""


@dataclass(frozen=True, slots=True)
class Mixture:
    """No two problems of it have the same id, whichever sources they are from."""

    sources: tuple[Source, ...]

    @property
    def problems(self) -> list[Problem]:
        return [problem for source in self.sources for problem in source.problems]

    @property
    def curated(self) -> list[Problem]:
        """Those that stop a run if they cannot be judged: of the others such are left out."""
        return [problem for source in self.sources if not source.is_as_found for problem in source.problems]

    @property
    def description(self) -> str:
        return " + ".join(f"{source.name} {source.version}" for source in self.sources)


Unsound = Callable[[Iterable[Problem]], Mapping[str, str]]
"""Problem id to what is wrong with it: `Router.unsound`."""


def load_mixture(data: Sequence[DataSource], unsound: Unsound | None = None) -> Mixture:
    """Load every source. If two of them share an id, all ids get the name of their set in front: `gsm8k/17`.

    With `unsound`, of sets that come as they are found what cannot be judged is left out.
    """
    sets = [benchmarks.load(source) for source in data]
    sets = [benchmarks.screened(one, unsound) for one in sets] if unsound else sets
    names = _apart([one.name for one in sets])
    ids = Counter(problem.id for one in sets for problem in one.problems)
    do_ids_clash = any(count > 1 for count in ids.values())
    return Mixture(
        tuple(
            Source(
                name,
                one.version,
                source.weight,
                _named(name, one.problems) if do_ids_clash else one.problems,
                one.is_as_found,
                one.left_out,
            )
            for name, one, source in zip(names, sets, data, strict=True)
        )
    )


def whole_weights(weights: Sequence[float]) -> list[int]:
    """The same shares in whole numbers, so that no rounding builds up: 0.7 and 0.2 are 7 and 2."""
    exact = [Fraction(str(weight)) for weight in weights]
    scale = math.lcm(*(weight.denominator for weight in exact))
    return [int(weight * scale) for weight in exact]


def whose_turn(weights: Sequence[int], taken: Sequence[int]) -> int:
    """Which of N sources the next problem comes from, after `taken` from each.

    After any number of turns each source has had its share to within 1 - 1 / (2N - 2) of a turn, the least that can
    be kept: Tijdeman, The chairman assignment problem (1980).
    """
    if len(weights) == 1:
        return 0
    total, turn, parts = sum(weights), sum(taken) + 1, 2 * len(weights) - 2
    # how far behind its share each would be without this turn, in parts of a turn times the total weight
    behind = [(weight * turn - total * had) * parts for weight, had in zip(weights, taken, strict=True)]
    due = [source for source, by in enumerate(behind) if by >= total]
    return min(due, key=lambda source: Fraction(total * (parts - 1) - behind[source], weights[source]))


def _apart(names: Sequence[str]) -> list[str]:
    """The second `train` of several is `train-2`, unless that is another's name."""
    found: list[str] = []
    for name in names:
        own, number = name, 1
        while own in found or (own != name and own in names):
            number += 1
            own = f"{name}-{number}"
        found.append(own)
    return found


def _named(name: str, problems: Sequence[Problem]) -> tuple[Problem, ...]:
    return tuple(replace(problem, id=f"{name}/{problem.id}") for problem in problems)
