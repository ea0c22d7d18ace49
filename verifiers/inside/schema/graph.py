"""A JSON Schema as a graph: where its subschemas are, and what its references lead to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote, urldefrag, urljoin

ROOT = "urn:schema"
"""The URI of a schema that names none itself."""

ONE = ("not", "if", "then", "else", "additionalProperties", "items", "contains", "propertyNames", "unevaluatedItems",
       "unevaluatedProperties", "additionalItems", "contentSchema")  # fmt: skip
MANY = ("allOf", "anyOf", "oneOf", "prefixItems", "items")
NAMED = ("properties", "patternProperties", "dependentSchemas", "dependencies", "$defs", "definitions")
REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")
IN_PLACE = ("not", "if", "then", "else", "allOf", "anyOf", "oneOf", "dependentSchemas", "dependencies")
"""Keywords whose subschemas are applied to the same value."""


@dataclass(frozen=True)
class Place:
    """A subschema: what it says, its JSON Pointer from the root, and the URI that its references start from."""

    schema: Any
    pointer: str
    base: str

    def at(self, *tokens: str | int) -> Place:
        """The subschema below it."""
        schema, pointer = self.schema, self.pointer
        for token in tokens:
            schema = schema[token]
            pointer += "/" + str(token).replace("~", "~0").replace("/", "~1")
        return Place(schema, pointer, _base(schema, self.base))

    def under(self, keyword: str) -> Iterator[Place]:
        """The subschemas that one keyword holds."""
        held = self.schema.get(keyword) if isinstance(self.schema, dict) else None
        if keyword in ONE and isinstance(held, dict | bool):
            yield self.at(keyword)
        elif keyword in MANY and isinstance(held, list):
            yield from (self.at(keyword, index) for index in range(len(held)))
        elif keyword in NAMED and isinstance(held, dict):
            yield from (self.at(keyword, name) for name, sub in held.items() if isinstance(sub, dict | bool))


class Graph:
    """The places of one schema. References to other documents lead nowhere here."""

    def __init__(self, schema: Any) -> None:
        self.root = Place(schema, "", _base(schema, ROOT))
        self._named: dict[str, Place] = {ROOT: self.root}
        waiting = [self.root]
        while waiting:
            place = waiting.pop()
            self._name(place)
            for keyword in dict.fromkeys((*ONE, *MANY, *NAMED)):
                waiting += place.under(keyword)

    def targets(self, place: Place) -> Iterator[Place]:
        """What its references lead to; a dynamic one, to where it starts looking."""
        for keyword in REFERENCES:
            reference = place.schema.get(keyword) if isinstance(place.schema, dict) else None
            if isinstance(reference, str) and (target := self._target(reference, place.base)):
                yield target

    def applied_with(self, place: Place) -> list[Place]:
        """The place and all that holds wherever it does: through references and allOf."""
        found, waiting = {place.pointer: place}, [place]
        while waiting:
            one = waiting.pop()
            for other in (*self.targets(one), *one.under("allOf")):
                if other.pointer not in found:
                    found[other.pointer] = other
                    waiting.append(other)
        return list(found.values())

    def loop(self) -> str | None:
        """A place that is applied to the same value again and again without end, as {"$ref": "#"} is, or None."""
        reached, waiting = {"": self.root}, [self.root]
        while waiting:
            place = waiting.pop()
            below = [sub for keyword in (*ONE, *MANY, *NAMED) if keyword not in ("$defs", "definitions")
                     for sub in place.under(keyword)]  # fmt: skip
            for other in (*self.targets(place), *below):
                if other.pointer not in reached:
                    reached[other.pointer] = other
                    waiting.append(other)
        done: set[str] = set()
        for start in reached.values():
            if (found := self._loop_from(start, done)) is not None:
                return found
        return None

    def _loop_from(self, start: Place, done: set[str]) -> str | None:
        """Depth first, along what is applied to the same value."""
        if start.pointer in done:
            return None
        path, on_path = [(start, iter(self._in_place(start)))], {start.pointer}
        while path:
            place, others = path[-1]
            other = next(others, None)
            if other is None:
                path.pop()
                on_path.discard(place.pointer)
                done.add(place.pointer)
            elif other.pointer in on_path:
                return f"#{other.pointer}"
            elif other.pointer not in done:
                path.append((other, iter(self._in_place(other))))
                on_path.add(other.pointer)
        return None

    def _in_place(self, place: Place) -> list[Place]:
        return [*self.targets(place), *(sub for keyword in IN_PLACE for sub in place.under(keyword))]

    def _name(self, place: Place) -> None:
        if not isinstance(place.schema, dict):
            return
        if _own_id(place.schema):
            self._named.setdefault(place.base, place)
        for keyword in ("$anchor", "$dynamicAnchor", "$id", "id"):
            anchor = place.schema.get(keyword)
            if isinstance(anchor, str) and (keyword.endswith("nchor") or anchor.startswith("#")):
                self._named.setdefault(f"{place.base}#{anchor.removeprefix('#')}", place)

    def _target(self, reference: str, base: str) -> Place | None:
        address, fragment = urldefrag(reference)
        document = urljoin(base, address) if address else base
        if not fragment.startswith("/"):
            return self._named.get(f"{document}#{fragment}" if fragment else document)
        place = self._named.get(document)
        if place is None:
            return None
        for token in unquote(fragment).split("/")[1:]:
            token = token.replace("~1", "/").replace("~0", "~")
            key = int(token) if isinstance(place.schema, list) and token.isdecimal() else token
            try:
                place = place.at(key)
            except (KeyError, IndexError, TypeError):
                return None
        return place


def fragment(place: Place) -> str:
    """Its JSON Pointer as the fragment of a URI."""
    return quote(place.pointer, safe="/~")


def _own_id(schema: dict[str, Any]) -> str | None:
    """The URI by which a subschema names itself; in older drafts `id`, and a fragment is only an anchor."""
    for keyword in ("$id", "id"):
        name = schema.get(keyword)
        if isinstance(name, str) and not name.startswith("#"):
            return name
    return None


def _base(schema: Any, base: str) -> str:
    name = _own_id(schema) if isinstance(schema, dict) else None
    return urldefrag(urljoin(base, name))[0] if name else base
