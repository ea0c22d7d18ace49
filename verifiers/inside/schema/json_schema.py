"""Holds a value against a JSON Schema, by jsonschema-rs, offline: valid or not, where not, and how far from it."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any

import jsonschema_rs

from verifiers.inside.schema.graph import Graph, Place
from verifiers.inside.schema.untyped import one_line

MAX_ERRORS = 1000

Path = tuple[str | int, ...]
"""Keys and indices from the top of a value."""
Error = tuple[Path, str, str]
"""Where it is, the keyword that is broken, and a message of one line."""


class BrokenSchema(ValueError):
    """No answer can be judged by it; the message is one line."""


class Schema:
    """One JSON Schema, of the draft that its "$schema" names, else 2020-12. References lead nowhere but into it and
    `documents`, other schemas by their URIs.

    `BrokenSchema` if it is no schema, refers to elsewhere, or refers to itself for the same value without end (which
    the validator takes for valid).
    """

    def __init__(self, schema: Any, documents: Mapping[str, Any] | None = None) -> None:
        try:
            registry = jsonschema_rs.Registry(list(documents.items())) if documents else None
            self._validator = jsonschema_rs.validator_for(schema, registry=registry, offline=True)
        except (ValueError, TypeError, jsonschema_rs.ReferencingError) as error:
            raise BrokenSchema(one_line(str(error).partition("\n")[0])) from error
        self.graph = Graph(schema)
        if (loop := self.graph.loop()) is not None:
            raise BrokenSchema(f"{one_line(loop, 80)} refers to itself for the same value, without end")

    def errors(self, value: Any) -> list[Error]:
        """What is wrong, at most `MAX_ERRORS` of it."""
        found = islice(self._validator.iter_errors(value), MAX_ERRORS)
        return [(tuple(error.instance_path), error.kind.name, one_line(error.message)) for error in found]

    def share(self, value: Any, errors: list[Error]) -> float:
        """How much of the schema the value satisfies, 0..1.

        A leaf is a property that is required, or that the schema names and the value has; it is satisfied if nothing
        is wrong at it, and counts for the share of its own leaves if it has some. The items of an array count together
        as one. Properties that the schema does not name add nothing.
        """
        kinds: dict[Path, set[str]] = {}
        for path, keyword, _ in errors:
            kinds.setdefault(path, set()).add(keyword)
        return self._share(self.graph.root, value, (), kinds)

    def _share(self, place: Place | None, value: Any, path: Path, kinds: dict[Path, set[str]]) -> float:
        views = self.graph.applied_with(place) if place else []
        schemas = [view for view in views if isinstance(view.schema, dict)]
        properties: dict[str, Place] = {}
        for view in schemas:
            for name in view.schema.get("properties", {}):
                properties.setdefault(name, view.at("properties", name))
        held = value if isinstance(value, dict) else {}
        names = dict.fromkeys(name for view in schemas for name in view.schema.get("required", ()))
        names |= dict.fromkeys(name for name in properties if name in held)
        shares = [
            self._share(properties.get(name), held[name], (*path, name), kinds) if name in held else 0.0
            for name in names
        ]
        items = next((sub for view in schemas for sub in view.under("items")), None)
        if isinstance(value, list) and value and items:
            inner = [self._share(items, item, (*path, index), kinds) for index, item in enumerate(value)]
            shares.append(sum(inner) / len(inner))
        if kinds.get(path, set()) - {"required"}:
            shares.append(0.0)
        return sum(shares) / len(shares) if shares else 1.0
