"""When memory runs out: the same work again in smaller micro-batches, said out loud."""

from __future__ import annotations

import gc
from collections.abc import Callable
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


def with_smaller_micro_batches(
    run: Callable[[int], T], tokens: int, say: Callable[[str], None], *, longest: int
) -> tuple[T, int]:
    """`run(tokens)` and the tokens it was done with: half as many after each time that memory ran out.

    `run` is called from the beginning each time: it must forget what a failed call left behind (the gradients), and
    move nothing before all its micro-batches are through. `longest` is the tokens of the longest row, which always goes
    through whole: smaller micro-batches than that need no less memory, and `OutOfMemory` is raised. The caller goes on
    with the tokens returned, and keeps them in its checkpoint: a resumed run that began with more would sum in another
    order.
    """
    while True:
        try:
            return run(tokens), tokens
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            if tokens <= longest:
                raise OutOfMemory(
                    f"out of memory with a single row of {longest} tokens in a micro-batch: lower "
                    "sampling.max_new_tokens or max_prompt_tokens, or take a smaller model"
                ) from error
        # Not inside `except`: the error's traceback holds the tensors of the call that failed.
        _give_back()
        fewer = max(tokens // 2, longest)
        say(f"out of memory with micro-batches of {tokens} tokens: once more with {fewer}")
        tokens = fewer


def _give_back() -> None:
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
