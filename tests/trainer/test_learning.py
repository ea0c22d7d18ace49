"""That it learns, on real parts, and that the controls do not: a rising score alone would prove little."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from benchmarks.families import draw
from trainer.canary import WeightMismatch
from trainer.checksum import checksum
from trainer.config.run import RunConfig
from trainer.loop import train
from trainer.policy import Policy
from trainer.record import RunDirectory, read_lines
from trainer.vllm_sampler import VllmSampler
from verifiers import Problem, Router, Verdict

KINDS = ("chain", "larger")


def write(path: Path, count: int, *, held_out: bool, share_worked: float) -> None:
    """Two kinds of arithmetic; the completions are worked in this share and hasty in the rest."""
    rng = random.Random(path.name)
    with path.open("w") as file:
        for made in draw("math", count, seed=1, held_out=held_out):
            problem = made.problem
            if problem.tags["kind"] in KINDS:
                completion = made.worked if rng.random() < share_worked else made.hasty
                row = {"id": problem.id, "prompt": problem.prompt, "verifier": "math", "spec": dict(problem.spec)}
                file.write(json.dumps({**row, "completion": completion}) + "\n")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("learning")
    write(folder / "worked.jsonl", 4000, held_out=False, share_worked=1.0)
    write(folder / "mixed.jsonl", 4000, held_out=False, share_worked=0.4)
    write(folder / "held_out.jsonl", 400, held_out=True, share_worked=1.0)
    return folder


@pytest.fixture(scope="module")
def router() -> Iterator[Router]:
    with Router() as found:
        found.start()
        yield found


def config(place: Path, **changes: Any) -> RunConfig:
    fast = {"muon_lr": 6e-3, "lr": 4e-3, "betas": [0.9, 0.98], "warmup": 20, "final": 0.05}
    slow = {"muon_lr": 1.8e-3, "lr": 1.2e-3, "betas": [0.9, 0.98], "warmup": 5, "final": 0.05}
    worked, mixed = ({"name": "jsonl", "path": str(place / f"{name}.jsonl")} for name in ("worked", "mixed"))
    values = {
        "name": "learning",
        "steps": 30,
        "problems": 16,
        "model": {"fresh": {"hidden": 96, "heads": 3, "key_value_heads": 1, "layers": 2, "intermediate": 288}},
        "data": worked,
        "sft": [
            {"name": "base", "steps": 250, "data": worked, "optim": fast},
            {"name": "cold_start", "steps": 40, "data": mixed, "optim": slow},
        ],
        "sampling": {"group": 8, "max_new_tokens": 40},
        "optim": {"lr": 3e-4},
        "eval": {"data": {"name": "jsonl", "path": str(place / "held_out.jsonl")}, "samples": 2, "greedy": False},
    }
    return RunConfig.model_validate({**values, **changes})


def vllm(policy: Policy, folder: Path) -> VllmSampler:
    return VllmSampler(
        folder,
        policy.codec,
        dtype="float32",
        context=policy.context,
        max_sequences=256,
        longest=256,
        gpu_memory=0.2,
        cpu_cache_gib=1,
        seed=1,
    )


@pytest.fixture(scope="module")
def learned(place: Path, router: Router) -> dict[str, Any]:
    settings = config(place)
    with RunDirectory.open(place / "runs", settings, "") as run:
        return train(settings, run, router, vllm)


def after_cold_start(place: Path, **changes: Any) -> RunConfig:
    """The same reinforcement learning from the model that the cold start made."""
    model = {"path": str(place / "runs/learning/checkpoints/cold_start")}
    return config(place, model=model, sft=[], **changes)


def test_it_learns(learned: dict[str, Any]) -> None:
    assert learned["after"]["all"] > learned["before"]["all"] + 0.25, learned["stages"]
    assert learned["gain_over_start"]["low"] > 0.15


class Permuted:
    """Gives each completion of a step the verdict of another one; held-out problems keep their own."""

    sandbox_description = "permuted"

    def __init__(self, router: Router, held_out: set[str]) -> None:
        self._router, self._held_out, self._rng = router, held_out, random.Random(0)
        self._step: list[Future[Verdict]] = []

    def submit(self, problem: Problem, completion: str) -> Future[Verdict]:
        real = self._router.submit(problem, completion)
        if problem.id in self._held_out:
            return real
        step = self._step
        step.append(real)
        return _Shuffled(self, step, len(step) - 1)

    def settle(self, step: list[Future[Verdict]]) -> None:
        """The step is complete once its first verdict is asked for."""
        if step is self._step:
            self._rng.shuffle(step)
            self._step = []


class _Shuffled(Future[Verdict]):
    def __init__(self, judge: Permuted, step: list[Future[Verdict]], index: int) -> None:
        super().__init__()
        self._judge, self._verdicts, self._index = judge, step, index

    def result(self, timeout: float | None = None) -> Verdict:
        self._judge.settle(self._verdicts)
        return self._verdicts[self._index].result(timeout)


def test_with_rewards_permuted_at_random_it_does_not_learn(
    learned: dict[str, Any], place: Path, router: Router
) -> None:
    settings = after_cold_start(place, name="permuted")
    held_out = {line["id"] for line in read_lines(place / "held_out.jsonl")}
    with RunDirectory.open(place / "runs", settings, "") as run:
        summary = train(settings, run, Permuted(router, held_out), vllm)
    scores = [line["score/mean"] for line in run.read_metrics()]
    assert 0.05 < scores[0] < 0.95, "rewards without a spread would be no control"
    assert summary["after"]["all"] < summary["before"]["all"] + 0.1, summary["stages"]


class CutOff(VllmSampler):
    """Says that it took the weights over, and did not."""

    def load(self, policy: Policy) -> str:
        self._version = policy.version
        return checksum(policy.weights())


def test_with_weight_updates_cut_off_the_run_stops_by_itself(
    learned: dict[str, Any], place: Path, router: Router
) -> None:
    def cut_off(policy: Policy, folder: Path) -> CutOff:
        return CutOff(
            folder,
            policy.codec,
            dtype="float32",
            context=policy.context,
            max_sequences=256,
            longest=256,
            gpu_memory=0.2,
            cpu_cache_gib=1,
            seed=1,
        )

    settings = after_cold_start(place, name="cut_off", eval=None)
    with RunDirectory.open(place / "runs", settings, "") as run, pytest.raises(WeightMismatch, match="stale"):
        train(settings, run, router, cut_off)
    assert len(run.read_metrics()) < 3
