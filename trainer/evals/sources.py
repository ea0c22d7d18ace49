"""Where an evaluation's completions come from: a sampler or a file; a server is in endpoint.py."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, Protocol

from benchmarks import ProblemSet
from trainer.evals.protocol import PLAIN, EvalProtocol
from trainer.sampler import Draw, Sampler
from trainer.settings import ConfigError
from trainer.text import Codec
from verifiers import Message, Problem, Verdict

CPU_BLOCK = 256
"""Completions that are sampled together on a CPU, and again together if that was cut short: matrix products round
differently in batches of other sizes, which in time changes a token. Equal blocks are equal to the last bit."""


class SourceGone(RuntimeError):
    """No more completions can be got here; the message says why, and what to do. What was got is journaled."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a model is given."""

    sent: str | Sequence[Message]
    """The text, or the messages where a server puts them together."""
    ids: Sequence[int] = ()
    """Where we make the tokens."""
    has_room: bool = True
    """Whether a completion fits into the context after it."""


@dataclass(frozen=True, slots=True, eq=False)
class Ask:
    """One completion that is wanted."""

    position: int
    """Of the problem in its set."""
    problem: Problem
    prompt: Prompt
    number: int
    """Which of the problem's completions, from 0."""
    run_seed: int

    @property
    def seed(self) -> int:
        """Its own, in 32 bits: the completion does not depend on what else is asked."""
        text = f"{self.run_seed}/{self.number}/{self.problem.id}"
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")


@dataclass(frozen=True, slots=True)
class Answer:
    """One completion that was got, or not."""

    text: str
    finish: Literal["stop", "length", "failed"]
    tokens: int = 0
    """Sampled, the end token included; 0 where that is not known."""
    seconds: float = 0.0
    """From the start of the batch."""
    why: str = ""
    """What failed, in one line."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One completion of a problem and its verdict."""

    answer: Answer
    verdict: Verdict
    others: Mapping[str, Verdict] = field(default_factory=dict)
    """What the set's other rules say, by rule."""


@dataclass(frozen=True, slots=True)
class Shard:
    """Every `of`-th problem, beginning with number `part` (from 1)."""

    part: int
    of: int

    def __contains__(self, position: int) -> bool:
        return position % self.of == self.part - 1


WHOLE = Shard(1, 1)


class Source(Protocol):
    """Where completions come from."""

    absence: str
    """Why a problem has none, as it is counted."""

    @property
    def block(self) -> int | None:
        """How many are asked together, always the same ones, and nothing else meanwhile; None: all that are missing."""

    def prompt(self, problem: Problem) -> Prompt:
        """What the model is given for this problem."""

    def count(self, problem: Problem) -> int:
        """How many completions it has or will have."""

    def complete(self, asks: Sequence[Ask]) -> Iterator[tuple[Ask, Answer]]:
        """Yield each as it is there, in any order."""


class SampledSource:
    """Completions of a sampler, which is opened when it is needed."""

    absence = "prompts_too_long"

    def __init__(
        self,
        open_sampler: Callable[[], Sampler],
        codec: Codec,
        draw: Draw,
        *,
        context: int,
        protocol: EvalProtocol = PLAIN,
        block: int | None = None,
    ) -> None:
        self._open, self._codec, self._draw = open_sampler, codec, draw
        self._context, self._protocol, self.block = context, protocol, block
        self._prompts: dict[str, Prompt] = {}

    def prompt(self, problem: Problem) -> Prompt:
        if problem.id not in self._prompts:
            text, ids = self._protocol.encode(problem, self._codec)
            self._prompts[problem.id] = Prompt(text, ids, len(ids) + self._draw.max_new_tokens <= self._context)
        return self._prompts[problem.id]

    def count(self, problem: Problem) -> int:
        return self._draw.count

    def complete(self, asks: Sequence[Ask]) -> Iterator[tuple[Ask, Answer]]:
        draw = replace(self._draw, count=1, seeds=tuple(ask.seed for ask in asks))
        for index, made in self._open().sample([ask.prompt.ids for ask in asks], draw):
            yield asks[index], Answer(made.text, made.finish, len(made.token_ids), made.seconds)


class StoredSource:
    """Completions that were sampled elsewhere: problem id to texts."""

    absence = "without_completion"
    block = None

    def __init__(self, completions: Mapping[str, Sequence[str]]) -> None:
        self._completions = completions

    def prompt(self, problem: Problem) -> Prompt:
        return Prompt(problem.prompt)

    def count(self, problem: Problem) -> int:
        return len(self._completions.get(problem.id, ()))

    def complete(self, asks: Sequence[Ask]) -> Iterator[tuple[Ask, Answer]]:
        for ask in asks:
            yield ask, Answer(self._completions[ask.problem.id][ask.number], "stop")


def read_completions(path: Path, problems: ProblemSet) -> dict[str, list[str]]:
    """Stored completions by problem id, from lines {"id", "completion"}; `ConfigError` at the first broken one."""
    known = {problem.id for problem in problems.problems}
    found: dict[str, list[str]] = {}
    if not path.is_file():
        raise ConfigError(f"completions: {path}: no such file")
    with path.open(encoding="utf-8", newline="\n") as rows:  # what Unicode calls a line may end within a completion
        numbered = list(enumerate(rows, start=1))
    for number, line in numbered:
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise ConfigError(f"{path.name}:{number}: not JSON: {error.msg} at column {error.colno}") from None
        if (
            not isinstance(row, dict)
            or not isinstance(row.get("id"), str)
            or not isinstance(row.get("completion"), str)
        ):
            seen = f"the fields {', '.join(row)}" if isinstance(row, dict) else f"a {type(row).__name__}"
            raise ConfigError(f'{path.name}:{number}: found {seen}; expected {{"id": "…", "completion": "…"}}, texts')
        name = row["id"]
        if name not in known:
            raise ConfigError(f"{path.name}:{number}: id: {name!r} is not a problem of {problems.name}")
        found.setdefault(name, []).append(row["completion"])
    if not found:
        raise ConfigError(f"completions: {path}: there is none in it")
    return found
