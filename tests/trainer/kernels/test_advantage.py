"""Advantages against the papers' formulas in exact or double arithmetic, for groups of every size."""

from __future__ import annotations

import math
import statistics
from fractions import Fraction
from itertools import pairwise

import pytest
import torch
from torch import Tensor, tensor

from trainer.kernels import group_advantages

MODES = ["grpo", "dr_grpo", "rloo", "max_abs", "batch_std", "reinforce_pp"]
NAN = float("nan")


def by_the_papers(scores: list[float], offsets: list[int], mode: str) -> list[float]:
    """Each group on its own, in Python's exact fractions up to the square root."""
    spread = statistics.stdev([Fraction(score) for score in scores if not math.isnan(score)])
    groups = [[Fraction(s) for s in scores[a:b] if not math.isnan(s)] for a, b in pairwise(offsets)]
    differences = [score - statistics.mean(group) for group in groups for score in group]
    found = []
    for low, high in pairwise(offsets):
        judged = [Fraction(score) for score in scores[low:high] if not math.isnan(score)]
        mean = sum(judged) / max(len(judged), 1)
        for score in scores[low:high]:
            if math.isnan(score) or len(set(judged)) < 2:
                found.append(0.0)
                continue
            centred = Fraction(score) - mean
            if mode == "grpo":
                centred /= Fraction(statistics.stdev(judged))
            elif mode == "rloo":
                others = (sum(judged) - Fraction(score)) / (len(judged) - 1)
                centred = Fraction(score) - others
            elif mode == "max_abs":
                centred /= max(abs(other - mean) for other in judged)
            elif mode == "batch_std":
                centred /= Fraction(spread)
            elif mode == "reinforce_pp":
                centred /= Fraction(statistics.stdev(differences))
            found.append(float(centred))
    return found


def offsets_of(sizes: list[int], device: str) -> Tensor:
    return tensor([0, *sizes], device=device).cumsum(0).int()


@pytest.mark.parametrize("mode", MODES)
def test_any_sizes_agree_with_the_papers(mode: str, backend: str, device: str) -> None:
    sizes = [4, 7, 1, 2, 17, 64, 0, 131, 3]
    scores = torch.rand(sum(sizes), device=device)
    scores[4:11] = 0.97  # all equal: the deviation in float32 would be rounding residue
    scores[[13, 20]] = NAN
    offsets = offsets_of(sizes, device)
    got = group_advantages(scores, offsets, mode=mode, groups_of_one="zero", backend=backend)
    want = tensor(by_the_papers(scores.tolist(), offsets.tolist(), mode))
    torch.testing.assert_close(got.sequence.cpu(), want, atol=1e-7, rtol=2e-7)
    assert got.keep.tolist() == [True, False, False, False, True, True, False, True, True]
    assert got.judged.tolist() == [4, 7, 1, 1, 16, 64, 0, 131, 3]
    assert got.mean[6].isnan()
    judged = scores[14:31][~scores[14:31].isnan()].double()
    torch.testing.assert_close(got.mean[4].double(), judged.mean(), atol=1e-7, rtol=1e-7)
    torch.testing.assert_close(got.std[4].double(), judged.std(), atol=1e-7, rtol=1e-7)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("score", [0.0, 0.97, 0.1])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_equal_scores_have_exactly_zero(mode: str, score: float, dtype: torch.dtype, backend: str, device: str) -> None:
    """In float64 too, where the mean of twelve 0.1 is not 0.1."""
    scores = torch.full((29,), score, device=device, dtype=dtype)
    got = group_advantages(scores, offsets_of([12, 17], device), mode=mode, backend=backend)
    assert got.sequence.tolist() == [0.0] * 29
    assert got.keep.tolist() == [False, False]


def test_tokens_have_their_sequences_advantage(backend: str, device: str) -> None:
    lengths = [3, 0, 1500, 1, 66_000]  # past 65,535
    cu_seqlens = offsets_of(lengths, device)
    got = group_advantages(
        tensor([1.0, 0.0, 0.0, 0.5, 1.0], device=device), offsets_of([3, 2], device), cu_seqlens=cu_seqlens,
        backend=backend,
    )  # fmt: skip
    assert got.token is not None
    assert torch.equal(got.token, got.sequence.repeat_interleave(tensor(lengths, device=device)))


def test_the_order_of_groups_and_of_completions_does_not_matter(backend: str, device: str) -> None:
    scores = torch.rand(11, device=device)
    one = group_advantages(scores, offsets_of([4, 7], device), backend=backend)
    turned = group_advantages(torch.cat([scores[4:], scores[:4]]), offsets_of([7, 4], device), backend=backend)
    assert torch.equal(turned.sequence, torch.cat([one.sequence[4:], one.sequence[:4]]))
    again = group_advantages(scores, offsets_of([4, 7], device), backend=backend)
    assert torch.equal(again.sequence, one.sequence)
    order = tensor([3, 0, 2, 1, *range(4, 11)], device=device)
    shuffled = group_advantages(scores[order], offsets_of([4, 7], device), backend=backend)
    torch.testing.assert_close(shuffled.sequence, one.sequence[order], atol=1e-7, rtol=2e-7)


def test_an_unjudged_completion_changes_nothing_for_the_others(backend: str, device: str) -> None:
    offsets = offsets_of([4], device)
    with_it = group_advantages(tensor([1.0, NAN, 0.0, 0.0], device=device), offsets, backend=backend)
    without = group_advantages(tensor([1.0, 0.0, 0.0], device=device), offsets_of([3], device), backend=backend)
    assert with_it.sequence[1] == 0
    assert torch.equal(with_it.sequence[[0, 2, 3]], without.sequence)


def test_a_tiny_true_spread_is_a_signal(backend: str, device: str) -> None:
    scores = tensor([1.0, 1.0, 1.0 + 2**-23], device=device)
    got = group_advantages(scores, offsets_of([3], device), backend=backend)
    want = tensor([-1, -1, 2]) / math.sqrt(3)  # mean 1/3, deviations -1/3, -1/3, 2/3, std sqrt(1/3)
    torch.testing.assert_close(got.sequence.cpu(), want, atol=1e-6, rtol=0)


@pytest.mark.parametrize("eps", [1e-4, 1e-6])
def test_with_an_epsilon_it_is_what_trl_and_verl_compute(eps: float, backend: str, device: str) -> None:
    scores = torch.rand(4, 8, dtype=torch.float64, device=device)
    got = group_advantages(scores.view(-1), offsets_of([8] * 4, device), eps=eps, backend=backend)
    want = (scores - scores.mean(1, keepdim=True)) / (scores.std(1, keepdim=True) + eps)
    torch.testing.assert_close(got.sequence.double(), want.view(-1), atol=1e-7, rtol=2e-7)


def test_a_group_of_one_is_refused_unless_asked_for(backend: str, device: str) -> None:
    scores, offsets = torch.rand(3, device=device), offsets_of([2, 1], device)
    with pytest.raises(ValueError, match="a group of one has no baseline"):
        group_advantages(scores, offsets, backend=backend)
    assert group_advantages(scores, offsets, groups_of_one="zero", backend=backend).sequence[2] == 0


def test_no_groups_are_no_advantages(backend: str, device: str) -> None:
    got = group_advantages(torch.empty(0, device=device), offsets_of([], device), backend=backend)
    assert got.sequence.shape == got.keep.shape == (0,)


def test_what_cannot_be_is_refused_by_name(device: str) -> None:
    scores, offsets = torch.rand(4, device=device), offsets_of([4], device)
    with pytest.raises(ValueError, match="mode='gae': there are grpo, dr_grpo, rloo, max_abs, batch_std, reinforce_pp"):
        group_advantages(scores, offsets, mode="gae")
    with pytest.raises(ValueError, match="backend='cuda'"):
        group_advantages(scores, offsets, backend="cuda")
