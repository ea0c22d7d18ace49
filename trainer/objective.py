"""Advantages and losses in the order of the papers: pure functions on tensors.

S completions, G groups, M tokens.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

AdvantageMode = Literal["grpo", "dr_grpo"]


def group_advantages(scores: Tensor, group_offsets: Tensor, *, mode: AdvantageMode = "grpo") -> Tensor:
    """How much better each completion did than the others on its problem: [S] -> [S], float32.

    `group_offsets` [G+1]: completions of group g are offsets[g] … offsets[g+1]. A nan score (unjudged) gets advantage 0
    and is left out of its group's mean and deviation. grpo: (r - mean) / std, std with n - 1 (DeepSeekMath, arXiv
    2402.03300, section 4.1.2); dr_grpo: r - mean (arXiv 2503.20783, eq. 3). A group whose scores are all equal gets
    exactly 0, decided by comparing scores and not by a small std: rounding residue over a small std is not a signal.
    """
    scores = scores.double()
    num_groups = len(group_offsets) - 1
    sizes = group_offsets[1:] - group_offsets[:-1]
    group = torch.repeat_interleave(torch.arange(num_groups, device=scores.device), sizes)
    judged = ~scores.isnan()
    kept = torch.where(judged, scores, 0.0)

    def total(values: Tensor) -> Tensor:
        return torch.zeros(num_groups, dtype=torch.float64, device=scores.device).index_add_(0, group, values)

    count = total(judged.double())
    centred = torch.where(judged, kept - (total(kept) / count.clamp(min=1))[group], 0.0)
    order = torch.arange(len(scores), device=scores.device)
    first = torch.full_like(group_offsets[1:], len(scores)).scatter_reduce_(
        0, group, torch.where(judged, order, len(scores)), "amin"
    )
    differs = judged & (kept != torch.cat([kept, kept.new_zeros(1)])[first][group])
    has_spread = (total(differs.double()) > 0)[group]
    if mode == "grpo":
        std = (total(centred**2) / (count - 1).clamp(min=1)).sqrt()
        centred = centred / torch.where(has_spread, std[group], 1.0)
    return torch.where(has_spread & judged, centred, 0.0).float()


@dataclass(frozen=True, slots=True)
class PolicyLoss:
    """Sums over M tokens, to be divided by the number of tokens that the whole step learns from."""

    loss: Tensor
    """Carries the gradient."""
    clipped_low: Tensor
    """Tokens whose gradient the lower bound removed (negative advantage, ratio already below it)."""
    clipped_high: Tensor
    kl: Tensor
    """Of the sampling policy from the present one: k3 = r - 1 - log r with r = present / old (Schulman 2020)."""


def clipped_loss(
    logprob: Tensor, old_logprob: Tensor, advantage: Tensor, *, clip_low: float, clip_high: float
) -> PolicyLoss:
    """Token-level clipped surrogate, [M] each: -min(r A, clip(r, 1 - low, 1 + high) A), r = exp(logprob - old_logprob).

    PPO (arXiv 1707.06347, eq. 7) with the asymmetric bounds and the token sum of DAPO (arXiv 2503.14476, eq. 8).
    """
    log_ratio = logprob - old_logprob
    ratio = log_ratio.exp()
    clipped = ratio.clamp(1 - clip_low, 1 + clip_high)
    loss = -torch.minimum(ratio * advantage, clipped * advantage)
    with torch.no_grad():
        low = (ratio < 1 - clip_low) & (advantage < 0)
        high = (ratio > 1 + clip_high) & (advantage > 0)
        kl = torch.expm1(log_ratio) - log_ratio
    return PolicyLoss(loss.sum(), low.sum(), high.sum(), kl.sum())


def token_logprobs(logits: Tensor, targets: Tensor, *, temperature: float = 1.0) -> tuple[Tensor, Tensor]:
    """Log-prob of each target and entropy of its distribution, in float32: logits [M, V], targets [M] -> [M], [M]."""
    log_p = torch.log_softmax(logits.float() / temperature, dim=-1)
    entropy = -(log_p.detach().exp() * log_p.detach()).sum(-1)
    return log_p.gather(-1, targets[:, None]).squeeze(-1), entropy
