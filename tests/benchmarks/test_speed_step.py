"""The program that measures a training step counts what it says it counts, and its contenders do the same work."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import time
import tomllib
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from benchmarks.speed import instant
from benchmarks.speed.deeper import deepened
from benchmarks.speed.host import each_seconds, tree
from benchmarks.speed.step import main
from benchmarks.speed.step_figures import Counted, Effort, Run, counted, figures_of, ratios, targets
from benchmarks.speed.step_runs import Setting, toml, training
from benchmarks.speed.watch import Look, Watched, _Spent, cpu_at, watch
from benchmarks.speed.work import Step
from trainer import fresh
from trainer.config.model import FreshModel
from trainer.config.recipe import read_config
from trainer.config.run import RunConfig
from trainer.policy import Policy
from verifiers import Problem, Router, Status

ROOT = Path(__file__).parents[2]
PROGRAM = ROOT / "benchmarks" / "speed" / "step.py"
LOOKS = [Look(10.0, 1.0, 100.0), Look(12.0, 4.0, 300.0), Look(20.0, 8.0, 200.0)]


def setting(folder: Path, *, warmup: int = 1, steps: int = 2) -> Setting:
    config, _ = read_config("quickstart", ["problems=4", "minibatches=2", "sampling.group=2"])
    return Setting(config, folder, Effort(1, warmup, steps), folder, None)


def steps(ends: Sequence[float], completions: int = 8) -> list[Step]:
    return [Step(end, 100, completions, 0.5, {"sample": 1.0, "update": 0.5}) for end in ends]


def run(seconds: float, *, tokens: int = 100, peak_mb: float = 1000.0, judge: float = 0.0) -> Run:
    return Run([Counted(seconds, tokens, 0.5, {"sample": 0.25, "judge": judge})], cpu_s=2 * seconds, peak_mb=peak_mb)


def test_cpu_is_read_on_the_line_between_two_looks() -> None:
    assert cpu_at(LOOKS, 11.0) == pytest.approx(2.5)
    assert cpu_at(LOOKS, 16.0) == pytest.approx(6.0)
    assert Watched(0, LOOKS).cpu_between(11.0, 16.0) == pytest.approx(3.5)
    with pytest.raises(ValueError, match=r"nobody looked at 21\.0"):
        cpu_at(LOOKS, 21.0)


def test_a_step_lasts_from_the_end_of_the_one_before_and_the_warm_up_is_left_out(tmp_path: Path) -> None:
    found = counted(steps([11.0, 12.0, 15.0]), Watched(0, LOOKS), Effort(1, 1, 2), 8)
    assert [step.seconds for step in found.steps] == [1.0, 3.0]
    assert found.cpu_s == pytest.approx((cpu_at(LOOKS, 15.0) - cpu_at(LOOKS, 11.0)) / 2)
    assert found.peak_mb == 300.0


def test_other_work_is_not_measured(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="a step of 7 completions where 8 are the work"):
        counted(steps([11.0, 12.0, 15.0], completions=7), Watched(0, LOOKS), Effort(1, 1, 2), 8)
    with pytest.raises(SystemExit, match="2 steps where 3 are the work"):
        counted(steps([11.0, 12.0]), Watched(0, LOOKS), Effort(1, 1, 2), 8)


def test_figures_are_medians_and_what_no_phase_explains_is_the_rest() -> None:
    figures = figures_of([run(1.0), run(2.0), run(6.0, peak_mb=1200.0)])
    assert (figures.step_s, figures.tokens_per_s, figures.peak_mb, figures.cpu_s) == (2.0, 50.0, 1200.0, 4.0)
    assert figures.tokens_per_cpu_s == pytest.approx(25.0)
    assert figures.phases == {
        "sample": 0.25,
        "judge": 0.0,
        "logprobs": 0.0,
        "update": 0.0,
        "weights": 0.0,
        "rest": 1.75,
    }


def test_ratios_set_ours_against_each_other_and_the_targets_are_read_from_them() -> None:
    figures = {
        "ours": figures_of([run(2.0, judge=0.2, peak_mb=900.0)]),
        "trl": figures_of([run(3.0)]),
        "trl_vllm": figures_of([run(5.0, tokens=110)]),
    }
    compared = ratios(figures)
    assert compared["judge_to_step"] == pytest.approx(0.1)
    assert compared["tokens_per_s_to_trl"] == pytest.approx(1.5)
    assert compared["tokens_per_s_to_trl_vllm"] == pytest.approx(50 / 22)
    assert compared["peak_mb_to_trl_vllm"] == pytest.approx(0.9)
    assert [verdict["met"] for verdict in targets(figures, compared)] == [False, True, True, False]
    compared["uncached_program_cpu_ms"] = 3.5
    assert [verdict["met"] for verdict in targets(figures, compared)] == [False, False, True, True, False]


def test_only_long_steps_are_held_against_a_verifier_that_answers_at_once() -> None:
    for seconds, count in ((9.0, 1), (11.0, 2)):
        figures = {"ours": figures_of([run(seconds)]), "ours_instant": figures_of([run(seconds)])}
        assert len(list(targets(figures, ratios(figures)))) == count


def test_layers_are_added_that_change_nothing(tmp_path: Path) -> None:
    policy = fresh.make(FreshModel(), ["a few texts"], seed=0)
    policy.save(tmp_path / "before")
    after = Policy.load(str(deepened(tmp_path / "before", tmp_path / "after", 5)), dtype="float32")
    assert len(after.model.model.layers) == 5
    ids = torch.arange(3, 40)[None]
    assert torch.equal(after.model(ids).logits, policy.model(ids).logits)
    with pytest.raises(ValueError, match="5 layers already; asked for 2"):
        deepened(tmp_path / "after", tmp_path / "again", 2)


def test_our_recipe_is_reinforcement_learning_alone_at_a_constant_rate(tmp_path: Path) -> None:
    asked = setting(tmp_path)
    values = tomllib.loads(toml(training(asked.config, "ours-0", tmp_path, 3)))
    config = RunConfig.model_validate(values)
    assert (config.steps, config.completions, config.minibatches, config.sft) == (3, 8, 2, ())
    assert config.model.path == str(tmp_path)
    assert config.eval is None
    assert (config.optim.warmup, config.optim.final, config.optim.lr) == (0, 1.0, asked.config.optim.lr)
    assert config.data == asked.config.data
    assert config.objective == asked.config.objective


def test_the_instant_verifier_says_what_was_said_before(tmp_path: Path) -> None:
    instant.install(tmp_path)
    problem = Problem("p", "What?", instant.NAME, {"scores": {"a": 1.0, "b": 0.25}})
    sys.path.insert(0, str(tmp_path))
    try:
        with Router() as router:
            verdicts = router.judge([(problem, "a"), (problem, "b"), (problem, "c")])
    finally:
        sys.path.remove(str(tmp_path))
    assert [(verdict.status, verdict.score) for verdict in verdicts] == [
        (Status.CORRECT, 1.0),
        (Status.WRONG, 0.25),
        (Status.UNJUDGED, None),
    ]


BUSY_CHILD = """
import subprocess, sys
held = bytearray(60_000_000)
child = "held = bytearray(40_000_000); sum(i * i for i in range(40_000_000))"
subprocess.run([sys.executable, "-c", child], check=True)
"""


def test_what_a_descendant_computes_and_holds_is_counted(tmp_path: Path) -> None:
    watched = watch([sys.executable, "-c", BUSY_CHILD], folder=tmp_path, env={}, log=tmp_path / "log")
    assert watched.exit_code == 0, (tmp_path / "log").read_text()
    assert watched.peak_mb > 95
    assert watched.looks[-1].cpu > 0.2
    assert all(later.cpu >= earlier.cpu for earlier, later in itertools.pairwise(watched.looks))


def test_cpu_of_what_has_gone_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """A child that is waited for between two readings of /proc, and a box that ends and is followed by another."""
    read = iter([{1: 1.0, 2: 3.0, 7: 5.0}, {1: 1.5, 8: 1.0}, {1: 5.0, 8: 1.5}])
    monkeypatch.setattr("benchmarks.speed.watch.each_seconds", lambda _: next(read))
    spent = _Spent()
    assert [spent.so_far({1, 2}, {7}), spent.so_far({1}, {8}), spent.so_far({1}, {8})] == [9.0, 10.0, 11.5]


def test_a_tree_is_a_process_with_its_descendants() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        found = tree(os.getpid())
        assert {os.getpid(), child.pid} <= found
        assert os.getppid() not in found
        assert tree(child.pid) == {child.pid}
        before, started = each_seconds([os.getpid()])[os.getpid()], time.process_time()
        while time.process_time() - started < 0.1:
            pass
        assert each_seconds([os.getpid()])[os.getpid()] - before >= 0.08
    finally:
        child.communicate(b"\n")


def test_an_unknown_contender_is_the_users_mistake() -> None:
    command = [sys.executable, str(PROGRAM), "--only", "verl"]
    ended = subprocess.run(command, cwd="/", capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 2
    assert "no 'verl'; there are ours, ours_instant, trl, trl_vllm" in ended.stderr


@pytest.mark.parametrize(
    ("override", "complaint"),
    [
        ("problems=none", "problems: "),
        ("objective.preset=cispo", "equal work for TRL"),
        ("optim.muon_lr=0.1", "equal work for TRL"),
        ("sampling.temperature=0.8", "equal work for TRL"),
    ],
)
def test_work_that_cannot_be_equal_is_the_users_mistake(
    override: str, complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([override])
    assert ended.value.code == 2
    assert complaint in capsys.readouterr().err


def test_the_stored_figures_are_of_the_promised_form() -> None:
    figures = json.loads((ROOT / "benchmarks" / "results" / "step.json").read_text())
    for name in ("ours", "trl", "trl_vllm"):
        assert {"step_s", "tokens_per_s", "peak_mb", "phases"} <= set(figures[name]), name
        assert set(figures[name]["phases"]) == {"sample", "judge", "logprobs", "update", "weights", "rest"}
    tokens = [figures[name]["tokens"] for name in ("ours", "trl", "trl_vllm")]
    assert max(tokens) < 1.1 * min(tokens), "the contenders did not do the same work"
