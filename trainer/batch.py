"""Completions and their advantages to batches for the model, by a budget of tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

import torch
from torch import Tensor

from trainer.attention import Packing


@dataclass(frozen=True, slots=True)
class Row:
    """One sequence to learn from: the loss is on `completion` only."""

    prompt: Sequence[int]
    completion: Sequence[int]
    advantage: float = 1.0
    weight: float = 1.0
    """Of each token of the completion in the loss."""
    old_logprobs: Sequence[float] | None = None
    """Of the completion's tokens, and so are the next two. None: of no use, since the ratio is held at 1."""
    importance: Sequence[float] | None = None
    """Weights that correct for what sampled the tokens; None: all 1."""
    ref_logprobs: Sequence[float] | None = None
    """Of the reference policy; all rows of a step have them, or none."""
    count: int = 1
    """How many completions it stands for."""

    def __len__(self) -> int:
        return len(self.prompt) + len(self.completion)


def merged(rows: Sequence[Row]) -> list[Row]:
    """Equal completions of a prompt with equal advantages once, with the sum of their weights: the same loss for less.

    Equal down to their old log-probs and importance, but for the rounding that differs from batch to batch.
    """
    by_sequence: dict[tuple[object, ...], list[Row]] = {}
    for row in rows:
        same = by_sequence.setdefault((tuple(row.prompt), tuple(row.completion), row.advantage), [])
        for index, other in enumerate(same):
            if _agree(row.old_logprobs, other.old_logprobs) and _agree(row.importance, other.importance):
                same[index] = replace(other, weight=other.weight + row.weight, count=other.count + row.count)
                break
        else:
            same.append(row)
    return [row for same in by_sequence.values() for row in same]


def _agree(some: Sequence[float] | None, other: Sequence[float] | None) -> bool:
    if some is None or other is None:
        return some is other
    return all(abs(p - q) < ROUNDING for p, q in zip(some, other, strict=True))


ROUNDING = 1e-5
"""Nats: the most that a sampler in float32 was seen to differ from itself on the same tokens in another batch."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Sequences that go through the model together: T tokens, M of them to learn from."""

    tokens: Tensor
    """[1, T] packed, or [B, T / B] padded on the right; int64."""
    positions: Tensor | None
    """[1, T]: of each token in its sequence; None where padded."""
    packing: Packing | None
    """None where padded."""
    places: Tensor
    """[M] int64: tokens, counted through, whose next one is learned from; sequence by sequence."""
    targets: Tensor
    """[M] int64: those next ones."""
    cu_seqlens: Tensor
    """[S + 1] int32: sequence s has targets cu_seqlens[s] … cu_seqlens[s + 1]."""
    advantage: Tensor
    """[M] float32, of the completion that the token belongs to; and so are the rest."""
    weight: Tensor
    """Of the token in the loss."""
    old_logprob: Tensor
    importance: Tensor | None
    ref_logprob: Tensor | None
    count: Tensor
    """How many tokens of completions it stands for."""
    rows: Sequence[int]
    """Where the sequences stood among the rows that were packed."""


def pack(rows: Sequence[Row], *, max_tokens: int, pad: int | None, device: torch.device) -> list[Batch]:
    """Rows of like length together, at most `max_tokens` tokens a batch; one row alone may be longer.

    `pad` None: sequences one after another in a single row of the batch. Else one sequence a row, padded with it on
    the right, and padding counts as tokens. Batches come longest first, so that what does not fit fails at once.
    """
    batches: list[list[int]] = []
    tokens = 0
    for index in sorted(range(len(rows)), key=lambda index: -len(rows[index])):
        size = len(rows[index if pad is None or not batches else batches[-1][0]])
        if not batches or tokens + size > max_tokens:
            batches.append([])
            size, tokens = len(rows[index]), 0
        batches[-1].append(index)
        tokens += size
    return [_batch([rows[index] for index in part], part, pad, device) for part in batches]


def _batch(rows: Sequence[Row], indices: Sequence[int], pad: int | None, device: torch.device) -> Batch:
    lengths = [len(row) for row in rows]
    width = sum(lengths) if pad is None else lengths[0]
    starts = [0, *accumulate(lengths)] if pad is None else [index * width for index in range(len(rows))]
    tokens = torch.full((width if pad is None else width * len(rows),), pad or 0, dtype=torch.long)
    places = []
    for start, row in zip(starts, rows, strict=False):
        tokens[start : start + len(row)] = torch.tensor([*row.prompt, *row.completion])
        places.append(torch.arange(start + len(row.prompt) - 1, start + len(row) - 1))
    places_M = torch.cat(places)
    targets = [len(row.completion) for row in rows]

    def of_tokens(values: list[Sequence[float]]) -> Tensor:
        return torch.tensor([value for part in values for value in part], dtype=torch.float32).to(device)

    def of_rows(values: Sequence[float]) -> Tensor:
        spread = torch.tensor(values, dtype=torch.float32).repeat_interleave(torch.tensor(targets))
        return spread.to(device)

    def optional(values: list[Sequence[float] | None]) -> Tensor | None:
        known = [part for part in values if part is not None]
        return of_tokens(known) if len(known) == len(rows) else None

    return Batch(
        tokens=tokens.view(-1, width).to(device),
        positions=None if pad is not None else torch.cat([torch.arange(n) for n in lengths]).unsqueeze(0).to(device),
        packing=None if pad is not None else Packing.of(lengths, device),
        places=places_M.to(device),
        targets=tokens[places_M + 1].to(device),
        cu_seqlens=torch.tensor([0, *accumulate(targets)], dtype=torch.int32, device=device),
        advantage=of_rows([row.advantage for row in rows]),
        weight=of_rows([row.weight for row in rows]),
        count=of_rows([row.count for row in rows]),
        old_logprob=of_tokens([row.old_logprobs or [0.0] * len(row.completion) for row in rows]),
        importance=optional([row.importance for row in rows]),
        ref_logprob=optional([row.ref_logprobs for row in rows]),
        rows=indices,
    )
