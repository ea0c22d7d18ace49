"""The run directory, written and read: what has its final name is whole."""

from __future__ import annotations

import fcntl
import json
import math
import os
import platform
import shutil
import sys
import threading
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
from pydantic import ValidationError

from trainer.config.run import RunConfig
from trainer.disk import publish, remove, write_whole, writing
from trainer.settings import ConfigError
from trainer.types import Group

ROLLOUT_SCHEMA = pyarrow.schema(
    [
        ("step", pyarrow.int64()),
        ("problem_id", pyarrow.string()),
        ("sample", pyarrow.int64()),
        ("verifier", pyarrow.string()),
        ("prompt", pyarrow.string()),
        ("completion", pyarrow.string()),
        ("finish", pyarrow.string()),
        ("status", pyarrow.string()),
        ("score", pyarrow.float64()),
        ("answer", pyarrow.string()),
        ("detail", pyarrow.string()),
        ("parts", pyarrow.string()),
        ("trace", pyarrow.string()),
        ("reward", pyarrow.float64()),
        ("advantage", pyarrow.float64()),
        ("version", pyarrow.int64()),
        ("prompt_tokens", pyarrow.int64()),
        ("completion_tokens", pyarrow.int64()),
        ("sample_seconds", pyarrow.float64()),
        ("judge_seconds", pyarrow.float64()),
    ]
)


class RunDirectory:
    """`runs/NAME`: everything that a run leaves behind."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.checkpoints = path / "checkpoints"
        self._events = threading.Lock()

    @classmethod
    @contextmanager
    def open(cls, root: Path, config: RunConfig, text: str) -> Iterator[RunDirectory]:
        """Start a run, or take up one that has not finished; one process at a time.

        A finished run of that name is set aside as NAME-1, NAME-2, …. Raises `ConfigError` if an unfinished one has
        other settings, or if another process is at it.
        """
        path = root / config.name
        if (path / "summary.json").exists():
            aside = next(p for n in range(1, 10**6) if not (p := root / f"{config.name}-{n}").exists())
            path.rename(aside)
            print(f"{path} is finished: set aside as {aside}", flush=True)
        resolved = config.model_dump(mode="json")
        refuse_other_settings(path, resolved)
        run = cls(path)
        with writing(path):
            for folder in ("rollouts", "evals", "checkpoints"):
                (path / folder).mkdir(parents=True, exist_ok=True)
            lock = (path / ".lock").open("w")
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise ConfigError(f"{path}: another process is training this run; give this one another name") from None
            run._sweep()
            if (start := run.checkpoints / "start").exists() and not _has_begun(path) and _changed(path, resolved):
                remove(start)
            if not any(run.checkpoints.iterdir()):
                write_whole(path / "run.toml", text)
                write_whole(path / "environment.json", json.dumps(_environment(), indent=1))
                write_whole(path / "config.json", json.dumps(resolved, indent=1))
            yield run

    def event(self, kind: str, **values: object) -> None:
        """Append one line to events.jsonl."""
        with self._events:  # a checkpoint's thread has events, too
            _append(self.path / "events.jsonl", {"time": round(time.time(), 3), "event": kind, **values})

    def seconds_spent(self) -> dict[str, float]:
        """Seconds of each phase so far, over all the processes that worked on this run, from its events."""
        spent: dict[str, float] = {}
        for event in read_lines(self.path / "events.jsonl"):
            if event["event"] == "phase":
                spent[event["phase"]] = spent.get(event["phase"], 0.0) + event["seconds"]
        return spent

    def metrics(self, step: int, values: dict[str, float]) -> None:
        """Append one line to metrics.jsonl; what is not finite is null there."""
        _append(self.path / "metrics.jsonl", {"step": step, **values})

    def read_metrics(self) -> list[dict[str, Any]]:
        """The lines of metrics.jsonl, with nan for null."""
        lines = read_lines(self.path / "metrics.jsonl")
        return [{name: math.nan if value is None else value for name, value in line.items()} for line in lines]

    def rollouts(
        self,
        step: int,
        groups: Sequence[Group],
        rewards: Sequence[Sequence[float]],
        advantages: Sequence[Sequence[float]],
        prompts: Sequence[str],
        *,
        rank: int = 0,
    ) -> None:
        """Write a rank's completions of a step, their verdicts and advantages, as one Parquet file."""
        table = pyarrow.Table.from_pylist(
            list(_rollout_rows(step, groups, rewards, advantages, prompts)), schema=ROLLOUT_SCHEMA
        )
        target = self.path / "rollouts" / f"step-{step:06d}{f'.{rank}' if rank else ''}.parquet"
        with writing(target):
            pyarrow.parquet.write_table(table, aside := target.with_suffix(".part"))
            publish(aside, target)

    def evaluation(self, name: str, report: dict[str, Any]) -> None:
        write_whole(self.path / "evals" / f"{name}.json", json.dumps(report))

    def read_evaluation(self, name: str) -> dict[str, Any] | None:
        path = self.path / "evals" / f"{name}.json"
        return json.loads(path.read_text()) if path.exists() else None

    def finish(self, summary: dict[str, Any]) -> None:
        """Write summary.json, which makes the run a finished one."""
        self.event("finish")
        write_whole(self.path / "summary.json", json.dumps(summary, indent=1))

    def forget_after(self, step: int) -> None:
        """Drop what was recorded of step `step` and later ones: they are about to be done again."""
        path = self.path / "metrics.jsonl"
        kept = [line for line in read_lines(path) if line["step"] < step]
        write_whole(path, "".join(json.dumps(line) + "\n" for line in kept))
        for path in (self.path / "rollouts").glob("step-*.parquet"):
            if _place(path)[0] >= step:
                path.unlink()
        for path in (self.path / "evals").glob("*.json"):
            after = path.stem.rpartition("-")[2]
            if after.isdigit() and int(after) > step:
                path.unlink()

    def _sweep(self) -> None:
        """Remove what an earlier crash left half written."""
        for path in [*self.path.glob("*.part"), *self.path.glob("*/*.part")]:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        for path in self.path.glob("*.jsonl"):
            whole = path.read_bytes().rfind(b"\n") + 1
            if whole < path.stat().st_size:  # a line that was cut off would run into the next one
                os.truncate(path, whole)


class SilentRun(RunDirectory):
    """The run directory of another rank, which writes all that is in it but this one's rollouts."""

    def event(self, kind: str, **values: object) -> None:
        pass

    def metrics(self, step: int, values: dict[str, float]) -> None:
        pass

    def evaluation(self, name: str, report: dict[str, Any]) -> None:
        pass

    def finish(self, summary: dict[str, Any]) -> None:
        pass

    def forget_after(self, step: int) -> None:
        pass


def stored_config(folder: Path) -> RunConfig:
    """The settings of the run in a folder; raises `ConfigError` for one that is no run directory."""
    path = folder / "config.json"
    try:
        return RunConfig.model_validate_json(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise ConfigError(f"{folder}: no run directory, for it has no {path.name}") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise ConfigError(f"{path}: {where}: {first['msg']}; another version of assay may have written it") from None


def rollout_files(folder: Path) -> dict[int, list[Path]]:
    """Step to its Parquet files, one of each rank (step-000012.parquet, step-000012.3.parquet), in order."""
    found: dict[int, list[Path]] = {}
    for (step, _), path in sorted((_place(path), path) for path in (folder / "rollouts").glob("step-*.parquet")):
        found.setdefault(step, []).append(path)
    return found


def no_rollouts(folder: Path, steps: Collection[int], step: int | None) -> ConfigError:
    """What to tell a person who asked for a step that is not there, or for any where there is none."""
    if not steps:
        return ConfigError(f"{folder}: no rollouts are in it; they come with the first step of `assay train`")
    return ConfigError(f"{folder}: no rollouts of step {step}; there are steps {min(steps)} to {max(steps)}")


def _place(path: Path) -> tuple[int, int]:
    """(step, rank) of a Parquet file."""
    step, _, rank = path.stem.removeprefix("step-").partition(".")
    return int(step), int(rank or 0)


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The lines of a .jsonl file; a last line that a crash cut off is left out."""
    if not path.exists():
        return []
    text = path.read_text()
    whole = text[: text.rfind("\n") + 1]
    return [json.loads(line) for line in whole.splitlines()]


def _append(path: Path, values: dict[str, Any]) -> None:
    """Append one line, and wait until it is on the disk: a checkpoint that is must not be ahead of what led to it."""
    with writing(path), path.open("a") as file:
        file.write(json.dumps(_finite(values), allow_nan=False) + "\n")
        file.flush()
        os.fsync(file.fileno())


def _finite(value: Any) -> Any:
    """With null for numbers that JSON does not have."""
    if isinstance(value, dict):
        return {name: _finite(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _rollout_rows(
    step: int,
    groups: Sequence[Group],
    rewards: Sequence[Sequence[float]],
    advantages: Sequence[Sequence[float]],
    prompts: Sequence[str],
) -> Iterator[dict[str, Any]]:
    for group, rewards_, advantages_, prompt in zip(groups, rewards, advantages, prompts, strict=True):
        by_completion = zip(group.completions, group.verdicts, rewards_, advantages_, strict=True)
        for sample, (completion, verdict, reward, advantage) in enumerate(by_completion):
            yield {
                "step": step,
                "problem_id": group.problem.id,
                "sample": sample,
                "verifier": group.problem.verifier,
                "prompt": _unicode(prompt),
                "completion": _unicode(completion.text),
                "finish": completion.finish,
                "status": verdict.status.value,
                "score": verdict.score,
                "answer": None if verdict.answer is None else _unicode(verdict.answer),
                "detail": _unicode(verdict.detail),
                "parts": json.dumps(dict(verdict.parts)),
                "trace": json.dumps([dict(stage) for stage in verdict.trace]),
                "reward": None if math.isnan(reward) else reward,
                "advantage": advantage,
                "version": completion.version,
                "prompt_tokens": len(completion.prompt_ids),
                "completion_tokens": len(completion.token_ids),
                "sample_seconds": completion.seconds,
                "judge_seconds": verdict.seconds,
            }


def _unicode(text: str) -> str:
    """Half a surrogate pair, which Parquet cannot hold, as its escape: no answer may end a run."""
    return text.encode("utf-8", "backslashreplace").decode()


def refuse_other_settings(path: Path, resolved: dict[str, Any]) -> None:
    """Raise `ConfigError` if an unfinished run in `path` has other settings than these; with none there, do nothing.

    A setting that an earlier version did not have yet counts as its default. A run that has no more than its start has
    nothing to lose: what ended it, a model that was not found or prompts that are too long, is mended in the settings.
    """
    if _has_begun(path) and (changed := _changed(path, resolved)):
        key, before, after = changed
        raise ConfigError(
            f"{path}: an unfinished run with other settings is there ({key} was {before!r}, is now {after!r}): finish "
            "it with its own settings, give this one another name=…, or remove it"
        )


def _has_begun(path: Path) -> bool:
    """Whether a run has learned, sampled or evaluated anything."""
    learned = (found for found in (path / "checkpoints").glob("*/config.json") if found.parent.name != "start")
    return any(any(found) for found in (learned, path.glob("rollouts/*.parquet"), path.glob("evals/*.json")))


def _changed(path: Path, resolved: dict[str, Any]) -> tuple[str, object, object] | None:
    """The first setting that is another than it was for the run in `path`: its name, as it was, and as it is."""
    if not (path / "config.json").exists():
        return None
    before, after = dict(_flat(_in_present_terms((path / "config.json").read_text()))), dict(_flat(resolved))
    differing = (key for key in sorted(before.keys() | after.keys()) if before.get(key) != after.get(key))
    return next(((key, before.get(key), after.get(key)) for key in differing), None)


def _in_present_terms(text: str) -> dict[str, Any]:
    """A config.json with the defaults of what it lacks; as it is, if its settings are no longer to be understood."""
    values: dict[str, Any] = json.loads(text)
    try:
        return RunConfig.model_validate(values).model_dump(mode="json")
    except ValidationError:
        return values


def _flat(value: object, prefix: str = "") -> Iterator[tuple[str, object]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flat(inner, f"{prefix}.{key}" if prefix else key)
    elif isinstance(value, list) and any(isinstance(inner, dict) for inner in value):
        for index, inner in enumerate(value):
            yield from _flat(inner, f"{prefix}.{index}")
    else:
        yield prefix, value


def _environment() -> dict[str, Any]:
    return {
        "python": sys.version,
        "platform": platform.platform(),
        "cores": os.cpu_count(),
        "packages": dict(sorted((d.name, d.version) for d in distributions())),
    }
