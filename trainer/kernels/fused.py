"""Log-probs straight from the product: a tile of logits is summed up in registers and never written.

M tokens, H hidden, V vocabulary, P parts of the vocabulary that are worked on side by side.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor
from triton.tools.tensor_descriptor import TensorDescriptor

from trainer.kernels.backend import INTERPRETED, launch_options
from trainer.kernels.row import Rows, RowStatistics

HALF_PRECISION = (torch.bfloat16, torch.float16)


def check_fusible(hidden: Tensor, weight: Tensor) -> None:
    """Raises ValueError: tensor cores take halves, and the engine that feeds them rows of whole 16 bytes."""
    if hidden.dtype not in HALF_PRECISION:
        raise ValueError(f"form='fused': {hidden.dtype} has no exact product on tensor cores; use form='chunks'")
    if any(tensor.data_ptr() % 16 or not tensor.is_contiguous() for tensor in (hidden, weight)) or hidden.shape[1] % 8:
        raise ValueError("form='fused': hidden and weight must be contiguous, with H a multiple of 8")


@triton.jit
def add_half(z, column, target, V, maximum, total, moment, chosen):
    """Half a tile of scaled logits [BLOCK_M, BLOCK_N / 2] to the running sums of its rows, as in `scan_row`."""
    z = tl.where((column < V)[None, :], z, float("-inf"))
    risen = tl.maximum(maximum, tl.max(z, 1))
    decay = tl.exp(maximum - risen)
    above = tl.maximum(z - risen[:, None], -1e30, propagate_nan=tl.PropagateNan.ALL)
    weight = tl.exp(above)
    moment = decay * (moment + total * (maximum - risen)) + tl.sum(weight * above, 1)
    total = decay * total + tl.sum(weight, 1)
    chosen += tl.sum(tl.where(column[None, :] == target[:, None], z, 0.0), 1)
    return risen, total, moment, chosen


@triton.jit
def fused_logprob_kernel(
    hidden_desc,
    weight_desc,
    targets_ptr,
    scale_ptr,
    maximum_ptr,
    total_ptr,
    moment_ptr,
    chosen_ptr,
    num_rows,
    V,
    H,
    scale_stride,
    UPCAST: tl.constexpr,
    BLOCK_M: tl.constexpr,
    BLOCK_N: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Program (i, p): rows i * BLOCK_M … against every P-th tile of the vocabulary, from the p-th on.

    Neighbours in the grid differ in i, so the programs in work at one time read one tile of the weight together.
    UPCAST is for the interpreter, which multiplies bfloat16 as if it were integers.
    """
    first = tl.program_id(0) * BLOCK_M
    row = first + tl.arange(0, BLOCK_M)
    target = tl.load(targets_ptr + row, mask=row < num_rows, other=-1)
    inverse_temperature = tl.load(scale_ptr + row * scale_stride, mask=row < num_rows, other=1.0)[:, None]
    maximum = tl.full((BLOCK_M,), -3.4028234663852886e38, tl.float32)
    total = tl.zeros((BLOCK_M,), tl.float32)
    moment = tl.zeros((BLOCK_M,), tl.float32)
    chosen = tl.zeros((BLOCK_M,), tl.float32)
    for begin in range(tl.program_id(1) * BLOCK_N, V, tl.num_programs(1) * BLOCK_N):
        product = tl.zeros((BLOCK_M, BLOCK_N), tl.float32)
        for k in range(0, H, BLOCK):
            hidden = hidden_desc.load([first, k])
            weight = weight_desc.load([begin, k])
            if UPCAST:
                hidden = hidden.to(tl.float32)
                weight = weight.to(tl.float32)
            product = tl.dot(hidden, weight.T, product)
        # In two halves, which need half the registers.
        halves = tl.permute(tl.reshape(product, (BLOCK_M, 2, BLOCK_N // 2)), (0, 2, 1))
        left, right = tl.split(halves)
        column = begin + tl.arange(0, BLOCK_N // 2)
        left *= inverse_temperature
        maximum, total, moment, chosen = add_half(left, column, target, V, maximum, total, moment, chosen)
        column += BLOCK_N // 2
        right *= inverse_temperature
        maximum, total, moment, chosen = add_half(right, column, target, V, maximum, total, moment, chosen)
    out = tl.program_id(1).to(tl.int64) * num_rows + row
    tl.store(maximum_ptr + out, maximum, mask=row < num_rows)
    tl.store(total_ptr + out, total, mask=row < num_rows)
    tl.store(moment_ptr + out, moment, mask=row < num_rows)
    tl.store(chosen_ptr + out, chosen, mask=row < num_rows)


def fused_statistics(hidden: Tensor, weight: Tensor, rows: Rows) -> RowStatistics:
    """Of hidden [M, H] and weight [V, H] that pass `check_fusible`; temperature is all that is done to the logits."""
    num_rows, vocabulary = len(hidden), len(weight)
    options = launch_options("fused_logprob", hidden.shape[1])
    num_tiles = triton.cdiv(num_rows, options["BLOCK_M"])
    num_parts = max(1, options.pop("num_programs") // num_tiles)  # few rows: the vocabulary is shared out instead
    maximum, total, moment, chosen = torch.empty(4, num_parts, num_rows, dtype=torch.float32, device=hidden.device)
    fused_logprob_kernel[(num_tiles, num_parts)](
        TensorDescriptor.from_tensor(hidden, [options["BLOCK_M"], options["BLOCK"]]),
        TensorDescriptor.from_tensor(weight, [options["BLOCK_N"], options["BLOCK"]]),
        *(rows.targets, rows.inverse_temperature),
        *(maximum, total, moment, chosen),
        *(num_rows, vocabulary, hidden.shape[1], int(len(rows.inverse_temperature) > 1)),
        UPCAST=INTERPRETED,
        **options,
    )
    highest = maximum.amax(0)
    share = (maximum - highest).exp()
    sums = (share * total).sum(0)
    moments = (share * (moment + total * (maximum - highest))).sum(0)
    log_sum = sums.log()
    is_known = (rows.targets >= 0) & (rows.targets < vocabulary)
    logprob = torch.where(is_known, (chosen.sum(0) - highest) - log_sum, float("nan"))
    return RowStatistics(logprob, log_sum - moments / sums, highest, log_sum)
