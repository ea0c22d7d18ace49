"""What a problem about programs says, and what of it can be found broken before a program is judged by it."""

from __future__ import annotations

import ast
import re
from dataclasses import replace
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from sandbox import Build, Call, Ending, Limits, Outcome, Program
from verifiers.base import Boxes
from verifiers.compare import Comparison
from verifiers.spec import Spec
from verifiers.syntax import NOT_PYTHON, parse
from verifiers.types import SpecError

Kind = Literal["stdio", "function", "assert", "checker", "pytest"]

PRELUDE_SECONDS = 10.0
"""What a prelude may take by itself, where the program may take less."""
IMPORT_LIMITS = Limits(wall_seconds=30.0)


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

    kind: Kind
    """stdio: a program that reads and prints; function: one that is called; assert: test code that defines
    `check(candidate)` or only asserts; checker: a program whose output another program judges; pytest: test files that
    import the completion as the module `solution`."""
    tests: list[Test] = Field(default_factory=list)
    test: str = ""
    """Of kind assert: the test code. The candidate never sees it."""
    checker: str = ""
    """Of kind checker: reads JSON {stdin, stdout} from stdin and prints `ok`, or why not."""
    entry_point: str | None = Field(default=None, pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)?$")
    """The function to call; a method of a class `Solution` is found by its own name."""
    prelude: str = ""
    """Code put before the program; names that it defines are also known to test code of kind assert."""
    time_limit: float = Field(default=6.0, gt=0, le=600)
    """Seconds of wall clock for each test."""
    memory_mb: int = Field(default=512, ge=16, le=65536)
    compare: Comparison = "tokens"
    tolerance: float | None = Field(default=None, gt=0, lt=1)
    """Relative or absolute, for numbers that are expected as decimals: `2.0` has one, `2` is exact."""
    args: list[str] = Field(default_factory=list)
    """Command line of the program."""
    files: dict[str, str] = Field(default_factory=dict)
    """Written into the program's working folder before it starts; of kind pytest, the test files."""
    language: Literal["python", "cpp", "javascript"] = "python"
    partial_credit: bool = False
    """Score the share of tests passed; every test is run."""

    @model_validator(mode="after")
    def _whole(self) -> CodeSpec:
        needs = {"stdio": "tests", "function": "tests", "assert": "test", "checker": "tests", "pytest": "files"}
        for field in (needs[self.kind], *({"function": ("entry_point",), "checker": ("checker",)}.get(self.kind, ()))):
            if not getattr(self, field):
                state = "empty" if field in self.model_fields_set else "missing"
                raise ValueError(f"{field} is {state}; kind {self.kind} needs it")
        if self.kind == "assert" and self.entry_point is None:
            raise ValueError("entry_point is missing; kind assert gives it to the test code")
        if self.language != "python" and self.kind not in ("stdio", "checker"):
            raise ValueError(f"kind {self.kind} with language {self.language}; use stdio or checker, or python")
        if self.kind == "stdio" and self.tolerance is not None and self.compare != "tokens":
            raise ValueError(f"tolerance is of no use to compare {self.compare}; only tokens have one")
        if self.kind in ("assert", "pytest") and self.tests:
            raise ValueError(f"tests are of no use for kind {self.kind}")
        wanted = {"stdio": {"stdin", "stdout"}, "function": {"args", "expected"}, "checker": {"stdin"}}.get(self.kind)
        for index, test in enumerate(self.tests):
            if test.model_fields_set != wanted:
                found = ", ".join(sorted(test.model_fields_set)) or "nothing"
                raise ValueError(
                    f"tests[{index}] has {found}; kind {self.kind} needs {', '.join(sorted(wanted or ()))}"
                )
        for name in self.files:
            if not {"", ".", ".."}.isdisjoint(name.split("/")) or "\0" in name:
                raise ValueError(f"files names {name!r}; should be a path inside the working folder")
            if folder := next((other for other in self.files if name.startswith(f"{other}/")), ""):
                raise ValueError(f"files names {name!r} and {folder!r}, which cannot be a file and a folder")
        return self

    @property
    def program_files(self) -> dict[str, bytes]:
        """What stands in the working folder of the program: not the tests."""
        return {} if self.kind == "pytest" else {name: text.encode() for name, text in self.files.items()}


def check_sources(spec: CodeSpec) -> None:
    """Raise `SpecError` for Python in a spec that no interpreter reads."""
    _read("checker", spec.checker)
    _read("test", spec.test)
    if spec.kind == "pytest":
        for name, text in spec.files.items():
            if re.search(r"(?:^|/)(?:test_[^/]*|[^/]*_test|conftest)\.py$", name):
                _read(f"files[{name!r}]", text)
    if spec.language == "python":
        _whole_prelude(spec.prelude)


async def check_sources_in_box(spec: CodeSpec, boxes: Boxes) -> None:
    """Raise `SpecError` for a prelude that fails by itself, or test code or a checker that imports what is not there.

    Equal texts are run once, as far as the pools remember.
    """
    await check_prelude(spec, boxes)
    for field, text in (("test", spec.test), ("checker", spec.checker)):
        if imports := _imports(text):
            outcome = await boxes.checks.run(Program(imports), IMPORT_LIMITS)
            if why := _why_broken(outcome):
                raise SpecError(f"{field}: its imports fail where it is run: {why}")


async def check_prelude(spec: CodeSpec, boxes: Boxes) -> None:
    """Raise `SpecError` if the prelude fails without any program; it may read what the first test gives it."""
    job = _prelude_job(spec)
    if job is None:
        return
    limits = Limits(max(spec.time_limit, PRELUDE_SECONDS), spec.memory_mb)
    outcome = await boxes.programs.run(job, limits)
    why = _why_broken(outcome)
    if isinstance(job, Build) and outcome.ending is Ending.TIMEOUT:  # a compiler on a busy machine
        return
    if outcome.ending is Ending.EXITED and why and isinstance(job, Program) and spec.tests and spec.tests[0].stdin:
        why = _why_broken(await boxes.programs.run(replace(job, stdin=spec.tests[0].stdin.encode()), limits))
    if why:
        raise SpecError(f"prelude: fails by itself, before any program: {why}")


def _read(field: str, text: str) -> ast.Module:
    try:
        return parse(text)
    except NOT_PYTHON as error:
        where = f" at line {error.lineno}" if isinstance(error, SyntaxError) else ""
        words = error.msg if isinstance(error, SyntaxError) else str(error) or type(error).__name__
        raise SpecError(f"{field}: is not Python: {words}{where}") from error


def _whole_prelude(prelude: str) -> str:
    """The prelude, with a body or a function if it is the head of one that the program completes."""
    last = next((line for line in reversed(prelude.splitlines()) if line.strip()), "")
    indent = last[: len(last) - len(last.lstrip())]
    for ending in ("", f"\n{indent} pass", f"\n{indent}def completed(): pass"):
        try:
            parse(prelude + ending)
        except NOT_PYTHON:
            continue
        return prelude + ending
    _read("prelude", prelude)
    return prelude


def _prelude_job(spec: CodeSpec) -> Program | Call | Build | None:
    """What shows whether the prelude works; None where it cannot be told without the program."""
    if not spec.prelude.strip():
        return None
    if spec.language == "python":
        prelude = _whole_prelude(spec.prelude)
        if spec.kind not in ("stdio", "checker"):  # a module, not the main program
            return Call(f"{prelude}\ndef completed(): pass\n", "completed", [()], spec.program_files)
        return Program(prelude, args=tuple(spec.args), files=spec.program_files)
    if spec.prelude.count("{") != spec.prelude.count("}"):  # the head of something that the program completes
        return None
    if spec.language == "cpp":
        has_main = re.search(r"\bmain\s*\(", spec.prelude)  # it may call what the program defines
        return None if has_main else Build(f"{spec.prelude}\nint main() {{}}\n", "cpp", spec.program_files)
    return Program(spec.prelude, args=tuple(spec.args), files=spec.program_files, language=spec.language)


def _imports(text: str) -> str:
    """The imports at the top of a module that nothing makes conditional."""
    imports = [node for node in _read("imports", text).body if isinstance(node, ast.Import | ast.ImportFrom)]
    return "\n".join(map(ast.unparse, imports))


def _why_broken(outcome: Outcome) -> str:
    """Empty where it ran to its end, or the box failed."""
    if outcome.ending is Ending.INFRASTRUCTURE or (outcome.ending is Ending.EXITED and outcome.exit_code == 0):
        return ""
    lines = outcome.stderr[-4000:].decode(errors="replace").strip().split("\n")
    said = next((line for line in reversed(lines) if "rror" in line), "") or outcome.detail or lines[-1]
    return " ".join((said or outcome.ending.value).split())[:200]
