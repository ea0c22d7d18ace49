"""Reads JSON strictly, and holds it against a JSON Schema and expected content. Runs inside a check box."""

from __future__ import annotations

import json
import math
from typing import Any

import jsonschema_rs

MAX_LENGTH = 1 << 20
MAX_DEPTH = 200
MAX_DIGITS = 1000


class NotStrictJson(ValueError):
    """Not JSON as RFC 8259 has it, or beyond our bounds."""


def check(argument: dict[str, Any]) -> dict[str, Any]:
    """{"text", "schema", "partial_credit", "expected"?} -> {"score", "detail", "parts", "bad_schema"}."""
    try:
        validator = jsonschema_rs.validator_for(argument["schema"], offline=True)
    except ValueError as error:
        return {"score": 0.0, "detail": "", "parts": {}, "bad_schema": one_line(error)}
    try:
        value = strict_json(argument["text"])
    except (NotStrictJson, json.JSONDecodeError, RecursionError) as error:
        return {"score": 0.0, "detail": f"not JSON: {one_line(error)}", "parts": {"json": 0.0}, "bad_schema": ""}
    parts, detail = {"json": 1.0}, "valid"
    broken = next(validator.iter_errors(value), None)
    parts["schema"] = float(broken is None)
    if broken is not None:
        detail = f"at {'/'.join(map(str, broken.instance_path)) or 'the top'}: {one_line(broken.message)}"
    if "expected" in argument:
        # JSON Schema's own equality: 1 is 1.0, true is not 1, the order of keys does not matter.
        parts["expected"] = float(jsonschema_rs.validator_for({"const": argument["expected"]}).is_valid(value))
        detail = "valid, other content than expected" if broken is None and not parts["expected"] else detail
    score = 1.0 if all(parts.values()) else 0.0
    if argument["partial_credit"] and score == 0.0:
        score = 0.5 if parts["schema"] else 0.1
    return {"score": score, "detail": detail, "parts": parts, "bad_schema": ""}


def strict_json(text: str) -> Any:
    """The value of a JSON text: no NaN, no Infinity, no key twice, bounded length, depth and digits."""
    if len(text) > MAX_LENGTH:
        raise NotStrictJson(f"longer than {MAX_LENGTH} characters")
    refuse_deep(text)
    value = json.loads(
        text,
        object_pairs_hook=unique_keys,
        parse_constant=refuse_constant,
        parse_int=bounded_int,
        parse_float=finite_float,
    )
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise NotStrictJson("half of a surrogate pair") from error
    return value


def refuse_deep(text: str) -> None:
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
                raise NotStrictJson(f"nested deeper than {MAX_DEPTH}")
        elif char in "]}":
            depth -= 1


def unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        raise NotStrictJson("a key twice in one object")
    return value


def refuse_constant(name: str) -> None:
    raise NotStrictJson(f"{name} is not a JSON value")


def bounded_int(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise NotStrictJson(f"a number of more than {MAX_DIGITS} digits")
    return int(digits)


def finite_float(digits: str) -> float:
    value = float(digits)
    if len(digits) > MAX_DIGITS or not math.isfinite(value):
        raise NotStrictJson("a number too large")
    return value


def one_line(message: object) -> str:
    return " ".join(str(message).split())[:200]
