"""The ranks that learn together: the only file that knows how many there are."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
import torch.distributed
from torch import nn

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class World:
    """This process among those that learn. Alone, what it is given is already the whole."""

    size: int = 1
    rank: int = 0

    @classmethod
    def of_this_process(cls) -> World:
        """As torch's default process group has it, if that is there."""
        if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
            return cls()
        return cls(torch.distributed.get_world_size(), torch.distributed.get_rank())

    def total(self, values: Sequence[float]) -> list[float]:
        """Each value added up over the ranks."""
        everything, _ = self.gathered(values)
        return [math.fsum(everything[place :: len(values)]) for place in range(len(values))]

    def gathered(self, values: Sequence[T]) -> tuple[list[T], slice]:
        """The values of all ranks, in their order, and where this rank's own are among them."""
        if self.size == 1:
            return list(values), slice(0, len(values))
        parts: list[Any] = [None] * self.size
        torch.distributed.all_gather_object(parts, list(values))
        start = sum(map(len, parts[: self.rank]))
        return [value for part in parts for value in part], slice(start, start + len(values))

    def add_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Add each gradient up over the ranks, in place; a rank that learned from nothing adds zeros."""
        if self.size == 1:
            return
        for parameter in parameters:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
            torch.distributed.all_reduce(parameter.grad)
