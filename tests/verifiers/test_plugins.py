"""Verifiers of others: a real installed distribution, with one that works and every way not to."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.verifiers.conftest import problem
from verifiers import Problem, Router, SpecError, Status, examine, installed, report

MODULE = """
import os, sys, time
from verifiers import Example, Verdict, Status, Verifier

class Works(Verifier):
    name = "works"
    examples = [Example({"word": "yes"}, "yes", 1.0), Example({"word": "yes"}, "no", 0.0)]
    def verify(self, spec, completion):
        print("this goes nowhere")
        return completion.strip() == spec["word"]

class Scores(Verifier):
    name = "scores"
    def verify(self, spec, completion):
        return spec["score"]

class Says(Verifier):
    name = "says"
    def verify(self, spec, completion):
        return Verdict(Status.WRONG, 0.25, "a", "why", parts={"form": 0.5})

class Hangs(Verifier):
    name = "hangs"
    deadline = 0.5
    def verify(self, spec, completion):
        while True: pass

class Raises(Verifier):
    name = "raises"
    def verify(self, spec, completion):
        raise KeyError("what\\nwas asked for")

class Dies(Verifier):
    name = "dies"
    def verify(self, spec, completion):
        os._exit(0)

class Recurses(Verifier):
    name = "recurses"
    def verify(self, spec, completion):
        return self.verify(spec, completion)

class JudgeRaises(Verifier):
    name = "judge_raises"
    async def judge(self, spec, completion, boxes):
        raise RuntimeError("a bug in a plugin's own judge")

class JudgeReturnsNothing(Verifier):
    name = "judge_returns_nothing"
    async def judge(self, spec, completion, boxes):
        return None

class NoExamples(Verifier):
    name = "no_examples"
    def verify(self, spec, completion):
        return True

class OtherName(Verifier):
    name = "another"
"""

ENTRIES = """[assay.verifiers]
works = plugin_for_tests:Works
scores = plugin_for_tests:Scores
says = plugin_for_tests:Says
hangs = plugin_for_tests:Hangs
raises = plugin_for_tests:Raises
dies = plugin_for_tests:Dies
recurses = plugin_for_tests:Recurses
judge_raises = plugin_for_tests:JudgeRaises
judge_returns_nothing = plugin_for_tests:JudgeReturnsNothing
no_examples = plugin_for_tests:NoExamples
wrong_name = plugin_for_tests:OtherName
not_a_class = plugin_for_tests:time
absent = plugin_for_tests:Absent
broken = plugin_for_tests_broken:Broken
"""

BROKEN = ["wrong_name", "not_a_class", "absent", "broken"]


@pytest.fixture(scope="module")
def distribution(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("site")
    (folder / "plugin_for_tests.py").write_text(MODULE)
    (folder / "plugin_for_tests_broken.py").write_text("import no_such_module_at_all\n")
    info = folder / "plugin_for_tests-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: plugin-for-tests\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text(ENTRIES)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        yield folder


@pytest.fixture(scope="module")
def plugin_router(distribution: Path) -> Iterator[Router]:
    with Router() as router:
        yield router


def test_ours_come_through_the_same_door() -> None:
    ours = {plugin.name: plugin for plugin in installed()}
    assert {"code", "math", "schema"} <= set(ours)
    assert all(re.fullmatch(r"assay \S+", ours[name].origin) for name in ("code", "math", "schema"))
    assert ours["math"].target == "verifiers.math:MathVerifier"


def test_a_broken_plugin_is_named_with_its_origin(distribution: Path) -> None:
    found = {plugin.name: plugin for plugin in installed()}
    assert found["works"].error is None
    assert [name for name in BROKEN if found[name].error is None] == []
    assert "no_such_module_at_all" in str(found["broken"].error)
    assert {found[name].origin for name in BROKEN} == {"plugin-for-tests 1.2"}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_plugin_stops_a_run_before_it_starts(name: str, plugin_router: Router) -> None:
    with pytest.raises(SpecError, match=rf"problem p: verifier: '{name}' of plugin-for-tests 1\.2 cannot be used"):
        plugin_router.check([problem(name, {})])


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("hangs", "deadline of 0.5 s"),
        ("raises", "KeyError"),
        ("dies", "raised"),
        ("recurses", "RecursionError"),
        ("judge_raises", "RuntimeError: a bug in a plugin's own judge"),
        ("judge_returns_nothing", "returned NoneType"),
        ("broken", "no_such_module_at_all"),
        ("unheard_of", "not installed"),
    ],
)
def test_a_plugin_that_fails_is_unjudged_and_the_next_is_judged(name: str, words: str, plugin_router: Router) -> None:
    before = time.monotonic()
    failed, after = plugin_router.judge([(problem(name, {}), "x"), (problem("works", {"word": "yes"}), "yes")])
    assert failed.status is Status.UNJUDGED
    assert words in failed.detail, failed.detail
    assert "\n" not in failed.detail
    assert after.score == 1.0, after
    assert time.monotonic() - before < 15


@pytest.mark.parametrize("score", [True, False, 0, 1, 0.25])
def test_a_score_is_a_verdict(score: float, plugin_router: Router) -> None:
    [verdict] = plugin_router.judge([(problem("scores", {"score": score}), "x")])
    assert verdict.score == score
    assert (verdict.status is Status.CORRECT) == (score == 1)


@pytest.mark.parametrize("garbage", [2, -0.1, "1", None, [1], {"score": 1}, float("nan"), float("inf")])
def test_garbage_is_unjudged(garbage: object, plugin_router: Router) -> None:
    [verdict] = plugin_router.judge([(problem("scores", {"score": garbage}), "x")])
    assert verdict.status is Status.UNJUDGED
    assert "TypeError: verify returned" in verdict.detail, verdict.detail


def test_a_verdict_crosses_whole(plugin_router: Router) -> None:
    [verdict] = plugin_router.judge([(problem("says", {}), "x")])
    assert (verdict.status, verdict.score, verdict.answer, verdict.detail) == (Status.WRONG, 0.25, "a", "why")
    assert verdict.parts == {"form": 0.5}


def test_a_plugin_conforms_or_is_told_why_not(plugin_router: Router) -> None:
    findings = examine("works", plugin_router)
    assert all(finding.is_right for finding in findings), "\n" + report(findings)
    assert "at least one" in report(examine("no_examples", plugin_router))


def test_two_distributions_with_one_name_are_both_named(distribution: Path, tmp_path: Path) -> None:
    info = tmp_path / "rival-3.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: rival\nVersion: 3.0\n")
    (info / "entry_points.txt").write_text("[assay.verifiers]\nworks = plugin_for_tests:Works\n")
    with pytest.MonkeyPatch.context() as patch, Router() as router:
        patch.syspath_prepend(str(tmp_path))
        with pytest.raises(SpecError, match=r"rival 3\.0.*plugin-for-tests 1\.2|plugin-for-tests 1\.2.*rival 3\.0"):
            router.check([Problem("p", "", "works", {})])
