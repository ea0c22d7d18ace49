"""Expressions without units: equal exactly, to the digits written, at random points, or but for a constant."""

from __future__ import annotations

from fractions import Fraction

import mpmath

from verifiers.inside.math.decisions import NOWHERE, Decision, Rules
from verifiers.inside.math.grids import paired
from verifiers.inside.math.identities import same_everywhere
from verifiers.inside.math.numbers import FEW, evaluate
from verifiers.inside.math.rationals import exact
from verifiers.inside.math.rounding import is_rounded, is_spelled_out
from verifiers.inside.math.tree import Apply, Name, Node, Undefined, has_pi, names

mp = mpmath.mp


def compare_nodes(gold: Node, answer: Node, rules: Rules) -> Decision:
    if gold == answer:
        return Decision(True, "the same tree")
    wanted, given = exact(gold), exact(answer)
    tolerance = rules.tolerance
    if wanted is not None and given is not None:
        if tolerance is not None:
            return Decision(abs(wanted - given) <= tolerance * abs(wanted), f"within {float(tolerance):g}")
        if wanted == given:
            return Decision(True, "equal rational numbers")
        is_near = is_spelled_out(gold, wanted, answer, given)
        return Decision(is_near, "equal to the digits written" if is_near else "different rational numbers")
    if tolerance is not None and not names(gold) and not names(answer):
        return compare_nearly(gold, answer, tolerance)
    is_same = same_everywhere(gold, answer, seed_of(gold, answer))
    if is_same:
        return Decision(True, "equal at random points" if names(gold) else "equal to 250 digits")
    renamed = None if is_same is None else _constant_renamed(gold, answer)
    if renamed is not None and same_everywhere(gold, renamed, seed_of(gold, renamed)):
        return Decision(True, "equal but for the name of a constant")
    if is_same is False and is_rounded(gold, answer):
        return Decision(True, "equal to the digits written")
    return Decision(False, "different" if is_same is False else NOWHERE)


def compare_nearly(gold: Node, answer: Node, tolerance: Fraction) -> Decision:
    try:
        wanted, given = (evaluate(node, {}, FEW, is_real=False) for node in (gold, answer))
    except Undefined as error:
        return Decision(False, str(error))
    pairs = paired(wanted, given)
    bound = mp.mpf(tolerance.numerator) / tolerance.denominator
    is_near = bool(pairs) and all(abs(one - other) <= bound * abs(one) for one, other in pairs)
    return Decision(is_near, f"within {float(tolerance):g}")


def seed_of(gold: Node, answer: Node) -> str:
    """From which the points follow at which two trees are compared."""
    return f"{sorted(names(gold) | names(answer))}"


def _constant_renamed(gold: Node, answer: Node) -> Node | None:
    """The answer with its one name that the gold lacks in the place of the one that it lacks itself, if both are of the
    kind that names constants of integration or whole numbers: c and C, k and n."""
    extra, missing = names(answer) - names(gold), names(gold) - names(answer)
    if len(extra) != 1 or len(missing) != 1:
        return None
    old, new = next(iter(extra)), next(iter(missing))
    if not any({old, new} <= group for group in ({"c", "C", "K"}, {"k", "n", "m"})):
        return None
    if {old, new} <= {"k", "n", "m"} and not has_pi(gold):
        return None
    return _renamed(answer, old, new)


def _renamed(node: Node, old: str, new: str) -> Node:
    match node:
        case Name(name) if name == old:
            return Name(new)
        case Apply(name, args):
            return Apply(name, tuple(_renamed(arg, old, new) for arg in args))
        case _:
            return node
