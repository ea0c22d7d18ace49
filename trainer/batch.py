"""Completions and their advantages to padded rows for the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from trainer.types import Batch


@dataclass(frozen=True, slots=True)
class Row:
    """One sequence to learn from: the loss is on `completion` only."""

    prompt: Sequence[int]
    completion: Sequence[int]
    advantage: float = 1.0
    old_logprobs: Sequence[float] | None = None
    """None: supervised, there is no sampling policy."""

    def __len__(self) -> int:
        return len(self.prompt) + len(self.completion)


def pack(rows: Sequence[Row], *, max_tokens: int, pad: int, device: torch.device) -> list[Batch]:
    """Rows of like length together, at most `max_tokens` tokens a batch with padding; one row alone may be longer."""
    by_length = sorted(rows, key=len, reverse=True)
    batches, start = [], 0
    while start < len(by_length):
        count = max(1, max_tokens // len(by_length[start]))
        batches.append(_pad(by_length[start : start + count], pad, device))
        start += count
    return batches


def _pad(rows: Sequence[Row], pad: int, device: torch.device) -> Batch:
    width = len(rows[0])
    tokens = torch.full((len(rows), width), pad, dtype=torch.long)
    is_target = torch.zeros((len(rows), width), dtype=torch.bool)
    for index, row in enumerate(rows):
        tokens[index, : len(row)] = torch.tensor([*row.prompt, *row.completion])
        is_target[index, len(row.prompt) - 1 : len(row) - 1] = True
    old = [lp for row in rows for lp in (row.old_logprobs or [0.0] * len(row.completion))]
    advantage = [row.advantage for row in rows for _ in row.completion]
    return Batch(
        tokens=tokens.to(device),
        is_target=is_target.to(device),
        old_logprob=torch.tensor(old, dtype=torch.float32, device=device),
        advantage=torch.tensor(advantage, dtype=torch.float32, device=device),
    )
