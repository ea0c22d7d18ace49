"""Problem sets from files: what they read, and the one line they say about what is broken."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from benchmarks import ProblemError, ProblemSource, load

SHARED = Path(__file__).parents[3] / "shared" / "data"

GOOD = {"id": "one", "prompt": "1+1?", "verifier": "math", "spec": {"answer": "2"}, "tags": {"level": 1}}


def written(folder: Path, *rows: object) -> str:
    path = folder / "own.jsonl"
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return str(path)


def shared(name: str) -> str:
    path = SHARED / name
    if not path.exists() and os.environ.get("CI") != "true":
        pytest.skip(f"{name} is not at {path.parent}")
    return str(path)


def test_own_problems_with_messages_tags_and_worked_completions(tmp_path: Path) -> None:
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "1+1?"}]
    second = {"messages": messages, "verifier": "math", "spec": {"answer": "2"}, "completion": "\\boxed{2}"}
    found = load(ProblemSource(name="jsonl", path=written(tmp_path, GOOD, "", second)))
    assert [problem.id for problem in found.problems] == ["one", "own.jsonl:3"]
    assert found.problems[0].tags == {"level": "1"}
    assert found.problems[1].prompt == tuple(messages)
    assert found.completions == {"worked": {"own.jsonl:3": "\\boxed{2}"}}
    assert found.name == "own"


def test_the_version_changes_with_the_file(tmp_path: Path) -> None:
    source = ProblemSource(name="jsonl", path=written(tmp_path, GOOD))
    before = load(source).version
    written(tmp_path, GOOD | {"spec": {"answer": "3"}})
    assert load(source).version != before


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ((GOOD, "{broken"), "own.jsonl:2: not JSON: Expecting property name"),
        ((["a list"],), "own.jsonl:1: found a list; each line must be a JSON object"),
        ((GOOD | {"prompt": 3},), "own.jsonl:1: prompt: found a int, expected text"),
        (({"prompt": "x", "spec": {}},), "own.jsonl:1: verifier: found nothing, expected text"),
        ((GOOD | {"spec": "2"},), "own.jsonl:1: spec: found '2', expected an object"),
        ((GOOD | {"anwser": "2"},), "own.jsonl:1: anwser: no such field; a problem has completion, id"),
        ((GOOD | {"messages": []},), "own.jsonl:1: messages: found [], expected a list"),
        ((GOOD | {"prompt": ""},), "own.jsonl:1: prompt: is empty"),
        ((GOOD | {"prompt": "a\ud800"},), "own.jsonl:1: prompt: character 2 is half a surrogate pair: '\\ud800'"),
        (
            ({k: v for k, v in GOOD.items() if k != "prompt"} | {"messages": [{"role": "user", "content": "\udc00"}]},),
            "own.jsonl:1: messages: character 1 is half a surrogate pair",
        ),
        ((GOOD, "", GOOD), "own.jsonl:3: the problem id 'one' occurs twice (before: own.jsonl:1); ids must be unique"),
        (
            ({k: v for k, v in GOOD.items() if k != "prompt"} | {"messages": [{"role": "usr", "content": "1+1?"}]},),
            "own.jsonl:1: messages: role: found 'usr', expected one of system, developer, user, assistant, tool",
        ),
        ((), "jsonl: no problems in"),
    ],
)
def test_a_broken_line_is_named(tmp_path: Path, rows: tuple[object, ...], message: str) -> None:
    with pytest.raises(ProblemError) as caught:
        load(ProblemSource(name="jsonl", path=written(tmp_path, *rows)))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    path = tmp_path / "own.jsonl"
    path.write_bytes(json.dumps(GOOD).encode() + b'\n{"prompt": "\xff"}\n')
    with pytest.raises(ProblemError, match=r"own.jsonl:2: not UTF-8: invalid start byte at byte 13"):
        load(ProblemSource(name="jsonl", path=str(path)))
    path.write_text('{"prompt": ' + "9" * 5000 + "}\n")
    with pytest.raises(ProblemError, match=r"own.jsonl:1: not JSON that can be read: Exceeds the limit"):
        load(ProblemSource(name="jsonl", path=str(path)))
    path.write_text(json.dumps(GOOD | {"prompt": "a\u2028b"}, ensure_ascii=False))
    assert load(ProblemSource(name="jsonl", path=str(path))).problems[0].prompt == "a\u2028b"


def test_a_mark_before_the_first_line_is_no_part_of_it(tmp_path: Path) -> None:
    path = tmp_path / "own.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps(GOOD).encode() + b"\r\n")
    assert [problem.id for problem in load(ProblemSource(name="jsonl", path=str(path))).problems] == ["one"]


def test_a_file_has_no_splits(tmp_path: Path) -> None:
    with pytest.raises(ProblemError, match="jsonl: split: found 'test', but a file of your own has none"):
        load(ProblemSource(name="jsonl", path=written(tmp_path, GOOD), split="test"))


def test_an_unknown_set_names_those_there_are() -> None:
    with pytest.raises(ProblemError, match=r"math50: no such problem set; installed: .*did you mean math500\?"):
        load(ProblemSource(name="math50"))


def test_a_missing_file_is_named() -> None:
    with pytest.raises(ProblemError, match=r"nowhere.jsonl: no such file"):
        load(ProblemSource(name="math500", path="nowhere.jsonl"))


def test_gsm8k_reads_the_last_line_of_the_answer(tmp_path: Path) -> None:
    row = {"question": "How many?", "answer": "1,000 and 200.\n#### 1,200"}
    for path in (Path(written(tmp_path, row)), tmp_path / "own.parquet"):
        if path.suffix == ".parquet":
            pyarrow.parquet.write_table(pyarrow.Table.from_pylist([row]), path)
        found = load(ProblemSource(name="gsm8k", path=str(path)))
        assert found.problems[0].spec == {"answer": "1200"}
        assert found.completions["worked"] == {"gsm8k/test/0": "1,000 and 200.\n\\boxed{1200}"}


def test_gsm8k_refuses_an_answer_without_a_final_line(tmp_path: Path) -> None:
    with pytest.raises(ProblemError, match=r'own.jsonl:1: answer: no line "#### N"'):
        load(ProblemSource(name="gsm8k", path=written(tmp_path, {"question": "?", "answer": "3"})))


def test_synthetic_families_take_turns_and_keep_their_sides(tmp_path: Path) -> None:
    train = load(ProblemSource(name="families", split="train", max_problems=300, seed=1))
    held_out = load(ProblemSource(name="families", max_problems=300))
    assert [problem.verifier for problem in train.problems[:4]] == ["math", "code", "math", "schema"]
    assert [problem.verifier for problem in held_out.problems[:6]] == ["math", "code", "schema"] * 2
    assert not {problem.prompt for problem in train.problems} & {problem.prompt for problem in held_out.problems}
    assert set(train.completions) == {"worked", "slipped", "hasty"}
    with pytest.raises(ProblemError, match="expected held_out or train"):
        load(ProblemSource(name="families", split="test"))


@pytest.mark.parametrize(
    ("name", "file", "count"), [("math500", "math500.jsonl", 500), ("gsm8k", "gsm8k_test.jsonl", 1319)]
)
def test_whole_sets_load(name: str, file: str, count: int) -> None:
    found = load(ProblemSource(name=name, path=shared(file)))
    assert len(found.problems) == count
    assert all(problem.spec["answer"] for problem in found.problems)
