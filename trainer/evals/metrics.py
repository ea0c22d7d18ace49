"""The report of an eval as metrics of each problem, for the result forms of other harnesses."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import majority_at_k, pass_at_k, standard_error
from trainer.evals.stored_report import VOTED, Problem, Report

PerProblem = Mapping[str, Sequence[float | None]]
"""A metric's name to its value for each problem; None where too few samples of it were judged."""


def metrics(report: Report, pass_name: Callable[[int], str], majority_name: Callable[[int], str]) -> PerProblem:
    """pass@k and majority@k of each problem, at the k that the report has, by the names of the form; pass@1 first."""
    problems, ks = report["problems"], sorted({1, *map(int, report["pass_at_k"])})
    found = {pass_name(k): [_pass_at(problem, k) for problem in problems] for k in ks}
    votes = [k for k in map(int, report["majority_at_k"]) if k > 1]
    return found | {majority_name(k): [_majority_at(problem, k) for problem in problems] for k in votes}


def _pass_at(problem: Problem, k: int) -> float | None:
    right = [is_right for _, is_right in _votes(problem, k)]
    return pass_at_k(len(right), sum(right), k) if len(right) >= k else None


def _majority_at(problem: Problem, k: int) -> float | None:
    votes = _votes(problem, k)
    return majority_at_k(votes, k) if problem["verifier"] in VOTED and len(votes) >= k else None


def _votes(problem: Problem, k: int) -> list[tuple[str | None, bool]]:
    """Answers of the judged samples, and whether each is right; a problem without completions has failed k times."""
    if not problem["samples"]:
        return [(None, False)] * k
    judged = [sample for sample in problem["samples"] if sample["score"] is not None]
    return [(sample["answer"], sample["status"] == "correct") for sample in judged]


def known(values: Sequence[float | None]) -> list[float]:
    return [value for value in values if value is not None]


def mean(values: Sequence[float | None]) -> float | None:
    """Over the problems that have a value."""
    found = known(values)
    return math.fsum(found) / len(found) if found else None


def error(values: Sequence[float | None]) -> float | None:
    """The standard error of that mean; None for a single problem."""
    found = known(values)
    return standard_error(found) if len(found) > 1 else None


def of_problem(values: PerProblem, number: int) -> dict[str, float]:
    return {name: value for name, per_problem in values.items() if (value := per_problem[number]) is not None}


def origin(report: Report) -> dict[str, Any]:
    """How the score was made, whole, for a key of our own that the harnesses do not know."""
    return {key: report[key] for key in ("protocol", "model", "verifiers", "sandbox") if key in report}


def sampling_of(report: Report) -> dict[str, Any]:
    """Temperature, top_p, seed, the number of samples and of new tokens, and stop texts, as far as they are told."""
    return {**report.get("sampling", {}), **(report.get("protocol") or {})}


def num_examples(report: Report) -> int:
    protocol = report.get("protocol") or {}
    return len(protocol.get("examples", ())) + int(protocol.get("train_examples", 0))


def prompt_text(problem: Problem) -> str:
    prompt = problem.get("prompt", "")
    return prompt if isinstance(prompt, str) else json.dumps(prompt)


def utf8(text: str) -> str:
    """Without halves of surrogate pairs, which few formats can hold."""
    return text.encode("utf-8", "replace").decode("utf-8")


def digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def write_json(path: Path, value: object) -> Path:
    """In UTF-8 as they write it, but for halves of surrogate pairs, at which their readers stop."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(utf8(json.dumps(value, indent=2, ensure_ascii=False)), encoding="utf-8")
    return path


def write_json_lines(path: Path, values: Sequence[object]) -> Path:
    """The same, one a line."""
    lines = [f"{json.dumps(value, ensure_ascii=False)}\n" for value in values]
    path.write_text(utf8("".join(lines)), encoding="utf-8", newline="\n")
    return path
