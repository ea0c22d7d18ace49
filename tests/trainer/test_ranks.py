"""One run on several ranks of this machine, as torchrun starts them: real processes that meet by gloo."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil
import pytest
import tiny
from safetensors.torch import load_file
from test_cli import ROOT
from test_kill import Record, differences, has_recorded, record

from trainer.record import read_lines, rollout_files

ENVIRONMENT = {
    **os.environ,
    "PYTHONPATH": f"{ROOT}:{ROOT / 'tests/trainer'}",
    "HF_HUB_OFFLINE": "1",
    "OMP_NUM_THREADS": "1",  # on as many threads sums are made in the same order
}
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "--no-python"]
ASSAY = [sys.executable, "-m", "assay"]
LOST = "assay: stopped: another rank has ended before its time; the same command goes on from the last checkpoint"

RECIPE = (
    f"""
steps = 4
problems = 5
{tiny.MODEL_AND_DATA}"""
    + """[[sft]]
name = "base"
steps = 3
batch = 5
data = { name = "jsonl", path = "train.jsonl" }
[sampling]
sampler = "plain"
group = 6
max_new_tokens = 12
[optim]
lr = 3e-3
[checkpoints]
every = 1
[sandbox]
kind = "process"
"""
)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "own.toml").write_text(RECIPE)
    with (tmp_path / "train.jsonl").open("w") as file:
        for number in range(20):
            prompt = f"An even number of characters, please, for the {number}th time."
            even = {"id": f"even-{number}", "prompt": prompt, "verifier": "schema", "completion": "ab" * (number % 5)}
            file.write(json.dumps({**even, "spec": {"regex": r"([\s\S][\s\S])*"}}) + "\n")
    return tmp_path


def start(place: Path, command: Sequence[str]) -> subprocess.Popen[bytes]:
    with (place / "output").open("w") as output:
        return subprocess.Popen(command, cwd=place, env=ENVIRONMENT, stdout=output, stderr=output)


def run(place: Path, command: Sequence[str]) -> tuple[int, str]:
    """Exit code and output; all that it started has ended."""
    process = start(place, command)
    family = [psutil.Process(process.pid)]
    while process.poll() is None:
        family += [child for child in family[0].children(recursive=True) if child not in family]
        time.sleep(0.1)
    _, alive = psutil.wait_procs(family, timeout=20)
    assert not alive, f"outlived the run: {alive}"
    return process.returncode, (place / "output").read_text()


def succeed(place: Path, command: Sequence[str]) -> str:
    code, output = run(place, command)
    assert code == 0, output
    return output


def ranks_of(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """Rank 0 first."""
    found = [child for child in psutil.Process(process.pid).children() if "RANK" in child.environ()]
    return sorted(found, key=lambda child: int(child.environ()["RANK"]))


def wait_for_steps(process: subprocess.Popen[bytes], folder: Path, steps: int) -> None:
    while process.poll() is None and not has_recorded(folder, steps):
        time.sleep(0.02)


def own_lines(output: str) -> list[str]:
    return [line for line in output.splitlines() if line.startswith("assay: ")]


SEEDED = """
import contextlib, json, os, sys
from dataclasses import replace
from pathlib import Path
import tiny
from trainer.loop import train
from trainer.record import RunDirectory, SilentRun
from trainer.sampler import PlainSampler
from trainer.world import Ranks, World

class SeededSampler(PlainSampler):
    def sample(self, prompts, draw):
        if not draw.seeds:
            yield from super().sample(prompts, draw)
        for place, seed in enumerate(draw.seeds):
            [(_, made)] = super().sample([prompts[place // draw.count]], replace(draw, count=1, seed=seed, seeds=()))
            yield place, made

    def load(self, policy):
        if sys.argv[3:] == ["damage"] and policy.version == 1 and os.environ["RANK"] == "1":
            next(policy.model.parameters()).data[7, 7] += 1e-6
        return super().load(policy)

folder = Path(sys.argv[1])
config = tiny.config(folder, **json.loads(sys.argv[2]))
with Ranks() if "WORLD_SIZE" in os.environ else contextlib.nullcontext(World()) as world:
    with RunDirectory.open(folder, config, "") if world.is_first else contextlib.nullcontext() as run:
        world.meet()
        run = run or SilentRun(folder / config.name)
        train(config, run, tiny.LengthJudge(), lambda policy, folder: SeededSampler(policy))
"""
"""A run by a sampler whose completions depend, to the bit, on nothing but the weights, their prompts and seeds."""


def test_two_ranks_train_what_one_does(tmp_path: Path) -> None:
    """The same completions, judged and learned from; weights and metrics differ by the order of float32 sums alone:
    less than a thousandth of what two steps change, where Adam makes a whole step of a gradient of any size."""
    tiny.config(tmp_path)
    settings = {
        "steps": 2,
        "problems": 6,
        "minibatches": 2,
        "objective": {"preset": "grpo", "kl_coef": 0.05, "correction": "token_truncate"},
        "dynamic": {"max_rounds": 2},
        "curriculum": {"completions": 4},
        "sampling": {"sampler": "plain", "group": 4, "max_new_tokens": 8},
    }
    command = [sys.executable, "-c", SEEDED, str(tmp_path)]
    succeed(tmp_path, [*command, json.dumps({**settings, "name": "one"})])
    succeed(tmp_path, [*TORCHRUN, *command, json.dumps({**settings, "name": "two"})])
    one, two = record(tmp_path / "one"), record(tmp_path / "two")
    files = rollout_files(tmp_path / "two")[1]
    assert [file.name for file in files] == ["step-000001.parquet", "step-000001.1.parquet"]
    assert [strict(row) for row in one.rollouts] == [strict(row) for row in two.rollouts]
    assert len({row["problem_id"] for row in two.rollouts}) > 6
    for line, other in zip(one.metrics, two.metrics, strict=True):
        assert line == pytest.approx(other, rel=1e-4, abs=1e-6)
        assert line["grad_norm"] > 0
    assert_equal_evaluations(one, two)
    begun, whole, shared = (
        load_file(tmp_path / name / "model.safetensors")
        for name in ("one/checkpoints/base", "one/checkpoints/000002", "two/checkpoints/000002")
    )
    change = sum((whole[name] - begun[name]).double().square().sum() for name in whole) ** 0.5
    error = sum((whole[name] - shared[name]).double().square().sum() for name in whole) ** 0.5
    assert change > 0.1
    assert error < 1e-3 * change, (error, change)


def strict(row: dict[str, Any]) -> dict[str, Any]:
    """What must be equal to the bit."""
    return {name: value for name, value in row.items() if name not in ("advantage", "reward")}


def assert_equal_evaluations(one: Record, two: Record) -> None:
    assert one.evaluations.keys() == two.evaluations.keys()
    for name, found in one.evaluations.items():
        assert found["sampled"]["score"] == two.evaluations[name]["sampled"]["score"], name


@pytest.mark.timeout(400)
def test_two_ranks_with_an_engine_of_vllm_each_sample_what_one_does(place: Path) -> None:
    """And judge it, each in the boxes of its own half of the cores."""
    settings = ["steps=2", "sampling.sampler=vllm", "sandbox.kind=auto"]
    succeed(place, [*ASSAY, "train", "own.toml", "name=one", *settings])
    succeed(place, [*TORCHRUN, *ASSAY, "train", "own.toml", "name=two", *settings])
    one, two = record(place / "runs/one"), record(place / "runs/two")
    assert [strict(row) for row in one.rollouts] == [strict(row) for row in two.rollouts]
    assert any(line.get("grad_norm") for line in two.metrics)
    for line, other in zip(one.metrics, two.metrics, strict=True):
        assert line == pytest.approx(other, rel=1e-4, abs=1e-6)


@pytest.mark.timeout(400)
def test_two_ranks_paused_and_killed_end_as_if_they_had_not_been(place: Path) -> None:
    command = [*TORCHRUN, *ASSAY, "train", "own.toml", "steps=6"]
    succeed(place, command)
    whole = record(place / "runs/own")
    (place / "runs/own").rename(place / "runs/whole")

    output = succeed(place, [*TORCHRUN, *ASSAY, "sft", "own.toml", "steps=6"])
    assert output.count("base 3/3") == 1, output
    process = start(place, command)
    wait_for_steps(process, place / "runs/own", 1)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=100) != 0
    output = (place / "output").read_text()
    assert own_lines(output) == ["assay: paused: interrupted; the same command goes on from here"], output
    steps = len(read_lines(place / "runs/own/metrics.jsonl"))
    assert 1 <= steps < 6
    assert (place / f"runs/own/checkpoints/{steps:06d}").exists(), "paused without its last step"

    process = start(place, command)
    wait_for_steps(process, place / "runs/own", steps + 1)
    for one in [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]:
        one.kill()
    process.wait()
    assert f"resuming from runs/own/checkpoints/{steps:06d}" in (place / "output").read_text()
    assert not (place / "runs/own/summary.json").exists()

    code, output = run(place, [*ASSAY, "train", "own.toml", "steps=6"])
    assert code == 2, output
    assert "2 ranks made this checkpoint, and 1 would not go on from it to the bit" in output
    succeed(place, command)
    assert not (unlike := differences(whole, record(place / "runs/own"))), "\n".join(unlike)


FULL_DISK = """
import os, resource, sys
from trainer.cli.main import main
if os.environ["RANK"] == "1":
    resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))  # no file of this rank may be larger
sys.exit(main(["train", "own.toml"]))
"""


def test_a_rank_that_fails_ends_all_and_says_why(place: Path) -> None:
    code, output = run(place, [*TORCHRUN, sys.executable, "-c", FULL_DISK])
    assert code == 1
    [line] = own_lines(output)
    assert line.startswith("assay: runs/own/rollouts/step-000000.1.parquet: cannot be written: "), output
    assert "File too large" in line
    assert read_lines(place / "runs/own/events.jsonl")[-2]["event"] == "stop"


def test_a_rank_that_is_killed_ends_all(place: Path) -> None:
    process = start(place, [*TORCHRUN, *ASSAY, "train", "own.toml", "steps=500"])
    wait_for_steps(process, place / "runs/own", 1)
    first, second = ranks_of(process)
    second.kill()
    assert process.wait(timeout=150) == 1
    psutil.wait_procs([first], timeout=30)
    assert not first.is_running()
    assert own_lines((place / "output").read_text()) == [LOST]


def test_what_several_ranks_cannot_do_yet_is_refused_in_one_line(place: Path) -> None:
    settings = ["sampling.sampler=vllm", "sampling.max_staleness=1"]
    code, output = run(place, [*TORCHRUN, *ASSAY, "train", "own.toml", *settings])
    assert code == 1, "torchrun's, whatever a rank's was"
    [line] = own_lines(output)
    assert line.startswith("assay: sampling.max_staleness: several ranks sample and learn in turns"), output
    assert not (place / "runs").exists()


def test_ranks_whose_weights_differ_are_stopped(tmp_path: Path) -> None:
    tiny.config(tmp_path)
    command = [*TORCHRUN, sys.executable, "-c", SEEDED, str(tmp_path), json.dumps({"eval": None}), "damage"]
    code, output = run(tmp_path, command)
    assert code == 1
    assert output.count("WeightMismatch: weight update 1: the ranks no longer have the same weights") == 1, output
