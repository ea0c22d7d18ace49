"""How a problem's spec is read: strictly, and each mistake names its field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from verifiers.types import SpecError


class Spec(BaseModel):
    """What one verifier needs of a problem. Unknown fields are mistakes."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True, allow_inf_nan=False
    )


SpecT = TypeVar("SpecT", bound=Spec)


def read_spec(kind: type[SpecT], spec: Mapping[str, Any]) -> SpecT:
    """`spec` as a `kind`, or `SpecError` naming the first wrong field, what it holds and what would be right."""
    try:
        return kind.model_validate(dict(spec))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
    field = _path(first["loc"]) or "spec"
    if first["type"] == "extra_forbidden":
        known = ", ".join(known.alias or name for name, known in kind.model_fields.items())
        fields = f"; the fields are {known}" if len(first["loc"]) == 1 else ""
        raise SpecError(f"{field}: no such field{fields}")
    if first["type"] == "missing":
        raise SpecError(f"{field}: missing; the spec has {', '.join(map(repr, spec)) or 'no fields'}")
    raise SpecError(f"{field}: found {shown(first['input'])}; {first['msg'].removeprefix('Value error, ')}")


def shown(value: object, limit: int = 80) -> str:
    """A value on one line of at most `limit` characters."""
    text = repr(value[:limit] if isinstance(value, str | list) else value)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _path(location: tuple[int | str, ...]) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).lstrip(".")
