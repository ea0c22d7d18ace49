"""An eval as a user runs it: killed and started again, in parts, of several sets; what is asked again and what not."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import tiny
from test_cli import ROOT, assay

from benchmarks import ProblemSet
from trainer.evals.evaluate import Evaluated, run
from trainer.evals.journal import Journal
from trainer.evals.sources import WHOLE, Answer, Ask, Prompt, Shard
from trainer.sampler import Draw
from trainer.settings import ConfigError
from verifiers import Problem, Status, Verdict

MODEL = tiny.MODEL.model_copy(update={"hidden": 64, "heads": 2, "layers": 2, "context": 1024})
COMPLETIONS = 5 * 60 + 2 * 8


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model and problems in the forms of MATH-500 and LiveCodeBench."""
    folder = tmp_path_factory.mktemp("evals")
    tiny.policy(model=MODEL).save(folder / "model")
    math = [
        {"problem": f"What is {n} + {n}?", "answer": str(2 * n), "solution": "", "subject": "Algebra", "level": n,
         "unique_id": f"sum/{n}"} for n in range(1, 6)
    ]  # fmt: skip
    test = json.dumps([{"input": "1 2\n", "output": "3\n", "testtype": "stdin"}])
    code = [
        {"question_id": f"abc_{n}", "question_title": "", "question_content": "Add.", "platform": "atcoder",
         "contest_id": "", "contest_date": "2024-08-03T00:00:00", "starter_code": "", "difficulty": "easy",
         "public_test_cases": test, "private_test_cases": "[]", "metadata": "{}"} for n in range(2)
    ]  # fmt: skip
    for name, rows in (("math.jsonl", math), ("code.jsonl", code)):
        (folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


SETS = ("math500.data=math.jsonl", "math500.n=60", "math500.max_new_tokens=48", "math500.rule=strict")
SETS += ("livecodebench.data=code.jsonl", "livecodebench.n=8", "livecodebench.max_new_tokens=16")
COMMAND = ("eval", "math500,livecodebench", "--model", "model", *SETS, "sandbox.kind=process", "cpu_cache_gib=1")


def finished(place: Path, out: str, *more: str) -> str:
    ended = assay(*COMMAND, "--out", out, *more, cwd=place)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def journal_lines(folder: Path) -> list[str]:
    return [line for path in folder.glob("*.journal.jsonl") for line in path.read_text().splitlines()]


def kill_when(place: Path, out: str, num_lines: int) -> None:
    """Start the eval, and kill it as soon as its journals have so many lines."""
    command = [sys.executable, "-m", "assay", *COMMAND, "--out", out]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"}
    with (place / f"{out}.log").open("w") as log:
        process = subprocess.Popen(command, cwd=place, env=environment, stdout=log, stderr=log)
        while len(journal_lines(place / out)) < num_lines and process.poll() is None:
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL, (place / f"{out}.log").read_text()


def test_an_eval_that_is_killed_ends_in_the_very_same_reports(place: Path) -> None:
    told = finished(place, "whole")
    assert "math500 1: mean score over 5 problems" in told and "livecodebench " in told
    kill_when(place, "part", 270)  # in the second block of 256
    half = journal_lines(place / "part")
    assert 270 <= len(half) < COMPLETIONS, "it was not killed half-way"
    with (place / "part" / "math500.journal.jsonl").open("a") as file:
        file.write(half[0][: len(half[0]) // 2])  # as if the kill had cut a line
    finished(place, "part")
    for name in ("math500.json", "livecodebench.json", "math500.md"):
        assert (place / "part" / name).read_bytes() == (place / "whole" / name).read_bytes(), name
    lines = journal_lines(place / "part")
    assert set(half) <= set(lines), "something was judged again"
    assert len(lines) == len({json.loads(line)["key"] for line in lines}) == COMPLETIONS
    assert "sampler:" not in finished(place, "part"), "a model was loaded, though nothing was missing"
    assert (place / "part" / "math500.json").read_bytes() == (place / "whole" / "math500.json").read_bytes()


def test_the_report_says_all_that_decided_the_score(place: Path) -> None:
    finished(place, "whole")
    report = json.loads((place / "whole" / "math500.json").read_text())
    assert report["protocol"]["name"] == "own" and len(report["protocol"]["hash"]) == 64
    assert (report["protocol"]["n"], report["protocol"]["temperature"]) == (60, 1.0)  # the flags are seen in it
    assert report["sampling"] == {
        "count": 60, "max_new_tokens": 48, "temperature": 1.0, "top_p": 1.0, "seed": 0, "stop": []
    }  # fmt: skip
    assert len(report["model"]["digest"]) == 64 and report["model"]["name"] == "model"
    assert {"python", "torch", "transformers"} <= report["versions"].keys()
    assert report["verifiers"]["math"]["origin"].startswith("assay ")
    assert list(report["pass_at_k"]) == ["1", "2", "4", "8", "16", "32", "60"] == list(report["majority_at_k"])
    (first, *_) = report["problems"]
    assert "What is 1 + 1?" in first["prompt"] and len(first["samples"]) == 60
    assert report["counts"]["problems"] == 5
    assert report["rates"]["truncated"] == report["counts"]["truncated"] / 300
    code = json.loads((place / "whole" / "livecodebench.json").read_text())
    assert (code["protocol"]["top_p"], code["sampling"]["temperature"], code["sampling"]["stop"]) == (
        0.95,
        0.2,
        ["###"],
    )


def test_a_protocol_that_does_not_fit_the_model(place: Path) -> None:
    ended = assay(
        *COMMAND[:2], "--protocol", "deepseek-r1", *COMMAND[2:5], *SETS[::4], "sandbox.kind=process", cwd=place
    )
    assert ended.returncode == 2
    assert ended.stderr.strip().splitlines()[-1] == (
        "assay: math500: protocol deepseek-r1 asks for 32768 new tokens, but the model's context is 1024: "
        "set max_new_tokens lower"
    )


# ---- in this process: what is asked again and what is not


class Dice:
    """A source whose completions are their seeds, and which keeps what it was asked."""

    absence = "prompts_too_long"

    def __init__(self, count: int, *, block: int | None = None, failing: Sequence[int] = ()) -> None:
        self._count, self.block, self._failing = count, block, failing
        self.asked: list[list[tuple[str, int]]] = []

    def prompt(self, problem: Problem) -> Prompt:
        return Prompt(str(problem.prompt), has_room=problem.id != "long")

    def count(self, problem: Problem) -> int:
        return self._count

    def complete(self, asks: Sequence[Ask]) -> Iterator[tuple[Ask, Answer]]:
        self.asked.append([(ask.problem.id, ask.number) for ask in asks])
        for ask in reversed(asks):
            if ask.number in self._failing:
                yield ask, Answer("", "failed", why="busy")
            else:
                yield ask, Answer(str(ask.seed), "stop", 3)


class Unsure(tiny.LengthJudge):
    """Cannot judge anything."""

    def submit(self, problem: Problem, completion: str) -> Any:
        return tiny.ready(Verdict(Status.UNJUDGED, None, detail="the box died"))


PROBLEMS = ProblemSet("four", "1", tuple(Problem(name, f"{name}?", "math", {"answer": "1"}) for name in "abcd"))


def evaluated(
    folder: Path, source: Dice, *, judge: Any = None, shard: Shard = WHOLE, identity: str = "one"
) -> Evaluated:
    part = f".{shard.part}" if shard.of > 1 else ""
    with Journal(folder / f"four{part}.jsonl", identity, folder.glob("four*.jsonl")) as journal:
        return run(PROBLEMS, source, judge or tiny.LengthJudge(), Draw(2, 8, 1.0, 0), journal, shard)


def test_only_what_is_missing_is_asked(tmp_path: Path) -> None:
    evaluated(tmp_path, Dice(2))
    more = Dice(3)
    evaluated(tmp_path, more)
    assert more.asked == [[(name, 2) for name in "abcd"]]
    other = Dice(3)
    evaluated(tmp_path, other, identity="another model")
    assert len(other.asked[0]) == 12


def test_a_block_that_was_cut_is_asked_whole_and_its_known_part_kept(tmp_path: Path) -> None:
    whole = evaluated(tmp_path, Dice(2, block=4)).report()
    path = tmp_path / "four.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:6]))
    again = Dice(2, block=4)
    assert evaluated(tmp_path, again).report() == whole
    assert again.asked == [[("c", 0), ("c", 1), ("d", 0), ("d", 1)]]
    assert len(path.read_text().splitlines()) == 8


def test_shards_add_up_to_the_whole(tmp_path: Path) -> None:
    whole = evaluated(tmp_path / "whole", Dice(2)).report()
    parts = [Dice(2) for _ in range(3)]
    found = [evaluated(tmp_path, one, shard=Shard(part, 3)) for part, one in enumerate(parts, start=1)]
    assert [{name for name, _ in one.asked[0]} for one in parts] == [{"a", "d"}, {"b"}, {"c"}]
    assert [one.num_missing for one in found] == [4, 2, 0]
    assert found[-1].report() == whole
    last = Dice(2)
    assert evaluated(tmp_path, last).report() == whole and not last.asked  # by the same command without a shard


def test_what_failed_or_was_not_judged_is_tried_again(tmp_path: Path) -> None:
    found = evaluated(tmp_path, Dice(2, failing=[1]))
    assert found.counts()["failed"] == 4 and found.counts()["unjudged"] == 4
    assert found.rates()["failed"] == 0.5
    again = Dice(2)
    assert "failed" not in evaluated(tmp_path, again).counts()
    assert again.asked == [[(name, 1) for name in "abcd"]]
    unjudged = evaluated(tmp_path / "other", Dice(2), judge=Unsure())
    assert unjudged.counts()["unjudged"] == 8
    judged_again = Dice(2)
    assert evaluated(tmp_path / "other", judged_again).counts().get("unjudged") is None
    assert not judged_again.asked, "sampled again, though only the verdicts were missing"


def test_a_problem_without_room_for_an_answer_scores_0_and_is_counted(tmp_path: Path) -> None:
    problems = ProblemSet("two", "1", (PROBLEMS.problems[0], Problem("long", "?", "math", {"answer": "1"})))
    found = run(problems, Dice(2), tiny.LengthJudge(), Draw(2, 8, 1.0, 0))
    assert found.counts()["prompts_too_long"] == 1
    assert found.answered[1].scores == [0.0]


def test_two_evals_do_not_write_one_journal(tmp_path: Path) -> None:
    with Journal(tmp_path / "a.jsonl", "one"), pytest.raises(ConfigError, match="another eval is writing it"):
        Journal(tmp_path / "a.jsonl", "one")


def test_a_damaged_line_is_named(tmp_path: Path) -> None:
    evaluated(tmp_path, Dice(2))
    path = tmp_path / "four.jsonl"
    path.write_text(path.read_text().replace('"verdict"', '"verdigt"', 1))
    with pytest.raises(ConfigError, match=r"four.jsonl:1: no line of an eval's journal \(KeyError\('verdict'\)\)"):
        evaluated(tmp_path, Dice(2))


def test_a_seed_is_its_own_problem_s_and_sample_s() -> None:
    seeds = {Ask(0, problem, Prompt(""), number, seed).seed
             for problem in PROBLEMS.problems for number in range(8) for seed in range(4)}  # fmt: skip
    assert len(seeds) == 128
    first = PROBLEMS.problems[0]
    assert Ask(0, first, Prompt(""), 0, 0).seed == Ask(3, first, Prompt("other"), 0, 0).seed  # wherever it stands
