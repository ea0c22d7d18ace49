"""Mathematics that people train on: DeepScaleR, DAPO-17k and OpenR1-Math, as tables of their columns."""

from __future__ import annotations

from benchmarks.boxed import INSTRUCTION
from benchmarks.options import Options, read_options, read_split
from benchmarks.table import TableOptions, read_table
from benchmarks.types import ProblemSet, ProblemSource

DEEPSCALER = TableOptions(
    columns={"prompt": "problem", "answer": "answer"},
    instruction=INSTRUCTION,
    repeats="drop",
    hub="agentica-org/DeepScaleR-Preview-Dataset",
    file="deepscaler.json",
)
"""40,315 rows: AIME before 2024, AMC, Omni-MATH, Still. Most of its solutions are empty."""
DAPO = TableOptions(
    columns={"prompt": "prompt", "answer": "reward_model.ground_truth", "id": "extra_info.index"},
    repeats="drop",
    hub="BytedTsinghua-SIA/DAPO-Math-17k",
    file="data/dapo-math-17k.parquet",
)
"""17,917 problems, each about a hundred times (arXiv 2503.14476): one row of each is kept. Its prompts ask for a last
line `Answer: …`, which our verifier reads, and stay as they are; golds are integers."""
OPENR1 = TableOptions(
    columns={
        "prompt": "problem",
        "answer": "answer",
        "id": "uuid",
        "tags.type": "problem_type",
        "tags.source": "source",
    },
    instruction=INSTRUCTION,
    repeats="drop",
    hub="open-r1/OpenR1-Math-220k",
    file="data/train-*.parquet",
)
"""Problems of NuminaMath 1.5; some golds are \"proof\" or a letter, some are sentences."""


def load_deepscaler(source: ProblemSource) -> ProblemSet:
    """Rows have problem, answer, solution."""
    return _load(source, DEEPSCALER)


def load_dapo17k(source: ProblemSource) -> ProblemSet:
    """Rows have prompt (messages), reward_model.ground_truth, extra_info.index."""
    return _load(source, DAPO)


def load_openr1_math(source: ProblemSource) -> ProblemSet:
    """Rows have problem, answer, uuid, problem_type, source and R1's solutions, which are not read."""
    return _load(source, OPENR1)


def _load(source: ProblemSource, table: TableOptions) -> ProblemSet:
    read_options(source, Options)
    read_split(source, "train")
    return read_table(source, table)
