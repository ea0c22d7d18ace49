"""What the screen shows of a run while it goes on."""

from __future__ import annotations

import pytest

from trainer import report

STEP = {
    "score/mean": 0.5, "score/math": 0.25, "score/code": 0.75, "unjudged/rate": 0.0, "truncated/rate": 0.0,
    "length/mean": 99.6, "entropy": 0.83, "time/step": 4.5, "tokens_per_second": 1872.4,
}  # fmt: skip


def test_a_step_is_a_line_and_what_goes_wrong_is_in_it_only_then(capsys: pytest.CaptureFixture[str]) -> None:
    report.step_line(3, 30, STEP)
    said = capsys.readouterr().out
    assert said == (
        "step  3/30 ━━·················· score 0.500  math 0.25  code 0.75  length 100  entropy 0.83  4.50 s"
        "  1872 tokens/s  left 2:01\n"
    )
    report.step_line(3, 30, STEP | {"unjudged/rate": 0.02, "truncated/rate": 0.125})
    said = capsys.readouterr().out
    assert "length 100 (12.5% cut off)" in said and said.endswith("left 2:01  UNJUDGED 2.0%\n")
