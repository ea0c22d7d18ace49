"""The program that judges LiveCodeBench's programs: its figures, and its exit code where a verdict is not met."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.speed.livecodebench import main
from tests.benchmarks.test_livecodebench import ROW, written
from tests.boxes import have

RIGHT, WRONG = "a, b = map(int, input().split())\nprint(a + b)", "print(0)"


@pytest.mark.parametrize(("graded", "code", "lost"), [(False, 0, 0), (True, 1, 1)])
def test_programs_that_passed_officially_and_do_not_here_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], graded: bool, code: int, lost: int
) -> None:
    have("bubblewrap")
    rows: list[dict[str, Any]] = [ROW, ROW | {"question_id": "abc001_b"}]
    answers = [(RIGHT, True, "abc001_a"), (WRONG, graded, "abc001_b"), (RIGHT, True, "of another release")]
    stored = [{"question_id": name, "code": text, "graded": passes} for text, passes, name in answers]
    problems, programs = written(tmp_path, *rows), written(tmp_path, *stored, name="programs.jsonl")
    out = tmp_path / "figures.json"
    assert main([problems, programs, "--sandbox", "bubblewrap", "--json", str(out)]) == code
    figures = json.loads(out.read_text())
    assert (figures["programs"], figures["passed"], len(figures["lost"])) == (2, 1, lost)
    assert ("abc001_b: wrong: test 1" in capsys.readouterr().out) is graded


def test_a_file_that_is_not_there_is_the_users_mistake(tmp_path: Path) -> None:
    assert main([str(tmp_path / "none.jsonl"), str(tmp_path / "none.jsonl")]) == 2
