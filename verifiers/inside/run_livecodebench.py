"""Runs a program on a problem's inputs as LiveCodeBench's own grader does, and tells what it did, not if it is right.

It is the source of a `Call`, so it runs beside the candidate, with nothing in reach that the candidate may not know.
The rules are those of lcb_runner (`evaluation/testing_util.py`), with what is odd about them, since programs that trip
over it fail officially:

- all inputs in one process, one after the other, until something is raised; methods on one object of `Solution`;
- an alarm for each, which a program may catch; one that prints would have its output spoiled by it, and is ended here;
- a program that prints becomes the body of a function, behind all of its imports: `global` finds nothing, `class
  Solution` is looked for in vain, `if __name__ == "__main__"` is taken for what it is in the last place only;
- its `sys.stdin` is a text without `buffer` (January 2025: what was published of release_v5), or an object that cannot
  be iterated, whose `read` always gives all and whose `buffer.readline` the first line (since May 2025); the one that
  is imported by name is another, whose `readline` leaves out the line's end and raises StopIteration after the last;
- every `open` gives the input, and leaving with any exit code is well.

What is not covered: a value that only claims to equal others (there it passes, here it equals nothing).
"""

from __future__ import annotations

import ast
import builtins
import importlib
import io
import json
import math
import numbers
import os
import shutil
import signal
import subprocess
import sys
import time
import types
from collections.abc import Callable
from typing import Any

WRAPPED = "wrapped_function"
MAX_DIGITS = 50_000
TOO_LATE = 113
"""The exit code of a program that prints and did not stop in time; 0 points, whoever says so."""
REMOVED = {
    os: "kill system putenv remove removedirs rmdir fchdir setuid fork forkpty killpg rename renames truncate replace "
    "unlink fchmod fchown chmod chown chroot lchflags lchmod lchown getcwd chdir",
    shutil: "rmtree move chown",
    subprocess: "Popen",
    builtins: "quit help",
}
"""What the grader takes away."""
HIDDEN = "ipdb joblib resource psutil tkinter"
"""Modules that cannot be imported."""

Told = dict[str, Any]
"""Of one input: `printed`, a `value`, or how it `ended` ("late", "error") and `why`; and `seconds`."""


def run(program: str, prelude: str, inputs: list[str], function: str, seconds: int, grader: str) -> list[Told]:
    """What the program did with each input, up to the first that raised. Without a `function` it prints."""
    sys.set_int_max_str_digits(MAX_DIGITS)
    if "numpy" in program:  # its grader has it before it takes away what numpy needs to be imported
        importlib.import_module("numpy")
    for module, names in REMOVED.items():
        for name in names.split():
            setattr(module, name, None)
    sys.modules.update(dict.fromkeys(HIDDEN.split()))  # type: ignore[arg-type]
    signal.signal(signal.SIGALRM, _raise_late if function else _leave_late)
    told: list[Told] = []
    try:
        if function:
            ask = _call(_loaded(f"{prelude}\n\n{program}", function, seconds))
        else:
            ask = _print(_loaded(wrapped(program, prelude), WRAPPED, seconds), STDIN[grader])
        for given in inputs:
            started = time.perf_counter()
            signal.alarm(seconds)
            try:
                told.append(ask(given))
            finally:
                signal.alarm(0)
            told[-1]["seconds"] = time.perf_counter() - started
    except BaseException as error:  # noqa: BLE001 - a program may raise anything
        ended = "late" if isinstance(error, Late) else "error"
        told.append({"ended": ended, "why": f"{type(error).__name__}: {error}"[:300], "seconds": 0.0})
    return told


class Late(Exception):
    """An alarm went off."""


def wrapped(program: str, prelude: str) -> str:
    """The program as the body of a function behind its imports; as it is where it is no Python."""
    try:
        body = ast.parse(program).body
        if body and isinstance(body[-1], ast.If) and ast.unparse(body[-1].test) == "__name__ == '__main__'":
            body = [*body[:-1], *body[-1].body]
        imports = [one for one in body if isinstance(one, ast.Import | ast.ImportFrom)]
        others = [one for one in body if not isinstance(one, ast.Import | ast.ImportFrom)]
        whole = ast.parse(f"def {WRAPPED}(): pass")
        whole.body[0].body = others  # type: ignore[attr-defined]
        return "\n".join([prelude, *map(ast.unparse, imports), ast.unparse(whole)])
    except Exception:  # noqa: BLE001 - whatever a parser raises for what is no program
        return program


def _loaded(source: str, name: str, seconds: int) -> Callable[..., Any]:
    module = types.ModuleType("tmp_sol", "")
    signal.alarm(seconds)
    try:
        exec(compile(source, "<string>", "exec", dont_inherit=True), module.__dict__)
        owner = module.Solution() if "class Solution" in source else module
    finally:
        signal.alarm(0)
    found: Callable[..., Any] = getattr(owner, name)
    return found


# ---- functions


def _call(function: Callable[..., Any]) -> Callable[[str], Told]:
    def ask(given: str) -> Told:
        returned = function(*(json.loads(line) for line in given.split("\n")))
        signal.alarm(0)
        value = list(returned) if isinstance(returned, tuple) else returned
        try:
            return {"value": _plain(value)}
        except NotPlainError as error:
            return {"ended": "other", "why": str(error)}

    return ask


class NotPlainError(Exception):
    """A value that equals none that JSON can hold, as Python's `==` has it."""


def _plain(value: Any) -> Any:
    """The value of JSON's types that it equals."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, list):
        return [_plain(item) for item in list.__iter__(value)]
    if isinstance(value, dict) and all(isinstance(key, str) for key in dict.__iter__(value)):
        return {str.__str__(key): _plain(item) for key, item in dict.items(value)}
    if isinstance(value, int):
        return int.__int__(value)
    if isinstance(value, float) and not math.isnan(value):
        return float.__float__(value)
    if isinstance(value, numbers.Number) and type(value).__module__ in ("builtins", "numpy", "decimal", "fractions"):
        number: Any = value.real if isinstance(value, complex) and not value.imag else value
        for kind in (int, float):
            if kind(number) == number:
                return kind(number)
    raise NotPlainError(f"a {type(value).__name__}, which equals no value of JSON")


def _raise_late(number: int, frame: object) -> None:
    raise Late


# ---- programs that print


def _print(function: Callable[[], Any], stdin_of: Callable[[str], Any]) -> Callable[[str], Told]:
    def ask(given: str) -> Told:
        stdin, stdout, opened = sys.stdin, sys.stdout, builtins.open
        lines = iter(given.split("\n"))
        _replace(stdin, readline=lambda *_: next(lines), readlines=lambda *_: given.split("\n"), read=lambda *_: given)
        printed = io.StringIO()
        _replace(printed, close=lambda _: 1)
        _replace(builtins, open=lambda *_, **__: io.StringIO(given))
        _replace(sys, stdin=stdin_of(given), stdout=printed)
        try:
            function()
        except SystemExit:
            pass
        finally:
            _replace(sys, stdin=stdin, stdout=stdout)
            _replace(builtins, open=opened)
        return {"printed": printed.getvalue()}

    return ask


def _replace(owner: Any, **attributes: Any) -> None:
    for name, value in attributes.items():
        setattr(owner, name, value)


class Stdin:
    """What stands for `sys.stdin` since May 2025; `input` asks its `readline`."""

    def __init__(self, text: str) -> None:
        self._text = io.StringIO(text)
        self.buffer = Buffer(text.encode(errors="surrogatepass"))
        self.readline = self._text.readline
        self.readlines = lambda *_: text.split("\n")
        self.read = lambda *_: text

    def __getattr__(self, name: str) -> Any:
        return getattr(self._text, name)


class Buffer:
    """What stands for `sys.stdin.buffer`."""

    def __init__(self, data: bytes) -> None:
        self.read = lambda *_: data
        self.readline = lambda *_: data.split(b"\n")[0] + b"\n"


STDIN: dict[str, Callable[[str], Any]] = {"2025-01": io.StringIO, "2025-05": Stdin}
"""By the month of the grader."""


def _leave_late(number: int, frame: object) -> None:
    os._exit(TOO_LATE)
