"""Whether two trees are the same wherever both have a value: to hundreds of digits, at random points."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import mpmath

from verifiers.inside.math.grids import paired
from verifiers.inside.math.numbers import FEW, MANY, NUM_POINTS, evaluate, magnitude
from verifiers.inside.math.rationals import exact
from verifiers.inside.math.tree import Apply, Node, Number, TooLarge, Undefined, children, descendants, names, uses

MARGIN = 50
"""Of the `MANY` digits, how many may be lost to rounding."""
MAX_MAGNITUDE = 400
"""Bits: beyond 2^±400 a number that is not exactly known hides differences that so many digits cannot show."""
MAX_FAR = 10**6

mp = mpmath.mp


def same_everywhere(gold: Node, answer: Node, seed: str) -> bool | None:
    """Whether two trees have the same value at random points: to `MANY` digits wherever both have one.

    None if they are nowhere both defined. Deterministic: the points follow from `seed`.
    """
    log_bases = (0, 10) if uses(gold, "log") or uses(answer, "log") else (0,)
    verdict: bool | None = None
    for base in log_bases:
        found = _same(gold, answer, seed, base)
        if found:
            _refuse_extremes(gold, answer)
            return True
        verdict = found if found is not None else verdict
    return verdict


def _refuse_extremes(*trees: Node) -> None:
    """Raise `TooLarge` where a constant goes so far up or down that equal digits say little: 1 + e^(-10^9). Beside a
    variable that is so for exact numbers, too: 2^2008 + x."""
    has_variable = any(map(names, trees))
    stack = list(trees)
    while stack:
        here = stack.pop()
        if names(here) or not isinstance(here, Apply | Number):
            stack += children(here)
        elif (has_variable or exact(here) is None) and magnitude(here) > MAX_MAGNITUDE:
            raise TooLarge(f"a number beyond 2^{MAX_MAGNITUDE} on the way")


def _same(gold: Node, answer: Node, seed: str, log_base: int) -> bool | None:
    free = sorted(names(gold) | names(answer))
    if not free:
        return _same_at(gold, answer, {}, is_real=False, log_base=log_base)
    for is_real, kind in ((True, "real"), (False, "integer"), (False, "real")):
        told = []
        for point in points(free, seed, kind):
            verdict = _same_at(gold, answer, point, is_real=is_real, log_base=log_base)
            if verdict is False:
                return False
            told.append(verdict)
        if told.count(True) >= 3:
            return not is_real or not _part_far_out(gold, answer, free, seed, log_base)
    return None


def _part_far_out(gold: Node, answer: Node, free: Sequence[str], seed: str, log_base: int) -> bool:
    """Whether two trees with corners in them, that agree near zero, differ beyond the corner: |x - 5| and 5 - x."""
    if not (_has_corners(gold) or _has_corners(answer)):
        return False
    chooser = random.Random(f"far {seed}")
    constants = [abs(value) for value in (*_constants(gold), *_constants(answer)) if abs(value) > 1]
    scales = {Fraction(10), max(constants, default=Fraction(10)), math.prod(constants, start=Fraction(1))}
    for scale in sorted(min(scale, Fraction(MAX_FAR)) for scale in scales):
        for sign in (1, -1):
            values = [sign * mp.mpf(chooser.randint(1100, 4000)) / 1009 * float(scale) for _ in free]
            point = dict(zip(free, values, strict=True))
            try:
                one, other = (evaluate(node, point, MANY, is_real=True, log_base=log_base) for node in (gold, answer))
            except (Undefined, TooLarge):
                continue
            if _differ(one, other):
                return True
    return False


def _has_corners(node: Node) -> bool:
    return uses(node, *_CORNERS) or any(
        isinstance(part, Apply) and part.name == "pow" and (exact(part.args[1]) or Fraction(1)).denominator != 1
        for part in descendants(node)
    )


def _constants(node: Node) -> list[Fraction]:
    """The numbers in a tree, and their inverses, so that the corner of |x/1000 - 5| is within their product."""
    values = [part.value for part in descendants(node) if isinstance(part, Number) and part.value]
    return [abs(value) if abs(value) > 1 else 1 / abs(value) for value in values]


def _same_at(gold: Node, answer: Node, point: Mapping[str, Any], *, is_real: bool, log_base: int) -> bool | None:
    try:
        wanted = evaluate(gold, point, FEW, is_real=is_real, log_base=log_base)
    except Undefined:
        return None
    try:
        given = evaluate(answer, point, FEW, is_real=is_real, log_base=log_base)
    except Undefined:
        # Where a modulus keeps the gold defined, its lack is a difference: ln|x| is not ln x.
        return False if uses(gold, "abs") and point else None
    if _differ(wanted, given):
        return False
    finer = [evaluate(node, point, MANY, is_real=is_real, log_base=log_base) for node in (gold, answer)]
    fours = paired(finer[0], finer[1], wanted, given)
    return all(_agree(*four) for four in fours)


def points(free: Sequence[str], seed: str, kind: str) -> list[dict[str, Any]]:
    """Points for the variables: in turn positive, below one, of both signs; or small positive integers."""
    chooser = random.Random(seed)
    found = []
    for index in range(NUM_POINTS):
        if kind == "integer":
            values = [mp.mpf(chooser.randint(2, 9)) for _ in free]
        else:
            low, high = ((1100, 4000), (100, 950), (-3000, 3000), (-950, -100))[index % 4]
            values = [mp.mpf(chooser.randint(low, high)) / 1009 for _ in free]
        found.append(dict(zip(free, values, strict=True)))
    return found


def _differ(wanted: Any, given: Any) -> bool:
    """Whether two values to `FEW` digits are clearly not the same."""
    pairs = paired(wanted, given)
    if not pairs:
        return True
    for one, other in pairs:
        if not (mp.isfinite(one) and mp.isfinite(other)):
            if one != other:
                return True
            continue
        size = max(abs(one), abs(other))
        if size > mp.mpf(10) ** -15 and abs(one - other) > size * mp.mpf(10) ** -10:
            return True
    return False


def _agree(one: Any, other: Any, coarse: Any, coarse_other: Any) -> bool:
    """Whether two values to `MANY` digits are the same; the coarse ones tell a small number from rounding noise."""
    if one == other:
        return True
    if not (mp.isfinite(one) and mp.isfinite(other)):
        return False
    size = max(abs(one), abs(other))
    if abs(one - other) <= size * mp.mpf(10) ** -(MANY - MARGIN):
        return True
    return bool(
        size < mp.mpf(10) ** -(MANY - MARGIN) and size <= max(abs(coarse), abs(coarse_other)) * mp.mpf(10) ** -60
    )


_CORNERS = ("abs", "root", "sqrt", "floor", "ceil", "max", "min", "sgn", "sign", "arg")
"""Functions that may be one thing near zero and another far out."""
