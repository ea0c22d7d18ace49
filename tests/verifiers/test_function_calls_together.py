"""Calls of a function that keeps nothing share a run; all others, and what a shared run left open, have their own."""

from __future__ import annotations

import math
from typing import Any

import pytest

from sandbox import Job, Limits, Outcome
from tests.verifiers.conftest import problem
from verifiers import Router, Status, Verdict
from verifiers.turns import FairPool


def judge(router: Router, program: str, *tests: tuple[Any, Any], **more: Any) -> Verdict:
    """With tests of one argument and the value expected for it."""
    spec = {"kind": "function", "entry_point": "f", "time_limit": 2.0, **more}
    spec["tests"] = [{"args": [argument], "expected": expected} for argument, expected in tests]
    (verdict,) = router.judge([(problem("code", spec), f"```python\n{program}\n```")])
    return verdict


def results(verdict: Verdict) -> list[str]:
    return [row["result"] for row in verdict.trace]


RIGHT_ALONE = {
    "remembers what it was called with": "seen = []\ndef f(x):\n    seen.append(x)\n    return x * len(seen)",
    "uses itself up": "numbers = iter([1])\ndef f(x): return x * next(numbers)",
    "changes a default": "def f(x, tail=[]):\n    tail.append(x)\n    return tail[0] if len(tail) == 1 else None",
    "ends the process after its value": "import os, threading\ndef f(x):\n"
    "    threading.Timer(0.2, os._exit, [0]).start()\n    return x",
}


@pytest.mark.parametrize("name", RIGHT_ALONE)
def test_what_one_call_leaves_behind_costs_the_next_nothing(name: str, router: Router) -> None:
    verdict = judge(router, RIGHT_ALONE[name], (1, 1), (2, 2), (3, 3))
    assert verdict.status is Status.CORRECT, verdict
    assert results(verdict) == ["passed"] * 3


def test_each_call_has_the_whole_limit_though_all_share_a_run(router: Router) -> None:
    slow = "import time\ndef f(x):\n    time.sleep(0.8)\n    return x"
    verdict = judge(router, slow, (1, 1), (2, 2), (3, 3))
    assert verdict.status is Status.CORRECT, verdict
    assert verdict.seconds >= 3 * 0.8


@pytest.fixture
def jobs(monkeypatch: pytest.MonkeyPatch) -> list[Job]:
    """What is given to boxes from here on."""
    given: list[Job] = []
    run = FairPool.run

    async def noted(pool: FairPool, job: Job, limits: Limits | None = None) -> Outcome:
        given.append(job)
        return await run(pool, job, limits)

    monkeypatch.setattr(FairPool, "run", noted)
    return given


def test_the_calls_of_a_plain_function_share_one_run(jobs: list[Job], router: Router) -> None:
    verdict = judge(router, "def f(x): return x + 1", *((n, n + 1) for n in range(1, 6)))
    assert (verdict.status, len(jobs)) == (Status.CORRECT, 1), verdict
    assert judge(router, "def f(x): return x + (x < 4)", (1, 2), (2, 3), (4, 5)).detail.startswith("test 3")
    assert len(jobs) == 2, "a wrong value is not asked for again"


def test_what_comes_too_late_together_is_called_again_alone(jobs: list[Job], router: Router) -> None:
    spins = "def f(x):\n    n = 0\n    while n < 10_000_000: n += 1\n    return x"
    tests = [(n, n) for n in range(1, 9)]
    alone = judge(router, spins, tests[0], time_limit=60.0).seconds
    verdict = judge(router, spins, *tests, time_limit=4 * alone)  # half of what all take; room for a busy machine
    assert verdict.status is Status.CORRECT, verdict
    assert len(jobs) > 2


def test_a_program_that_counts_its_calls_is_wrong(router: Router) -> None:
    counts = "count = 0\ndef f(x):\n    global count\n    count += 1\n    return count"
    assert judge(router, counts, (1, 1), (2, 2)).detail.startswith("test 2: wrong value")


FAILING = {
    "wrong": ("return 0 if x == 3 else x", Status.WRONG, "test 3: wrong value"),
    "raises": ("return x if 1 // (3 - x) else x", Status.WRONG, "test 3: exit code 1: ZeroDivisionError"),
    "ends the process": (
        "import os\n    if x == 3: os._exit(0)\n    return x",
        Status.WRONG,
        "test 3: returned nothing",
    ),
    "is killed": (
        "import os, signal\n    if x == 3: os.kill(os.getpid(), signal.SIGKILL)\n    return x",
        Status.WRONG,
        "test 3: signal",
    ),
    "does not end": ("while x == 3: pass\n    return x", Status.TIMEOUT, "test 3: ran longer than 2 s"),
    "returns no plain data": ("return {x} if x == 3 else x", Status.WRONG, "test 3: exit code 1: TypeError"),
    "takes too much memory": (
        "return len(bytearray(10**9)) if x == 3 else x",
        Status.WRONG,
        "test 3: needed more than",
    ),
}


@pytest.mark.parametrize("name", FAILING)
def test_the_first_test_that_fails_by_itself_decides(name: str, router: Router) -> None:
    body, status, detail = FAILING[name]
    verdict = judge(router, f"def f(x):\n    {body}", (1, 1), (2, 2), (3, 3), (4, 4))
    assert (verdict.status, verdict.score) == (status, 0.0), verdict
    assert verdict.detail.startswith(detail), verdict
    assert results(verdict)[:2] == ["passed", "passed"] and len(verdict.trace) == 3


def test_partial_credit_counts_what_is_right_before_and_after_a_failure(router: Router) -> None:
    body = "def f(x):\n    if x == 2: raise ValueError\n    return 0 if x == 4 else x"
    verdict = judge(router, body, *((n, n) for n in range(1, 6)), partial_credit=True)
    assert verdict.score == verdict.parts["tests"] == 3 / 5
    assert [result == "passed" for result in results(verdict)] == [True, False, True, False, True]


FORGED = {
    "values of all calls, in the first": "import os\ndef f(x):\n"
    "    os.write(3, b'0.000001 1\\n0.000001 2\\n0.000001 3\\n')\n    os._exit(0)",
    "more lines than calls": "import os\ndef f(x):\n    os.write(3, b'0.000001 0\\n' * 9)\n    return x",
    "what cannot be read": "import os\ndef f(x):\n    os.write(3, b'0.000001 [[\\n')\n    return x",
    "no clock": "import os\ndef f(x):\n    os.write(3, b'nan 1\\n')\n    return x",
    "half a line": "import os\ndef f(x):\n    os.write(3, b'0.000001 ')\n    return x",
}


@pytest.mark.parametrize("name", FORGED)
def test_a_hand_on_the_line_of_values_wins_nothing(name: str, router: Router) -> None:
    """The candidate knows no expected value; what it writes there is its own answer, and only junk if it is junk."""
    verdict = judge(router, FORGED[name], (5, 6), (7, 8), (9, 10))
    assert verdict.score == 0.0, verdict
    assert all(math.isfinite(row["seconds"]) for row in verdict.trace)
