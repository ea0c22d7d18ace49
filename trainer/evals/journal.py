"""What an evaluation has so far, one completion with its verdict a line, so that a killed one goes on from there."""

from __future__ import annotations

import fcntl
import hashlib
import json
import marshal
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from types import TracebackType

from trainer.disk import writing
from trainer.evals.sources import Answer, Ask, Sample
from trainer.settings import ConfigError
from verifiers import Problem, Verdict


class Journal:
    """Lines {key, id, sample, answer, verdict, others}, appended to one file and read from it and others beside it.

    A key is a digest of all that decides a completion and its verdict, so what was asked in other ways is passed over,
    and the journals of shards, or of fewer samples, add up. The last line of a key counts. A line that a kill has cut
    short is passed over, too, and in our own file removed.
    """

    def __init__(self, path: Path, identity: str, others: Iterable[Path] = ()) -> None:
        """`identity` says whatever decides all completions alike: protocol, model, problem set, verifiers, boxes."""
        self._identity = identity
        self._problems: dict[int, str] = {}
        self._path = path
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("a+b")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigError(f"{path}: another eval is writing it; wait for its end, or give another --out") from None
        with path.open("rb") as lines:
            self._file.truncate(sum(len(line) for line in lines if line.endswith(b"\n")))
        self._found: dict[str, Sample] = {}
        for file in (*(other for other in others if other != path), path):
            self._found.update(_read(file))

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with writing(self._path):
            self._file.close()

    def find(self, ask: Ask) -> Sample | None:
        return self._found.get(self._key(ask))

    def add(self, ask: Ask, sample: Sample) -> None:
        """Write it down; a process killed at the next moment has it."""
        row = {"key": self._key(ask), "id": ask.problem.id, "sample": ask.number}
        row |= {"answer": asdict(sample.answer), "verdict": sample.verdict.to_json()}
        row |= {"others": {rule: other.to_json() for rule, other in sample.others.items()}}
        with writing(self._path):
            self._file.write(json.dumps(row).encode() + b"\n")
            self._file.flush()

    def _key(self, ask: Ask) -> str:
        if ask.position not in self._problems:
            self._problems[ask.position] = _digest(ask.problem, ask.prompt.sent)
        text = f"{self._identity}/{self._problems[ask.position]}/{ask.seed}/{ask.number}"
        return hashlib.sha256(text.encode()).hexdigest()[:32]


def _digest(problem: Problem, sent: object) -> str:
    """Of a problem as it is asked and judged."""
    digest = hashlib.sha256(json.dumps([problem.id, sent, problem.verifier], default=list).encode())
    try:
        digest.update(marshal.dumps(dict(problem.spec), 2))  # tests may be large, and this is quick
    except ValueError:  # more than plain values
        digest.update(repr(problem.spec).encode())
    return digest.hexdigest()


def _read(path: Path) -> Iterator[tuple[str, Sample]]:
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.endswith(b"\n"):
                break  # cut short by a kill, or being written
            try:
                row = json.loads(line)
                others = {rule: Verdict.from_json(other) for rule, other in row["others"].items()}
                yield row["key"], Sample(Answer(**row["answer"]), Verdict.from_json(row["verdict"]), others)
            except (ValueError, TypeError, KeyError, AttributeError) as error:
                raise ConfigError(f"{path}:{number}: no line of an eval's journal ({error!r}): remove it") from None
