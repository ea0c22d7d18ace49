"""When memory runs out: the same work again in smaller micro-batches, said out loud."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence, Sized
from dataclasses import dataclass
from typing import TypeVar

import torch

T = TypeVar("T")

_SIGNS = (
    "DefaultCPUAllocator: can't allocate memory",
    "DefaultCPUAllocator: not enough memory",
    "CUDA out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
    "CUDA error: out of memory",
)
"""What torch says where it has no class of error for it."""


class OutOfMemory(RuntimeError):
    """Memory ran out, and smaller micro-batches can be of no more help."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether the work failed for want of memory, on a GPU or on the CPU, and might do with less of it."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error) for sign in _SIGNS)


@dataclass(slots=True)
class MicroBatches:
    """How many tokens go through the model at a time: fewer from the moment on that memory ran out."""

    tokens: int
    """Who resumes a run must go on with as many as it had last: sums would be made in another order else."""
    say: Callable[[str], None]
    """Told when there are fewer."""

    def run(self, work: Callable[[int], T], rows: Sequence[Sized]) -> T:
        """`work(tokens)`, which puts `rows` through the model, with half as many after each time that memory ran out.

        `work` is called from the beginning each time: it must forget what a failed call left behind (the gradients),
        and move nothing before all its micro-batches are through. The longest row always goes through whole: smaller
        micro-batches than that need no less memory, and `OutOfMemory` is raised.
        """
        longest = max(map(len, rows), default=0)
        while True:
            try:
                return work(self.tokens)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                if self.tokens <= longest:
                    raise OutOfMemory(
                        f"out of memory with a single row of {longest} tokens in a micro-batch: lower "
                        "sampling.max_new_tokens or max_prompt_tokens, or take a smaller model"
                    ) from error
            # Not inside `except`: the error's traceback holds the tensors of the call that failed.
            _give_back()
            fewer = max(self.tokens // 2, longest)
            self.say(f"out of memory with micro-batches of {self.tokens} tokens: once more with {fewer}")
            self.tokens = fewer


def _give_back() -> None:
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
