"""From scores to what is learned from: rewards, advantages, and what each token weighs in the loss.

The losses themselves are rows of `trainer/preset.py`; `trainer.kernels.grpo_head` computes them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import torch

from trainer.kernels import group_advantages
from trainer.preset import AdvantageMode, Average, Correction

HIGHEST = 80.0
"""Nats: the exponential of much more is infinite in float32."""


def advantages_of(groups: Sequence[Sequence[float]], *, mode: AdvantageMode) -> list[list[float]]:
    """One advantage for each reward, group by group; a nan reward (unjudged) has 0."""
    sizes = [len(rewards) for rewards in groups]
    flat = torch.tensor([reward for rewards in groups for reward in rewards])
    offsets = torch.tensor([0, *sizes], dtype=torch.int32).cumsum(0, dtype=torch.int32)
    return [part.tolist() for part in torch.split(group_advantages(flat, offsets, mode=mode).sequence, sizes)]


def less_divergence(
    rewards: Sequence[float],
    logprobs: Sequence[Sequence[float]],
    ref_logprobs: Sequence[Sequence[float]],
    *,
    coef: float,
) -> list[float]:
    """Each completion's reward less coef times its log-ratio to the reference policy, summed over its tokens.

    The k1 estimate of the divergence, as RLOO (arXiv 2402.14740, eq. 3) and PPO for language models have it.
    """
    return [
        reward - coef * math.fsum(p - q for p, q in zip(ours, theirs, strict=True))
        for reward, ours, theirs in zip(rewards, logprobs, ref_logprobs, strict=True)
    ]


def divergence_of(logprobs: Iterable[Sequence[float]], other: Iterable[Sequence[float]]) -> float:
    """Mean over tokens of the k3 estimate (Schulman 2020) of the other policy's divergence, which sampled them.

    Huge, and no error, for log-probs that are hundreds of nats apart.
    """
    logs = [p - q for ours, theirs in zip(logprobs, other, strict=True) for p, q in zip(ours, theirs, strict=True)]
    return math.fsum(math.expm1(min(log, HIGHEST)) - log for log in logs) / max(1, len(logs))


def weights_of(
    lengths: Sequence[Sequence[int]], average: Average, *, longest: int, totals: Sequence[float]
) -> list[list[float]]:
    """What a token of each completion weighs in the loss, for completions of these lengths, group by group.

    A length of 0 stands for a completion that does not count: unjudged, or masked. `totals` are those of the whole
    optimizer step, over all ranks: see `totals_of`. `longest`: the longest completion allowed.
    """
    tokens, sequences, groups = (max(1.0, total) for total in totals)
    weights = []
    for group in lengths:
        in_group = max(1, sum(group))
        by_average: dict[Average, list[float]] = {
            "token": [1 / tokens] * len(group),
            "sequence": [1 / (sequences * max(1, length)) for length in group],
            "prompt": [1 / (groups * in_group)] * len(group),
            "sequence_sum": [1 / sequences] * len(group),
            "constant": [1 / (sequences * longest)] * len(group),
        }
        counted = zip(by_average[average], group, strict=True)
        weights.append([weight if length else 0.0 for weight, length in counted])
    return weights


def totals_of(lengths: Sequence[Sequence[int]]) -> list[float]:
    """Tokens, completions and groups that count."""
    counting = [[length for length in group if length] for group in lengths]
    return [sum(map(sum, counting)), sum(map(len, counting)), sum(1.0 for group in counting if group)]


def importance_of(
    old_logprobs: Sequence[float],
    sampler_logprobs: Sequence[float],
    *,
    correction: Correction,
    bounds: tuple[float, float],
) -> list[float]:
    """What each token of a completion weighs because another program sampled it than the one that learns.

    The ratio of the trainer's old policy to the sampler, of the token, or (sequence) the geometric mean over the
    completion: a bare product, which TRL has, grows with length. truncate: at most the upper bound (TIS, Yao et al.
    2025). mask: 0 outside the bounds (IcePop, arXiv 2510.18855).
    """
    logs = [ours - theirs for ours, theirs in zip(old_logprobs, sampler_logprobs, strict=True)]
    if correction.startswith("sequence"):
        logs = [math.fsum(logs) / max(1, len(logs))] * len(logs)
    ratios = [math.exp(min(log, HIGHEST)) for log in logs]
    low, high = bounds
    if correction.endswith("mask"):
        return [ratio if low <= ratio <= high else 0.0 for ratio in ratios]
    return [min(ratio, high) for ratio in ratios]
