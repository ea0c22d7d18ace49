"""Your own problems, one JSON object a line.

Fields: "prompt" or "messages", "verifier", "spec"; and, if you like, "id", "tags", "completion".
"""

from __future__ import annotations

import hashlib
from itertools import islice
from pathlib import Path

from benchmarks.options import Options, read_options
from benchmarks.rows import Row, rows, speakable, text
from benchmarks.types import ProblemError, ProblemSet, ProblemSource
from verifiers import Message, Problem

ROLES = ("system", "developer", "user", "assistant", "tool")
"""Another one, and a chat template raises, or writes it as it stands, which no model has seen."""
FIELDS = {"id", "prompt", "messages", "verifier", "spec", "tags", "completion"}


def load(source: ProblemSource) -> ProblemSet:
    """Read a file of problems; a line's "completion", where it has one, is a worked answer for supervised stages."""
    read_options(source, Options)
    if not source.path:
        raise ProblemError("jsonl: no file given; set path (or data=PATH on the command line)")
    if source.split is not None:
        raise ProblemError(f"jsonl: split: found {source.split!r}, but a file of your own has none; give another path")
    path = Path(source.path)
    problems: list[Problem] = []
    worked: dict[str, str] = {}
    for place, row in islice(rows(path), source.max_problems):
        problem = _problem(row, place)
        problems.append(problem)
        if "completion" in row:
            worked[problem.id] = text(row, "completion", place)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    return ProblemSet(path.stem, digest, tuple(problems), {"worked": worked} if worked else {})


def _problem(row: Row, place: str) -> Problem:
    unknown = sorted(row.keys() - FIELDS)
    if unknown:
        raise ProblemError(f"{place}: {unknown[0]}: no such field; a problem has {', '.join(sorted(FIELDS))}")
    spec = row.get("spec")
    if not isinstance(spec, dict):
        raise ProblemError(f"{place}: spec: found {spec!r}, expected an object with what the verifier needs")
    tags = row.get("tags", {})
    if not isinstance(tags, dict):
        raise ProblemError(f"{place}: tags: found {tags!r}, expected an object of texts")
    prompt = messages(row["messages"], f"{place}: messages") if "messages" in row else text(row, "prompt", place)
    if not prompt:
        raise ProblemError(f"{place}: prompt: is empty")
    return Problem(
        id=str(row.get("id", place)),
        prompt=prompt,
        verifier=text(row, "verifier", place),
        spec=spec,
        tags={str(key): str(value) for key, value in tags.items()},
        place=place,
    )


def messages(found: object, place: str) -> tuple[Message, ...]:
    """A conversation, or `ProblemError` that begins with `place`."""
    if not isinstance(found, list) or not found:
        raise ProblemError(f"{place}: found {found!r}, expected a list of {{role, content}}")
    conversation = []
    for entry in found:
        if not isinstance(entry, dict) or set(entry) != {"role", "content"}:
            raise ProblemError(f"{place}: found {entry!r}, expected an object with role and content")
        if entry["role"] not in ROLES:
            raise ProblemError(f"{place}: role: found {entry['role']!r}, expected one of {', '.join(ROLES)}")
        conversation.append(Message(role=str(entry["role"]), content=speakable(str(entry["content"]), place)))
    return tuple(conversation)
