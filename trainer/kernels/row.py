"""Kernels on rows of logits: log-prob and entropy of a row, and its gradient from two numbers a row.

C rows (a chunk of tokens), V vocabulary. Logits are float32 (float64 for float64), read at temperature and soft cap.

Memory is read 16 bytes at a time only where the compiler sees that no vector is half inside: so rows are made with room
up to a multiple of 64 elements, kernels read and write that much, and what is past V counts for nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import triton
import triton.language as tl
from torch import Tensor

from trainer.kernels.backend import launch_options, triton_type

ROOM = 64


def empty_rows(num_rows: int, vocabulary: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """[num_rows, vocabulary], each row with room up to a multiple of 64 elements."""
    return torch.empty(num_rows, -(-vocabulary // ROOM) * ROOM, dtype=dtype, device=device)[:, :vocabulary]


def common_width(logits_CV: Tensor, out_CV: Tensor) -> int:
    """How far rows of both may be read and written."""
    return min(_width(logits_CV), _width(out_CV))


def _width(rows_CV: Tensor) -> int:
    """How far a row may be read and written: its room, or V if it has none."""
    return min(rows_CV.stride(0), -(-rows_CV.shape[1] // ROOM) * ROOM)


@dataclass(frozen=True, slots=True)
class RowStatistics:
    """Of C rows; with the maximum apart from the rest, nothing is lost when all logits are far from 0."""

    logprob: Tensor
    """[C] of the target; nan for a target outside the vocabulary."""
    entropy: Tensor
    """[C]"""
    maximum: Tensor
    """[C] of the scaled logits."""
    log_sum: Tensor
    """[C] log of the sum of exp(scaled logit - maximum)."""

    @classmethod
    def empty(cls, num_rows: int, dtype: torch.dtype, device: torch.device | str) -> RowStatistics:
        return cls(*torch.empty(4, num_rows, dtype=dtype, device=device))

    def __getitem__(self, rows: slice) -> RowStatistics:
        return RowStatistics(self.logprob[rows], self.entropy[rows], self.maximum[rows], self.log_sum[rows])


@dataclass(frozen=True, slots=True)
class Rows:
    """Which token each row is asked for, and how its logits are read."""

    targets: Tensor
    """[C] int64"""
    inverse_temperature: Tensor
    """[C], or [1] for all."""
    softcap: float | None
    """Logits z are read as softcap * tanh(z / softcap)."""

    def __getitem__(self, rows: slice) -> Rows:
        one_for_all = len(self.inverse_temperature) == 1
        scale = self.inverse_temperature if one_for_all else self.inverse_temperature[rows]
        return Rows(self.targets[rows], scale, self.softcap)


@triton.jit
def scaled(logit, inverse_temperature, softcap, HAS_CAP: tl.constexpr):
    """The logit as the softmax sees it, and its derivative by the raw logit."""
    slope = inverse_temperature
    if HAS_CAP:
        # tanh(x) = (1 - e) / (1 + e) with e = exp(-2 |x|) and the sign of x: no overflow, and no library needed
        decay = tl.exp(-2.0 * tl.abs(logit) / softcap)
        tanh = (1.0 - decay) / (1.0 + decay)
        slope = inverse_temperature * (1.0 - tanh * tanh)
        logit = tl.where(logit < 0, -softcap, softcap) * tanh
    return logit * inverse_temperature, slope


@triton.jit
def scan_row(
    row_ptr,
    target,
    V,
    width,
    inverse_temperature,
    softcap,
    HAS_CAP: tl.constexpr,
    WORK: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """In one pass over a row: maximum m, log of l = sum e^(z - m), log-prob of the target, entropy.

    Sums are of e^(z - m) (z - m) rather than of e^(z - m) z: entropy is then free of the row's common offset.
    """
    lowest: tl.constexpr = -3.4028234663852886e38  # not -inf: of a block of -inf, exp(-inf - -inf) would be nan
    maximum = tl.full((), lowest, WORK)
    total = tl.full((), 0, WORK)
    moment = tl.full((), 0, WORK)
    for start in range(0, width, BLOCK):
        index = start + tl.arange(0, BLOCK)
        logit = tl.load(row_ptr + index, mask=index < width, other=float("-inf"))
        logit = tl.where(index < V, logit, float("-inf"))
        z, _ = scaled(logit, inverse_temperature, softcap, HAS_CAP)
        if HAS_CAP:
            z = tl.where(logit == float("-inf"), logit, z)  # the cap would make what is not there probable
        risen = tl.maximum(maximum, tl.max(z, 0))
        decay = tl.exp(maximum - risen)
        # Not -inf: 0 times it would be nan. But a logit that is nan has to be seen.
        above = tl.maximum(z - risen, -1e30, propagate_nan=tl.PropagateNan.ALL)
        weight = tl.exp(above)
        moment = decay * (moment + total * (maximum - risen)) + tl.sum(weight * above, 0)
        total = decay * total + tl.sum(weight, 0)
        maximum = risen
    log_sum = tl.log(total)
    known = (target >= 0) & (target < V)
    logit = tl.load(row_ptr + target, mask=known, other=float("nan"))
    z, _ = scaled(logit, inverse_temperature, softcap, HAS_CAP)
    return maximum, log_sum, (z - maximum) - log_sum, log_sum - moment / total


@triton.jit
def write_row_gradient(
    row_ptr,
    gradient_ptr,
    target,
    V,
    width,
    inverse_temperature,
    softcap,
    maximum,
    log_sum,
    entropy,
    by_logprob,
    by_entropy,
    HAS_ENTROPY: tl.constexpr,
    HAS_CAP: tl.constexpr,
    WORK: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """d loss / d logit = by_logprob (1[target] - p) - by_entropy p (log p + entropy), times the scaling's slope.

    Rounded once, when stored; `gradient_ptr` may be `row_ptr` where the types are the same.
    """
    for start in range(0, width, BLOCK):
        index = start + tl.arange(0, BLOCK)
        logit = tl.load(row_ptr + index, mask=index < width, other=float("-inf"))
        logit = tl.where(index < V, logit, float("-inf"))
        z, slope = scaled(logit, inverse_temperature, softcap, HAS_CAP)
        if HAS_CAP:
            z = tl.where(logit == float("-inf"), logit, z)
        # Not -inf: p times it would be nan.
        log_p = tl.maximum((z - maximum) - log_sum, -1e30, propagate_nan=tl.PropagateNan.ALL)
        p = tl.exp(log_p)
        gradient = by_logprob * (tl.where(index == target, 1.0, 0.0) - p)
        if HAS_ENTROPY:
            gradient -= by_entropy * p * (log_p + entropy)
        gradient *= slope
        tl.store(gradient_ptr + index, gradient.to(gradient_ptr.dtype.element_ty), mask=index < width)


@triton.jit
def statistics_kernel(
    logits_ptr,
    targets_ptr,
    scale_ptr,
    logprob_ptr,
    entropy_ptr,
    maximum_ptr,
    log_sum_ptr,
    num_rows,
    V,
    width,
    stride,
    scale_stride,
    softcap,
    HAS_CAP: tl.constexpr,
    WORK: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Every program takes every num_programs-th row."""
    for row in range(tl.program_id(0), num_rows, tl.num_programs(0)):
        maximum, log_sum, logprob, entropy = scan_row(
            logits_ptr + tl.cast(row, tl.int64) * stride,
            tl.load(targets_ptr + row),
            V,
            width,
            tl.load(scale_ptr + row * scale_stride),
            softcap,
            HAS_CAP,
            WORK,
            BLOCK,
        )
        tl.store(logprob_ptr + row, logprob)
        tl.store(entropy_ptr + row, entropy)
        tl.store(maximum_ptr + row, maximum)
        tl.store(log_sum_ptr + row, log_sum)


@triton.jit
def gradient_kernel(
    logits_ptr,
    gradient_ptr,
    targets_ptr,
    scale_ptr,
    entropy_ptr,
    maximum_ptr,
    log_sum_ptr,
    logprob_grad_ptr,
    entropy_grad_ptr,
    num_rows,
    V,
    width,
    stride,
    gradient_stride,
    scale_stride,
    softcap,
    HAS_CAP: tl.constexpr,
    WORK: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Every program takes every num_programs-th row."""
    for row in range(tl.program_id(0), num_rows, tl.num_programs(0)):
        by_entropy = 0.0
        if entropy_grad_ptr is not None:
            by_entropy = tl.load(entropy_grad_ptr + row)
        write_row_gradient(
            logits_ptr + tl.cast(row, tl.int64) * stride,
            gradient_ptr + tl.cast(row, tl.int64) * gradient_stride,
            tl.load(targets_ptr + row),
            V,
            width,
            tl.load(scale_ptr + row * scale_stride),
            softcap,
            tl.load(maximum_ptr + row),
            tl.load(log_sum_ptr + row),
            tl.load(entropy_ptr + row),
            tl.load(logprob_grad_ptr + row),
            by_entropy,
            entropy_grad_ptr is not None,
            HAS_CAP,
            WORK,
            BLOCK,
        )


def write_statistics(logits_CV: Tensor, rows: Rows, out: RowStatistics) -> None:
    """Fill `out` from a chunk of logits."""
    num_rows, vocabulary = logits_CV.shape
    options = launch_options("row_statistics", vocabulary)
    statistics_kernel[(min(num_rows, options.pop("num_programs")),)](
        logits_CV,
        rows.targets,
        rows.inverse_temperature,
        *(out.logprob, out.entropy, out.maximum, out.log_sum),
        *(
            num_rows,
            vocabulary,
            _width(logits_CV),
            logits_CV.stride(0),
            int(len(rows.inverse_temperature) > 1),
            rows.softcap or 1.0,
        ),
        HAS_CAP=rows.softcap is not None,
        WORK=triton_type(logits_CV.dtype),
        **options,
    )


def write_gradient(
    logits_CV: Tensor,
    rows: Rows,
    statistics: RowStatistics,
    logprob_grad: Tensor,
    entropy_grad: Tensor | None,
    out_CV: Tensor,
) -> None:
    """Fill `out_CV` with the gradient by the raw logits, from each row's gradient by its log-prob and entropy, [C]."""
    num_rows, vocabulary = logits_CV.shape
    options = launch_options("row_gradient", vocabulary)
    gradient_kernel[(min(num_rows, options.pop("num_programs")),)](
        *(logits_CV, out_CV, rows.targets, rows.inverse_temperature),
        *(statistics.entropy, statistics.maximum, statistics.log_sum, logprob_grad, entropy_grad),
        *(num_rows, vocabulary, common_width(logits_CV, out_CV), logits_CV.stride(0), out_CV.stride(0)),
        *(int(len(rows.inverse_temperature) > 1), rows.softcap or 1.0),
        HAS_CAP=rows.softcap is not None,
        WORK=triton_type(logits_CV.dtype),
        **options,
    )
