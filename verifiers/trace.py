"""What a verdict shows of how it came about: values shortened, and of many tests those that say most."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

MAX_CHARACTERS = 200
"""Of one value."""
MAX_ROWS = 64
"""Of one verdict; what is left out is counted."""
PASSED = "passed"
"""The result of a test that found nothing."""

Row = Mapping[str, Any]
_PLAIN = json.JSONEncoder(ensure_ascii=False)


def shortened(value: str | bytes, limit: int = MAX_CHARACTERS) -> str:
    """The beginning of a text, and how much was cut."""
    if isinstance(value, bytes):
        head, unit = value[: 4 * limit].decode(errors="replace"), "bytes"
        kept = len(value) if len(value) <= 4 * limit and len(head) <= limit else len(head[:limit].encode())
    else:
        head, unit, kept = value[:limit], "characters", min(len(value), limit)
    cut = len(value) - kept
    return f"{head[:limit]}… ({cut} more {unit})" if cut > 0 else head


def shortened_json(value: Any) -> str:
    """A plain value as JSON, shortened."""
    return shortened(_PLAIN.encode(value))


def kept(rows: Sequence[Row]) -> list[Row]:
    """At most `MAX_ROWS`, in their order: else the first failures, then what passed, and a row that counts the rest."""
    if len(rows) <= MAX_ROWS:
        return list(rows)
    failed = [row for row in rows if row["result"] != PASSED]
    passed = [row for row in rows if row["result"] == PASSED]
    shown = [*failed, *passed][: MAX_ROWS - 1]
    num_failed = max(0, len(failed) - len(shown))
    rest = f"{len(rows) - len(shown)} more tests, of which {num_failed} not passed"
    return [*shown, {"stage": "the rest", "result": rest}]
