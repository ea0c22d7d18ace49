"""Runs a query on a read-only SQLite database in memory: one SELECT, bounded in steps and rows."""

from __future__ import annotations

import base64
import re
import sqlite3
from collections import Counter
from typing import Any

from verifiers.inside.schema.untyped import one_line

MAX_STEPS = 10_000_000
"""Instructions of SQLite's virtual machine for one query, some tenths of a second."""
MAX_SETUP_STEPS = 20_000_000
MAX_QUERY = 100_000
"""Characters."""
MAX_ROWS = 10_000
MAX_CELL = 1 << 20
"""Bytes."""
MAX_CELLS_BYTES = 16 << 20
STEPS_A_CALL = 1000

Row = tuple[Any, ...]


class QueryError(ValueError):
    """A query that is refused, fails, or asks for too much; the message is one line."""


def open_database(database: dict[str, str]) -> sqlite3.Connection:
    """{"script": SQL text} or {"file": base64 of a database file} in memory; `QueryError` if it is none."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.text_factory = lambda data: data.decode(errors="replace")
    steps = _bound(connection, MAX_SETUP_STEPS)
    try:
        if "file" in database:
            connection.deserialize(_without_wal(base64.b64decode(database["file"])))
            connection.execute("SELECT count(*) FROM sqlite_schema")
        else:
            connection.set_authorizer(_deny_attach)
            connection.executescript(database["script"])
            if connection.in_transaction:
                connection.execute("COMMIT")
    except (sqlite3.Error, sqlite3.Warning, ValueError) as error:
        raise QueryError(one_line(error) if steps[0] else f"more than {MAX_SETUP_STEPS} steps") from error
    connection.set_authorizer(_only_reading)
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_CELL)
    connection.setlimit(sqlite3.SQLITE_LIMIT_SQL_LENGTH, MAX_QUERY)
    connection.setlimit(sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 100)
    return connection


def select(connection: sqlite3.Connection, query: str, max_rows: int = MAX_ROWS) -> tuple[int, list[Row]]:
    """(number of columns, rows) of one SELECT statement; at most one row more than `max_rows`, else `QueryError`."""
    bare = without_comments(query)
    if not re.match(r"\s*(?:select|with|values)\b", bare, re.IGNORECASE):
        raise QueryError(f"{one_line(bare, 40)!r} is no SELECT")
    steps = _bound(connection, MAX_STEPS)
    rows: list[Row] = []
    size = 0
    try:
        cursor = connection.execute(query.rstrip("; \t\r\n"))
        for row in cursor:
            rows.append(row)
            size += sum(len(cell) for cell in row if isinstance(cell, str | bytes))
            if len(rows) > max_rows or size > MAX_CELLS_BYTES:
                break
        num_columns = len(cursor.description or ())
        cursor.close()
    except (sqlite3.Error, sqlite3.Warning, ValueError, OverflowError) as error:
        raise QueryError(one_line(error) if steps[0] else f"more than {MAX_STEPS} steps") from error
    if size > MAX_CELLS_BYTES:
        raise QueryError(f"more than {MAX_CELLS_BYTES} bytes of result")
    return num_columns, rows


def same_rows(found: list[Row], expected: list[Row], is_ordered: bool) -> bool:
    """As lists if their order counts, else as multisets. 1 is 1.0, NULL is NULL, '1' is not 1; floats to 12 digits."""
    ours, theirs = ([tuple(map(_cell, row)) for row in rows] for rows in (found, expected))
    return ours == theirs if is_ordered else Counter(ours) == Counter(theirs)


def rows_in_common(found: list[Row], expected: list[Row]) -> float:
    """The share of rows that both have, as multisets, of all that either has."""
    ours, theirs = (Counter(tuple(map(_cell, row)) for row in rows) for rows in (found, expected))
    total = (ours | theirs).total()
    return (ours & theirs).total() / total if total else 1.0


def is_ordered_at_top(query: str) -> bool:
    """Whether ORDER BY stands outside every bracket, string and comment."""
    depth = 0
    for token in _TOKEN.finditer(without_comments(query)):
        if token[0] == "(":
            depth += 1
        elif token[0] == ")":
            depth -= 1
        elif depth == 0 and token["order"]:
            return True
    return False


def without_comments(query: str) -> str:
    """Comments as spaces; what looks like one in a string or a quoted name stays."""
    return _COMMENT.sub(lambda match: match[0] if match["quoted"] else " ", query)


_QUOTED = r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|`[^`]*`|\[[^\]]*\]"
_COMMENT = re.compile(rf"(?P<quoted>{_QUOTED})|--[^\n]*|/\*.*?(?:\*/|\Z)", re.DOTALL)
_TOKEN = re.compile(rf"{_QUOTED}|[()]|(?P<order>\border\s+by\b)", re.IGNORECASE)


def _cell(value: Any) -> Any:
    """One form for equal values: SQLite's numbers are compared as numbers, but never with text or blobs."""
    if isinstance(value, float) and not value.is_integer():
        return float(f"{value:.12g}")
    return value


def _without_wal(data: bytes) -> bytes:
    """A write-ahead log needs files; what the header says of it (bytes 18 and 19, SQLite's file format 1.3.3) is
    taken back."""
    return data[:18] + b"\x01\x01" + data[20:] if data[18:20] == b"\x02\x02" else data


def _bound(connection: sqlite3.Connection, max_steps: int) -> list[int]:
    """Ends what the connection runs next after so many steps; gives how many calls are left."""
    left = [max_steps // STEPS_A_CALL]

    def count() -> int:
        left[0] -= left[0] > 0
        return int(left[0] == 0)

    connection.set_progress_handler(count, STEPS_A_CALL)
    return left


_READING = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE}
_DENIED = {"load_extension", "random", "randomblob", "fts3_tokenizer", "readfile", "writefile", "edit"}
"""Functions that reach beyond the database, or by which equal queries would have different results."""


def _only_reading(action: int, argument: str | None, name: str | None, *_: str | None) -> int:
    is_denied = action == sqlite3.SQLITE_FUNCTION and (name or argument or "").lower() in _DENIED
    return sqlite3.SQLITE_DENY if action not in _READING or is_denied else sqlite3.SQLITE_OK


def _deny_attach(action: int, *_: str | None) -> int:
    return sqlite3.SQLITE_DENY if action in (sqlite3.SQLITE_ATTACH, sqlite3.SQLITE_DETACH) else sqlite3.SQLITE_OK
