"""Reads TOML 1.0: its own types, with dates and times as strings in RFC 3339's form."""

from __future__ import annotations

import datetime
import tomllib
from typing import Any

from verifiers.inside.schema.untyped import Unreadable, finite_number, one_line, within_bounds


def read(text: str) -> Any:
    """The table of a TOML text, or `Unreadable`.

    TOML types its values, so a schema changes none of them: "30" is no integer, 30 is no string. inf and nan, which
    JSON has not, are refused.
    """
    try:
        value = tomllib.loads(text, parse_float=finite_number)
    except RecursionError as error:
        raise Unreadable("nested too deep") from error
    except ValueError as error:  # TOMLDecodeError, and integers of more digits than the interpreter converts
        raise Unreadable(one_line(error)) from error
    return within_bounds(_plain(within_bounds(value)))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, datetime.datetime | datetime.date | datetime.time):
        return _timestamp(value)
    return value


def _timestamp(value: datetime.datetime | datetime.date | datetime.time) -> str:
    """RFC 3339: `Z` for UTC, and no zeros at the end of a fraction."""
    text = value.isoformat()
    head, point, tail = text.partition(".")
    if point:
        digits = tail[:6].rstrip("0")
        text = head + ("." + digits if digits else "") + tail[6:]
    return text.removesuffix("+00:00") + "Z" if text.endswith("+00:00") else text
