"""A run is one TOML file; this is its top level, and what its tables must agree on."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from sandbox import SandboxConfig
from trainer.config.data import Curriculum, DataSources, DynamicSampling
from trainer.config.learning import Objective, OptimConfig, Sampling, Shaping, SupervisedStage
from trainer.config.model import ModelConfig
from trainer.config.watch import Checkpoints, Evaluation, HealthConfig
from trainer.settings import MAX_SEED, Table


class RunConfig(Table):
    """One training run."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    """The run directory is `runs/NAME`."""
    seed: int = Field(1, ge=0, le=MAX_SEED)
    steps: int = Field(ge=0)
    """Steps of reinforcement learning."""
    problems: int = Field(32, ge=1)
    """Problems a step; each gets `sampling.group` completions."""
    minibatches: int = Field(1, ge=1)
    """Optimizer steps that a step's completions are split into."""
    micro_batch_tokens: int = Field(16384, ge=16)
    """Tokens, padding included, in one forward and backward pass; bounds memory, changes no result."""
    max_prompt_tokens: int = Field(1024, ge=1)
    """Longer prompts are counted by length, and left out or refused."""
    long_prompts: Literal["drop", "refuse"] = "drop"
    """refuse: the run does not start with one that is too long."""
    max_unjudged: float = Field(0.1, ge=0, le=1)
    """The run stops when a larger share of a step's completions could not be judged."""
    weight_tolerance: float | None = Field(None, gt=0)
    """The run stops when, after a weight update, the sampler's log-probs on fixed tokens differ more than this from the
    policy's (mean absolute difference). Default: 1e-4 for float32, 5e-2 for bfloat16, in which vLLM rounds logits: that
    alone moves the log-prob of a prompt's token by 1e-2 and more."""
    model: ModelConfig
    data: DataSources
    curriculum: Curriculum | None = None
    """Without the table, every problem comes once in each epoch."""
    dynamic: DynamicSampling | None = None
    """Without the table, a step learns from the problems that it asked for, whether or not their groups have spread."""
    shaping: Shaping = Shaping()
    sft: tuple[SupervisedStage, ...] = ()
    """Supervised stages before reinforcement learning, in order."""
    sampling: Sampling = Sampling()
    objective: Objective = Objective()
    optim: OptimConfig = OptimConfig()
    eval: Evaluation | None = None
    checkpoints: Checkpoints = Checkpoints()
    health: HealthConfig = HealthConfig()
    sandbox: SandboxConfig = SandboxConfig()

    @model_validator(mode="after")
    def _fits(self) -> RunConfig:
        fresh = self.model.fresh
        if self.problems % self.minibatches:
            raise ValueError(f"minibatches: {self.minibatches} does not divide problems = {self.problems}")
        evals = self.eval.every if self.eval else 0
        if self.checkpoints.best and (not evals or evals % self.checkpoints.every):
            raise ValueError(
                f"checkpoints.best: eval.every is {evals}, which must be a multiple of checkpoints.every = "
                f"{self.checkpoints.every}, so that what scored best was saved"
            )
        if self.objective.method.surrogate == "weighted" and self.objective.method.clip_high == 0:
            at_1 = f"{self.objective.preset} holds the ratio at 1, which is wrong for what an older policy sampled; use"
            if self.minibatches > 1:  # a correction is of the policy before the first of them
                raise ValueError(f"minibatches: {at_1} 1 minibatch, or another preset")
            if self.sampling.max_staleness and self.objective.correction == "none":
                raise ValueError(f"sampling.max_staleness: {at_1} 0, another preset, or objective.correction")
        if self.model.lora and self.objective.reference_every:
            raise ValueError(
                "objective.reference_every: the reference of [model.lora] is the model without its adapter"
            )
        optims = {"optim": self.optim, **{f"sft.{at}.optim": stage.optim for at, stage in enumerate(self.sft)}}
        if self.model.lora and (with_muon := [name for name, optim in optims.items() if optim.muon_lr is not None]):
            raise ValueError(
                f"{with_muon[0]}.muon_lr: Muon is for the model's own matrices, and of [model.lora] only the adapter's "
                "are trained; leave it out"
            )
        if fresh and not self.sft:
            raise ValueError("model.fresh: a model from nothing needs at least one [[sft]] stage to learn from")
        return self

    @model_validator(mode="after")
    def _can_be_measured(self) -> RunConfig:
        if self.curriculum and self.curriculum.visits * self.sampling.group < self.curriculum.completions:
            raise ValueError(
                f"curriculum.completions: {self.curriculum.visits} visits x sampling.group = {self.sampling.group} "
                f"never make {self.curriculum.completions} completions: no pass rate would ever be known"
            )
        limit = self.shaping.length_limit or self.sampling.max_new_tokens
        if limit > self.sampling.max_new_tokens:
            raise ValueError(
                f"shaping.length_limit: {limit} is above sampling.max_new_tokens = {self.sampling.max_new_tokens}: no "
                f"completion gets there"
            )
        if self.shaping.length_cache and self.shaping.length_cache > limit:
            raise ValueError(
                f"shaping.length_cache: {self.shaping.length_cache} is above the limit of {limit} tokens: completions "
                f"of any length would be punished"
            )
        return self

    @model_validator(mode="after")
    def _stages_differ(self) -> RunConfig:
        taken = {"start"}
        for stage in self.sft:
            if stage.name in taken:
                raise ValueError(
                    f"sft: {stage.name!r} is the name of another checkpoint already, and this stage's would never be "
                    "saved: give each stage a name of its own"
                )
            taken.add(stage.name)
        return self

    @model_validator(mode="after")
    def _sources_differ(self) -> RunConfig:
        for place, source in enumerate(self.data):
            if any(source.model_copy(update={"weight": other.weight}) == other for other in self.data[:place]):
                raise ValueError(f"data.{place}: the same problems as in a table before it: raise that one's weight")
        return self

    @property
    def tolerance(self) -> float:
        """`weight_tolerance`, or the default of the weights' type."""
        return self.weight_tolerance or (1e-4 if self.model.dtype == "float32" else 5e-2)

    @property
    def longest_completion(self) -> int:
        """In tokens, of training and of evaluation during it."""
        return max(self.sampling.max_new_tokens, (self.eval and self.eval.max_new_tokens) or 0)

    @property
    def completions(self) -> int:
        """Completions of one step: problems x group."""
        return self.problems * self.sampling.group
