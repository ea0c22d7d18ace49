"""What is wrong with a run, collected while it is planned."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from benchmarks import ProblemError
from sandbox import SandboxUnavailable, SlotsError
from trainer.settings import ConfigError
from verifiers import SpecError


@dataclass(slots=True)
class Findings:
    """What is wrong, collected instead of raised: who plans wants to know all of it."""

    mistakes: list[str] = field(default_factory=list)
    lacks: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @contextlib.contextmanager
    def taking(self) -> Iterator[None]:
        try:
            yield
        except (ConfigError, ProblemError, SpecError, SlotsError) as error:
            self._take(self.mistakes, str(error))
        except SandboxUnavailable as error:
            self._take(self.lacks, str(error))

    def _take(self, lines: list[str], line: str) -> None:
        if line not in lines:  # a box that is missing is missed by whoever asks for one
            lines.append(line)
