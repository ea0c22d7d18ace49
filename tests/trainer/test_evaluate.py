"""What an evaluation reads and what it tells."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import ProblemSet
from trainer.evals.evaluate import MAX_NAMED, about, subset
from trainer.evals.sources import read_completions
from trainer.settings import ConfigError
from verifiers import Problem

PROBLEMS = ProblemSet("two", "1", tuple(Problem(name, "", "math", {"answer": "1"}) for name in ("a", "b")))


def test_a_line_ends_where_json_lines_end(tmp_path: Path) -> None:
    """Not at U+2028, which a completion may hold."""
    path = tmp_path / "stored.jsonl"
    rows = [{"id": "a", "completion": "one\u2028two\x85three"}, {"id": "b", "completion": "four"}]
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    assert read_completions(path, PROBLEMS) == {"a": ["one\u2028two\x85three"], "b": ["four"]}


def test_a_broken_line_is_named(tmp_path: Path) -> None:
    path = tmp_path / "stored.jsonl"
    path.write_text('{"id": "a", "completion": "one"}\n{"id": "c", "completion": "two"}\n')
    with pytest.raises(ConfigError, match=r"stored.jsonl:2: id: 'c' is not a problem of two"):
        read_completions(path, PROBLEMS)


def test_rows_left_out_are_told_also_of_a_part_of_the_set() -> None:
    whole = ProblemSet("two", "1", PROBLEMS.problems, left_out=tuple(f"row {n}" for n in range(7)), notes=("odd",))
    told = about(subset(whole, 1))
    assert told == [
        "odd",
        *(f"left out: row {n}" for n in range(MAX_NAMED)),
        "left out: 2 more; the report names them all",
    ]
