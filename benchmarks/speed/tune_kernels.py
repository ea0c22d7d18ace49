"""On a GPU, finds the launch of each kernel that is quickest and spills nothing, and rewrites the checked-in table.

    .venv/bin/python benchmarks/speed/tune_kernels.py [--kernels row_loss,policy_loss] [--dry-run]

Candidates run in turns. The two kernels that scan a row are tuned as one: only if both add up in the same order is the
ratio of a policy to itself exactly 1.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks.speed.heads import PRESET, Problem
from benchmarks.speed.kernels import timed
from trainer.kernels import group_advantages, grpo_head, linear_logprob, policy_loss, segment_reduce
from trainer.kernels.ahead_of_time import cases, compile_case
from trainer.kernels.backend import CONFIGURATIONS, configurations
from trainer.kernels.row import Rows, RowStatistics, write_gradient, write_statistics

Row = dict[str, int]
ROUNDS = 15
TOKENS = 1 << 20
TUNED_AT = {8192: 8000, 1 << 30: 151_936}
"""The vocabulary that stands for a row of the table, by the row's width."""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    names = list(configurations())
    parser.add_argument("--kernels", type=lambda text: text.split(","), default=names, help=",".join(names))
    parser.add_argument("--dry-run", action="store_true", help="print the table instead of writing it")
    options = parser.parse_args(arguments)
    if not torch.cuda.is_available():
        print("no GPU here: there is nothing to tune by", file=sys.stderr)
        return 3
    for kernel in options.kernels:
        for place in range(len(configurations()[kernel])):
            tune(kernel, place)
    text = table_text(configurations())
    if options.dry_run:
        print(text, end="")
    else:
        CONFIGURATIONS.write_text(text)
    return 0


def tune(kernel: str, place: int) -> None:
    """Put the best candidate into the table in use."""
    table = configurations()
    present = table[kernel][place]
    run = workload(kernel, present["width"])
    rows = [present, *(row for row in candidates(kernel, present) if row != present)]
    times: list[list[float]] = [[] for _ in rows]
    for round_ in range(ROUNDS + 1):
        for row, taken in zip(rows, times, strict=True):
            table[kernel][place] = row
            milliseconds = timed(run)
            if round_:  # the first compiles
                taken.append(milliseconds)
    medians = [statistics.median(taken) for taken in times]
    quickest = sorted(range(len(rows)), key=medians.__getitem__)
    best = next(index for index in quickest if rows[index] == present or fits(kernel, rows[index]))
    table[kernel][place] = rows[best]
    print(f"{kernel} {present['width']}: {medians[0]:.4f} ms -> {medians[best]:.4f} ms with {rows[best]}", flush=True)


def fits(kernel: str, row: Row) -> bool:
    """Whether no variant of the kernel spills. How many programs there are is no matter of compiling."""
    return _fits(kernel, tuple((name, value) for name, value in row.items() if name != "num_programs"))


@cache
def _fits(kernel: str, row: tuple[tuple[str, int], ...]) -> bool:
    major, minor = torch.cuda.get_device_capability()
    made = [compile_case(case, dict(row), 10 * major + minor) for case in cases() if case.kernel == kernel]
    return not any(one.spills or one.stack_bytes for one in made)


def candidates(kernel: str, present: Row) -> Iterator[Row]:
    """The row in the table with other numbers. What `row_loss` scans a row with is set by `row_statistics`."""
    if kernel == "fused_logprob":
        for block_n, block, num_stages in itertools.product((128, 256), (64, 128), (2, 3, 4)):
            if (present["BLOCK_M"] + block_n) * block * 2 * num_stages <= 220_000:  # bytes of shared memory
                yield present | {"BLOCK_N": block_n, "BLOCK": block, "num_stages": num_stages}
        return
    blocks: tuple[int, ...] = (512, 1024, 2048, 4096, 8192, 16_384)
    warps: tuple[int, ...] = (4, 8, 16)
    if kernel == "row_loss":
        scan = next(row for row in configurations()["row_statistics"] if row["width"] == present["width"])
        blocks, warps = (scan["BLOCK"],), (scan["num_warps"],)
    programs = (66, 132, 264, 528) if "num_programs" in present else (0,)
    for block, num_warps, num_programs in itertools.product(blocks, warps, programs):
        if 2 <= block // (32 * num_warps) <= 32:
            row = present | {"BLOCK": block, "num_warps": num_warps}
            yield row | {"num_programs": num_programs} if num_programs else row


def workload(kernel: str, width: int) -> Callable[[], Any]:
    """One launch, or one call in which this kernel takes the time that varies."""
    lengths = torch.arange(0, TOKENS + 1, 1024, dtype=torch.int32, device="cuda")
    values = torch.randn(TOKENS, device="cuda")
    if kernel == "segment_sums":
        return lambda: segment_reduce(values, lengths)
    if kernel == "group_advantages":
        offsets = torch.arange(0, 1025, 16, dtype=torch.int32, device="cuda")
        scores = torch.rand(1024, device="cuda")
        options: dict[str, Any] = {"cu_seqlens": lengths, "num_tokens": TOKENS, "groups_of_one": "zero"}
        return lambda: group_advantages(scores, offsets, **options)
    if kernel == "policy_loss":
        mask = torch.ones_like(values, dtype=torch.bool)
        return lambda: policy_loss(values, values, values, mask, lengths, preset=PRESET)
    if kernel == "fused_logprob":
        large = Problem.make(8192, 3584, 152_064, "cuda", torch.bfloat16)
        return lambda: linear_logprob(large.hidden, large.weight, large.targets, form="fused")
    vocabulary = TUNED_AT[width]
    problem = Problem.make(4096, 128, vocabulary, "cuda", torch.bfloat16)
    if kernel == "row_statistics":
        return lambda: linear_logprob(problem.hidden, problem.weight, problem.targets)
    if kernel == "row_loss":
        hidden = problem.hidden.requires_grad_()
        given = (hidden, problem.weight, problem.targets, problem.old_logprob, problem.advantage)
        return lambda: grpo_head(*given, torch.ones_like(problem.advantage), preset=PRESET)
    logits = torch.randn(1024, vocabulary, device="cuda")
    rows = Rows(problem.targets[:1024], torch.ones(1, device="cuda"), None)
    statistics_ = RowStatistics.empty(1024, logits.dtype, logits.device)
    write_statistics(logits, rows, statistics_)
    slope, out = torch.ones(1024, device="cuda"), torch.empty_like(logits, dtype=torch.bfloat16)
    return lambda: write_gradient(logits, rows, statistics_, slope, None, out)


def table_text(table: dict[str, list[Row]]) -> str:
    """A line a row, so that a change can be read."""
    kernels = []
    for kernel, rows in table.items():
        lines = ",\n".join(f"  {json.dumps(row)}" for row in rows)
        kernels.append(f" {json.dumps(kernel)}: [\n{lines}\n ]")
    return "{\n" + ",\n".join(kernels) + "\n}\n"


if __name__ == "__main__":
    sys.exit(main())
