"""Checkpoints: the Hugging Face layout plus all that decides how a run goes on, written while the run goes on."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import torch
from safetensors import SafetensorError
from torch import Tensor

from trainer.config.watch import Checkpoints
from trainer.disk import WriteFailed, publish, remove, writing
from trainer.optimizer import Optimizer
from trainer.policy import Policy
from trainer.types import Completion, Group
from verifiers import Problem, Status, Verdict


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run has come: the position from which all its seeds derive. No random state is saved, for none of the
    process's own decides anything."""

    stages: int
    """Supervised stages finished."""
    step: int
    """Steps of reinforcement learning finished."""
    score: float | None = None
    """Of the held-out evaluation after this step, if there was one."""


@dataclass(frozen=True, slots=True)
class State:
    """All but the weights that a run needs to go on as if it had not been interrupted."""

    progress: Progress
    tensors: Mapping[str, Any] = field(default_factory=dict)
    """By name: dicts and lists of tensors and plain values, as an optimizer's `state_dict` is."""
    parts: Mapping[str, Any] = field(default_factory=dict)
    """By name: JSON values."""
    pending: Sequence[Group] = ()
    """Sampled and judged, and not yet learned from."""


class CheckpointWriter:
    """Writes a run's checkpoints in a thread, one at a time, and removes those that are not to be kept."""

    def __init__(self, folder: Path, keep: Checkpoints, event: Callable[..., None]) -> None:
        """`event` is told of each checkpoint that is whole or removed, from the thread: `event(kind, **values)`."""
        self._folder, self._keep, self._event = folder, keep, event
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="checkpoint")
        self._writing: Future[None] | None = None
        self._copy = HostCopy()
        self._prune()  # what a process that was killed had no time to remove

    def save(self, name: str, policy: Policy, state: State) -> None:
        """Copy what is to be saved, and return; it is whole once `wait` returns.

        Waits for the one before it. Raises `WriteFailed` if that one could not be written.
        """
        self.wait()
        if (self._folder / name).exists():  # the same position: the same content
            return
        weights, tensors = self._copy.take((policy.model.state_dict(), state.tensors))
        parts = {
            part: json.dumps(value) for part, value in state.parts.items()
        }  # now: its owner will go on changing it

        def write() -> None:
            try:
                _write(self._folder / name, policy, weights, tensors, parts, state)
            except WriteFailed:
                shutil.rmtree(_aside(self._folder / name), ignore_errors=True)  # a full disk has better use for it
                raise
            self._event("checkpoint", checkpoint=name)
            self._prune()

        self._writing = self._thread.submit(write)

    def check(self) -> None:
        """Raise `WriteFailed` if a checkpoint could not be written; do not wait to know."""
        if self._writing is not None and self._writing.done():
            self.wait()

    def wait(self) -> None:
        """Until what was saved is whole. Raises `WriteFailed` if it could not be written."""
        written, self._writing = self._writing, None
        if written is not None:
            written.result()

    def close(self, *, wait: bool = True) -> None:
        """Wait, and end the thread; twice is harmless. Raises `WriteFailed` as `wait` does.

        Without `wait` what is being written may never be whole: the thread goes on for as long as the process does.
        """
        self._thread.shutdown(wait=wait)
        if wait:
            self.wait()

    def _prune(self) -> None:
        for folder in surplus(_saved(self._folder), self._keep):
            remove(folder)
            self._event("checkpoint_removed", checkpoint=folder.name)


class NoWriter(CheckpointWriter):
    """Writes none: another rank does."""

    def __init__(self) -> None:
        pass

    def save(self, name: str, policy: Policy, state: State) -> None:
        pass

    def check(self) -> None:
        pass

    def wait(self) -> None:
        pass

    def close(self, *, wait: bool = True) -> None:
        pass


class HostCopy:
    """Copies tensors to memory of the host that it keeps: fresh pages would cost several times the copying."""

    def __init__(self) -> None:
        self._buffers: dict[tuple[object, ...], Tensor] = {}

    def take(self, value: Any) -> Any:
        """The same dicts, lists and tuples with copies of the tensors, which hold until the next `take`."""
        aliases: dict[tuple[object, ...], Tensor] = {}
        copy = self._take(value, (), aliases)
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        return copy

    def _take(self, value: Any, path: tuple[object, ...], aliases: dict[tuple[object, ...], Tensor]) -> Any:
        if isinstance(value, Tensor):
            place = (value.data_ptr(), value.dtype, tuple(value.shape), value.stride())
            if place not in aliases:  # what is tied stays tied
                aliases[place] = self._filled(value, path)
            return aliases[place]
        if isinstance(value, Mapping):
            return {key: self._take(inner, (*path, key), aliases) for key, inner in value.items()}
        if isinstance(value, list | tuple):
            return type(value)(self._take(inner, (*path, index), aliases) for index, inner in enumerate(value))
        return value

    def _filled(self, value: Tensor, path: tuple[object, ...]) -> Tensor:
        buffer = self._buffers.get(path)
        if buffer is None or buffer.shape != value.shape or buffer.dtype != value.dtype:
            buffer = self._buffers[path] = torch.empty(value.shape, dtype=value.dtype, pin_memory=value.is_cuda)
        return buffer.copy_(value.detach(), non_blocking=True)


def latest(checkpoints: Path) -> tuple[Path, Progress] | None:
    """The checkpoint that is furthest on, or None."""
    return max(_saved(checkpoints), key=lambda pair: (pair[1].stages, pair[1].step), default=None)


def surplus(saved: Sequence[tuple[Path, Progress]], keep: Checkpoints) -> list[Path]:
    """Which need not be kept: neither the newest, nor the best, nor of a supervised stage or the start."""
    numbered = sorted((pair for pair in saved if pair[1].step), key=lambda pair: pair[1].step)
    scored = [(f, found.score) for f, found in numbered if found.score is not None and not math.isnan(found.score)]
    best = sorted(scored, key=lambda pair: -pair[1])[: keep.best]  # of equals the earliest: a stable sort
    kept = {folder for folder, _ in (*numbered[-keep.keep :], *best)}
    return [folder for folder, _ in numbered if folder not in kept]


def read_parts(folder: Path) -> dict[str, Any]:
    """The JSON values of a checkpoint, by name."""
    return {path.stem: json.loads(path.read_text()) for path in (folder / "resume" / "parts").glob("*.json")}


def read_tensors(folder: Path, name: str) -> Any:
    """What `State.tensors` had under this name, on the CPU; None if nothing."""
    path = folder / "resume" / f"{name}.pt"
    return torch.load(path, weights_only=True, map_location="cpu") if path.exists() else None


def read_pending(folder: Path) -> list[Group]:
    """The groups that were not yet learned from, bit for bit."""
    path = folder / "resume" / "pending.parquet"
    return [_group(row) for row in pyarrow.parquet.read_table(path).to_pylist()] if path.exists() else []


def restore_optimizer(optimizer: Optimizer, folder: Path) -> None:
    """Give the optimizer the state that the checkpoint has for it, if any."""
    if (state := read_tensors(folder, "optimizer")) is not None:
        optimizer.load_state_dict(state)


def _saved(checkpoints: Path) -> list[tuple[Path, Progress]]:
    files = [file for file in checkpoints.glob("*/resume/progress.json") if file.parents[1].suffix != ".part"]
    return [(file.parents[1], Progress(**json.loads(file.read_text()))) for file in files]


def _write(
    folder: Path,
    policy: Policy,
    weights: dict[str, Tensor],
    tensors: Mapping[str, Any],
    parts: Mapping[str, str],
    state: State,
) -> None:
    """Write a checkpoint aside, then rename it: `folder` exists only whole."""
    aside = _aside(folder)
    shutil.rmtree(aside, ignore_errors=True)
    resume = aside / "resume"
    with writing(folder):
        (resume / "parts").mkdir(parents=True)
    with writing(folder / "tokenizer.json", Exception):  # the tokenizers library has no narrower one for a full disk
        policy.tokenizer.save_pretrained(aside)
    with writing(folder / "model.safetensors", SafetensorError):
        policy.export(aside, weights)
    for name, value in tensors.items():
        with writing(folder / "resume" / f"{name}.pt", RuntimeError):  # which is what torch makes of a full disk
            torch.save(value, resume / f"{name}.pt")
    with writing(folder / "resume"):
        for name, text in parts.items():
            (resume / "parts" / f"{name}.json").write_text(text)
        if state.pending:
            rows = [_row(group) for group in state.pending]
            table = pyarrow.Table.from_pylist(rows, schema=PENDING_SCHEMA)
            pyarrow.parquet.write_table(table, resume / "pending.parquet")
        (resume / "progress.json").write_text(json.dumps(asdict(state.progress)))
        publish(aside, folder)


def _aside(folder: Path) -> Path:
    return folder.with_name(folder.name + ".part")


PENDING_SCHEMA = pyarrow.schema(
    [
        ("problem", pyarrow.string()),
        ("verdicts", pyarrow.list_(pyarrow.string())),
        (
            "completions",
            pyarrow.list_(
                pyarrow.struct(
                    [
                        ("prompt_ids", pyarrow.list_(pyarrow.int64())),
                        ("token_ids", pyarrow.list_(pyarrow.int64())),
                        ("logprobs", pyarrow.list_(pyarrow.float64())),
                        ("text", pyarrow.string()),
                        ("finish", pyarrow.string()),
                        ("version", pyarrow.int64()),
                        ("seconds", pyarrow.float64()),
                    ]
                )
            ),
        ),
    ]
)
"""One row a group: its numbers as columns of numbers, its problem and verdicts as JSON."""


def _row(group: Group) -> dict[str, Any]:
    return {
        "problem": json.dumps(asdict(group.problem)),
        "verdicts": [json.dumps(asdict(verdict)) for verdict in group.verdicts],
        "completions": [
            {name: getattr(completion, name) for name in Completion.__slots__}  # `asdict` would copy each token
            for completion in group.completions
        ],
    }


def _group(row: Mapping[str, Any]) -> Group:
    problem = json.loads(row["problem"])
    if not isinstance(problem["prompt"], str):
        problem["prompt"] = tuple(problem["prompt"])
    return Group(
        Problem(**problem),
        [Completion(**value) for value in row["completions"]],
        [_verdict(json.loads(text)) for text in row["verdicts"]],
    )


def _verdict(value: Mapping[str, Any]) -> Verdict:
    """Not by `Verdict.from_json`: what people read is rounded."""
    return Verdict(**{**value, "status": Status(value["status"]), "trace": value["trace"] or ()})
