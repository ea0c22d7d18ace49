"""The report of an eval as pages for people: Markdown tables, and one HTML page with every sample."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from trainer.disk import write_whole
from trainer.evals.page import Table, page, text
from trainer.evals.second_opinion import SecondOpinion, second_opinions
from trainer.evals.stored_report import Interval, Report, model_name, shown

RATES = ("no_answer", "truncated", "timeout", "unjudged", "failed")
MAX_LEFT_OUT = 10
"""Rows of the problem set that are no problems and are named on the pages."""
MAX_LISTED = 40
"""Disagreements that the Markdown lists for each rule; the HTML page can filter for them all."""


def write_pages(report: Report, stem: Path) -> tuple[Path, Path]:
    """Write STEM.md and STEM.html beside the JSON report STEM.json; where they are."""
    names = stem.with_name(f"{stem.name}.md"), stem.with_name(f"{stem.name}.html")
    write_whole(names[0], markdown(report))
    months = report["slices"].get("month", {})
    pictures = [month_picture(months)] if months else []
    write_whole(names[1], page(_title(report), about(report), list(_tables(report)), pictures, report["problems"]))
    return names


def markdown(report: Report) -> str:
    """The report's tables, with the samples that other rules judge otherwise: on the HTML page a filter finds those."""
    opinions = [opinion for opinion in second_opinions(report["problems"]) if opinion.disagreements]
    tables = [*_tables(report), *(_disagreement_table(opinion, _own_rule(report)) for opinion in opinions)]
    parts = [f"# {_cell(_title(report))}", "\n".join(f"- {_cell(line)}" for line in about(report))]
    return "\n\n".join([*parts, *map(_markdown_table, tables)]) + "\n"


def about(report: Report) -> list[str]:
    """One line each: by which model and how the samples were made, and what a reader of the score should know."""
    digest = (report.get("model") or {}).get("digest", "")
    left_out = report.get("left_out", ())
    unnamed = len(left_out) - MAX_LEFT_OUT
    return [
        f"model {model_name(report)}" + (f" ({digest[:12]})" if digest else ""),
        protocol_line(report),
        *report.get("notes", ()),
        *(f"left out: {why}" for why in left_out[:MAX_LEFT_OUT]),
        *([f"left out: {unnamed} more, which the JSON report names"] if unnamed > 0 else []),
    ]


def protocol_line(report: Report) -> str:
    """The protocol with its hash; in a report without one, the sampling settings, if it sampled."""
    sampling = report["sampling"]
    if not (protocol := report.get("protocol")):
        if not sampling["max_new_tokens"]:
            return f"completions were sampled elsewhere: {sampling['count']} of a problem, at most"
        return f"sampling: {_flat(sampling)}"
    settings = {key: value for key, value in protocol.items() if key not in ("name", "hash")}
    return f"protocol {protocol['name']} ({protocol['hash'][:12]}): {_flat(settings)}"


def score_table(report: Report) -> Table:
    """The score and, beside it, what keeps it from being what it seems."""
    cells = {"set": _title(report), "problems": str(len(report["problems"])), "samples": str(_num_samples(report))}
    if _has_partial_credit(report):
        cells["mean score"] = shown(report["score"])
    cells |= {f"pass@{k}": shown(report["pass_at_k"][k]) for k in _ends(report["pass_at_k"])}
    cells |= {f"majority@{k}": shown(report["majority_at_k"][k]) for k in _ends(report["majority_at_k"]) if k != "1"}
    cells |= {name.replace("_", " "): f"{100 * report['rates'].get(name, 0):.1f} %" for name in RATES}
    cells["mean tokens"] = f"{report['mean_tokens']:.0f}" if report["mean_tokens"] else "-"
    return Table("Score", list(cells), [list(cells.values())], "In percent, with the 95 % interval over problems.")


def month_picture(months: Mapping[str, Interval]) -> str:
    """Score by contest month with its interval, as an SVG element: a fall where training data ends is contamination."""
    width, height, left, bottom, top = max(480, 40 * len(months) + 60), 240, 44, 40, 24
    step = (width - left - 12) / len(months)

    def y(share: float) -> float:
        return round(top + (1 - share) * (height - top - bottom), 1)

    parts = [
        f'<svg viewBox="0 0 {width} {height}" width="{width}" role="img" fill="currentColor" stroke="currentColor" '
        'font-family="system-ui, sans-serif" font-size="11" aria-label="score by month">',
        f'<text x="{left}" y="13" stroke="none">mean score by month, 95 % interval over problems</text>',
    ]
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        parts.append(f'<line x1="{left}" x2="{width}" y1="{y(share)}" y2="{y(share)}" stroke-opacity="0.2"/>')
        parts.append(f'<text x="{left - 6}" y="{y(share) + 4}" text-anchor="end" stroke="none">{share:.0%}</text>')
    for number, (month, found) in enumerate(sorted(months.items())):
        x = round(left + step * (number + 0.5), 1)
        if found["mean"] is not None:
            low, high = y(found["low"]), y(found["high"])
            parts.append(f'<line x1="{x}" x2="{x}" y1="{low}" y2="{high}" stroke-opacity="0.6"/>')
            parts.append(f'<circle cx="{x}" cy="{y(found["mean"])}" r="3.5" stroke="none"/>')
        label = f'<text x="{x}" text-anchor="middle" stroke="none" y='
        parts.append(f'{label}"{height - bottom + 15}" font-size="9">{text(month)}</text>')
        parts.append(f'{label}"{height - bottom + 28}" font-size="9" opacity="0.6">n={found["problems"]}</text>')
    return "\n".join([*parts, "</svg>"])


def _tables(report: Report) -> Iterator[Table]:
    yield score_table(report)
    if len(report["pass_at_k"]) > 2:
        votes = report["majority_at_k"]
        header = ["k", "pass@k", *(["majority@k"] if votes else [])]
        rows = [
            [k, shown(found), *([shown(votes.get(k))] if votes else [])] for k, found in report["pass_at_k"].items()
        ]
        yield Table("By number of samples", header, rows, "Over all subsets of k of a problem's judged samples.")
    for tag, values in {"verifier": _with_counts(report), **report["slices"]}.items():
        if len(values) > 1:
            rows = [[value, str(found["problems"]), shown(found)] for value, found in values.items()]
            yield Table(f"By {tag}", [tag, "problems", "mean score"], rows)
    for opinion in second_opinions(report["problems"]):
        yield _rule_table(opinion, _own_rule(report))


def _with_counts(report: Report) -> dict[str, Interval]:
    """Scores by verifier, with the number of problems of each."""
    names = [problem["verifier"] for problem in report["problems"]]
    return {name: {**found, "problems": names.count(name)} for name, found in report["by_verifier"].items()}


def _own_rule(report: Report) -> str:
    """By what the report's own score is judged."""
    return report.get("rule") or "this report"


def _rule_table(opinion: SecondOpinion, own: str) -> Table:
    header = ["rule", "mean score", "samples that both judged", "agreed"]
    agreed = f"{opinion.num_agreed} ({100 * opinion.num_agreed / max(1, opinion.num_both):.1f} %)"
    rows = [
        [own, shown(asdict(opinion.ours)), str(opinion.num_both), agreed],
        [opinion.rule, shown(asdict(opinion.theirs)), "", ""],
    ]
    return Table(f"Judged by {opinion.rule} too", header, rows)


def _disagreement_table(opinion: SecondOpinion, own: str) -> Table:
    """Answers are in it where there is a gold to see them beside: a program does not fit into a table."""
    listed = opinion.disagreements[:MAX_LISTED]
    has_gold = any(problem.get("gold") for problem, _ in listed)
    header = ["problem", "sample", *(["answer", "expected"] if has_gold else []), own, opinion.rule]
    rows = []
    for problem, number in listed:
        sample = problem["samples"][number]
        answers = [sample["answer"] or "", problem.get("gold") or ""] if has_gold else []
        verdicts = (sample, sample["other_verdicts"][opinion.rule])
        said = [f"{verdict['status']}: {verdict['detail']}".strip(": ") for verdict in verdicts]
        rows.append([problem["id"], str(number), *answers, *said])
    left = len(opinion.disagreements) - len(rows)
    return Table(f"Where {opinion.rule} differs", header, rows, f"and {left} more" if left else "")


def _markdown_table(table: Table) -> str:
    lines = [[*table.header], ["---"] * len(table.header), *table.rows]
    cells = "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)
    return f"## {_cell(table.title)}\n\n{cells}" + (f"\n\n{table.note}" if table.note else "")


def _cell(value: str, longest: int = 200) -> str:
    """On one line, shortened, and with nothing in it that Markdown or HTML would take for its own."""
    line = " ".join(value.split())
    line = line if len(line) <= longest else line[: longest - 3] + "..."
    return re.sub(r"([\\|`*_<>\[\]#~$])", r"\\\1", line).encode("utf-8", "replace").decode("utf-8")


def _title(report: Report) -> str:
    return f"{report['name']} {report['version']}"


def _num_samples(report: Report) -> int:
    return sum(len(problem["samples"]) for problem in report["problems"])


def _has_partial_credit(report: Report) -> bool:
    samples = [sample for problem in report["problems"] for sample in problem["samples"]]
    return any(sample["score"] not in (0, 1, None) for sample in samples)


def _ends(by_k: Mapping[str, Interval]) -> list[str]:
    """The fewest and the most samples that there is a figure for."""
    ks = sorted(map(int, by_k))
    return [str(k) for k in dict.fromkeys([*ks[:1], *ks[-1:]])]


def _flat(settings: Mapping[str, Any]) -> str:
    """What is set, in one line: long texts shortened, of lists the length."""
    given = {name: value for name, value in settings.items() if value not in (None, "", [])}
    return ", ".join(f"{name} {_short(value)}" for name, value in given.items())


def _short(value: object) -> str:
    if isinstance(value, list | tuple):
        return f"({len(value)})"
    written = json.dumps(value) if isinstance(value, str | Mapping) else str(value)
    return written if len(written) <= 80 else f"{written[:77]}..."
