"""What counts as the same output or value: worked by hand."""

from __future__ import annotations

from typing import Any

import pytest

from verifiers.compare import Comparison, same_output, same_value


@pytest.mark.parametrize(
    ("printed", "expected", "compare", "tolerance", "is_same"),
    [
        (b"1 2\n", "1  2", "tokens", None, True),
        (b"1 2 3", "1 2", "tokens", None, False),
        (b"1", "1 2", "tokens", None, False),
        (b"", "\n", "tokens", None, True),
        (b"Yes", "yes", "tokens", None, False),
        (b"1.0", "1", "tokens", None, False),
        (b"1.0", "1", "tokens", 1e-6, False),
        (b"0.33333334", "0.3333333333", "tokens", 1e-6, True),
        (b"0.3334", "0.3333333333", "tokens", 1e-6, False),
        (b"nan", "0.5", "tokens", 1e-6, False),
        (b"inf", "0.5", "tokens", 1e-6, False),
        (b"1e999", "0.5", "tokens", 1e-6, False),
        ("٣.٥".encode(), "3.5", "tokens", 1e-6, False),
        (b"1000000.4", "1000000.5", "tokens", 1e-6, True),
        (b"\xff", "\u00ff", "tokens", None, False),
        (b"1\n", "1\n", "exact", None, True),
        (b"1", "1\n", "exact", None, False),
        (b"2 b\n1 a\n", "1 a\n2 b", "unordered", None, True),
        (b"1\n1\n", "1\n2\n", "unordered", None, False),
        (b"b 1\n", "1 b\n", "unordered", None, False),
    ],
)
def test_outputs(printed: bytes, expected: str, compare: Comparison, tolerance: float | None, is_same: bool) -> None:
    assert same_output(printed, expected, compare=compare, tolerance=tolerance) is is_same


@pytest.mark.parametrize(
    ("returned", "expected", "tolerance", "is_same"),
    [
        (1, 1, None, True),
        (1.0, 1, None, True),
        (1, 1.0, None, True),
        (True, 1, None, False),
        (1, True, None, False),
        (False, None, None, False),
        ("1", 1, None, False),
        (None, None, None, True),
        (float("nan"), float("nan"), None, False),
        (float("nan"), 0.5, 1e-6, False),
        (float("inf"), 0.5, 1e-6, False),
        (0.1 + 0.2, 0.3, None, False),
        (0.1 + 0.2, 0.3, 1e-9, True),
        (101, 100, 0.1, False),
        (10**400, 0.5, 0.1, False),
        ([1, (2,)], [1, [2]], None, True),
        ([1], [1, 2], None, False),
        ({"a": [True]}, {"a": [True]}, None, True),
        ({"a": [True]}, {"a": [1]}, None, False),
        ({"a": 1}, {"a": 1, "b": 2}, None, False),
        ([], {}, None, False),
    ],
)
def test_values(returned: Any, expected: Any, tolerance: float | None, is_same: bool) -> None:
    assert same_value(returned, expected, tolerance) is is_same
