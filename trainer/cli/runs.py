"""Where runs are kept: the folder `runs/`, and a run in it by its name."""

from __future__ import annotations

from pathlib import Path

from trainer.cli.ending import USER_MISTAKE, Failure

RUNS = Path("runs")


def run_folder(given: Path) -> Path:
    """A run's directory, from that or from its name in runs/."""
    if given.exists():
        return given
    if (RUNS / given).exists():
        return RUNS / given
    there = sorted(path.parent.name for path in RUNS.glob("*/config.json"))
    raise Failure(USER_MISTAKE, f"{given}: no such run; {RUNS}/ has {', '.join(there) or 'none'}")
