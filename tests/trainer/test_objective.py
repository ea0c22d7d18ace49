"""Advantages, weights and corrections against numbers worked by hand."""

from __future__ import annotations

import math

import pytest

from trainer.config.learning import Objective
from trainer.objective import advantages_of, divergence_of, importance_of, less_divergence, totals_of, weights_of

NAN = float("nan")


def test_advantages_come_group_by_group_and_the_unjudged_have_none() -> None:
    # Scores 1, 0, 0, 1: mean 1/2, std with n - 1 = sqrt(4 * 0.25 / 3) = 0.57735, so +-0.5 / 0.57735 = +-0.866025.
    got = advantages_of([[1.0, 0.0, 0.0, 1.0], [0.97, 0.97], [1.0, NAN, 0.0]], mode="grpo")
    assert got == [
        pytest.approx([0.866025, -0.866025, -0.866025, 0.866025]),
        [0, 0],
        pytest.approx([0.707107, 0, -0.707107]),
    ]
    assert advantages_of([[1.0, 0.0, 0.0, 0.5]], mode="dr_grpo") == [[0.625, -0.375, -0.375, 0.125]]


LENGTHS = [[2, 0, 6], [4]]
"""Two groups; one completion does not count."""


@pytest.mark.parametrize(
    ("average", "weights"),
    [
        ("token", [[1 / 12, 0, 1 / 12], [1 / 12]]),
        ("sequence", [[1 / 6, 0, 1 / 18], [1 / 12]]),  # 1 / (3 completions x its length)
        ("prompt", [[1 / 16, 0, 1 / 16], [1 / 8]]),  # 1 / (2 groups x 8 or 4 tokens)
        ("sequence_sum", [[1 / 3, 0, 1 / 3], [1 / 3]]),
        ("constant", [[1 / 30, 0, 1 / 30], [1 / 30]]),  # 1 / (3 completions x 10, the longest allowed)
    ],
)
def test_weights_by_hand(average: str, weights: list[list[float]]) -> None:
    assert totals_of(LENGTHS) == [12, 3, 2]
    got = weights_of(LENGTHS, average, longest=10, totals=[12, 3, 2])  # type: ignore[arg-type]
    assert got == [pytest.approx(group) for group in weights]


def test_a_half_of_the_groups_weighs_what_it_weighs_in_the_whole() -> None:
    whole = weights_of(LENGTHS, "prompt", longest=10, totals=totals_of(LENGTHS))
    halves = [weights_of([part], "prompt", longest=10, totals=totals_of(LENGTHS))[0] for part in LENGTHS]
    assert halves == whole


@pytest.mark.parametrize(
    ("correction", "weights"),
    [
        # Ratios 2, 4 and 1/8; their geometric mean is 1.
        ("token_truncate", [2.0, 3.0, 0.125]),
        ("token_mask", [2.0, 0.0, 0.0]),
        ("sequence_truncate", [1.0, 1.0, 1.0]),
        ("sequence_mask", [1.0, 1.0, 1.0]),
    ],
)
def test_importance_by_hand(correction: str, weights: list[float]) -> None:
    old, sampler = [math.log(2.0), math.log(4.0), 0.0], [0.0, 0.0, math.log(8.0)]
    got = importance_of(old, sampler, correction=correction, bounds=(0.5, 3.0))  # type: ignore[arg-type]
    assert got == pytest.approx(weights)


def test_a_sequences_weight_does_not_grow_with_its_length() -> None:
    """A bare product would be 1.1 ** 1000."""
    got = importance_of([math.log(1.1)] * 1000, [0.0] * 1000, correction="sequence_truncate", bounds=(0.5, 2.0))
    assert got == pytest.approx([1.1] * 1000)


@pytest.mark.parametrize(
    ("correction", "weights"),
    [("token_truncate", [3.0, 0.0]), ("token_mask", [0.0, 0.0]), ("sequence_mask", [1.0, 1.0])],
)
def test_log_probs_far_apart_are_bounded_like_any_other(correction: str, weights: list[float]) -> None:
    """exp(1000) is infinite; the two differences cancel in the geometric mean."""
    got = importance_of([0.0, -1000.0], [-1000.0, 0.0], correction=correction, bounds=(0.5, 3.0))  # type: ignore[arg-type]
    assert got == weights


def test_the_divergence_of_log_probs_far_apart_is_huge_and_no_error() -> None:
    assert 1e30 < divergence_of([[0.0]], [[-1000.0]]) < math.inf
    assert divergence_of([[-1000.0]], [[0.0]]) == pytest.approx(999)  # r - 1 - log r with r = 0


def test_a_divergence_in_the_reward_by_hand() -> None:
    # 0.1 x (0.5 + 0.25) off the first; the second agrees with its reference; the unjudged stays unjudged.
    rewards = less_divergence(
        [1.0, 0.0, NAN], [[-1.0, -0.5], [-2.0], [-1.0]], [[-1.5, -0.75], [-2.0], [-3.0]], coef=0.1
    )
    assert rewards == pytest.approx([0.925, 0.0, NAN], nan_ok=True)


def test_the_divergence_from_the_sampler_by_hand() -> None:
    # k3 = r - 1 - log r with r = 2: 0.306853; the other token agrees.
    assert divergence_of([[math.log(2.0)], [-1.0]], [[0.0], [-1.0]]) == pytest.approx(0.306853 / 2, abs=1e-6)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"kl_coef": 0.1, "kl": "k1"}, "no gradient on average"),
        ({"kl_coef": 0.1, "kl": "k3", "kl_in": "reward"}, "not a divergence on average"),
        ({"preset": "cispo", "clip_high": 0.2}, "CISPO's weight"),
        ({"preset": "gspo", "clip_low": 0.2, "clip_high": 0.2}, "GSPO's are"),
        ({"preset": "dapo", "reference_every": 10}, "no reference without"),
        ({"correction_bounds": [1.5, 2.0]}, "must have 1 between"),
    ],
)
def test_unsafe_combinations_are_refused_with_the_reason(settings: dict[str, object], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Objective.model_validate(settings)


def test_a_change_to_a_preset_leaves_the_rest_as_the_paper_has_it() -> None:
    method = Objective(preset="grpo", clip_high=0.28).method
    assert (method.clip_low, method.clip_high, method.kl_coef, method.average) == (0.2, 0.28, 0.04, "sequence")
