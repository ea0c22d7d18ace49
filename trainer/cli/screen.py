"""What is printed while a command works: its lines, each at once, and how many completions were judged."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from verifiers import Verdict


def say(line: str) -> None:
    print(line, flush=True)


def count_judged(done: int, verdict: Verdict, total: int | None = None) -> None:
    if (done % 20 == 0 or done == total) and sys.stderr.isatty():
        end = "\n" if done == total else ""
        print(f"\r{done}{f' of {total}' if total else ''} judged", end=end, file=sys.stderr, flush=True)


def never_fails(stream: TextIO) -> None:
    """Where a terminal has no letter for it, as `…` in ASCII, a ? is written, and no run ends for it."""
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="replace")
