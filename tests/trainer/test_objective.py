"""Advantages and losses against numbers worked by hand and an independent float64 reading of the papers."""

import math
from itertools import pairwise

import pytest
import torch
from torch import tensor

from trainer.objective import clipped_loss, group_advantages, token_logprobs

NAN = float("nan")


def test_grpo_divides_by_the_groups_standard_deviation() -> None:
    # Scores 1, 0, 0, 1: mean 1/2, std with n - 1 = sqrt(4 * 0.25 / 3) = 0.57735, so +-0.5 / 0.57735 = +-0.866025.
    got = group_advantages(tensor([1.0, 0.0, 0.0, 1.0]), tensor([0, 4]), mode="grpo")
    torch.testing.assert_close(got, tensor([0.866025, -0.866025, -0.866025, 0.866025]), atol=1e-6, rtol=0)


def test_dr_grpo_only_centres() -> None:
    got = group_advantages(tensor([1.0, 0.0, 0.0, 0.5]), tensor([0, 4]), mode="dr_grpo")
    torch.testing.assert_close(got, tensor([0.625, -0.375, -0.375, 0.125]), atol=1e-7, rtol=0)


@pytest.mark.parametrize("mode", ["grpo", "dr_grpo"])
@pytest.mark.parametrize("score", [0.0, 1.0, 0.97, 1 / 3])
@pytest.mark.parametrize("size", [2, 12, 17])
def test_equal_scores_give_exactly_zero(mode: str, score: float, size: int) -> None:
    got = group_advantages(torch.full((size,), score), tensor([0, size]), mode=mode)  # type: ignore[arg-type]
    assert got.tolist() == [0.0] * size


def test_groups_of_any_size_do_not_touch_each_other() -> None:
    scores = torch.rand(4 + 7 + 2 + 5, generator=torch.Generator().manual_seed(0))
    offsets = [0, 4, 11, 13, 18]
    together = group_advantages(scores, tensor(offsets))
    apart = [group_advantages(scores[low:high], tensor([0, high - low])) for low, high in pairwise(offsets)]
    torch.testing.assert_close(together, torch.cat(apart), atol=0, rtol=0)


def test_an_unjudged_completion_leaves_the_baseline_and_gets_zero() -> None:
    with_it = group_advantages(tensor([1.0, NAN, 0.0, 0.0]), tensor([0, 4]))
    without = group_advantages(tensor([1.0, 0.0, 0.0]), tensor([0, 3]))
    assert with_it[1] == 0
    torch.testing.assert_close(with_it[[0, 2, 3]], without, atol=0, rtol=0)


def test_a_group_with_one_or_no_judged_completion_gets_zero() -> None:
    assert group_advantages(tensor([NAN, 1.0, NAN, NAN, NAN]), tensor([0, 3, 5])).tolist() == [0.0] * 5


def test_on_policy_the_gradient_is_the_policy_gradient() -> None:
    logprob = tensor([-1.0, -2.0, -0.5], dtype=torch.float64, requires_grad=True)
    advantage = tensor([1.0, -2.0, 0.5], dtype=torch.float64)
    clipped_loss(logprob, logprob.detach(), advantage, clip_low=0.2, clip_high=0.2).loss.backward()
    assert logprob.grad is not None
    torch.testing.assert_close(logprob.grad, -advantage)


@pytest.mark.parametrize(
    ("log_ratio", "advantage", "loss", "gradient"),
    [
        # r = 1.5, A = 1: min(1.5, 1.28) = 1.28, a constant.
        (math.log(1.5), 1.0, -1.28, 0.0),
        # r = 1.5, A = -1: min(-1.5, -1.28) = -1.5; gradient of 1.5 in the log-ratio.
        (math.log(1.5), -1.0, 1.5, 1.5),
        # r = 0.5, A = 1: min(0.5, 0.8) = 0.5.
        (math.log(0.5), 1.0, -0.5, -0.5),
        # r = 0.5, A = -1: min(-0.5, -0.8) = -0.8, a constant.
        (math.log(0.5), -1.0, 0.8, 0.0),
    ],
)
def test_clipping_by_hand(log_ratio: float, advantage: float, loss: float, gradient: float) -> None:
    logprob = tensor([log_ratio - 1.0], dtype=torch.float64, requires_grad=True)
    old = tensor([-1.0], dtype=torch.float64)
    got = clipped_loss(logprob, old, tensor([advantage], dtype=torch.float64), clip_low=0.2, clip_high=0.28)
    got.loss.backward()
    assert logprob.grad is not None
    assert got.loss.item() == pytest.approx(loss, abs=1e-12)
    assert logprob.grad.item() == pytest.approx(gradient, abs=1e-12)
    clipped = gradient == 0.0
    assert (got.clipped_low + got.clipped_high).item() == int(clipped)
    assert got.clipped_high.item() == int(clipped and advantage > 0)


def test_kl_estimate_by_hand() -> None:
    # k3 = r - 1 - log r with r = 2: 2 - 1 - 0.693147 = 0.306853.
    got = clipped_loss(tensor([math.log(2.0)]), tensor([0.0]), tensor([1.0]), clip_low=0.2, clip_high=0.2)
    assert got.kl.item() == pytest.approx(0.306853, abs=1e-6)


def test_logprobs_and_entropy_by_hand_at_a_temperature() -> None:
    # Logits ln 4 and 0 at temperature 2: weights 2 and 1, so probabilities 2/3 and 1/3.
    logprob, entropy = token_logprobs(tensor([[math.log(4.0), 0.0]]), tensor([0]), temperature=2.0)
    assert logprob.item() == pytest.approx(math.log(2 / 3), abs=1e-6)
    assert entropy.item() == pytest.approx(-(2 / 3 * math.log(2 / 3) + 1 / 3 * math.log(1 / 3)), abs=1e-6)
