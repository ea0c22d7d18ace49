"""A run judged again: by the problems it names, with options, and what would have become of its advantages."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
import tiny

from trainer.cli.main import main
from trainer.loop import train
from trainer.record import RunDirectory
from trainer.rejudge import AHEAD, Comparison, Groups, Stored, StoredRun, rejudge
from trainer.sampler import PlainSampler
from trainer.settings import ConfigError
from trainer.types import Completion, Group
from verifiers import Problem, Router, Status, Verdict

RIGHT, WRONG = Verdict(Status.CORRECT, 1.0, "3", "as it was"), Verdict(Status.WRONG, 0.0, "3", "as it was")
NO_ANSWER, UNJUDGED = Verdict(Status.NO_ANSWER, 0.0), Verdict(Status.UNJUDGED, None, detail="the box died")


Verify = Callable[..., str]


def row(name: str, answer: str, **spec: object) -> dict[str, Any]:
    return {"id": name, "prompt": f"Find {name}.", "verifier": "math", "spec": {"answer": answer, **spec}}


def recorded(
    folder: Path,
    problems: Sequence[dict[str, Any]],
    steps: Sequence[Sequence[tuple[str, Any]]],
    shaping: Mapping[str, float] = {},
) -> Path:
    """A run whose steps hold groups of (problem id, [(completion, verdict), …]), as `RunDirectory` writes them; rewards
    are scores with the shaping of their completion."""
    (folder / "problems.jsonl").write_text("".join(json.dumps(problem) + "\n" for problem in problems))
    tiny.config(folder)  # writes the data of the supervised stage
    config = tiny.config(folder, data={"name": "jsonl", "path": str(folder / "problems.jsonl")})
    known = {p["id"]: Problem(p["id"], p["prompt"], p["verifier"], p["spec"]) for p in problems}
    with RunDirectory.open(folder / "runs", config, "as written\n") as run:
        for step, pairs in enumerate(steps):
            groups = [
                Group(known[name], [Completion((), (), (), text, "stop", step, 0.0) for text, _ in judged],
                      [verdict for _, verdict in judged])
                for name, judged in pairs
            ]  # fmt: skip
            prompts = [f"<|user|>\n{group.problem.prompt}\n<|assistant|>\n" for group in groups]
            rewards = [
                [
                    score + shaping.get(made.text, 0.0)
                    for made, score in zip(group.completions, group.scores, strict=True)
                ]
                for group in groups
            ]
            run.rollouts(step, groups, rewards, [[0.0] * len(group.verdicts) for group in groups], prompts)
    return run.path


@pytest.fixture
def verify(capsys: pytest.CaptureFixture[str]) -> Iterator[Verify]:
    """`assay verify …` in this process: what it said on stdout, or on stderr if it was a mistake."""
    before = signal.getsignal(signal.SIGTERM)

    def run(*words: str | Path | int, code: int = 0) -> str:
        try:
            found = main(["verify", *map(str, words), "--sandbox", "process"])
        except SystemExit as ended:
            found = int(str(ended.code))
        out, err = capsys.readouterr()
        assert found == code, out + err
        assert code != 2 or len(err.splitlines()) == 1, err
        return err if code == 2 else out

    yield run
    signal.signal(signal.SIGTERM, before)


THREE = [
    ("a", [("\\boxed{7}", RIGHT), ("\\boxed{8}", WRONG)]),  # stays as it was
    ("b", [("\\boxed{3}", WRONG), ("\\boxed{4}", WRONG)]),  # had no spread, has one now
    ("c", [("\\boxed{1}", RIGHT), ("?", NO_ANSWER), ("\\boxed{2}", UNJUDGED)]),  # had one, is all wrong now
]


def test_what_changed_is_told_by_class_with_examples_and_advantages(tmp_path: Path, verify: Verify) -> None:
    run = recorded(tmp_path, [row("a", "7"), row("b", "3"), row("c", "5")], [THREE])
    told = verify("--run", run, "--out", tmp_path / "again.jsonl")
    assert "7 completions judged again, 3 verdicts changed" in told
    assert "math: 7 judged, 3 changed; mean score 0.3333 -> 0.2857" in told
    for change in ("wrong -> correct: 1", "correct -> wrong: 1", "unjudged -> wrong: 1"):
        assert f"  {change}\n" in told
    assert "    step 0  b  sample 0  answer '3'  before: 'as it was'  now: " in told
    assert "    step 0  c  sample 2  answer '2'  before: 'the box died'  now: " in told
    assert (
        "advantages (grpo): 2 of 3 groups would have had others; 1 that had no spread of scores would have been "
        "learned from, 1 that were learned from would have had none"
    ) in told
    lines = [json.loads(line) for line in (tmp_path / "again.jsonl").read_text().splitlines()]
    assert [line["id"] for line in lines] == ["0/a/0", "0/a/1", "0/b/0", "0/b/1", "0/c/0", "0/c/1", "0/c/2"]
    assert [(line["before"]["score"], line["after"]["score"]) for line in lines] == [
        (1, 1), (0, 0), (0, 1), (0, 0), (1, 0), (0, 0), (None, 0),
    ]  # fmt: skip
    assert not list(tmp_path.glob(".again*"))


def test_advantages_are_compared_with_the_shaping_that_the_rewards_had(tmp_path: Path, verify: Verify) -> None:
    """All wrong, one of them punished for its length: learned from as it was, and the first is right now."""
    groups = [("b", [("\\boxed{3}", WRONG), ("\\boxed{4}", WRONG)]), ("c", [("\\boxed{1}", WRONG), ("?", NO_ANSWER)])]
    run = recorded(tmp_path, [row("b", "3"), row("c", "5")], [groups], shaping={"\\boxed{3}": -1.0, "?": -0.5})
    assert (
        "1 of 2 groups would have had others; 0 that had no spread of scores would have been learned from, "
        "1 that were learned from would have had none"  # b: -1 and 0 were the rewards, 0 and 0 would be
    ) in verify("--run", run)


def test_options_change_the_specs(tmp_path: Path, verify: Verify) -> None:
    near = [("a", [("\\boxed{3.14}", WRONG), ("\\boxed{2}", WRONG)])]
    run = recorded(tmp_path, [row("a", "3.14159")], [near])
    assert "1 changed" not in verify("--run", run)
    assert "  wrong -> correct: 1\n" in verify("--run", run, "math.tolerance=1e-2")
    assert "  wrong -> correct: 1\n" in verify("math.answer=2", "--run", run), "options may stand anywhere"


def test_mistakes_are_one_line(tmp_path: Path, verify: Verify) -> None:
    run = recorded(tmp_path, [row("a", "7")], [[("a", [("7", RIGHT)])]])
    for message, *words in (
        ("math.tolerence=1: problem a: tolerence: no such field", "math.tolerence=1"),
        ("tolerance: found 2", "math.tolerance=2"),
        ("maths.tolerance=1: no problem of this run has the verifier maths; it has math", "maths.tolerance=1"),
        ("an option looks like verifier.field=value", "tolerance=1e-3"),
        ("no rollouts of step 4; there are steps 0 to 0", "--step", "4"),
        ("give --run or a NAME", "math"),
    ):
        assert message in verify("--run", run, *words, code=2)
    assert "nowhere: no such run" in verify("--run", "nowhere", code=2)
    assert "--step goes with --run" in verify("math", "--step", "3", code=2)


def test_completions_without_their_problem_are_counted_and_named(tmp_path: Path, verify: Verify) -> None:
    groups = [(name, [("\\boxed{7}", WRONG), ("\\boxed{8}", WRONG)]) for name in ("a", "b", "c", "d")]
    run = recorded(tmp_path, [row(name, "7") for name in "abcd"], [groups])
    schema = {"verifier": "schema", "spec": {"schema": True}}
    now = [row("a", "7"), {**row("b", "7"), "prompt": "Another one."}, row("d", "7") | schema]
    (tmp_path / "problems.jsonl").write_text("".join(json.dumps(problem) + "\n" for problem in now))
    told = verify("--run", run, code=1)
    assert "not judged: 2 completions, its problem has another prompt now: 1 problem: b" in told
    assert "not judged: 2 completions, its problem is not in the set any more: 1 problem: c" in told
    assert "note: 2 completions were judged by math; their problems name schema now" in told
    assert "math: 2 judged, 1 changed" in told
    assert "advantages (grpo): 1 of 2 groups" in told


def test_what_cannot_be_judged_now_is_a_class_of_its_own(tmp_path: Path, verify: Verify) -> None:
    run = recorded(tmp_path, [row("a", "7")], [[("a", [("\\boxed{8}", RIGHT), ("\\boxed{9}", WRONG)])]])
    (tmp_path / "problems.jsonl").write_text(json.dumps(row("a", "\\frac{1}{")) + "\n")
    told = verify("--run", run, code=1)
    assert "  correct -> unjudged: 1\n" in told
    assert "not judged: 2 completions came back unjudged" in told
    assert "advantages (grpo): 1 of 1 groups would have had others; 0 that" in told
    assert "1 that were learned from" in told


class Scripted:
    """Says right or wrong as the completion begins, and remembers how many it was asked ahead."""

    sandbox_description = "none"

    def __init__(self) -> None:
        self.asked = 0

    def submit(self, problem: Problem, completion: str) -> Future[Verdict]:
        self.asked += 1
        return tiny.ready(RIGHT if completion.startswith("right") else WRONG)


PROBLEM = Problem("a", "Find a.", "math", {"answer": "7"})


def stored(step: int, sample: int, text: str, verdict: Verdict) -> Stored:
    return Stored(step, "a", sample, "math", "user: Find a.", text, verdict)


def compared(rows: Sequence[Stored]) -> Comparison:
    comparison = Comparison("grpo")
    assert [one.stored for one in comparison.take_in(rejudge(iter(rows), [PROBLEM], Scripted()))] == list(rows)
    return comparison


def test_a_problem_that_comes_twice_in_a_step_is_two_groups() -> None:
    texts = [("right", WRONG), ("wrong", WRONG), ("right", RIGHT), ("wrong", WRONG)]
    rows = [stored(0, index % 2, text, verdict) for index, (text, verdict) in enumerate(texts)]
    assert compared(rows).groups == Groups(compared=2, changed=1, dropped=0, kept=1)


def test_a_shift_of_all_scores_changes_no_advantage() -> None:
    half, quarter = Verdict(Status.WRONG, 0.5), Verdict(Status.WRONG, 0.25)
    rows = [stored(0, 0, "right", half), stored(0, 1, "wrong", quarter), stored(0, 2, "wrong", quarter)]
    comparison = compared(rows)  # 0.5 0.25 0.25 and 1 0 0 have the same (r - mean) / std
    assert comparison.num_changed == 3
    assert comparison.groups == Groups(compared=1, changed=0)
    assert any("wrong -> wrong (another score): 2" in line for line in comparison.lines())


def test_a_long_run_is_read_a_little_ahead_only() -> None:
    read, judge = [0], Scripted()

    def endless() -> Any:
        while True:
            read[0] += 1
            yield stored(read[0] // 4, read[0] % 4, "right", RIGHT)

    comparison = Comparison("grpo")
    told = comparison.take_in(rejudge(endless(), [PROBLEM], judge))
    for number in range(1, 5 * AHEAD):
        next(told)
        assert read[0] <= number + AHEAD + 1


def test_the_files_of_several_ranks_are_one_step(tmp_path: Path) -> None:
    run = recorded(tmp_path, [row("a", "7"), row("b", "3"), row("c", "5")], [THREE[:1], THREE[1:2], THREE[2:]])
    folder = run / "rollouts"
    (folder / "step-000001.parquet").rename(folder / "step-000000.1.parquet")  # b: its rows still say step 1
    assert [one.problem_id for one in StoredRun(run, step=0).completions()] == ["a", "a", "b", "b"]
    assert [one.problem_id for one in StoredRun(run).completions()] == ["a", "a", "b", "b", "c", "c", "c"]
    assert StoredRun(run).num_completions == 7
    with pytest.raises(ConfigError, match="no rollouts of step 1; there are steps 0 to 2"):
        StoredRun(run, step=1)


def test_a_trained_run_judged_again_by_the_same_verifiers_is_unchanged(tmp_path: Path, verify: Verify) -> None:
    """A real run on the synthetic families, whose problems are made again from the seed in its settings."""
    config = tiny.config(
        tmp_path, eval=None, data={"name": "families", "split": "train", "max_problems": 12, "seed": 2}, problems=4
    )
    with Router(config.sandbox) as router, RunDirectory.open(tmp_path / "runs", config, "as written\n") as run:
        train(config, run, router, lambda policy, folder: PlainSampler(policy))
    told = verify("--run", run.path)
    assert "48 completions judged again, 0 verdicts changed" in told
    assert "advantages (grpo): 0 of 12 groups" in told
    assert "16 completions judged again, 0 verdicts changed" in verify("--run", run.path, "--step", 2)
