"""Reads the function calls in an answer, and compares them with those that are expected."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from verifiers.inside.schema import json_text
from verifiers.inside.schema.json_schema import BrokenSchema, Schema
from verifiers.inside.schema.json_values import leaves_in_common, same, shown
from verifiers.inside.schema.untyped import Unreadable, one_line

MAX_CALLS = 100

Call = dict[str, Any]
"""{"name", "arguments"}"""


def read(text: str) -> list[Call]:
    """The calls that a text makes, in order, or `Unreadable`.

    A JSON array of {"name", "arguments"}, or one such object, or each in a `<tool_call>` element with any text around
    (as Qwen and Hermes write them); {"type": "function", "function": {…}} with an "id" if it likes, and
    {"tool_calls": […]}, as OpenAI's API has them. Arguments are an object, or a string that is its JSON.
    """
    elements = _ELEMENT.findall(text)
    if elements:
        if "<tool_call>" in _ELEMENT.sub("", text):
            raise Unreadable("a <tool_call> that is not closed")
        found: list[Any] = [json_text.read(inner) for inner in elements[: MAX_CALLS + 1]]
    else:
        value = json_text.read(text)
        if isinstance(value, dict) and isinstance(value.get("tool_calls"), list):
            value = value["tool_calls"]
        found = value if isinstance(value, list) else [value]
    if len(found) > MAX_CALLS:
        raise Unreadable(f"more than {MAX_CALLS} calls")
    return [_call(one) for one in found]


_ELEMENT = re.compile(r"<tool_call>((?:(?!</?tool_call>).)*)</tool_call>", re.DOTALL)


def _call(value: Any) -> Call:
    if isinstance(value, dict) and isinstance(value.get("function"), dict):
        if value.get("type", "function") != "function" or not value.keys() <= {"type", "function", "id", "index"}:
            raise Unreadable(f"{shown(value, 60)} is no function call")
        value = value["function"]
    if not isinstance(value, dict) or value.keys() != {"name", "arguments"} or not isinstance(value["name"], str):
        raise Unreadable(f'{shown(value, 60)} is no {{"name", "arguments"}}')
    arguments = value["arguments"]
    if isinstance(arguments, str):
        arguments = json_text.read(arguments)
    if not isinstance(arguments, dict):
        raise Unreadable(f"arguments of {one_line(value['name'], 40)} are {shown(arguments, 40)}, no object")
    return {"name": value["name"], "arguments": arguments}


class Tools:
    """The functions that may be called, each with a JSON Schema of its arguments; `BrokenSchema` if one is none."""

    def __init__(self, tools: list[Any]) -> None:
        self._parameters: dict[str, Schema] = {}
        for index, tool in enumerate(tools):
            function = tool.get("function", tool)
            try:
                self._parameters[function["name"]] = Schema(function.get("parameters", True))
            except BrokenSchema as error:
                raise BrokenSchema(f"tools[{index}].parameters: {error}") from error

    def complaint(self, call: Call) -> str | None:
        """Why a call cannot be made, on one line, or None."""
        name = one_line(call["name"], 40)
        if call["name"] not in self._parameters:
            return f"{name} is no function of the tools"
        for path, _, message in self._parameters[call["name"]].errors(call["arguments"]):
            return f"{name}: at {one_line('/'.join(map(str, path)), 60) or 'the arguments'}: {message}"
        return None


def compare(found: list[Call], expected: list[Call], is_ordered: bool) -> tuple[str | None, float]:
    """(the first thing that differs, or None; the share of names and arguments that are right, of all there are)."""
    if is_ordered:
        pairs = list(zip(found, expected, strict=False))
        is_equal = len(found) == len(expected) and all(same(*pair) for pair in pairs)
    else:
        pairs = _matched(found, expected)
        is_equal = Counter(map(_canonical, found)) == Counter(map(_canonical, expected))
    if is_equal:
        return None, 1.0
    counts = [_in_common(*pair) for pair in pairs]
    unmatched = [one for side, calls in enumerate((found, expected)) for one in _without(calls, pairs, side)]
    total = sum(total for _, total in counts) + sum(_in_common(one, one)[1] for one in unmatched)
    return _first_difference(found, expected, pairs), sum(right for right, _ in counts) / total


def _matched(found: list[Call], expected: list[Call]) -> list[tuple[Call, Call]]:
    """Each expected call with the call of that name that has most in common with it."""
    left, pairs = list(found), []
    for gold in expected:
        named = [call for call in left if call["name"] == gold["name"]]
        if named:
            _, nth = max((_closeness(call, gold), -index) for index, call in enumerate(named))
            best = named[-nth]
            left = [call for call in left if call is not best]
            pairs.append((best, gold))
    return pairs


def _without(calls: list[Call], pairs: list[tuple[Call, Call]], side: int) -> list[Call]:
    taken = {id(pair[side]) for pair in pairs}
    return [call for call in calls if id(call) not in taken]


def _closeness(call: Call, gold: Call) -> float:
    right, total = _in_common(call, gold)
    return right / total


def _in_common(call: Call, gold: Call) -> tuple[int, int]:
    """(names and arguments that are right, those there are)."""
    ours, theirs = call["arguments"], gold["arguments"]
    right, total = leaves_in_common(ours, theirs) if ours or theirs else (0, 0)
    return (1 + right if call["name"] == gold["name"] else 0), 1 + total


def _first_difference(found: list[Call], expected: list[Call], pairs: list[tuple[Call, Call]]) -> str:
    if len(found) != len(expected):
        return f"{len(found)} calls, not {len(expected)}"
    for call, gold in pairs:
        if call["name"] != gold["name"]:
            return f"{one_line(call['name'], 40)} is called, not {one_line(gold['name'], 40)}"
        for name in (*gold["arguments"], *call["arguments"]):
            where = f"{one_line(gold['name'], 40)}: {one_line(name, 40)}"
            if name not in call["arguments"]:
                return f"{where} is missing"
            if name not in gold["arguments"]:
                return f"{where} is not expected"
            if not same(call["arguments"][name], gold["arguments"][name]):
                return f"{where} is {shown(call['arguments'][name], 40)}, not {shown(gold['arguments'][name], 40)}"
    called = Counter(call["name"] for call in found)
    missing = [gold["name"] for gold in expected if gold["name"] not in called]
    return f"{one_line(missing[0], 40)} is not called" if missing else "other calls than expected"


def _canonical(value: Any) -> Any:
    """A hashable form, equal for equal JSON values."""
    if isinstance(value, dict):
        return "object", frozenset((name, _canonical(item)) for name, item in value.items())
    if isinstance(value, list):
        return "array", tuple(map(_canonical, value))
    return type(value) is bool, value
