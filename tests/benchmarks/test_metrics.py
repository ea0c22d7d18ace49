"""Metrics against exact values and worked examples."""

import math

import pytest

from benchmarks import clustered_mean, paired_difference, pass_at_k, wilson


@pytest.mark.parametrize(
    ("samples", "correct", "k", "expected"),
    [
        (10, 3, 1, 0.3),
        (10, 3, 5, 0.916666666667),
        (64, 1, 16, 0.25),
        (64, 53, 8, 0.999999962722),
        (200, 1, 100, 0.5),
        (10, 0, 5, 0.0),
        (4, 4, 4, 1.0),
    ],
)
def test_pass_at_k_is_exact(samples: int, correct: int, k: int, expected: float) -> None:
    assert pass_at_k(samples, correct, k) == pytest.approx(expected, abs=1e-9)


def test_pass_at_k_refuses_more_than_was_drawn() -> None:
    with pytest.raises(ValueError, match="k = 5 needs at least k samples a problem, found 4"):
        pass_at_k(4, 1, 5)


def test_clustered_mean_by_hand() -> None:
    # Problem means 1, 0.5, 0: mean 0.5, sd 0.5, so the half width is 1.96 * 0.5 / sqrt(3).
    got = clustered_mean([[1, 1], [1, 0], [0, 0]])
    half = 1.959963984540054 * 0.5 / math.sqrt(3)
    assert (got.mean, got.low, got.high) == pytest.approx((0.5, 0.5 - half, 0.5 + half))


def test_samples_of_one_problem_are_not_counted_as_independent() -> None:
    few, many = clustered_mean([[1], [0]] * 10), clustered_mean([[1] * 50, [0] * 50] * 10)
    assert (few.low, few.high) == pytest.approx((many.low, many.high))


def test_paired_difference_by_hand() -> None:
    # Differences 0.5, 0, 0.25, 0.25: mean 0.25, sd sqrt(0.125 / 3), half width 1.96 * sd / 2.
    got = paired_difference([1.0, 0.5, 0.25, 0.75], [0.5, 0.5, 0.0, 0.5])
    half = 1.959963984540054 * math.sqrt(0.125 / 3) / 2
    assert (got.mean, got.low, got.high) == pytest.approx((0.25, 0.25 - half, 0.25 + half))


def test_paired_difference_needs_the_same_problems() -> None:
    with pytest.raises(ValueError, match="3 problems against 2"):
        paired_difference([1, 1, 1], [0, 0])


# By hand for 1 of 2: half = 1.96 sqrt(1/8 + 1.96^2/16) / (1 + 1.96^2/2) = 0.4055.
@pytest.mark.parametrize(("correct", "total", "low", "high"), [(1, 2, 0.0945, 0.9055), (145, 279, 0.461, 0.578)])
def test_wilson_by_hand_and_as_published(correct: int, total: int, low: float, high: float) -> None:
    got = wilson(correct, total)
    assert (got.low, got.high) == pytest.approx((low, high), abs=6e-4)
