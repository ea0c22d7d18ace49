"""Judges a file of completions: one JSON object a line in, one verdict a line out, same order, same number."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from sandbox import SandboxConfig
from verifiers.router import MAX_IN_FLIGHT, Router
from verifiers.types import Problem, Status, Verdict


@dataclass(frozen=True, slots=True)
class Judged:
    """How a file came out."""

    total: int
    by_status: dict[Status, int]
    mean_score: float | None
    """Of those that have a score."""

    @property
    def num_unjudged(self) -> int:
        return self.by_status.get(Status.UNJUDGED, 0)


def judge_file(
    source: Path,
    target: Path,
    *,
    sandbox: SandboxConfig | None = None,
    max_in_flight: int = MAX_IN_FLIGHT,
    on_verdict: Callable[[int, Verdict], None] | None = None,
) -> Judged:
    """Judge every line of `source` into `target`, which appears under its name only when it is whole.

    A line that cannot be judged (not JSON, a field missing, a broken spec) gives an `unjudged` line. `on_verdict`
    gets the number of lines done and the newest verdict.
    """
    statuses: Counter[Status] = Counter()
    scores = 0.0
    aside = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with (
            Router(sandbox, max_in_flight=max_in_flight) as router,
            source.open(encoding="utf-8-sig", errors="replace", newline="\n") as lines,
            aside.open("w", encoding="utf-8") as out,
        ):
            router.start()
            for number, (name, verdict) in enumerate(_verdicts(router, lines), start=1):
                _write(out, name, verdict)
                statuses[verdict.status] += 1
                scores += verdict.score or 0.0
                if on_verdict is not None:
                    on_verdict(number, verdict)
        aside.replace(target)
    finally:
        aside.unlink(missing_ok=True)
    total = statuses.total()
    num_scored = total - statuses[Status.UNJUDGED]
    return Judged(total, dict(statuses), scores / num_scored if num_scored else None)


@dataclass(frozen=True, slots=True)
class _Line:
    """One line read: its id, and either a problem with a completion or what is wrong with it."""

    id: Any
    problem: Problem | None = None
    completion: str = ""
    error: str = ""


def _verdicts(router: Router, lines: TextIO) -> Iterator[tuple[Any, Verdict]]:
    """Each line's id and verdict, in order. Lines that are broken never reach the router."""
    ahead: list[_Line] = []

    def good_lines() -> Iterator[tuple[Problem, str]]:
        for number, text in enumerate(lines, start=1):
            line = _read(text, number)
            ahead.append(line)
            if line.problem is not None:
                yield line.problem, line.completion

    def broken_lines() -> Iterator[tuple[Any, Verdict]]:
        while ahead and ahead[0].problem is None:
            line = ahead.pop(0)
            yield line.id, Verdict(Status.UNJUDGED, None, detail=line.error)

    for verdict in router.stream(good_lines()):
        yield from broken_lines()
        yield ahead.pop(0).id, verdict
    yield from broken_lines()


def _read(text: str, number: int) -> _Line:
    """One line of the file as a problem, or as what is wrong with it."""
    if not text.strip():
        return _Line(None, error=f"line {number}: is empty; should be an object")
    try:
        row = json.loads(text)
    except json.JSONDecodeError as error:
        return _Line(None, error=f"line {number}: not JSON: {error.msg} at column {error.pos + 1}")
    except (ValueError, RecursionError) as error:
        return _Line(None, error=f"line {number}: not JSON: {error}")
    if not isinstance(row, dict):
        return _Line(None, error=f"line {number}: found {type(row).__name__}; should be an object")
    name = row.get("id")
    for field, kind in (("verifier", str), ("spec", dict), ("completion", str)):
        if not isinstance(row.get(field), kind):
            found = type(row[field]).__name__ if field in row else "nothing"
            return _Line(name, error=f"line {number}: {field}: found {found}; should be {_NAMES[kind]}")
    problem_id = str(name) if name is not None else f"line {number}"
    return _Line(name, Problem(problem_id, "", row["verifier"], row["spec"]), row["completion"])


_NAMES: dict[type, str] = {str: "a string", dict: "an object"}


def _write(out: TextIO, name: Any, verdict: Verdict) -> None:
    out.write(json.dumps({"id": name, **verdict.to_json()}, ensure_ascii=True) + "\n")
