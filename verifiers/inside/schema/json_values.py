"""Compares JSON values, and shows them: equality, the first difference, and how much of one is in another."""

from __future__ import annotations

import json
from typing import Any

from verifiers.inside.schema.untyped import one_line


def same(one: Any, other: Any) -> bool:
    """JSON Schema's equality: 1 is 1.0, true is not 1, the order of keys does not matter."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, int | float) and isinstance(other, int | float):
        return one == other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and bool(one == other)


def difference(found: Any, expected: Any, at: str = "") -> str | None:
    """The first place where a value is another than expected, on one line, or None."""
    if isinstance(found, dict) and isinstance(expected, dict):
        for name in (*expected, *found):
            where = f"{at}/{name}"
            if name not in found:
                return f"{one_line(where, 60)} is missing"
            if name not in expected:
                return f"{one_line(where, 60)} is not expected"
            if (inner := difference(found[name], expected[name], where)) is not None:
                return inner
        return None
    if isinstance(found, list) and isinstance(expected, list) and len(found) == len(expected):
        inners = (difference(*pair, f"{at}/{index}") for index, pair in enumerate(zip(found, expected, strict=True)))
        return next((inner for inner in inners if inner is not None), None)
    if isinstance(found, list) and isinstance(expected, list):
        return f"{one_line(at, 60) or 'the top'} has {len(found)} items, not {len(expected)}"
    if same(found, expected):
        return None
    return f"{one_line(at, 60) or 'the top'} is {shown(found, 40)}, not {shown(expected, 40)}"


def leaves_in_common(found: Any, expected: Any) -> tuple[int, int]:
    """(leaves that are as expected, leaves in all): what is missing and what is too much count against it."""
    if isinstance(expected, dict) and expected:
        if not isinstance(found, dict):
            return 0, num_leaves(expected)
        pairs = [leaves_in_common(found[name], expected[name]) if name in found else (0, num_leaves(expected[name]))
                 for name in expected]  # fmt: skip
        extra = sum(num_leaves(found[name]) for name in found if name not in expected)
    elif isinstance(expected, list) and expected:
        if not isinstance(found, list):
            return 0, num_leaves(expected)
        pairs = [leaves_in_common(found[index], item) if index < len(found) else (0, num_leaves(item))
                 for index, item in enumerate(expected)]  # fmt: skip
        extra = sum(map(num_leaves, found[len(expected) :]))
    else:
        return (1, 1) if same(found, expected) else (0, max(1, num_leaves(found)))
    return sum(right for right, _ in pairs), sum(total for _, total in pairs) + extra


def num_leaves(value: Any) -> int:
    """Scalars, and collections that are empty."""
    if isinstance(value, dict) and value:
        return sum(map(num_leaves, value.values()))
    if isinstance(value, list) and value:
        return sum(map(num_leaves, value))
    return 1


def shown(value: Any, limit: int = 200) -> str:
    """A value as JSON, on one line of at most `limit` characters; no more of it is written than that takes."""
    pieces, length = [], 0
    for piece in json.JSONEncoder(ensure_ascii=False).iterencode(value):
        pieces.append(piece[: limit + 1])
        length += len(piece)
        if length > limit:
            break
    return one_line("".join(pieces), limit)
