"""Verdicts of the built-in verifiers, in real boxes, row by row."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifiers.conftest import ROOT, problem, rows, shared_data
from verifiers import Router, Status, examine, judge_file, report


def test_every_row_of_our_own_gets_its_score(router: Router) -> None:
    ours = rows(ROOT / "tests" / "data" / "verdicts.jsonl")
    verdicts = router.judge((problem(row["verifier"], row["spec"], row["id"]), row["completion"]) for row in ours)
    wrong = [
        f"{row['id']} ({row['why']}): {verdict.status} {verdict.score}: {verdict.detail}"
        for row, verdict in zip(ours, verdicts, strict=True)
        if verdict.score != row["score"] or verdict.status != row.get("status", verdict.status)
    ]
    assert not wrong, "\n" + "\n".join(wrong)


@pytest.mark.parametrize("name", ["math", "code", "schema"])
def test_the_built_in_verifiers_conform(name: str, router: Router) -> None:
    findings = examine(name, router)
    assert all(finding.is_right for finding in findings), "\n" + report(findings)


@pytest.mark.parametrize(("name", "num_wrong"), [("math", 10), ("schema", 0), ("code", 0)])
def test_the_shared_samples_are_judged_to_the_end(name: str, num_wrong: int, tmp_path: Path) -> None:
    source = shared_data(f"{name}_verdict_samples.jsonl")
    judged = judge_file(source, tmp_path / "out.jsonl")
    samples, got = rows(source), rows(tmp_path / "out.jsonl")
    assert [row["id"] for row in got] == [row["id"] for row in samples]
    assert judged.total == len(samples)
    differing = [
        f"{row['id']}: {row['score']} became {verdict['score']}: {verdict['detail']}"
        for row, verdict in zip(samples, got, strict=True)
        if row["score"] != verdict["score"]
    ]
    assert len(differing) <= num_wrong, "\n" + "\n".join(differing)
    rewarded = [row["id"] for row, verdict in zip(samples, got, strict=True) if verdict["score"] == 1 > row["score"]]
    assert not rewarded, f"wrong answers scored 1: {rewarded}"


def test_a_bomb_is_wrong_and_the_next_answer_right(router: Router) -> None:
    bomb = problem("math", {"answer": "1"}), r"\boxed{\int_0^1 \sin(x^x) \ln(\Gamma(x)) e^{\tan x^3} dx}"
    right = problem("math", {"answer": r"\frac{1}{2}"}), r"\boxed{\sin\frac{\pi}{6}}"
    bombed, after = router.judge([bomb, right])
    assert bombed.status is Status.WRONG, bombed
    assert bombed.seconds < 4
    assert after.score == 1.0, after


def test_time_in_the_queue_is_not_time_of_judging(router: Router) -> None:
    spec = {"kind": "stdio", "tests": [{"stdin": "", "stdout": "1"}]}
    program = "```python\nimport time\ntime.sleep(0.3)\nprint(1)\n```"
    verdicts = router.judge([(problem("code", spec), program)] * 12)
    assert {verdict.score for verdict in verdicts} == {1.0}
    assert max(verdict.seconds for verdict in verdicts) < 1.5, (
        "twelve runs of 0.3 s in fewer boxes waited for each other"
    )
