"""Whether weights arrived as they were sent: one number of them all, whatever carried them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

import torch
from torch import Tensor

_WORDS = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64}


class Checksum:
    """Of named tensors in any order: their names, shapes, types, and the sums of their bits."""

    def __init__(self) -> None:
        self._sums: dict[str, str] = {}

    def passing(self, weights: Iterable[tuple[str, Tensor]]) -> Iterator[tuple[str, Tensor]]:
        """Take in what passes through on its way to somebody else."""
        for name, weight in weights:
            bits = weight.detach().contiguous().view(_WORDS[weight.element_size()]).sum(dtype=torch.int64).item()
            self._sums[name] = f"{name} {tuple(weight.shape)} {weight.dtype} {bits}"
            yield name, weight

    @property
    def text(self) -> str:
        """16 hexadecimal digits."""
        lines = "\n".join(self._sums[name] for name in sorted(self._sums))
        return hashlib.blake2b(lines.encode(), digest_size=8).hexdigest()


def checksum(weights: Iterable[tuple[str, Tensor]]) -> str:
    """Of all of them."""
    found = Checksum()
    for _ in found.passing(weights):
        pass
    return found.text
