"""What every verifier must do: run by `assay verify NAME`, by our tests and by the tests of plugin authors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from verifiers.base import Example, Verifier
from verifiers.plugins import load
from verifiers.router import Router
from verifiers.types import Problem, Status, Verdict

HOSTILE = {
    "empty text": "",
    "white space": " \n\t ",
    "a megabyte of text": "word 17 " * 131_072,
    "a megabyte of brackets": "[{(" * 349_525,
    "a megabyte without spaces": "1" + "9" * 1_048_575,
    "control characters": "".join(map(chr, range(32))) * 100,
    "half a surrogate pair": "answer \ud800 \\boxed{1}",
    "a thought that never ends": "<think>" * 1000,
    "fences only": "```\n" * 1000,
}
"""Completions that must be judged, or said to be unjudged, without a crash and in time."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    what: str
    is_right: bool
    detail: str = ""


def examine(name: str, router: Router) -> list[Finding]:
    """Everything a verifier must do, tried out on its own examples. `SpecError` if there is none of that name;
    `SandboxUnavailable` if it needs boxes and there are none."""
    verifier = load(name)
    if type(verifier).judge is not Verifier.judge:
        router.start()
    examples = list(verifier.examples)
    if not examples:
        return [Finding("examples", False, f"{name} has none; give at least one that scores 1 and one that scores 0")]
    first = router.judge(_pairs(name, examples))
    findings = [_scores(example, verdict) for example, verdict in zip(examples, first, strict=True)]
    findings.append(_documents_both(examples))
    findings.append(_repeats(first, router.judge(_pairs(name, examples))))
    if right := next((example for example in examples if example.score == 1.0), None):
        findings += _survives(name, right, router)
    return findings


def _pairs(name: str, examples: Sequence[Example]) -> list[tuple[Problem, str]]:
    return [
        (Problem(f"{name} example {number}", "", name, example.spec), example.completion)
        for number, example in enumerate(examples, start=1)
    ]


def _scores(example: Example, verdict: Verdict) -> Finding:
    """Whether an example gets the score it promises."""
    is_right = verdict.score == example.score
    detail = "" if is_right else f"score {verdict.score}, not {example.score}: {verdict.detail}"
    return Finding(f"example: {example.why or example.completion[:40]!r}", is_right, detail)


def _documents_both(examples: Sequence[Example]) -> Finding:
    scores = {example.score for example in examples}
    lacking = [str(score) for score in (1.0, 0.0) if score not in scores]
    return Finding("examples of right and wrong", not lacking, f"none scores {' or '.join(lacking)}" if lacking else "")


def _repeats(first: Sequence[Verdict], second: Sequence[Verdict]) -> Finding:
    """Whether judging twice says the same, but for the time it took."""
    changed = [
        number
        for number, (one, other) in enumerate(zip(first, second, strict=True), start=1)
        if replace(one, seconds=0.0) != replace(other, seconds=0.0)
    ]
    return Finding("the same verdict twice", not changed, f"examples {changed} changed" if changed else "")


def _survives(name: str, right: Example, router: Router) -> list[Finding]:
    """Whether hostile text gets a verdict that is not "correct", and the right answer after it still scores 1."""
    problem = Problem(f"{name} hostile", "", name, right.spec)
    findings = []
    for what, completion in HOSTILE.items():
        hostile, after = router.judge([(problem, completion), (problem, right.completion)])
        if after.score != 1.0:
            findings.append(Finding(f"right after {what}", False, f"score {after.score}: {after.detail}"))
        is_right = hostile.status is not Status.CORRECT and hostile.status is not Status.UNJUDGED
        findings.append(Finding(what, is_right, "" if is_right else f"{hostile.status.value}: {hostile.detail}"))
    return findings


def report(findings: Sequence[Finding]) -> str:
    """The findings for people, one a line."""
    return "\n".join(
        f"{'ok  ' if finding.is_right else 'FAIL'} {finding.what}{': ' * bool(finding.detail)}{finding.detail}"
        for finding in findings
    )
