"""The synthetic families: nothing leaks across the split, everything can be repeated, the demonstrations are right."""

from __future__ import annotations

import contextlib
import json
import re
from typing import Any

import pytest

from benchmarks.families import FAMILIES, Worked, draw
from verifiers import Problem


def held_out(family: str) -> list[Worked]:
    return draw(family, 320, seed=7, held_out=True)


def is_right(problem_spec: Any, completion: str) -> bool:
    """What the three verifiers would say, on completions that this project wrote itself."""
    answer = completion.rpartition("</think>")[2]
    with contextlib.suppress(SyntaxError, ValueError):  # JSON or Python that a slip broke: not right
        return _is_right(problem_spec, answer)
    return False


def _is_right(problem_spec: Any, answer: str) -> bool:
    if "answer" in problem_spec:
        return re.findall(r"\\boxed\{(\d+)\}", answer) == [problem_spec["answer"]]
    if "expected" in problem_spec:
        return json.dumps(json.loads(answer)) == json.dumps(problem_spec["expected"])
    scope: dict[str, Any] = {}
    exec(re.findall(r"```python\n(.*?)```", answer, re.DOTALL)[-1], scope)
    return all(scope[problem_spec["entry_point"]](*t["args"]) == t["expected"] for t in problem_spec["tests"])


@pytest.mark.parametrize("family", FAMILIES)
def test_no_problem_is_on_both_sides_of_the_split(family: str) -> None:
    trained = {w.problem.id for seed in range(4) for w in draw(family, 900, seed=seed, held_out=False)}
    both = trained & {w.problem.id for w in held_out(family)}
    assert not both, f"{family}: {len(both)} problems are both trained on and held out, such as {min(both)}"


def told(problem: Problem) -> str:
    """What a problem says, whatever the order and the wording where those are free."""
    prompt = str(problem.prompt)
    match problem.tags["kind"]:
        case "larger" | "line":
            return " ".join(sorted(re.findall(r"\d\+\d|f\(\d\)=\d+", prompt)))
        case "product":
            return re.sub(r"apples|coins|eggs|nuts|pens|shells", "things", prompt)
        case "flat" | "array" | "nested":
            wanted, _, facts = prompt.partition("\nfrom\n")
            return wanted + " ".join(sorted(facts.splitlines()))
    return prompt


@pytest.mark.parametrize("family", FAMILIES)
def test_an_instance_lies_on_one_side_however_it_is_told(family: str) -> None:
    trained = {told(w.problem): w.problem.prompt for w in draw(family, 2000, seed=3, held_out=False)}
    leaked = [(w.problem.prompt, trained[told(w.problem)]) for w in held_out(family) if told(w.problem) in trained]
    assert not leaked, leaked[0]
    reworded = 2000 - len(trained)
    assert reworded > 0, f"{family}: no instance was told twice, so this test says nothing"


@pytest.mark.parametrize("family", FAMILIES)
def test_problems_are_distinct_and_of_every_kind(family: str) -> None:
    problems = [w.problem for w in held_out(family)]
    assert len({p.id for p in problems}) == len({str(p.prompt) for p in problems}) == 320
    kinds = [p.tags["kind"] for p in problems]
    assert all(kinds.count(kind) >= 10 for kind in kinds), {kind: kinds.count(kind) for kind in kinds}
    assert {(p.verifier, p.tags["family"]) for p in problems} == {(family, family)}


@pytest.mark.parametrize("family", FAMILIES)
def test_the_same_arguments_draw_the_same_problems(family: str) -> None:
    assert held_out(family) == held_out(family)
    assert draw(family, 40, seed=7, held_out=True) == held_out(family)[:40]
    assert draw(family, 40, seed=8, held_out=True) != held_out(family)[:40]


@pytest.mark.parametrize("family", FAMILIES)
def test_worked_answers_are_right_and_the_others_nearly_always_wrong(family: str) -> None:
    drawn = held_out(family)
    wrong = [w.worked for w in drawn if not is_right(w.problem.spec, w.worked)]
    assert not wrong, wrong[0]
    for style in ("slipped", "hasty"):
        lucky = [getattr(w, style) for w in drawn if is_right(w.problem.spec, getattr(w, style))]
        assert len(lucky) <= 0.1 * len(drawn), f"{family}: {len(lucky)} of {len(drawn)}, such as {lucky[0]}"


@pytest.mark.parametrize("family", FAMILIES)
def test_completions_are_short(family: str) -> None:
    longest = max((w.worked for w in held_out(family)), key=len)
    assert len(longest) <= 160, longest


def test_a_worked_answer_by_hand() -> None:
    chains = [w for w in draw("math", 200, seed=1, held_out=False) if w.problem.tags["kind"] == "chain"]
    for w in chains[:20]:
        expression = str(w.problem.prompt).removeprefix("Compute ").removesuffix(".")
        assert w.problem.spec == {"answer": str(eval(expression))}, w


def test_hidden_tests_tell_every_part_of_a_function() -> None:
    """A right program with one operator exchanged must fail its hidden tests, but for rare coincidences."""
    survived = mutants = 0
    for w in held_out("code"):
        head, fence, body = w.worked.rpartition("```python\n")
        for old, new in (("*", "+"), (">=", ">"), ("<=", "<"), ("max", "min"), ("[::-1]", "*2"), ("sum(1", "sum(i")):
            if old in body and "s*2" not in body:
                mutants += 1
                survived += is_right(w.problem.spec, head + fence + body.replace(old, new))
    assert mutants > 200
    assert survived <= 0.03 * mutants, f"{survived} of {mutants} wrong programs passed"


def test_what_cannot_be_drawn_is_said() -> None:
    with pytest.raises(ValueError, match="is not a family; there are math, code, schema"):
        draw("poetry", 1, seed=0, held_out=False)
    with pytest.raises(ValueError, match="math has no 9000 different problems"):
        draw("math", 9000, seed=0, held_out=True)
