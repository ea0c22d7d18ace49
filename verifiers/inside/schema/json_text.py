"""Reads JSON strictly, as RFC 8259 has it: no NaN, no key twice, nothing after the value."""

from __future__ import annotations

import json
from typing import Any

from verifiers.inside.schema.untyped import (
    MAX_DEPTH,
    Unreadable,
    bounded_integer,
    finite_number,
    one_line,
    within_bounds,
)


def read(text: str) -> Any:
    """The value of a JSON text, or `Unreadable`."""
    _refuse_deep(text)
    try:
        value = json.loads(
            text,
            object_pairs_hook=_unique,
            parse_constant=_refuse_constant,
            parse_int=bounded_integer,
            parse_float=finite_number,
        )
    except json.JSONDecodeError as error:
        raise Unreadable(one_line(error)) from error
    return within_bounds(value)


def _refuse_deep(text: str) -> None:
    """Before the parser, which recurses: brackets outside strings are counted."""
    depth, in_string, escaped = 0, False, False
    for char in text:
        if in_string:
            in_string = escaped or char != '"'
            escaped = char == "\\" and not escaped
        elif char == '"':
            in_string = True
        elif char in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise Unreadable(f"nested deeper than {MAX_DEPTH}")
        elif char in "]}":
            depth -= 1


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        raise Unreadable("a key twice in one object")
    return value


def _refuse_constant(name: str) -> None:
    raise Unreadable(f"{name} is not a JSON value")
