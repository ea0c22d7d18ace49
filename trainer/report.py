"""What people see of a run: a line a step, a table, a picture of the curve; and the metrics behind them."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import matplotlib

from benchmarks import paired_difference
from trainer.config.run import RunConfig
from trainer.evals.evaluate import Evaluated
from trainer.learn import Learned
from trainer.record import RunDirectory
from trainer.types import Group

matplotlib.use("Agg")
from matplotlib import pyplot  # the backend is chosen first: no display is needed


def say(line: str) -> None:
    print(line, flush=True)


def metrics(
    groups: Sequence[Group],
    learned: Learned,
    times: dict[str, float],
) -> dict[str, float]:
    """One step's figures under the names of the contract; times in seconds."""
    completions = [completion for group in groups for completion in group.completions]
    verdicts = [(group.problem.verifier, verdict) for group in groups for verdict in group.verdicts]
    judged = [(name, verdict.score) for name, verdict in verdicts if verdict.score is not None]
    scores = [score for _, score in judged]
    num_tokens = sum(len(completion.token_ids) for completion in completions)
    rewards = [reward for part in learned.rewards for reward in part if not math.isnan(reward)]
    values = {"score/mean": _mean(scores), "reward/mean": _mean(rewards)}
    for name in sorted({name for name, _ in judged}):
        values[f"score/{name}"] = _mean([score for other, score in judged if other == name])
    for name in sorted({name for name, _ in verdicts}):
        values[f"unjudged/{name}"] = _mean(
            [float(verdict.score is None) for other, verdict in verdicts if other == name]
        )
    values |= {
        "advantage/zero_groups": _mean([float(not any(values_)) for values_ in learned.advantages]),
        "unjudged/rate": 1 - len(judged) / len(verdicts),
        "length/mean": num_tokens / len(completions),
        "truncated/rate": _mean([float(completion.finish == "length") for completion in completions]),
        **{f"time/{name}": round(seconds, 4) for name, seconds in times.items()},
        "tokens_per_second": num_tokens / times["step"],
    }
    updates = learned.updates
    if updates:  # there is nothing to learn from a step whose groups are all without spread
        values |= {name: _mean([getattr(one, field) for one in updates]) for name, field in _UPDATE_METRICS.items()}
    return values | learned.mismatch


_UPDATE_METRICS = {
    "loss": "loss",
    "grad_norm": "grad_norm",
    "entropy": "entropy",
    "kl/sampler": "kl",
    "kl/reference": "kl_ref",
    "clip/low": "clip_low",
    "clip/high": "clip_high",
    "lr": "lr",
}
"""Contract's name to the field of `UpdateStats`."""


def step_line(done: int, steps: int, values: dict[str, float]) -> None:
    """One readable line with a progress bar."""
    by_verifier = "  ".join(
        f"{name.removeprefix('score/')} {value:.2f}"
        for name, value in values.items()
        if name.startswith("score/") and name != "score/mean"
    )
    unjudged = f"  UNJUDGED {values['unjudged/rate']:.1%}" if values["unjudged/rate"] else ""
    cut_off = f" ({values['truncated/rate']:.1%} cut off)" if values["truncated/rate"] else ""
    held_out = "".join(f"  held-out {value:.3f}" for name, value in values.items() if name.startswith("eval/"))
    entropy = f"  entropy {values['entropy']:.2f}" if "entropy" in values else ""
    left = (steps - done) * values["time/step"]
    say(
        f"step {done:>{len(str(steps))}}/{steps} {bar(done, steps)} score {values['score/mean']:.3f}  {by_verifier}"
        f"  length {values['length/mean']:.0f}{cut_off}{entropy}  {values['time/step']:.2f} s"
        f"  {values['tokens_per_second']:.0f} tokens/s"
        f"  left {int(left) // 60}:{int(left) % 60:02d}{held_out}{unjudged}"
    )


class StageLine:
    """The progress of a supervised stage: a line every tenth of it."""

    def __init__(self, name: str, steps: int) -> None:
        self._name, self._steps, self._started = name, steps, time.monotonic()

    def __call__(self, step: int, loss: float) -> None:
        done = step + 1
        if done % max(1, self._steps // 10) == 0 or done == self._steps:
            seconds = time.monotonic() - self._started
            say(f"{self._name} {done}/{self._steps} {bar(done, self._steps)} loss {loss:.3f}  {seconds:.0f} s")


def bar(done: int, total: int, width: int = 20) -> str:
    filled = width * done // max(1, total)
    return "━" * filled + "·" * (width - filled)


def evaluation_line(name: str, sampled: Evaluated, greedy: Evaluated | None, seconds: float) -> None:
    """How a stage does on held-out problems; whatever could not be judged or sampled is said."""
    parts = "  ".join(f"{verifier} {sampled.estimate(verifier).mean:.3f}" for verifier in sampled.verifiers)
    also = f"  greedy {greedy.estimate().mean:.3f}" if greedy else ""
    counts = sampled.counts()
    troubles = [f"{counts[key]} {text}" for key, text in _TROUBLES.items() if counts.get(key)]
    said = f"  ({', '.join(troubles)})" if troubles else ""
    after = f"{int(name)} steps" if name.isdigit() else name
    say(
        f"held-out after {after}: {sampled.estimate().mean:.3f}  {parts}{also}  "
        f"{counts['problems']} problems x {sampled.draw.count}  {seconds:.0f} s{said}"
    )


_TROUBLES = {"unjudged": "UNJUDGED", "truncated": "cut off", "prompts_too_long": "prompts too long"}


def summary(
    config: RunConfig, run: RunDirectory, evaluations: dict[str, Any], sampler: str, sandbox: str
) -> dict[str, Any]:
    """What the run showed: scores at temperature after each stage, greedy ones, and what each stage added; None where
    nothing was judged."""
    spent = run.seconds_spent()
    grpo = sum(line["time/step"] for line in run.read_metrics())
    found: dict[str, Any] = {
        "name": config.name,
        "seed": config.seed,
        "steps": config.steps,
        "seconds": {
            "cold_start": round(spent.get("cold_start", 0.0), 1),
            "grpo": round(grpo, 1),
            "evaluation": round(spent.get("eval", 0.0), 1),
            "total": round(sum(spent.values()) + grpo, 1),
        },
        "sampler": sampler,
        "sandbox": sandbox,
    }
    if not evaluations:
        return found
    names = list(evaluations)
    supervised = names[:-1] or names  # without any step or stage the start is the end
    best = max(supervised, key=lambda name: _held_out(evaluations[name], unjudged=-1.0))
    found["stages"] = {name: _scores(evaluations[name]["sampled"]) for name in names}
    found["intervals"] = {name: _intervals(evaluations[name]["sampled"]) for name in names}
    found["greedy"] = {name: _scores(e["greedy"]) for name, e in evaluations.items() if e["greedy"]}
    found["base"] = found["stages"][names[0]]
    found["before"] = found["stages"][supervised[-1]]
    found["after"] = found["stages"][names[-1]]
    found["best_supervised"] = best
    found["gain_over_start"] = _gain(evaluations[names[-1]], evaluations[supervised[-1]])
    found["gain_over_best_supervised"] = _gain(evaluations[names[-1]], evaluations[best])
    return found


def table(found: dict[str, Any]) -> None:
    """The summary as a small table."""
    if "stages" not in found:
        return
    columns = sorted(found["after"], key=lambda name: name == "all")
    say("\nheld-out score at sampling temperature, mean with 95 % interval over problems (greedy beside it)")
    say(f"{'':16}" + "".join(f"{name:28}" for name in columns))
    last = list(found["stages"])[-1]
    for name, scores in found["stages"].items():
        cells = []
        for column in columns:
            low, high = found["intervals"][name][column]
            greedy = found["greedy"].get(name, {}).get(column)
            beside = f" ({greedy:.3f})" if greedy is not None else ""
            is_judged = scores[column] is not None
            cells.append(f"{f'{scores[column]:.3f} [{low:.3f} {high:.3f}]{beside}' if is_judged else 'unjudged':28}")
        label = f"after {found['steps']} steps" if name == last else name
        say((f"{label:16}" + "".join(cells)).rstrip())
    start, best = found["gain_over_start"], found["gain_over_best_supervised"]
    if start["mean"] is None or best["mean"] is None:
        say("no problem was judged both before and after, so that no gain can be told.")
    else:
        say(f"reinforcement learning added {_signed(start)} to the stage it started from,")
        say(f"and ended {_signed(best)} against the best supervised stage ({found['best_supervised']}).")
    seconds = found["seconds"]
    spent = ", ".join(f"{name.replace('_', ' ')} {seconds[name]:.0f}" for name in seconds if name != "total")
    say(f"{seconds['total']:.0f} s in all: {spent}; sampled by {found['sampler']}, judged in {found['sandbox']}")


def draw_curve(config: RunConfig, run: RunDirectory, evaluations: dict[str, Any], target: Path) -> None:
    """The learning curve as a picture: training score a step, held-out scores where they were taken."""
    lines = run.read_metrics()
    figure, axes = pyplot.subplots(figsize=(8, 4.5))
    steps = [line["step"] + 1 for line in lines]
    for name in sorted({key for line in lines for key in line if key.startswith("score/") and key != "score/mean"}):
        label = f"{name.removeprefix('score/')} (training)"
        axes.plot(steps, [line.get(name) for line in lines], linewidth=0.8, alpha=0.6, label=label)
    axes.plot(steps, [line["score/mean"] for line in lines], color="black", linewidth=1.6, label="all (training)")
    brief = [(line["step"] + 1, value) for line in lines for key, value in line.items() if key.startswith("eval/")]
    whole = list(evaluations.values())
    if whole:
        supervised = whole[:-1] or whole
        brief = [(0, _held_out(supervised[-1])), *brief, (config.steps, _held_out(whole[-1]))]
        best = max(_held_out(one, unjudged=-1.0) for one in supervised)
        axes.axhline(best, color="grey", linestyle=":", label="best supervised stage (held-out)")
    if brief:
        axes.plot(*zip(*brief, strict=True), "o-", color="tab:red", markersize=4, label="all (held-out)")
    axes.set(xlabel="step", ylabel="score", ylim=(0, 1.02), title=f"{config.name}, seed {config.seed}")
    axes.legend(fontsize=7, loc="lower right")
    figure.tight_layout()
    figure.savefig(target, dpi=120)
    pyplot.close(figure)


def _held_out(evaluation: dict[str, Any], *, unjudged: float = math.nan) -> float:
    """The mean score at temperature; `unjudged` where nothing was judged."""
    mean = evaluation["sampled"]["score"]["mean"]
    return unjudged if mean is None else float(mean)


def _scores(report: dict[str, Any]) -> dict[str, float | None]:
    estimates = {**report["by_verifier"], "all": report["score"]}
    return {name: _rounded(estimate["mean"]) for name, estimate in estimates.items()}


def _intervals(report: dict[str, Any]) -> dict[str, tuple[float | None, float | None]]:
    estimates = {**report["by_verifier"], "all": report["score"]}
    return {name: (_rounded(estimate["low"]), _rounded(estimate["high"])) for name, estimate in estimates.items()}


def _rounded(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else round(value, 4)


def _gain(after: dict[str, Any], before: dict[str, Any]) -> dict[str, float | None]:
    """Paired over the problems that both judged."""
    ours, theirs = _problem_means(after["sampled"]), _problem_means(before["sampled"])
    both = [name for name in ours if name in theirs]
    difference = paired_difference([ours[name] for name in both], [theirs[name] for name in both])
    return {key: _rounded(value) for key, value in asdict(difference).items()}


def _problem_means(report: dict[str, Any]) -> dict[str, float]:
    means = {}
    for problem in report["problems"]:
        scores = [sample["score"] for sample in problem["samples"] if sample["score"] is not None]
        if scores or not problem["samples"]:
            means[problem["id"]] = _mean(scores) if scores else 0.0
    return means


def _signed(gain: dict[str, float]) -> str:
    return f"{gain['mean']:+.3f} [{gain['low']:+.3f} {gain['high']:+.3f}]"


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else float("nan")
