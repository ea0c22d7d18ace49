"""Reads CSV as RFC 4180 has it: a header, and rows as long as the header."""

from __future__ import annotations

import csv
import io
from typing import Any

from verifiers.inside.schema.untyped import MAX_VALUES, Rows, Text, Unreadable, one_line, within_bounds


def read(text: str) -> Any:
    """An array of objects, one for each row below the header, their cells left open; or `Unreadable`.

    The wire form: commas between cells, double quotes around a cell that holds a comma, a quote (doubled) or a line
    break; spaces belong to the cell. The header's names are the properties, none of them empty or there twice. Every
    cell is a scalar that the schema types, and an empty one is null where the schema allows it. A row that is longer
    or shorter than the header is refused.
    """
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = next(rows, [])
        if len(set(header)) < len(header) or "" in header or not header:
            raise Unreadable("a header with a name that is empty or there twice")
        items = Rows()
        items.header = tuple(header)
        for row in rows:
            if len(row) != len(header):
                raise Unreadable(f"line {rows.line_num}: {len(row)} cells under a header of {len(header)}")
            items.append(dict(zip(header, map(Text, row), strict=True)))
            if len(items) * len(header) > MAX_VALUES:
                raise Unreadable(f"more than {MAX_VALUES} values")
    except csv.Error as error:
        raise Unreadable(f"line {rows.line_num}: {one_line(error)}") from error
    return within_bounds(items)
