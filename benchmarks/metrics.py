"""How scores add up: pass@k, means and intervals, as pure functions on numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

Z95 = 1.959963984540054


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean with its 95 % interval."""

    mean: float
    low: float
    high: float


def pass_at_k(num_samples: int, num_correct: int, k: int) -> float:
    """Chance that at least one of k samples is right: 1 - C(n-c, k) / C(n, k) (Chen et al., arXiv 2107.03374, eq. 1).

    Raises `ValueError` where k > n: that many samples were never drawn.
    """
    if not 0 <= num_correct <= num_samples:
        raise ValueError(f"pass_at_k: {num_correct} correct of {num_samples} samples is not possible")
    if not 1 <= k <= num_samples:
        raise ValueError(f"pass_at_k: k = {k} needs at least k samples a problem, found {num_samples}")
    return 1.0 - math.comb(num_samples - num_correct, k) / math.comb(num_samples, k)


def clustered_mean(scores: Sequence[Sequence[float]]) -> Estimate:
    """Mean over problems of each one's mean score; the interval is over problems, as samples of one are dependent."""
    return _normal([sum(samples) / len(samples) for samples in scores if samples])


def paired_difference(after: Sequence[float], before: Sequence[float]) -> Estimate:
    """Mean difference of two runs on the same problems, given each problem's mean score in the same order."""
    if len(after) != len(before):
        raise ValueError(f"paired_difference: {len(after)} problems against {len(before)}; both need the same problems")
    return _normal([a - b for a, b in zip(after, before, strict=True)])


def wilson(num_correct: int, num_samples: int) -> Estimate:
    """Share of successes with the Wilson score interval (Wilson 1927): one sample a problem."""
    if not 0 <= num_correct <= num_samples or num_samples == 0:
        raise ValueError(f"wilson: {num_correct} correct of {num_samples} samples is not possible")
    share, z2 = num_correct / num_samples, Z95**2
    centre = (share + z2 / (2 * num_samples)) / (1 + z2 / num_samples)
    spread = math.sqrt(share * (1 - share) / num_samples + z2 / (4 * num_samples**2))
    half = Z95 * spread / (1 + z2 / num_samples)
    return Estimate(share, centre - half, centre + half)


def _normal(values: Sequence[float]) -> Estimate:
    count = len(values)
    if count == 0:
        return Estimate(math.nan, math.nan, math.nan)
    mean = math.fsum(values) / count
    variance = math.fsum((value - mean) ** 2 for value in values) / (count - 1) if count > 1 else 0.0
    half = Z95 * math.sqrt(variance / count)
    return Estimate(mean, mean - half, mean + half)
