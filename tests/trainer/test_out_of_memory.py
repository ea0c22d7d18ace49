"""A step that runs out of memory ends as if its micro-batches had been small from the start."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import torch

from trainer.out_of_memory import MicroBatches, OutOfMemory, is_out_of_memory

MIB = 2**20
ROWS, WIDE = 4096, 8192


def learn(rows_in_micro_batch: int) -> list[float]:
    """One step of a layer, a micro-batch of 16 rows first; each then takes [rows, WIDE] floats a few times over."""
    torch.manual_seed(0)
    data, layer = torch.randn(ROWS, 16), torch.nn.Linear(16, WIDE)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
    for part in [data[:16], *data[16:].split(rows_in_micro_batch)]:
        (layer(part).logsumexp(-1).sum() / ROWS).backward()
    optimizer.step()
    return [float(parameter.double().sum()) for parameter in layer.parameters()]


def in_little_memory() -> None:
    """Run in a process of its own: prints what was said, the rows that fitted, and the weights both ways."""
    torch.set_num_threads(1)
    learn(64)  # threads and buffers that stay are there before memory is short
    unlimited = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (psutil.Process().memory_info().vms + 150 * MIB, unlimited[1]))
    said: list[str] = []
    micro_batches = MicroBatches(ROWS, said.append)
    weights = micro_batches.run(learn, ["x" * 16])
    rows = micro_batches.tokens
    resource.setrlimit(resource.RLIMIT_AS, unlimited)
    print(json.dumps({"said": said, "rows": rows, "weights": weights, "small": learn(rows)}))


def test_a_step_that_ran_out_of_memory_ends_as_with_small_micro_batches_from_the_start() -> None:
    code = "import test_out_of_memory; test_out_of_memory.in_little_memory()"
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parent, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout)
    assert 16 < found["rows"] < ROWS, found
    assert found["weights"] == found["small"]
    halvings = [ROWS >> n for n in range(20) if ROWS >> n >= found["rows"]]
    assert found["said"] == [
        f"out of memory with micro-batches of {rows} tokens: once more with {rows // 2}" for rows in halvings[:-1]
    ]


def test_it_halves_down_to_the_longest_row_and_then_says_what_to_lower() -> None:
    tried: list[int] = []

    def too_much(tokens: int) -> torch.Tensor:
        tried.append(tokens)
        return torch.empty(2**50)

    with pytest.raises(OutOfMemory, match=r"a single row of 300 tokens.*lower sampling\.max_new_tokens"):
        MicroBatches(1000, print).run(too_much, ["x" * 20, "x" * 300])
    assert tried == [1000, 500, 300]


def test_a_failed_call_leaves_no_tensors_behind_for_the_next() -> None:
    alive: list[int] = []

    class Witness:
        count = 0

        def __init__(self) -> None:
            Witness.count += 1

        def __del__(self) -> None:
            Witness.count -= 1

    def hold_and_fail(tokens: int) -> int:
        alive.append(Witness.count)
        witness = Witness()
        if tokens > 100:
            torch.empty(2**50)
        del witness
        return tokens

    micro_batches = MicroBatches(400, print)
    assert micro_batches.run(hold_and_fail, ["x" * 10]) == micro_batches.tokens == 100
    assert alive == [0, 0, 0]


def test_other_faults_are_not_taken_for_want_of_memory() -> None:
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        MicroBatches(64, print).run(lambda tokens: torch.ones(2, 3) @ torch.ones(2, 3), ["x"])
    assert not is_out_of_memory(RuntimeError("CUDA error: an illegal memory access was encountered"))
    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"))
    assert is_out_of_memory(RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"))
