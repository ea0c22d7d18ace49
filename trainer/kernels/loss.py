"""The policy loss of every preset with its gradient and metrics, from given log-probs, in one deterministic launch.

S sequences, T packed tokens.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from trainer.kernels.backend import Backend, launch_options, triton_type, uses_triton, work_type
from trainer.preset import Divergence, Preset, PresetName, resolved


@dataclass(frozen=True, slots=True)
class PolicyLoss:
    """The loss, and what was seen on the way: float64 scalars, sums over the tokens that count unless it says else."""

    loss: Tensor
    """[] Carries the gradient."""
    tokens: Tensor
    """How many count: to divide the sums by."""
    sequences: Tensor
    """How many have a token that counts."""
    clipped_low: Tensor
    """Tokens whose ratio was below the lower bound; clipped surrogate: with a negative advantage, so no gradient. Where
    the ratio is held at 1 (rloo), all below 1, which rounding makes of some."""
    clipped_high: Tensor
    """Above the upper bound; clipped surrogate: with a positive advantage, so no gradient."""
    clipped_dual: Tensor
    """Tokens at the dual clip: no gradient."""
    ratio: Tensor
    ratio_max: Tensor
    """Largest ratio; -inf if no token counts."""
    kl_1: Tensor
    """Of the old policy from the present one, token by token: k1 = -log r, k2 = (log r)^2 / 2, k3 = r - 1 - log r."""
    kl_2: Tensor
    kl_3: Tensor
    kl_ref: Tensor
    """From the reference policy, by the preset's estimator; 0 without one."""
    entropy: Tensor
    """0 where it was not given."""
    importance: Tensor
    """Weights before truncation; 0 where none were given. Effective share of the tokens:
    importance ** 2 / (tokens * importance_square)."""
    importance_square: Tensor
    importance_capped: Tensor
    """Tokens whose weight was truncated."""
    logprob: Tensor | None = None
    """[M] of `grpo_head`: nan for rows that were left out; no gradient."""
    token_entropy: Tensor | None = None
    """[M] of `grpo_head`, likewise."""


NUM_TOTALS = 16
"""The loss before division, then `PolicyLoss` from `tokens` to `importance_capped`."""
RATIO_MAX = tl.constexpr(7)


def policy_loss(
    logprob: Tensor,
    old_logprob: Tensor,
    advantage: Tensor,
    mask: Tensor,
    cu_seqlens: Tensor,
    *,
    preset: PresetName | Preset,
    ref_logprob: Tensor | None = None,
    importance: Tensor | None = None,
    entropy: Tensor | None = None,
    normalizer: float | Tensor | None = None,
    backend: Backend = "auto",
) -> PolicyLoss:
    """The loss of packed tokens [T] in sequences cu_seqlens[s] … cu_seqlens[s + 1] ([S + 1] int32); see `Preset`.

    Tokens whose `mask` [T] bool is false do not count, whatever they hold (nan too). The gradient goes to `logprob`
    and, with an entropy bonus, to `entropy` [T]. `importance` [T]: old trainer policy over sampler, as a ratio of
    probabilities. `normalizer`: what the whole step is divided by, for steps of several batches: tokens (dapo, cispo,
    reinforce_pp), sequences (grpo, gspo, rloo), sequences x longest answer (dr_grpo, which insists on it).
    Default: this batch's own tokens or sequences. A sequence's advantage should be one number under a sequence ratio.
    """
    preset = resolved(preset)
    preset.check_normalizer(normalizer)
    if preset.entropy_coef and entropy is None:
        raise ValueError(f"entropy_coef={preset.entropy_coef}: pass the tokens' `entropy`")
    tokens = Tokens(logprob, old_logprob, advantage, mask, cu_seqlens, ref_logprob, importance, entropy)
    if uses_triton(backend, *tokens.tensors()) and len(cu_seqlens) > 1:
        total, totals = _WithGradient.apply(logprob, entropy, tokens, preset)
    else:
        total, totals = reference_sums(tokens, preset)
    return finished(total, totals, preset, normalizer)


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a loss is made from, [T] each but `cu_seqlens` [S + 1]."""

    logprob: Tensor
    old_logprob: Tensor
    advantage: Tensor
    mask: Tensor
    cu_seqlens: Tensor
    ref_logprob: Tensor | None = None
    importance: Tensor | None = None
    entropy: Tensor | None = None
    weight: Tensor | None = None
    """In place of the preset's average."""

    def tensors(self) -> list[Tensor | None]:
        return [getattr(self, field.name) for field in fields(self)]

    def take(self, rows: slice | Tensor, cu_seqlens: Tensor) -> Tokens:
        """Those at `rows`, where sequences begin at `cu_seqlens`; contiguous, since kernels know no strides."""
        names = [field.name for field in fields(self) if field.name != "cu_seqlens"]
        taken = {name: _contiguous(getattr(self, name), rows) for name in names}
        return Tokens(**taken, cu_seqlens=cu_seqlens)


def _contiguous(values: Tensor | None, rows: slice | Tensor) -> Any:
    return None if values is None else values[rows].contiguous()


def finished(total: Tensor, totals: Tensor, preset: Preset, normalizer: float | Tensor | None) -> PolicyLoss:
    """The undivided loss and [NUM_TOTALS] float64 to a result."""
    _, *sums = totals.unbind()
    if normalizer is None:
        normalizer = (sums[0] if preset.average == "token" else sums[1]).clamp(min=1).to(total.dtype)
    return PolicyLoss(total / normalizer, *sums)


# ---- the reference


def reference_sums(tokens: Tokens, preset: Preset) -> tuple[Tensor, Tensor]:
    """The undivided loss, differentiable, and [NUM_TOTALS] float64."""
    mask, dtype = tokens.mask.bool(), work_type(tokens.logprob.dtype)
    num_sequences = len(tokens.cu_seqlens) - 1
    sequence = torch.repeat_interleave(tokens.cu_seqlens.diff().long(), output_size=len(mask))

    def kept(values: Tensor | None) -> Tensor:
        return mask.new_zeros(len(mask), dtype=dtype) if values is None else torch.where(mask, values.to(dtype), 0.0)

    def by_sequence(values: Tensor) -> Tensor:
        return torch.zeros(num_sequences, dtype=torch.float64, device=mask.device).index_add(
            0, sequence, values.double()
        )

    logprob, advantage, entropy = kept(tokens.logprob), kept(tokens.advantage), kept(tokens.entropy)
    lengths = by_sequence(mask)
    token_log_ratio = log_ratio = logprob - kept(tokens.old_logprob)
    if preset.ratio == "sequence":
        mean = by_sequence(log_ratio.detach()) / lengths.clamp(min=1)
        log_ratio = logprob - logprob.detach() + mean[sequence].to(dtype)
    ratio = log_ratio.detach().exp()
    bounded = ratio.clamp(1 - preset.clip_low, 1 + preset.clip_high)
    low, high, dual = ratio < 1 - preset.clip_low, ratio > 1 + preset.clip_high, torch.zeros_like(mask)
    if preset.surrogate == "clipped":
        low, high = low & (advantage < 0), high & (advantage > 0)
        surrogate = torch.minimum(ratio * advantage, bounded * advantage)
        if preset.dual_clip is not None:
            dual = (advantage < 0) & (surrogate < preset.dual_clip * advantage)
            surrogate = torch.where(dual, preset.dual_clip * advantage, surrogate)
        is_live = ~(low | high | dual)
        live_ratio = torch.where(is_live & (advantage != 0), log_ratio, 0.0).exp()  # else infinity times 0 in backward
        surrogate = torch.where(is_live, live_ratio * advantage, surrogate)
    else:
        surrogate = bounded * advantage * logprob
    importance = kept(tokens.importance)
    capped = importance > preset.importance_cap
    if tokens.importance is not None:
        surrogate = surrogate * importance.clamp(max=preset.importance_cap)
    kl_ref = torch.zeros_like(logprob)
    if tokens.ref_logprob is not None:
        kl_ref = estimated(kept(tokens.ref_logprob) - logprob, preset.kl)
    loss = -surrogate + preset.kl_coef * kl_ref - preset.entropy_coef * entropy
    weight = kept(tokens.weight) if tokens.weight is not None else mask.to(dtype)
    if tokens.weight is None and preset.average == "sequence":
        weight = weight / lengths.clamp(min=1)[sequence].to(dtype)
    total = torch.where(mask, loss, 0.0).double().mul(weight.double()).sum()
    with torch.no_grad():
        sums = [
            mask, mask & low, mask & high, mask & dual, kept(ratio), -token_log_ratio, token_log_ratio**2 / 2,
            estimated(token_log_ratio, "k3"), kl_ref, entropy, importance, importance**2, mask & capped,
        ]  # fmt: skip
        tokens_, *rest = (kept(value).double().sum() for value in sums)
        largest = torch.where(mask, ratio, float("-inf")).double().max() if len(mask) else -tokens_ / 0
        totals = torch.stack([total.detach(), tokens_, (lengths > 0).double().sum(), *rest[:4], largest, *rest[4:]])
    return total.to(dtype), totals


def estimated(log_ratio: Tensor, estimator: Divergence) -> Tensor:
    """Of log_ratio = log p - log q on tokens that q sampled: the estimate of q's divergence from p, see `Preset.kl`."""
    if estimator == "k1":
        return -log_ratio
    if estimator == "k2":
        return log_ratio**2 / 2
    exact = log_ratio.double()  # exp(d) - 1 - d in float32 is wrong by 5 % at d = 1e-3
    return (torch.expm1(exact) - exact).to(log_ratio.dtype)


# ---- the kernel


@triton.jit
def exp_minus_1_minus_x(x):
    """exp(x) - 1 - x without cancellation: by its series below 1/2, good to float64's last digits."""
    series = 1.0 + x * (1.0 / 15)
    for step in tl.static_range(12):
        series = 1.0 + x * series * (1.0 / (14 - step))
    return tl.where(tl.abs(x) < 0.5, 0.5 * x * x * series, tl.exp(x) - 1.0 - x)


@triton.jit
def divergence(d, ESTIMATOR: tl.constexpr):
    """The estimator's value for d = ref_logprob - logprob, and its derivative by logprob."""
    if ESTIMATOR == "k1":
        value = -d
        slope = tl.where(d == d, 1.0, d)
    elif ESTIMATOR == "k2":
        value = 0.5 * d * d
        slope = -d
    else:
        value = exp_minus_1_minus_x(d)
        slope = -(value + d)
    return value, slope


@triton.jit
def surrogate_terms(
    logprob, ratio, advantage, clip_min, clip_max, dual_clip, SURROGATE: tl.constexpr, HAS_DUAL: tl.constexpr
):
    """Of tokens of any shape: the surrogate, its derivative by logprob, and who was clipped low, high and dually.

    What is not a number stays so: a GPU's own minimum would take the other operand, and a broken log-prob be lost.
    """
    bounded = tl.clamp(ratio, clip_min, clip_max, propagate_nan=tl.PropagateNan.ALL)
    low = ratio < clip_min
    high = ratio > clip_max
    dual = advantage != advantage
    if SURROGATE == "clipped":
        free = ratio * advantage
        value = tl.minimum(free, bounded * advantage, propagate_nan=tl.PropagateNan.ALL)
        low = low & (advantage < 0)
        high = high & (advantage > 0)
        slope = tl.where(low | high, 0.0, free)
        if HAS_DUAL:
            dual = (advantage < 0) & (value < dual_clip * advantage)
            value = tl.where(dual, dual_clip * advantage, value)
            slope = tl.where(dual, 0.0, slope)
    else:
        slope = bounded * advantage
        value = slope * logprob
    idle = advantage == 0  # infinity times 0 is not 0
    return tl.where(idle, 0.0, value), tl.where(idle, 0.0, slope), low, high, dual


@triton.jit
def loss_kernel(
    logprob_ptr,
    old_ptr,
    advantage_ptr,
    mask_ptr,
    weight_ptr,
    ref_ptr,
    importance_ptr,
    entropy_ptr,
    cu_seqlens_ptr,
    logprob_grad_ptr,
    entropy_grad_ptr,
    partials_ptr,
    totals_ptr,
    ticket_ptr,
    clip_min,
    clip_max,
    dual_clip,
    kl_coef,
    entropy_coef,
    importance_cap,
    SURROGATE: tl.constexpr,
    HAS_DUAL: tl.constexpr,
    SEQUENCE_RATIO: tl.constexpr,
    SEQUENCE_AVERAGE: tl.constexpr,
    KL: tl.constexpr,
    WORK: tl.constexpr,
    BLOCK: tl.constexpr,
    NUM_TOTALS: tl.constexpr,
):
    """One program a sequence; the last one to finish adds up all, in the order of the sequences."""
    sequence = tl.program_id(0)
    first = tl.load(cu_seqlens_ptr + sequence)
    last = tl.load(cu_seqlens_ptr + sequence + 1)
    zero = tl.full((), 0, tl.float64)

    length = zero
    log_ratio_sum = zero
    if SEQUENCE_RATIO or SEQUENCE_AVERAGE:
        for start in range(first, last, BLOCK):
            index = start + tl.arange(0, BLOCK)
            inside = tl.load(mask_ptr + index, mask=index < last, other=0) != 0
            length += tl.sum(inside.to(tl.float64), 0)
            if SEQUENCE_RATIO:
                logprob = tl.load(logprob_ptr + index, mask=inside, other=0.0).to(WORK)
                log_ratio = logprob - tl.load(old_ptr + index, mask=inside, other=0.0).to(WORK)
                log_ratio_sum += tl.sum(log_ratio.to(tl.float64), 0)
    divisor = tl.maximum(length, 1.0).to(WORK)  # not in float64: its division is a call, around which registers spill
    sequence_weight = 1.0 / divisor
    sequence_log_ratio = log_ratio_sum.to(WORK) / divisor

    loss_sum = zero
    tokens = zero
    low_sum = zero
    high_sum = zero
    dual_sum = zero
    ratio_sum = zero
    ratio_max = tl.full((), float("-inf"), tl.float64)
    kl_1 = zero
    kl_2 = zero
    kl_3 = zero
    kl_ref = zero
    entropy_sum = zero
    importance_sum = zero
    importance_square = zero
    capped_sum = zero
    for start in range(first, last, BLOCK):
        index = start + tl.arange(0, BLOCK)
        within = index < last
        inside = tl.load(mask_ptr + index, mask=within, other=0) != 0
        logprob = tl.load(logprob_ptr + index, mask=inside, other=0.0).to(WORK)
        token_log_ratio = logprob - tl.load(old_ptr + index, mask=inside, other=0.0).to(WORK)
        advantage = tl.load(advantage_ptr + index, mask=inside, other=0.0).to(WORK)
        log_ratio = token_log_ratio
        if SEQUENCE_RATIO:
            log_ratio = tl.zeros((BLOCK,), WORK) + sequence_log_ratio
        ratio = tl.exp(log_ratio)
        value, slope, low, high, dual = surrogate_terms(
            logprob, ratio, advantage, clip_min, clip_max, dual_clip, SURROGATE, HAS_DUAL
        )
        if importance_ptr is not None:
            importance = tl.load(importance_ptr + index, mask=inside, other=0.0).to(WORK)
            capped = tl.minimum(importance, importance_cap, propagate_nan=tl.PropagateNan.ALL)
            value *= capped
            slope *= capped
            importance_sum += tl.sum(importance, 0).to(tl.float64)
            importance_square += tl.sum(importance * importance, 0).to(tl.float64)
            capped_sum += tl.sum((importance > importance_cap).to(tl.float32), 0).to(tl.float64)
        loss = -value
        gradient = -slope
        if ref_ptr is not None:
            ref = tl.load(ref_ptr + index, mask=inside, other=0.0).to(WORK)
            kl, kl_slope = divergence(ref - logprob, KL)
            loss += kl_coef * kl
            gradient += kl_coef * kl_slope
            kl_ref += tl.sum(tl.where(inside, kl, 0.0), 0).to(tl.float64)
        weight = tl.where(inside, 1.0, 0.0).to(WORK)
        if weight_ptr is not None:
            weight = tl.load(weight_ptr + index, mask=inside, other=0.0).to(WORK)
        elif SEQUENCE_AVERAGE:
            weight *= sequence_weight
        if entropy_ptr is not None:
            entropy = tl.load(entropy_ptr + index, mask=inside, other=0.0).to(WORK)
            loss -= entropy_coef * entropy
            entropy_sum += tl.sum(entropy, 0).to(tl.float64)
            if entropy_grad_ptr is not None:
                tl.store(entropy_grad_ptr + index, -entropy_coef * weight, mask=within)
        if logprob_grad_ptr is not None:
            tl.store(logprob_grad_ptr + index, tl.where(inside, gradient * weight, 0.0), mask=within)
        loss_sum += tl.sum(tl.where(inside, loss, 0.0).to(tl.float64) * weight.to(tl.float64), 0)
        tokens += tl.sum(inside.to(tl.float32), 0).to(tl.float64)
        low_sum += tl.sum((inside & low).to(tl.float32), 0).to(tl.float64)
        high_sum += tl.sum((inside & high).to(tl.float32), 0).to(tl.float64)
        dual_sum += tl.sum((inside & dual).to(tl.float32), 0).to(tl.float64)
        ratio_sum += tl.sum(tl.where(inside, ratio, 0.0), 0).to(tl.float64)
        ratio_max = tl.maximum(ratio_max, tl.max(tl.where(inside, ratio, float("-inf")), 0).to(tl.float64))
        kl_1 += tl.sum(-token_log_ratio, 0).to(tl.float64)
        kl_2 += tl.sum(0.5 * token_log_ratio * token_log_ratio, 0).to(tl.float64)
        kl_3 += tl.sum(exp_minus_1_minus_x(token_log_ratio), 0).to(tl.float64)

    row_ptr = partials_ptr + sequence.to(tl.int64) * NUM_TOTALS
    tl.store(row_ptr, loss_sum)
    tl.store(row_ptr + 1, tokens)
    tl.store(row_ptr + 2, (tokens > 0).to(tl.float64))
    tl.store(row_ptr + 3, low_sum)
    tl.store(row_ptr + 4, high_sum)
    tl.store(row_ptr + 5, dual_sum)
    tl.store(row_ptr + 6, ratio_sum)
    tl.store(row_ptr + 7, ratio_max)
    tl.store(row_ptr + 8, kl_1)
    tl.store(row_ptr + 9, kl_2)
    tl.store(row_ptr + 10, kl_3)
    tl.store(row_ptr + 11, kl_ref)
    tl.store(row_ptr + 12, entropy_sum)
    tl.store(row_ptr + 13, importance_sum)
    tl.store(row_ptr + 14, importance_square)
    tl.store(row_ptr + 15, capped_sum)

    # All stores of this program before its ticket; the ticket's release and acquire make them seen by the last one.
    tl.debug_barrier()
    num_sequences = tl.num_programs(0)
    if tl.atomic_add(ticket_ptr, 1, sem="acq_rel", scope="gpu") == num_sequences - 1:
        tl.debug_barrier()
        column = tl.arange(0, NUM_TOTALS)
        is_max = column == RATIO_MAX
        total = tl.where(is_max, float("-inf"), tl.zeros((NUM_TOTALS,), tl.float64))
        for start in range(0, num_sequences, 64):
            row = start + tl.arange(0, 64)
            there = (row < num_sequences)[:, None]
            at = partials_ptr + row.to(tl.int64)[:, None] * NUM_TOTALS + column[None, :]
            part = tl.load(at, mask=there, other=0.0, volatile=True)
            highest = tl.max(tl.where(there, part, float("-inf")), 0)
            total = tl.where(is_max, tl.maximum(total, highest), total + tl.sum(part, 0))
        tl.store(totals_ptr + column, total)


def kernel_sums(
    tokens: Tokens, preset: Preset, *, gradients: bool = True
) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """[NUM_TOTALS] float64, the undivided loss first, and its gradients by logprob and entropy, [T] each."""
    dtype, device = work_type(tokens.logprob.dtype), tokens.logprob.device
    num_sequences = len(tokens.cu_seqlens) - 1
    has_entropy_grad = gradients and tokens.entropy is not None
    zeros = torch.zeros(2, len(tokens.logprob), dtype=dtype, device=device)  # for tokens of no sequence
    logprob_grad, entropy_grad = zeros[0] if gradients else None, zeros[1] if has_entropy_grad else None
    partials = torch.empty(num_sequences, NUM_TOTALS, dtype=torch.float64, device=device)
    totals = torch.empty(NUM_TOTALS, dtype=torch.float64, device=device)
    given = tokens.take(slice(None), tokens.cu_seqlens)
    loss_kernel[(num_sequences,)](
        *(given.logprob, given.old_logprob, given.advantage, given.mask.bool().view(torch.int8), given.weight),
        *(given.ref_logprob, given.importance, given.entropy, given.cu_seqlens),
        *(logprob_grad, entropy_grad, partials, totals),
        torch.zeros(1, dtype=torch.int32, device=device),
        *(1 - preset.clip_low, 1 + preset.clip_high, preset.dual_clip or 0.0),
        *(preset.kl_coef, preset.entropy_coef, preset.importance_cap),
        SURROGATE=preset.surrogate,
        HAS_DUAL=preset.dual_clip is not None,
        SEQUENCE_RATIO=preset.ratio == "sequence",
        SEQUENCE_AVERAGE=preset.average == "sequence" and tokens.weight is None,
        KL=preset.kl,
        WORK=triton_type(dtype),
        NUM_TOTALS=NUM_TOTALS,
        **launch_options("policy_loss", len(tokens.logprob)),
    )
    return totals, logprob_grad, entropy_grad


class _WithGradient(torch.autograd.Function):
    """The gradient is made together with the loss; backward only scales it."""

    @staticmethod
    def forward(
        ctx: Any, logprob: Tensor, entropy: Tensor | None, tokens: Tokens, preset: Preset
    ) -> tuple[Tensor, Tensor]:
        totals, logprob_grad, entropy_grad = kernel_sums(tokens, preset)
        ctx.save_for_backward(logprob_grad, entropy_grad)
        ctx.dtypes = logprob.dtype, None if entropy is None else entropy.dtype
        ctx.mark_non_differentiable(totals)
        return totals[0].to(work_type(logprob.dtype)), totals

    @staticmethod
    def backward(ctx: Any, grad: Tensor, _: Tensor) -> tuple[Tensor, Tensor | None, None, None]:
        logprob_grad, entropy_grad = ctx.saved_tensors
        by_entropy = None if entropy_grad is None else (grad * entropy_grad).to(ctx.dtypes[1])
        return (grad * logprob_grad).to(ctx.dtypes[0]), by_entropy, None, None
