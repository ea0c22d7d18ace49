"""What verifiers are asked and what they answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypedDict


class Message(TypedDict):
    role: str
    content: str


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to solve, and how an answer to it is judged."""

    id: str
    prompt: str | tuple[Message, ...]
    """Text (one user turn) or the messages of a conversation."""
    verifier: str
    """Name of the verifier that judges it, as `assay list` shows it."""
    spec: Mapping[str, Any]
    """What that verifier needs; never shown to the model."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """Level, date, family, …: for slicing reports."""
    statement: str = ""
    """The bare question, where `prompt` says more: for protocols that have instructions of their own."""
    place: str = field(default="", compare=False)
    """Where it was read, as `train.jsonl:4`, for messages about it; empty where nobody knows."""

    @property
    def described(self) -> str:
        """As a message about it begins."""
        apart = f"{self.place}: " if self.place and self.place != self.id else ""
        return f"{apart}problem {self.id}"


class Status(StrEnum):
    CORRECT = "correct"
    WRONG = "wrong"
    """Judged and not right; also partial credit."""
    NO_ANSWER = "no_answer"
    """Nothing in the completion could be taken for an answer: a judgement, score 0."""
    TIMEOUT = "timeout"
    """The candidate's own program outlived its limit: a judgement, score 0."""
    UNJUDGED = "unjudged"
    """We could not judge it: no score, outside every baseline, never trained on, counted out loud."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a verifier says of one completion."""

    status: Status
    score: float | None
    """0..1; None exactly when UNJUDGED."""
    answer: str | None = None
    """What was taken for the answer."""
    detail: str = ""
    """One line: why."""
    seconds: float = 0.0
    """Time spent judging, without time in a queue."""
    parts: Mapping[str, float] = field(default_factory=dict)
    """Named sub-scores."""
    trace: Sequence[Mapping[str, Any]] = ()
    """How it came about, for people: a plain JSON object for each stage or test, with its name as `stage`, what came
    of it as `result` (one line), and whatever else it has to show, shortened."""

    def __post_init__(self) -> None:
        if (self.score is None) != (self.status is Status.UNJUDGED):
            raise ValueError(f"verdict: score {self.score} does not go with status {self.status.value}")
        if self.score is not None and not 0.0 <= self.score <= 1.0:
            raise ValueError(f"verdict: score {self.score} is not in 0..1")
        if (self.status is Status.CORRECT) != (self.score == 1.0):
            raise ValueError(f"verdict: score {self.score} does not go with status {self.status.value}")

    def to_json(self) -> dict[str, Any]:
        """The verdict as `assay verify --file` writes it, without the id."""
        return {
            "status": self.status.value,
            "score": self.score,
            "answer": self.answer,
            "detail": " ".join(self.detail.split()),
            "seconds": round(self.seconds, 6),
            "parts": dict(self.parts),
            "trace": [dict(stage) for stage in self.trace],
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Verdict:
        """The verdict that `to_json` wrote; ValueError, TypeError or KeyError if it is none."""
        return cls(
            status=Status(value["status"]),
            score=None if value["score"] is None else float(value["score"]),
            answer=None if value["answer"] is None else str(value["answer"]),
            detail=str(value["detail"]),
            seconds=float(value["seconds"]),
            parts={str(name): float(score) for name, score in value["parts"].items()},
            trace=[dict(stage) for stage in value.get("trace", ())],
        )


class SpecError(ValueError):
    """A problem's spec is broken: the message names the field, what was found and what would be right."""
