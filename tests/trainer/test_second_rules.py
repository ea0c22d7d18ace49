"""An eval by two rules: both verdicts of each completion, where they differ, and nothing judged again after a kill."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import ProblemSet, ProblemSource, load
from sandbox import SandboxConfig
from tests.boxes import have
from trainer.evals.command import checked
from trainer.evals.config import AskedSet, EvalConfig
from trainer.evals.evaluate import Evaluated, lines, run
from trainer.evals.journal import Journal
from trainer.evals.sources import StoredSource
from trainer.rollout import Judge
from trainer.sampler import Draw
from verifiers import Problem, Router, SpecError, Verdict

TINY = "\\boxed{10^{-30}}"
ANSWERS = {"a": ["\\boxed{0.5}", "\\boxed{\\frac{1}{3}}"], "b": [TINY, "\\boxed{10^{-20}}"], "c": ["I do not know."]}
GOLDS = {"a": "\\frac{1}{2}", "b": "10^{-20}", "c": "7"}


class Deaf:
    """A judge that must not be asked."""

    sandbox_description = "none"

    def submit(self, problem: Problem, completion: str) -> Future[Verdict]:
        raise AssertionError(f"{problem.id} was judged again: {completion}")


@pytest.fixture(scope="module")
def router() -> Iterator[Router]:
    have("bubblewrap")
    with Router(SandboxConfig(kind="bubblewrap")) as router:
        router.start()
        yield router


def problems(folder: Path, **options: str) -> ProblemSet:
    row = {"problem": "?", "solution": "", "subject": "Algebra", "level": 1}
    rows = [{**row, "unique_id": name, "answer": gold} for name, gold in GOLDS.items()]
    path = folder / "own.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return load(ProblemSource(name="math500", path=str(path), options=options))


def evaluated(problems: ProblemSet, judge: Judge, folder: Path) -> Evaluated:
    with Journal(folder / "journal.jsonl", "one") as journal:
        return run(problems, StoredSource(ANSWERS), judge, Draw(2, 0, 0.0, 0), journal=journal)


def test_a_report_shows_both_rules_and_where_they_differ(router: Router, tmp_path: Path) -> None:
    """Math-Verify takes all tiny numbers for equal."""
    found = evaluated(problems(tmp_path), router, tmp_path)
    report = found.report()
    assert report["rule"] == "strict"
    opinion = report["second_opinions"]["math-verify"]
    assert opinion["both"] == 5 and opinion["disagreements"] == [{"id": "b", "sample": 0}]
    assert (opinion["own"]["mean"], opinion["other"]["mean"]) == pytest.approx(((0.5 + 0.5 + 0) / 3, (0.5 + 1 + 0) / 3))
    sample = report["problems"][1]["samples"][0]
    assert (sample["status"], sample["other_verdicts"]["math-verify"]["status"]) == ("wrong", "correct")
    assert any(line.startswith("math-verify") and "1 judged otherwise" in line for line in lines(found))


def test_what_is_in_the_journal_is_judged_by_no_rule_again(router: Router, tmp_path: Path) -> None:
    first, again = (evaluated(problems(tmp_path), judge, tmp_path).report() for judge in (router, Deaf()))
    assert json.dumps(again) == json.dumps(first)


def test_a_rule_that_is_asked_for_later_judges_what_is_in_the_journal(router: Router, tmp_path: Path) -> None:
    alone = evaluated(problems(tmp_path, rule="strict"), router, tmp_path).report()
    assert not alone["second_opinions"] and "other_verdicts" not in alone["problems"][0]["samples"][0]
    both = evaluated(problems(tmp_path), router, tmp_path).report()
    assert both["second_opinions"]["math-verify"]["both"] == 5
    assert both["score"] == alone["score"]


def test_either_rule_may_score(router: Router, tmp_path: Path) -> None:
    turned = problems(tmp_path, rule="math-verify")
    assert turned.version == "1 rule=math-verify"
    report = evaluated(turned, router, tmp_path).report()
    assert report["rule"] == "math-verify" and report["score"]["mean"] == pytest.approx(0.5)


def test_another_rule_that_cannot_judge_is_named_before_the_run(router: Router, tmp_path: Path) -> None:
    found = problems(tmp_path)
    theirs = found.second_opinions["math-verify"]
    broken = {**theirs, "b": replace(theirs["b"], spec={"answers": []})}
    asked = AskedSet(EvalConfig(name="math500", completions=tmp_path / "some.jsonl"), found, None)
    assert checked([asked], router) == [asked]
    with pytest.raises(SpecError, match="problem b: "):
        checked([replace(asked, problems=replace(found, second_opinions={"math-verify": broken}))], router)
