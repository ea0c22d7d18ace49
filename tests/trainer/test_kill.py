"""Kill -9 at any moment: nothing of ours is left, and the same command goes on to the very same end."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pyarrow.parquet
import pytest
import tiny
from test_cli import RECIPE, ROOT

from sandbox import list_leftovers
from trainer.record import read_lines

COMMAND = [sys.executable, "-m", "assay", "train", "own.toml"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "own.toml").write_text(RECIPE.replace("steps = 2", "steps = 12", 1))
    tiny.write_problems(tmp_path / "train.jsonl", 20, family="code")
    tiny.write_problems(tmp_path / "held_out.jsonl", 5, held_out=True, family="code")
    return tmp_path


def finish(place: Path) -> str:
    ended = subprocess.run(
        COMMAND, cwd=place, env=ENVIRONMENT, capture_output=True, text=True, timeout=240, check=False
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def kill_after(place: Path, seconds: float, *, until: Path | None = None) -> bool:
    """Start the run and kill it `seconds` after it began, or after `until` is there; whether it was still running."""
    with (place / "output").open("w") as output:
        process = subprocess.Popen(COMMAND, cwd=place, env=ENVIRONMENT, stdout=output, stderr=output)
        while until is not None and not until.exists() and process.poll() is None:
            time.sleep(0.05)
        time.sleep(seconds)
        was_running = process.poll() is None
        family = (
            [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)] if was_running else []
        )
        process.send_signal(signal.SIGKILL)
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


def record(place: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]], bytes, Any]:
    """What a run left behind but for its times: metrics, rollouts, weights, scores."""
    run = place / "runs" / "own"
    metrics = [
        {k: v for k, v in line.items() if "time" not in k and "second" not in k}
        for line in read_lines(run / "metrics.jsonl")
    ]
    tables = [pyarrow.parquet.read_table(path).to_pylist() for path in sorted(run.glob("rollouts/*.parquet"))]
    rows = [{k: v for k, v in row.items() if "seconds" not in k} for table in tables for row in table]
    stages = json.loads((run / "summary.json").read_text())["stages"]
    return metrics, rows, (run / "checkpoints/000012/model.safetensors").read_bytes(), stages


def test_a_killed_run_leaves_nothing_and_resumes_from_its_last_checkpoint(place: Path) -> None:
    before = set(left_behind(deadline=0))
    assert kill_after(place, 0.2, until=place / "runs/own/checkpoints/000002")
    assert not (place / "runs/own/summary.json").exists()
    assert set(left_behind()) <= before
    assert "resuming from runs/own/checkpoints/0000" in finish(place)
    assert [line["step"] for line in read_lines(place / "runs/own/metrics.jsonl")] == list(range(12))


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_runs_killed_at_random_moments_end_as_if_they_had_not_been(place: Path) -> None:
    started = time.monotonic()
    finish(place)
    whole, seconds = record(place), time.monotonic() - started
    rng, num_kills = random.Random(0), 0
    for attempt in range(20):
        (place / "runs" / "own").rename(place / "runs" / f"whole-{attempt}")
        while kill_after(place, rng.uniform(1, seconds)) and num_kills < 60:
            num_kills += 1
        if not (place / "runs/own/summary.json").exists():
            finish(place)
        assert record(place) == whole, f"after {num_kills} kills"
    assert num_kills >= 20, num_kills
    assert not left_behind()
