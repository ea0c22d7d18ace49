"""The quickstart for three seeds, whole: it learns what the README says, in the time it says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from sandbox import list_leftovers

ROOT = Path(__file__).parents[1]


def quickstart(seed: int, place: Path) -> dict[str, Any]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "assay", "train", "quickstart", f"seed={seed}"]
    started = time.monotonic()
    ended = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    summary: dict[str, Any] = json.loads((place / "runs/quickstart/summary.json").read_text())
    return {**summary, "wall": time.monotonic() - started}


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_the_quickstart_learns_for_three_seeds(tmp_path: Path) -> None:
    summaries = [quickstart(seed, tmp_path) for seed in (1, 2, 3)]
    for found in summaries:
        shown = {key: found[key] for key in ("seed", "stages", "gain_over_best_supervised", "wall")}
        assert found["after"]["all"] >= 0.90, shown
        assert found["after"]["all"] >= found["before"]["all"] + 0.25, shown
        assert found["gain_over_best_supervised"]["low"] > 0, shown
        assert found["wall"] < 480, shown
        assert found["sampler"].startswith("vllm "), shown
    assert sum(found["gain_over_best_supervised"]["mean"] for found in summaries) / 3 >= 0.03
    runs = sorted(path.name for path in (tmp_path / "runs").iterdir())
    assert runs == ["quickstart", "quickstart-1", "quickstart-2"]
    assert not [found for found in list_leftovers() if not found.is_live]
