"""Ctrl-C on a real process: once to finish the step, twice to end."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OBEDIENT = """
import time
from trainer.interrupt import Interrupt
with Interrupt() as interrupt:
    print("step", flush=True)
    while not interrupt.asked:
        time.sleep(0.01)
    print("saved", flush=True)
"""
DEAF = """
import time
from trainer.interrupt import Interrupt
with Interrupt() as interrupt:
    print("step", flush=True)
    time.sleep(60)
"""
BOTH = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])


@contextmanager
def running(code: str) -> Iterator[subprocess.Popen[str]]:
    """A process that has begun its step.

    Ctrl-C ends it even where the tests run in the background of a shell, which makes what it starts deaf to that.
    """
    pipe = subprocess.PIPE
    hearing = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    command = [sys.executable, "-c", hearing + code]
    with subprocess.Popen(command, cwd=ROOT, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            assert process.stdout is not None and process.stdout.readline() == "step\n"
            yield process
        finally:
            process.kill()


@BOTH
def test_the_first_signal_lets_the_step_finish_and_the_run_save(number: signal.Signals) -> None:
    with running(OBEDIENT) as process:
        process.send_signal(number)
        output, errors = process.communicate(timeout=60)
    assert (process.returncode, output) == (0, "saved\n")
    assert errors.strip().startswith("finishing this step, then saving")
    assert len(errors.strip().splitlines()) == 1, errors


@BOTH
def test_the_second_signal_ends_it_at_once(number: signal.Signals) -> None:
    with running(DEAF) as process:
        assert process.stderr is not None
        process.send_signal(number)
        assert process.stderr.readline() == "\n"
        assert "once more: end at once" in process.stderr.readline()
        assert process.poll() is None
        process.send_signal(number)
        process.communicate(timeout=30)
    assert process.returncode == -number


def test_afterwards_signals_do_what_they_did_before() -> None:
    after = "\n".join(
        [OBEDIENT.split("with")[0], "with Interrupt():\n    pass", 'print("step", flush=True)', "time.sleep(60)"]
    )
    with running(after) as process:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
    assert process.returncode == -signal.SIGTERM
