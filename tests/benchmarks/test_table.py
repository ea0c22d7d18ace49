"""Anyone's data set by a table of columns: the forms that people train on, and what is said of broken rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from benchmarks import ProblemError, ProblemSet, ProblemSource, load
from tests.benchmarks.test_sets import written

MATH = {"prompt": "problem", "answer": "answer"}
ROW = {"problem": "1+1?", "answer": "2"}


def read(path: str | None, columns: dict[str, str], **options: Any) -> ProblemSet:
    return load(ProblemSource(name="table", path=path, options={"columns": columns, **options}))


def test_a_problem_and_an_answer(tmp_path: Path) -> None:
    """As in DeepScaleR and open-r1, from .jsonl and .parquet."""
    row = {"problem": "1+1?", "answer": "2", "solution": "Two: \\boxed{2}", "level": 3}
    columns = {**MATH, "completion": "solution", "tags.level": "level"}
    parquet = tmp_path / "own.parquet"
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist([row]), parquet)
    for path in (written(tmp_path, row), str(parquet)):
        found = read(path, columns, instruction="Box it.")
        (problem,) = found.problems
        assert (problem.prompt, problem.verifier, problem.spec) == ("1+1?\n\nBox it.", "math", {"answer": "2"})
        assert problem.tags == {"level": "3"}
        assert found.completions == {"worked": {problem.id: row["solution"]}}


def test_messages_and_a_gold_within_an_object(tmp_path: Path) -> None:
    """As in DAPO-17k."""
    row = {
        "prompt": [{"role": "user", "content": "1+1?"}],
        "reward_model": {"ground_truth": "2", "style": "rule"},
        "extra_info": {"index": "a-1"},
    }
    columns = {"prompt": "prompt", "answer": "reward_model.ground_truth", "id": "extra_info.index"}
    (problem,) = read(written(tmp_path, row), columns, instruction="not under messages").problems
    assert problem.prompt == ({"role": "user", "content": "1+1?"},)
    assert (problem.id, problem.spec) == ("a-1", {"answer": "2"})


def test_inputs_and_outputs_of_programs_and_functions(tmp_path: Path) -> None:
    """As in APPS and TACO, which write them as JSON text."""
    program = {"inputs": ["1 2\n", ["3", "4"]], "outputs": ["3\n", ["7"]]}
    nested = {"fn_name": "add", "inputs": [[1, 2], [3, 4]], "outputs": [[3], [7]]}
    plain = {"fn_name": "pair", "inputs": [[1, 2]], "outputs": [[1, 2]]}
    rows = [{"question": f"q{n}", "input_output": json.dumps(one)} for n, one in enumerate((program, nested, plain))]
    found = read(written(tmp_path, *rows), {"prompt": "question", "tests": "input_output"})
    assert [problem.verifier for problem in found.problems] == ["code"] * 3
    assert [problem.spec for problem in found.problems] == [
        {"kind": "stdio", "tests": [{"stdin": "1 2\n", "stdout": "3\n"}, {"stdin": "3\n4", "stdout": "7"}]},
        {
            "kind": "function",
            "entry_point": "add",
            "tests": [{"args": [1, 2], "expected": 3}, {"args": [3, 4], "expected": 7}],
        },
        {"kind": "function", "entry_point": "pair", "tests": [{"args": [1, 2], "expected": [1, 2]}]},
    ]


def test_only_some_rows_of_a_mixed_set(tmp_path: Path) -> None:
    rows = [ROW | {"ability": "math"}, {"problem": "?", "answer": "{}", "ability": "code"}]
    found = read(written(tmp_path, *rows), MATH, only={"ability": "math"})
    assert [problem.prompt for problem in found.problems] == ["1+1?"] and not found.left_out


def test_a_whole_spec_for_any_verifier(tmp_path: Path) -> None:
    row = {"problem": "An integer.", "check": {"schema": {"type": "integer"}}}
    (problem,) = read(written(tmp_path, row), {"prompt": "problem", "spec": "check"}, verifier="schema").problems
    assert (problem.verifier, problem.spec) == ("schema", {"schema": {"type": "integer"}})


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"problem": "?"}, "answer: no such column; the row has problem"),
        ({"problem": "?", "answer": None}, "answer: found nothing, expected an answer"),
        ({"problem": "?", "answer": " "}, "answer: found a str, expected an answer"),
        ({"problem": "?", "answer": ["1", "2"]}, "answer: found a list, expected an answer"),
        ({"problem": "", "answer": "1"}, "problem: found '', expected a list of {role, content}"),
        ({"problem": [{"role": "user"}], "answer": "1"}, "problem: found {'role': 'user'}, expected an object"),
    ],
)
def test_a_broken_row_is_left_out_and_named(tmp_path: Path, row: dict[str, Any], message: str) -> None:
    found = read(written(tmp_path, ROW, row), MATH)
    assert len(found.problems) == 1
    (line,) = found.left_out
    assert line.startswith(f"own.jsonl:2: {message}")


@pytest.mark.parametrize(
    ("tests", "message"),
    [
        ("{", "not JSON"),
        ("[]", "found a list, expected an object"),
        ({"inputs": ["1"], "outputs": []}, "inputs and outputs: expected two lists of the same length"),
        ({"inputs": [1], "outputs": ["1"]}, "found a int among inputs and outputs"),
        ({"fn_name": "f", "inputs": ["1"], "outputs": ["1"]}, "expected a name and lists of arguments"),
    ],
)
def test_broken_tests_are_named(tmp_path: Path, tests: Any, message: str) -> None:
    sound = {"q": "?", "t": {"inputs": ["1"], "outputs": ["1"]}}
    found = read(written(tmp_path, sound, {"q": "!", "t": tests}), {"prompt": "q", "tests": "t"})
    assert len(found.left_out) == 1 and message in found.left_out[0]


def test_equal_ids_and_equal_prompts_are_named(tmp_path: Path) -> None:
    rows = [ROW | {"n": 1}, ROW | {"n": 1}, ROW | {"n": 2}]
    found = read(written(tmp_path, *rows), {**MATH, "id": "n"})
    assert found.left_out == ("own.jsonl:2: n: '1' occurs twice",)
    assert found.notes == ("1 have another's prompt, first 2 that of 1",)


def test_the_version_is_of_what_is_asked_and_how_it_is_judged(tmp_path: Path) -> None:
    path = written(tmp_path, ROW | {"other": "3"})
    assert read(path, MATH).version == read(path, MATH).version
    assert read(path, MATH).version != read(path, MATH | {"answer": "other"}).version
    assert read(path, MATH).version != read(path, MATH, instruction="Box it.").version


@pytest.mark.parametrize(
    ("columns", "options", "message"),
    [
        ({"answer": "answer"}, {}, "columns: prompt is missing"),
        ({"prompt": "problem"}, {}, "columns: expected exactly one of answer, tests, spec"),
        (MATH | {"tests": "x"}, {}, "columns: expected exactly one of answer, tests, spec"),
        (MATH | {"gold": "x"}, {}, "columns: found 'gold', expected id, prompt, starter, completion, answer, tests"),
        ({"prompt": "p", "spec": "s"}, {}, "verifier: missing"),
        (MATH, {"verifer": "math"}, "verifer: no such option; it has columns, verifier"),
    ],
)
def test_a_table_that_cannot_be_is_refused(
    tmp_path: Path, columns: dict[str, str], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ProblemError, match=r"^table: [^\n]*$") as caught:
        read(written(tmp_path, ROW), columns, **options)
    assert message in str(caught.value)


def test_a_table_needs_data(tmp_path: Path) -> None:
    with pytest.raises(ProblemError, match="set path"):
        read(None, MATH)
    (tmp_path / "bad.parquet").write_text("no")
    with pytest.raises(ProblemError, match=r"bad.parquet: not a parquet file"):
        read(str(tmp_path / "bad.parquet"), MATH)
