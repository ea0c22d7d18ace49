"""What a text format leaves open until a schema decides it: text of no type yet, and elements that repeat."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

MAX_LENGTH = 1 << 20
MAX_DEPTH = 200
MAX_DIGITS = 1000
MAX_VALUES = 200_000
"""Values in one answer, counted with all that they hold."""


class Unreadable(ValueError):
    """Not a text of its format, or beyond our bounds; the message is one line that says why."""


class Unknown:
    """What `Text.native` is where the format has no types at all."""


@dataclass(frozen=True, slots=True)
class Text:
    """A scalar that its format does not type for good: `5` may be a number or a word."""

    text: str
    native: Any = Unknown
    """What the format's own rules make of it (YAML's core schema); `Unknown` in XML and CSV."""


class Elements(list[Any]):
    """The elements of one name inside an XML element: an array, or the only value of that name."""


class Rows(list[Any]):
    """The rows of a table, with the names of its columns, which tell something even without a row."""

    header: tuple[str, ...] = ()


def settled(value: Any) -> Any:
    """The plain JSON value, with everything still open as its format has it: text as a string."""
    if isinstance(value, Text):
        return value.text if value.native is Unknown else value.native
    if isinstance(value, Elements):
        return settled(value[0]) if len(value) == 1 else [settled(item) for item in value]
    if isinstance(value, list):
        return [settled(item) for item in value]
    if isinstance(value, dict):
        return {name: settled(item) for name, item in value.items()}
    return value


def within_bounds(value: Any) -> Any:
    """The value itself, if it can be written as JSON and is neither deep nor large; `Unreadable` else."""
    num_values, waiting = 0, [(value, 0)]
    while waiting:
        one, depth = waiting.pop()
        num_values += 1
        if depth > MAX_DEPTH:
            raise Unreadable(f"nested deeper than {MAX_DEPTH}")
        if num_values > MAX_VALUES:
            raise Unreadable(f"more than {MAX_VALUES} values")
        if isinstance(one, dict):
            for name in one:
                _refuse_surrogates(name)
            waiting += [(item, depth + 1) for item in one.values()]
        elif isinstance(one, list):
            waiting += [(item, depth + (not isinstance(one, Elements))) for item in one]
        elif isinstance(one, str | Text):
            _refuse_surrogates(one if isinstance(one, str) else one.text)
        elif isinstance(one, float) and not math.isfinite(one):
            raise Unreadable(f"{one} is not a JSON value")
    return value


def bounded_integer(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise Unreadable(f"a number of more than {MAX_DIGITS} digits")
    return int(digits)


def finite_number(digits: str) -> float:
    if len(digits) > MAX_DIGITS:
        raise Unreadable(f"a number of more than {MAX_DIGITS} digits")
    value = float(digits)
    if not math.isfinite(value):
        raise Unreadable("a number too large")
    if value.is_integer() and not _is_whole(digits):
        raise Unreadable(f"{digits[:40]} would be rounded to {value:g}")
    return value


def _is_whole(digits: str) -> bool:
    try:
        number = Decimal(digits)
    except InvalidOperation:  # an exponent beyond all bounds, and the float is 0
        return False
    return number == number.to_integral_value()


def one_line(message: object, limit: int = 200) -> str:
    """On one line of at most `limit` characters, and fit to be written anywhere."""
    text = str(message)[: 8 * limit]
    text = " ".join(text.encode(errors="replace").decode().split())
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _refuse_surrogates(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise Unreadable("half of a surrogate pair") from error
