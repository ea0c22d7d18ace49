"""Judges programs: runs them in boxes that know no expected output, and compares here."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from sandbox import Call, Ending, Limits, Outcome, Program
from verifiers.base import Boxes, Example, Verifier
from verifiers.compare import Comparison, same_output, same_value
from verifiers.extract import code_answer, final_part
from verifiers.spec import Spec, read_spec
from verifiers.types import Status, Verdict

LABELS = ("python", "python3", "py")


class Test(BaseModel):
    """One run: `stdin` and `stdout` of a program, or `args` and `expected` of a function."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    __test__: ClassVar[bool] = False

    stdin: str | None = None
    stdout: str | None = None
    args: list[Any] | None = None
    expected: Any = None


class CodeSpec(Spec):
    """The tests of a program or a function, and how it is run."""

    kind: str
    """stdio: a program that reads and prints; function: one that is called."""
    tests: list[Test] = Field(min_length=1)
    entry_point: str | None = Field(default=None, pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)?$")
    """The function to call; a method of a class `Solution` is found by its own name."""
    prelude: str = ""
    """Code put before the program."""
    time_limit: float = Field(default=6.0, gt=0, le=600)
    """Seconds of wall clock for each test."""
    memory_mb: int = Field(default=512, ge=16, le=65536)
    compare: Literal["tokens", "exact", "unordered"] = "tokens"
    tolerance: float | None = Field(default=None, gt=0, lt=1)
    """Relative or absolute, for numbers whose expected value is not an integer."""
    args: list[str] = Field(default_factory=list)
    """Command line of the program."""
    files: dict[str, str] = Field(default_factory=dict)
    """Written into its working folder before it starts."""
    language: Literal["python"] = "python"
    partial_credit: bool = False
    """Score the share of tests passed; every test is run."""

    @field_validator("kind")
    @classmethod
    def _known_kind(cls, kind: str) -> str:
        if kind in ("assert", "checker", "pytest"):
            raise ValueError(f"kind {kind!r} is not supported yet; use stdio or function")
        if kind not in ("stdio", "function"):
            raise ValueError("should be stdio or function")
        return kind

    @model_validator(mode="before")
    @classmethod
    def _supported(cls, spec: Any) -> Any:
        """The kind first: a spec of a kind that is not supported also lacks `tests`."""
        if isinstance(spec, dict):
            if isinstance(spec.get("kind"), str):
                cls._known_kind(spec["kind"])
            if spec.get("compare") == "livecodebench":
                raise ValueError("compare 'livecodebench' is not supported yet; use tokens, exact or unordered")
            if spec.get("language") in ("cpp", "javascript"):
                raise ValueError(f"language {spec['language']!r} is not supported yet; use python")
        return spec

    @model_validator(mode="after")
    def _whole(self) -> CodeSpec:
        if self.kind == "function" and self.entry_point is None:
            raise ValueError("entry_point is missing; kind function calls it")
        wanted = {"stdio": {"stdin", "stdout"}, "function": {"args", "expected"}}[self.kind]
        for index, test in enumerate(self.tests):
            if test.model_fields_set != wanted:
                found = ", ".join(sorted(test.model_fields_set)) or "nothing"
                raise ValueError(f"tests[{index}] has {found}; kind {self.kind} needs {', '.join(sorted(wanted))}")
        for name in self.files:
            if name.startswith("/") or ".." in name.split("/"):
                raise ValueError(f"files names {name!r}; should be a path inside the working folder")
        return self


class CodeVerifier(Verifier):
    """Passes all tests: 1, else 0, or the share passed with `partial_credit`."""

    name: ClassVar[str] = "code"
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
        Example({"kind": "pytest", "files": {}}, "```python\n1\n```", None, "a kind that is not supported yet"),
    )

    def check_spec(self, spec: Mapping[str, Any]) -> None:
        read_spec(CodeSpec, spec)

    async def judge(self, spec: Mapping[str, Any], completion: str, boxes: Boxes) -> Verdict:
        wanted = read_spec(CodeSpec, spec)
        found = code_answer(final_part(completion), LABELS)
        if found is None:
            return Verdict(Status.NO_ANSWER, 0.0, detail="no fenced program in the final part")
        source, limits = _whole_source(wanted.prelude, found.text), _limits(wanted)
        seconds, passed, first_failure = 0.0, 0, (Status.WRONG, "")
        for index, test in enumerate(wanted.tests):
            outcome = await boxes.programs.run(_job(wanted, test, source), limits)
            seconds += outcome.wall_seconds
            if outcome.ending is Ending.INFRASTRUCTURE:
                why = f"test {index + 1}: the box failed: {outcome.detail}"
                return Verdict(Status.UNJUDGED, None, found.text, why, seconds)
            failure = _failure(wanted, test, outcome)
            if failure is None:
                passed += 1
                continue
            status, why = failure
            first_failure = first_failure if first_failure[1] else (status, f"test {index + 1}: {why}")
            if not wanted.partial_credit:
                break
        return _verdict(wanted, found.text, passed, first_failure, seconds)


def _verdict(spec: CodeSpec, program: str, passed: int, first_failure: tuple[Status, str], seconds: float) -> Verdict:
    total = len(spec.tests)
    if passed == total:
        return Verdict(Status.CORRECT, 1.0, program, f"passed {total} of {total} tests", seconds, {"tests": 1.0})
    status, why = first_failure
    score = passed / total if spec.partial_credit else 0.0
    parts = {"tests": passed / total} if spec.partial_credit else {}
    return Verdict(status if score == 0 else Status.WRONG, score, program, why, seconds, parts)


def _limits(spec: CodeSpec) -> Limits:
    return Limits(wall_seconds=spec.time_limit, memory_mb=spec.memory_mb)


def _job(spec: CodeSpec, test: Test, source: str) -> Program | Call:
    """What runs for one test. Nothing of what is expected is in it."""
    files = {name: text.encode() for name, text in spec.files.items()}
    if spec.kind == "function":
        assert spec.entry_point is not None, "read_spec let a function without entry_point through"
        return Call(source, _callable_name(spec.entry_point, source), test.args or [], files)
    return Program(source, (test.stdin or "").encode(), tuple(spec.args), files, spec.language)


def _callable_name(entry_point: str, source: str) -> str:
    """`Solution.name` where only the class defines it: a prelude's star imports may bring the bare name too."""
    is_function = re.search(rf"^(?:async\s+)?def\s+{entry_point}\b", source, re.M)
    is_method = re.search(rf"^[ \t]+def\s+{entry_point}\b", source, re.M) and _SOLUTION.search(source)
    return f"Solution.{entry_point}" if is_method and not is_function else entry_point


_SOLUTION = re.compile(r"^class\s+Solution\b", re.M)


def _failure(spec: CodeSpec, test: Test, outcome: Outcome) -> tuple[Status, str] | None:
    """Why this test is not passed; None if it is."""
    if outcome.ending is Ending.TIMEOUT:
        return Status.TIMEOUT, f"ran longer than {spec.time_limit:g} s"
    if outcome.ending is Ending.MEMORY:
        return Status.WRONG, f"needed more than {spec.memory_mb} MB"
    if outcome.ending is not Ending.EXITED or outcome.exit_code != 0:
        how = outcome.ending.value if outcome.ending is not Ending.EXITED else f"exit code {outcome.exit_code}"
        return Status.WRONG, f"{how}: {_last_line(outcome.stderr) or outcome.detail}"
    if outcome.truncated:
        return Status.WRONG, "more output than the limit"
    if spec.kind == "stdio":
        compare: Comparison = spec.compare
        is_right = same_output(outcome.stdout, test.stdout or "", compare=compare, tolerance=spec.tolerance)
        return None if is_right else (Status.WRONG, "wrong output")
    return _wrong_value(test, outcome, spec.tolerance)


def _wrong_value(test: Test, outcome: Outcome, tolerance: float | None) -> tuple[Status, str] | None:
    if outcome.value is None:
        return Status.WRONG, "returned nothing that is plain data"
    try:
        is_right = same_value(json.loads(outcome.value), test.expected, tolerance)
    except (ValueError, RecursionError):
        return Status.WRONG, "returned what cannot be read as JSON"
    return None if is_right else (Status.WRONG, "wrong value")


def _whole_source(prelude: str, program: str) -> str:
    """The prelude before the program; `from __future__` lines stay first, as Python wants them."""
    if not prelude:
        return program
    future = re.findall(r"^from __future__ import .*$", program, re.M)
    rest = re.sub(r"^from __future__ import .*$", "", program, flags=re.M) if future else program
    return "\n".join([*future, prelude, rest])


def _last_line(stderr: bytes) -> str:
    return stderr[-2000:].decode(errors="replace").strip().rpartition("\n")[2][:200]
