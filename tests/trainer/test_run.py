"""A whole run, small and real: what it leaves behind, how it resumes, and when it stops itself."""

from __future__ import annotations

import copy
import json
import os
import shutil
import signal
import threading
from collections.abc import Iterable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest
import tiny

from benchmarks import ProblemError
from trainer.canary import WeightMismatch
from trainer.checksum import checksum
from trainer.config.run import RunConfig
from trainer.loop import RunStopped, train
from trainer.policy import Policy
from trainer.record import ROLLOUT_SCHEMA, RunDirectory, read_lines
from trainer.rollout import Judge
from trainer.sampler import PlainSampler
from trainer.session import RunPaused
from trainer.settings import ConfigError
from trainer.text import describe
from verifiers import Problem, Status, Verdict


def plain(policy: Policy, folder: Path) -> PlainSampler:
    return PlainSampler(policy)


def run(config: RunConfig, root: Path, judge: Judge | None = None, make: Any = plain) -> dict[str, Any]:
    with RunDirectory.open(root, config, "as written\n") as directory:
        return train(config, directory, judge or tiny.LengthJudge(), make)


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def timeless(values: dict[str, Any]) -> dict[str, Any]:
    """Without what a clock wrote."""
    return {key: value for key, value in values.items() if "time" not in key and "second" not in key}


def rollouts(folder: Path) -> list[dict[str, Any]]:
    tables = [pyarrow.parquet.read_table(path).to_pylist() for path in sorted(folder.glob("rollouts/*.parquet"))]
    return [timeless(row) for table in tables for row in table]


def test_a_run_leaves_what_the_contract_promises(tmp_path: Path) -> None:
    summary = run(tiny.config(tmp_path), tmp_path / "runs")
    folder = tmp_path / "runs" / "tiny"
    found = files(folder)
    for name in (
        "run.toml",
        "config.json",
        "environment.json",
        "events.jsonl",
        "metrics.jsonl",
        "summary.json",
        "curve.png",
    ):
        assert name in found, found
    assert [name for name in found if name.startswith("evals/")] == [
        "evals/held_out-000002.json",
        "evals/held_out-000003.json",
        "evals/held_out-base.json",
    ]
    assert {name.split("/")[1] for name in found if name.startswith("checkpoints/")} == {
        "start",
        "base",
        "000002",
        "000003",
    }
    assert not [name for name in found if name.endswith(".part")]
    rows = pyarrow.parquet.read_table(folder / "rollouts" / "step-000002.parquet")
    assert rows.schema == ROLLOUT_SCHEMA
    assert rows.num_rows == 8
    assert {row["version"] for row in rows.to_pylist()} == {2}
    assert json.loads((folder / "summary.json").read_text()) == json.loads(json.dumps(summary))
    assert set(summary) >= {"base", "before", "after", "steps", "seconds", "sampler", "sandbox"}
    assert set(summary["seconds"]) >= {"cold_start", "grpo", "total"}
    metrics = read_lines(folder / "metrics.jsonl")
    assert [line["step"] for line in metrics] == [0, 1, 2]
    promised = (
        "score/mean score/math reward/mean advantage/zero_groups unjudged/rate unjudged/math length/mean truncated/rate"
    )
    promised += " time/sample time/judge time/update time/weights time/step tokens_per_second"
    assert set(promised.split()) <= set(metrics[0])
    learned = [line for line in metrics if "loss" in line]
    assert learned, metrics
    assert {"entropy", "kl/sampler", "clip/low", "clip/high", "grad_norm", "lr", "loss"} <= set(learned[0])
    assert learned[0]["kl/sampler"] < 1e-6, "the sampler and the trainer disagree on policy"


class DiesAt:
    """Judges like `LengthJudge` until the process is killed in the middle of a step, as far as the run can tell."""

    sandbox_description = "none"

    def __init__(self, calls: int) -> None:
        self.left = calls

    def submit(self, problem: Problem, completion: str) -> Future[Verdict]:
        self.left -= 1
        if self.left < 0:
            raise SystemExit("killed")
        return tiny.LengthJudge().submit(problem, completion)


# The evaluation of 8 problems, twice at temperature and once greedily, takes 24 calls; a step takes 8.
@pytest.mark.parametrize("calls", [0, 10, 24, 30, 33, 44, 50, 62])
def test_a_killed_run_goes_on_as_if_nothing_had_happened(tmp_path: Path, calls: int) -> None:
    config = tiny.config(tmp_path)
    whole = run(config, tmp_path / "whole")
    with pytest.raises(SystemExit, match="killed"):
        run(config, tmp_path / "killed", DiesAt(calls))
    resumed = run(config, tmp_path / "killed")
    one, other = tmp_path / "whole" / "tiny", tmp_path / "killed" / "tiny"
    assert resumed["after"] == whole["after"]
    assert rollouts(other) == rollouts(one)
    assert [timeless(m) for m in read_lines(other / "metrics.jsonl")] == [
        timeless(m) for m in read_lines(one / "metrics.jsonl")
    ]
    weights = "checkpoints/000003/model.safetensors"
    assert (other / weights).read_bytes() == (one / weights).read_bytes()
    assert [name for name in files(other) if "evals" in name] == [name for name in files(one) if "evals" in name]


class Interrupted(RunDirectory):
    """Of a run that is asked to end as soon as it has begun."""

    def event(self, kind: str, **values: object) -> None:
        super().event(kind, **values)
        if kind == "start":
            os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize("has_stages", [True, False])
def test_ctrl_c_before_the_first_step_does_not_wait_for_it(tmp_path: Path, has_stages: bool) -> None:
    """A supervised stage is finished and saved; a run without any ends after its first evaluation."""
    tiny.policy().save(tmp_path / "model")
    config = tiny.config(tmp_path, **({} if has_stages else {"model": {"path": str(tmp_path / "model")}, "sft": []}))
    with (
        pytest.raises(RunPaused, match="interrupted"),
        Interrupted.open(tmp_path / "asked", config, "") as directory,
    ):
        train(config, directory, tiny.LengthJudge(), plain)
    assert not rollouts(tmp_path / "asked/tiny")
    run(config, tmp_path / "asked")
    run(config, tmp_path / "whole")
    assert rollouts(tmp_path / "asked/tiny") == rollouts(tmp_path / "whole/tiny")


@pytest.mark.parametrize("broken", [{"path": "nowhere"}, {"path": "model", "lora": {"targets": ["q_porj"]}}])
def test_a_run_that_cannot_begin_leaves_signals_and_threads_as_they_were(
    broken: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second is found out when the first checkpoint has been written already."""
    monkeypatch.chdir(tmp_path)
    tiny.policy().save(tmp_path / "model")
    numbers = signal.SIGINT, signal.SIGTERM
    before = [signal.getsignal(number) for number in numbers]
    with pytest.raises(ConfigError, match=r"nowhere|q_porj"):
        run(tiny.config(tmp_path, model=broken, sft=[]), tmp_path / "runs")
    assert [signal.getsignal(number) for number in numbers] == before
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("checkpoint")]


def test_an_unfinished_run_with_other_settings_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="killed"):
        run(tiny.config(tmp_path), tmp_path / "runs", DiesAt(30))
    with pytest.raises(ConfigError, match=r"unfinished run with other settings .*seed was 1, is now 2"):
        run(tiny.config(tmp_path, seed=2), tmp_path / "runs")


def test_a_run_that_could_not_begin_is_no_obstacle_to_mended_settings(tmp_path: Path) -> None:
    missing = tiny.config(tmp_path, model={"path": str(tmp_path / "nowhere")}, sft=[])
    with pytest.raises(ConfigError, match="nowhere"):
        run(missing, tmp_path / "runs")
    mended = tiny.config(tmp_path, steps=1, eval=None)
    run(mended, tmp_path / "runs")
    stored = json.loads((tmp_path / "runs/tiny/config.json").read_text())
    assert (stored["steps"], stored["model"]["path"]) == (1, None)


@pytest.mark.parametrize("broken", [{"max_prompt_tokens": 1}, {"model": {"path": "model", "lora": {"targets": ["q"]}}}])
def test_a_run_that_was_refused_after_its_start_was_saved_is_no_obstacle_either(
    broken: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    tiny.policy().save(tmp_path / "model")
    settings = {"model": {"path": "model"}, "sft": [], "steps": 1, "eval": None}
    with pytest.raises((ConfigError, ProblemError), match=r"every prompt|model.lora"):
        run(tiny.config(tmp_path, **settings | broken), tmp_path / "runs")
    assert (tmp_path / "runs/tiny/checkpoints/start").exists()
    tiny.policy(seed=1).save(tmp_path / "other")
    run(tiny.config(tmp_path, **settings | {"model": {"path": "other"}}), tmp_path / "runs")
    stored = (tmp_path / "runs/tiny/checkpoints/start/model.safetensors").read_bytes()
    assert stored == (tmp_path / "other/model.safetensors").read_bytes()
    assert json.loads((tmp_path / "runs/tiny/config.json").read_text())["model"]["path"] == "other"


class Unsure:
    """Can judge nothing."""

    sandbox_description = "none"

    def submit(self, problem: Problem, completion: str) -> Future[Verdict]:
        return tiny.ready(Verdict(Status.UNJUDGED, None, detail="the box died"))

    def unsound(self, problems: Iterable[Problem]) -> dict[str, str]:
        return {}


def test_a_run_that_nothing_could_be_judged_of_ends_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    summary = run(tiny.config(tmp_path, max_unjudged=1.0, steps=2), tmp_path / "runs", Unsure())
    assert summary["stages"] == {"base": {"math": None, "all": None}, "000002": {"math": None, "all": None}}
    assert summary["gain_over_start"]["mean"] is None
    assert "NaN" not in (tmp_path / "runs/tiny/summary.json").read_text()
    said = capsys.readouterr().out
    assert "no problem was judged both before and after" in said and "after 2 steps" in said


def test_a_run_without_a_step_or_a_stage_ends_where_it_starts(tmp_path: Path) -> None:
    tiny.policy().save(tmp_path / "model")
    summary = run(tiny.config(tmp_path, model={"path": str(tmp_path / "model")}, sft=[], steps=0), tmp_path / "runs")
    assert summary["before"] == summary["after"] and summary["gain_over_start"]["mean"] == 0
    assert (tmp_path / "runs/tiny/curve.png").exists()


def test_a_finished_run_is_set_aside(tmp_path: Path) -> None:
    config = tiny.config(tmp_path, eval=None, steps=1)
    for _ in range(3):
        run(config, tmp_path / "runs")
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == ["tiny", "tiny-1", "tiny-2"]


def test_one_process_at_a_time(tmp_path: Path) -> None:
    config = tiny.config(tmp_path)
    with (
        RunDirectory.open(tmp_path, config, ""),
        pytest.raises(ConfigError, match="another process is training this run"),
        RunDirectory.open(tmp_path, config, ""),
    ):
        pass


def test_a_line_that_a_crash_cut_off_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "m.jsonl").write_text('{"step": 0}\n{"step": 1}\n{"ste')
    assert read_lines(tmp_path / "m.jsonl") == [{"step": 0}, {"step": 1}]


class Unjudging:
    """Cannot judge every third completion."""

    sandbox_description = "none"

    def __init__(self) -> None:
        self._calls = 0

    def submit(self, problem: Problem, completion: str) -> Future[Verdict]:
        self._calls += 1
        if self._calls % 3:
            return tiny.LengthJudge().submit(problem, completion)
        return tiny.ready(Verdict(Status.UNJUDGED, None, detail="the box died"))


def test_too_many_unjudged_completions_stop_the_run_and_say_why(tmp_path: Path) -> None:
    with pytest.raises(RunStopped, match=r"2 of 8 .*max_unjudged = 0.1.* 2 times, by math: the box died"):
        run(tiny.config(tmp_path, eval=None), tmp_path / "runs", Unjudging())


def test_unjudged_completions_within_the_limit_are_counted_and_not_trained_on(tmp_path: Path) -> None:
    run(tiny.config(tmp_path, eval=None, max_unjudged=0.5), tmp_path / "runs", Unjudging())
    folder = tmp_path / "runs" / "tiny"
    unjudged = [row for row in rollouts(folder) if row["status"] == "unjudged"]
    assert unjudged
    assert {(row["score"], row["reward"], row["advantage"]) for row in unjudged} == {(None, None, 0.0)}
    rates = [line["unjudged/rate"] for line in read_lines(folder / "metrics.jsonl")]
    assert rates == pytest.approx([2 / 8, 3 / 8, 3 / 8])


class StaleSampler(PlainSampler):
    """Never takes new weights over, and says nothing: the failure that held-out scores do not show."""

    def __init__(self, policy: Policy) -> None:
        super().__init__(copy.deepcopy(policy))

    def load(self, policy: Policy) -> str:
        self._policy.version = policy.version
        return checksum(policy.weights())


def test_a_run_whose_sampler_gets_no_new_weights_stops_by_itself(tmp_path: Path) -> None:
    def stale(policy: Policy, folder: Path) -> StaleSampler:
        return StaleSampler(policy)

    with pytest.raises(WeightMismatch, match=r"after weight update 1, .*stale"):
        run(tiny.config(tmp_path, eval=None), tmp_path / "runs", make=stale)


def test_a_run_from_a_model_folder_needs_no_supervised_stage(tmp_path: Path) -> None:
    tiny.policy().save(tmp_path / "model")
    config = tiny.config(tmp_path, model={"path": str(tmp_path / "model")}, sft=[])
    summary = run(config, tmp_path / "runs")
    assert list(summary["stages"]) == ["000000", "000003"]


def test_a_missing_model_is_the_users_mistake(tmp_path: Path) -> None:
    config = tiny.config(tmp_path, model={"path": str(tmp_path / "nowhere")}, sft=[])
    with pytest.raises(ConfigError, match=r"model: cannot load .*nowhere"):
        run(config, tmp_path / "runs")


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("nowhere/at/all", "no such folder; a name on the hub looks like owner/model"),
        ("{place}", "not a model's folder: it has no config.json"),
        ("{place}/run", "not a model's folder; {place}/run/checkpoints/000002 is one"),
    ],
)
def test_what_is_no_model_is_told_without_asking_the_hub(tmp_path: Path, path: str, message: str) -> None:
    for name in ("000001", "000002", "start"):
        (tmp_path / "run/checkpoints" / name).mkdir(parents=True)
        (tmp_path / "run/checkpoints" / name / "model.safetensors").touch()
    for name in ("run.toml", "config.json"):
        (tmp_path / "run" / name).touch()
    with pytest.raises(ConfigError) as caught:
        describe(path.format(place=tmp_path))
    assert str(caught.value).endswith(message.format(place=tmp_path))


def test_prompts_that_are_too_long_are_left_out_and_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tiny.config(tmp_path, eval=None, max_prompt_tokens=80)
    with (tmp_path / "train.jsonl").open("a") as file:
        long = {"id": "long", "prompt": "1+" * 60 + "1", "verifier": "math", "spec": {"answer": "61"}}
        file.write(json.dumps(long) + "\n")
    run(config, tmp_path / "runs")
    assert "1 of 41 prompts have more than 80 tokens: left out" in capsys.readouterr().out


def test_a_model_whose_context_is_too_short_is_refused_before_training(tmp_path: Path) -> None:
    config = tiny.config(tmp_path, eval=None, sampling={"sampler": "plain", "group": 4, "max_new_tokens": 250})
    with pytest.raises(ConfigError, match="do not fit the model's context of 256"):
        run(config, tmp_path / "runs")


def test_leftovers_of_a_crash_are_swept(tmp_path: Path) -> None:
    config = tiny.config(tmp_path)
    folder = tmp_path / "runs" / "tiny"
    (folder / "checkpoints" / "000001.part").mkdir(parents=True)
    (folder / "summary.json.part").write_text("{")
    with RunDirectory.open(tmp_path / "runs", config, ""):
        assert not [name for name in files(folder) if ".part" in name]
        assert not (folder / "checkpoints" / "000001.part").exists()
    shutil.rmtree(folder)
