"""Measured pass rates: which problems are too easy or too hard to be asked for again."""

from __future__ import annotations

import math
import random
from collections import deque
from collections.abc import Sequence
from typing import Any

from trainer.config.data import Curriculum


class PassRates:
    """Of one source's problems, over the last visits to each."""

    def __init__(self, settings: Curriculum, *, seed: str) -> None:
        self._settings, self._seed = settings, seed
        self._visits: dict[str, deque[tuple[int, float]]] = {}
        """By problem id: how many completions of a visit were judged, and the sum of their scores."""
        self.too_easy: set[str] = set()
        self.too_hard: dict[str, int] = {}
        """With the epoch of the last visit."""

    def observe(self, problem_id: str, scores: Sequence[float], *, epoch: int) -> None:
        """Take in the scores of one visit; nan (unjudged) counts for nothing."""
        judged = [score for score in scores if not math.isnan(score)]
        if not judged:
            return
        visits = self._visits.setdefault(problem_id, deque(maxlen=self._settings.visits))
        visits.append((len(judged), sum(judged)))
        self._classify(problem_id, epoch)

    def rate(self, problem_id: str) -> float | None:
        """Mean score over the last visits; None before `completions` were judged in them."""
        visits = self._visits.get(problem_id, ())
        judged = sum(count for count, _ in visits)
        return sum(total for _, total in visits) / judged if judged >= self._settings.completions else None

    def admits(self, problem_id: str, *, epoch: int) -> bool:
        """Whether the problem may be asked for in this epoch; the same answer however often it is asked."""
        if problem_id in self.too_easy:
            return False
        if problem_id in self.too_hard:
            pause = self._settings.readmit_after
            return pause is not None and epoch > self.too_hard[problem_id] + pause
        rate, target = self.rate(problem_id), self._settings.target
        if rate is None or target is None:
            return True
        return random.Random(f"{self._seed}/{epoch}/{problem_id}").random() < 1 - abs(rate - target)

    @property
    def num_gone(self) -> int:
        """Problems that no later epoch admits."""
        return len(self.too_easy) + (len(self.too_hard) if self._settings.readmit_after is None else 0)

    def state(self) -> list[Any]:
        """All that was measured, as a JSON value."""
        return [
            [name, [list(visit) for visit in visits], self.too_hard.get(name)] for name, visits in self._visits.items()
        ]

    def restore(self, value: Sequence[Any]) -> None:
        for problem_id, visits, epoch in value:
            self._visits[problem_id] = deque(((judged, total) for judged, total in visits), self._settings.visits)
            self._classify(problem_id, epoch)

    def _classify(self, problem_id: str, epoch: int) -> None:
        self.too_easy.discard(problem_id)
        self.too_hard.pop(problem_id, None)
        rate = self.rate(problem_id)
        if rate is not None and rate >= self._settings.easiest:
            self.too_easy.add(problem_id)
        elif rate is not None and self._settings.hardest is not None and rate <= self._settings.hardest:
            self.too_hard[problem_id] = epoch
