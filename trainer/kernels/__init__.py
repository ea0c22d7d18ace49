"""Advantages, log-probs and losses on the GPU: each a reference, a Triton kernel and one function that picks."""

from trainer.kernels.advantage import Advantages, group_advantages
from trainer.kernels.head import grpo_head, loss_weights
from trainer.kernels.logprob import LogProbs, linear_logprob
from trainer.kernels.loss import PolicyLoss, policy_loss
from trainer.kernels.segment import Segments, segment_reduce
from trainer.preset import PRESETS, AdvantageMode, Preset, PresetName

__all__ = [
    "PRESETS",
    "AdvantageMode",
    "Advantages",
    "LogProbs",
    "PolicyLoss",
    "Preset",
    "PresetName",
    "Segments",
    "group_advantages",
    "grpo_head",
    "linear_logprob",
    "loss_weights",
    "policy_loss",
    "segment_reduce",
]
