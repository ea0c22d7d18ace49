"""Whether two equations have the same solutions: by proportional sides, else by their roots at random points."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import mpmath

from verifiers.inside.math.identities import points
from verifiers.inside.math.numbers import evaluate
from verifiers.inside.math.regions import NoRegion, fraction
from verifiers.inside.math.tree import Apply, Bracket, Items, Name, Node, Number, Relation, Undefined, children, names
from verifiers.inside.math.values import Statement

mp = mpmath.mp


def zero_form(statement: Statement) -> Node | None:
    one, other = statement.terms
    if any(isinstance(side, Bracket | Items | Relation) for side in (one, other)):
        return None
    return Apply("sub", (one, other))


def opaque_names(node: Node) -> tuple[str, ...]:
    found, stack = set(), [node]
    while stack:
        here = stack.pop()
        if isinstance(here, Apply) and here.name.startswith("of "):
            found.add(here.name)
        stack += children(here)
    return tuple(found)


def proportional(one: Node, other: Node, *, is_positive: bool = False) -> bool:
    """Whether the quotient of two expressions is the same number, not zero, wherever both have a value."""
    free = sorted(names(one) | names(other))
    if not free and not opaque_names(one):
        return False
    for place in ("real", "integer"):
        quotients = []
        for point in points(free, f"{free}", place):
            try:
                values = [evaluate(node, point, 60, is_real=place == "real") for node in (one, other)]
                if any(value == 0 for value in values):
                    continue
                quotients.append(values[0] / values[1])
            except (Undefined, TypeError):
                continue
        if len(quotients) >= 3 or (not free and quotients):
            first = quotients[0]
            is_same = all(abs(quotient - first) <= abs(first) * mp.mpf(10) ** -40 for quotient in quotients)
            is_signed = not is_positive or (mp.im(first) == 0 and mp.re(first) > 0)
            if not free and abs(first - 1) > mp.mpf(10) ** -40 and abs(first + 1) > mp.mpf(10) ** -40:
                return False
            return bool(is_same and is_signed)
    return False


def same_solutions(one: Node, other: Node) -> bool:
    """Whether two equations that are polynomial or rational in one of their variables have the same roots for it,
    wherever the other variables are put.

    A factor of one variable alone shows only in its own roots: x(y - x) = 0 has those of y = x for y, not for x.
    """
    free = sorted(names(one) | names(other))
    if not free or names(one) != names(other):
        return False
    is_told = False
    for name in free:
        outcome = [_same_roots(one, other, name, point) for point in points(free, f"roots {free}", "real")[:4]]
        if False in outcome:
            return False
        is_told = is_told or outcome.count(True) >= 3
    return is_told


def _same_roots(one: Node, other: Node, name: str, point: Mapping[str, Any]) -> bool | None:
    """None where it cannot be told."""
    with mp.workdps(60):
        rest = {key: value for key, value in point.items() if key != name}
        try:
            found = [_roots(node, name, rest) for node in (one, other)]
        except (NoRegion, Undefined):
            return None
        bound = mp.mpf(10) ** -15
        return all(
            any(abs(root - match) <= bound * max(1, abs(root)) for match in matches)
            for roots, matches in (found, found[::-1])
            for root in roots
        ) and bool(found[0])


def _roots(node: Node, name: str, rest: Mapping[str, Any]) -> list[Any]:
    """All complex roots of the numerator in one variable that are none of the denominator."""
    above, below = fraction(_at(node, rest), name)
    while above and abs(above[-1]) < mp.mpf(10) ** -40:
        above.pop()
    if len(above) < 2 or len(above) > 8:
        raise NoRegion("not an equation that can be solved")
    roots = [-above[0] / above[1]] if len(above) == 2 else mp.polyroots(above[::-1], maxsteps=200, extraprec=300)
    return [root for root in roots if abs(mp.polyval(below[::-1], root)) > mp.mpf(10) ** -20]


def _at(node: Node, point: Mapping[str, Any]) -> Node:
    """The tree with numbers for the variables of a point."""
    match node:
        case Name(name) if name in point:
            return Number(Fraction(int(mp.nint(point[name] * 1009)), 1009), "")
        case Apply(name, args):
            return Apply(name, tuple(_at(arg, point) for arg in args))
        case _:
            return node
