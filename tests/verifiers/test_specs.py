"""A broken spec is named before a run: problem, field, what was found, what would be right."""

from __future__ import annotations

from typing import Any

import pytest

from tests.verifiers.conftest import problem
from verifiers import Router, SpecError

STDIO = {"kind": "stdio", "tests": [{"stdin": "", "stdout": ""}]}


@pytest.mark.parametrize(
    ("verifier", "spec", "words"),
    [
        ("math", {}, ["answer", "missing"]),
        ("math", {"answer": "  "}, ["answer", "'  '"]),
        ("math", {"answers": ["1", ""]}, ["answers[1]", "''"]),
        ("math", {"answer": [1]}, ["answer", "[1]"]),
        ("math", {"answer": float("nan")}, ["answer", "nan"]),
        ("math", {"answer": "1", "tolerance": 2}, ["tolerance", "2", "less than 1"]),
        ("math", {"answer": "1", "policy": {"percent": "x100"}}, ["policy.percent", "'x100'", "'value'"]),
        ("math", {"anwser": "1"}, ["anwser", "no such field", "answer"]),
        ("code", {}, ["kind", "missing"]),
        ("code", {"kind": "pytest"}, ["files", "missing", "kind pytest"]),
        ("code", {"kind": "assert", "entry_point": "f"}, ["test", "missing", "kind assert"]),
        ("code", {"kind": "assert", "test": "assert f()"}, ["entry_point", "missing"]),
        ("code", {"kind": "checker", "tests": [{"stdin": ""}]}, ["checker", "missing"]),
        ("code", {"kind": "stdoi", "tests": []}, ["kind", "'stdoi'", "'checker' or 'pytest'"]),
        ("code", {"kind": "stdio"}, ["tests", "missing"]),
        ("code", {"kind": "stdio", "tests": []}, ["tests", "empty"]),
        ("code", {"kind": "stdio", "tests": [{"stdin": 3, "stdout": ""}]}, ["tests[0].stdin", "3", "string"]),
        ("code", {"kind": "stdio", "tests": [{"args": [], "expected": 1}]}, ["tests[0]", "stdin, stdout"]),
        ("code", {"kind": "function", "tests": [{"args": [], "expected": 1}]}, ["entry_point", "missing"]),
        ("code", {**STDIO, "entry_point": "a b"}, ["entry_point", "'a b'"]),
        ("code", {**STDIO, "time_limit": 0}, ["time_limit", "0", "greater than 0"]),
        ("code", {**STDIO, "files": {"../x": ""}}, ["files", "../x"]),
        ("code", {"kind": "assert", "test": "1", "entry_point": "f", "language": "cpp"}, ["cpp", "stdio or checker"]),
        ("code", {**STDIO, "language": "rust"}, ["language", "'rust'", "'javascript'"]),
        ("code", {**STDIO, "compare": "close"}, ["compare", "'close'", "'livecodebench'"]),
        ("schema", {}, ["schema", "missing"]),
        ("schema", {"schema": 3}, ["schema", "3"]),
        ("schema", {"schema": {}, "format": "markdown"}, ["format", "'markdown'", "'toml'"]),
        (
            "mth",
            {"answer": "1"},
            ["verifier", "'mth'", "all, code, instructions, livecodebench, math, math-verify, schema"],
        ),
    ],
)
def test_a_broken_spec_is_named(verifier: str, spec: dict[str, Any], words: list[str]) -> None:
    with Router() as router, pytest.raises(SpecError) as caught:
        router.check([problem("math", {"answer": "1"}, "good"), problem(verifier, spec, "bad one")])
    message = str(caught.value)
    assert "\n" not in message
    assert [word for word in ["bad one", *words] if word not in message] == [], message


def test_good_specs_pass() -> None:
    specs = [
        ("math", {"answer": 3, "tolerance": 1e-6}),
        ("code", STDIO),
        ("schema", {"schema": True, "expected": None}),
    ]
    with Router() as router:
        router.check(problem(verifier, spec) for verifier, spec in specs)
