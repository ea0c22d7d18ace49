"""Metrics against exact values and worked examples."""

import itertools
import math
import random
from collections.abc import Callable, Sequence

import pytest

from benchmarks import (
    Estimate,
    clustered_mean,
    compare,
    majority_at_k,
    mean_by_tag,
    mean_majority_at_k,
    mean_pass_at_k,
    mean_score,
    paired_difference,
    pass_at_k,
    sign_test,
    standard_error,
    wilson,
)


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


# LiveCodeBench's and MATH-500's published scores: 97.3 and 83.9 of 500.
@pytest.mark.parametrize(("share", "total", "low", "high"), [(0.973, 500, 0.955, 0.984), (0.839, 500, 0.804, 0.869)])
def test_wilson_of_published_scores(share: float, total: int, low: float, high: float) -> None:
    got = wilson(round(share * total), total)
    assert (got.low, got.high) == pytest.approx((low, high), abs=1.5e-3)


def test_wilson_holds_what_the_score_test_would_not_reject() -> None:
    """Its ends are the shares p at which (found - p) is 1.96 standard errors of p: the definition, not the formula."""
    for correct, total in ((0, 7), (3, 7), (7, 7), (145, 279)):
        got = wilson(correct, total)
        for end in (got.low, got.high):
            errors = 1.959963984540054**2 * end * (1 - end) / total
            assert (got.mean - end) ** 2 == pytest.approx(errors, abs=1e-15)


def bootstrap(statistic: Callable[[list[float]], float], values: Sequence[float]) -> tuple[float, float]:
    """The middle 95 % of the statistic over problems drawn with replacement."""
    rng = random.Random(7)
    drawn = sorted(statistic(rng.choices(values, k=len(values))) for _ in range(4000))
    return drawn[100], drawn[-101]


def mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def test_intervals_agree_with_a_bootstrap_over_problems() -> None:
    rng = random.Random(3)
    after = [[float(rng.random() < skill) for _ in range(8)] for skill in (rng.random() for _ in range(200))]
    before = [[max(0.0, score - (rng.random() < 0.2)) for score in samples] for samples in after]
    means, earlier = [mean(samples) for samples in after], [mean(samples) for samples in before]
    got = clustered_mean(after)
    assert (got.low, got.high) == pytest.approx(bootstrap(mean, means), abs=0.006)
    difference = paired_difference(means, earlier)
    changes = [a - b for a, b in zip(means, earlier, strict=True)]
    assert (difference.low, difference.high) == pytest.approx(bootstrap(mean, changes), abs=0.006)
    passes = mean_pass_at_k([(8, round(sum(samples))) for samples in after], 4)
    at_4 = [pass_at_k(8, round(sum(samples)), 4) for samples in after]
    assert (passes.low, passes.high) == pytest.approx(bootstrap(mean, at_4), abs=0.006)
    ballots = [[("right" if score else rng.choice("ab"), score == 1) for score in samples] for samples in after]
    votes, at_5 = mean_majority_at_k(ballots, 5), [majority_at_k(samples, 5) for samples in ballots]
    assert (votes.low, votes.high) == pytest.approx(bootstrap(mean, at_5), abs=0.006)
    single = [[samples[0]] for samples in after]
    assert (mean_score(single).low, mean_score(single).high) == pytest.approx(
        bootstrap(mean, [score for [score] in single]), abs=0.01
    )


def test_an_interval_holds_the_truth_as_often_as_it_says() -> None:
    rng, held = random.Random(5), 0
    for _ in range(400):  # skills are uniform in 0..1, so the truth is 0.5
        run = [[float(rng.random() < skill) for _ in range(4)] for skill in (rng.random() for _ in range(60))]
        got = clustered_mean(run)
        held += got.low <= 0.5 <= got.high
    assert 0.92 <= held / 400 <= 0.98, held


def test_problems_all_right_or_all_wrong_have_wilsons_interval_and_others_do_not() -> None:
    assert mean_score([[1.0], [0.0], []]) == wilson(1, 2)
    assert mean_score([[1.0, 1.0], [0.0]]) == wilson(1, 2)
    assert mean_score([[0.5], [0.75]]) == clustered_mean([[0.5], [0.75]])
    assert mean_score([[1.0, 0.0], [0.5]] * 3) == clustered_mean([[1.0, 0.0], [0.5]] * 3)
    assert math.isnan(mean_score([[]]).mean)


def test_a_score_of_all_problems_is_not_claimed_to_be_certain() -> None:
    """The normal interval of 30 problems that all four samples solve is 1..1; Wilson's low end is n / (n + 1.96^2)."""
    got = mean_score([[1.0] * 4] * 30)
    assert (got.mean, got.high, got.low) == pytest.approx((1.0, 1.0, 30 / (30 + 1.959963984540054**2)))


def test_an_interval_of_scores_stays_within_0_and_1() -> None:
    """Means 0.9, 1, 1: mean 29/30, sd 0.1 / sqrt(3), half width 1.96 * 0.1 / 3."""
    got = mean_score([[1] * 9 + [0], [1], [1]])
    assert (got.low, got.high) == pytest.approx((29 / 30 - 1.959963984540054 / 30, 1.0))
    assert mean_score([[1] + [0] * 9, [0], [0]]).low == 0.0


def test_the_standard_error_by_hand() -> None:
    assert standard_error([0.0, 0.5, 1.0]) == pytest.approx(0.5 / math.sqrt(3))
    assert standard_error([0.0, 1.0]) == pytest.approx(0.5)
    assert standard_error([0.3]) == 0.0 and math.isnan(standard_error([]))


def test_of_nothing_there_is_no_mean_and_of_one_problem_no_spread() -> None:
    assert math.isnan(paired_difference([], []).mean) and math.isnan(clustered_mean([]).low)
    assert clustered_mean([[0.25]]) == Estimate(0.25, 0.25, 0.25)


@pytest.mark.parametrize(("correct", "total"), [(0, 0), (3, 2), (-1, 2)])
def test_wilson_refuses_what_cannot_be(correct: int, total: int) -> None:
    with pytest.raises(ValueError, match=f"{correct} correct of {total} samples is not possible"):
        wilson(correct, total)


def test_slices_by_a_tag() -> None:
    problems = [({"level": "2"}, [1.0]), ({"level": "1"}, [0.0]), ({"level": "2"}, [0.0]), ({}, [1.0])]
    got = mean_by_tag(problems, "level")
    assert {value: estimate.mean for value, estimate in got.items()} == {"1": 0.0, "2": 0.5, "none": 1.0}
    assert list(got) == ["1", "2", "none"] and got["2"] == wilson(1, 2)


def test_a_comparison_by_hand() -> None:
    """Ten problems, one sample each: seven become right, one becomes wrong, two stay."""
    before = {f"p{n}": [float(n in (7, 8))] for n in range(10)}
    after = {f"p{n}": [float(n != 7 and n != 9)] for n in range(10)}
    got = compare(after, before)
    assert (got.better, got.worse) == (7, 1)
    assert {name: change for name, change in got.changes.items() if change} == {
        **{f"p{n}": 1.0 for n in range(7)}, "p7": -1.0,
    }  # fmt: skip
    assert got.difference.mean == pytest.approx(0.6)
    # Differences: seven 1, one -1, two 0; variance (8 - 10 * 0.36) / 9 = 0.4889.
    assert got.difference.high - got.difference.mean == pytest.approx(1.959963984540054 * math.sqrt(0.4888888889 / 10))
    # P(at most 1 of 8 tosses, either side) = 2 (1 + 8) / 256.
    assert got.p_value == pytest.approx(18 / 256)


def test_a_comparison_of_several_samples_leaves_out_what_was_not_judged() -> None:
    got = compare({"a": [1, 0], "b": [1, 1], "c": []}, {"a": [0, 0], "b": [1, 1], "c": [1, 1]})
    assert (got.better, got.worse, got.difference.mean, got.p_value) == (1, 0, 0.25, 1.0)
    assert (got.changes, got.left_out) == ({"a": 0.5, "b": 0.0}, ("c",))
    with pytest.raises(ValueError, match="2 problems are in one run only; a is not in the second"):
        compare({"a": [1]}, {"b": [1]})


@pytest.mark.parametrize(
    ("better", "worse", "p"), [(0, 0, 1.0), (5, 5, 1.0), (1, 0, 1.0), (10, 0, 2 / 1024), (3, 12, 0.03515625)]
)
def test_sign_test_by_hand(better: int, worse: int, p: float) -> None:
    assert sign_test(better, worse) == sign_test(worse, better) == pytest.approx(p)


def vote(drawn: Sequence[tuple[str | None, bool]]) -> float:
    """The plain rule on one subset."""
    answers = ["right" if is_right else f"wrong {answer}" for answer, is_right in drawn if is_right or answer]
    counts = {answer: answers.count(answer) for answer in answers}
    best = [answer for answer, count in counts.items() if count == max(counts.values())]
    return best.count("right") / len(best) if best else 0.0


def test_majority_at_k_is_the_mean_over_all_subsets() -> None:
    rng = random.Random(1)
    for _ in range(40):
        pool: list[tuple[str | None, bool]] = [("r", True), ("a", False), ("b", False), ("c", False), (None, False)]
        samples = rng.choices(pool, weights=[3, 2, 2, 1, 1], k=9)
        for k in range(1, 10):
            expected = mean([vote(drawn) for drawn in itertools.combinations(samples, k)])
            assert majority_at_k(samples, k) == pytest.approx(expected, abs=1e-12), (samples, k)


def test_majority_at_k_by_hand() -> None:
    tie = [("4", True), ("04", True), ("5", False), ("5", False), (None, False)]
    assert majority_at_k(tie, 5) == 0.5  # two votes each; how a right answer is written does not matter
    assert majority_at_k(tie, 1) == pytest.approx(0.4)  # a single vote is pass@1
    assert majority_at_k([(None, False)], 1) == 0.0
    many = [("4", True)] * 20 + [(str(n), False) for n in range(44)]
    assert majority_at_k(many, 64) == 1.0
    assert 20 / 64 < majority_at_k(many, 8) < 1.0
    with pytest.raises(ValueError, match="k = 6 needs at least k samples a problem, found 5"):
        majority_at_k(tie, 6)


def test_means_over_problems_of_what_is_counted_by_subsets() -> None:
    """Problems of 3 and of 0 or 1 right of 3: pass@2 is 1 and 0, or 2/3; majority@2 1 and 0, or (1/2 + 1/2 + 0) / 3."""
    sure, hopeless, odd = [("4", True)] * 3, [("5", False)] * 3, [("4", True), ("5", False), ("5", False)]
    for got in (mean_majority_at_k([sure, hopeless], 2), mean_pass_at_k([(3, 3), (3, 0)], 2)):
        assert got == wilson(1, 2)
    passes, votes = mean_pass_at_k([(3, 3), (3, 1)] * 4, 2), mean_majority_at_k([sure, odd] * 4, 2)
    # Four of 1 and four of x: sd (1 - x) / 2 * sqrt(8 / 7), so the half width is 1.96 (1 - x) / (2 sqrt(7)).
    for got, other in ((passes, 2 / 3), (votes, 1 / 3)):
        half = 1.959963984540054 * (1 - other) / (2 * math.sqrt(7))
        assert (got.mean, got.low) == pytest.approx(((1 + other) / 2, (1 + other) / 2 - half))
