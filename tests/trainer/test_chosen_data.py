"""What is chosen, dropped and shaped in a whole run, small and real: recorded, counted, and the same after a resume."""

from __future__ import annotations

import json
import math
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
import tiny
from test_run import DiesAt, rollouts, run, timeless

from benchmarks import ProblemError
from trainer.chooser import NothingLeft
from trainer.record import read_lines
from verifiers import Problem, Status, Verdict


class TopicJudge:
    """Problems of one kind all go well, of another all ill, and the rest by the length of the completion."""

    sandbox_description = "none"

    def submit(self, problem: Problem, completion: str) -> Future[Verdict]:
        if "easy" in problem.id or "hard" in problem.id:
            score = float("easy" in problem.id)
            return tiny.ready(Verdict(Status.CORRECT if score else Status.WRONG, score))
        return tiny.LengthJudge().submit(problem, completion)


def write_topics(path: Path, topics: dict[str, int]) -> dict[str, str]:
    rows = [
        {"id": f"{topic}{n}", "prompt": f"Compute {n}+{n}", "verifier": "math", "spec": {"answer": "1"}}
        for topic, count in topics.items()
        for n in range(count)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return {"name": "jsonl", "path": str(path)}


def figures(folder: Path, prefix: str) -> list[dict[str, float]]:
    lines = read_lines(folder / "metrics.jsonl")
    return [{name: line[name] for name in line if name.startswith(prefix)} for line in lines]


def test_two_sources_come_in_their_shares(tmp_path: Path) -> None:
    data = [{**write_topics(tmp_path / f"{topic}.jsonl", {topic: 9}), "weight": w} for topic, w in (("a", 3), ("b", 1))]
    run(tiny.config(tmp_path, eval=None, data=data, problems=4), tmp_path / "runs")
    rows = rollouts(tmp_path / "runs" / "tiny")
    for step in range(3):
        topics = [row["problem_id"][0] for row in rows if row["step"] == step and row["sample"] == 0]
        assert sorted(topics) == ["a", "a", "a", "b"]


def test_dynamic_sampling_records_what_it_dropped_and_learns_from_the_rest(tmp_path: Path) -> None:
    data = write_topics(tmp_path / "topics.jsonl", {"easy": 6, "hard": 6, "open": 6})
    config = tiny.config(tmp_path, eval=None, data=data, problems=4, dynamic={"max_rounds": 4})
    run(config, tmp_path / "runs", TopicJudge())
    folder = tmp_path / "runs" / "tiny"
    for step, found in enumerate(figures(folder, "dynamic/")):
        rows = [row for row in rollouts(folder) if row["step"] == step]
        groups = [rows[start : start + 4] for start in range(0, len(rows), 4)]
        learned, dropped = (
            groups[: -int(found["dynamic/dropped_groups"])],
            groups[-int(found["dynamic/dropped_groups"]) :],
        )
        assert len(learned) == 4 - found["dynamic/missing_groups"]
        assert all(row["advantage"] for group in learned for row in group)
        assert not any(row["advantage"] for group in dropped for row in group)
        assert 1 < found["dynamic/rounds"] <= 4
        assert len(groups) <= 16


def test_a_step_that_finds_nothing_with_spread_learns_nothing_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_topics(tmp_path / "topics.jsonl", {"easy": 1})
    config = tiny.config(tmp_path, eval=None, data=data, steps=1, problems=1, dynamic={"max_rounds": 2})
    run(config, tmp_path / "runs", TopicJudge())
    said = capsys.readouterr().out
    assert "step 1: only 0 of 1 groups to learn from: dynamic sampling found no more with spread among 2" in said
    [line] = read_lines(tmp_path / "runs" / "tiny" / "metrics.jsonl")
    assert (line["dynamic/rounds"], line["dynamic/missing_groups"], line["score/mean"]) == (2, 1, 1.0)
    assert "loss" not in line
    made = [row["completion"] for row in rollouts(tmp_path / "runs" / "tiny")]
    assert made[:4] != made[4:], "the second round sampled what the first one had"


CURRICULUM = {"completions": 4, "visits": 1, "hardest": 0.0, "readmit_after": 1}


def test_a_curriculum_asks_for_easy_problems_once_and_for_hard_ones_after_a_pause(tmp_path: Path) -> None:
    data = write_topics(tmp_path / "topics.jsonl", {"easy": 2, "hard": 2, "open": 2})
    config = tiny.config(tmp_path, eval=None, data=data, steps=6, curriculum={**CURRICULUM, "easiest": 1.0})
    run(config, tmp_path / "runs", TopicJudge())
    rows = [row for row in rollouts(tmp_path / "runs" / "tiny") if row["sample"] == 0]
    asked = [row["problem_id"] for row in rows]
    assert asked.count("easy0") == asked.count("easy1") == 1
    assert sorted(asked[:6]) == ["easy0", "easy1", "hard0", "hard1", "open0", "open1"]
    found = figures(tmp_path / "runs" / "tiny", "curriculum/")
    assert found[2]["curriculum/too_easy"] >= 2


def test_a_run_with_nothing_left_to_learn_from_stops_and_says_why(tmp_path: Path) -> None:
    data = write_topics(tmp_path / "topics.jsonl", {"easy": 2, "hard": 2})
    config = tiny.config(
        tmp_path,
        eval=None,
        data=data,
        curriculum={"completions": 4, "visits": 1, "hardest": 0.0},
        checkpoints={"every": 1},
    )
    with pytest.raises(NothingLeft, match="no problem is left to learn from: 2 are too easy, 2 too hard"):
        run(config, tmp_path / "runs", TopicJudge())


def test_a_killed_run_with_all_of_it_goes_on_as_if_nothing_had_happened(tmp_path: Path) -> None:
    topics = {"easy": 2, "hard": 3, "open": 3}
    changes: dict[str, Any] = {
        "eval": None,
        "steps": 5,
        "data": [
            {**write_topics(tmp_path / "one.jsonl", topics), "weight": 0.6},
            {**write_topics(tmp_path / "other.jsonl", topics), "weight": 0.4},
        ],
        "dynamic": {"max_rounds": 3},
        "curriculum": {**CURRICULUM, "target": 0.4},
        "shaping": {"overlong": "soft", "length_cache": 4},
    }
    config = tiny.config(tmp_path, **changes)
    run(config, tmp_path / "whole", TopicJudge())
    for calls in (21, 9, 30):  # in the second step or so, in the next, and near the end
        with pytest.raises(SystemExit, match="killed"):
            run(config, tmp_path / "killed", Dies(calls))
    run(config, tmp_path / "killed", TopicJudge())
    one, other = tmp_path / "whole" / "tiny", tmp_path / "killed" / "tiny"
    assert len([e for e in read_lines(other / "events.jsonl") if e["event"] == "resume"]) == 3
    assert rollouts(one) == rollouts(other)
    assert [timeless(line) for line in read_lines(one / "metrics.jsonl")] == [
        timeless(line) for line in read_lines(other / "metrics.jsonl")
    ]


class Dies(DiesAt):
    """As `TopicJudge`, until the process is killed."""

    def submit(self, problem: Problem, completion: str) -> Future[Verdict]:
        super().submit(problem, completion)
        return TopicJudge().submit(problem, completion)


def test_soft_punishment_is_in_the_reward_and_not_in_the_score(tmp_path: Path) -> None:
    sampling = {"sampler": "plain", "group": 4, "max_new_tokens": 64}
    shaping = {"overlong": "soft", "length_cache": 32}  # up to 32 tokens are free, 48 cost half, 64 all
    run(tiny.config(tmp_path, eval=None, sampling=sampling, shaping=shaping), tmp_path / "runs")
    rows = rollouts(tmp_path / "runs" / "tiny")
    lengths = [row["completion_tokens"] for row in rows]
    assert min(lengths) < 64 == max(lengths), f"no lengths to tell apart: {lengths}"
    for row in rows:
        assert row["reward"] == row["score"] - max(0, row["completion_tokens"] - 32) / 32
    for line in read_lines(tmp_path / "runs" / "tiny" / "metrics.jsonl"):
        rewards = [row["reward"] for row in rows if row["step"] == line["step"]]
        assert line["reward/mean"] == pytest.approx(math.fsum(rewards) / len(rewards))
        assert line["score/mean"] > line["reward/mean"]


def test_nothing_is_learned_from_completions_that_were_cut_off_when_they_are_masked(tmp_path: Path) -> None:
    sampling = {"sampler": "plain", "group": 4, "max_new_tokens": 2}  # which cuts off nearly all of them
    for overlong in ("mask", "keep"):
        config = tiny.config(tmp_path, eval=None, sampling=sampling, shaping={"overlong": overlong}, name=overlong)
        run(config, tmp_path / "runs")
    masked, kept = (read_lines(tmp_path / "runs" / name / "metrics.jsonl") for name in ("mask", "keep"))
    assert {line["truncated/rate"] for line in masked} == {1.0}
    assert not [line for line in masked if "loss" in line]
    assert [line for line in kept if "loss" in line]
    spread = [row["advantage"] for row in rollouts(tmp_path / "runs" / "mask")]
    assert any(spread), "no group has a baseline: the test showed nothing"


def test_prompts_that_are_too_long_are_an_event_or_a_refusal(tmp_path: Path) -> None:
    config = tiny.config(tmp_path, eval=None, steps=0, max_prompt_tokens=80)
    with (tmp_path / "train.jsonl").open("a") as file:
        for number, length in enumerate((60, 60, 80)):
            row = {"id": f"long{number}", "prompt": "1+" * length, "verifier": "math", "spec": {"answer": "61"}}
            file.write(json.dumps(row) + "\n")
    run(config, tmp_path / "runs")
    [event] = [e for e in read_lines(tmp_path / "runs" / "tiny" / "events.jsonl") if e["event"] == "long_prompts"]
    assert (event["limit"], sum(event["buckets"].values())) == (80, 3), event
    refusing = tiny.config(tmp_path, eval=None, steps=0, max_prompt_tokens=80, long_prompts="refuse")
    with pytest.raises(
        ProblemError, match=r"3 of 43 prompts have more than 80 tokens .*raise max_prompt_tokens, or set"
    ):
        run(refusing, tmp_path / "refused")
    assert not (tmp_path / "refused" / "tiny" / "checkpoints" / "base").exists(), "refused only after a stage"
