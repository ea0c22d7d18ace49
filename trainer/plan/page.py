"""A plan in lines for people, and in numbers for programs."""

from __future__ import annotations

import textwrap
from dataclasses import asdict
from typing import Any

from trainer.plan.figures import Estimate, Plan, in_units
from trainer.plan.resolved import Setting
from trainer.probe import Speed


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
        f"disk      {in_units(disk.checkpoints)} of checkpoints and at most {in_units(disk.rollouts)} of rollouts; "
        f"{in_units(disk.free)} are free",
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


def report(plan: Plan) -> dict[str, Any]:
    """The plan for programs: all numbers, in bytes, tokens and seconds."""
    values = asdict(plan)
    del values["step_prompts"], values["tokenizer_texts"]
    for setting, line in zip(plan.settings, values["settings"], strict=True):
        line["differs"] = setting.differs
    values["forecast"] |= {"total": plan.forecast.total, "fits": plan.forecast.total <= plan.forecast.device.capacity}
    return values


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
        f"memory on {device.name}: {in_units(forecast.total)} of {in_units(device.capacity)} ({verdict})",
        *(f"  {name:18} {in_units(size):>10}  {said}".rstrip() for name, (size, said) in parts.items() if size),
    ]


def _default(setting: Setting) -> str:
    return "" if setting.default is None else f"; default {_short(setting.default)}"


def _short(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
