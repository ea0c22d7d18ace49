"""The sets through the verifiers that judge them: their own solutions are right, their golds can be read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import ProblemSet, ProblemSource, load, screened, wilson
from sandbox import SandboxConfig
from tests.benchmarks.test_sets import shared
from tests.boxes import have
from verifiers import Problem, Router, SpecError, Status


@pytest.fixture(scope="module")
def router() -> Iterator[Router]:
    have("bubblewrap")
    with Router(SandboxConfig(kind="bubblewrap")) as router:
        router.start()
        yield router


def read(name: str, file: str, split: str | None = None) -> ProblemSet:
    return load(ProblemSource(name=name, path=shared(file), split=split))


@pytest.mark.parametrize(
    ("name", "file", "split"),
    [
        ("aime24", "aime24.jsonl", None),
        ("aime25", "aime25.jsonl", None),
        ("gsm8k", "gsm8k_test.jsonl", None),
        ("humaneval", "humaneval.jsonl", None),
        ("ifeval", "ifeval_input.jsonl", None),
        ("livecodebench", "lcb_v1_400.jsonl", None),
        ("math", "math_train7474.jsonl", "train"),
        ("math500", "math500.jsonl", None),
    ],
)
def test_no_problem_that_is_not_left_out_has_a_broken_spec(
    router: Router, name: str, file: str, split: str | None
) -> None:
    router.check(read(name, file, split).problems)


def test_golds_that_cannot_be_read_are_left_out_of_a_set_that_comes_as_it_is_found(
    router: Router, tmp_path: Path
) -> None:
    golds = ["2", "\\frac{1}{", "(0, 1]", "\\frac{1}{"]
    rows = [{"problem": f"{number}?", "answer": gold, "solution": ""} for number, gold in enumerate(golds)]
    path = tmp_path / "deepscaler.json"
    path.write_text(json.dumps(rows))
    found = screened(load(ProblemSource(name="deepscaler", path=str(path))), router.unsound)
    assert [problem.spec["answer"] for problem in found.problems] == ["2", "(0, 1]"]
    assert [line.partition(": ")[0] for line in found.left_out] == ["deepscaler.json:2", "deepscaler.json:4"]
    assert "cannot be read" in found.left_out[0]
    broken = replace(found, is_as_found=False, problems=(*found.problems, Problem("x", "", "math", {"answer": "("})))
    assert screened(broken, router.unsound) is broken, "of a set of another kind it is an error, not a row less"
    with pytest.raises(SpecError, match="problem x: answer"):
        router.check(broken.problems)


HUMANEVAL_SLIPS = (
    (r"\breturn (.+)$", r"return (\1, 0)"),
    (r"\breturn\b.*$", "pass"),
)


def test_humanevals_solutions_with_a_slip_are_all_wrong(router: Router) -> None:
    """Each canonical solution returns a pair instead of its value, or nothing."""
    found = read("humaneval", "humaneval.jsonl")
    slipped: list[tuple[Problem, str]] = []
    for number, problem in enumerate(found.problems):
        head, body = problem.spec["prelude"], found.completions["worked"][problem.id].partition("```python\n")[2]
        body = body.removesuffix("```")[len(head) :]
        pattern, instead = HUMANEVAL_SLIPS[number % 2]
        slipped.append((problem, f"```python\n{head}{re.sub(pattern, instead, body, flags=re.M)}\n```"))
        assert body not in slipped[-1][1] or "return" not in body, problem.id
    right = [
        f"{problem.id}: {verdict.detail}"
        for (problem, _), verdict in zip(slipped, router.judge(slipped), strict=True)
        if verdict.score != 0.0
    ]
    assert not right, "\n".join(right)


@pytest.mark.parametrize(
    ("name", "file", "count"),
    [("math500", "math500.jsonl", 500), ("gsm8k", "gsm8k_test.jsonl", 1319), ("humaneval", "humaneval.jsonl", 164)],
)
def test_a_sets_own_solutions_are_all_right(router: Router, name: str, file: str, count: int) -> None:
    found = read(name, file)
    worked = found.completions["worked"]
    verdicts = router.judge((problem, worked[problem.id]) for problem in found.problems)
    wrong = [
        f"{problem.id}: {verdict.detail}"
        for problem, verdict in zip(found.problems, verdicts, strict=True)
        if verdict.score != 1.0
    ]
    assert not wrong, "\n".join(wrong)
    assert len(worked) == count


def test_a_mixed_file_of_math500_scores_what_its_labels_say(router: Router) -> None:
    """Own solutions, others that end in a hundred times the integer gold, and thoughts that never come to an answer."""
    found = read("math500", "math500.jsonl")
    labelled: list[tuple[Problem, str, Status]] = []
    for number, problem in enumerate(found.problems):
        gold, solution = problem.spec["answer"], found.completions["worked"][problem.id]
        if number % 3 == 0:
            labelled.append((problem, solution, Status.CORRECT))
        elif number % 3 == 1 and gold.isdecimal() and gold != "0":
            labelled.append((problem, f"{solution} No: \\boxed{{{gold}00}}", Status.WRONG))
        else:
            labelled.append((problem, f"<think>{solution}", Status.NO_ANSWER))
    verdicts = list(router.judge((problem, completion) for problem, completion, _ in labelled))
    mistaken = [
        f"{problem.id}: {verdict.status.value}, not {label.value}: {verdict.answer!r}, gold {problem.spec['answer']!r}"
        for (problem, _, label), verdict in zip(labelled, verdicts, strict=True)
        if verdict.status is not label
    ]
    assert not mistaken, "\n".join(mistaken)
    counts = {status: sum(label is status for _, _, label in labelled) for status in Status}
    assert (counts[Status.CORRECT], counts[Status.WRONG], counts[Status.NO_ANSWER]) == (167, 85, 248)
    assert wilson(sum(verdict.score == 1.0 for verdict in verdicts), 500).mean == 167 / 500
