"""What crosses the wall of a box: a job in, an outcome out."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field


class SandboxError(Exception):
    """Something of ours failed; never a statement about the program that was to run."""


class SandboxUnavailable(SandboxError):
    """This machine lacks what the box needs; the message ends with what to type."""


class Ending(StrEnum):
    EXITED = "exited"
    """The program ended by itself; see `exit_code`."""
    SIGNAL = "signal"
    """A signal that we did not send ended it; see `signal`."""
    TIMEOUT = "timeout"
    """It outlived its own wall-clock limit. Time in our queue never counts."""
    MEMORY = "memory"
    OUTPUT_LIMIT = "output_limit"
    INFRASTRUCTURE = "infrastructure"
    """We could not run it, or lost it: says nothing about the program."""


LARGEST = 2**44


@dataclass(frozen=True, slots=True)
class Limits:
    """What one job may use. Enforced from outside the program."""

    wall_seconds: float = 10.0
    memory_mb: int = 512
    processes: int = 64
    output_bytes: int = 8 * 2**20
    """For each of stdout, stderr and the returned value."""
    files_mb: int = 64
    """Scratch space under /tmp, the only place that can be written."""

    def __post_init__(self) -> None:
        for name in self.__slots__:
            if not 0 < getattr(self, name) < LARGEST:
                raise ValueError(f"Limits.{name}: found {getattr(self, name)}; should be more than 0 and finite")


@dataclass(frozen=True, slots=True)
class Program:
    """An untrusted program, run from its first line to its end."""

    source: str
    stdin: bytes = b""
    args: tuple[str, ...] = ()
    files: Mapping[str, bytes] = field(default_factory=dict)
    """Name to content, written into the working folder before the program starts."""
    language: str = "python"
    """A key of `languages.LANGUAGES`."""
    built: bytes | None = None
    """What a `Build` of the source returned, for a language that is compiled; the pool builds where it is missing."""


@dataclass(frozen=True, slots=True)
class Build:
    """An untrusted source, compiled: returns the file to run, as the bytes that it is."""

    source: str
    language: str
    files: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Call:
    """An untrusted function: `source` is executed, then `entry_point(*args)` is called for each `args` of `arguments`,
    one after the other in one process, until one does not return.

    `entry_point` may name a method of a class `Solution`, or be `Class.method`; each call has an instance of its own.
    Values cross as JSON of plain types.
    """

    source: str
    entry_point: str
    arguments: Sequence[Sequence[Any]]
    files: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Serve:
    """An untrusted module: `source` is executed, then answers calls over a `Line` until the line ends."""

    source: str
    files: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Check:
    """A trusted function of a preloaded module, `module.check(argument)`, on untrusted data. JSON in, JSON out.

    Over a line it is `module.check(argument, candidate)`, and `candidate` stands for a `Serve` in another box.
    """

    module: str
    argument: Any
    is_sociable: bool = False
    """It is quick and leaves nothing behind, so it may share a process with others of its module."""
    cpu_seconds: float = 0.0
    """After so much CPU a timer of its own ends it with SIGXCPU, however long a busy machine takes. 0: no timer.
    Sociable ones have it once they run alone. Only for what is trusted: a candidate's code could take the timer off."""


@dataclass(frozen=True, slots=True)
class Checks:
    """Several checks of one module, one after the other in one process: a list with `[JSON, seconds]` of each that
    returned, None for each that raised, and nothing for those that were not begun within `begin_seconds`."""

    module: str
    arguments: Sequence[Any]
    begin_seconds: float


Job = Program | Build | Call | Serve | Check | Checks


@dataclass(frozen=True, slots=True)
class Preload:
    """A module that the box imports once, before it forks the first child.

    With `path` the file's text is shipped into the box under `name`; without it `name` is imported there.
    """

    name: str
    path: Path | None = None


@dataclass(frozen=True, slots=True)
class Returned:
    """What one call of a `Call` gave."""

    value: bytes
    """JSON, if the candidate's process wrote it as it should."""
    seconds: float
    """By that process's own clock."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a job did. Bytes are as the program wrote them, cut at `Limits.output_bytes`."""

    ending: Ending
    exit_code: int | None = None
    signal: int | None = None
    stdout: bytes = b""
    stderr: bytes = b""
    value: bytes | None = None
    """JSON of what a `Check` returned, lines of what the calls of a `Call` did (`returned`), or the file that a `Build`
    made; None if there is nothing."""
    truncated: tuple[str, ...] = ()
    """Which of stdout, stderr and value were cut."""
    wall_seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_memory_mb: float = 0.0
    detail: str = ""
    """One line for people; never parsed."""

    def returned(self) -> list[Returned]:
        """Of a `Call`: what the calls that returned gave, in their order, whatever ended the run."""
        found = []
        for line in (self.value or b"").split(b"\n")[:-1]:
            seconds, _, value = line.partition(b" ")
            if not re.fullmatch(rb"[0-9]{1,9}\.[0-9]{6}", seconds):
                break  # the candidate's own hand
            found.append(Returned(value, float(seconds)))
        return found


class Box(Protocol):
    """One sandboxed place that runs one job at a time."""

    async def start(self) -> None:
        """Bring the box up, or raise `SandboxUnavailable`."""

    async def run(self, job: Job, limits: Limits) -> Outcome:
        """Run one job. Never raises for what the job does; our own failure is `Ending.INFRASTRUCTURE`."""

    @property
    def is_clean(self) -> bool:
        """False once anything suspicious was seen: the pool then destroys the box instead of reusing it."""

    async def close(self) -> None:
        """End everything in the box and the box itself. Twice is harmless."""


SandboxKind = Literal["auto", "docker", "bubblewrap", "process"]

Lack = Literal["namespaces", "seccomp"]
"""A wall that a machine may be unable to put up. A box without it is refused unless the user names it in `accept`."""


class SandboxConfig(BaseModel):
    """Where untrusted programs run."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    kind: SandboxKind = "auto"
    """docker, bubblewrap, process (no isolation at all), or auto: docker where an engine answers, else bubblewrap."""
    slots: int | None = Field(None, ge=1)
    """Boxes that run at the same time; default: one for each core this process may use."""
    image: str | None = None
    """Docker image to use instead of the one that `assay sandbox build` made."""
    runtime: str | None = None
    """OCI runtime of the Docker engine to use, such as runsc (gVisor); default: the engine's own."""
    fresh_interpreter: bool = False
    """Start an interpreter for each run of a candidate instead of forking a warm one: some 10 ms more."""
    accept: tuple[Lack, ...] = ()
    """Promises that this machine does not let us keep, and that you do without: namespaces, seccomp."""
