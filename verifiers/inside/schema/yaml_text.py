"""Reads YAML as data: one document, no aliases, no tags beyond the core ones, no key twice."""

from __future__ import annotations

import re
from typing import Any

import yaml

from verifiers.inside.schema.untyped import (
    MAX_DEPTH,
    MAX_DIGITS,
    MAX_VALUES,
    Text,
    Unreadable,
    bounded_integer,
    finite_number,
    one_line,
    within_bounds,
)

CORE = "tag:yaml.org,2002:"


def read(text: str) -> Any:
    """The value of a YAML text, with its plain scalars left open as `Text`; or `Unreadable`.

    A plain scalar stands for what YAML 1.2's core schema makes of it, unless the schema asks for another type that it
    spells: `no` is a word, but false where a boolean is wanted; `1.10` is a number, but "1.10" where a string is. What
    is quoted, or in a block, is a string for good. Keys are strings as they are written.
    """
    document = _Document()
    try:
        for event in yaml.parse(text, Loader=LOADER):
            document.take(event)
    except yaml.YAMLError as error:
        raise Unreadable(one_line(error)) from error
    except UnicodeEncodeError as error:
        raise Unreadable("half of a surrogate pair") from error
    if document.num_documents != 1:
        raise Unreadable(f"{document.num_documents} documents, not one")
    return within_bounds(document.value)


LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml's, which is some twenty times as fast; we take the events of either, and nothing that they construct."""


class _Document:
    """A value that grows by events: no recursion, and every bound is seen as it is passed."""

    def __init__(self) -> None:
        self.value: Any = None
        self.num_documents = 0
        self._num_events = 0
        self._open: list[tuple[Any, list[str]]] = []
        """Collections that are not closed yet; a mapping with the key that waits for its value."""

    def take(self, event: Any) -> None:
        self._num_events += 1
        if self._num_events > 2 * MAX_VALUES:
            raise Unreadable(f"more than {MAX_VALUES} values")
        match event:
            case yaml.AliasEvent():
                raise Unreadable(f"an alias, *{one_line(event.anchor, 40)}; write the value itself")
            case yaml.DocumentStartEvent():
                self.num_documents += 1
            case yaml.ScalarEvent():
                self._put(_scalar(event), event)
            case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                self._begin(event)
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                self._open.pop()

    def _begin(self, event: Any) -> None:
        is_mapping = isinstance(event, yaml.MappingStartEvent)
        if event.tag not in (None, "!", CORE + ("map" if is_mapping else "seq")):
            raise Unreadable(f"a tag, {one_line(event.tag, 60)}")
        if len(self._open) >= MAX_DEPTH:
            raise Unreadable(f"nested deeper than {MAX_DEPTH}")
        collection: Any = {} if is_mapping else []
        self._put(collection, event)
        self._open.append((collection, []))

    def _put(self, value: Any, event: Any) -> None:
        if not self._open:
            self.value = value
            return
        collection, waiting = self._open[-1]
        if isinstance(collection, list):
            collection.append(value)
        elif waiting:
            collection[waiting.pop()] = value
        else:
            key = _key(value, event)
            if key in collection:
                raise Unreadable(f"the key {one_line(key, 60)!r} twice in one mapping")
            waiting.append(key)


def _key(value: Any, event: Any) -> str:
    if isinstance(value, dict | list):
        raise Unreadable("a key that is a collection")
    if isinstance(value, Text) and value.text == "<<":
        raise Unreadable("a merge key, <<; write the keys themselves")
    return str(event.value)


def _scalar(event: Any) -> Any:
    is_plain, text = event.style is None or event.style == "", str(event.value)
    if event.tag is None or event.tag == "!":
        return Text(text, core(text)) if is_plain and event.tag is None else text
    kind = event.tag.removeprefix(CORE)
    if kind == "str":
        return text
    if not event.tag.startswith(CORE) or kind not in _KINDS:
        raise Unreadable(f"a tag, {one_line(event.tag, 60)}")
    value = core(text)
    if kind == "float" and type(value) is int:
        value = finite_number(text)
    if not isinstance(value, _KINDS[kind]) or isinstance(value, bool) != (kind == "bool"):
        raise Unreadable(f"{one_line(text, 40)!r} is no {kind}")
    return value


_KINDS: dict[str, type] = {"int": int, "float": float, "bool": bool, "null": type(None)}


def core(text: str) -> Any:
    """A plain scalar by YAML 1.2's core schema (section 10.3.2)."""
    if text in ("", "~", "null", "Null", "NULL"):
        return None
    if text in ("true", "True", "TRUE", "false", "False", "FALSE"):
        return text[0] in "tT"
    if _INTEGER.fullmatch(text):
        return bounded_integer(text)
    if _OTHER_BASE.fullmatch(text) and len(text) <= MAX_DIGITS:
        return int(text, 0)
    if _FLOAT.fullmatch(text):
        return finite_number(text)
    if _NOT_FINITE.fullmatch(text):
        raise Unreadable(f"{text} is not a JSON value")
    return text


_INTEGER = re.compile(r"[-+]?[0-9]+")
_OTHER_BASE = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
