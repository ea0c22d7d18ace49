"""Judges programs by LiveCodeBench's own rules, so that scores can be compared with those that its authors publish."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from sandbox import Call, Ending, Limits, Outcome
from verifiers.base import Boxes, Example, Verifier
from verifiers.compare import output_difference, value_difference
from verifiers.shipped import INSIDE
from verifiers.spec import Spec, read_spec
from verifiers.trace import PASSED, Row, kept, shortened, shortened_json
from verifiers.types import SpecError, Status, Verdict

RUN = INSIDE / "run_livecodebench.py"
TOO_LATE = 113
"""The exit code that it leaves with when a program that prints does not stop."""
OUTPUT_BYTES = 64 * 2**20
"""Of all tests together; its own grader has no limit."""


class InputOutput(BaseModel):
    """One test as the data set has it: of a function, JSON with one argument a line, and JSON."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    input: str
    output: str


class LiveCodeBenchSpec(Spec):
    """The tests of a problem, public ones first."""

    tests: list[InputOutput] = Field(min_length=1)
    function: str = Field(default="", pattern=r"^([A-Za-z_]\w*)?$")
    """What the tests call, of a class `Solution` if there is one; without it the program reads and prints."""
    prelude: str = ""
    """What the grader puts before a program."""
    time_limit: int = Field(default=6, ge=1, le=600)
    """Seconds for each test. All together get one second more for each, and five."""
    memory_mb: int = Field(default=4096, ge=16, le=65536)
    """Its grader has no limit."""
    grader: Literal["2025-01", "2025-05"] = "2025-01"
    """Whose: what its authors published of release_v5 is by the first; the last one, still in use, has another stdin,
    with which a program that calls `readline` and then `read` fails, and one that reads `sys.stdin.buffer` may pass."""

    def outputs(self) -> list[Any]:
        """What is expected: values of a function, else texts."""
        if not self.function:
            return [test.output for test in self.tests]
        return [_json(test.output, f"tests[{index}].output") for index, test in enumerate(self.tests)]


class LiveCodeBenchVerifier(Verifier):
    """Passes all tests by the rules of lcb_runner (github.com/LiveCodeBench/LiveCodeBench): 1, else 0.

    The program is what stands between the last two lines with ``` in the whole completion, its thoughts included. All
    tests run in one box, one after the other (`inside/run_livecodebench.py` says how, and what is odd about it); what
    is expected stays here. Lines are equal as text or as decimals, values as for Python's `==`, where the outer tuple
    is a list. No test counts after the first that fails.

    What it does not do: believe a value that claims to equal every other, or let a program look for what is expected
    in the grader's own memory, as theirs does; the extraction for base models and for CodeLlama.
    """

    name: ClassVar[str] = "livecodebench"
    reads_thoughts: ClassVar[bool] = True
    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            {"tests": [{"input": "1 2\n", "output": "3\n"}, {"input": "2 2\n", "output": "4.0\n"}]},
            "```python\nprint(sum(map(int, input().split())))\n```",
            1.0,
            "a program; 4 and 4.0 are equal decimals",
        ),
        Example(
            {"tests": [{"input": "[1, 2]\n3", "output": "[1, 2, 3]"}], "function": "add"},
            "```python\nclass Solution:\n    def add(self, some, one):\n        return (*some, one)\n```",
            1.0,
            "a method; a tuple is taken for a list",
        ),
        Example(
            {"tests": [{"input": "1\n2", "output": "3"}], "grader": "2025-05"},
            "```python\nimport sys\nread = sys.stdin.buffer.readline\nprint(int(read()) + int(read()))\n```",
            0.0,
            "right, but the grader's stdin always gives the first line there",
        ),
        Example(
            {"tests": [{"input": "1", "output": "2"}], "function": "f"},
            "```python\nclass Same(int):\n    __eq__ = lambda *_: True\ndef f(n):\n    return Same()\n```",
            0.0,
            "a value that would equal every other",
        ),
        Example(
            {"tests": [{"input": "1", "output": "2"}], "time_limit": 1},
            "```python\nwhile True: pass\n```",
            0.0,
            "a program that does not end",
        ),
        Example({"tests": [{"input": "", "output": "1"}]}, "```python\nprint(1)", 0.0, "one fence is no program"),
        Example({"tests": []}, "```python\nprint(1)\n```", None, "a spec without tests"),
    )

    def check_spec(self, spec: Mapping[str, Any]) -> None:
        wanted = read_spec(LiveCodeBenchSpec, spec)
        wanted.outputs()
        for index, test in enumerate(wanted.tests if wanted.function else ()):
            for line in test.input.split("\n"):
                _json(line, f"tests[{index}].input")

    async def judge(self, spec: Mapping[str, Any], completion: str, boxes: Boxes) -> Verdict:
        wanted = read_spec(LiveCodeBenchSpec, spec)
        program = official_program(completion)
        if not program:
            return Verdict(Status.NO_ANSWER, 0.0, detail="fewer than two lines with ```, or nothing between them")
        inputs = [test.input for test in wanted.tests]
        arguments = [program, wanted.prelude, inputs, wanted.function, wanted.time_limit, wanted.grader]
        wall_seconds = float((wanted.time_limit + 1) * len(inputs) + 5)
        limits = Limits(wall_seconds, wanted.memory_mb, output_bytes=OUTPUT_BYTES)
        outcome = await boxes.programs.run(Call(RUN.read_text(), "run", [arguments]), limits)
        return await asyncio.to_thread(_verdict, wanted, program, outcome)  # outputs may be long


def official_program(completion: str) -> str:
    """What stands between the last two lines that have ``` anywhere; empty where there are fewer than two."""
    lines = completion.split("\n")
    fences = [number for number, line in enumerate(lines) if "```" in line]
    return "\n".join(lines[fences[-2] + 1 : fences[-1]]) if len(fences) > 1 else ""


def _verdict(spec: LiveCodeBenchSpec, program: str, outcome: Outcome) -> Verdict:
    seconds = outcome.wall_seconds
    if outcome.ending is Ending.INFRASTRUCTURE:
        return Verdict(Status.UNJUDGED, None, program, f"the box failed: {outcome.detail}", seconds)
    told = _told(outcome)
    if told is None:
        status, why = _lost(spec, outcome)
        return Verdict(status, 0.0, program, why, seconds, trace=[{"stage": "the program", "result": why}])
    rows: list[Row] = []
    for number, (test, wanted) in enumerate(zip(spec.tests, spec.outputs(), strict=True), start=1):
        one = told[number - 1] if number <= len(told) else {"ended": "error", "why": "the program told no more"}
        status, why, said = _judged(one, wanted, prints=not spec.function)
        row = {"stage": f"test {number}", "result": why or PASSED, "input": shortened(test.input), "output": said}
        rows.append(row | {"expected": shortened(test.output), "seconds": _seconds(one)})
        if status is not Status.CORRECT:
            return Verdict(status, 0.0, program, f"test {number}: {why}", seconds, trace=kept(rows))
    return Verdict(Status.CORRECT, 1.0, program, f"passed {len(rows)} of {len(rows)} tests", seconds, trace=kept(rows))


def _told(outcome: Outcome) -> list[Mapping[str, Any]] | None:
    """What was told of each test; None where it is not what our half tells: the candidate can write there."""
    has_ended_well = outcome.ending is Ending.EXITED and outcome.exit_code == 0
    try:
        told = [json.loads(one.value) for one in outcome.returned() if has_ended_well]
    except (ValueError, RecursionError):
        return None
    rows = told[0] if len(told) == 1 else None
    return rows if isinstance(rows, list) and all(isinstance(one, dict) for one in rows) else None


def _lost(spec: LiveCodeBenchSpec, outcome: Outcome) -> tuple[Status, str]:
    if outcome.ending is Ending.EXITED and outcome.exit_code == TOO_LATE:
        return Status.TIMEOUT, f"a test ran longer than {spec.time_limit} s"
    if outcome.ending is Ending.TIMEOUT:
        return Status.TIMEOUT, outcome.detail or f"{len(spec.tests)} tests ran longer than all of them may"
    if outcome.ending is Ending.MEMORY:
        return Status.WRONG, f"needed more than {spec.memory_mb} MB"
    if outcome.truncated:
        return Status.WRONG, f"more output than {OUTPUT_BYTES} bytes"
    how = outcome.ending.value if outcome.ending is not Ending.EXITED else f"exit code {outcome.exit_code}"
    return Status.WRONG, f"the program ended before its tests did: {how}"


def _judged(one: Mapping[str, Any], wanted: Any, *, prints: bool) -> tuple[Status, str, str]:
    """The verdict on one test, why, and what it printed or returned."""
    if one.get("ended") == "late":
        return Status.TIMEOUT, "ran longer than its limit", ""
    if "ended" in one:
        return Status.WRONG, str(one.get("why")), ""
    if prints:
        data = str(one.get("printed")).encode(errors="replace")
        difference = output_difference(data, wanted, compare="livecodebench", tolerance=None)
        said = shortened(data)
    else:
        try:
            difference = value_difference(one.get("value"), wanted, compare="livecodebench")
            said = shortened_json(one.get("value"))
        except RecursionError:
            difference, said = "nested too deep", ""
    return (Status.WRONG, f"wrong: {difference}", said) if difference else (Status.CORRECT, "", said)


def _seconds(one: Mapping[str, Any]) -> float:
    seconds = one.get("seconds")
    return round(seconds, 4) if isinstance(seconds, float) else 0.0


def _json(text: str, field: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SpecError(f"{field}: is not JSON: {error}") from None
