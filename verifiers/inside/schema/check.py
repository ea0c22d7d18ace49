"""Judges one structured answer: reads it, and holds it against what the spec asks for. Runs inside a check box."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from typing import Any

from verifiers.inside.schema import csv_text, function_calls, json_text, sql_rows, toml_text, xml_text, yaml_text
from verifiers.inside.schema.json_schema import BrokenSchema, Error, Schema
from verifiers.inside.schema.json_values import difference, leaves_in_common, shown
from verifiers.inside.schema.types import Coercion
from verifiers.inside.schema.untyped import MAX_LENGTH, Unreadable, one_line

READERS: dict[str, Callable[[str], Any]] = {
    "json": json_text.read,
    "yaml": yaml_text.read,
    "toml": toml_text.read,
    "xml": xml_text.read,
    "csv": csv_text.read,
}
OPEN_FORMATS = ("yaml", "xml", "csv")
"""Formats that leave types to the schema."""
READ_SHARE = 0.1
"""What a readable answer earns, with partial credit."""
CEILING = 0.9
"""What an answer earns at most that is not wholly right."""

Stage = dict[str, Any]


def check(argument: dict[str, Any]) -> dict[str, Any]:
    """One of the kinds below, with "text" (absent: the spec alone is looked at) and "partial_credit"
    -> {"score", "detail", "parts", "trace", "broken": why the spec can judge nothing, or ""}."""
    sys.setrecursionlimit(20_000)  # values are bounded in depth, and have some frames for each level
    try:
        return KINDS[argument["kind"]](argument)
    except BrokenSpec as error:
        return {"score": 0.0, "detail": "", "parts": {}, "trace": [], "broken": one_line(error)}


class BrokenSpec(ValueError):
    """The message names the field."""


def check_value(argument: dict[str, Any]) -> dict[str, Any]:
    """{"format", "schema", "documents"?: other schemas by URI, "expected"?}."""
    try:
        schema = Schema(argument["schema"], argument.get("documents"))
    except BrokenSchema as error:
        raise BrokenSpec(f"schema: {error}") from error
    if "expected" in argument and (errors := schema.errors(argument["expected"])):
        raise BrokenSpec(f"expected: the schema does not allow it: {_complaint(errors[0])}")
    if "text" not in argument:
        return _report(argument, 1.0, "", {}, [])
    try:
        value = _read(argument, schema)
    except Unreadable as error:
        return _unread(argument["format"].upper(), error)
    trace = [_stage("reading", argument["format"].upper(), value=shown(value))]
    errors = schema.errors(value)
    places = [{"at": "/".join(map(str, path)), "message": message} for path, _, message in errors[:5]]
    trace.append(_stage("schema", f"{len(errors)} errors" if errors else "valid", errors=places))
    parts = {"reading": 1.0, "schema": float(not errors)}
    detail = _complaint(errors[0]) if errors else "valid"
    if "expected" in argument:
        other = difference(value, argument["expected"])
        parts["expected"] = float(other is None)
        trace.append(_stage("expected", other or "equal"))
        detail = detail if errors else other or "valid and as expected"
    is_right = all(parts.values())
    if argument["partial_credit"] and not is_right:
        parts |= _shares(argument, schema, value, errors)
    return _report(argument, 1.0 if is_right else _part_of(parts), detail, parts, trace)


def _read(argument: dict[str, Any], schema: Schema) -> Any:
    if len(argument["text"]) > MAX_LENGTH:
        raise Unreadable(f"longer than {MAX_LENGTH} characters")
    value = READERS[argument["format"]](argument["text"])
    return Coercion(schema.graph).typed(value) if argument["format"] in OPEN_FORMATS else value


def _shares(argument: dict[str, Any], schema: Schema, value: Any, errors: list[Error]) -> dict[str, float]:
    shares = {"schema": schema.share(value, errors) if errors else 1.0}
    if "expected" in argument:
        right, total = leaves_in_common(value, argument["expected"])
        shares["expected"] = right / total
    return shares


def check_pattern(argument: dict[str, Any]) -> dict[str, Any]:
    """{"regex"}: the whole text must match, as `re.fullmatch` has it."""
    is_right = re.fullmatch(argument["regex"], argument["text"]) is not None
    detail = "matches" if is_right else "does not match"
    return _report(argument, float(is_right), detail, {}, [_stage("regex", detail, regex=one_line(argument["regex"]))])


def check_calls(argument: dict[str, Any]) -> dict[str, Any]:
    """{"function_calls", "ordered", "tools"?}."""
    expected = argument["function_calls"]
    tools = None
    if "tools" in argument:
        try:
            tools = function_calls.Tools(argument["tools"])
        except BrokenSchema as error:
            raise BrokenSpec(str(error)) from error
        for index, call in enumerate(expected):
            if complaint := tools.complaint(call):
                raise BrokenSpec(f"function_calls[{index}]: {complaint}")
    if "text" not in argument:
        return _report(argument, 1.0, "", {}, [])
    try:
        if len(argument["text"]) > MAX_LENGTH:
            raise Unreadable(f"longer than {MAX_LENGTH} characters")
        found = function_calls.read(argument["text"])
    except Unreadable as error:
        return _unread("function calls", error)
    trace = [_stage("reading", f"{len(found)} function calls", value=shown(found))]
    parts = {"reading": 1.0}
    complaints = [complaint for call in found if tools and (complaint := tools.complaint(call))]
    if tools:
        parts["tools"] = float(not complaints)
        trace.append(_stage("tools", complaints[0] if complaints else "all can be called"))
    other, share = function_calls.compare(found, expected, argument["ordered"])
    parts["calls"] = share if argument["partial_credit"] else float(other is None)
    trace.append(_stage("calls", other or "as expected"))
    is_right = other is None and not complaints
    score = 1.0 if is_right else _part_of({"reading": 1.0, "calls": share})
    return _report(argument, score, (complaints or [other or "as expected"])[0], parts, trace)


def check_query(argument: dict[str, Any]) -> dict[str, Any]:
    """{"sql", "database", "ordered": or None where the gold's own ORDER BY decides}."""
    try:
        connection = sql_rows.open_database(argument["database"])
    except sql_rows.QueryError as error:
        raise BrokenSpec(f"database: {error}") from error
    try:
        num_columns, expected = sql_rows.select(connection, argument["sql"])
    except sql_rows.QueryError as error:
        raise BrokenSpec(f"sql: {error}") from error
    if len(expected) > sql_rows.MAX_ROWS:
        raise BrokenSpec(f"sql: more than {sql_rows.MAX_ROWS} rows")
    if "text" not in argument:
        return _report(argument, 1.0, "", {}, [])
    try:
        found_columns, found = sql_rows.select(connection, argument["text"], len(expected))
    except sql_rows.QueryError as error:
        return _unread("query", error)
    trace = [_stage("query", f"{_size(found, expected)} rows of {found_columns}", rows=one_line(found[:5]))]
    is_ordered = argument["ordered"]
    if is_ordered is None:
        is_ordered = sql_rows.is_ordered_at_top(argument["sql"])
    is_right = found_columns == num_columns and sql_rows.same_rows(found, expected, is_ordered)
    share = sql_rows.rows_in_common(found, expected) if found_columns == num_columns else 0.0
    detail = "the rows expected" if is_right else _rows_differ(found, found_columns, expected, num_columns, share)
    trace.append(_stage("rows", detail, ordered=is_ordered, expected=one_line(expected[:5])))
    parts = {"query": 1.0, "rows": share if argument["partial_credit"] else float(is_right)}
    return _report(argument, 1.0 if is_right else _part_of({"query": 1.0, "rows": share}), detail, parts, trace)


def _size(found: list[Any], expected: list[Any]) -> str:
    return str(len(found)) if len(found) <= len(expected) else f"more than {len(expected)}"


def _rows_differ(found: list[Any], found_columns: int, expected: list[Any], num_columns: int, share: float) -> str:
    if found_columns != num_columns:
        return f"{found_columns} columns, not {num_columns}"
    if len(found) != len(expected):
        return f"{_size(found, expected)} rows, not {len(expected)}"
    return "the rows expected, in another order" if share == 1.0 else "other rows than expected"


KINDS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "value": check_value,
    "pattern": check_pattern,
    "calls": check_calls,
    "query": check_query,
}


def _part_of(parts: dict[str, float]) -> float:
    """0.1 for what could be read, and up to 0.9 with the mean share of the other parts."""
    shares = [share for name, share in parts.items() if name not in ("reading", "query")]
    return READ_SHARE + (CEILING - READ_SHARE) * sum(shares) / len(shares)


def _report(
    argument: dict[str, Any], score: float, detail: str, parts: dict[str, float], trace: list[Stage]
) -> dict[str, Any]:
    if score < 1.0 and not argument["partial_credit"]:
        score = 0.0
    return {"score": round(score, 6), "detail": detail, "parts": parts, "trace": trace, "broken": ""}


def _unread(what: str, error: ValueError) -> dict[str, Any]:
    stage, said = ("query", f"query refused: {error}") if what == "query" else ("reading", f"not {what}: {error}")
    said = one_line(said)
    return {"score": 0.0, "detail": said, "parts": {stage: 0.0}, "trace": [_stage(stage, said)], "broken": ""}


def _stage(name: str, result: str, **more: Any) -> Stage:
    return {"stage": name, "result": one_line(result), **more}


def _complaint(error: Error) -> str:
    path, _, message = error
    return f"at {one_line('/'.join(map(str, path)), 80) or 'the top'}: {message}"
