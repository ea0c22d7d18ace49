"""How scores add up: pass@k, majority@k, means, intervals, slices and comparisons, as pure functions on numbers."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

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


def majority_at_k(samples: Sequence[tuple[str | None, bool]], k: int) -> float:
    """Chance that the most frequent answer of k samples is right; of each sample, its answer and whether it is right.

    Exact over all subsets of k (the mean that drawing them for ever would come to), as pass@k is; k = n is the plain
    vote, which papers call cons@n. Right answers are one answer however they are written, as the verifier has found
    them equal to the gold; wrong ones are told apart by their text. Answers that tie for the most votes count equal
    shares. A sample without an answer has no vote, and where nobody votes the vote is wrong. ValueError where k > n.
    """
    if not 1 <= k <= len(samples):
        raise ValueError(f"majority_at_k: k = {k} needs at least k samples a problem, found {len(samples)}")
    right = sum(is_right for _, is_right in samples)
    wrong = Counter(answer for answer, is_right in samples if not is_right and answer is not None)
    rivals, silent = list(wrong.values()), len(samples) - right - wrong.total()
    if k == len(samples):  # one subset: the vote itself, without counting through them all
        return 1 / (1 + rivals.count(right)) if right and right >= max(rivals, default=0) else 0.0
    won = sum(
        (math.comb(right, votes) * _shares(rivals, silent, k - votes, votes) for votes in range(1, min(k, right) + 1)),
        start=Fraction(0),
    )
    return float(won / math.comb(len(samples), k))


def _shares(rivals: Sequence[int], silent: int, drawn: int, votes: int) -> Fraction:
    """Ways to draw `drawn` of the others so that no rival has more than `votes`, each worth 1 / (1 + ties at it).

    Counted as the product of one polynomial for each rival, in the number drawn and the number of ties.
    """
    ways = {(0, 0): 1}
    for size in rivals:
        grown: Counter[tuple[int, int]] = Counter()
        for (so_far, ties), count in ways.items():
            for taken in range(min(size, votes, drawn - so_far) + 1):
                grown[so_far + taken, ties + (taken == votes)] += count * math.comb(size, taken)
        ways = dict(grown)
    return sum(
        (Fraction(count * math.comb(silent, drawn - voted), 1 + ties) for (voted, ties), count in ways.items()),
        start=Fraction(0),
    )


def mean_pass_at_k(counts: Sequence[tuple[int, int]], k: int) -> Estimate:
    """pass@k over problems, each given as (samples, correct ones), with the interval of `mean_share`."""
    return mean_share([pass_at_k(samples, correct, k) for samples, correct in counts])


def mean_majority_at_k(problems: Sequence[Sequence[tuple[str | None, bool]]], k: int) -> Estimate:
    """majority@k over problems, each given as its samples, with the interval of `mean_share`."""
    return mean_share([majority_at_k(samples, k) for samples in problems])


def mean_score(scores: Sequence[Sequence[float]]) -> Estimate:
    """Mean over problems of each one's mean score, with the interval of `mean_share`.

    A problem without scores (all of its samples unjudged) is in neither the mean nor the interval.
    """
    return mean_share([math.fsum(samples) / len(samples) for samples in scores if samples])


def mean_share(values: Sequence[float]) -> Estimate:
    """Mean of one value in 0..1 for each problem, with Wilson's interval where each is 0 or 1.

    That is so with one sample a problem, and where the samples of each agree: the normal interval would be empty where
    all problems do. Else it is the normal one (of `clustered_mean`), held within 0..1. Nan for no problems.
    """
    if not values:
        return Estimate(math.nan, math.nan, math.nan)
    if all(value in (0, 1) for value in values):
        return wilson(sum(value == 1 for value in values), len(values))
    found = _normal(values)
    return replace(found, low=max(0.0, found.low), high=min(1.0, found.high))


def standard_error(values: Sequence[float]) -> float:
    """Of the mean of one value for each problem: sd / sqrt(N), sd with N - 1; 0 for a single problem, nan for none."""
    if not values:
        return math.nan
    mean = math.fsum(values) / len(values)
    squares = math.fsum((value - mean) ** 2 for value in values)
    return math.sqrt(squares / (len(values) - 1) / len(values)) if len(values) > 1 else 0.0


def mean_by_tag(problems: Sequence[tuple[Mapping[str, str], Sequence[float]]], tag: str) -> dict[str, Estimate]:
    """`mean_score` of each slice of problems that share a value of `tag`, in the values' order; without it: "none"."""
    slices: dict[str, list[Sequence[float]]] = {}
    for tags, scores in problems:
        slices.setdefault(tags.get(tag, "none"), []).append(scores)
    return {value: mean_score(slices[value]) for value in sorted(slices)}


def clustered_mean(scores: Sequence[Sequence[float]]) -> Estimate:
    """Mean over problems of each one's mean score; the interval is over problems, as samples of one are dependent."""
    return _normal([sum(samples) / len(samples) for samples in scores if samples])


def paired_difference(after: Sequence[float], before: Sequence[float]) -> Estimate:
    """Mean difference of two runs on the same problems, given each problem's mean score in the same order."""
    if len(after) != len(before):
        raise ValueError(f"paired_difference: {len(after)} problems against {len(before)}; both need the same problems")
    return _normal([a - b for a, b in zip(after, before, strict=True)])


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two runs on the same problems."""

    difference: Estimate
    """Mean over problems of (after - before); its interval is over problems, and narrower than two runs' own."""
    changes: Mapping[str, float]
    """Of each problem that both judged: its mean score after less that before."""
    left_out: tuple[str, ...]
    """Problems that either run has no score for."""
    p_value: float
    """Chance of a split of `better` and `worse` at least as uneven, were both as likely: McNemar's exact test for one
    sample a problem, the sign test for several."""

    @property
    def better(self) -> int:
        """Problems whose mean score is higher after."""
        return sum(change > 0 for change in self.changes.values())

    @property
    def worse(self) -> int:
        return sum(change < 0 for change in self.changes.values())


def compare(after: Mapping[str, Sequence[float]], before: Mapping[str, Sequence[float]]) -> Comparison:
    """Compare two runs, each given as problem id to scores; ValueError where they have not the same problems.

    A problem that either run has no score for (all unjudged) is left out of both.
    """
    if strangers := sorted(after.keys() ^ before.keys()):
        which = "second" if strangers[0] in after else "first"
        raise ValueError(
            f"compare: {len(strangers)} problems are in one run only; {strangers[0]} is not in the {which}"
        )
    both = [name for name in after if after[name] and before[name]]
    left_out = tuple(name for name in after if not (after[name] and before[name]))
    means = [[math.fsum(run[name]) / len(run[name]) for name in both] for run in (after, before)]
    changes = {name: a - b for name, a, b in zip(both, *means, strict=True)}
    signs = [change > 0 for change in changes.values() if change]
    p_value = sign_test(sum(signs), len(signs) - sum(signs))
    return Comparison(paired_difference(*means), changes, left_out, p_value)


def sign_test(better: int, worse: int) -> float:
    """Two-sided exact binomial p-value of a split of untied pairs (of 0 and 1: McNemar 1947); 1 where there is none."""
    pairs = better + worse
    tail = sum(math.comb(pairs, count) for count in range(min(better, worse) + 1))
    return min(1.0, float(Fraction(2 * tail, 2**pairs)))


def wilson(num_correct: int, num_samples: int) -> Estimate:
    """Share of successes with the Wilson score interval (Wilson 1927): one sample a problem."""
    if not 0 <= num_correct <= num_samples or num_samples == 0:
        raise ValueError(f"wilson: {num_correct} correct of {num_samples} samples is not possible")
    share, z2 = num_correct / num_samples, Z95**2
    centre = (share + z2 / (2 * num_samples)) / (1 + z2 / num_samples)
    spread = math.sqrt(share * (1 - share) / num_samples + z2 / (4 * num_samples**2))
    half = Z95 * spread / (1 + z2 / num_samples)
    return Estimate(share, max(0.0, centre - half), min(1.0, centre + half))


def _normal(values: Sequence[float]) -> Estimate:
    count = len(values)
    if count == 0:
        return Estimate(math.nan, math.nan, math.nan)
    mean, half = math.fsum(values) / count, Z95 * standard_error(values)
    return Estimate(mean, mean - half, mean + half)
