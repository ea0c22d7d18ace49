"""Ctrl-C on a real process: once to finish the step, twice to end; not even what is sampled ahead is waited for."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import tiny
from safetensors.torch import load_file

from trainer.checkpoint import latest
from trainer.record import read_lines

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


AHEAD = (
    f"""
steps = 50
problems = 16
{tiny.MODEL_AND_DATA}"""
    + """[[sft]]
name = "base"
steps = 1
batch = 4
data = { name = "jsonl", path = "train.jsonl" }
[sampling]
group = 64
max_new_tokens = 400
max_staleness = 1
[checkpoints]
every = 1
[sandbox]
kind = "process"
"""
)
"""A step is sampled for seconds, and learned from in none: what is sampled is never right."""


@contextmanager
def training(folder: Path, *arguments: str, until: str) -> Iterator[subprocess.Popen[str]]:
    """The command at work on a run that has this checkpoint."""
    (folder / "ahead.toml").write_text(AHEAD)
    tiny.write_problems(folder / "train.jsonl", 20)
    command = "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); import assay; "
    command += "sys.exit(assay.main(sys.argv[1:]))"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"}
    with (
        (folder / "output").open("w") as output,
        subprocess.Popen([sys.executable, "-c", command, *arguments], cwd=folder, env=environment, stdout=output,
                         stderr=subprocess.PIPE, text=True) as process,
    ):  # fmt: skip
        try:
            while not (folder / "runs/ahead/checkpoints" / until).exists():
                assert process.poll() is None, process.communicate()[1]
                time.sleep(0.05)
            yield process
        finally:
            process.kill()


def test_the_second_signal_waits_for_no_batch_that_is_sampled_ahead(tmp_path: Path) -> None:
    with training(tmp_path, "train", "ahead.toml", until="000001") as process:
        process.send_signal(signal.SIGTERM)
        assert process.stderr is not None
        while "once more: end at once" not in (line := process.stderr.readline()):
            assert line
        process.send_signal(signal.SIGTERM)
        sent = time.monotonic()
        errors = process.communicate()[1]
        seconds = time.monotonic() - sent
    assert process.returncode == 128 + signal.SIGTERM
    assert errors.strip().endswith("assay: interrupted; the same command goes on from the last checkpoint"), errors
    assert "Traceback" not in errors
    run = tmp_path / "runs/ahead"
    assert seconds < read_lines(run / "metrics.jsonl")[0]["time/sample"] / 2
    found = latest(run / "checkpoints")
    assert found is not None and found[1].step == 1
    assert load_file(found[0] / "model.safetensors"), "the last checkpoint is whole"


def test_a_supervised_stage_is_finished_first_and_told_in_one_line(tmp_path: Path) -> None:
    with training(tmp_path, "sft", "ahead.toml", "sft.0.steps=300", until="start") as process:
        process.send_signal(signal.SIGINT)
        errors = process.communicate()[1]
    assert process.returncode == 1
    assert errors.strip().endswith("assay: paused: interrupted; the same command goes on from here"), errors
    assert (tmp_path / "runs/ahead/checkpoints/base").is_dir()
