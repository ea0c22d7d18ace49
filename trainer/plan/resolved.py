"""Every setting of a run as resolved, with its default and where its value comes from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel

from trainer.config.run import RunConfig

Source = Literal["file", "override", "default"]


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting as resolved."""

    name: str
    value: Any
    default: Any
    """None, too, where it must be set."""
    source: Source

    @property
    def differs(self) -> bool:
        return bool(self.value != self.default)


def settings_of(config: RunConfig, file: Mapping[str, Any], overrides: Sequence[str]) -> list[Setting]:
    """Every setting of a run with its default and where its value comes from; `file` is the TOML as read."""
    keys = [override.partition("=")[0] for override in overrides]
    return list(_settings(config, file, keys, ""))


def _settings(model: BaseModel, given: Any, overrides: Sequence[str], prefix: str) -> Iterator[Setting]:
    """The leaves of a table and of the tables in it, in the order they are declared."""
    given = given if isinstance(given, Mapping) else {}
    for name, declared in type(model).model_fields.items():
        value, where = getattr(model, name), f"{prefix}{name}"
        if isinstance(value, BaseModel):
            yield from _settings(value, given.get(name), overrides, f"{where}.")
        elif isinstance(value, tuple) and value and isinstance(value[0], BaseModel):
            tables = given.get(name) or []
            if isinstance(tables, Mapping):  # one table may stand for a list of one
                yield from _settings(value[0], tables, overrides, f"{where}.")
                continue
            for index, table in enumerate(value):
                inner = tables[index] if index < len(tables) else None
                yield from _settings(table, inner, overrides, f"{where}.{index}.")
        else:
            default = None if declared.is_required() else declared.get_default(call_default_factory=True)
            is_overridden = any(where == key or where.startswith(f"{key}.") for key in overrides)
            source: Source = "override" if is_overridden else "file" if name in given else "default"
            yield Setting(where, value, default, source)
