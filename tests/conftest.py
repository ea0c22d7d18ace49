"""What was asked for must run: a test left out for want of Docker or bubblewrap fails where that is required.

ASSAY_REQUIRE_DOCKER=1 and ASSAY_REQUIRE_BUBBLEWRAP=1 say so; `.ci/run` sets both. A test that is left out for want of a
box says so with these words: `pytest.skip("no Docker engine answers")`, "needs bubblewrap".
"""

from __future__ import annotations

import os
import re
from collections.abc import Generator
from typing import TypeVar

import pytest

_Report = TypeVar("_Report", pytest.TestReport, pytest.CollectReport)

_REQUIRED = {
    "ASSAY_REQUIRE_DOCKER": re.compile(r"\b(no|neither|nor|needs|without)\b.*docker", re.IGNORECASE),
    "ASSAY_REQUIRE_BUBBLEWRAP": re.compile(r"\b(no|neither|nor|needs|without)\b.*(bubblewrap|bwrap)", re.IGNORECASE),
}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    return _failed_if_required((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    return _failed_if_required((yield))


def _failed_if_required(report: _Report) -> _Report:
    if report.skipped and isinstance(report.longrepr, tuple):
        reason = report.longrepr[2]
        for variable, want in _REQUIRED.items():
            if os.environ.get(variable) and want.search(reason):
                report.outcome = "failed"
                report.longrepr = f"{reason}, but {variable} is set"
                break
    return report
