"""Gives the values of a text format the types that a JSON Schema asks for, exactly where they spell them."""

from __future__ import annotations

import re
from typing import Any

import jsonschema_rs

from verifiers.inside.schema.graph import ROOT, Graph, Place, fragment
from verifiers.inside.schema.untyped import (
    MAX_DIGITS,
    Elements,
    Rows,
    Text,
    Unknown,
    Unreadable,
    finite_number,
    settled,
)

MAX_STEPS = 200_000
"""Pairs of a value and a subschema that are looked at for one answer."""


class Coercion:
    """What one schema asks of text.

    A text becomes what the first subschema that names types (`type`, `const`, `enum`) has it be, along `properties`,
    `items`, references, `allOf`, the first branch of `anyOf` or `oneOf` that then holds, and `if`. It is taken for the
    first of these that is allowed and that it spells: its own format's reading, null, integer, number, boolean,
    string. A text that spells none of them stays a string, for the schema to refuse.
    """

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._registry = jsonschema_rs.Registry([(ROOT, graph.root.schema)])
        self._validators: dict[str, Any] = {}
        self._num_steps = 0

    def typed(self, value: Any) -> Any:
        """The plain JSON value of what a reader gave."""
        if isinstance(value, Rows) and not value:
            self._refuse_strange(value.header)
        return settled(self._typed(value, self._graph.root))

    def _refuse_strange(self, header: tuple[str, ...]) -> None:
        """A line of prose is a table without rows, too: its header has to name what the schema names."""
        places = self._graph.applied_with(self._graph.root)
        known = {name for place in places for name in _item_properties(place, self._graph)}
        if known and not known.issuperset(header):
            raise Unreadable("a header of other names than the schema's, and no rows")

    def _typed(self, value: Any, place: Place) -> Any:
        schema = place.schema
        if not isinstance(schema, dict):
            return value
        self._num_steps += 1
        if self._num_steps > MAX_STEPS:
            raise Unreadable("too entangled with the schema to be typed")
        value = _by_choice(_by_type(value, place, self._graph), schema)
        if isinstance(value, dict):
            value = self._object(value, place)
        elif isinstance(value, list) and not isinstance(value, Elements):
            value = self._array(value, place)
        for other in (*self._graph.targets(place), *place.under("allOf")):
            value = self._typed(value, other)
        for keyword in ("anyOf", "oneOf"):
            value = self._by_branch(value, list(place.under(keyword)))
        return self._by_condition(value, place)

    def _object(self, value: dict[str, Any], place: Place) -> dict[str, Any]:
        typed = {name: self._property(name, item, place) for name, item in value.items()}
        held = place.schema.get("dependentSchemas")
        for name in held if isinstance(held, dict) else ():
            if name in typed:
                typed = self._typed(typed, place.at("dependentSchemas", name))
        return typed

    def _property(self, name: str, value: Any, place: Place) -> Any:
        properties = place.schema.get("properties")
        if isinstance(properties, dict) and name in properties:
            return self._typed(value, place.at("properties", name))
        patterns = place.schema.get("patternProperties")
        for pattern in patterns if isinstance(patterns, dict) else ():
            if jsonschema_rs.is_valid({"pattern": pattern}, name):
                return self._typed(value, place.at("patternProperties", pattern))
        for other in place.under("additionalProperties"):
            return self._typed(value, other)
        return value

    def _array(self, value: list[Any], place: Place) -> list[Any]:
        return [
            self._typed(item, of) if (of := _item_place(place, index)) else item for index, item in enumerate(value)
        ]

    def _by_branch(self, value: Any, branches: list[Place]) -> Any:
        for branch in branches:
            trial = self._typed(value, branch)
            if self._holds(trial, branch):
                return trial
        return value

    def _by_condition(self, value: Any, place: Place) -> Any:
        for condition in place.under("if"):
            trial = self._typed(value, condition)
            holds = self._holds(trial, condition)
            value = trial if holds else value
            for other in place.under("then" if holds else "else"):
                value = self._typed(value, other)
        return value

    def _holds(self, value: Any, place: Place) -> bool:
        if place.pointer not in self._validators:
            schema: dict[str, Any] = {"$ref": f"{ROOT}#{fragment(place)}"}
            root = self._graph.root.schema
            if isinstance(root, dict) and "$schema" in root:
                schema["$schema"] = root["$schema"]
            self._validators[place.pointer] = jsonschema_rs.validator_for(schema, registry=self._registry, offline=True)
        return bool(self._validators[place.pointer].is_valid(settled(value)))


def _item_place(place: Place, index: int) -> Place | None:
    prefix = list(place.under("prefixItems"))
    if not prefix and isinstance(place.schema.get("items"), list):  # as drafts before 2020-12 have it
        prefix = list(place.under("items"))
        rest = list(place.under("additionalItems"))
    else:
        rest = list(place.under("items")) if not isinstance(place.schema.get("items"), list) else []
    return prefix[index] if index < len(prefix) else next(iter(rest), None)


def _by_type(value: Any, place: Place, graph: Graph) -> Any:
    """What `type` says of a value that is still open."""
    schema = place.schema
    types = schema.get("type", _implied(schema))
    types = {types} if isinstance(types, str) else set(types)
    if isinstance(value, Text):
        return _text_as(value, types) if types else value
    is_single = not isinstance(value, Elements) or len(value) == 1
    must_be_array = "array" in types and not (is_single and len(types) > 1)
    if must_be_array and (items := _items(value, place, graph)) is not None:
        return items
    if isinstance(value, Elements) and is_single and types:
        return _by_type(value[0], place, graph)
    return value


def _implied(schema: dict[str, Any]) -> list[str]:
    """The type of a schema that names none, where its other keywords only make sense for one."""
    if not schema.keys().isdisjoint(("items", "prefixItems", "contains", "minItems", "maxItems", "uniqueItems")):
        return ["array"]
    return ["object"] if not schema.keys().isdisjoint(("properties", "required")) else []


def _items(value: Any, place: Place, graph: Graph) -> list[Any] | None:
    """The items of an array in XML: the elements of one name, or those inside a single element that wraps them."""
    if isinstance(value, Elements):
        if len(value) > 1:
            return list(value)
        inner = value[0]
        if isinstance(inner, Text) and not inner.text.strip():
            return []
        wrapped = _only_elements(inner)
        if wrapped is not None and next(iter(inner)) not in _item_properties(place, graph):
            return list(wrapped)
        return [inner]
    wrapped = _only_elements(value)
    return list(wrapped) if wrapped is not None else None


def _only_elements(value: Any) -> Elements | None:
    held = next(iter(value.values())) if isinstance(value, dict) and len(value) == 1 else None
    return held if isinstance(held, Elements) else None


def _item_properties(place: Place, graph: Graph) -> set[str]:
    """The names of properties that the items of an array may have, as far as the schema tells."""
    names: set[str] = set()
    for item in place.under("items"):
        for one in graph.applied_with(item):
            if isinstance(one.schema, dict):
                names |= set(one.schema.get("properties", {})) | set(one.schema.get("required", ()))
    return names


def _by_choice(value: Any, schema: dict[str, Any]) -> Any:
    """What `const` or `enum` say of a text: the choice that it spells."""
    if isinstance(value, Elements) and len(value) == 1 and isinstance(value[0], Text):
        value = _by_choice(value[0], schema) if {"const", "enum"} & schema.keys() else value
    if not isinstance(value, Text):
        return value
    choices = [schema["const"]] if "const" in schema else schema.get("enum", [])
    native = settled(value)
    if any(native == choice and isinstance(native, bool) == isinstance(choice, bool) for choice in choices):
        return native
    for choice in choices:
        spelled = _spelled(value, _type_of(choice))
        if spelled is not Unknown and spelled == choice:
            return choice
    return value


def _type_of(value: Any) -> str:
    names = {bool: "boolean", int: "integer", float: "number", str: "string", dict: "object", list: "array"}
    return names.get(type(value), "null")


def _text_as(value: Text, types: set[str]) -> Any:
    if value.native is not Unknown:
        native = _type_of(value.native)
        if native in types or (native == "integer" and "number" in types):
            return value.native
        if native == "number" and "integer" in types and value.native.is_integer():
            return value.native
    for name in ("null", "integer", "number", "boolean", "string", "object", "array"):
        if name not in types or (name == "null" and "string" in types and value.text):
            continue
        spelled = _spelled(value, name)
        if spelled is not Unknown:
            return spelled
    return value


def _spelled(value: Text, name: str) -> Any:
    """The value of that type which a text spells, or `Unknown`."""
    text, is_typed = value.text, value.native is not Unknown
    bare = text.strip(" \t\r\n")
    if name == "string":
        return Unknown if value.native is None else text  # what is null in YAML was not meant as a word
    if name == "null":
        return None if bare in ("", "null") else Unknown
    if name == "boolean":
        words = (*_BOOLEANS, *_YAML_BOOLEANS) if is_typed else _BOOLEANS
        return bare.lower() in ("true", "yes", "on", "y") if bare in words else Unknown
    if name in ("object", "array") and not bare and not is_typed:
        return {} if name == "object" else []
    if name in ("integer", "number") and not is_typed and _NUMBER.fullmatch(bare) and len(bare) <= MAX_DIGITS:
        if _INTEGER.fullmatch(bare):
            return int(bare)
        number = finite_number(bare)
        return number if name == "number" or number.is_integer() else Unknown
    return Unknown


_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]*)")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")
"""As JSON spells it: 007 is a name, 1,000 is two cells."""
_BOOLEANS = ("true", "false", "True", "False", "TRUE", "FALSE")
_YAML_BOOLEANS = ("yes", "Yes", "YES", "no", "No", "NO", "on", "On", "ON", "off", "Off", "OFF")
"""YAML 1.1's."""
