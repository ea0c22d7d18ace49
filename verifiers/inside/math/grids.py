"""The values of matrices: sums, products, powers and determinants, entry by entry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import mpmath

from verifiers.inside.math.tree import Undefined

mp = mpmath.mp


@dataclass(frozen=True, slots=True)
class Grid:
    """The value of a matrix."""

    rows: tuple[tuple[Any, ...], ...]


def of_grids(name: str, values: Sequence[Any]) -> Any:
    """What an operator makes of values of which at least one is a grid; `Undefined` if nothing."""
    first, second = values[0], values[1] if len(values) > 1 else None
    if name == "neg" and isinstance(first, Grid):
        return Grid(tuple(tuple(-entry for entry in row) for row in first.rows))
    if name == "det" and isinstance(first, Grid) and len(first.rows) == len(first.rows[0]) <= 8:
        return mp.det(mp.matrix([list(row) for row in first.rows]))
    if isinstance(first, Grid) and isinstance(second, Grid):
        if name in ("add", "sub") and _shape(first) == _shape(second):
            sign = 1 if name == "add" else -1
            return Grid(
                tuple(
                    tuple(one + sign * other for one, other in zip(*rows, strict=True))
                    for rows in zip(first.rows, second.rows, strict=True)
                )
            )
        if (
            name == "mul"
            and _shape(first)[1] == _shape(second)[0] <= 16
            and _shape(first)[0] * _shape(second)[1] <= 256
        ):
            columns = list(zip(*second.rows, strict=True))
            return Grid(tuple(tuple(_dot(row, column) for column in columns) for row in first.rows))
    elif name == "mul":
        grid, factor = (first, second) if isinstance(first, Grid) else (second, first)
        assert isinstance(grid, Grid), "one of them is"
        return Grid(tuple(tuple(entry * factor for entry in row) for row in grid.rows))
    elif name in ("div", "frac") and isinstance(first, Grid) and second is not None and second != 0:
        return Grid(tuple(tuple(entry / second for entry in row) for row in first.rows))
    elif name == "pow" and isinstance(first, Grid) and second is not None and mp.isint(second) and 1 <= second <= 64:
        result = first
        for _ in range(int(mp.re(second)) - 1):
            result = of_grids("mul", [result, first])
        return result
    raise Undefined(f"{name} of matrices")


def paired(*values: Any) -> list[tuple[Any, ...]]:
    """The numbers of values of one shape, entry by entry; a single tuple for plain numbers."""
    if not any(isinstance(value, Grid) for value in values):
        return [values]
    if not all(isinstance(value, Grid) for value in values) or len({_shape(value) for value in values}) > 1:
        return []
    return list(zip(*([entry for row in value.rows for entry in row] for value in values), strict=True))


def _shape(grid: Grid) -> tuple[int, int]:
    return len(grid.rows), len(grid.rows[0])


def _dot(row: Sequence[Any], column: Sequence[Any]) -> Any:
    return sum((one * other for one, other in zip(row, column, strict=True)), mp.mpf(0))
