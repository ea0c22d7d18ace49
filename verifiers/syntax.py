"""Python text as a syntax tree, also where several threads read some at the same time."""

from __future__ import annotations

import ast
import contextlib

NOT_PYTHON = (SyntaxError, ValueError, RecursionError, MemoryError)
"""What `parse` raises for a text that is no Python, or none that can be read."""
TURNS = 20


def parse(text: str) -> ast.Module:
    """As `ast.parse`, which in CPython 3.11 may raise SystemError ("recursion depth mismatch") while another thread
    makes a tree as well: both count their depth in one place (python/cpython issue 106905). It then is asked again."""
    for _ in range(TURNS - 1):
        with contextlib.suppress(SystemError):
            return ast.parse(text)
    return ast.parse(text)
