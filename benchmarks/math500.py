"""MATH-500: the 500 held-out problems of MATH chosen by Lightman et al. (arXiv 2305.20050)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import islice

from pydantic import field_validator

from benchmarks.boxed import boxed_problem
from benchmarks.hub import hub_rows
from benchmarks.options import Options, read_options, read_split
from benchmarks.rows import text
from benchmarks.rules import by_rule, read_rules
from benchmarks.soundness import notes
from benchmarks.types import ProblemSet, ProblemSource

RULES: Mapping[str, str] = {"strict": "math", "math-verify": "math-verify"}
"""Each is a verifier that takes a gold."""


class Math500Options(Options):
    """Judged by whom."""

    rule: str = "strict,math-verify"
    """strict, our own verifier of mathematics; math-verify, the library of that name. The score is by the first; the
    other one is asked for its opinion, and reports show both."""

    @field_validator("rule")
    @classmethod
    def _known_rules(cls, rule: str) -> str:
        return ",".join(read_rules(rule, RULES))


def load(source: ProblemSource) -> ProblemSet:
    """Rows have problem, solution, answer, subject, level, unique_id."""
    rules = read_options(source, Math500Options).rule.split(",")
    read_split(source, "test")
    found = hub_rows(source, repository="HuggingFaceH4/MATH-500", files=("test.jsonl",))
    ruled, worked = [], {}
    for place, row in islice(found, source.max_problems):
        tags = {"subject": text(row, "subject", place), "level": str(row.get("level", ""))}
        gold = text(row, "answer", place)
        problem = boxed_problem(text(row, "unique_id", place), text(row, "problem", place), gold, tags)
        ruled.append({rule: replace(problem, verifier=RULES[rule]) for rule in rules})
        worked[problem.id] = text(row, "solution", place)
    problems, opinions = by_rule(ruled, rules)
    return ProblemSet(
        "math500", "1" if rules[0] == "strict" else f"1 rule={rules[0]}", problems, {"worked": worked},
        notes=notes(source, problems, 500), rule=rules[0], second_opinions=opinions,
    )  # fmt: skip
