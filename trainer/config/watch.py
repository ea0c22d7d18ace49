"""[eval], [checkpoints], [health]: how a run is measured, saved and stopped."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from benchmarks import ProblemSource
from trainer.settings import Table


class Evaluation(Table):
    """Held-out evaluation before, during and after training."""

    data: ProblemSource
    every: int = Field(0, ge=0)
    """Steps between evaluations during training; 0: only before and after."""
    samples: int = Field(4, ge=1)
    """Completions for each problem at `temperature`."""
    temperature: float = Field(1.0, ge=0)
    greedy: bool = True
    """Also one completion for each problem at temperature 0, before and after training."""
    during_problems: int = Field(150, ge=1)
    """Problems, and one completion each, of an evaluation during training."""
    max_new_tokens: int | None = Field(None, ge=1)
    """Default: that of training."""


class Checkpoints(Table):
    """When the run is saved and what is kept of it; the start, the end of each stage and of the run always are."""

    every: int = Field(20, ge=1)
    """Steps."""
    keep: int = Field(2, ge=1)
    """How many of the newest stay."""
    best: int = Field(0, ge=0)
    """How many stay besides, by the score of the evaluation at their step; `every` must then divide eval.every."""


WarningName = Literal[
    "non_finite",
    "score_collapse",
    "entropy_collapse",
    "truncation_rising",
    "reward_up_held_out_down",
    "identical_completions",
    "score_without_working",
    "answer_concentrated",
    "gradient_spike",
    "kl_drift",
    "unjudged_rising",
    "zero_groups",
]
Action = Literal["ignore", "warn", "pause", "stop"]


class HealthConfig(Table):
    """When a run is not well, and what to do then: each threshold has the name of its warning.

    "Now" is the median of the last `window` steps and "the start" that of the first, so one odd step is no trend; what
    rose or fell has done so by more than its middle half spreads.
    """

    actions: dict[WarningName, Action] = Field(default_factory=dict)
    """By warning: ignore, warn, pause (save a checkpoint and end; the same command goes on) or stop (the same, as a
    failure). Default: warn; non_finite always stops."""
    window: int = Field(10, ge=4)
    """Steps."""
    repeat: int = Field(20, ge=1)
    """A warning that still holds is given again after this many steps, not sooner (a run that was paused or stopped for
    it goes on that long); non_finite at every step."""
    solved: float = Field(0.9, gt=0, le=1)
    """From this score on, low entropy is success and no warning."""
    score_collapse: float = Field(0.5, gt=0, lt=1)
    """The score is now less than this share of that of its best window, and no step now as good as any then."""
    entropy_collapse: float = Field(0.1, gt=0, lt=1)
    """The entropy is now less than this share of that at the start, and the score below `solved`."""
    truncation_rising: float = Field(0.2, gt=0, lt=1)
    """More completions than at the start are cut off, by this share of all."""
    reward_up_held_out_down: float = Field(0.05, gt=0, lt=1)
    """The held-out score (median of three evaluations) is this much below its best, and three standard errors, while
    the training score is above what it was then."""
    identical_completions: float = Field(0.5, gt=0, le=1)
    """This share of the completions are texts that a quarter of the problems share word for word, or this share of the
    groups is one text that fails. Multiple choice answered without working is like that in good health."""
    score_without_working: float = Field(0.25, gt=0, lt=1)
    """Correct completions have less than this share of the working (text besides the answer) that they had at the
    start, while their verifier's score is up."""
    answer_concentrated: float = Field(0.5, gt=0, le=1)
    """One answer gets this share of the score, on three or more problems whose specs differ."""
    gradient_spike: float = Field(5.0, gt=1)
    """The gradient's norm is this many times the largest of the `window` steps before."""
    kl_drift: float = Field(0.05, gt=0)
    """The divergence of policy and sampler (kl/sampler, nats a token) is above this now."""
    unjudged_rising: float = Field(0.02, gt=0, lt=1)
    """More completions than at the start could not be judged, by this share of all."""
    zero_groups: float = Field(0.95, gt=0, le=1)
    """This share of the groups has no spread: there is nothing to learn from them."""

    @model_validator(mode="after")
    def _non_finite_stops(self) -> HealthConfig:
        if self.actions.get("non_finite", "stop") != "stop":
            raise ValueError("actions.non_finite always stops: a loss that is not a number can teach nothing")
        return self

    def action(self, name: WarningName) -> Action:
        return self.actions.get(name, "stop" if name == "non_finite" else "warn")
