"""Whether the fractions of an answer are in lowest terms, where a policy asks for it."""

from __future__ import annotations

import math

from verifiers.inside.math.rationals import exact
from verifiers.inside.math.tree import Apply, Node, children
from verifiers.inside.math.values import Collection, Region, Scalar, Statement, Table, Value


def is_reduced(value: Value) -> bool:
    """Whether every quotient of integers in an answer is in lowest terms, with a denominator above one."""
    for node in _nodes_of(value):
        stack = [node]
        while stack:
            here = stack.pop()
            stack += children(here)
            if isinstance(here, Apply) and here.name in ("frac", "div"):
                above, below = (exact(arg) for arg in here.args)
                if above is None or below is None or above.denominator != 1 or below.denominator != 1:
                    continue
                if below <= 1 or math.gcd(int(above), int(below)) != 1:
                    return False
    return True


def _nodes_of(value: Value) -> list[Node]:
    match value:
        case Scalar(node) | Table(node) | Region(node):
            return [node]
        case Statement(terms):
            return list(terms)
        case Collection(_, items):
            return [node for item in items for node in _nodes_of(item)]
        case _:
            return []
