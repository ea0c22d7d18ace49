"""Judges programs: runs them in boxes that know no expected output, and compares here."""

from __future__ import annotations

import ast
import asyncio
import contextlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, ParamSpec, TypeVar

from sandbox import Call, Check, Ending, Limits, Outcome, Program, Serve, examine
from verifiers.base import Boxes, Example, Verifier
from verifiers.code_spec import CodeSpec, Test, check_prelude, check_sources, check_sources_in_box
from verifiers.compare import output_difference, value_difference
from verifiers.extract import Found, code_answer, final_part
from verifiers.memoryless import keeps_nothing
from verifiers.shipped import ours
from verifiers.spec import read_spec
from verifiers.syntax import NOT_PYTHON, parse
from verifiers.trace import PASSED, Row, kept, shortened, shortened_json
from verifiers.types import Status, Verdict

LABELS = {
    "python": ("python", "py", "ipython", "pypy"),
    "cpp": ("cpp", "c++", "cc", "cxx"),
    "javascript": ("javascript", "js", "node", "nodejs", "mjs"),
}
"""What fences say, in lower case and without a version."""
CHECK_LIMITS = Limits(wall_seconds=120.0)
"""For test code: it waits for the candidate, and may have many tests."""
CHECKER_LIMITS = Limits(wall_seconds=30.0)
LONG = 2**17
"""Characters or bytes that are not looked at where all verdicts are made."""
GONE = "the candidate was gone"
"""What the test code's box says of a test in which the candidate's time was up, or it ended itself."""
UNREADABLE = ("ValueError", "IndexError", "KeyError", "TypeError", "AssertionError", "UnicodeDecodeError", "EOFError",
              "StopIteration", "ZeroDivisionError", "OverflowError", "RecursionError", "InvalidOperation",
              "JSONDecodeError")  # fmt: skip
"""What a checker raises when the output it reads is not what it hoped for; anything else is a broken checker."""


class CodeVerifier(Verifier):
    """Passes all tests: 1, else 0, or the share passed with `partial_credit`."""

    name: ClassVar[str] = "code"
    inside: ClassVar[Sequence[Path]] = ours("check_tests")
    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            {"kind": "stdio", "tests": [{"stdin": "1 2\n", "stdout": "3\n"}]},
            "```python\nprint(sum(map(int, input().split())))\n```",
            1.0,
            "a program",
        ),
        Example(
            {"kind": "function", "entry_point": "add", "tests": [{"args": [1, 2], "expected": 3}]},
            "```python\ndef add(a, b):\n    return a * b\n```",
            0.0,
            "a wrong function",
        ),
        Example(
            {"kind": "stdio", "tests": [{"stdin": "", "stdout": "1"}], "time_limit": 0.5},
            "```python\nwhile True: pass\n```",
            0.0,
            "a program that does not end",
        ),
        Example({"kind": "stdio", "tests": [{"stdin": "", "stdout": "1"}]}, "No program here.", 0.0, "no answer"),
        Example(
            {
                "kind": "assert",
                "entry_point": "add",
                "test": "def check(candidate):\n    assert candidate(1, 2) == 3\n",
            },
            "```python\nclass Same(int):\n    __eq__ = lambda *_: True\ndef add(a, b):\n    return Same()\n```",
            0.0,
            "a value that would equal every other",
        ),
        Example(
            {
                "kind": "checker",
                "tests": [{"stdin": "6\n"}],
                "checker": "import json, math, sys\ncase = json.load(sys.stdin)\n"
                "factors = list(map(int, case['stdout'].split()))\n"
                "print('ok' if math.prod(factors) == int(case['stdin']) and 1 not in factors else 'no factorisation')",
            },
            "```python\ninput()\nprint(3, 2)\n```",
            1.0,
            "one of several right outputs",
        ),
        Example(
            {
                "kind": "pytest",
                "files": {"test_add.py": "from solution import add\ndef test_add():\n    assert add(1, 2) == 3\n"},
            },
            "```python\ndef add(a, b):\n    return a + b\n```",
            1.0,
            "tests that import the completion",
        ),
        Example(
            {"kind": "stdio", "language": "cpp", "tests": [{"stdin": "1 2", "stdout": "3"}]},
            "```cpp\n#include <iostream>\nint main() { int a, b; std::cin >> a >> b; std::cout << a + b; }\n```",
            1.0,
            "another language",
        ),
        Example({"kind": "stdio", "tests": []}, "```python\n1\n```", None, "a spec without tests"),
    )

    def check_spec(self, spec: Mapping[str, Any]) -> None:
        check_sources(read_spec(CodeSpec, spec))

    async def check_in_box(self, spec: Mapping[str, Any], boxes: Boxes) -> None:
        await check_sources_in_box(read_spec(CodeSpec, spec), boxes)

    async def judge(self, spec: Mapping[str, Any], completion: str, boxes: Boxes) -> Verdict:
        wanted = read_spec(CodeSpec, spec)
        found = await _aside(len(completion), _program_in, completion, wanted.language)
        if found is None:
            return Verdict(Status.NO_ANSWER, 0.0, detail="no fenced program in the final part")
        source = await _aside(len(found.text), _whole_source, wanted.prelude, found.text)
        run = _examine if wanted.kind in ("assert", "pytest") else _run_tests
        verdict = await run(wanted, found.text, source, boxes)
        if verdict.status in (Status.WRONG, Status.TIMEOUT):
            await check_prelude(wanted, boxes)  # else the program would pay for it, where nobody checked before
        return verdict


P = ParamSpec("P")
T = TypeVar("T")


async def _aside(length: int, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What a function of so long a text says; of a long one in a thread, so that no other verdict waits for it."""
    if length < LONG:
        return function(*args, **kwargs)
    return await asyncio.to_thread(function, *args, **kwargs)


def _program_in(completion: str, language: str) -> Found | None:
    return code_answer(final_part(completion), LABELS[language], is_python=language == "python")


@dataclass(frozen=True, slots=True)
class _Failure:
    """Why a test is not passed; UNJUDGED if that is not the candidate's doing."""

    status: Status
    why: str
    difference: str = ""
    """Where what came first differs from what was expected."""


@dataclass(frozen=True, slots=True)
class _Ran:
    """One test that was run."""

    failure: _Failure | None
    row: Row
    seconds: float
    """Of its run; of a run with several tests the first has them all."""


_Known = Mapping[int, _Ran]
"""By number, from 1."""


async def _run_tests(spec: CodeSpec, program: str, source: str, boxes: Boxes) -> Verdict:
    """One run for each test, or for all calls of a function that keeps nothing; compared here or by a checker."""
    run = _run_all if spec.partial_credit else _run_to_failure
    is_shared = spec.kind == "function" and len(spec.tests) > 1 and await _aside(len(source), keeps_nothing, source)
    known = await _run_together(spec, source, boxes) if is_shared else {}
    ran = await run(spec, source, boxes, known)
    rows, seconds = kept([one.row for one in ran]), sum(one.seconds for one in ran)
    failures = [(one.failure.status, f"test {n}: {one.failure.why}") for n, one in enumerate(ran, 1) if one.failure]
    if unjudged := [why for status, why in failures if status is Status.UNJUDGED]:
        return Verdict(Status.UNJUDGED, None, program, unjudged[0], seconds, trace=rows)
    passed, first_failure = len(ran) - len(failures), failures[0] if failures else (Status.CORRECT, "")
    return _verdict(spec, program, passed, len(spec.tests), first_failure, seconds, rows)


async def _run_together(spec: CodeSpec, source: str, boxes: Boxes) -> _Known:
    """What is known of the tests after all calls were made one after the other in one run, within one test's limits.

    Values count, as the program keeps nothing from call to call. A call that gave none may have lacked time or memory
    because of those before it, and is made again in a run of its own; only the first is as good as alone.
    """
    outcome = await boxes.programs.run(_job(spec, spec.tests, source), _limits(spec))
    is_whole = outcome.ending is Ending.EXITED and outcome.exit_code == 0
    returned = outcome.returned()[: len(spec.tests)]
    if len(returned) == len(spec.tests) and not is_whole:
        returned.pop()  # a run of its own shows whether it was this call that ended the run
    known = dict[int, _Ran]()
    for number, (test, one) in enumerate(zip(spec.tests, returned, strict=False), start=1):
        difference = await _aside(len(one.value), _wrong_value, spec, test, one.value)
        row = _row(number, spec, test, one.value, difference) | _amounts(one.seconds, outcome)
        known[number] = _Ran(difference, row, outcome.wall_seconds if number == 1 else 0.0)
    if not outcome.returned():
        known[1] = await _ran(1, spec, outcome, boxes)
    return known


async def _run_all(spec: CodeSpec, source: str, boxes: Boxes, known: _Known) -> list[_Ran]:
    """As many at a time as there are slots: the last completion of a batch may have a hundred slow tests."""
    turns = asyncio.Semaphore(boxes.programs.num_slots)

    async def run(number: int) -> _Ran:
        if number in known:
            return known[number]
        async with turns:
            return await _run_test(number, spec, source, boxes)

    return await asyncio.gather(*(run(number) for number in range(1, len(spec.tests) + 1)))


async def _run_to_failure(spec: CodeSpec, source: str, boxes: Boxes, known: _Known) -> list[_Ran]:
    ran: list[_Ran] = []
    while len(ran) < len(spec.tests) and not (ran and ran[-1].failure):
        number = len(ran) + 1
        ran.append(known[number] if number in known else await _run_test(number, spec, source, boxes))
    return ran


async def _run_test(number: int, spec: CodeSpec, source: str, boxes: Boxes) -> _Ran:
    job = _job(spec, spec.tests[number - 1 : number], source)
    return await _ran(number, spec, await boxes.programs.run(job, _limits(spec)), boxes)


async def _ran(number: int, spec: CodeSpec, outcome: Outcome, boxes: Boxes) -> _Ran:
    """What a run of its own says of a test."""
    test, returned = spec.tests[number - 1], outcome.returned()
    output = outcome.stdout if spec.kind != "function" else returned[0].value if returned else b""
    failure = await _failure(spec, test, outcome, output, boxes)
    row = _row(number, spec, test, output, failure) | _amounts(outcome.wall_seconds, outcome)
    return _Ran(failure, row, outcome.wall_seconds)


def _amounts(seconds: float, outcome: Outcome) -> dict[str, Any]:
    return {"seconds": round(seconds, 4), "memory_mb": round(outcome.peak_memory_mb, 1)}


def _row(number: int, spec: CodeSpec, test: Test, output: bytes, failure: _Failure | None) -> dict[str, Any]:
    """One test, for people."""
    row: dict[str, Any] = {"stage": f"test {number}", "result": failure.why if failure else PASSED}
    if failure and failure.difference:
        row["difference"] = failure.difference
    if spec.kind == "function":
        row |= {"input": shortened_json(test.args), "output": shortened(output)}
        row |= {"expected": shortened_json(test.expected)}
    else:
        row |= {"input": shortened(test.stdin or ""), "output": shortened(output)}
        row |= {"expected": shortened(test.stdout)} if test.stdout is not None else {}
    return row


async def _examine(spec: CodeSpec, program: str, source: str, boxes: Boxes) -> Verdict:
    """Test code in a box of its own, which asks the candidate's box."""
    if spec.kind == "pytest":
        argument: dict[str, Any] = {"files": spec.files}
    else:
        name = _callable_name(spec.entry_point or "", source)
        argument = {"test": spec.test, "entry_point": name, "prelude": spec.prelude}
    limits = _limits(spec)
    check_limits = replace(CHECK_LIMITS, wall_seconds=CHECK_LIMITS.wall_seconds + limits.wall_seconds)
    serve = Serve(source, spec.program_files)
    done = await examine(
        serve, Check("verifiers.inside.check_tests", argument), boxes.programs, boxes.checks,
        limits=limits, check_limits=check_limits,
    )  # fmt: skip
    seconds = done.candidate.wall_seconds
    for outcome in (done.check, done.candidate):
        if outcome.ending is Ending.INFRASTRUCTURE:
            return Verdict(Status.UNJUDGED, None, program, f"a box failed: {outcome.detail}", seconds)
    said = json.loads(done.check.value) if done.check.value else None
    rows = kept(said["rows"]) if said else []
    if said and said["broken"]:
        return Verdict(Status.UNJUDGED, None, program, said["broken"], seconds, trace=rows)
    passed, total = (said["passed"], said["total"]) if said else (0, 1)
    if passed == total and said:
        return _verdict(spec, program, passed, total, (Status.CORRECT, ""), seconds, rows)
    ended = _failure_of_run(spec, done.candidate)
    if not done.is_loaded:
        said, ended = None, ended or _Failure(Status.WRONG, "the program ended before it could be called")
    if said is None and ended is None:
        if done.check.ending is Ending.EXITED:
            why = f"the test code failed: {_last_line(done.check.stderr) or done.check.ending.value}"
            return Verdict(Status.UNJUDGED, None, program, why, seconds)
        status = Status.TIMEOUT if done.check.ending is Ending.TIMEOUT else Status.WRONG
        ended = _Failure(status, f"the tests came to no end with what it returned: {done.check.ending.value}")
    first_failure = (ended.status, ended.why) if ended else (Status.WRONG, said["why"] if said else "")
    if not done.is_loaded or not rows:
        rows = [{"stage": "the program" if not done.is_loaded else "the tests", "result": first_failure[1]}]
    rows = [{**row, "result": first_failure[1]} if ended and row["result"] == GONE else row for row in rows]
    return _verdict(spec, program, passed, total, first_failure, seconds, rows)


def _verdict(
    spec: CodeSpec,
    program: str,
    passed: int,
    total: int,
    first_failure: tuple[Status, str],
    seconds: float,
    rows: Sequence[Row],
) -> Verdict:
    if passed == total:
        words = f"passed {total} of {total} tests"
        return Verdict(Status.CORRECT, 1.0, program, words, seconds, {"tests": 1.0}, rows)
    status, why = first_failure
    score = passed / total if spec.partial_credit else 0.0
    parts = {"tests": passed / total} if spec.partial_credit else {}
    return Verdict(status if score == 0 else Status.WRONG, score, program, why, seconds, parts, rows)


def _limits(spec: CodeSpec) -> Limits:
    return Limits(wall_seconds=spec.time_limit, memory_mb=spec.memory_mb)


def _job(spec: CodeSpec, tests: Sequence[Test], source: str) -> Program | Call:
    """What runs for these tests: any number of calls, or one program. Nothing of what is expected is in it."""
    files = spec.program_files
    if spec.kind == "function":
        assert spec.entry_point is not None, "read_spec let a function without entry_point through"
        return Call(source, _callable_name(spec.entry_point, source), [test.args or [] for test in tests], files)
    (test,) = tests
    return Program(source, (test.stdin or "").encode(), tuple(spec.args), files, spec.language)


def _callable_name(entry_point: str, source: str) -> str:
    """`Solution.name` where only the class defines it: a prelude's star imports may bring the bare name too."""
    is_function = re.search(rf"^(?:async\s+)?def\s+{entry_point}\b", source, re.M)
    is_method = re.search(rf"^[ \t]+def\s+{entry_point}\b", source, re.M) and _SOLUTION.search(source)
    return f"Solution.{entry_point}" if is_method and not is_function else entry_point


_SOLUTION = re.compile(r"^class\s+Solution\b", re.M)


async def _failure(spec: CodeSpec, test: Test, outcome: Outcome, output: bytes, boxes: Boxes) -> _Failure | None:
    """Why this test, run alone, is not passed; None if it is."""
    if outcome.ending is Ending.INFRASTRUCTURE:
        return _Failure(Status.UNJUDGED, f"the box failed: {outcome.detail}")
    if failure := _failure_of_run(spec, outcome):
        return failure
    if outcome.truncated:
        return _Failure(Status.WRONG, "more output than the limit")
    if spec.kind == "checker":
        return await _checked(spec, test, outcome, boxes)
    if spec.kind == "function":
        return await _aside(len(output), _wrong_value, spec, test, output)
    words = await _aside(
        len(output), output_difference, output, test.stdout or "",
        compare=spec.compare, tolerance=spec.tolerance,
    )  # fmt: skip
    return _Failure(Status.WRONG, "wrong output", words) if words else None


def _failure_of_run(spec: CodeSpec, outcome: Outcome) -> _Failure | None:
    if outcome.ending is Ending.TIMEOUT:
        return _Failure(Status.TIMEOUT, outcome.detail or f"ran longer than {spec.time_limit:g} s")
    if outcome.ending is Ending.MEMORY:
        return _Failure(Status.WRONG, f"needed more than {spec.memory_mb} MB")
    if outcome.ending is not Ending.EXITED or outcome.exit_code != 0:
        how = outcome.ending.value if outcome.ending is not Ending.EXITED else f"exit code {outcome.exit_code}"
        return _Failure(Status.WRONG, f"{how}: {outcome.detail or _last_line(outcome.stderr)}")
    return None


async def _checked(spec: CodeSpec, test: Test, outcome: Outcome, boxes: Boxes) -> _Failure | None:
    """What the checker has against an output. It runs in a box without the candidate."""
    case = {"stdin": test.stdin, "stdout": outcome.stdout.decode(errors="replace")}
    checked = await boxes.checks.run(Program(spec.checker, json.dumps(case).encode()), CHECKER_LIMITS)
    said = checked.stdout.decode(errors="replace").strip()
    if checked.ending is Ending.EXITED and checked.exit_code == 0 and said:
        return None if said.lower() == "ok" else _Failure(Status.WRONG, " ".join(said.split())[:200])
    last_line = _last_line(checked.stderr)
    is_unreadable = last_line.partition(":")[0].rpartition(".")[2] in UNREADABLE or "'NoneType' object" in last_line
    if checked.ending is Ending.EXITED and is_unreadable:
        return _Failure(Status.WRONG, f"the checker could not read the output: {last_line}")
    return _Failure(Status.UNJUDGED, f"the checker failed: {last_line or checked.detail or checked.ending.value}")


def _wrong_value(spec: CodeSpec, test: Test, value: bytes) -> _Failure | None:
    if not value:
        return _Failure(Status.WRONG, "returned nothing that is plain data")
    try:
        words = value_difference(json.loads(value), test.expected, spec.tolerance, compare=spec.compare)
    except (ValueError, RecursionError):
        return _Failure(Status.WRONG, "returned what cannot be read as JSON")
    return _Failure(Status.WRONG, "wrong value", words) if words else None


def _whole_source(prelude: str, program: str) -> str:
    """The prelude before the program; `from __future__` statements stay first, as Python wants them."""
    if not prelude:
        return program
    lines = program.splitlines()
    first: list[str] = []
    with contextlib.suppress(*NOT_PYTHON):  # it may be no whole program
        for node in parse(program).body:
            if isinstance(node, ast.ImportFrom) and node.module == "__future__":
                first.append(ast.unparse(node))
                lines[node.lineno - 1 : node.end_lineno] = [""] * ((node.end_lineno or node.lineno) - node.lineno + 1)
    return "\n".join([*first, prelude, *lines]) if first else f"{prelude}\n{program}"


def _last_line(stderr: bytes) -> str:
    return stderr[-2000:].decode(errors="replace").strip().rpartition("\n")[2][:200]
