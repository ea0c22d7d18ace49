"""PRIME's Eurus-2 set, mathematics and programs in one, as two tables of its columns (arXiv 2502.01456)."""

from __future__ import annotations

from benchmarks.options import Options, read_options, read_split
from benchmarks.table import TableOptions, read_table
from benchmarks.types import ProblemSet, ProblemSource


def load_math(source: ProblemSource) -> ProblemSet:
    """Rows have prompt (messages), ability, reward_model.ground_truth (an answer), data_source."""
    return _load(source, "math", "answer")


def load_code(source: ProblemSource) -> ProblemSet:
    """The same; ground_truth is JSON text in APPS's form."""
    return _load(source, "code", "tests")


def _load(source: ProblemSource, ability: str, field: str) -> ProblemSet:
    read_options(source, Options)
    table = TableOptions(
        columns={"prompt": "prompt", field: "reward_model.ground_truth", "tags.source": "data_source"},
        only={"ability": ability},
        repeats="drop",
        hub="PRIME-RL/Eurus-2-RL-Data",
        file=f"{read_split(source, 'train', 'validation')}.parquet",
    )
    return read_table(source, table)
