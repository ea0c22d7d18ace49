"""Rows of a JSON lines file, each with its place."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.types import ProblemError

Row = dict[str, Any]


def rows(path: Path) -> Iterator[tuple[str, Row]]:
    """Each row of a .jsonl file with its place ("file:line"). Raises `ProblemError` at the first broken line."""
    require_file(path)
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            place = f"{path.name}:{number}"
            row = _read(line, place)
            if not isinstance(row, dict):
                raise ProblemError(f"{place}: found a {type(row).__name__}; each line must be a JSON object")
            yield place, row


def listed_rows(path: Path) -> Iterator[Row]:
    """Each row of a .json file, which is a list of objects."""
    require_file(path)
    found = _read(path.read_bytes(), path.name)
    if not isinstance(found, list):
        raise ProblemError(f"{path.name}: found a {type(found).__name__}, expected a list of rows")
    for number, row in enumerate(found, start=1):
        if not isinstance(row, dict):
            raise ProblemError(f"{path.name}:{number}: found a {type(row).__name__}; each row must be a JSON object")
        yield row


def require_file(path: Path) -> None:
    """Raises `ProblemError` where there is none."""
    if not path.is_file():
        raise ProblemError(f"{path}: is a folder, not a file" if path.is_dir() else f"{path}: no such file")


def _read(data: bytes, place: str) -> Any:
    try:
        return json.loads(data.decode("utf-8-sig"))  # some editors put a mark before the first line
    except UnicodeDecodeError as error:
        raise ProblemError(f"{place}: not UTF-8: {error.reason} at byte {error.start + 1}") from None
    except json.JSONDecodeError as error:
        raise ProblemError(f"{place}: not JSON: {error.msg} at column {error.colno}") from None
    except (ValueError, RecursionError) as error:  # too many digits, too deep
        raise ProblemError(f"{place}: not JSON that can be read: {error}") from None


def text(row: Row, field: str, place: str) -> str:
    """A text field of a row, or `ProblemError`."""
    value = row.get(field)
    if not isinstance(value, str):
        found = "nothing" if value is None else f"a {type(value).__name__}"
        raise ProblemError(f"{place}: {field}: found {found}, expected text; the row has {', '.join(row)}")
    return speakable(value, f"{place}: {field}")


def speakable(value: str, place: str) -> str:
    """A text that a tokenizer takes; raises `ProblemError`, which begins with `place`, for half a surrogate pair."""
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise ProblemError(
            f"{place}: character {error.start + 1} is half a surrogate pair: {value[error.start]!r}"
        ) from None
    return value
