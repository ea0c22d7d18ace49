"""Conditions that say less than their solution, and so are no answer where a solution is asked for."""

from __future__ import annotations

from verifiers.inside.math.names import name_of
from verifiers.inside.math.tree import Apply, Name, Node, names
from verifiers.inside.math.values import Collection, Statement, Value


def is_unsolved(value: Value) -> bool:
    """Whether a condition says less than its solution: x^2 < 4, or (x - 1)(x - 2) = 0. What is linear is solved."""
    if isinstance(value, Collection):
        return any(isinstance(item, Statement) and is_unsolved(item) for item in value.items)
    if not isinstance(value, Statement) or value.signs == ("in",):
        return False
    if set(value.signs) <= {"=", "~"}:
        return name_of(value) is None
    return not all(_is_linear(term) for term in value.terms)


def _is_linear(node: Node) -> bool:
    if not names(node) or isinstance(node, Name):
        return True
    match node:
        case Apply(name) if name.startswith("of "):
            return True
        case Apply("neg" | "abs", (inner,)):
            return _is_linear(inner)
        case Apply("add" | "sub", (one, other)):
            return _is_linear(one) and _is_linear(other)
        case Apply("mul" | "div" | "frac" as operator, (one, other)):
            factor, rest = (one, other) if operator == "mul" and not names(one) else (other, one)
            return not names(factor) and _is_linear(rest)
        case _:
            return False
