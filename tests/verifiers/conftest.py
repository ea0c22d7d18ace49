"""A router whose boxes are up, shared by the tests that only judge."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox import SandboxUnavailable
from verifiers import Problem, Router

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def router() -> Iterator[Router]:
    with Router() as router:
        try:
            router.start()
        except SandboxUnavailable as error:
            pytest.skip(f"neither docker nor bubblewrap: {error}")
        yield router


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def shared_data(name: str) -> Path:
    """A file of the folder `shared/data` beside the checkout; without it the test is left out, but not in CI."""
    path = ROOT.parent / "shared" / "data" / name
    if not path.exists():
        reason = f"{name} is not in {path.parent}"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return path


def problem(verifier: str, spec: dict[str, Any], name: str = "p") -> Problem:
    return Problem(name, "", verifier, spec)
