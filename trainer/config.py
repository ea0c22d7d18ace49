"""A run is one TOML file; each table is one pydantic model."""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Sequence
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PlainSerializer, model_validator

from benchmarks import ProblemSource
from sandbox import SandboxConfig
from trainer.preset import PRESETS, AdvantageMode, Average, Correction, Divergence, Preset, PresetName
from trainer.settings import MAX_SEED, ConfigError, Table, validated


class FreshModel(Table):
    """A small model and tokenizer made from nothing, trained on the texts of the run's own supervised data."""

    vocabulary: int = Field(384, ge=300)
    """Entries of the byte-level tokenizer; the bytes and the special tokens take 262 of them."""
    hidden: int = Field(128, ge=32)
    layers: int = Field(2, ge=1)
    heads: int = Field(4, ge=1)
    """Attention heads; hidden / heads is the head size, of which vLLM on a CPU needs 32 or more."""
    key_value_heads: int = Field(2, ge=1)
    intermediate: int = Field(384, ge=32)
    context: int = Field(2048, ge=128)
    """Longest prompt and completion together, in tokens."""
    rope_theta: float = 500.0


class Lora(Table):
    """An adapter of low rank is trained beside linear layers, and the model itself stays as it is (arXiv 2106.09685).

    Learning rates are ten times those of a whole model, or more.
    """

    rank: int = Field(16, ge=1, le=512)
    alpha: float = Field(32.0, gt=0)
    """What an adapter adds is scaled by alpha / rank."""
    targets: tuple[str, ...] = ()
    """Names of the layers that get one, as q_proj. Default: all linear layers but the head."""


class ModelConfig(Table):
    """Which model is trained, and what of it."""

    path: str | None = None
    """A Hugging Face hub name or a local folder; either this or [model.fresh]."""
    fresh: FreshModel | None = None
    dtype: Literal["float32", "bfloat16"] = "float32"
    """Of the trained weights and of the sampler alike. The optimizer keeps float32 copies of weights in bfloat16, so
    that small steps are not rounded away."""
    gradient_checkpointing: bool = False
    """Keep of each layer only its input, and compute the rest again in the backward pass: a quarter more time for a
    fraction of the memory."""
    compile: bool = False
    """torch.compile for the layers, which takes a minute or two of the first step. For GPUs."""
    lora: Lora | None = None
    """If given ([model.lora]), an adapter is trained; the reference policy is then the model without it."""

    @model_validator(mode="after")
    def _one_source(self) -> ModelConfig:
        if (self.path is None) == (self.fresh is None):
            raise ValueError("give either path (a hub name or a folder) or [model.fresh], and not both")
        if self.lora and self.fresh:
            raise ValueError(
                "lora: a model from nothing knows nothing that an adapter could add to; leave out one of them"
            )
        return self


class OptimConfig(Table):
    """How gradients become steps. Rates rise over `warmup` steps and fall linearly to `final` of their peak."""

    lr: float = Field(1e-6, gt=0)
    """Peak learning rate of AdamW."""
    muon_lr: float | None = Field(None, gt=0)
    """If given, Muon (Jordan et al. 2024) updates the hidden matrices at this rate, and AdamW the rest."""
    state: Literal["float32", "8bit"] = "float32"
    """How AdamW keeps its two moments; 8bit: in blocks of 256, by bitsandbytes (arXiv 2110.02861), a quarter of the
    memory. Muon's stays float32."""
    betas: tuple[float, float] = (0.9, 0.95)
    weight_decay: float = Field(0.0, ge=0)
    warmup: int = Field(5, ge=0)
    """Steps."""
    final: float = Field(0.1, ge=0, le=1)
    max_grad_norm: float = Field(1.0, gt=0)
    """Gradients are scaled down to this norm when they exceed it."""


class SupervisedStage(Table):
    """One stage of supervised learning on worked completions."""

    name: str = Field(pattern=r"[a-z0-9_]+")
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


class DataSource(ProblemSource):
    """A problem set to train on: [data], or one of several [[data]]."""

    weight: float = Field(1.0, gt=0)
    """Its share of the problems asked for, relative to the weights of the other [[data]] tables."""


def _as_tables(value: Any) -> Any:
    return [value] if isinstance(value, dict) else value


def _as_written(sources: Sequence[DataSource]) -> Any:
    return [source.model_dump() for source in sources] if len(sources) > 1 else sources[0].model_dump()


DataSources = Annotated[
    tuple[DataSource, ...], Field(min_length=1), BeforeValidator(_as_tables), PlainSerializer(_as_written)
]
"""One table may stand for a list of one."""


class Curriculum(Table):
    """Which problems are left out for how they went: their pass rate, the mean score over the last visits to them."""

    easiest: float = Field(0.9, gt=0, le=1)
    """Problems with this pass rate or more are not asked for again (ScaleRL, arXiv 2510.13786, has 0.9)."""
    hardest: float | None = Field(None, ge=0, lt=1)
    """Problems with this pass rate or less are not either; 0: those that were never solved. Default: all stay."""
    readmit_after: int | None = Field(None, ge=1)
    """Epochs after which the too hard ones are tried again. Default: never."""
    target: float | None = Field(None, gt=0, lt=1)
    """If given, a measured problem comes in an epoch with probability 1 - |pass rate - target|."""
    visits: int = Field(4, ge=1)
    """How many of the last visits to a problem its pass rate is taken over."""
    completions: int = Field(16, ge=1)
    """Judged ones, in these visits, that it takes to know a pass rate; before, a problem stays."""

    @model_validator(mode="after")
    def _in_order(self) -> Curriculum:
        if self.hardest is not None and self.hardest >= self.easiest:
            raise ValueError(
                f"hardest = {self.hardest:g} is not below easiest = {self.easiest:g}: every problem would be left out"
            )
        if self.readmit_after is not None and self.hardest is None:
            raise ValueError("readmit_after: without hardest no problem is left out for being too hard")
        if self.target is not None and not (self.hardest or 0) < self.target < self.easiest:
            raise ValueError(
                f"target = {self.target:g} is not between hardest and easiest: the problems near it are left out"
            )
        return self


class DynamicSampling(Table):
    """Further problems are sampled until `problems` groups have spread (DAPO, arXiv 2503.14476, sec. 3.2)."""

    max_rounds: int = Field(10, ge=1)
    """Then, or after max_rounds x problems problems, a step learns from the groups it has."""


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

    @model_validator(mode="after")
    def _can_look_ahead(self) -> Sampling:
        if self.max_staleness and self.sampler == "plain":
            raise ValueError("max_staleness: the plain sampler is the trained model itself and cannot look ahead")
        return self

    sleep: bool = False
    """vLLM gives back what it has of a GPU while the policy learns, and keeps its weights in the host's memory."""

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
        if fresh and fresh.hidden % fresh.heads:
            raise ValueError(f"model.fresh: hidden {fresh.hidden} is not a multiple of heads {fresh.heads}")
        if self.problems % self.minibatches:
            raise ValueError(f"minibatches: {self.minibatches} does not divide problems = {self.problems}")
        evals = self.eval.every if self.eval else 0
        if self.checkpoints.best and (not evals or evals % self.checkpoints.every):
            raise ValueError(
                f"checkpoints.best: eval.every is {evals}, which must be a multiple of checkpoints.every = "
                f"{self.checkpoints.every}, so that what scored best was saved"
            )
        if self.objective.method.surrogate == "weighted" and self.objective.method.clip_high == 0:
            late = {"minibatches": self.minibatches > 1, "sampling.max_staleness": self.sampling.max_staleness > 0}
            for name in (name for name, is_late in late.items() if is_late and self.objective.correction == "none"):
                raise ValueError(
                    f"{name}: {self.objective.preset} holds the ratio at 1, which is wrong for what an older policy "
                    "sampled; use 1 minibatch and no staleness, another preset, or objective.correction"
                )
        if self.model.lora and self.objective.reference_every:
            raise ValueError(
                "objective.reference_every: the reference of [model.lora] is the model without its adapter"
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


def recipes() -> dict[str, Path]:
    """The recipes that ship with the package, by name."""
    folder = Path(str(resources.files("trainer"))) / "recipes"
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def read_config(recipe: str, overrides: Sequence[str] = ()) -> tuple[RunConfig, str]:
    """The settings of a recipe's name or a TOML file, with `key=value` overrides, and the file's text as written.

    Raises `ConfigError` with one line that names the file, the setting, what was found and what would be right.
    """
    path = recipes().get(recipe) or Path(recipe)
    if not path.is_file():
        known = ", ".join(recipes())
        raise ConfigError(f"{recipe}: no such recipe or file; shipped recipes: {known}")
    try:
        text = path.read_text(encoding="utf-8")
        values = tomllib.loads(text)
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path.name}: not UTF-8: {error.reason} at byte {error.start + 1}") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path.name}: not valid TOML: {error}") from None
    values.setdefault("name", re.sub(r"[^A-Za-z0-9._-]+", "-", path.stem))
    return validated(RunConfig, path.name, values, overrides), text
