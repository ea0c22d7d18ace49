"""Sets of real numbers: intervals, unions and the solutions of inequalities in one variable, as lists of intervals."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import mpmath

from verifiers.inside.math.names import is_naming, names_of
from verifiers.inside.math.numbers import evaluate
from verifiers.inside.math.reading import value_of
from verifiers.inside.math.tree import Apply, Bracket, Name, Node, Number, Quantity, Undefined, names
from verifiers.inside.math.values import Collection, Region, Scalar, Statement, Value

mp = mpmath.mp
DIGITS = 50
MAX_DEGREE = 12
MAX_CUTS = 64


class NoRegion(ValueError):
    """Not a set of real numbers that can be worked out."""


@dataclass(frozen=True, slots=True)
class Interval:
    low: Any
    has_low: bool
    high: Any
    has_high: bool


def region(value: Value) -> list[Interval]:
    """The set as disjoint intervals in order, or `NoRegion`."""
    with mp.workdps(DIGITS):
        return _united(_intervals(value))


def same_region(one: Sequence[Interval], other: Sequence[Interval]) -> bool:
    return len(one) == len(other) and all(
        left.has_low == right.has_low
        and left.has_high == right.has_high
        and _same(left.low, right.low)
        and _same(left.high, right.high)
        for left, right in zip(one, other, strict=True)
    )


def is_points(intervals: Sequence[Interval]) -> bool:
    return all(interval.low == interval.high for interval in intervals)


def _same(one: Any, other: Any) -> bool:
    if one == other:
        return True
    if mp.isinf(one) or mp.isinf(other):
        return False
    return bool(abs(one - other) <= max(abs(one), abs(other), mp.mpf(10) ** -20) * mp.mpf(10) ** -20)


def _intervals(value: Value) -> list[Interval]:
    match value:
        case Region(node):
            return _of_node(node)
        case Collection("pair", (Scalar(low), Scalar(high)), opening, closing):
            bottom, top = _number(low), _number(high)
            has_low, has_high = opening == "[", closing == "]"
            if bottom > top or (bottom == top and not (has_low and has_high)):
                raise NoRegion("an interval that ends before it begins")
            return [Interval(bottom, has_low, top, has_high)]
        case Collection("set", items):
            return [_point(item) for item in items]
        case Collection("list", items, _, _, joiners):
            return _joined(items, joiners)
        case Statement():
            if value.signs[0] == "in" and len(value.signs) == 1:
                if not is_naming(value.terms[0]):
                    raise NoRegion("a condition on more than a variable")
                return _intervals(value_of(value.terms[1]))
            return _solved(value)
        case _:
            raise NoRegion("a single value")


def _joined(items: Sequence[Value], joiners: Sequence[str]) -> list[Interval]:
    """Inequalities side by side: with "and" all of them hold, with "or" any; with a comma, what cannot all hold was
    meant as "or"."""
    items = [item for item in items if not _is_domain(item)]
    parts = [_intervals(item) for item in items]
    if "or" not in joiners and all(isinstance(item, Collection) for item in items) and not _are_apart(parts):
        raise NoRegion("points, not intervals")
    is_conditions = all(isinstance(item, Statement) and item.signs[0] != "in" for item in items)
    if len({name for item in items if isinstance(item, Statement) for name in names_of(item)}) > 1:
        raise NoRegion("conditions on more than one variable")
    if "or" not in joiners and is_conditions and not any(_excludes(item) for item in items):
        common = parts[0]
        for part in parts[1:]:
            common = _common(common, part)
        if common or "and" in joiners:
            return common
    if is_conditions and any(_excludes(item) for item in items) and "or" not in joiners:
        common = parts[0]
        for part in parts[1:]:
            common = _common(common, part)
        return common
    return [interval for part in parts for interval in part]


def _are_apart(parts: Sequence[Sequence[Interval]]) -> bool:
    """Whether intervals in a list leave something between them; (1, 5), (2, 3) are points."""
    ordered = sorted((interval for part in parts for interval in part), key=lambda one: one.low)
    return all(one.high <= other.low for one, other in itertools.pairwise(ordered))


def _is_domain(value: Value) -> bool:
    return isinstance(value, Statement) and value.signs == ("in",) and isinstance(value.terms[1], Name)


def _excludes(value: Value) -> bool:
    return isinstance(value, Statement) and value.signs == ("!=",)


def _of_node(node: Node) -> list[Interval]:
    match node:
        case Apply("union", (one, other)):
            return [*_of_node(one), *_of_node(other)]
        case Apply("intersection", (one, other)):
            return _common(_united(_of_node(one)), _united(_of_node(other)))
        case Apply("minus", (one, other)):
            return _common(_united(_of_node(one)), _complement(_united(_of_node(other))))
        case Name("bbR"):
            return [Interval(-mp.inf, False, mp.inf, False)]
        case Name("emptyset"):
            return []
        case Bracket():
            return _intervals(value_of(node))
        case _:
            raise NoRegion("not a set of real numbers")


def _point(item: Value) -> Interval:
    if not isinstance(item, Scalar):
        raise NoRegion("a set of more than numbers")
    value = _number(item.node)
    return Interval(value, True, value, True)


def _number(node: Node) -> Any:
    if names(node):
        raise NoRegion("an end that is not a number")
    try:
        value = evaluate(node, {}, DIGITS, is_real=True)
    except Undefined as error:
        raise NoRegion(str(error)) from None
    if isinstance(value, mp.mpf):
        return value
    raise NoRegion("an end that is not real")


def _united(intervals: Sequence[Interval]) -> list[Interval]:
    """Disjoint and in order."""
    merged: list[Interval] = []
    for interval in sorted(intervals, key=lambda one: (one.low, not one.has_low)):
        last = merged[-1] if merged else None
        if last and (
            last.high > interval.low or (_same(last.high, interval.low) and (last.has_high or interval.has_low))
        ):
            if interval.high > last.high or (_same(interval.high, last.high) and interval.has_high):
                merged[-1] = Interval(last.low, last.has_low, interval.high, interval.has_high)
        else:
            merged.append(interval)
    return merged


def _common(one: Sequence[Interval], other: Sequence[Interval]) -> list[Interval]:
    found = []
    for left, right in itertools.product(one, other):
        low, is_open = max((left.low, not left.has_low), (right.low, not right.has_low))
        high, has_high = min((left.high, left.has_high), (right.high, right.has_high))
        if low < high or (low == high and not is_open and has_high):
            found.append(Interval(low, not is_open, high, has_high))
    return _united(found)


def _complement(intervals: Sequence[Interval]) -> list[Interval]:
    found = []
    low, has_low = -mp.inf, False
    for interval in intervals:
        if low < interval.low or (low == interval.low and has_low and not interval.has_low):
            found.append(Interval(low, has_low, interval.low, not interval.has_low))
        low, has_low = interval.high, not interval.has_high
    if low < mp.inf:
        found.append(Interval(low, has_low, mp.inf, False))
    return found


# ---- inequalities


def _solved(statement: Statement) -> list[Interval]:
    """The numbers for which a chain of inequalities in one variable holds, tested between all its turns."""
    statement = _between_ends(_with_variable(statement))
    if not statement.signs:
        return [Interval(-mp.inf, False, mp.inf, False)]
    free = sorted(frozenset().union(*(names(term) for term in statement.terms)))
    if len(free) != 1 or not set(statement.signs) <= {"<", "<=", ">", ">=", "!=", "="}:
        raise NoRegion("not inequalities in one variable")
    cuts: list[Any] = []
    for one, other in itertools.pairwise(statement.terms):
        cuts += _turns(Apply("sub", (one, other)), free[0])
    ordered: list[Any] = []
    for cut in sorted(cuts):
        if not ordered or not _same(ordered[-1], cut):
            ordered.append(cut)
    if len(ordered) > MAX_CUTS:
        raise NoRegion("too many turns")
    ends = [-mp.inf, *ordered, mp.inf]
    found: list[Interval] = []
    for low, high in itertools.pairwise(ends):
        if _holds(statement, free[0], _between(low, high), 0):
            found.append(Interval(low, False, high, False))
        if mp.isfinite(high) and _holds(statement, free[0], high, 1):
            found.append(Interval(high, True, high, True))
    return found


def _with_variable(statement: Statement) -> Statement:
    """With f(x) or another named thing in the place of the variable where there is none: 0 < f(x) < 1."""
    terms = list(statement.terms)
    named = [index for index, term in enumerate(terms) if isinstance(term, Apply) and term.name.startswith("of ")]
    if len(named) == 1 and is_naming(terms[named[0]]):
        terms[named[0]] = Name("value")
    return Statement(tuple(terms), statement.signs)


def _between_ends(statement: Statement) -> Statement:
    """Without what every number is: below infinity, above its negative."""
    terms, signs = statement.terms, statement.signs
    plus, minus = Name("infinity"), Apply("neg", (Name("infinity"),))
    upward, downward = ("<", "<="), (">", ">=")
    if signs and (terms[0], signs[0] in upward) in ((minus, True), (plus, False)) and signs[0] in upward + downward:
        terms, signs = terms[1:], signs[1:]
    if signs and (terms[-1], signs[-1] in upward) in ((plus, True), (minus, False)) and signs[-1] in upward + downward:
        terms, signs = terms[:-1], signs[:-1]
    return Statement(terms, signs)


def _between(low: Any, high: Any) -> Any:
    if mp.isinf(low):
        return (high - 1) if mp.isfinite(high) else mp.mpf(0)
    return low + 1 if mp.isinf(high) else (low + high) / 2


def _holds(statement: Statement, name: str, at: Any, is_turn: int) -> bool:
    try:
        values = [evaluate(term, {name: at}, DIGITS, is_real=True) for term in statement.terms]
    except Undefined:
        return False
    return all(
        _compare(sign, one, other)
        for sign, (one, other) in zip(statement.signs, itertools.pairwise(values), strict=True)
    )


def _compare(sign: str, one: Any, other: Any) -> bool:
    is_same = _same(one, other) or abs(one - other) < mp.mpf(10) ** -25
    match sign:
        case "<":
            return bool(one < other) and not is_same
        case ">":
            return bool(one > other) and not is_same
        case "<=":
            return bool(one < other) or is_same
        case ">=":
            return bool(one > other) or is_same
        case "!=":
            return not is_same
        case _:
            return is_same


def _turns(node: Node, name: str) -> list[Any]:
    """Where an expression of one variable may change its sign or lose its value: real roots of what it is made of."""
    found: list[Any] = []
    for variant in _without_abs(node, name):
        above, below = fraction(variant, name)
        for polynomial in (above, below):
            found += _real_roots(polynomial)
    return found


def _without_abs(node: Node, name: str) -> list[Node]:
    """Every way to replace moduli by their inside or its negative, and the insides themselves."""
    moduli = [part for part in _parts(node) if isinstance(part, Apply) and part.name == "abs" and name in names(part)]
    if len(moduli) > 3:
        raise NoRegion("too many moduli")
    variants: list[Node] = [modulus.args[0] for modulus in moduli if isinstance(modulus, Apply)]
    for signs in itertools.product((False, True), repeat=len(moduli)):
        chosen: dict[Node, bool] = dict(zip(moduli, signs, strict=True))
        variants.append(_replaced(node, chosen))
    return variants


def _parts(node: Node) -> list[Node]:
    found, stack = [], [node]
    while stack:
        here = stack.pop()
        found.append(here)
        if isinstance(here, Apply):
            stack += here.args
    return found


def _replaced(node: Node, negated: Mapping[Node, bool]) -> Node:
    if isinstance(node, Apply):
        if node in negated:
            inner = _replaced(node.args[0], negated)
            return Apply("neg", (inner,)) if negated[node] else inner
        return Apply(node.name, tuple(_replaced(arg, negated) for arg in node.args))
    return node


Polynomial = list[Any]
"""Coefficients, the constant first."""


def fraction(node: Node, name: str) -> tuple[Polynomial, Polynomial]:
    """An expression as a quotient of two polynomials in one variable."""
    if name not in names(node):
        return [_number(node)], [mp.mpf(1)]
    match node:
        case Name():
            return [mp.mpf(0), mp.mpf(1)], [mp.mpf(1)]
        case Apply("neg", (inner,)):
            above, below = fraction(inner, name)
            return [-coefficient for coefficient in above], below
        case Apply("add" | "sub" as operator, (one, other)):
            left, right = fraction(one, name), fraction(other, name)
            sign = 1 if operator == "add" else -1
            total = _plus(_times(left[0], right[1]), [sign * entry for entry in _times(right[0], left[1])])
            return total, _times(left[1], right[1])
        case Apply("mul", (one, other)):
            left, right = fraction(one, name), fraction(other, name)
            return _times(left[0], right[0]), _times(left[1], right[1])
        case Apply("div" | "frac", (one, other)):
            left, right = fraction(one, name), fraction(other, name)
            return _times(left[0], right[1]), _times(left[1], right[0])
        case Apply("pow", (base, Number(exponent, _, _))) if exponent.denominator == 1 and 0 <= exponent <= MAX_DEGREE:
            above, below = [mp.mpf(1)], [mp.mpf(1)]
            inside = fraction(base, name)
            for _ in range(int(exponent)):
                above, below = _times(above, inside[0]), _times(below, inside[1])
            return above, below
        case Quantity(value, "%"):
            above, below = fraction(value, name)
            return above, [100 * coefficient for coefficient in below]
        case _:
            raise NoRegion("not a rational function")


def _plus(one: Polynomial, other: Polynomial) -> Polynomial:
    return [left + right for left, right in itertools.zip_longest(one, other, fillvalue=mp.mpf(0))]


def _times(one: Polynomial, other: Polynomial) -> Polynomial:
    if len(one) + len(other) > MAX_DEGREE + 2:
        raise NoRegion(f"a degree above {MAX_DEGREE}")
    product = [mp.mpf(0)] * (len(one) + len(other) - 1)
    for left, right in itertools.product(range(len(one)), range(len(other))):
        product[left + right] += one[left] * other[right]
    return product


def _real_roots(polynomial: Polynomial) -> list[Any]:
    trimmed = list(polynomial)
    while trimmed and abs(trimmed[-1]) < mp.mpf(10) ** -40:
        trimmed.pop()
    if len(trimmed) < 2:
        return []
    if len(trimmed) == 2:
        return [-trimmed[0] / trimmed[1]]
    if len(trimmed) == 3:
        constant, linear, square = trimmed
        inside = linear**2 - 4 * square * constant
        if inside < 0:
            return []
        return [(-linear + sign * mp.sqrt(inside)) / (2 * square) for sign in (1, -1)]
    try:
        roots = mp.polyroots(trimmed[::-1], maxsteps=200, extraprec=400)
    except mp.NoConvergence:
        raise NoRegion("roots that cannot be found") from None
    # A multiple root comes with an imaginary part that is only rounding.
    return [mp.re(root) for root in roots if abs(mp.im(root)) < mp.mpf(10) ** -15]
