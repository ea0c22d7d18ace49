"""A row of LiveCodeBench as a problem: its tags, its prompt, and its tests as each rule judges them.

What a row means, and the rule called "official", follow lcb_runner (github.com/LiveCodeBench/LiveCodeBench):
`benchmarks/code_generation.py` for the rows, `prompts/code_generation.py` for the prompt.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from benchmarks.private_tests import decode
from benchmarks.rows import Row, text
from benchmarks.types import ProblemError
from verifiers import Problem

DIFFICULTIES = ("easy", "medium", "hard")
PLATFORMS = ("leetcode", "atcoder", "codeforces")

SEVERAL_ANSWERS, INTERACTIVE, ERRONEOUS = "several answers", "interactive", "erroneous tests"
ERRATA: Mapping[str, str] = {
    "abc311_c": SEVERAL_ANSWERS,
    "abc326_d": SEVERAL_ANSWERS,
    "abc327_b": SEVERAL_ANSWERS,
    "abc333_e": SEVERAL_ANSWERS,
    "abc343_a": SEVERAL_ANSWERS,
    "abc343_e": SEVERAL_ANSWERS,
    "abc362_c": SEVERAL_ANSWERS,
    "arc185_c": SEVERAL_ANSWERS,
    "find-the-peaks": SEVERAL_ANSWERS,
    "find-words-containing-character": SEVERAL_ANSWERS,
    "generate-binary-strings-without-adjacent-zeros": SEVERAL_ANSWERS,
    "abc337_e": INTERACTIVE,
    "abc355_e": INTERACTIVE,
    "abc350_c": ERRONEOUS,
    "apply-operations-to-make-string-empty": ERRONEOUS,
    "arc189_a": ERRONEOUS,
    "most-frequent-ids": ERRONEOUS,
}
"""By question id, or title where the platform is LeetCode: what its authors found wrong (ERRATA.md of lcb_runner)."""

_STARRED = (
    "string re datetime collections heapq bisect copy math random statistics itertools functools operator io sys json"
)
PRELUDE = "\n".join(
    [
        *(f"from {name} import *" for name in _STARRED.split()),
        "from builtins import *",  # after math and operator, whose pow would hide the three-argument one
        "from typing import *",
        *(f"import {name}" for name in _STARRED.split()),
        "sys.setrecursionlimit(50000)",
    ]
)
"""What its grader puts before a program; LeetCode's starter code does not run without."""
TIME_LIMIT = 6
"""Seconds for each test, by both rules."""
MEMORY_MB = 1024
"""AtCoder's limit, by ours; lcb_runner's grader has none."""


@dataclass(frozen=True, slots=True)
class Tests:
    """All tests of one problem, as the row has them."""

    cases: Sequence[tuple[str, str]]
    """What is given and what is expected."""
    function: str
    """What they call; empty where they are for a program that reads and prints."""
    calls: Sequence[Mapping[str, Any]]
    """The cases of a function, read: its `args` and what is `expected`."""


def tags(row: Row, where: str) -> dict[str, str]:
    """Date, month, difficulty and platform; and `errata` where its authors know it to be broken."""
    written = text(row, "contest_date", where)
    try:
        day = datetime.fromisoformat(written).date()
    except ValueError:
        raise ProblemError(f"{where}: contest_date: found {written!r}, expected a date such as 2024-08-01") from None
    tags = {"date": day.isoformat(), "month": day.isoformat()[:7]}
    for field, known in (("difficulty", DIFFICULTIES), ("platform", PLATFORMS)):
        tags[field] = text(row, field, where)
        if tags[field] not in known:
            raise ProblemError(f"{where}: {field}: found {tags[field]!r}, expected {', '.join(known)}")
    erratum = ERRATA.get(text(row, "question_id", where)) or ERRATA.get(text(row, "question_title", where))
    return tags | ({"errata": erratum} if erratum else {})


def tests_of(row: Row, where: str, *, public_only: bool) -> Tests:
    """The public tests of a row, and its private ones behind them."""
    fields = ("public_test_cases",) if public_only else ("public_test_cases", "private_test_cases")
    found = [test for field in fields for test in _tests(row, field, where)]
    kinds = {kind for _, kind, _, _ in found}
    if len(kinds) != 1:
        raise ProblemError(f"{where}: testtype: found {' and '.join(sorted(kinds)) or 'no tests'}, expected one type")
    function = _function_name(row, where) if kinds == {"functional"} else ""
    cases = [(given, wanted) for _, _, given, wanted in found]
    calls = [_call(given, wanted, place) for place, _, given, wanted in found] if function else []
    return Tests(cases, function, calls)


def problem(row: Row, where: str, tags: Mapping[str, str], verifier: str, spec: Mapping[str, Any]) -> Problem:
    """The row's problem, with who judges it."""
    question = text(row, "question_content", where)
    asked = prompt(question, text(row, "starter_code", where))
    return Problem(text(row, "question_id", where), asked, verifier, spec, tags, question)


def prompt(question: str, starter_code: str) -> str:
    """lcb_runner's user turn for models without a template of their own; its system line is not in it."""
    if starter_code:
        asked = (
            "You will use the following starter code to write the solution to the problem and enclose your code "
            f"within delimiters.\n```python\n{starter_code}\n```"
        )
    else:
        asked = (
            "Read the inputs from stdin solve the problem and write the answer to stdout (do not directly test on the "
            "sample inputs). Enclose your code within delimiters as follows. Ensure that when the python program runs, "
            "it reads the inputs, runs the algorithm and writes output to STDOUT.\n```python\n# YOUR CODE HERE\n```"
        )
    return (
        f"### Question:\n{question}\n\n### Format: {asked}\n\n### Answer: (use the provided format with backticks)\n\n"
    )


def _strict(tests: Tests) -> tuple[str, dict[str, Any]]:
    """By our own verifier of programs: tokens byte for byte and values equal by type, and where a decimal is expected
    the tolerance that AtCoder and LeetCode state."""
    common = {"prelude": PRELUDE, "time_limit": float(TIME_LIMIT), "memory_mb": MEMORY_MB}
    if not tests.function:
        runs = [{"stdin": given, "stdout": wanted} for given, wanted in tests.cases]
        return "code", {"kind": "stdio", "tests": runs, "compare": "tokens", "tolerance": 1e-6, **common}
    calls = {"entry_point": tests.function, "tests": [*tests.calls]}
    return "code", {"kind": "function", **calls, "tolerance": 1e-5, **common}


def _official(tests: Tests, grader: str = "2025-01") -> tuple[str, dict[str, Any]]:
    """By the rules of its authors' grader, as of a month."""
    cases = [{"input": given, "output": wanted} for given, wanted in tests.cases]
    common = {"prelude": PRELUDE, "time_limit": TIME_LIMIT, "grader": grader}
    return "livecodebench", {"tests": cases, "function": tests.function, **common}


RULES: Mapping[str, Callable[[Tests], tuple[str, dict[str, Any]]]] = {
    "strict": _strict,
    "official": _official,
    "official-2025-05": partial(_official, grader="2025-05"),
}
"""Each makes of the tests a verifier's name and its spec."""


def _tests(row: Row, field: str, where: str) -> Iterator[tuple[str, str, str, str]]:
    """Each test: its place, its type (stdin or functional), what is given and what is expected."""
    encoded = text(row, field, where)
    try:
        found = decode(encoded)
    except ValueError as error:
        raise ProblemError(f"{where}: {field}: {error}") from None
    if not isinstance(found, list):
        raise ProblemError(f"{where}: {field}: found a {type(found).__name__}, expected a list of tests")
    for number, test in enumerate(found):
        place = f"{where}: {field}[{number}]"
        if not isinstance(test, dict):
            raise ProblemError(f"{place}: found a {type(test).__name__}, expected an object")
        given, wanted, kind = (text(test, name, place) for name in ("input", "output", "testtype"))
        if not (given + wanted).isascii() and re.search(r"[\ud800-\udfff]", given + wanted):
            raise ProblemError(f"{place}: half a surrogate pair, which no program can be given")
        if kind not in ("stdin", "functional"):
            raise ProblemError(f"{place}: testtype: found {kind!r}, expected stdin or functional")
        yield place, kind, given, wanted


def _call(given: str, wanted: str, place: str) -> dict[str, Any]:
    """A functional input has one JSON value a line for each argument."""
    try:
        return {"args": [json.loads(line) for line in given.split("\n")], "expected": json.loads(wanted)}
    except (ValueError, RecursionError) as error:
        raise ProblemError(f"{place}: not JSON, one value a line: {error}") from None


def _function_name(row: Row, where: str) -> str:
    try:
        name = json.loads(text(row, "metadata", where))["func_name"]
    except (json.JSONDecodeError, TypeError, KeyError, RecursionError):
        name = None
    if not isinstance(name, str) or not name.isidentifier():
        raise ProblemError(f"{where}: metadata: no func_name, which says what the tests call")
    return name
