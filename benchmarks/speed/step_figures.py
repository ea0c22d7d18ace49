"""What the steps of a contender come to: seconds, tokens, CPU and memory, set against the others' and the targets."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow.parquet

from benchmarks.speed.watch import Watched
from benchmarks.speed.work import Step

PHASES = ("sample", "judge", "logprobs", "update", "weights", "rest")


@dataclass(frozen=True)
class Effort:
    rounds: int = 3
    warmup: int = 2
    """Steps of each round that are not counted."""
    steps: int = 6
    """Steps of each round that are."""


@dataclass(frozen=True)
class Counted:
    """What is kept of a step after the warm-up."""

    seconds: float
    tokens: int
    score: float
    phases: Mapping[str, float]


@dataclass(frozen=True)
class Run:
    """One contender's steps of one round, those of the warm-up left out."""

    steps: Sequence[Counted]
    cpu_s: float
    """Of one step."""
    peak_mb: float


@dataclass(frozen=True)
class Figures:
    """Medians over all steps of all rounds."""

    step_s: float
    tokens_per_s: float
    peak_mb: float
    """The highest of all rounds."""
    cpu_s: float
    """Of one step, the boxes' included; the median round."""
    tokens_per_cpu_s: float
    tokens: float
    score: float
    phases: dict[str, float]
    """Seconds of one step; "rest" is what lies between the phases."""
    steps_s: list[float]


def our_steps(run: Path) -> list[Step]:
    """From a run directory: a step ends when its rollouts are on the disk."""
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    steps = []
    for line, path in zip(lines, rollout_files(run), strict=True):
        table = pyarrow.parquet.read_table(path, columns=["completion_tokens", "score"]).to_pydict()
        scores = [score for score in table["score"] if score is not None]
        if len(scores) < len(table["score"]):
            raise SystemExit(f"{path}: {len(table['score']) - len(scores)} completions could not be judged")
        steps.append(
            Step(
                end=path.stat().st_mtime,
                tokens=sum(table["completion_tokens"]),
                completions=len(table["completion_tokens"]),
                score=statistics.fmean(scores),
                phases={name: line.get(f"time/{name}", 0.0) for name in PHASES if name != "rest"},
            )
        )
    return steps


def rollout_files(run: Path) -> list[Path]:
    return sorted((run / "rollouts").glob("step-*.parquet"))


def counted(steps: Sequence[Step], watched: Watched, effort: Effort, completions: int) -> Run:
    """The steps after the warm-up, each from the end of the one before."""
    if wrong := next((step for step in steps if step.completions != completions), None):
        raise SystemExit(f"a step of {wrong.completions} completions where {completions} are the work")
    if len(steps) != effort.warmup + effort.steps:
        raise SystemExit(f"{len(steps)} steps where {effort.warmup + effort.steps} are the work")
    pairs = list(pairwise(steps))[effort.warmup - 1 :]
    found = [Counted(after.end - before.end, after.tokens, after.score, after.phases) for before, after in pairs]
    cpu = watched.cpu_between(pairs[0][0].end, pairs[-1][1].end)
    return Run(found, cpu / len(found), watched.peak_mb)


def figures_of(runs: Sequence[Run]) -> Figures:
    steps = [step for run in runs for step in run.steps]
    phases = {
        name: statistics.median(step.phases.get(name, 0.0) for step in steps) for name in PHASES if name != "rest"
    }
    phases["rest"] = statistics.median(step.seconds - sum(step.phases.values()) for step in steps)
    return Figures(
        step_s=statistics.median(step.seconds for step in steps),
        tokens_per_s=statistics.median(step.tokens / step.seconds for step in steps),
        peak_mb=max(run.peak_mb for run in runs),
        cpu_s=(cpu := statistics.median(run.cpu_s for run in runs)),
        tokens_per_cpu_s=statistics.fmean(step.tokens for step in steps) / cpu,
        tokens=statistics.fmean(step.tokens for step in steps),
        score=statistics.fmean(step.score for step in steps),
        phases=phases,
        steps_s=[step.seconds for step in steps],
    )


def ratios(figures: Mapping[str, Figures]) -> dict[str, float]:
    """Ours to each other contender: throughput more is better, the rest less is."""
    ours, found = figures["ours"], {"judge_to_step": figures["ours"].phases["judge"] / figures["ours"].step_s}
    for name, row in figures.items():
        if name == "ours":
            continue
        found[f"tokens_per_s_to_{name}"] = ours.tokens_per_s / row.tokens_per_s
        found[f"tokens_per_cpu_s_to_{name}"] = ours.tokens_per_cpu_s / row.tokens_per_cpu_s
        found[f"step_s_to_{name}"] = ours.step_s / row.step_s
        found[f"peak_mb_to_{name}"] = ours.peak_mb / row.peak_mb
    return found


LONG_STEP = 10.0
"""Seconds from which on judging may add no more than a twentieth to a step."""


def targets(figures: Mapping[str, Figures], compared: Mapping[str, float]) -> Iterator[dict[str, Any]]:
    """What should be shown, of what was measured."""

    def one(what: str, key: str, limit: float, *, is_least: bool = False) -> dict[str, Any]:
        value = compared[key]
        met = value >= limit if is_least else value <= limit
        return {"target": f"{what}: at {'least' if is_least else 'most'} {limit:g}", "value": value, "met": met}

    yield one("from the last token to the last verdict, of the step", "judge_to_step", 0.05)
    if "ours_instant" in figures and figures["ours"].step_s >= LONG_STEP:
        yield one("step to that with a verifier that answers at once", "step_s_to_ours_instant", 1.05)
    if "uncached_program_cpu_ms" in compared:
        yield one("CPU of a verdict on a program that is not cached, ms", "uncached_program_cpu_ms", 3.0)
    if "trl_vllm" in figures:
        yield one("tokens/s to TRL's with vLLM colocated", "tokens_per_s_to_trl_vllm", 2.0, is_least=True)
        yield one("memory to TRL's with vLLM colocated", "peak_mb_to_trl_vllm", 1.0)
    if "trl" in figures:
        yield one("tokens/s to TRL's with transformers' generate", "tokens_per_s_to_trl", 1.6, is_least=True)
