"""Chains of equals in an answer, x = 7 = 14/2: those that do not hold are no answer, whatever they end in."""

from __future__ import annotations

import mpmath

from verifiers.inside.math.decisions import Comparison, Rules
from verifiers.inside.math.expressions import compare_nodes
from verifiers.inside.math.measures import compare_scalars
from verifiers.inside.math.names import is_naming
from verifiers.inside.math.numbers import FEW, evaluate
from verifiers.inside.math.reading import value_of
from verifiers.inside.math.rounding import places_of
from verifiers.inside.math.tree import Name, Node, Quantity, Relation, Undefined, names
from verifiers.inside.math.values import Scalar, Statement, Value

mp = mpmath.mp


def broken_chain(value: Value, comparison: Comparison) -> str:
    """Why a chain of equals does not hold; empty if it does, as far as its members are numbers."""
    if not isinstance(value, Statement) or len(value.terms) < 2 or not set(value.signs) <= {"=", "~"}:
        return ""
    known: Value | None = None
    is_formula = False
    for sign, term in zip(("=", *value.signs), value.terms, strict=True):
        if term is not value.terms[0] and isinstance(value.terms[0], Name) and value.terms[0].name in names(term):
            return "a name that stands for itself"
        if isinstance(term, Relation) or names(term) or is_naming(term):
            is_formula = bool(names(term)) and not is_naming(term)
            continue
        if is_formula and sign == "~":
            return "a formula that is nearly a number"
        part = value_of(term)
        if known is not None and not _agree(known, part, sign, comparison):
            return "a chain of equals that are not"
        known = part
    return ""


def _agree(one: Value, other: Value, sign: str, comparison: Comparison) -> bool:
    """Whether two members of a chain are the same, 100 cm and 1 m among them, as far as they are written."""
    if not (isinstance(one, Scalar) and isinstance(other, Scalar)):
        return comparison.anew().compare(one, other).is_equal
    if one.unit and other.unit and "%" not in (one.unit, other.unit):
        return compare_scalars(one, other, Rules()).is_equal
    first, second = (Quantity(part.node, "%") if part.unit == "%" else part.node for part in (one, other))
    return compare_nodes(first, second, Rules()).is_equal or _is_near(first, second, sign)


def _is_near(one: Node, other: Node, sign: str) -> bool:
    """Whether two members of a chain agree as far as written: a decimal after `=` to its digits, after `~` to 1 %."""
    try:
        first, second = (evaluate(node, {}, FEW, is_real=False) for node in (one, other))
    except Undefined:
        return False
    if not (mp.isfinite(first) and mp.isfinite(second)):
        return False
    difference = abs(first - second)
    places = places_of(other) if places_of(other) is not None else places_of(one)
    if sign == "~":
        return bool(difference <= max(abs(first) / 100, mp.mpf(10) ** -places if places else 0))
    return places is not None and places >= 2 and bool(difference <= mp.mpf(10) ** -places)
