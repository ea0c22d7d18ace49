"""The JSON report of an eval, read again."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trainer.settings import ConfigError

Report = Mapping[str, Any]
"""As trainer/evals/evaluate.py writes it, where its keys are told."""
Problem = Mapping[str, Any]
"""One of a report's `problems`."""
Interval = Mapping[str, Any]
"""{"mean", "low", "high"}, of a share; all three None where nothing was judged."""

KEYS = ("name", "version", "problems", "pass_at_k", "majority_at_k")
"""What a report is known by, and what older ones lack."""
VOTED = frozenset({"math", "math-verify"})
"""Verifiers whose answers can be voted on: two programs or essays are never the same."""


def read_reports(path: Path) -> dict[str, Report]:
    """The reports in a file or in a folder, by the name of their problem set; raises `ConfigError`."""
    files = sorted(path.glob("*.json")) if path.is_dir() else [path]
    found: dict[str, tuple[Path, Report]] = {}
    for file in files:
        report = read_report(file)
        if report["name"] in found:
            raise ConfigError(
                f"{path}: {found[report['name']][0].name} and {file.name} are both of {report['name']}; name one"
            )
        found[report["name"]] = file, report
    if not found:
        raise ConfigError(f"{path}: no report (.json) of assay eval is in this folder")
    return {name: report for name, (_, report) in found.items()}


def read_report(path: Path) -> Report:
    """The JSON report that `assay eval` wrote, or a run's in its evals/ (of its sampled completions); `ConfigError`."""
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise ConfigError(f"{path}: not JSON: {error}") from None
    if not isinstance(report, dict):
        raise ConfigError(f"{path}: not a report of assay eval: it is no JSON object")
    whole: Report = report.get("sampled", report)
    if missing := [key for key in KEYS if key not in whole]:
        raise ConfigError(f"{path}: not a report of assay eval, or of an older one: it has no {', '.join(missing)}")
    return whole


def model_name(report: Report) -> str:
    """Of completions that were sampled elsewhere: their file's."""
    model = report.get("model") or {}
    return str(model.get("name") or Path(model.get("completions", "stored completions")).name)


def scores(problem: Problem) -> list[float]:
    """Of its judged samples; a problem without any completion has failed."""
    if not problem["samples"]:
        return [0.0]
    return [sample["score"] for sample in problem["samples"] if sample["score"] is not None]


def shown(found: Interval | None) -> str:
    """In percent: 83.9 [80.4, 86.9]."""
    if found is None or found["mean"] is None or math.isnan(found["mean"]):
        return "-"
    return f"{100 * found['mean']:.1f} [{100 * found['low']:.1f}, {100 * found['high']:.1f}]"
