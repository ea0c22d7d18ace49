"""Which problems come next: epoch after epoch of every source, in their shares, but for what a curriculum left out."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

from trainer.config.data import Curriculum
from trainer.curriculum import PassRates
from trainer.mixture import Mixture, Source, whole_weights, whose_turn
from trainer.settings import ConfigError
from verifiers import Problem


class NothingLeft(RuntimeError):
    """The curriculum has left out every problem: there is nothing to learn from any more."""


class Chooser:
    """Equal settings and equal scores give an equal sequence of problems."""

    def __init__(self, mixture: Mixture, *, seed: int, curriculum: Curriculum | None = None) -> None:
        seeds = [f"{seed}.{place}" if place else f"{seed}" for place in range(len(mixture.sources))]
        self._walks = [_Walk(*pair, curriculum) for pair in zip(mixture.sources, seeds, strict=True)]
        self._walk_of = {problem.id: walk for walk in self._walks for problem in walk.source.problems}
        self._weights = whole_weights([source.weight for source in mixture.sources])
        self._taken = dict.fromkeys(range(len(self._walks)), 0)
        """From each source that has problems left, since another one last ran out of them."""

    def take(self, count: int) -> list[Problem]:
        """The next problems. A source that has run out leaves its share to the others, in proportion to their weights;
        raises `NothingLeft` when all have."""
        return [self._next() for _ in range(count)]

    def observe(self, problem_id: str, scores: Sequence[float]) -> None:
        """Tell the curriculum how a problem went; nan: unjudged."""
        self._walk_of[problem_id].observe(problem_id, scores)

    @property
    def figures(self) -> dict[str, int]:
        """Metrics: how many problems are left out by what is known now, and of how many sources all are. {} without a
        curriculum."""
        rates = [walk.rates for walk in self._walks if walk.rates]
        if not rates:
            return {}
        return {
            "curriculum/too_easy": sum(len(one.too_easy) for one in rates),
            "curriculum/too_hard": sum(len(one.too_hard) for one in rates),
            "curriculum/spent_sources": sum(walk.is_spent for walk in self._walks),
        }

    def state(self) -> dict[str, Any]:
        """All that decides what comes next, as a JSON value."""
        return {"taken": list(self._taken.items()), "walks": [walk.state() for walk in self._walks]}

    def restore(self, value: Mapping[str, Any]) -> None:
        """Go on from a `state`; raises `ConfigError` if a source has not the problems that it had then."""
        self._taken = dict(value["taken"])
        for walk, state in zip(self._walks, value["walks"], strict=True):
            walk.restore(state)

    def _next(self) -> Problem:
        live = [place for place, walk in enumerate(self._walks) if not walk.is_spent]
        if not live:
            easy, hard = self.figures["curriculum/too_easy"], self.figures["curriculum/too_hard"]
            raise NothingLeft(f"curriculum: no problem is left to learn from: {easy} are too easy, {hard} too hard")
        if live != list(self._taken):
            self._taken = dict.fromkeys(live, 0)
        place = live[whose_turn([self._weights[place] for place in live], list(self._taken.values()))]
        self._taken[place] += 1
        return self._walks[place].next()


class _Walk:
    """Through one source, epoch after epoch, each in an order of its own."""

    def __init__(self, source: Source, seed: str, curriculum: Curriculum | None) -> None:
        self.source, self._seed = source, seed
        self.rates = PassRates(curriculum, seed=seed) if curriculum else None
        self._epoch, self._place = 0, 0
        self._order = self._shuffled(0)

    @property
    def is_spent(self) -> bool:
        return self.rates is not None and self.rates.num_gone == len(self.source.problems)

    def next(self) -> Problem:
        while True:
            if self._place == len(self._order):
                self._epoch, self._place = self._epoch + 1, 0
                self._order = self._shuffled(self._epoch)
            problem = self.source.problems[self._order[self._place]]
            self._place += 1
            if self.rates is None or self.rates.admits(problem.id, epoch=self._epoch):
                return problem

    def observe(self, problem_id: str, scores: Sequence[float]) -> None:
        if self.rates:
            self.rates.observe(problem_id, scores, epoch=self._epoch)

    def state(self) -> dict[str, Any]:
        return {
            "source": self._identity,
            "epoch": self._epoch,
            "place": self._place,
            "rates": self.rates.state() if self.rates else [],
        }

    def restore(self, value: Mapping[str, Any]) -> None:
        if value["source"] != self._identity:
            raise ConfigError(
                f"data: {self.source.name}: its problems have changed since the run began (it was {value['source']}, "
                f"is {self._identity}): bring them back, or start another run"
            )
        self._epoch, self._place = value["epoch"], value["place"]
        self._order = self._shuffled(self._epoch)
        if self.rates:
            self.rates.restore(value["rates"])

    @property
    def _identity(self) -> str:
        return f"{self.source.name} {self.source.version} with {len(self.source.problems)} usable problems"

    def _shuffled(self, epoch: int) -> list[int]:
        count = len(self.source.problems)
        return random.Random(f"{self._seed}/{epoch}").sample(range(count), count)
