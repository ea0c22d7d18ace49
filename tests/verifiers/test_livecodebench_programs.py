"""LiveCodeBench's rules: odd programs with the verdict of its own grader, and o1-mini's that passed officially.

`cases/livecodebench.jsonl` is our own work: what its grader (lcb_runner of two months) says of programs that do what
it has rules about. The attacks are those that it falls for.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from benchmarks.livecodebench_rows import PRELUDE
from benchmarks.speed.livecodebench import Program, judge, programs, with_patience
from sandbox import SandboxConfig
from tests.boxes import have
from tests.verifiers.conftest import rows, shared_data
from verifiers import Problem, Router, SpecError, Status
from verifiers.livecodebench import official_program

CASES = rows(Path(__file__).parent / "cases" / "livecodebench.jsonl")
ENDLESS = {"loop", "swallow", "f_swallow", "f_wrong_then_hang"}
BUSY_SECONDS = 30
"""For each test; two that pass officially take 3 s on a quiet machine, and this one may be busy."""
MAX_SECONDS = 180.0


def problem(tests: Sequence[Sequence[str]], function: str = "", **more: Any) -> Problem:
    cases = [{"input": given, "output": wanted} for given, wanted in tests]
    return Problem("p", "", "livecodebench", {"tests": cases, "function": function, "prelude": PRELUDE, **more})


def answer(program: str) -> str:
    return f"```python\n{program}\n```"


@pytest.mark.parametrize("grader", ["2025-01", "2025-05"])
def test_odd_programs_get_the_verdict_of_the_official_grader(router: Router, grader: str) -> None:
    def seconds(case: dict[str, Any]) -> int:
        return 1 if case["name"] in ENDLESS else BUSY_SECONDS

    verdicts = router.judge(
        (
            problem(case["tests"], case["function"], grader=grader, time_limit=seconds(case)),
            answer(case["program"]),
        )
        for case in CASES
    )
    other = [
        f"{case['name']}: passes {case['passes']}: {verdict.status.value}, {verdict.detail}"
        for case, verdict in zip(CASES, verdicts, strict=True)
        if (verdict.score == 1.0) is not (grader in case["passes"])
    ]
    assert not other, "\n".join(other)
    assert sum(grader in case["passes"] for case in CASES) > 50 and len(CASES) > 120


ATTACKS = {
    "equal to all": "class Same(int):\n    __eq__ = lambda *_: True\ndef f(n): return Same()",
    "a list that is equal to all": "class Same(list):\n    __eq__ = lambda *_: True\ndef f(n): return Same()",
    "the grader's own names": "import sys\ndef f(n): return sys._getframe(1).f_locals['gt_out']",
    "its own word for it": 'import os\nos.write(3, b\'[{"value": 7, "seconds": 0.1}]\')\nos._exit(0)',
    "an end before the end": "import os\ndef f(n): os._exit(0)",
    "another judge": "import json\njson.dumps = lambda *_: '[{\"value\": 5}]'\ndef f(n): return 7",
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_what_fools_the_official_grader_does_not_pass(router: Router, attack: str) -> None:
    [verdict] = router.judge([(problem([("1", "5")], "f"), answer(ATTACKS[attack]))])
    assert verdict.score == 0.0, verdict.detail


@pytest.mark.parametrize(
    ("completion", "program"),
    [
        ("```python\na\n```", "a"),
        ("```\na\n```\nthen\n```python\nb\nc\n```\nend", "b\nc"),
        ("```python\na\n```\nand ```b``` in a line", ""),
        ("```python\na\n```\nx\n```", "x"),
        ("<think>\n```python\na\n```\n</think>", "a"),
        ("  ```py\n  a\n  ```", "  a"),
        ("```python\na", ""),
        ("a", ""),
        ("````python\na\n````", "a"),
    ],
)
def test_a_program_stands_between_the_last_two_lines_with_back_ticks(completion: str, program: str) -> None:
    assert official_program(completion) == program


def test_the_first_test_that_fails_is_named_and_a_late_one_is_told_from_a_wrong_one(router: Router) -> None:
    tests = [("1", "2"), ("2", "3"), ("3", "5")]
    said = [
        router.judge([(problem(tests, function, time_limit=1), answer(program))])[0]
        for function, program in (
            ("", "print(int(input()) + 1)"),
            ("f", "def f(n):\n    while n > 1: pass\n    return n + 1"),
            ("f", "def f(n): return n + 1 if n < 2 else 1 / 0"),
            ("", ""),
        )
    ]
    assert [(verdict.status, verdict.score) for verdict in said] == [
        (Status.WRONG, 0.0),
        (Status.TIMEOUT, 0.0),
        (Status.WRONG, 0.0),
        (Status.NO_ANSWER, 0.0),
    ]
    assert said[0].detail == "test 3: wrong: line 1 is '4'; expected '5'"
    assert said[1].detail == "test 2: ran longer than its limit"
    assert said[2].detail == "test 2: ZeroDivisionError: division by zero"
    assert [row["result"] for row in said[0].trace] == ["passed", "passed", said[0].detail.partition(": ")[2]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tests": []}, "tests"),
        ({"function": "f.g"}, "function"),
        ({"function": "f", "tests": [{"input": "1\n", "output": "1"}]}, r"tests\[0\].input: is not JSON"),
        ({"function": "f", "tests": [{"input": "1", "output": "x"}]}, r"tests\[0\].output: is not JSON"),
        ({"time_limit": 0}, "time_limit"),
    ],
)
def test_a_broken_spec_names_its_field(router: Router, change: dict[str, Any], message: str) -> None:
    spec = {"tests": [{"input": "1", "output": "1"}], **change}
    with pytest.raises(SpecError, match=message):
        router.check([Problem("p", "", "livecodebench", spec)])


# ---- o1-mini's programs, with what they scored officially on all of their tests, private ones included


def known_programs(rule: str) -> list[Program]:
    """One for each problem of release_v1; who passes officially is given time on a machine that others use, too."""
    found = programs(shared_data("lcb_v1_400.jsonl"), shared_data("lcb_completions_o1mini.jsonl"), rule)
    assert len(found) == 400
    return [with_patience(one, BUSY_SECONDS) if one.passes else one for one in found]


@pytest.mark.parametrize("rule", ["strict", "official"])
def test_programs_that_officially_pass_pass_the_public_tests(router: Router, rule: str) -> None:
    """What is wrong with another may show in the private tests only."""
    sample = known_programs(rule)[::8]
    found = judge(router, rule, sample)
    assert not found.lost, "\n".join(found.lost)
    assert not found.unjudged, "\n".join(found.unjudged)
    assert sum(program.passes for program in sample) <= found.passed < len(sample)


@pytest.mark.soak
@pytest.mark.parametrize("rule", ["strict", "official"])
def test_all_programs_in_docker_boxes_within_three_minutes(rule: str) -> None:
    have("docker")
    with Router(SandboxConfig(kind="docker")) as router:
        found = judge(router, rule, known_programs(rule))
    assert not found.lost, "\n".join(found.lost)
    assert not found.unjudged, "\n".join(found.unjudged)
    assert found.seconds < MAX_SECONDS
