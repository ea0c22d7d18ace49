"""A line in, a line out, whatever is in between."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.verifiers.conftest import rows
from verifiers import Status, Verdict, judge_file
from verifiers.judge_file import Judged

MATH = {"verifier": "math", "spec": {"answer": "7"}}


def write(path: Path, *lines: str | dict[str, object] | bytes) -> Path:
    """The lines as they are, objects as JSON."""
    texts = [line if isinstance(line, str | bytes) else json.dumps(line) for line in lines]
    path.write_bytes(b"".join((text if isinstance(text, bytes) else text.encode()) + b"\n" for text in texts))
    return path


def test_order_and_number_hold_with_broken_lines_in_between(tmp_path: Path) -> None:
    source = write(
        tmp_path / "in.jsonl",
        "not JSON",
        {"id": "right", **MATH, "completion": r"\boxed{7}"},
        "",
        {"id": "no completion", **MATH},
        {"id": "slow", "verifier": "math", "spec": {"answer": "x+1"}, "completion": r"\boxed{x+2}"},
        "[1, 2]",
        {"id": 17, **MATH, "completion": r"\boxed{8}"},
        b'{"id": "bytes", "verifier": "math", "spec": {"answer": "7"}, "completion": "\xff \\\\boxed{7}"}',
        {"id": "bad spec", "verifier": "math", "spec": {"answr": "7"}, "completion": "7"},
        {"id": "bad verifier", "verifier": "mth", "spec": {}, "completion": "7"},
        {"id": "spec is text", "verifier": "math", "spec": "7", "completion": "7"},
        {"id": "surrogate", **MATH, "completion": "\ud800 \\boxed{7}"},
        "[" * 100_000,
        {"id": "last", **MATH, "completion": "no idea"},
    )
    seen: list[tuple[int, Verdict]] = []
    judged = judge_file(
        source, tmp_path / "out.jsonl", on_verdict=lambda number, verdict: seen.append((number, verdict))
    )
    out = rows(tmp_path / "out.jsonl")
    assert [(row["id"], row["status"], row["score"]) for row in out] == [
        (None, "unjudged", None),
        ("right", "correct", 1.0),
        (None, "unjudged", None),
        ("no completion", "unjudged", None),
        ("slow", "wrong", 0.0),
        (None, "unjudged", None),
        (17, "wrong", 0.0),
        ("bytes", "correct", 1.0),
        ("bad spec", "unjudged", None),
        ("bad verifier", "unjudged", None),
        ("spec is text", "unjudged", None),
        ("surrogate", "correct", 1.0),
        (None, "unjudged", None),
        ("last", "no_answer", 0.0),
    ]
    assert set(out[0]) == {"id", "status", "score", "answer", "detail", "seconds", "parts", "trace"}
    details = {row["id"]: row["detail"] for row in out}
    assert "line 1: not JSON" in out[0]["detail"]
    assert "line 4: completion" in details["no completion"]
    assert "answr" in details["bad spec"]
    assert "mth" in details["bad verifier"]
    assert "spec" in details["spec is text"]
    assert all("\n" not in row["detail"] for row in out)
    assert judged == Judged(14, judged.by_status, 3 / 6)
    assert judged.num_unjudged == 8
    assert judged.by_status[Status.CORRECT] == 3
    assert [number for number, _ in seen] == list(range(1, 15))


def test_many_lines_keep_their_order(tmp_path: Path) -> None:
    lines = [{"id": n, **MATH, "completion": rf"\boxed{{{n}}}" if n % 3 else "oops"} for n in range(400)]
    judged = judge_file(write(tmp_path / "in.jsonl", *lines), tmp_path / "out.jsonl", max_in_flight=7)
    out = rows(tmp_path / "out.jsonl")
    assert [row["id"] for row in out] == list(range(400))
    assert [row["id"] for row in out if row["score"] == 1] == [7]
    assert judged.total == 400


def test_an_empty_file_gives_an_empty_file(tmp_path: Path) -> None:
    judged = judge_file(write(tmp_path / "in.jsonl"), tmp_path / "out.jsonl")
    assert (tmp_path / "out.jsonl").read_bytes() == b""
    assert judged == Judged(0, {}, None)


def test_what_is_not_whole_does_not_appear(tmp_path: Path) -> None:
    source = write(tmp_path / "in.jsonl", *[{"id": n, **MATH, "completion": "7"} for n in range(5)])

    def stop(number: int, verdict: Verdict) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        judge_file(source, tmp_path / "out.jsonl", on_verdict=stop)
    assert [path.name for path in tmp_path.iterdir()] == ["in.jsonl"]


def test_a_mark_before_the_first_line_and_returns_at_their_ends_are_no_part_of_lines(tmp_path: Path) -> None:
    row = json.dumps({"id": "a", **MATH, "completion": r"\boxed{7}"})
    source = tmp_path / "in.jsonl"
    source.write_bytes(b"\xef\xbb\xbf" + "\r\n".join([row, "", '{"id"', row]).encode())
    judge_file(source, tmp_path / "out.jsonl")
    statuses, details = zip(*((row["status"], row["detail"]) for row in rows(tmp_path / "out.jsonl")), strict=True)
    assert statuses == ("correct", "unjudged", "unjudged", "correct"), details
    assert details[1] == "line 2: is empty; should be an object"
    assert details[2] == "line 3: not JSON: Expecting ':' delimiter at column 8"
