"""A run looked at: finished, going on and hardly begun; and what is no run."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Callable, Iterator
from dataclasses import asdict
from math import nan
from pathlib import Path
from typing import Any

import pytest
import tiny

from trainer import view
from trainer.cli.main import main
from trainer.loop import train
from trainer.record import RunDirectory
from trainer.sampler import PlainSampler
from verifiers import Figures, Status

See = Callable[..., str]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole run of three steps, with the events of a command that was not well."""
    folder = tmp_path_factory.mktemp("view")
    config = tiny.config(folder)
    with RunDirectory.open(folder / "runs", config, "as written\n") as run:
        for step in (0, 2):
            run.event("warning", name="kl_drift", step=step, message=f"seen at {step}", action="warn")
        for unjudged, slowest in ((0, 0.5), (2, 0.25)):  # two processes were at it
            statuses = {Status.CORRECT: 6, **({Status.UNJUDGED: unjudged} if unjudged else {})}
            reasons = {"the box died": unjudged} if unjudged else {}
            math = Figures(statuses, 0, 0.01, 0.02, slowest, 0.0, reasons)
            run.event(
                "judging",
                verifiers={"math": asdict(math), "code": asdict(Figures({Status.WRONG: 1}, 0, *[0.0] * 4, {}))},
            )
        train(config, run, tiny.LengthJudge(), lambda policy, _: PlainSampler(policy))
    return run.path


@pytest.fixture
def see(capsys: pytest.CaptureFixture[str]) -> Iterator[See]:
    """`assay view …` in this process: what it said, on stderr if it was a mistake."""
    before = signal.getsignal(signal.SIGTERM)

    def run(*words: str | Path | int, code: int = 0) -> str:
        try:
            found = main(["view", *map(str, words)])
        except SystemExit as ended:
            found = int(str(ended.code))
        out, err = capsys.readouterr()
        assert found == code, out + err
        assert code == 0 or len(err.splitlines()) == 1, err
        return err if code else out

    yield run
    signal.signal(signal.SIGTERM, before)


def data_of(page: Path) -> list[dict[str, Any]]:
    [data] = re.findall(r'id="data">(.*?)</script>', page.read_text(), re.DOTALL)
    found: list[dict[str, Any]] = json.loads(data)
    return found


def test_a_finished_run_is_told_in_lines(finished: Path, see: See) -> None:
    said = see(finished)
    lines = said.splitlines()
    assert lines[0] == f"{finished}   3 of 3 steps   finished"
    settings = " ".join(said.partition("settings other than default: ")[2].partition("step 3: ")[0].split())
    assert settings.startswith("steps=3 problems=2 [model.fresh] vocabulary=320 hidden=32 layers=1"), settings
    assert "[sampling] sampler=plain group=4 max_new_tokens=8" in settings, "and nothing that is a default"
    last = json.loads((finished / "metrics.jsonl").read_text().splitlines()[-1])
    assert f"step 3: score/mean {last['score/mean']:.4g}, score/math {last['score/math']:.4g}" in said
    for phase in ("sample", "judge", "update", "weights"):
        assert f"time/{phase} {last[f'time/{phase}']:.4g}" in said
    assert max(len(line) for line in lines[1:]) <= 118, "lines for a terminal"
    assert [line.split()[0] for line in lines if line.endswith("completions")] == ["base", "after", "after"]
    assert "kl_drift (step 2, 2 times): seen at 2" in said
    judged = [line.strip() for line in lines if " judged, " in line]
    assert judged[0] == (
        "math           14 judged, 2 unjudged, most often: the box died; seconds: p50 0.010  p99 0.020  slowest 0.500"
    )
    assert judged[1].startswith("code "), "the verifier with the most unjudged comes first"


def test_the_page_has_the_rollouts_of_the_last_step(finished: Path, see: See) -> None:
    page = finished / "step-000002.html"
    assert see(finished).splitlines()[-1].endswith(str(page))
    groups = data_of(page)
    assert len(groups) == 2 and all(len(group["samples"]) == 4 for group in groups)
    sample = groups[0]["samples"][0]
    assert sample["version"] == 2 and sample["reward"] == sample["score"] and sample["trace"] == []
    spread = {len({sample["score"] for sample in group["samples"]}) > 1: group["tags"] for group in groups}
    assert all(tags == {"advantages": "a spread" if is_spread else "all 0"} for is_spread, tags in spread.items())
    assert page.read_text().count("<circle") == 3, "three held-out scores: before, after two steps, after three"
    assert "<polyline" in page.read_text() and "http://" not in page.read_text()


def test_another_step_to_another_file(finished: Path, see: See, tmp_path: Path) -> None:
    see(finished, "--step", 0, "--out", tmp_path / "first.html")
    assert {sample["version"] for group in data_of(tmp_path / "first.html") for sample in group["samples"]} == {0}


def test_a_run_by_its_name(finished: Path, see: See, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(finished.parents[1])
    assert see("tiny").startswith("runs/tiny   3 of 3 steps")


def test_a_run_that_is_going_on_or_was_left(see: See, tmp_path: Path) -> None:
    config = tiny.config(tmp_path)
    with RunDirectory.open(tmp_path / "runs", config, "as written\n") as run:
        assert see(run.path).startswith(f"{run.path}   0 of 3 steps   still going on\n")
        run.metrics(0, {"score/mean": 0.25})
        with (run.path / "metrics.jsonl").open("a") as file:
            file.write('{"step": 1, "score/me')  # half a line
        run.event("start")
        run.event("judging", verifiers={"math": asdict(Figures({}, 0, *[nan] * 4, {}))})
        assert "math" not in see(run.path), "a verifier that judged nothing has nothing to tell"
        assert "1 of 3 steps   still going on" in see(run.path)
    assert "   not finished, and no process is at it\n" in see(run.path)
    run.event("stop", reason="the disk is full")
    assert "   stopped: the disk is full\n" in see(run.path)


def test_what_is_no_run_or_no_step_is_one_line(finished: Path, see: See, tmp_path: Path) -> None:
    assert f"{tmp_path}: no run directory, for it has no config.json" in see(tmp_path, code=2)
    assert "nowhere: no such run" in see("nowhere", code=2)
    assert see(finished, "--step", 7, code=2) == f"assay: {finished}: no rollouts of step 7; there are steps 0 to 2\n"
    assert "there is no folder" in see(finished, "--out", tmp_path / "none" / "page.html", code=2)


def test_the_plot_has_scores_where_they_belong() -> None:
    rows = view.plot([(1, 0.0), (2, 0.5), (4, 1.0)], [(0, 0.25), (4, 0.75)], 4)[1:-2]
    marks = {(row, column - 7) for row, line in enumerate(rows) for column, mark in enumerate(line) if mark in "·o"}
    assert marks == {(8, 16), (4, 32), (0, 64), (6, 0), (2, 64)}, "\n".join(rows)
