"""A run to look at, while it goes on or afterwards: a summary for the terminal, and a page of one step's rollouts."""

from __future__ import annotations

import fcntl
import json
import math
import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

import pyarrow.parquet

from trainer.config.run import RunConfig
from trainer.disk import write_whole
from trainer.evals.page import Table, page, text
from trainer.evals.stored_report import shown
from trainer.record import RunDirectory, no_rollouts, read_lines, rollout_files, stored_config
from trainer.settings import ConfigError

Lines = Sequence[Mapping[str, Any]]
"""Of a .jsonl file."""
Points = Sequence[tuple[int, float]]
"""(steps done, score)."""

WIDTH, HEIGHT = 64, 9
"""Characters of the plot, without its axes."""
MAX_SETTINGS = 4
"""Lines of settings in the terminal."""
MAX_VALUE = 40
"""Characters of a setting."""
MAX_REASON = 70
"""Characters of why completions were not judged."""
SHOWN_METRICS = (
    *("score/mean", "reward/mean", "length/mean", "truncated/rate", "unjudged/rate", "advantage/zero_groups"),
    *("entropy", "kl/sampler", "kl/reference", "clip/low", "clip/high", "grad_norm", "lr", "tokens_per_second"),
    *("time/step", "time/sample", "time/judge", "time/update", "time/wait", "time/weights"),
)
"""Of the last step, in this order, as far as it has them; the score of each verifier comes with the first."""


@dataclass(frozen=True, slots=True)
class View:
    """What a run directory holds at this moment."""

    path: Path
    config: RunConfig
    metrics: Lines
    events: Lines
    evaluations: Mapping[str, Mapping[str, Any]]
    """Stage or step to its report, in the order of the run."""
    rollouts: Mapping[int, Sequence[Path]]
    """Step to its Parquet files."""
    state: str
    """In a few words: finished, still going on, or how it ended."""

    @property
    def training(self) -> Points:
        """Mean scores of the completions that were learned from, or sampled for it."""
        return [(line["step"] + 1, line["score/mean"]) for line in self.metrics if math.isfinite(line["score/mean"])]

    @property
    def held_out(self) -> Points:
        """Mean scores at sampling temperature of the evaluations since reinforcement learning began."""
        stages = [stage.name for stage in self.config.sft]
        found = {}
        for name, report in self.evaluations.items():
            steps = 0 if name in stages[-1:] else int(name) if name.isdigit() else None
            if steps is not None and report["sampled"]["score"]["mean"] is not None:
                found[steps] = report["sampled"]["score"]["mean"]
        return sorted(found.items())


def look(path: Path) -> View:
    """Read a run directory; raises `ConfigError` where there is none."""
    config = stored_config(path)
    events = read_lines(path / "events.jsonl")
    return View(
        path=path,
        config=config,
        metrics=RunDirectory(path).read_metrics(),
        events=events,
        evaluations=_evaluations(path / "evals", config),
        rollouts=rollout_files(path),
        state=_state(path, events),
    )


def summary(view: View) -> Iterator[str]:
    """The run in lines for a terminal."""
    steps, done = view.config.steps, len(view.metrics)
    yield f"{view.path}   {done} of {steps} steps   {view.state}"
    settings = f"settings other than default: {_settings(view.config)}"
    more = " … all are on the page, and in config.json"
    yield from textwrap.wrap(settings, 118, max_lines=MAX_SETTINGS, placeholder=more, break_on_hyphens=False)
    if view.metrics:
        metrics = f"step {done}: " + ", ".join(_last(view.metrics[-1]))
        yield from textwrap.wrap(metrics, 118, subsequent_indent="  ", break_on_hyphens=False)
    if len(view.training) + len(view.held_out) > 1:
        yield ""
        yield from plot(view.training, view.held_out, steps)
    yield from _section("evaluations (held-out score in percent, with its 95 % interval)", _evaluation_lines(view))
    yield from _section("warnings", _warning_lines(view.events))
    yield from _section("verifiers", _verifier_lines(view.events))


def plot(training: Points, held_out: Points, steps: int) -> list[str]:
    """Scores from 0 to 1 over steps, as text: training · (the mean of the steps in a column), held-out o."""
    last = max(1, steps)
    grid = [[" "] * (WIDTH + 1) for _ in range(HEIGHT)]
    for mark, points in (("·", training), ("o", held_out)):
        columns: dict[int, list[float]] = {}
        for step, score in points:
            columns.setdefault(round(step / last * WIDTH), []).append(score)
        for column, scores in columns.items():
            height = min(1.0, max(0.0, mean(scores)))
            grid[round((1 - height) * (HEIGHT - 1))][column] = mark
    labels = {0: "1.0", (HEIGHT - 1) // 2: "0.5", HEIGHT - 1: "0.0"}
    rows = [f"{labels.get(number, ''):>5} │{''.join(row).rstrip()}" for number, row in enumerate(grid)]
    axis = f"{'0':<{WIDTH - len(str(last)) + 1}}{last}"
    return ["score   · training   o held-out", *rows, f"{'':5} └{'─' * (WIDTH + 1)}", f"{'':7}{axis} steps"]


def write_page(view: View, step: int | None, out: Path | None) -> Path:
    """Write the page of a step's rollouts, of the last one by default; where it is.

    Raises `ConfigError` if that step has none, or there is no folder for the page.
    """
    if not view.rollouts or (step is not None and step not in view.rollouts):
        raise no_rollouts(view.path, view.rollouts, step)
    shown_step = max(view.rollouts) if step is None else step
    target = out or view.path / f"step-{shown_step:06d}.html"
    if not target.absolute().parent.is_dir():
        raise ConfigError(f"{target}: there is no folder {target.parent} to write it to")
    files = view.rollouts[shown_step]
    groups = [group for file in files for group in _groups(pyarrow.parquet.read_table(file).to_pylist())]
    about = [
        f"step {shown_step} of {view.config.steps}, counted from 0; {view.state}",
        f"rollouts: {', '.join(file.name for file in files)}: {len(groups)} groups",
        f"settings other than default: {_settings(view.config)}",
    ]
    curve = picture(view.training, view.held_out, view.config.steps)
    write_whole(target, page(f"{view.config.name}, step {shown_step}", about, list(_tables(view)), [curve], groups))
    return target


def picture(training: Points, held_out: Points, steps: int) -> str:
    """The learning curve as an SVG element: a line of training scores, and a dot for each held-out one."""
    width, height, left, bottom, top = 640, 260, 44, 32, 24

    def place(step: int, score: float) -> tuple[float, float]:
        across, up = step / max(1, steps), min(1.0, max(0.0, score))
        return round(left + across * (width - left - 12), 1), round(top + (1 - up) * (height - top - bottom), 1)

    parts = [
        f'<svg viewBox="0 0 {width} {height}" width="{width}" role="img" fill="currentColor" stroke="currentColor" '
        'font-family="system-ui, sans-serif" font-size="11" aria-label="score by step">',
        f'<text x="{left}" y="13" stroke="none">mean score by step: line training, dots held-out</text>',
    ]
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        y = place(0, share)[1]
        parts.append(f'<line x1="{left}" x2="{width}" y1="{y}" y2="{y}" stroke-opacity="0.2"/>')
        parts.append(f'<text x="{left - 6}" y="{y + 4}" text-anchor="end" stroke="none">{share:g}</text>')
    line = " ".join(f"{x},{y}" for x, y in (place(*point) for point in training))
    parts.append(f'<polyline points="{line}" fill="none" stroke-opacity="0.7"/>')
    for x, y in (place(*point) for point in held_out):
        parts.append(f'<circle cx="{x}" cy="{y}" r="3.5" fill="#c4452f" stroke="none"/>')
    for step in sorted({0, steps}):
        x = place(step, 0)[0]
        parts.append(f'<text x="{x}" y="{height - 12}" text-anchor="middle" stroke="none">{text(str(step))}</text>')
    return "\n".join([*parts, "</svg>"])


def _state(path: Path, events: Lines) -> str:
    if (path / "summary.json").exists():
        return "finished"
    if _is_locked(path / ".lock"):
        return "still going on"
    last = next((event for event in reversed(events) if event["event"] in ("pause", "stop", "start", "resume")), {})
    if "reason" not in last:
        return "not finished, and no process is at it"
    return f"{'paused' if last['event'] == 'pause' else 'stopped'}: {last['reason']}"


def _is_locked(path: Path) -> bool:
    """Whether a process is at the run: `RunDirectory.open` holds its lock."""
    try:
        with path.open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def _evaluations(folder: Path, config: RunConfig) -> dict[str, Mapping[str, Any]]:
    stages = [stage.name for stage in config.sft]
    found = {path.stem.rpartition("-")[2]: path for path in folder.glob("*.json")}

    def order(name: str) -> tuple[int, int]:
        return (1, int(name)) if name.isdigit() else (0, stages.index(name) if name in stages else len(stages))

    return {name: json.loads(found[name].read_text(encoding="utf-8")) for name in sorted(found, key=order)}


def _settings(config: RunConfig) -> str:
    """What is not as it would be by itself, under the names of its tables."""
    by_table: dict[str, list[str]] = {}
    for name, value in _flat(config.model_dump(mode="json", exclude_defaults=True)):
        table, _, key = name.rpartition(".")
        if name != "name" and value is not None:
            written = value if isinstance(value, str) else json.dumps(value)
            by_table.setdefault(table, []).append(f"{key}={_short(written, MAX_VALUE)}")
    return "  ".join(f"[{table}] {' '.join(found)}" if table else " ".join(found) for table, found in by_table.items())


def _flat(value: object, prefix: str = "") -> Iterator[tuple[str, object]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    if prefix and (not inner or (isinstance(value, list) and not any(isinstance(one, dict) for one in value))):
        if value not in ({}, []):
            yield prefix, value
        return
    for key, one in inner:
        yield from _flat(one, f"{prefix}.{key}" if prefix else str(key))


def _last(values: Mapping[str, Any]) -> Iterator[str]:
    by_verifier = [name for name in values if name.startswith("score/") and name != "score/mean"]
    for name in (SHOWN_METRICS[0], *by_verifier, *SHOWN_METRICS[1:]):
        if name in values:
            yield f"{name} {values[name]:.4g}"


def _section(title: str, lines: Sequence[str]) -> Iterator[str]:
    if lines:
        yield ""
        yield title
        yield from (f"  {line}" for line in lines)


def _evaluation_lines(view: View) -> list[str]:
    found = []
    for name, report in view.evaluations.items():
        sampled, greedy = report["sampled"], report.get("greedy")
        what = f"after {int(name)} steps" if name.isdigit() else name
        also = f"   greedy {shown(greedy['score'])}" if greedy else ""
        samples = sum(len(problem["samples"]) for problem in sampled["problems"])
        found.append(
            f"{what:18} {shown(sampled['score']):20}{also}   {len(sampled['problems'])} problems, {samples} completions"
        )
    return found


def _warning_lines(events: Lines) -> list[str]:
    """Each kind once, as it was last said, with how often."""
    last = {event["name"]: event for event in events if event["event"] == "warning"}
    times = Counter(event["name"] for event in events if event["event"] == "warning")
    return [
        f"{name} (step {event['step']}{f', {times[name]} times' if times[name] > 1 else ''}): {event['message']}"
        for name, event in last.items()
    ]


def _verifier_lines(events: Lines) -> list[str]:
    """As each process at the run told of them when it ended; the most unjudged first, then the slowest."""
    judging = [event["verifiers"] for event in events if event["event"] == "judging"]
    rows = []
    for name in {name for verifiers in judging for name in verifiers}:
        figures = [verifiers[name] for verifiers in judging if name in verifiers and verifiers[name]["by_status"]]
        statuses, reasons = Counter[str](), Counter[str]()
        for one in figures:
            statuses.update(one["by_status"])
            reasons.update(one["reasons"])
        if not figures:
            continue
        total, unjudged = statuses.total(), statuses["unjudged"]
        slowest = max(one["max_seconds"] for one in figures)
        p50, p99 = figures[-1]["p50_seconds"], figures[-1]["p99_seconds"]
        why = f", most often: {_short(reasons.most_common(1)[0][0], MAX_REASON)}" if reasons else ""
        seconds = f"seconds: p50 {p50:.3f}  p99 {p99:.3f}  slowest {slowest:.3f}"
        line = f"{name:14} {total} judged, {unjudged} unjudged{why}; {seconds}"
        rows.append((-unjudged / max(1, total), -slowest, line))
    return [line for _, _, line in sorted(rows)]


def _tables(view: View) -> Iterator[Table]:
    if view.evaluations:
        rows = [
            [name, shown(report["sampled"]["score"]), shown((report.get("greedy") or {}).get("score"))]
            for name, report in view.evaluations.items()
        ]
        yield Table(
            "Evaluations", ["after", "score", "greedy"], rows, "In percent, with the 95 % interval over problems."
        )


def _groups(rows: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Completions of a problem that were sampled together, as the page takes a problem; a group begins at sample 0."""
    starts = [number for number, row in enumerate(rows) if row["sample"] == 0]
    for start, end in zip(starts, [*starts[1:], len(rows)], strict=True):
        group, first = rows[start:end], rows[start]
        is_learned_from = any(row["advantage"] for row in group)
        yield {
            "id": first["problem_id"],
            "verifier": first["verifier"],
            "tags": {"advantages": "a spread" if is_learned_from else "all 0"},
            "prompt": first["prompt"],
            "samples": [_sample(row) for row in group],
        }


def _sample(row: Mapping[str, Any]) -> dict[str, Any]:
    verdict = {name: row[name] for name in ("completion", "finish", "status", "score", "answer", "detail")}
    told = {name: json.loads(row.get(name) or "null") for name in ("parts", "trace")}  # older runs have no traces
    more = ("reward", "advantage", "version", "prompt_tokens", "sample_seconds", "judge_seconds")
    return {**verdict, **told, "tokens": row["completion_tokens"], **{name: row[name] for name in more}}


def _short(value: str, longest: int) -> str:
    line = " ".join(value.split())
    return line if len(line) <= longest else f"{line[: longest - 1]}…"
