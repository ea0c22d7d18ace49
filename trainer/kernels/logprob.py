"""Log-prob, entropy and logsumexp of chosen tokens from hidden states: never more than a chunk of logits at once.

M tokens, H hidden, V vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from trainer.kernels.backend import Backend, uses_triton, work_type
from trainer.kernels.fused import check_fusible, fused_statistics
from trainer.kernels.product import chunk_rows, logits
from trainer.kernels.row import Rows, RowStatistics, empty_rows, write_statistics


@dataclass(frozen=True, slots=True)
class LogProbs:
    """Of M tokens, float32 (float64 for float64 inputs); no gradient."""

    logprob: Tensor
    """[M]; nan where the target is no token of the vocabulary."""
    entropy: Tensor
    """[M], of the whole distribution at this place, in nats."""
    logsumexp: Tensor
    """[M], of the logits at temperature and soft cap."""


@dataclass(frozen=True, slots=True)
class Head:
    """A language model's last layer; its logits are softcap * tanh((hidden @ weight.T + bias) / softcap) / T."""

    weight: Tensor
    """[V, H]; rows past `vocab_size`, which pad the table, are no tokens and left out of every sum."""
    bias: Tensor | None = None
    """[V]"""
    softcap: float | None = None
    temperature: float | Tensor = 1.0
    """One for all, or [M]."""

    @classmethod
    def of(
        cls, weight: Tensor, vocab_size: int | None, bias: Tensor | None, softcap: float | None,
        temperature: float | Tensor,
    ) -> Head:  # fmt: skip
        """Without the padding. Raises ValueError for what is no head."""
        size = len(weight) if vocab_size is None else vocab_size
        if not 0 < size <= len(weight):
            raise ValueError(f"vocab_size={vocab_size}: the weight has {len(weight)} rows")
        if bias is not None and bias.shape != weight.shape[:1]:
            raise ValueError(f"bias of {list(bias.shape)}: one number a row of the weight, [{len(weight)}]")
        if softcap is not None and not softcap > 0:
            raise ValueError(f"softcap={softcap}: must be above 0, or None")
        if not isinstance(temperature, Tensor) and not temperature > 0:
            raise ValueError(f"temperature={temperature}: must be above 0")
        return cls(weight[:size], None if bias is None else bias[:size], softcap, temperature)

    def rows(self, targets: Tensor, dtype: torch.dtype) -> Rows:
        """How the rows of these targets are read."""
        if isinstance(self.temperature, Tensor):
            scale = self.temperature.to(dtype).reshape(-1).reciprocal()
        else:
            scale = torch.full((1,), 1 / self.temperature, dtype=dtype, device=targets.device)
        return Rows(targets.contiguous(), scale, self.softcap)


def linear_logprob(
    hidden: Tensor,
    weight: Tensor,
    targets: Tensor,
    *,
    temperature: float | Tensor = 1.0,
    bias: Tensor | None = None,
    softcap: float | None = None,
    vocab_size: int | None = None,
    form: Literal["chunks", "fused"] = "chunks",
    chunk: int | None = None,
    backend: Backend = "auto",
) -> LogProbs:
    """Of targets [M] int64 under softmax of hidden [M, H] @ weight [V, H] .T / temperature; for old policies and evals.

    Logits are float32 from the product on (float64 for float64): rounded to bfloat16 they would move a log-prob by
    1e-2. Temperature: one number or [M]. `bias` [V] and `softcap` as in `Head`; rows of the weight from `vocab_size` on
    are padding. Weights tied to the embedding need nothing. hidden and weight have one dtype: float32, float16,
    bfloat16 or float64.

    `form`, of the kernels: chunks writes `chunk` rows of logits at a time (default: 1.25 GiB of them) by cuBLAS and
    reads them once, and adds up as `grpo_head` does: the ratio of a policy to itself is exactly 1. fused never writes
    any, but takes halves alone, and neither bias nor soft cap.
    """
    head = Head.of(weight, vocab_size, bias, softcap, temperature)
    checked(hidden, head, targets)
    if form == "fused" and (bias is not None or softcap is not None):
        raise ValueError("form='fused': takes neither bias nor softcap; use form='chunks'")
    with torch.no_grad():
        if uses_triton(backend, hidden, weight, targets, bias) and len(hidden):
            if form == "fused":
                check_fusible(hidden, head.weight)
                statistics = fused_statistics(hidden, head.weight, head.rows(targets, torch.float32))
            else:
                statistics = _launch(hidden, head, targets, chunk or chunk_rows(len(head.weight)))
            logsumexp = statistics.maximum + statistics.log_sum
            return LogProbs(statistics.logprob, statistics.entropy, logsumexp)
        parts = [
            reference_logprob(hidden[rows], head, targets[rows], rows)
            for rows in chunks(len(hidden), chunk or chunk_rows(len(head.weight)))
        ]
        return LogProbs(*(torch.cat(columns) for columns in zip(*parts, strict=True)))


def checked(hidden: Tensor, head: Head, targets: Tensor) -> None:
    """Raises ValueError where shapes or types do not fit together."""
    if hidden.ndim != 2 or head.weight.ndim != 2 or hidden.shape[1] != head.weight.shape[1]:
        raise ValueError(f"hidden {list(hidden.shape)} and weight {list(head.weight.shape)}: want [M, H] and [V, H]")
    if targets.shape != hidden.shape[:1] or targets.dtype != torch.int64:
        raise ValueError(f"targets {list(targets.shape)} {targets.dtype}: want [{len(hidden)}] int64")
    if hidden.dtype != head.weight.dtype:
        raise ValueError(f"hidden is {hidden.dtype}, weight {head.weight.dtype}: cast one of them")
    if isinstance(head.temperature, Tensor) and head.temperature.numel() not in (1, len(hidden)):
        raise ValueError(
            f"temperature of {head.temperature.numel()}: one number, or one for each of {len(hidden)} tokens"
        )


def chunks(num_rows: int, size: int) -> list[slice]:
    """At least one, so that no rows give empty results."""
    return [slice(start, min(start + size, num_rows)) for start in range(0, max(num_rows, 1), size)]


def reference_logprob(
    hidden: Tensor, head: Head, targets: Tensor, rows: slice = slice(None), *, entropy_gradient: bool = True
) -> tuple[Tensor, Tensor, Tensor]:
    """Log-prob, entropy and logsumexp by the textbook, differentiable; `rows`: where in [M] these stand."""
    dtype = work_type(hidden.dtype)
    z = hidden.to(dtype) @ head.weight.to(dtype).T
    z = z if head.bias is None else z + head.bias.to(dtype)
    if head.softcap is not None:
        z = torch.where(z == float("-inf"), z, head.softcap * torch.tanh(z / head.softcap))
    temperature = head.temperature
    if isinstance(temperature, Tensor):
        temperature = temperature.to(dtype).reshape(-1)
        temperature = (temperature if len(temperature) == 1 else temperature[rows])[:, None]
    z = z / temperature
    log_p = torch.log_softmax(z, dim=-1)
    is_known = (targets >= 0) & (targets < z.shape[1])
    chosen = log_p.gather(1, targets.clamp(0, z.shape[1] - 1)[:, None]).squeeze(1)
    logsumexp = z.detach().amax(-1) - log_p.detach().amax(-1)
    log_p = log_p if entropy_gradient else log_p.detach()
    entropy = -(log_p.exp() * log_p.clamp(min=torch.finfo(dtype).min)).sum(-1)  # 0 times -inf is 0 here
    return torch.where(is_known, chosen, float("nan")), entropy, logsumexp


def _launch(hidden: Tensor, head: Head, targets: Tensor, chunk: int) -> RowStatistics:
    dtype = work_type(hidden.dtype)
    rows = head.rows(targets, dtype)
    buffer = empty_rows(min(chunk, len(hidden)), len(head.weight), dtype, hidden.device)
    statistics = RowStatistics.empty(len(hidden), dtype, hidden.device)
    for part in chunks(len(hidden), chunk):
        made = logits(hidden[part], head.weight, head.bias, buffer[: part.stop - part.start])
        write_statistics(made, rows[part], statistics[part])
    return statistics
