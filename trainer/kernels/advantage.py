"""How much better each completion did than the others on its problem, for groups of any size in one launch.

S sequences (completions), G groups (problems), T packed tokens.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

import torch
import triton
import triton.language as tl
from torch import Tensor

from trainer.kernels.backend import Backend, launch_options, uses_triton
from trainer.preset import AdvantageMode


@dataclass(frozen=True, slots=True)
class Advantages:
    """Of each sequence, with what its group looked like."""

    sequence: Tensor
    """[S] float32."""
    token: Tensor | None
    """[T] float32: each token has its sequence's; None without `cu_seqlens`."""
    keep: Tensor
    """[G] bool: the judged scores of the group are not all equal, so it has something to teach."""
    mean: Tensor
    """[G] float32, of the judged scores; nan where there is none."""
    std: Tensor
    """[G] float32, with n - 1; 0 where fewer than two scores were judged."""
    judged: Tensor
    """[G] int32: how many scores are not nan."""


def group_advantages(
    scores: Tensor,
    group_offsets: Tensor,
    *,
    mode: AdvantageMode = "grpo",
    cu_seqlens: Tensor | None = None,
    num_tokens: int | None = None,
    eps: float = 0.0,
    groups_of_one: Literal["refuse", "zero"] = "refuse",
    backend: Backend = "auto",
) -> Advantages:
    """Advantages of scores [S] in groups `group_offsets[g] … group_offsets[g + 1]`, [G + 1] int32, computed in float64.

    grpo: (r - mean) / (std + eps), std with n - 1 (DeepSeekMath, arXiv 2402.03300, section 4.1.2).
    dr_grpo: r - mean (arXiv 2503.20783, eq. 3). rloo: r - mean of the others (arXiv 2402.14740, section 2.2).
    max_abs: (r - mean) / max |r - mean|. batch_std: (r - mean) / (std of all judged scores + eps) (arXiv 2508.08221).
    reinforce_pp: (r - mean) / (std of all these differences + eps) (REINFORCE++ with baseline, arXiv 2501.03262v9), one
    difference a completion; verl has one a token, so that long completions count for more, and less their mean.
    eps is 1e-4 in TRL and 1e-6 in verl, for groups of equal scores, which need none here.

    A nan score (unjudged) has advantage 0 and is left out of every mean and deviation. A group whose scores are all
    equal has exactly 0, decided by max == min and not by a small deviation: rounding residue is not a signal. A group
    of one has no baseline: it is refused (ValueError), which looks at the offsets on the host, or gets zero as asked.
    With `cu_seqlens` [S + 1] int32, advantages are also spread over packed tokens; `num_tokens` is their number T
    (default: read from `cu_seqlens`, which on a GPU waits for it).
    """
    if mode not in get_args(AdvantageMode):
        raise ValueError(f"mode={mode!r}: there are {', '.join(get_args(AdvantageMode))}")
    if groups_of_one == "refuse" and bool((group_offsets.diff() == 1).any()):
        raise ValueError("a group of one has no baseline: sample more completions, or pass groups_of_one='zero'")
    if cu_seqlens is not None and num_tokens is None:
        num_tokens = int(cu_seqlens[-1])
    run = _launch if uses_triton(backend, scores, group_offsets, cu_seqlens) and len(group_offsets) > 1 else _reference
    return run(scores, group_offsets, cu_seqlens, num_tokens or 0, mode, eps)


def _reference(
    scores: Tensor, group_offsets: Tensor, cu_seqlens: Tensor | None, num_tokens: int, mode: AdvantageMode, eps: float
) -> Advantages:
    scores = scores.double()
    num_groups = len(group_offsets) - 1
    group = torch.repeat_interleave(group_offsets.diff().long(), output_size=len(scores))
    judged = ~scores.isnan()

    def reduced(values: Tensor, how: str, start: float) -> Tensor:
        out = torch.full((num_groups,), start, dtype=torch.float64, device=scores.device)
        return out.scatter_reduce_(0, group, values, how)

    def total(values: Tensor) -> Tensor:
        return reduced(torch.where(judged, values, 0.0), "sum", 0.0)

    inf = float("inf")
    high = reduced(torch.where(judged, scores, -inf), "amax", -inf)
    low = reduced(torch.where(judged, scores, inf), "amin", inf)
    keep = high > low
    count = total(judged.double())
    mean = total(scores) / count
    centred = scores - mean[group]
    std = (total(centred**2) / (count - 1).clamp(min=1)).sqrt()
    if mode == "grpo":
        scale = std + eps
    elif mode == "rloo":
        scale = (count - 1) / count
    elif mode == "max_abs":
        scale = torch.maximum(high - mean, mean - low)
    elif mode == "batch_std":
        scale = (scores[judged].std() + eps).expand(num_groups)
    elif mode == "reinforce_pp":
        scale = ((total(centred**2).sum() / (count.sum() - 1).clamp(min=1)).sqrt() + eps).expand(num_groups)
    else:
        scale = torch.ones_like(mean)
    scale = torch.where(keep, scale, 1.0)
    sequence = torch.where(judged & keep[group], centred / scale[group], 0.0).float()
    token = None
    if cu_seqlens is not None:
        token = torch.repeat_interleave(sequence, cu_seqlens.diff().long(), output_size=num_tokens)
    return Advantages(sequence, token, keep, mean.float(), std.float(), count.int())


@triton.jit
def spread(scores_ptr, first, last, BLOCK: tl.constexpr):
    """Count, mean, n - 1 deviation, lowest and highest of the scores that are not nan, in two passes."""
    count = tl.full((), 0, tl.float64)
    total = tl.full((), 0, tl.float64)
    low = tl.full((), float("inf"), tl.float64)
    high = tl.full((), float("-inf"), tl.float64)
    for start in range(first, last, BLOCK):
        index = start + tl.arange(0, BLOCK)
        score = tl.load(scores_ptr + index, mask=index < last, other=float("nan")).to(tl.float64)
        judged = score == score
        count += tl.sum(judged.to(tl.float64), 0)
        total += tl.sum(tl.where(judged, score, 0.0), 0)
        low = tl.minimum(low, tl.min(tl.where(judged, score, float("inf")), 0))
        high = tl.maximum(high, tl.max(tl.where(judged, score, float("-inf")), 0))
    mean = total / tl.maximum(count, 1.0)
    squares = tl.full((), 0, tl.float64)
    for start in range(first, last, BLOCK):
        index = start + tl.arange(0, BLOCK)
        score = tl.load(scores_ptr + index, mask=index < last, other=float("nan")).to(tl.float64)
        centred = tl.where(score == score, score - mean, 0.0)
        squares += tl.sum(centred * centred, 0)
    return count, mean, tl.sqrt(squares / tl.maximum(count - 1.0, 1.0)), low, high


@triton.jit
def advantage_kernel(
    scores_ptr,
    offsets_ptr,
    cu_seqlens_ptr,
    sequence_ptr,
    token_ptr,
    keep_ptr,
    mean_ptr,
    std_ptr,
    judged_ptr,
    num_sequences,
    eps,
    MODE: tl.constexpr,
    BLOCK: tl.constexpr,
    TOKEN_BLOCK: tl.constexpr,
):
    """Program (g, part): the statistics of group g, then every num_parts-th of its sequences with their tokens."""
    group = tl.program_id(0)
    part = tl.program_id(1)
    num_parts = tl.num_programs(1)
    first = tl.load(offsets_ptr + group)
    last = tl.load(offsets_ptr + group + 1)
    count, mean, std, low, high = spread(scores_ptr, first, last, BLOCK)
    keep = high > low
    scale = tl.full((), 1, tl.float64)
    if MODE == "grpo":
        scale = std + eps
    elif MODE == "rloo":
        scale = (count - 1.0) / tl.maximum(count, 1.0)
    elif MODE == "max_abs":
        scale = tl.maximum(high - mean, mean - low)
    elif MODE == "batch_std":
        _, _, batch_std, _, _ = spread(scores_ptr, 0, num_sequences, BLOCK)
        scale = batch_std + eps
    elif MODE == "reinforce_pp":
        squares = tl.full((), 0, tl.float64)
        num_judged = tl.full((), 0, tl.float64)
        for other in range(tl.num_programs(0)):
            start = tl.load(offsets_ptr + other)
            stop = tl.load(offsets_ptr + other + 1)
            other_count, _, other_std, _, _ = spread(scores_ptr, start, stop, BLOCK)
            squares += other_std * other_std * tl.maximum(other_count - 1.0, 0.0)
            num_judged += other_count
        scale = tl.sqrt(squares / tl.maximum(num_judged - 1.0, 1.0)) + eps
    scale = tl.where(keep, scale, 1.0)
    if part == 0:
        tl.store(keep_ptr + group, keep.to(tl.int8))
        tl.store(mean_ptr + group, tl.where(count > 0, mean, float("nan")).to(tl.float32))
        tl.store(std_ptr + group, std.to(tl.float32))
        tl.store(judged_ptr + group, count.to(tl.int32))
    for sequence in range(first + part, last, num_parts):
        score = tl.load(scores_ptr + sequence).to(tl.float64)
        counts = keep & (score == score)
        advantage = tl.where(counts, (score - mean) / scale, 0.0).to(tl.float32)
        tl.store(sequence_ptr + sequence, advantage)
        if token_ptr is not None:
            begin = tl.load(cu_seqlens_ptr + sequence)
            end = tl.load(cu_seqlens_ptr + sequence + 1)
            for start in range(begin, end, TOKEN_BLOCK):
                index = start + tl.arange(0, TOKEN_BLOCK)
                tl.store(token_ptr + index, tl.full((TOKEN_BLOCK,), 0.0, tl.float32) + advantage, mask=index < end)


def _launch(
    scores: Tensor, group_offsets: Tensor, cu_seqlens: Tensor | None, num_tokens: int, mode: AdvantageMode, eps: float
) -> Advantages:
    num_groups = len(group_offsets) - 1

    def fresh(size: int, dtype: torch.dtype) -> Tensor:
        return torch.empty(size, dtype=dtype, device=scores.device)

    sequence = fresh(len(scores), torch.float32)
    token = None if cu_seqlens is None else fresh(num_tokens, torch.float32)
    keep, judged = fresh(num_groups, torch.bool), fresh(num_groups, torch.int32)
    mean, std = fresh(num_groups, torch.float32), fresh(num_groups, torch.float32)
    options: dict[str, Any] = launch_options("group_advantages", len(scores))
    num_parts = options.pop("num_parts")
    advantage_kernel[(num_groups, num_parts)](
        scores.contiguous(),
        group_offsets,
        cu_seqlens,
        sequence,
        token,
        keep.view(torch.int8),
        mean,
        std,
        judged,
        len(scores),
        eps,
        MODE=mode,
        **options,
    )
    return Advantages(sequence, token, keep, mean, std, judged)
