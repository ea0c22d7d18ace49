"""The kinds of jobs that a candidate's code may be: each runs it as an interpreter would, and gives the exit code."""

from __future__ import annotations

import atexit
import io
import os
import sys
import threading
import time
import traceback
import types
from collections.abc import Callable
from typing import Any, NoReturn

from sandbox.inside import line, values

VALUE, NOTICE, ASK, MESSAGE = 3, 4, 5, 6
"""Descriptors of a run beside the standard ones: what it returns, a word to the worker, what it is asked, and
what a fresh interpreter is told."""
MEMORY_ERROR = b"M"

Head = dict[str, Any]
Ended = tuple[int, dict[str, Any]]
"""The exit code, and the names to let go of at the end."""


def descriptors(head: Head) -> list[int]:
    """Those that a job has beside the standard ones."""
    returns = head["kind"] not in ("program", "command")
    return [NOTICE, *([VALUE] if returns else []), *([ASK] if head["line"] else [])]


def start_afresh(head: Head) -> NoReturn:
    """Do a job in an interpreter that has just been started for it."""
    threading.stack_size(16 << 20)
    for descriptor in descriptors(head):
        os.set_inheritable(descriptor, False)
    use_streams(standard_streams())
    end(*JOBS[head["kind"]](head))


def _run_program(head: Head) -> Ended:
    """As `python main.py` would."""
    path = os.path.join(head["folder"], "main.py")
    module = _module("__main__", path, head["source"])
    sys.argv = ["main.py", *head["args"]]
    sys.path.insert(0, head["folder"])
    return exit_code(lambda: exec(_compile(head["source"], path), module.__dict__)), module.__dict__


def _run_call(head: Head) -> Ended:
    module, load = _solution(head)

    def call() -> None:
        load()
        for args in head["arguments"]:
            begun = time.perf_counter()
            value = find(module, head["entry_point"])(*args)
            seconds = time.perf_counter() - begun
            write_all(VALUE, b"%.6f %b\n" % (seconds, values.encode(value)))

    return exit_code(call), {}


def _run_serve(head: Head) -> Ended:
    module, load = _solution(head)

    def serve() -> None:
        load()
        line.answer_calls(module, lambda name: find(module, name), ASK, VALUE)

    return exit_code(serve), {}


JOBS: dict[str, Callable[[Head], Ended]] = {"program": _run_program, "call": _run_call, "serve": _run_serve}


def _solution(head: Head) -> tuple[types.ModuleType, Callable[[], None]]:
    """The candidate's module, and what executes it."""
    path = os.path.join(head["folder"], "solution.py")
    module = _module("solution", path, head["source"])
    sys.argv = ["solution.py"]
    sys.path.insert(0, head["folder"])
    return module, lambda: exec(_compile(head["source"], path), module.__dict__)


def _module(name: str, path: str, source: str) -> types.ModuleType:
    if not os.path.exists(path):
        with open(path, "wb", buffering=0) as file:
            file.write(source.encode(errors="surrogatepass"))
    module = types.ModuleType(name)
    module.__file__ = path
    module.__builtins__ = sys.modules["builtins"]  # type: ignore[attr-defined]
    sys.modules[name] = module
    return module


def _compile(source: str, path: str) -> types.CodeType:
    return compile(source, path, "exec", dont_inherit=True)


def find(module: types.ModuleType, entry_point: str) -> Any:
    """A function, a method of `Solution`, or `Class.method` on a new instance."""
    owner, _, name = entry_point.rpartition(".")
    if owner:
        return getattr(getattr(module, owner)(), name)
    if hasattr(module, name) or not hasattr(module, "Solution"):
        return getattr(module, name)
    return getattr(module.Solution(), name)


def exit_code(work: Callable[[], None]) -> int:
    """Run `work` and treat what it raises as the interpreter's top level does."""
    try:
        work()
    except SystemExit as error:
        code = error.code
        if code is None:
            return 0
        if isinstance(code, int):
            return code & 0xFF
        if sys.stderr is not None:
            print(code, file=sys.stderr)
        return 1
    except BaseException as error:  # noqa: BLE001 - this is the top level of the job
        if isinstance(error, MemoryError):
            os.write(NOTICE, MEMORY_ERROR)
        trace = error.__traceback__
        while trace and trace.tb_frame.f_code.co_filename == _compile.__code__.co_filename:
            trace = trace.tb_next
        error.__traceback__ = trace
        try:
            sys.excepthook(type(error), error, trace)
        except BaseException:  # noqa: BLE001 - the job's own hook
            traceback.print_exc()
        return 1
    return 0


def end(code: int, names: dict[str, Any]) -> NoReturn:
    """What an interpreter does at its end: wait for threads, atexit, flush, drop the module's names, flush again."""
    try:
        for finish in (threading._shutdown, atexit._run_exitfuncs):  # type: ignore[attr-defined]
            try:
                finish()
            except BaseException:  # noqa: BLE001 - the job's own code again
                traceback.print_exc()
        code = _flush() or code
        sys.stdin, sys.stdout, sys.stderr = sys.__stdin__, sys.__stdout__, sys.__stderr__
        for name in [*(n for n in names if n.startswith("_") and n != "__builtins__"), *names]:
            if name != "__builtins__":
                names[name] = None
        code = _flush() or code
        flush_c_streams(None)
    except BaseException:  # noqa: BLE001
        code = code or 1
    os._exit(code)


def _flush() -> int:
    """As an interpreter has it: the exit code for output that could not be written, else 0.

    A stream that is closed or taken away is let be.
    """
    code = 0
    for name, failure in (("stdout", 120), ("stderr", 0)):
        stream = getattr(sys, name, None)
        if stream is None or getattr(stream, "closed", False):
            continue
        try:
            stream.flush()
        except Exception:  # noqa: BLE001 - any stream the job put there
            code = failure
    return code


def flush_c_streams(_: None) -> None:
    """Of the C library; the worker puts the library's own function here."""


# ---- standard streams, and bytes ----


def standard_streams() -> list[io.TextIOWrapper]:
    """As an interpreter makes them at its start: on whatever the standard descriptors stand for when they are used."""
    return [
        _text("<stdin>", io.BufferedReader(io.FileIO(0, "r", closefd=False)), "strict"),
        _text("<stdout>", io.BufferedWriter(io.FileIO(1, "w", closefd=False)), "strict"),
        _text("<stderr>", io.BufferedWriter(io.FileIO(2, "w", closefd=False)), "backslashreplace"),
    ]


def _text(name: str, buffer: Any, errors: str) -> io.TextIOWrapper:
    buffer.raw.name = name
    stream = io.TextIOWrapper(buffer, "utf-8", errors, line_buffering=name == "<stderr>")
    stream.mode = "r" if name == "<stdin>" else "w"  # type: ignore[misc]
    return stream


def use_streams(streams: list[io.TextIOWrapper]) -> None:
    sys.stdin, sys.stdout, sys.stderr = sys.__stdin__, sys.__stdout__, sys.__stderr__ = streams  # type: ignore[misc]


def read_exactly(fd: int, size: int) -> bytes:
    """`size` bytes, or none at all when the stream ends first."""
    chunks, left = [], size
    while left:
        chunk = os.read(fd, min(left, 1 << 20))
        if not chunk:
            return b""
        chunks.append(chunk)
        left -= len(chunk)
    return b"".join(chunks)


def write_all(fd: int, data: bytes | memoryview) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
