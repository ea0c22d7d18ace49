"""The class that a verifier subclasses."""

from __future__ import annotations

from abc import ABC
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from sandbox import Pool
from verifiers.types import Verdict


@dataclass(frozen=True, slots=True)
class Example:
    """One completion and the score it must get: documentation, self-check and test of a verifier."""

    spec: Mapping[str, Any]
    completion: str
    score: float | None
    """None: must come back UNJUDGED."""
    why: str = ""


@dataclass(frozen=True, slots=True)
class Boxes:
    """The places where verifiers may run things; expected outputs go only to `checks`, candidates' code only to `programs`."""

    programs: Pool
    """Runs candidates' code."""
    checks: Pool
    """Runs the `inside` modules of built-in verifiers on candidates' text."""
    plugins: Pool
    """Runs `Verifier.verify` of plugins in child processes of this machine that can be killed; no isolation."""


class Verifier(ABC):
    """Judges completions of one kind of problem.

    A plugin gives `name`, `examples` and `verify`. `verify` runs in a process of its own that is killed at `deadline`,
    so it may be slow, crash or hang without hurting the run. A verifier that needs a box overrides `judge` instead.
    """

    name: ClassVar[str]
    examples: ClassVar[Sequence[Example]] = ()
    inside: ClassVar[Path | None] = None
    """A module shipped into the check boxes, for `Check(module=inside.stem, …)`."""
    deadline: ClassVar[float] = 10.0
    """Seconds that one `verify` may take."""

    def check_spec(self, spec: Mapping[str, Any]) -> None:
        """Raise `SpecError` if `spec` is broken; called for every problem before a run starts."""

    def verify(self, spec: Mapping[str, Any], completion: str) -> Verdict | float | bool:
        """Judge one completion: a `Verdict`, a score in 0..1, or right/wrong. Raising means: could not be judged."""
        raise NotImplementedError(f"{type(self).__name__} has neither verify nor judge")

    async def judge(self, spec: Mapping[str, Any], completion: str, boxes: Boxes) -> Verdict:
        """Judge one completion with the help of boxes; by default runs `verify` in a killable process."""
        raise NotImplementedError
