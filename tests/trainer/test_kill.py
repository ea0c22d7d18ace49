"""Kill -9 at any moment: nothing of ours is left, and the same command goes on to the very same end."""

from __future__ import annotations

import json
import os
import random
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import psutil
import pyarrow.parquet
import pytest
import tiny
from test_cli import ROOT

from sandbox import Leftover, list_leftovers
from trainer.record import read_lines, rollout_files

COMMAND = [sys.executable, "-m", "assay", "train", "own.toml"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"}
RECIPE = (
    f"""
steps = 12
problems = 4
{tiny.MODEL_AND_DATA}"""
    + """[[sft]]
name = "base"
steps = 3
batch = 4
data = { name = "jsonl", path = "train.jsonl" }
[sampling]
group = 8
max_new_tokens = 48
[optim]
lr = 3e-3
[eval]
data = { name = "jsonl", path = "held_out.jsonl" }
samples = 2
every = 4
[checkpoints]
every = 1
best = 1
"""
)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "own.toml").write_text(RECIPE)
    write_problems(tmp_path / "train.jsonl", 20)
    write_problems(tmp_path / "held_out.jsonl", 5, held_out=True)
    return tmp_path


def write_problems(path: Path, count: int, *, held_out: bool = False) -> None:
    """Half are programs to write; half can be solved by luck, so that there is something to learn from."""
    tiny.write_problems(path, count, held_out=held_out, family="code")
    with path.open("a") as file:
        for number in range(count):
            prompt = f"An even number of characters, please, for the {number + held_out * count}th time."
            even = {"id": f"even-{number}", "prompt": prompt, "verifier": "schema", "completion": "ab" * (number % 5)}
            file.write(json.dumps({**even, "spec": {"regex": r"([\s\S][\s\S])*"}}) + "\n")


class Process(Protocol):
    """The command at work."""

    pid: int

    def poll(self) -> int | None: ...

    def wait(self) -> int: ...


Start = Callable[[Path], Process]


def start_command(place: Path) -> subprocess.Popen[bytes]:
    """As a user does."""
    with (place / "output").open("a") as output:
        return subprocess.Popen(COMMAND, cwd=place, env=ENVIRONMENT, stdout=output, stderr=output)


def finish(place: Path, start: Start = start_command) -> str:
    code = start(place).wait()
    output = (place / "output").read_text()
    assert code == 0, output
    return output


def kill_after(place: Path, seconds: float, *, until: Callable[[], bool], start: Start = start_command) -> bool:
    """Start the run and kill it `seconds` after `until`; whether it was still running."""
    process = start(place)
    while not until() and process.poll() is None:
        time.sleep(0.02)
    time.sleep(seconds)
    was_running = process.poll() is None
    family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)] if was_running else []
    if was_running:
        os.kill(process.pid, signal.SIGKILL)
    process.wait()
    _, alive = psutil.wait_procs(family, timeout=20)
    assert not alive, f"outlived the run: {alive}"
    return was_running


def left_behind(deadline: float = 20) -> list[str]:
    """Containers and folders whose owner is dead, once Docker has had time to remove them."""
    ends = time.monotonic() + deadline
    while (dead := [found.name for found in list_leftovers() if not found.is_live]) and time.monotonic() < ends:
        time.sleep(0.5)
    return dead


def is_of(process: Process, found: Leftover) -> bool:
    return f":{process.pid}-" in found.owner


def has_recorded(run: Path, steps: int) -> bool:
    return len(read_lines(run / "metrics.jsonl")) >= steps


def test_a_killed_run_leaves_nothing_and_resumes_from_its_last_checkpoint(place: Path) -> None:
    before = set(left_behind(deadline=0))
    assert kill_after(place, 0.2, until=(place / "runs/own/checkpoints/000002").exists)
    assert not (place / "runs/own/summary.json").exists()
    assert set(left_behind()) <= before
    assert "resuming from runs/own/checkpoints/0000" in finish(place)
    assert [line["step"] for line in read_lines(place / "runs/own/metrics.jsonl")] == list(range(12))
    assert set(left_behind()) <= before


FORKED = """
import os, sys
from trainer.cli.main import main
from trainer.cli.process import prepare_process
prepare_process()
import matplotlib.pyplot, trainer.loop, trainer.vllm_sampler, vllm.v1.worker.cpu_worker
print("loaded", flush=True)
for line in sys.stdin:
    child = os.fork()
    if child:
        print(child, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
    else:
        output = os.open("output", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(output, 1), os.dup2(output, 2)
        sys.exit(main(["train", "own.toml"]))
"""


class Forked:
    """The command, once in a process that has loaded everything and forks for each run: loading takes most of one's
    time. One runs at a time."""

    def __init__(self, place: Path) -> None:
        self._parent = subprocess.Popen(
            [sys.executable, "-c", FORKED],
            cwd=place,
            env=ENVIRONMENT,
            bufsize=0,  # a line that is read must not take the next one with it: `poll` looks at the pipe
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._parent.stdin
        assert self._parent.stdout
        self._to, self._from = self._parent.stdin, self._parent.stdout
        assert self._from.readline() == b"loaded\n"
        self.pid = 0
        self._code: int | None = None

    def __call__(self, place: Path) -> Forked:
        self._to.write(b"\n")
        self.pid, self._code = int(self._from.readline()), None
        return self

    def poll(self) -> int | None:
        return self.wait() if select.select([self._from], [], [], 0)[0] else self._code

    def wait(self) -> int:
        if self._code is None:
            self._code = int(self._from.readline())
        return self._code

    def close(self) -> None:
        self._to.close()
        self._parent.wait()


@dataclass(frozen=True)
class Record:
    """What a run left behind but for its times."""

    metrics: list[dict[str, Any]]
    rollouts: list[dict[str, Any]]
    evaluations: dict[str, Any]
    checkpoints: dict[str, bytes]
    """Of the newest, the best and the stages: weights and optimizer."""


def record(run: Path) -> Record:
    paths = [path for of_step in rollout_files(run).values() for path in of_step]
    tables = [pyarrow.parquet.read_table(path).to_pylist() for path in paths]
    files = sorted(file for kind in ("*.safetensors", "*.pt") for file in run.glob(f"checkpoints/**/{kind}"))
    return Record(
        [timeless(line) for line in read_lines(run / "metrics.jsonl")],
        [timeless(row) for table in tables for row in table],
        {path.name: json.loads(path.read_text()) for path in sorted(run.glob("evals/*.json"))},
        {str(file.relative_to(run)): file.read_bytes() for file in files},
    )


def differences(whole: Record, other: Record) -> list[str]:
    """Where two runs first differ in each kind of record, as values."""
    found = []
    for kind in ("rollouts", "metrics"):
        pairs = zip(getattr(whole, kind), getattr(other, kind), strict=False)
        unlike = [(a, b, key) for a, b in pairs for key in a if a[key] != b.get(key)]
        found += [f"{kind} of step {a['step']}: {key} {a[key]!r} is {b.get(key)!r}" for a, b, key in unlike[:2]]
        if len(getattr(whole, kind)) != len(getattr(other, kind)):
            found.append(f"{kind}: {len(getattr(whole, kind))} are {len(getattr(other, kind))}")
    for kind in ("evaluations", "checkpoints"):
        one, two = getattr(whole, kind), getattr(other, kind)
        found += [f"{name} is another" for name in sorted(one.keys() | two.keys()) if one.get(name) != two.get(name)]
    return found


def timeless(values: dict[str, Any]) -> dict[str, Any]:
    """Without what a clock wrote."""
    return {key: value for key, value in values.items() if "time" not in key and "second" not in key}


def moments(number: int, seconds: float) -> list[tuple[int, float]]:
    """When to kill the processes of a run: so many seconds after so many steps are written down.

    One run in three is first killed at any moment of its life, the others once early and once late in learning.
    """
    rng = random.Random(f"kill/{number}")
    first = (0, rng.uniform(0.5, seconds / 2)) if number % 3 == 0 else (rng.randint(1, 5), rng.uniform(0, 0.5))
    return [first, (rng.randint(6, 12), rng.uniform(0, 0.5))]


def where(run: Path) -> str:
    """The last that a killed run did."""
    events, metrics = read_lines(run / "events.jsonl"), read_lines(run / "metrics.jsonl")
    if not events:
        return "before it began"
    last = events[-1]
    what = " ".join(str(last[key]) for key in ("event", "phase", "checkpoint") if key in last)
    return f"{len(metrics)} steps, after {what!r}"


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_runs_killed_at_random_moments_end_as_if_they_had_not_been(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def say(text: str) -> None:
        with capsys.disabled():
            print(f"\n{text}", end="", flush=True)

    run, command = place / "runs" / "own", Forked(place)
    started = time.monotonic()
    finish(place, command)
    seconds = time.monotonic() - started
    whole = record(run)
    assert len({line.get("grad_norm") for line in whole.metrics}) > 6, "a run that learns nothing would prove nothing"
    say(f"a whole run takes {seconds:.0f} s")
    num_kills, num_swept, different = 0, 0, []
    for number in range(20):
        run.rename(place / "runs" / f"own-{number}")
        killed = []
        for steps, after in moments(number, seconds):
            if (run / "summary.json").exists():
                break
            until = partial(has_recorded, run, steps)
            if kill_after(place, after, until=until, start=command):
                killed.append(where(run))
                num_swept += any(found.kind == "folder" for found in list_leftovers() if is_of(command, found))
        if not (run / "summary.json").exists():
            finish(place, command)
        num_kills += len(killed)
        unlike = differences(whole, record(run))
        different += [f"run {number}: {found}" for found in unlike]
        say(f"run {number}: killed {len(killed)} times ({'; '.join(killed)}): {'; '.join(unlike[:3]) or 'identical'}")
    command.close()
    say(f"20 runs, {num_kills} kills, {len(different)} differences in metrics, rollouts, evaluations and weights")
    say(f"{num_swept} kills left a folder for the next run to take away\n")
    assert not different, "\n".join(different)
    assert num_kills >= 30, num_kills
    assert not left_behind()
