"""Problem sets that know several rules: one that scores, and others whose opinions a report shows beside it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from verifiers import Problem

Ruled = Mapping[str, Problem]
"""One problem as each rule judges it."""


def read_rules(written: str, known: Collection[str]) -> tuple[str, ...]:
    """The rules named, with commas between them, as written: the first one scores. `ValueError` for one not known."""
    names = [name.strip() for name in written.split(",")]
    for name in names:
        if name not in known:
            raise ValueError(f"found {name!r}, expected {', '.join(known)}, with commas between several")
        if names.count(name) > 1:
            raise ValueError(f"found {name!r} twice")
    return tuple(names)


def by_rule(found: Iterable[Ruled], rules: Sequence[str]) -> tuple[tuple[Problem, ...], dict[str, dict[str, Problem]]]:
    """The problems as the first rule judges them, and for each other rule the same by their ids."""
    first, *others = rules
    listed = list(found)
    return tuple(one[first] for one in listed), {rule: {one[rule].id: one[rule] for one in listed} for rule in others}
