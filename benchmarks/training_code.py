"""Programs that people train on: open-r1's verifiable problems, TACO and APPS, as tables of their columns."""

from __future__ import annotations

from benchmarks.options import Options, read_options, read_split
from benchmarks.table import TableOptions, read_table
from benchmarks.types import ProblemSet, ProblemSource

INSTRUCTION = "Reply with a Python program in a code block. Unless it says otherwise, it reads stdin and writes stdout."
OPENR1 = TableOptions(
    columns={
        "prompt": "problem_statement",
        "tests": "verification_info",
        "id": "problem_id",
        "tags.source": "source",
    },
    instruction=INSTRUCTION,
    repeats="drop",
    hub="open-r1/verifiable-coding-problems-python",
    file="data/train-*.parquet",
)
"""Problems of APPS, TACO and CodeContests; each test has a type, and its function's name where it calls one."""
TACO = TableOptions(
    columns={"prompt": "question", "tests": "input_output", "starter": "starter_code", "tags.difficulty": "difficulty"},
    instruction=INSTRUCTION,
    repeats="drop",
    hub="BAAI/TACO",
)
"""arXiv 2312.14852."""
APPS = TACO.model_copy(update={"hub": "codeparrot/apps"})
"""arXiv 2105.09938; the form that the others take up."""


def load_openr1_code(source: ProblemSource) -> ProblemSet:
    """Rows have problem_statement, verification_info (language, test_cases), problem_id, source."""
    read_split(source, "train")
    return _load(source, OPENR1, OPENR1.file)


def load_taco(source: ProblemSource) -> ProblemSet:
    """Rows have question, input_output (JSON text), starter_code, difficulty."""
    return _load(source, TACO, f"ALL/{read_split(source, 'train', 'test')}-*.parquet")


def load_apps(source: ProblemSource) -> ProblemSet:
    """Rows have question, input_output (JSON text), starter_code, difficulty."""
    return _load(source, APPS, f"{read_split(source, 'train', 'test')}.jsonl")


def _load(source: ProblemSource, table: TableOptions, file: str) -> ProblemSet:
    read_options(source, Options)
    return read_table(source, table.model_copy(update={"file": file}))
