"""Sets that people train on, from small files of their form: what is asked, what is expected, what is left out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from benchmarks import ProblemError, ProblemSet, ProblemSource, load
from benchmarks.boxed import INSTRUCTION as BOX
from benchmarks.training_code import INSTRUCTION as PROGRAM

DAPO_PROMPT = "Solve it step by step. The last line should be of the form Answer: $Answer.\n\n1+1?"
DAPO = {
    "data_source": "math_dapo",
    "prompt": [{"role": "user", "content": DAPO_PROMPT}],
    "ability": "MATH",
    "reward_model": {"ground_truth": "2", "style": "rule-lighteval/MATH_v2"},
    "extra_info": {"index": "9a9b"},
}
DEEPSCALER = {"problem": "1+1?", "answer": "2", "solution": ""}
OPENR1_MATH = {
    "problem": "1+1?",
    "solution": "Two.",
    "answer": "2",
    "problem_type": "Algebra",
    "question_type": "math-word-problem",
    "source": "olympiads",
    "uuid": "u-1",
    "generations": ["<think>?</think> 2"],
}
STDIN = {"fn_name": None, "input": "1 2\n", "output": "3\n", "type": "stdin_stdout"}
CALL = {"fn_name": "add", "input": "[1, 2]", "output": "[3]", "type": "function_call"}
OPENR1_CODE = {
    "problem_statement": "Add two numbers.",
    "verification_info": {"language": "python", "test_cases": [STDIN]},
    "gold_standard_solution": "print(sum(map(int, input().split())))",
    "problem_id": "vcp_1",
    "source": "apps",
    "task_type": "verifiable_code",
    "in_source_id": "7",
    "metadata": {"difficulty": "easy"},
}
APPS = {
    "problem_id": 3,
    "question": "Add two numbers.",
    "solutions": "[]",
    "input_output": json.dumps({"inputs": ["1 2\n"], "outputs": ["3\n"]}),
    "difficulty": "interview",
    "url": "",
    "starter_code": "",
}
EURUS = {
    "data_source": "numina_olympiads",
    "prompt": [{"role": "system", "content": "Think."}, {"role": "user", "content": "1+1?"}],
    "ability": "math",
    "reward_model": {"ground_truth": "2", "style": "rule"},
    "extra_info": {"index": 0, "split": "dummy"},
}
EURUS_CODE = EURUS | {
    "data_source": "taco",
    "ability": "code",
    "reward_model": {"ground_truth": APPS["input_output"], "style": "rule"},
}
ADDS = {"kind": "stdio", "tests": [{"stdin": "1 2\n", "stdout": "3\n"}]}


def read(name: str, folder: Path, rows: Sequence[dict[str, Any]], split: str | None = None) -> ProblemSet:
    """Rows as the set's own file, .json or .parquet."""
    if name == "deepscaler":
        path = folder / "deepscaler.json"
        path.write_text(json.dumps(rows))
    elif name == "apps":
        path = folder / "train.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        path = folder / "own.parquet"
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(list(rows)), path)
    return load(ProblemSource(name=name, path=str(path), split=split))


def one(name: str, folder: Path, row: dict[str, Any]) -> tuple[Any, str, dict[str, Any]]:
    (problem,) = read(name, folder, [row]).problems
    return problem.prompt, problem.verifier, dict(problem.spec)


def test_mathematics_is_asked_for_in_a_box_or_as_the_set_asks_for_it(tmp_path: Path) -> None:
    two = {"answer": "2"}
    assert one("deepscaler", tmp_path, DEEPSCALER) == (f"1+1?\n\n{BOX}", "math", two)
    assert one("openr1-math", tmp_path, OPENR1_MATH) == (f"1+1?\n\n{BOX}", "math", two)
    assert one("dapo17k", tmp_path, DAPO) == (({"role": "user", "content": DAPO_PROMPT},), "math", two)
    messages = ({"role": "system", "content": "Think."}, {"role": "user", "content": "1+1?"})
    assert one("eurus2-math", tmp_path, EURUS) == (messages, "math", two)


def test_programs_are_judged_by_their_tests(tmp_path: Path) -> None:
    asked = f"Add two numbers.\n\n{PROGRAM}"
    assert one("openr1-code", tmp_path, OPENR1_CODE) == (asked, "code", ADDS)
    assert one("apps", tmp_path, APPS) == (asked, "code", ADDS)
    assert one("taco", tmp_path, APPS) == (asked, "code", ADDS)
    assert one("eurus2-code", tmp_path, EURUS_CODE)[1:] == ("code", ADDS)


def test_a_function_is_asked_for_by_its_name_or_by_its_head(tmp_path: Path) -> None:
    calls = {"kind": "function", "entry_point": "add", "tests": [{"args": [1, 2], "expected": 3}]}
    row = OPENR1_CODE | {"verification_info": {"language": "python", "test_cases": [CALL]}}
    prompt, _, spec = one("openr1-code", tmp_path, row)
    assert spec == calls and "Name the function `add`." in prompt
    cases = json.dumps({"fn_name": "add", "inputs": [[1, 2]], "outputs": [[3]]})
    prompt, _, spec = one("apps", tmp_path, APPS | {"input_output": cases, "starter_code": "def add(a, b):\n\t"})
    assert spec == calls and prompt == (
        f"Add two numbers.\n\nBegin with this code:\n```python\ndef add(a, b):\n```\n\n{PROGRAM}"
    )


def test_repeated_rows_are_counted_once_and_said(tmp_path: Path) -> None:
    other = DAPO | {"reward_model": {"ground_truth": "3", "style": "rule"}, "extra_info": {"index": "b"}}
    found = read("dapo17k", tmp_path, [DAPO, other, DAPO, DAPO])
    assert [problem.id for problem in found.problems] == ["9a9b", "b"]
    assert found.notes[0] == "2 rows repeat another and are not counted again, first own.parquet:3"
    assert "1 have another's prompt" in found.notes[1]
    assert not found.left_out


def test_a_mixed_set_gives_one_ability_at_a_time(tmp_path: Path) -> None:
    rows = [EURUS, EURUS_CODE]
    assert [problem.verifier for problem in read("eurus2-math", tmp_path, rows).problems] == ["math"]
    assert [problem.verifier for problem in read("eurus2-code", tmp_path, rows, "validation").problems] == ["code"]


@pytest.mark.parametrize(
    ("name", "sound", "change", "message"),
    [
        ("deepscaler", DEEPSCALER, {"answer": ""}, "answer: found a str, expected an answer"),
        ("openr1-math", OPENR1_MATH, {"answer": None}, "answer: found nothing, expected an answer"),
        ("apps", APPS, {"input_output": ""}, "input_output: not JSON"),
        ("taco", APPS, {"input_output": json.dumps({"inputs": [], "outputs": []})}, "expected two lists"),
        (
            "openr1-code",
            OPENR1_CODE,
            {"verification_info": {"language": "cpp", "test_cases": [STDIN]}},
            "language: found 'cpp', expected python",
        ),
        (
            "openr1-code",
            OPENR1_CODE,
            {"verification_info": {"language": "python", "test_cases": [STDIN, CALL]}},
            "fn_name: found several",
        ),
        (
            "openr1-code",
            OPENR1_CODE,
            {"verification_info": {"language": "python", "test_cases": [CALL | {"input": "1 2"}]}},
            "test_cases: not JSON",
        ),
    ],
)
def test_a_row_without_a_sound_gold_is_left_out_and_named(
    tmp_path: Path, name: str, sound: dict[str, Any], change: dict[str, Any], message: str
) -> None:
    other = sound | {field: type(sound[field])(9) for field in ("problem_id", "uuid") if field in sound}
    found = read(name, tmp_path, [sound, other | change])
    assert len(found.problems) == 1
    (line,) = found.left_out
    assert message in line and ":2: " in line


def test_a_set_in_many_parts_is_read_from_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    for number in range(3):
        table = pyarrow.Table.from_pylist([OPENR1_MATH | {"uuid": f"u-{number}", "problem": f"{number}?"}])
        pyarrow.parquet.write_table(table, folder / f"train-0000{number}-of-00003.parquet")
    found = load(ProblemSource(name="openr1-math", path=str(tmp_path)))
    assert [problem.id for problem in found.problems] == ["u-0", "u-1", "u-2"]
    with pytest.raises(ProblemError, match=r"ALL/train-\*\.parquet: no such file"):
        load(ProblemSource(name="taco", path=str(tmp_path)))


@pytest.mark.parametrize(
    ("text", "message"), [("{}", "expected a list of rows"), ("[3]", ":1: found a int"), ("[", "not JSON")]
)
def test_a_file_that_is_no_list_is_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "own.json"
    path.write_text(text)
    with pytest.raises(ProblemError, match=r"own\.json") as caught:
        load(ProblemSource(name="deepscaler", path=str(path)))
    assert message in str(caught.value)
