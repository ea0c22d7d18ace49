"""A paired comparison against numbers worked by hand, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from reports import problem, report, sample
from test_cli import assay, fails

from benchmarks import installed
from trainer.evals.compare import lines, pair
from trainer.evals.stored_report import read_reports
from trainer.settings import ConfigError


def of(statuses: dict[str, str], **more: Any) -> dict[str, Any]:
    """A report where each problem has samples of these statuses: c(orrect), w(rong) or u(njudged)."""
    names = {"c": "correct", "w": "wrong", "u": "unjudged"}
    problems = [problem(name, *(sample(names[letter]) for letter in found)) for name, found in statuses.items()]
    return {**report(), "problems": problems, **more}


def test_a_comparison_by_hand() -> None:
    """Ten problems: seven become right, one becomes wrong, two stay (as in tests/benchmarks/test_metrics.py)."""
    first = of({f"p{n}": "c" if n in (7, 8) else "w" for n in range(10)})
    second = of({f"p{n}": "w" if n in (7, 9) else "c" for n in range(10)})
    got = pair(first, second)
    assert (got.first.mean, got.second.mean) == (0.2, 0.8)
    assert got.found.difference.mean == pytest.approx(0.6)
    said = "\n".join(lines(got, "A", "B"))
    assert "difference   +60.0 [+16.7, +103.3]   better 7   worse 1   p 0.0703" in said, said
    assert "  worse  p7   1 -> 0" in said and "  better p0   0 -> 1" in said and " p8 " not in said


def test_several_samples_are_compared_by_their_mean_and_by_pass_at_k() -> None:
    """pass@2 of 1, 2 and 0 of 4 right: 1 - 3/6, 1 - 1/6, 0; k is the fewest of any problem, here 2."""
    first = of({"a": "cwww", "b": "wwww", "c": "cc"})
    second = of({"a": "ccww", "b": "wwww", "c": "cc"})
    got = pair(first, second)
    assert got.means == {"a": (0.25, 0.5), "b": (0.0, 0.0), "c": (1.0, 1.0)}
    assert got.pass_at[2].mean == pytest.approx((5 / 6 - 1 / 2) / 3)
    assert "  better a   0.25 -> 0.5" in lines(got, "A", "B")


def test_the_most_changed_problem_is_named_first() -> None:
    said = lines(pair(of({"a": "wwww", "b": "cccc"}), of({"a": "cwww", "b": "wwww"})), "A", "B")
    assert [line.split()[1] for line in said if line.startswith(("  better", "  worse"))] == ["b", "a"]


def test_what_one_could_not_judge_is_left_out_of_both_and_said() -> None:
    got = pair(of({"a": "u", "b": "c", "c": "w"}), of({"a": "c", "b": "c", "c": "w"}))
    assert (got.first.mean, got.second.mean) == (0.5, 0.5)
    assert "  left out, as one of them is unjudged: a" in lines(got, "A", "B")


def test_a_problem_without_completions_has_failed_in_a_comparison_too() -> None:
    assert pair(of({"a": "", "b": "c"}), of({"a": "c", "b": "c"})).found.difference.mean == 0.5


def test_other_conditions_are_told() -> None:
    other = {**report()["protocol"], "hash": "def456", "temperature": 0.0}
    said = lines(pair(of({"a": "c"}), of({"a": "c"}, protocol=other, verifiers={"math": {"digest": "1"}})), "A", "B")
    told = [line.strip() for line in said if "not the same" in line]
    assert told == [
        "not the same: protocol.hash: 'abc123' against 'def456'",
        "not the same: protocol.temperature: 0.6 against 0.0",
        "not the same: verifiers: told by the second only",
    ]
    assert not [line for line in lines(pair(report(), report()), "A", "B") if "not the same" in line]


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (of({"a": "c"}, name="others"), "sums and others are different problem sets"),
        (of({"a": "c"}, version="2"), "sums is 1 in one report and 2 in the other"),
        (of({"a": "c", "c": "c"}), r"sums: 2 problems are in one report only \(b in the first\)"),
    ],
)
def test_other_problems_are_refused(second: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        pair(of({"a": "c", "b": "c"}), second)


def test_a_folder_is_the_reports_in_it(tmp_path: Path) -> None:
    (tmp_path / "sums.json").write_text(json.dumps(report()))
    (tmp_path / "other.json").write_text(json.dumps({**report(), "name": "other"}))
    assert list(read_reports(tmp_path)) == ["other", "sums"]
    assert read_reports(tmp_path / "sums.json")["sums"] == report()
    (tmp_path / "step.json").write_text(json.dumps({"sampled": report(), "greedy": None}))
    assert read_reports(tmp_path / "step.json")["sums"] == report(), "an eval of a training run"
    (tmp_path / "step.json").unlink()
    (tmp_path / "again.json").write_text(json.dumps(report()))
    with pytest.raises(ConfigError, match=r"again.json and sums.json are both of sums"):
        read_reports(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not JSON"),
        ('{"name": "a"}', "it has no version, problems, pass_at_k"),
        ("[]", "it is no JSON object"),
        (None, "No such file"),
    ],
)
def test_what_is_no_report_is_refused(text: str | None, message: str, tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        read_reports(path)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no report"):
        read_reports(tmp_path)


def test_the_command_compares_and_refuses_in_one_line(tmp_path: Path) -> None:
    for name, made in {"a": of({"x": "c"}), "b": of({"x": "w"}), "c": of({"x": "w"}, version="2")}.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(made))
    ended = assay("eval", "compare", "a.json", "b.json", cwd=tmp_path)
    assert ended.returncode == 0 and "  worse  x   1 -> 0\n" in ended.stdout, ended.stdout + ended.stderr
    fails(2, "sums is 1 in one report and 2 in the other", "eval", "compare", "a.json", "c.json", cwd=tmp_path)


def test_no_problem_set_has_the_name_of_a_verb() -> None:
    assert not {"compare", "export"} & installed().keys()
