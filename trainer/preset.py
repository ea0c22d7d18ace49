"""One row for each paper: how its advantages and its loss are made of shared pieces, and with which numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

PresetName = Literal["grpo", "dr_grpo", "dapo", "gspo", "cispo", "rloo", "reinforce_pp"]
AdvantageMode = Literal["grpo", "dr_grpo", "rloo", "max_abs", "batch_std", "reinforce_pp"]
"""How scores become advantages: formulas in `trainer.kernels.group_advantages`."""
Average = Literal["token", "sequence", "sequence_sum", "prompt", "constant"]
Divergence = Literal["k1", "k2", "k3"]
Correction = Literal["none", "token_truncate", "token_mask", "sequence_truncate", "sequence_mask"]
"""How the trainer's distance from its sampler is made up for: `objective.importance_of`."""


@dataclass(frozen=True, slots=True)
class Preset:
    """A method. For a change, `dataclasses.replace(PRESETS["grpo"], clip_high=0.28)`.

    Of token t with ratio r = exp(logprob - old_logprob), advantage A, r' = clip(r, 1 - clip_low, 1 + clip_high):
    loss_t = -importance_t * surrogate_t + kl_coef * kl_t - entropy_coef * entropy_t, and the average is of all three
    (TRL's entropy bonus is a mean over tokens, whatever its loss is).
    """

    advantage: AdvantageMode
    surrogate: Literal["clipped", "weighted"]
    """clipped: min(r A, r' A), PPO's (arXiv 1707.06347, eq. 7). weighted: r' A logprob with r' held constant."""
    ratio: Literal["token", "sequence"]
    """sequence: every token's r is the geometric mean of its sequence's (arXiv 2507.18071, eq. 7 and 14)."""
    average: Average
    """How tokens add up. token: all alike. sequence: by 1 / length of their sequence, so that sequences are alike.
    prompt: by 1 / tokens of their group, so that problems are alike (ScaleRL, arXiv 2510.13786). sequence_sum: all
    alike, and the sum is divided by the number of sequences; constant: by sequences x longest completion allowed.
    The last three need to know more than tokens: `objective.weights_of` does."""
    clip_low: float
    clip_high: float
    dual_clip: float | None = None
    """At least this times A for a negative A (arXiv 1912.09729, eq. 5); clipped surrogate only. No paper below has one;
    verl always does, of 3, and TRL calls it delta."""
    kl: Divergence = "k3"
    """Estimator of the divergence from the reference policy (Schulman 2020), with d = ref_logprob - logprob:
    k1 = -d, k2 = d^2 / 2, k3 = exp(d) - 1 - d. In the loss its gradient is taken as it stands. Of a token that the
    policy would itself sample, the gradient of k2 is that of the divergence on average, k3's that of the opposite one.
    Nothing is clamped (verl: k3 to 10, from where on it no longer pulls back)."""
    kl_coef: float = 0.0
    """Counts when a `ref_logprob` is given."""
    kl_in: Literal["loss", "reward"] = "loss"
    """reward: kl_coef times the sum of -d over a completion's tokens is taken off its score (k1, before the update)."""
    entropy_coef: float = 0.0
    importance_cap: float = 2.0
    """Importance weights are truncated here (TIS: Yao et al. 2025; see also IMPALA, arXiv 1802.01561)."""

    def __post_init__(self) -> None:
        if self.clip_low < 0 or self.clip_high < 0:
            raise ValueError(f"clip_low={self.clip_low}, clip_high={self.clip_high}: neither may be negative")
        if self.dual_clip is not None and (self.dual_clip <= 1 or self.surrogate != "clipped"):
            raise ValueError(f"dual_clip={self.dual_clip}: must be above 1, and the surrogate clipped")
        if self.ratio == "sequence" and self.surrogate != "clipped":
            raise ValueError("ratio='sequence': only the clipped surrogate has one")
        if self.importance_cap <= 0:
            raise ValueError(f"importance_cap={self.importance_cap}: must be above 0")

    def check_normalizer(self, normalizer: object) -> None:
        """Raise ValueError if none is given and this average has no default."""
        if self.average == "prompt":
            raise ValueError("average='prompt': tokens do not say whose they are; pass loss_weight to grpo_head")
        if self.average == "constant" and normalizer is None:
            raise ValueError("normalizer: average='constant' divides by sequences x longest completion allowed")


# With the same numbers in both, TRL 1.16 and verl have the same losses and gradients. Their defaults are other numbers.
PRESETS: dict[PresetName, Preset] = {
    # DeepSeekMath, arXiv 2402.03300, eq. 3 and 4; KL of section 4.2, which has no number for the clip: PPO's
    "grpo": Preset("grpo", "clipped", "token", "sequence", 0.2, 0.2, kl_coef=0.04),
    # arXiv 2503.20783, section 3.2: neither 1 / length nor 1 / std; divided by sequences x longest completion allowed
    "dr_grpo": Preset("dr_grpo", "clipped", "token", "constant", 0.2, 0.2),
    # arXiv 2503.14476, eq. 8, section 4.1. That equation is of one problem; over the groups of a step all their tokens
    # are alike, as in its authors' code (verl's token-mean) and TRL; "prompt" is the other way to read it. CISPO too.
    "dapo": Preset("grpo", "clipped", "token", "token", 0.2, 0.28),
    # arXiv 2507.18071, eq. 5, section 5.1
    "gspo": Preset("grpo", "clipped", "sequence", "sequence", 3e-4, 4e-4),
    # MiniMax-M1, arXiv 2506.13585, eq. 4: no lower bound; the upper, 5, is ScaleRL's (arXiv 2510.13786). TRL's
    # epsilon_high is that bound itself: 5 for a clip_high of 4.
    "cispo": Preset("grpo", "weighted", "token", "token", 1.0, 4.0),
    # arXiv 2402.14740, eq. 8: REINFORCE on the whole answer, so the ratio is held at 1 (TRL's RLOO clips the ratio of
    # whole answers, as PPO would); its KL belongs to the reward
    "rloo": Preset("rloo", "weighted", "token", "sequence_sum", 0.0, 0.0, kl="k1", kl_in="reward"),
    # REINFORCE++ with baseline, arXiv 2501.03262v9, section 3.2: PPO's clip on tokens, k2 in the loss
    "reinforce_pp": Preset("reinforce_pp", "clipped", "token", "token", 0.2, 0.2, kl="k2"),
}


def resolved(preset: PresetName | Preset) -> Preset:
    """The row of that name; a `Preset` is itself."""
    if isinstance(preset, Preset):
        return preset
    if preset not in PRESETS:
        raise ValueError(f"preset={preset!r}: there are {', '.join(PRESETS)}")
    return PRESETS[preset]
