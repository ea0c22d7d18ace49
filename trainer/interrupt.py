"""Ctrl-C: the first asks the run to finish its step and save, the second ends it at once."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_LINE = b"\nfinishing this step, then saving; the same command goes on from there (once more: end at once)\n"


class Interrupt:
    """While it is entered, `asked` turns true at the first SIGINT or SIGTERM, and the loop ends when it looks.

    The second one does what it would have done without us. For the main thread only: no other may handle signals.
    """

    def __init__(self, *, says_so: bool = True) -> None:
        self.asked = False
        self._says_so = says_so
        self._before: dict[signal.Signals, Callable[[int, FrameType | None], Any] | int | None] = {}

    def __enter__(self) -> Interrupt:
        self._before = {number: signal.signal(number, self._ask) for number in _SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._restore()

    def _ask(self, number: int, frame: FrameType | None) -> None:
        self.asked = True
        self._restore()
        if self._says_so:
            os.write(2, _LINE)  # not print: the signal may have come in the midst of one

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}
