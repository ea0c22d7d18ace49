"""The pages of an eval's report: the tables say what the report does, and no completion can break the page."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from reports import HOSTILE, problem, report, sample

from benchmarks import ProblemSet
from trainer.evals import page
from trainer.evals.evaluate import Answered, Evaluated, Sample
from trainer.evals.report import about, markdown, month_picture, protocol_line, score_table, write_pages
from trainer.evals.second_opinion import second_opinions
from trainer.evals.sources import Answer, Prompt
from trainer.evals.stored_report import shown
from trainer.sampler import Draw
from verifiers import Problem, Status, Verdict


class Elements(HTMLParser):
    """All elements of a page with their attributes and text."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None], list[str]]] = []
        self.feed(source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs), []))

    def handle_endtag(self, tag: str) -> None:
        self.found.append((f"/{tag}", {}, []))

    def handle_data(self, data: str) -> None:
        if self.found:
            self.found[-1][2].append(data)

    def of(self, tag: str) -> list[tuple[dict[str, str | None], str]]:
        return [(attributes, "".join(text)) for name, attributes, text in self.found if name == tag]


def data(elements: Elements) -> Any:
    [written] = [text for attributes, text in elements.of("script") if attributes.get("id") == "data"]
    return json.loads(written)


@pytest.fixture
def written(tmp_path: Path) -> tuple[str, Elements]:
    """The Markdown and the HTML of the report."""
    paths = write_pages(report(), tmp_path / "sums")
    assert [path.name for path in paths] == ["sums.md", "sums.html"]
    return paths[0].read_text(encoding="utf-8"), Elements(paths[1].read_text(encoding="ascii"))


def test_the_page_holds_every_sample_and_verdict(written: tuple[str, Elements]) -> None:
    shown_problems = data(written[1])
    for one, expected in zip(shown_problems, report()["problems"], strict=True):
        assert one["samples"] == expected["samples"]
        assert {key: one[key] for key in ("id", "prompt", "gold", "tags", "verifier")} == {
            key: expected[key] for key in ("id", "prompt", "gold", "tags", "verifier")
        }


def test_no_completion_becomes_an_element_or_a_script(written: tuple[str, Elements]) -> None:
    elements = written[1]
    assert len(elements.of("script")) == 2 and not elements.of("img"), elements.of("script")
    assert data(elements)[0]["samples"][1]["completion"] == HOSTILE
    assert [text for _, text in elements.of("td") if text == "<1>|"], "a tag in a table is shown as it is"


def test_the_page_loads_nothing_and_runs_its_own_script_alone(written: tuple[str, Elements]) -> None:
    elements = written[1]
    links = [
        attributes for _, attributes, _ in elements.found if attributes.keys() & {"src", "href", "action", "onclick"}
    ]
    assert not links
    [script] = [text for attributes, text in elements.of("script") if not attributes]
    [policy] = [a["content"] for a, _ in elements.of("meta") if a.get("http-equiv") == "Content-Security-Policy"]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert policy == f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"


def test_a_completion_too_long_for_the_page_keeps_both_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    assert page.shortened("abcdef", 6) == "abcdef"
    assert page.shortened("abcdefgh", 4) == "ab\n[... 4 characters are not on this page ...]\ngh"
    monkeypatch.setattr(page, "MAX_BYTES", 30_000)
    many = [problem(str(n), sample("wrong", completion="x" * 9_000)) for n in range(10)]
    lengths = {len(one["samples"][0]["completion"]) for one in data(Elements(page.page("t", [], [], [], many)))}
    assert lengths == {len(page.shortened("x" * 9_000, 2_999))}  # with its quotes, a completion is 9002 bytes
    many = [problem(str(n), sample("wrong", completion="字" * 9_000)) for n in range(2)]
    lengths = {len(one["samples"][0]["completion"]) for one in data(Elements(page.page("t", [], [], [], many)))}
    assert lengths == {len(page.shortened("字" * 9_000, 2_499))}  # six bytes each, and the quotes


def test_messages_and_what_a_rollout_adds_are_shown() -> None:
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "1 + 1?"}]
    one = {**problem("a", sample("correct", reward=0.5, advantage=-1.2)), "prompt": messages}
    [got] = data(Elements(page.page("step 3", [], [], [], [one])))
    assert got["prompt"] == "[system]\nBe brief.\n\n[user]\n1 + 1?"
    assert (got["samples"][0]["reward"], got["samples"][0]["advantage"]) == (0.5, -1.2)


def test_the_markdown_says_the_score_and_what_went_wrong(written: tuple[str, Elements]) -> None:
    text = written[0]
    header, values = re.findall(r"^\| (set .*|sums .*) \|$", text, re.MULTILINE)
    assert dict(zip(header.split(" | "), values.split(" | "), strict=True)) == {
        "set": "sums 1", "problems": "2", "samples": "4",
        "pass@1": "75.0 \\[26.0, 100.0\\]", "pass@2": "100.0 \\[34.2, 100.0\\]",
        "majority@2": "75.0 \\[26.0, 100.0\\]", "no answer": "0.0 %", "truncated": "25.0 %", "timeout": "0.0 %",
        "unjudged": "0.0 %", "failed": "0.0 %", "mean tokens": "10",
    }  # fmt: skip
    assert (
        "- model some/model (000000000000)\n- protocol greedy (abc123): temperature 0.6, n 2\n- two of three\n" in text
    )
    assert "- left out: row 7" in text
    assert "| 2024-08 | 1 | 50.0 \\[50.0, 50.0\\] |" in text
    assert "| \\<1\\>\\| | 1 | 50.0" in text


def test_the_markdown_lists_where_rules_disagree(written: tuple[str, Elements]) -> None:
    assert "| one | 0 | 4 | 4 | correct | wrong: 4.0 is not 4 |" in written[0]
    assert "| math-verify | 0.0 \\[0.0, 79.3\\] |" in written[0]  # Wilson, 0 of 1: 1.96^2 / (1 + 1.96^2)


def test_many_rows_left_out_do_not_hide_the_score() -> None:
    found = [line for line in about({**report(), "left_out": [f"row {n}" for n in range(300)]}) if "left out" in line]
    assert len(found) == 11 and found[-1] == "left out: 290 more, which the JSON report names"


def test_a_program_is_not_put_into_a_table() -> None:
    made = report()
    for one in made["problems"]:
        one["gold"] = ""
    assert "| problem | sample | this report | math-verify |" in markdown(made)


def test_partial_credit_has_a_column_of_its_own() -> None:
    found = report()
    found["problems"][0]["samples"][1]["score"] = 0.5
    assert "mean score" in score_table(found).header and "mean score" not in score_table(report()).header


def test_of_many_k_the_score_table_has_the_first_and_the_last() -> None:
    by_k = dict.fromkeys(("1", "2", "4", "8", "10"), report()["score"])
    header = score_table({**report(), "pass_at_k": by_k, "majority_at_k": by_k}).header
    assert [name for name in header if "@" in name] == ["pass@1", "pass@10", "majority@10"]
    header = score_table({**report(), "pass_at_k": {"1": report()["score"]}, "majority_at_k": {}}).header
    assert [name for name in header if "@" in name] == ["pass@1"]


def test_a_report_without_a_protocol_tells_its_sampling_settings() -> None:
    assert protocol_line({**report(), "protocol": None}).startswith("sampling: count 2, max_new_tokens 64, temp")
    stored = {"protocol": None, "sampling": {"count": 2, "max_new_tokens": 0, "temperature": 0.0}}
    assert protocol_line({**report(), **stored}) == "completions were sampled elsewhere: 2 of a problem, at most"
    long = {"name": "own", "hash": "ab" * 32, "prompt": "x" * 200, "examples": [{}, {}], "stop": [], "system": ""}
    line = protocol_line({**report(), "protocol": long})
    assert line == f'protocol own (abababababab): prompt "{"x" * 76}..., examples (2)'


def test_the_report_of_an_evaluation_is_one_that_the_pages_can_show(tmp_path: Path) -> None:
    """One problem of 2 right of 4, one whose prompt was too long: pass@1 0.25, pass@2 (5/6 + 0) / 2."""
    problems = [Problem(name, "?", "math", {"answer": "1/2"}, {"month": f"2024-0{n}"}) for n, name in enumerate("ab")]
    verdicts = [Verdict(Status.CORRECT, 1.0, "0.5"), Verdict(Status.WRONG, 0.0, "2")] * 2
    samples = [Sample(Answer("so", "stop", 3), verdict) for verdict in verdicts]
    answered = [Answered(problems[0], Prompt("?"), samples), Answered(problems[1], Prompt("?", has_room=False), [])]
    made = Evaluated(ProblemSet("halves", "1", tuple(problems)), Draw(4, 9, 1.0, 0), answered).report()
    assert made["pass_at_k"]["1"]["mean"] == 0.25 and made["pass_at_k"]["2"]["mean"] == pytest.approx(5 / 12)
    assert made["majority_at_k"]["4"]["mean"] == 0.25  # a tie of two, and a failure
    text, html = (path.read_text() for path in write_pages(made, tmp_path / "halves"))
    assert "| halves 1 | 2 | 4 | 25.0" in text and "| 2024-01 | 1 | 0.0" in text
    assert [one["gold"] for one in data(Elements(html))] == ["1/2", "1/2"] and "<svg" in html


def test_what_was_not_judged_has_no_score() -> None:
    assert shown({"mean": None, "low": None, "high": None}) == shown(None) == "-"
    picture = month_picture({"2024-08": {"mean": None, "low": None, "high": None, "problems": 3}})
    assert "circle" not in picture and "n=3" in picture


def test_a_month_is_drawn_at_its_score() -> None:
    picture = Elements(month_picture(report()["slices"]["month"]))
    circles = [(float(a["cx"] or 0), float(a["cy"] or 0)) for a, _ in picture.of("circle")]
    grid = {text: float(a["y"] or 0) - 4 for a, text in picture.of("text") if text.endswith("%")}
    assert circles[0][0] < circles[1][0]
    assert [y for _, y in circles] == [grid["50%"], grid["100%"]]


def test_a_second_opinion_is_over_the_samples_that_both_judged() -> None:
    def other(status: str, score: float | None) -> dict[str, Any]:
        return {"other_verdicts": {"official": {"status": status, "score": score, "detail": ""}}}

    problems = [
        problem("a", sample("correct", **other("correct", 1.0)), sample("correct", **other("wrong", 0.0))),
        problem("b", sample("wrong", **other("correct", 1.0)), sample("wrong", **other("timeout", 0.0))),
        problem("c", sample("unjudged", **other("correct", 1.0)), sample("correct", **other("unjudged", None))),
        problem("d", sample("correct")),
        problem("e"),
    ]
    [got] = second_opinions(problems)
    assert (got.rule, got.num_both, got.num_agreed) == ("official", 4, 2)
    assert [(one["id"], number) for one, number in got.disagreements] == [("a", 1), ("b", 0)]
    assert (got.ours.mean, got.theirs.mean) == (0.5, 0.5)


def test_markdown_of_a_report_with_one_sample_a_problem_has_no_table_of_k() -> None:
    assert "By number of samples" not in markdown(report())
    many = {**report(), "pass_at_k": {k: report()["score"] for k in ("1", "2", "4")}}
    assert "| 4 | 75.0" in markdown(many)
