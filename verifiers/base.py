"""The class that a verifier subclasses."""

from __future__ import annotations

import dataclasses
import inspect
import json
from abc import ABC
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol

from sandbox import Check, Ending, Limits, Outcome, Pool
from verifiers.service import Services
from verifiers.types import Status, Verdict


@dataclass(frozen=True, slots=True)
class Example:
    """One completion and the score it must get: documentation, self-check and test of a verifier."""

    spec: Mapping[str, Any]
    completion: str
    score: float | None
    """None: must come back UNJUDGED."""
    why: str = ""


class Others(Protocol):
    """The other verifiers, as the router knows them: for one that is composed of others."""

    async def judge(self, verifier: str, spec: Mapping[str, Any], completion: str) -> Verdict:
        """The verdict of the verifier of that name; UNJUDGED whatever goes wrong, as for a problem of its own."""

    async def check(self, verifier: str, spec: Mapping[str, Any]) -> None:
        """Raise `SpecError` for what `check_in_box` of the verifier of that name finds broken."""


@dataclass(frozen=True, slots=True)
class Boxes:
    """Where verifiers may run things: expected outputs go only to `checks`, candidates' code only to `programs`."""

    programs: Pool
    """Runs candidates' code."""
    checks: Pool
    """Runs the `inside` modules of built-in verifiers on candidates' text."""
    plugins: Pool
    """Runs `Verifier.verify` of plugins in child processes of this machine that can be killed; no isolation."""
    services: Services
    """Runs asynchronous `Verifier.verify` of plugins, many at a time, in a process for each verifier."""
    others: Others


class Verifier(ABC):
    """Judges completions of one kind of problem.

    A plugin gives `name`, `examples` and one of three, each with deadlines that hold:

    - `def verify`: runs in a process of its own that is killed at `deadline`, so it may be slow, crash or hang;
    - `async def verify`, for what waits for a remote service: `concurrency` calls at a time share the event loop of one
      process and are cancelled at `deadline`. A call that holds that loop still for 5 s costs the process: those that
      were in flight are judged once more, each in a process of its own as above;
    - `async def judge`, for what needs a box: runs on the router's own loop, so whatever takes time belongs into the
      boxes, whose deadlines hold. What `judge` itself does between two awaits, everybody waits for, and nobody can end
      it: the router counts it (`Figures.held_loop_seconds`) and names who keeps on, and `assay verify` finds fault with
      more than 2 s.
    """

    name: ClassVar[str]
    examples: ClassVar[Sequence[Example]] = ()
    inside: ClassVar[Sequence[Path]] = ()
    """Modules shipped into the check boxes under the names of their files, each after those that it imports; the last
    is for `Check(module=inside[-1].stem, …)`. The built-in ones keep their folders: `verifiers.inside.math.check`."""
    deadline: ClassVar[float] = 10.0
    """Seconds that one `verify` may take, from when it starts."""
    concurrency: ClassVar[int] = 256
    """Calls of an asynchronous `verify` at a time."""
    reads_thoughts: ClassVar[bool] = False
    """What stands in a thought (`<think>` without its end) counts, too; else it must not earn a reward."""
    is_composed: ClassVar[bool] = False
    """It asks `boxes.others` and does nothing that takes time itself, so its parts wait for turns and it does not."""

    @property
    def _target(self) -> str:
        """Where another process finds the class; a class made in a function has no such place, only a name."""
        kind = type(self)
        return self.name if "<" in kind.__qualname__ else f"{kind.__module__}:{kind.__qualname__}"

    @property
    def is_asynchronous(self) -> bool:
        """Whether `verify` is a coroutine function that runs in a service process."""
        return type(self).judge is Verifier.judge and inspect.iscoroutinefunction(self.verify)

    def check_spec(self, spec: Mapping[str, Any]) -> None:  # noqa: B027 - a spec may be anything
        """Raise `SpecError` if `spec` is broken; called for every problem before a run starts, in the caller's
        own thread. No deadline is kept: it is arithmetic on a few values, and what takes time is for `check_in_box`."""

    async def check_in_box(self, spec: Mapping[str, Any], boxes: Boxes) -> None:  # noqa: B027 - as above
        """Raise `SpecError` for what only a box can tell of `spec`; called for every problem before a run starts, after
        `check_spec`, many at a time. A box that fails is no fault of the spec."""

    def verify(
        self, spec: Mapping[str, Any], completion: str
    ) -> Verdict | float | bool | Awaitable[Verdict | float | bool]:
        """Judge one completion: a `Verdict`, a score in 0..1, or right/wrong. Raising means: could not be judged."""
        raise NotImplementedError(f"{type(self).__name__} has neither verify nor judge")

    async def judge(self, spec: Mapping[str, Any], completion: str, boxes: Boxes) -> Verdict:
        """Judge one completion with the help of boxes; by default runs `verify` in a process that can be killed."""
        argument = {"verifier": self._target, "spec": dict(spec), "completion": completion}
        if self.is_asynchronous:
            outcome = await boxes.services.ask(self.name, argument, self.deadline)
            if outcome.ending is not Ending.INFRASTRUCTURE:
                return _verdict(outcome, self)
            # Lost with all that were in flight, by the fault of one of them: now each where it can hurt no other.
        limits = Limits(wall_seconds=self.deadline, memory_mb=4096)
        outcome = await boxes.plugins.run(Check("verifiers.plugins", argument), limits)
        return _verdict(outcome, self)


def _verdict(outcome: Outcome, verifier: Verifier) -> Verdict:
    """What `verifiers.plugins.check` said in its process, or why it said nothing."""
    if outcome.value is not None and outcome.ending is Ending.EXITED:
        try:
            return dataclasses.replace(Verdict.from_json(json.loads(outcome.value)), seconds=outcome.wall_seconds)
        except (ValueError, TypeError, KeyError) as error:
            why = f"answered garbage: {error}"
    elif outcome.ending is Ending.TIMEOUT:
        why = f"ran longer than its deadline of {verifier.deadline:g} s"
    elif outcome.ending is Ending.EXITED:
        last_line = outcome.stderr.decode(errors="replace").strip().rpartition("\n")[2] or outcome.detail
        why = f"raised {last_line}" if last_line else f"ended its process with exit code {outcome.exit_code}"
    else:
        why = f"ended by {outcome.ending.value}: {outcome.detail}"
    one_line = " ".join(f"{verifier.name} {why}".split())
    return Verdict(Status.UNJUDGED, None, detail=one_line[:300], seconds=outcome.wall_seconds)
