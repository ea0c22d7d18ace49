"""The report of an eval in the result forms of other harnesses, for tools that read those."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Literal

from trainer.evals import lighteval_form, lm_eval_form
from trainer.evals.stored_report import Report

Form = Literal["lm-eval", "lighteval"]


def export(report: Report, form: Form, folder: Path, at: datetime) -> list[Path]:
    """Write the report in that form below `folder`, in files named after the moment `at`; their paths."""
    stamp = at.isoformat().replace(":", "-")
    if form == "lm-eval":
        return lm_eval_form.write(report, folder, stamp, at.timestamp())
    return lighteval_form.write(report, folder, stamp)
