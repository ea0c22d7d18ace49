"""The policy loss fused with the head that makes its log-probs: forward and backward in three products instead of four.

M tokens, of which C at a time; H hidden, V vocabulary, S sequences.

A token's gradient needs no more than its own log-prob, so it can be made while its logits are still there: a chunk of
logits is made, turned into its own gradient, multiplied into the gradients of hidden and weight, and forgotten.
Autograd, which asks for gradients later, would have to make the logits a second time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from trainer.kernels.backend import Backend, launch_options, triton_type, uses_triton, work_type
from trainer.kernels.logprob import Head, checked, chunks, reference_logprob
from trainer.kernels.loss import PolicyLoss, Tokens, divergence, kernel_sums, reference_sums, surrogate_terms
from trainer.kernels.product import add_weight_gradient, chunk_rows, hidden_gradient, logits
from trainer.kernels.row import (
    Rows,
    RowStatistics,
    common_width,
    empty_rows,
    scan_row,
    write_gradient,
    write_row_gradient,
    write_statistics,
)
from trainer.preset import Preset, PresetName, resolved

TOKENS_A_PROGRAM = 4096
"""Of the sums over all tokens, where no sequences are given."""


def grpo_head(
    hidden: Tensor,
    weight: Tensor,
    targets: Tensor,
    old_logprob: Tensor,
    advantage: Tensor,
    loss_weight: Tensor,
    *,
    preset: PresetName | Preset,
    ref_logprob: Tensor | None = None,
    importance: Tensor | None = None,
    cu_seqlens: Tensor | None = None,
    temperature: float | Tensor = 1.0,
    bias: Tensor | None = None,
    softcap: float | None = None,
    vocab_size: int | None = None,
    chunk: int | None = None,
    backend: Backend = "auto",
) -> PolicyLoss:
    """sum of loss_weight * loss over tokens, as in `Preset`; gradients go to hidden [M, H], weight [V, H] and bias [V].

    Arguments as of `linear_logprob` and `policy_loss`, [M] each. `loss_weight` takes the place of mask, average and
    normalizer (`loss_weights` makes it); a preset's entropy bonus needs no more. `cu_seqlens` [S + 1]: sequences within
    M, for a sequence ratio. Rows that cannot have a gradient (weight 0; or advantage 0 with neither KL nor entropy in
    the loss) are left out before the first product, whatever they hold: time goes with the rows that are left.

    The weight's gradient is summed in float32. Gradients are made here: backward only scales them, and can be called
    once. float16 is refused: gradients of logits are too small for it.
    """
    preset, head = resolved(preset), Head.of(weight, vocab_size, bias, softcap, temperature)
    checked(hidden, head, targets)
    if hidden.dtype == torch.float16:
        raise ValueError("hidden is float16, in which gradients of logits are 0: use bfloat16 or float32")
    if preset.ratio == "sequence" and cu_seqlens is None:
        raise ValueError("cu_seqlens: a sequence ratio needs to know where sequences begin")
    tokens = Tokens(
        logprob=old_logprob,  # stands in for what is not known yet
        old_logprob=old_logprob,
        advantage=advantage,
        mask=loss_weight != 0,
        cu_seqlens=_sequences(cu_seqlens, targets),
        ref_logprob=ref_logprob,
        importance=importance,
        weight=loss_weight,
    )
    work = _Work.of(head, targets, tokens, preset, chunk or chunk_rows(len(head.weight)))
    if uses_triton(backend, hidden, weight, targets, bias, *tokens.tensors()) and len(work.targets):
        total, totals, logprob, entropy = _WithGradients.apply(hidden, weight, bias, work)
    else:
        logprob, entropy = _reference(work.take(hidden, slice(None)), work)
        total, totals = reference_sums(replace(work.tokens, logprob=logprob, entropy=entropy), preset)
    _, *sums = totals.unbind()
    if cu_seqlens is None:
        sums[1] = torch.full_like(sums[1], float("nan"))
    by_row = {"logprob": logprob, "token_entropy": entropy}
    return PolicyLoss(total, *sums, **{name: _spread(values.detach(), work) for name, values in by_row.items()})


def _reference(hidden: Tensor, work: _Work) -> tuple[Tensor, Tensor]:
    """Log-probs and entropies, differentiable; never more logits than those of one chunk, made again in backward."""
    parts = chunks(len(work.targets), work.chunk)

    def of(rows: slice) -> tuple[Tensor, Tensor]:
        has_gradient = work.preset.entropy_coef != 0
        made = reference_logprob(hidden[rows], work.head, work.targets[rows], rows, entropy_gradient=has_gradient)
        return made[:2]

    if len(parts) == 1:
        return of(parts[0])
    made = [checkpoint(of, rows, use_reentrant=False) for rows in parts]
    return torch.cat([logprob for logprob, _ in made]), torch.cat([entropy for _, entropy in made])


def loss_weights(
    mask: Tensor, cu_seqlens: Tensor, *, preset: PresetName | Preset, normalizer: float | Tensor | None = None
) -> Tensor:
    """What each token of `policy_loss` weighs in its sum, [T] float32: the `loss_weight` of `grpo_head`."""
    preset = resolved(preset)
    preset.check_normalizer(normalizer)
    sequence = torch.repeat_interleave(cu_seqlens.diff().long(), output_size=len(mask))
    lengths = torch.zeros(len(cu_seqlens) - 1, dtype=torch.float64, device=mask.device)
    lengths.index_add_(0, sequence, mask.double())
    if normalizer is None:
        normalizer = (lengths.sum() if preset.average == "token" else (lengths > 0).sum()).clamp(min=1)
    weights = mask.double() / normalizer
    if preset.average == "sequence":
        weights /= lengths.clamp(min=1)[sequence]
    return weights.float()


@dataclass(frozen=True, slots=True)
class _Work:
    """The rows that contribute: `tokens` and `targets` hold these alone."""

    head: Head
    targets: Tensor
    tokens: Tokens
    preset: Preset
    index: Tensor | None
    """Where they stand in [M]; None: all of them."""
    num_rows: int
    """M, with the rows left out."""
    chunk: int

    @classmethod
    def of(cls, head: Head, targets: Tensor, tokens: Tokens, preset: Preset, chunk: int) -> _Work:
        index = _contributing(tokens, preset)
        rows: Tensor | slice = slice(None) if index is None else index
        temperature = head.temperature
        if isinstance(temperature, Tensor) and temperature.numel() > 1:
            temperature = temperature.reshape(-1)[rows]
        cu_seqlens = tokens.cu_seqlens
        if index is not None:
            chosen = torch.zeros_like(tokens.mask).index_fill_(0, index, True)
            cu_seqlens = _count_before(chosen)[cu_seqlens.long()].int()
        return cls(
            head=replace(head, temperature=temperature),
            targets=targets[rows],
            tokens=tokens.take(rows, cu_seqlens),
            preset=preset,
            index=index,
            num_rows=len(targets),
            chunk=chunk,
        )

    def take(self, hidden: Tensor, rows: slice) -> Tensor:
        return hidden[rows] if self.index is None else hidden[self.index[rows]]

    def put(self, part: Tensor, rows: slice, out: Tensor) -> None:
        if self.index is None:
            out[rows] = part
        else:
            out[self.index[rows]] = part


def _sequences(cu_seqlens: Tensor | None, targets: Tensor) -> Tensor:
    """Without sequences, pieces of equal size stand for them in the sums."""
    if cu_seqlens is not None:
        return cu_seqlens
    num_pieces = -(-len(targets) // TOKENS_A_PROGRAM)
    pieces = torch.arange(num_pieces + 1, dtype=torch.int32, device=targets.device) * TOKENS_A_PROGRAM
    return pieces.clamp_(max=len(targets))


def _contributing(tokens: Tokens, preset: Preset) -> Tensor | None:
    """Indices of the rows that can have a gradient, None if that is all; waits for the device once."""
    contributes = tokens.mask
    has_kl = preset.kl_coef != 0 and tokens.ref_logprob is not None
    if not has_kl and preset.entropy_coef == 0:
        has_advantage = (tokens.advantage != 0) & tokens.mask
        if preset.ratio == "sequence":  # a token without advantage still counts in its sequence's ratio
            before = _count_before(has_advantage)[tokens.cu_seqlens.long()]
            lengths = tokens.cu_seqlens.diff().long()
            has_advantage = torch.repeat_interleave(before.diff() > 0, lengths, output_size=len(contributes))
        contributes = contributes & has_advantage
    index = contributes.nonzero().squeeze(1)
    return None if len(index) == len(contributes) else index


def _count_before(flags: Tensor) -> Tensor:
    """How many of flags [M] are true before each place, [M + 1]."""
    return torch.cat([torch.zeros(1, dtype=torch.int64, device=flags.device), flags.long().cumsum(0)])


def _spread(values: Tensor, work: _Work) -> Tensor:
    """[M] with nan for the rows left out."""
    if work.index is None:
        return values
    return values.new_full((work.num_rows,), float("nan")).index_copy_(0, work.index, values)


# ---- the kernel


@triton.jit
def row_loss_kernel(
    logits_ptr,
    gradient_ptr,
    targets_ptr,
    scale_ptr,
    old_ptr,
    advantage_ptr,
    weight_ptr,
    ref_ptr,
    importance_ptr,
    logprob_ptr,
    entropy_ptr,
    num_rows,
    V,
    width,
    stride,
    gradient_stride,
    scale_stride,
    softcap,
    clip_min,
    clip_max,
    dual_clip,
    kl_coef,
    entropy_coef,
    importance_cap,
    SURROGATE: tl.constexpr,
    HAS_DUAL: tl.constexpr,
    HAS_ENTROPY: tl.constexpr,
    KL: tl.constexpr,
    HAS_CAP: tl.constexpr,
    WORK: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """A row of logits to its log-prob and entropy, then to its gradient: the second reading should find it in L2.

    Every program takes every num_programs-th row; few programs of many warps, so that the rows in work fit in L2.
    """
    for row in range(tl.program_id(0), num_rows, tl.num_programs(0)):
        row_ptr = logits_ptr + tl.cast(row, tl.int64) * stride
        target = tl.load(targets_ptr + row)
        inverse_temperature = tl.load(scale_ptr + row * scale_stride)
        maximum, log_sum, logprob, entropy = scan_row(
            row_ptr, target, V, width, inverse_temperature, softcap, HAS_CAP, WORK, BLOCK
        )
        tl.store(logprob_ptr + row, logprob)
        tl.store(entropy_ptr + row, entropy)
        ratio = tl.exp(logprob - tl.load(old_ptr + row).to(WORK))
        advantage = tl.load(advantage_ptr + row).to(WORK)
        _, slope, _, _, _ = surrogate_terms(
            logprob, ratio, advantage, clip_min, clip_max, dual_clip, SURROGATE, HAS_DUAL
        )
        if importance_ptr is not None:
            importance = tl.load(importance_ptr + row).to(WORK)
            slope *= tl.minimum(importance, importance_cap, propagate_nan=tl.PropagateNan.ALL)
        by_logprob = -slope
        if ref_ptr is not None:
            _, kl_slope = divergence(tl.load(ref_ptr + row).to(WORK) - logprob, KL)
            by_logprob += kl_coef * kl_slope
        weight = tl.load(weight_ptr + row).to(WORK)
        write_row_gradient(
            row_ptr,
            gradient_ptr + tl.cast(row, tl.int64) * gradient_stride,
            target,
            V,
            width,
            inverse_temperature,
            softcap,
            maximum,
            log_sum,
            entropy,
            by_logprob * weight,
            -entropy_coef * weight,
            HAS_ENTROPY,
            HAS_CAP,
            WORK,
            BLOCK,
        )


def _write_loss_gradient(
    logits_CV: Tensor, rows: Rows, tokens: Tokens, preset: Preset, out: RowStatistics, out_CV: Tensor
) -> None:
    num_rows, vocabulary = logits_CV.shape
    options = launch_options("row_loss", vocabulary)
    row_loss_kernel[(min(num_rows, options.pop("num_programs")),)](
        *(logits_CV, out_CV, rows.targets, rows.inverse_temperature),
        *(tokens.old_logprob, tokens.advantage, tokens.weight, tokens.ref_logprob, tokens.importance),
        *(out.logprob, out.entropy),
        *(num_rows, vocabulary, common_width(logits_CV, out_CV), logits_CV.stride(0), out_CV.stride(0)),
        *(int(len(rows.inverse_temperature) > 1), rows.softcap or 1.0),
        *(1 - preset.clip_low, 1 + preset.clip_high, preset.dual_clip or 0.0),
        *(preset.kl_coef, preset.entropy_coef, preset.importance_cap),
        SURROGATE=preset.surrogate,
        HAS_DUAL=preset.dual_clip is not None,
        HAS_ENTROPY=preset.entropy_coef != 0,
        KL=preset.kl,
        HAS_CAP=rows.softcap is not None,
        WORK=triton_type(logits_CV.dtype),
        **options,
    )


class _WithGradients(torch.autograd.Function):
    """Gradients are made together with the loss; backward scales them in place: a copy of the weight's is large."""

    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, weight: Tensor, bias: Tensor | None, work: _Work
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        dtype = work_type(hidden.dtype)
        made = _Gradients.empty(hidden, weight, bias, ctx.needs_input_grad, dtype)
        statistics = RowStatistics.empty(len(work.targets), dtype, hidden.device)
        for rows, gradient_CV in _logit_gradients(hidden, work, statistics, has_gradient=made.any()):
            made.add(gradient_CV, hidden, work, rows)
        tokens = replace(work.tokens, logprob=statistics.logprob, entropy=statistics.entropy)
        totals, _, _ = kernel_sums(tokens, work.preset, gradients=False)
        ctx.made, ctx.dtypes = made, (hidden.dtype, weight.dtype, None if bias is None else bias.dtype)
        ctx.mark_non_differentiable(totals, statistics.logprob, statistics.entropy)
        return totals[0].to(dtype), totals, statistics.logprob, statistics.entropy

    @staticmethod
    def backward(ctx: Any, grad: Tensor, *_: Tensor) -> tuple[Tensor | None, ...]:
        if ctx.made is None:
            raise RuntimeError("grpo_head: its gradients were made with the loss and are used up; compute it again")
        made, ctx.made = ctx.made, None
        scaled = (None if one is None else one.mul_(grad) for one in (made.hidden, made.weight, made.bias))
        return (*(None if one is None else one.to(dtype) for one, dtype in zip(scaled, ctx.dtypes, strict=True)), None)


@dataclass(frozen=True, slots=True)
class _Gradients:
    """None where nobody asks."""

    hidden: Tensor | None
    """[M, H], in hidden's type; 0 for the rows left out."""
    weight: Tensor | None
    """[V, H] float32; 0 for rows that pad the vocabulary."""
    bias: Tensor | None

    @classmethod
    def empty(
        cls, hidden: Tensor, weight: Tensor, bias: Tensor | None, asked: tuple[bool, ...], dtype: torch.dtype
    ) -> _Gradients:
        return cls(
            torch.zeros_like(hidden) if asked[0] else None,
            torch.zeros_like(weight, dtype=dtype) if asked[1] else None,
            torch.zeros_like(bias, dtype=dtype) if bias is not None and asked[2] else None,
        )

    def any(self) -> bool:
        return not (self.hidden is None and self.weight is None and self.bias is None)

    def add(self, gradient_CV: Tensor, hidden: Tensor, work: _Work, rows: slice) -> None:
        size = len(work.head.weight)
        if self.hidden is not None:
            work.put(hidden_gradient(gradient_CV, work.head.weight), rows, self.hidden)
        if self.weight is not None:
            add_weight_gradient(self.weight[:size], gradient_CV, work.take(hidden, rows))
        if self.bias is not None:
            self.bias[:size] += gradient_CV.sum(0, dtype=self.bias.dtype)


def _logit_gradients(
    hidden: Tensor, work: _Work, statistics: RowStatistics, *, has_gradient: bool
) -> Iterator[tuple[slice, Tensor]]:
    """Chunk by chunk, the gradient by the raw logits, good until the next is asked for; fills `statistics` too."""
    buffers = _Buffers.of(hidden, work)
    if not has_gradient:
        for rows in chunks(len(work.targets), work.chunk):
            write_statistics(buffers.logits(rows), buffers.rows[rows], statistics[rows])
    elif work.preset.ratio == "token":
        for rows in chunks(len(work.targets), work.chunk):
            tokens = work.tokens.take(rows, work.tokens.cu_seqlens)  # sequences do not matter here
            made, out = buffers.logits(rows), buffers.gradient(rows)
            _write_loss_gradient(made, buffers.rows[rows], tokens, work.preset, statistics[rows], out)
            yield rows, out
    else:
        yield from _by_sequences(buffers, work, statistics)


def _by_sequences(buffers: _Buffers, work: _Work, statistics: RowStatistics) -> Iterator[tuple[slice, Tensor]]:
    """Where a token's gradient depends on its whole sequence: all log-probs of some sequences, then their gradients."""
    for parts, sequences in _whole_sequences(work.tokens.cu_seqlens.tolist(), work.chunk):
        for rows in parts:
            made = buffers.logits(rows)
            write_statistics(made, buffers.rows[rows], statistics[rows])
        span = slice(parts[0].start, parts[-1].stop)
        tokens = work.tokens.take(span, work.tokens.cu_seqlens[sequences] - span.start)
        tokens = replace(tokens, logprob=statistics.logprob[span])
        _, by_logprob, _ = kernel_sums(tokens, work.preset)
        assert by_logprob is not None and tokens.weight is not None
        by_entropy = -work.preset.entropy_coef * tokens.weight if work.preset.entropy_coef else None
        for rows in parts:
            made = made if len(parts) == 1 else buffers.logits(rows)
            here = slice(rows.start - span.start, rows.stop - span.start)
            by_entropy_here = None if by_entropy is None else by_entropy[here]
            out = buffers.gradient(rows)
            write_gradient(made, buffers.rows[rows], statistics[rows], by_logprob[here], by_entropy_here, out)
            yield rows, out


@dataclass(frozen=True, slots=True)
class _Buffers:
    """Room for one chunk of logits and of their gradient; where both have one type, it is the same room."""

    hidden: Tensor
    work: _Work
    rows: Rows
    exact_CV: Tensor
    rounded_CV: Tensor

    @classmethod
    def of(cls, hidden: Tensor, work: _Work) -> _Buffers:
        dtype = work_type(hidden.dtype)
        size = min(work.chunk, len(work.targets)), len(work.head.weight)
        exact = empty_rows(*size, dtype, hidden.device)
        rounded = exact if hidden.dtype == dtype else empty_rows(*size, hidden.dtype, hidden.device)
        return cls(hidden, work, work.head.rows(work.targets, dtype), exact, rounded)

    def logits(self, rows: slice) -> Tensor:
        head = self.work.head
        return logits(
            self.work.take(self.hidden, rows), head.weight, head.bias, self.exact_CV[: rows.stop - rows.start]
        )

    def gradient(self, rows: slice) -> Tensor:
        return self.rounded_CV[: rows.stop - rows.start]


def _whole_sequences(cu_seqlens: list[int], size: int) -> Iterator[tuple[list[slice], slice]]:
    """Spans of whole sequences, as chunks and as places in `cu_seqlens`.

    A span is one chunk, but for a sequence longer than a chunk: its logits are made twice, since no token's gradient is
    known before the last one's log-prob.
    """
    first = 0
    while first < len(cu_seqlens) - 1:
        last = first + 1
        while last < len(cu_seqlens) - 1 and cu_seqlens[last + 1] - cu_seqlens[first] <= size:
            last += 1
        start, stop = cu_seqlens[first], cu_seqlens[last]
        if stop > start:
            parts = [slice(start + rows.start, start + rows.stop) for rows in chunks(stop - start, size)]
            yield parts, slice(first, last + 1)
        first = last
