"""[sampling], [shaping], [objective], [optim], [[sft]]: how completions are sampled and what is learned from them."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from benchmarks import ProblemSource
from trainer.preset import PRESETS, AdvantageMode, Average, Correction, Divergence, Preset, PresetName
from trainer.settings import Table


class Sampling(Table):
    """How completions are sampled for training."""

    sampler: Literal["vllm", "plain"] = "vllm"
    """vllm, or plain: the trained model's own forward pass, slow and exact, for tests."""
    group: int = Field(16, ge=2)
    """Completions for each problem; advantages are relative to their group."""
    temperature: float = Field(1.0, gt=0)
    max_new_tokens: int = Field(1024, ge=1)
    gpu_memory: float = Field(0.4, gt=0, lt=1)
    """Share of a GPU's memory that vLLM takes."""
    cpu_cache_gib: int = Field(1, ge=1)
    """On a CPU, the most that its keys and values take; less where the longest sequences all at once need less."""
    max_staleness: int = Field(0, ge=0)
    """Updates that the policy may be ahead of the one that began a completion that it learns from. 0: it has sampled
    that itself, exactly. 1: the next step is sampled while this one is learned. More: sampling goes on while weights
    are replaced, in the midst of completions, so that a run cannot be repeated to the bit."""

    sleep: bool = False
    """vLLM gives back what it has of a GPU while the policy learns, and keeps its weights in the host's memory."""

    @model_validator(mode="after")
    def _can_look_ahead(self) -> Sampling:
        if self.max_staleness and self.sampler == "plain":
            raise ValueError("max_staleness: the plain sampler is the trained model itself and cannot look ahead")
        return self

    @model_validator(mode="after")
    def _rests(self) -> Sampling:
        if self.sleep and self.sampler == "plain":
            raise ValueError("sleep: the plain sampler is the trained model itself; leave it out")
        if self.sleep and self.max_staleness:
            raise ValueError(
                "sleep: with max_staleness the sampler works while the policy learns; leave out one of them"
            )
        return self

    @model_validator(mode="before")
    @classmethod
    def _untruncated(cls, values: Any) -> Any:
        for name in ("top_p", "top_k", "min_p"):
            if isinstance(values, dict) and name in values:
                raise ValueError(
                    f"{name}: training samples from the whole distribution, or the ratio of trainer to sampler would "
                    "be wrong by the mass that was cut off; leave it out (evaluation has one of its own)"
                )
        return values


class Shaping(Table):
    """How scores become rewards, and what is learned from completions that are cut off at max_new_tokens."""

    overlong: Literal["keep", "mask", "soft"] = "keep"
    """keep: learned from like any other. mask: left out of the loss, but not of their group's baseline (DAPO, sec.
    3.4). soft: the score less a punishment that grows with length (DAPO, eq. 13)."""
    length_limit: int | None = Field(None, ge=1)
    """Tokens of a completion from which the soft punishment is all of 1. Default: sampling.max_new_tokens."""
    length_cache: int | None = Field(None, ge=1)
    """Tokens before that limit over which it rises from 0 (DAPO has 4096 before 20480)."""

    @model_validator(mode="after")
    def _soft(self) -> Shaping:
        if self.overlong == "soft" and self.length_cache is None:
            raise ValueError('overlong = "soft" needs length_cache: over how many tokens the punishment rises')
        if self.overlong != "soft" and (self.length_cache or self.length_limit):
            raise ValueError(f'length_limit and length_cache do nothing with overlong = "{self.overlong}"')
        return self


class Objective(Table):
    """What is optimised: a paper's method (`trainer/preset.py`), and what is to be different about it."""

    preset: PresetName = "dapo"
    advantage: AdvantageMode | None = None
    """Default of this and of all that follow up to `entropy_coef`: the preset's."""
    average: Average | None = None
    clip_low: float | None = Field(None, ge=0, le=1)
    """The ratio to the sampling policy is clipped to 1 - clip_low … 1 + clip_high."""
    clip_high: float | None = Field(None, ge=0)
    dual_clip: float | None = Field(None, gt=1)
    kl_coef: float | None = Field(None, ge=0)
    """Weight of the divergence from the reference policy: the policy that reinforcement learning starts from."""
    kl: Divergence | None = None
    kl_in: Literal["loss", "reward"] | None = None
    entropy_coef: float | None = Field(None, ge=0)
    reference_every: int = Field(0, ge=0)
    """Steps after which the reference becomes the policy of that moment; 0: never."""
    correction: Correction = "none"
    """How tokens are weighed whose probability for the trainer is not what it was for the sampler. none: the ratio is
    taken to the sampler's own log-probs. Else to the trainer's, computed again before the update, and each token is
    weighed by trainer over sampler, truncated or masked, token by token or by the geometric mean of its sequence."""
    correction_bounds: tuple[float, float] = (0.5, 2.0)
    """truncate: at most the second; mask: 0 outside of them."""

    @property
    def method(self) -> Preset:
        """The preset with what is different about it."""
        names = ("advantage", "average", "clip_low", "clip_high", "dual_clip", "kl_coef", "kl", "kl_in", "entropy_coef")
        changes = {name: value for name in names if (value := getattr(self, name)) is not None}
        # Weights come truncated already, in all forms of correction alike.
        return replace(PRESETS[self.preset], importance_cap=math.inf, **changes)

    @model_validator(mode="after")
    def _safe(self) -> Objective:
        method = self.method
        if method.kl_coef and method.kl_in == "loss" and method.kl == "k1":
            raise ValueError('kl: k1 in the loss has no gradient on average; use k2 or k3, or kl_in = "reward"')
        if method.kl_coef and method.kl_in == "reward" and method.kl != "k1":
            raise ValueError(f"kl: {method.kl} in the reward is not a divergence on average; use k1")
        if self.preset == "cispo" and method.clip_high < 1:
            raise ValueError(f"clip_high: {method.clip_high} is for PPO's clip; CISPO's weight goes up to 1 + 4")
        if self.preset == "gspo" and max(method.clip_low, method.clip_high) > 0.05:
            raise ValueError("clip_low, clip_high: a mean over a sequence hardly moves; GSPO's are 3e-4 and 4e-4")
        if self.reference_every and not method.kl_coef:
            raise ValueError("reference_every: there is no reference without kl_coef")
        low, high = self.correction_bounds
        if not 0 <= low < 1 < high:
            raise ValueError(f"correction_bounds: {low}, {high}: must have 1 between them")
        return self


Beta = Annotated[float, Field(ge=0, lt=1)]


class OptimConfig(Table):
    """How gradients become steps. Rates rise over `warmup` steps and fall linearly to `final` of their peak."""

    lr: float = Field(1e-6, gt=0)
    """Peak learning rate of AdamW."""
    muon_lr: float | None = Field(None, gt=0)
    """If given, Muon (Jordan et al. 2024) updates the hidden matrices at this rate, and AdamW the rest."""
    state: Literal["float32", "8bit"] = "float32"
    """How AdamW keeps its two moments; 8bit: in blocks of 256, by bitsandbytes (arXiv 2110.02861), a quarter of the
    memory. Muon's stays float32."""
    betas: tuple[Beta, Beta] = (0.9, 0.95)
    weight_decay: float = Field(0.0, ge=0)
    warmup: int = Field(5, ge=0)
    """Steps."""
    final: float = Field(0.1, ge=0, le=1)
    max_grad_norm: float = Field(1.0, gt=0)
    """Gradients are scaled down to this norm when they exceed it."""


class SupervisedStage(Table):
    """One stage of supervised learning on worked completions."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    """Of its checkpoint and of the evaluation after it, which stand beside those of steps, named by their number."""
    data: ProblemSource
    styles: dict[str, float] = Field(default_factory=lambda: {"worked": 1.0})
    """Which of the set's styles of completion to imitate, with their shares; shares add up to 1."""
    steps: int = Field(ge=1)
    batch: int = Field(32, ge=1)
    """Completions a step."""
    optim: OptimConfig = OptimConfig()

    @model_validator(mode="after")
    def _shares(self) -> SupervisedStage:
        if abs(sum(self.styles.values()) - 1) > 1e-6 or min(self.styles.values()) < 0:
            raise ValueError(f"styles: shares add up to {sum(self.styles.values()):g}, not to 1")
        return self
