"""The math verifier: every failure known of others as a row, its policies, its golds and its bounds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.verifiers.conftest import problem, rows, shared_data
from verifiers import Router, SpecError, Status, Verdict

KNOWN = Path(__file__).parent / "cases" / "math_known.jsonl"


def completion_of(row: dict[str, Any]) -> str:
    return row["completion"] if "completion" in row else f"It is $\\boxed{{{row['answer']}}}$."


def judge(router: Router, pairs: list[tuple[dict[str, Any], str]]) -> list[Verdict]:
    return router.judge((problem("math", spec), completion) for spec, completion in pairs)


def test_every_known_failure_of_others_is_judged_right(router: Router) -> None:
    known = rows(KNOWN)
    verdicts = judge(router, [({"answer": row["gold"], **row.get("spec", {})}, completion_of(row)) for row in known])
    wrong = [
        f"{row['id']} ({row['why']}): {row['gold'][:80]} | {completion_of(row)[-80:]}: {verdict.score} {verdict.detail}"
        for row, verdict in zip(known, verdicts, strict=True)
        if verdict.score != row["score"]
    ]
    assert not wrong, "\n" + "\n".join(wrong)
    slow = [(row["id"], verdict.seconds) for row, verdict in zip(known, verdicts, strict=True) if verdict.seconds > 2]
    assert not slow, f"took more than 2 s: {slow}"


@pytest.mark.parametrize(
    ("last", "score"), [("9", 1.0), ("8", 0.0)], ids=["the same hundred thousand digits", "another last digit"]
)
def test_integers_are_compared_however_long(last: str, score: float, router: Router) -> None:
    gold = "9" * 100_000
    (verdict,) = judge(router, [({"answer": gold}, f"\\boxed{{{gold[:-1]}{last}}}")])
    assert verdict.score == score, verdict.detail


@pytest.mark.parametrize(
    ("spec", "named"),
    [
        ({"answer": r"\frac{1}{"}, r"answer: found '\\frac{1}{'"),
        ({"answers": ["1", r"\sqrt{}"]}, r"answers[1]: found '\\sqrt{}'"),
        ({"answer": "(" * 100 + "1" + ")" * 100}, "nested deeper than"),
        ({"answer": r"1\frac{3}{2}"}, "a whole number before an improper fraction: a sum or a product"),
        ({"answer": "1", "policy": {"percent": "never"}}, "policy.percent: found 'never'"),
        ({"answer": "1", "policy": {"colour": "red"}}, "colour"),
    ],
)
def test_a_gold_or_policy_that_cannot_be_read_is_named_before_the_run(
    spec: dict[str, Any], named: str, router: Router
) -> None:
    with pytest.raises(SpecError) as raised:
        router.check([problem("math", spec, "p17")])
    assert named in str(raised.value)
    assert "p17" in str(raised.value)


def test_a_verdict_shows_each_of_its_stages(router: Router) -> None:
    (verdict,) = judge(
        router, [({"answer": r"\frac{\sqrt2}{2}"}, r"<think>hm</think>So $\boxed{\frac{1}{\sqrt{2}}}$.")]
    )
    assert [stage["stage"] for stage in verdict.trace] == ["final part", "extraction", "parsing", "comparison"]
    found, parsed, compared = verdict.trace[1:]
    assert found["answer"] == r"\frac{1}{\sqrt{2}}"
    assert list(found["span"]) == [4, 30]
    assert parsed["result"] == "gold: number; answer: number"
    assert compared["result"] == "equal: equal to 250 digits"


BOMBS = {
    "a tower of powers": "9^{9^{9^{9^{9}}}}",
    "a power of a power in plain text": "10^10^10^10",
    "factorials of factorials": "9" + "!" * 60,
    "a factorial of a huge number": "(10^9)!",
    "many factorials": "+".join(["999999999!"] * 200),
    "a hundred thousand digits": "7" * 100_000,
    "brackets": "(" * 3000 + "1" + ")" * 3000,
    "fractions in fractions": r"\frac{1}{1+" * 60 + "1" + "}" * 60,
    "roots in roots": r"\sqrt{1+" * 60 + "1" + "}" * 60,
    "a huge matrix": r"\begin{pmatrix}" + r"\\".join(["&".join("1" * 40)] * 40) + r"\end{pmatrix}",
    "powers of a matrix": r"\begin{pmatrix}1&2\\3&4\end{pmatrix}^{999999999}",
    "a power of a sum": "(x+1)^{9999}",
    "a power of a huge sum": "(x+y+z+w)^{99999999}",
    "a long sum": r"\sum_{k=1}^{1000000000} k",
    "sums of sums": r"\sum_{a=1}^{999}\sum_{b=1}^{999}\sum_{c=1}^{999}\sum_{d=1}^{999} abcd",
    "a sine of a huge number": r"\sin(10^{10^{15}})",
    "an exponential": r"e^{e^{e^{e^{e^{10}}}}}",
    "a long list": ",".join(map(str, range(1000))),
    "signs": "-" * 4000 + "1",
    "plus or minus": r"\pm".join("1" * 60),
    "primes": "x" + "'" * 4000,
    "moduli": "|" * 2000 + "x" + "|" * 2000,
    "inequalities": "<".join(["x"] * 500),
    "an integral": r"\int_0^1 \sin(x^x) \ln(\Gamma(x)) e^{\tan x^3} dx",
    "a limit": r"\lim_{x\to 0} \frac{\sin(\tan x) - \tan(\sin x)}{\arcsin(\arctan x) - \arctan(\arcsin x)} + 1",
    "digits in a base": "1" * 4000 + "_{36}",
    "words": "word " * 4000,
    "backslashes": "\\" * 4000,
    "dollars": "$" * 4000,
    "commas": "1," * 4000,
}


@pytest.mark.parametrize("gold", ["1", r"x^2+\sqrt{x}", r"\{1,2,3\}", "x^2 < 4", r"\begin{pmatrix}1\\2\end{pmatrix}"])
def test_bombs_are_wrong_within_two_seconds(gold: str, router: Router) -> None:
    verdicts = judge(router, [({"answer": gold}, f"\\boxed{{{bomb}}}") for bomb in BOMBS.values()])
    scores = dict(zip(BOMBS, [verdict.score for verdict in verdicts], strict=True))
    assert set(scores.values()) == {0.0}, scores
    slow = {name: verdict.seconds for name, verdict in zip(BOMBS, verdicts, strict=True) if verdict.seconds > 2}
    assert not slow, slow


def test_equal_bombs_are_equal_as_texts(router: Router) -> None:
    gold = "10^{10^{10}}"
    same, less = judge(router, [({"answer": gold}, f"\\boxed{{{gold}}}"), ({"answer": gold}, r"\boxed{10^{10^{9}}}")])
    assert (same.score, less.score) == (1.0, 0.0)


def test_every_answer_of_math500_is_equal_to_itself_and_to_its_solution(router: Router) -> None:
    given = rows(shared_data("math500.jsonl"))
    router.check(problem("math", {"answer": row["answer"]}, row["unique_id"]) for row in given)
    for completions in ([f"\\boxed{{{row['answer']}}}" for row in given], [row["solution"] for row in given]):
        pairs = [({"answer": row["answer"]}, text) for row, text in zip(given, completions, strict=True)]
        missed = [
            f"{row['answer']}: {verdict.answer}: {verdict.detail}"
            for row, verdict in zip(given, judge(router, pairs), strict=True)
            if verdict.score != 1.0
        ]
        assert not missed, "\n" + "\n".join(missed)


def test_no_near_miss_of_math500_is_accepted(router: Router) -> None:
    golds = [row["answer"] for row in rows(shared_data("math500.jsonl"))]
    pairs = []
    for gold in golds:
        pairs += [({"answer": gold}, f"\\boxed{{{miss}}}") for miss in near_misses(gold)]
    accepted = [
        f"{spec['answer']}: {completion}: {verdict.detail}"
        for (spec, completion), verdict in zip(pairs, judge(router, pairs), strict=True)
        if verdict.score == 1.0
    ]
    assert len(pairs) > 2000
    assert not accepted, "\n" + "\n".join(accepted)


def near_misses(gold: str) -> list[str]:
    """A number off by one, by ten, times ten, times a hundred; any expression plus one and turned round."""
    bare = gold.replace(",\\!", "").replace(",", "") if gold.replace(",\\!", "").replace(",", "").isdigit() else gold
    try:
        value = int(bare)
    except ValueError:
        is_plain = not any(
            mark in gold for mark in (",", "=", "\\text", "\\cup", "matrix", "_", "\\pm", "\\mbox", "$", "^\\circ")
        )
        return (
            [f"{gold}+1", f"2\\left({gold}\\right)", f"100\\left({gold}\\right)"]
            if is_plain and "[" not in gold
            else []
        )
    shifted = [value + 1, value - 1, value + 10, value - 10, value * 10 or 10, value * 100 or 100, -value or 1]
    return [str(miss) for miss in shifted if miss != value]


def test_no_answer_of_another_problem_is_accepted_but_where_it_is_the_same(router: Router) -> None:
    golds = list(dict.fromkeys(row["answer"] for row in rows(shared_data("math500.jsonl"))))
    pairs = [({"answer": gold}, f"\\boxed{{{golds[index - 1]}}}") for index, gold in enumerate(golds)]
    accepted = [
        (spec["answer"], completion)
        for (spec, completion), verdict in zip(pairs, judge(router, pairs), strict=True)
        if verdict.score == 1.0
    ]
    assert not accepted, accepted


@pytest.mark.parametrize(("name", "field"), [("gsm8k_train.jsonl", "final"), ("math_train7474.jsonl", "answer")])
def test_golds_of_training_sets_are_readable_and_equal_to_themselves(name: str, field: str, router: Router) -> None:
    lines = shared_data(name).read_text().split("\n")
    given = [json.loads(line)[field] for line in lines if line]
    golds = [str(gold) for gold in given if gold is not None][::7]
    router.check(problem("math", {"answer": gold}, gold) for gold in golds)
    pairs = [({"answer": gold}, f"\\boxed{{{gold}}}") for gold in golds]
    missed = [
        (gold, verdict.detail)
        for gold, verdict in zip(golds, judge(router, pairs), strict=True)
        if verdict.score != 1.0
    ]
    assert not missed, missed


def test_a_cut_off_box_is_no_answer(router: Router) -> None:
    (verdict,) = judge(router, [({"answer": "7"}, r"\boxed{7} no, \boxed{8")])
    assert verdict.status is Status.NO_ANSWER
