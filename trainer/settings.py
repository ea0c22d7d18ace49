"""How settings are read: strict tables, dotted overrides, and a mistake as one line."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

T = TypeVar("T", bound=BaseModel)

MAX_SEED = 2**32 - 1
"""What numpy, and so vLLM, takes for one."""
IN_WORDS = {
    "model_type": "should be a table",
    "dict_type": "should be a table",
    "tuple_type": "should be a list",
    "list_type": "should be a list",
    "string_type": "should be a text",
}
"""By pydantic's type of mistake, where its message speaks of Python."""


class ConfigError(ValueError):
    """A mistake in a run's settings: the message says where, what was found and what would be right."""


class Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False)


def validated(model: type[T], where: str, values: dict[str, Any], overrides: Sequence[str]) -> T:
    """Values with their overrides as one `model`; raises `ConfigError` for the first mistake."""
    for override in overrides:
        set_value(values, override)
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise ConfigError(_one_line(where, error, model, values)) from None


def set_value(values: dict[str, Any], override: str) -> None:
    """Put what a `key=value` says, its value as TOML or else as text, into nested tables; raises `ConfigError`."""
    key, equals, text = override.partition("=")
    if not equals or not key:
        raise ConfigError(f"{override}: an override looks like key=value, for example optim.lr=3e-6")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text
    place: Any = values
    *path, last = key.split(".")
    for name in path:
        place = place[int(name)] if isinstance(place, list) and name.isdigit() else place.setdefault(name, {})
        if not isinstance(place, dict | list):
            raise ConfigError(f"{override}: {name} is a single value, not a table")
    if isinstance(place, list):
        raise ConfigError(f"{override}: name the entry by its number, for example sft.0.steps=100")
    place[last] = value


def _one_line(file: str, error: ValidationError, model: type[BaseModel], values: dict[str, Any]) -> str:
    first = error.errors()[0]
    place = _as_written(first["loc"], values)
    where = ".".join(place) or "the file"
    if first["type"] == "extra_forbidden":
        *table, name = place
        fields = _fields(model, table)
        close = difflib.get_close_matches(name, fields, n=1)
        hint = f"; did you mean {close[0]}?" if close else ""
        return f"{file}: {where}: no such setting; [{'.'.join(table) or 'top level'}] has {', '.join(fields)}{hint}"
    if first["type"] == "missing":
        return f"{file}: {where}: missing; it must be set"
    message = IN_WORDS.get(first["type"]) or first["msg"].removeprefix("Value error, ")
    if first["type"] == "value_error":
        return f"{file}: {where}: {message}" if first["loc"] else f"{file}: {message}"
    return f"{file}: {where}: {message}; found {first['input']!r}"


def _as_written(place: Sequence[int | str], values: Any) -> list[str]:
    """Without the number of an entry where one table stands for a list of one, and pydantic's mark of a key."""
    parts = []
    for part in place:
        if part == "[key]" or (isinstance(part, int) and isinstance(values, dict)):
            continue
        parts.append(str(part))
        if isinstance(values, dict):
            values = values.get(part)
        elif isinstance(values, list) and isinstance(part, int):
            values = values[part]
    return parts


def _fields(model: type[BaseModel], table: Sequence[str]) -> list[str]:
    """Names of the settings in a table, by walking the models' annotations."""
    for name in table:
        if name.isdigit():
            continue
        annotation = model.model_fields[name].annotation
        candidates = [annotation, *getattr(annotation, "__args__", ())]
        nested = [c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)]
        if not nested:
            return []
        model = nested[0]
    return list(model.model_fields)
