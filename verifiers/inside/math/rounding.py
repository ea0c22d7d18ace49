"""When a decimal counts as the number that it was rounded from or cut off: by the digits that are written."""

from __future__ import annotations

from fractions import Fraction

import mpmath

from verifiers.inside.math.numbers import FEW, evaluate
from verifiers.inside.math.rationals import exact
from verifiers.inside.math.tree import Apply, Node, Number, Undefined, names

mp = mpmath.mp


def is_spelled_out(gold: Node, wanted: Fraction, answer: Node, given: Fraction) -> bool:
    """Whether one side is a fraction and the other its decimal to at least six digits, or both are decimals and one is
    the other cut to six digits and more."""
    gold_places, answer_places = places_of(gold), places_of(answer)
    if gold_places is not None and answer_places is not None:
        coarse = min(gold_places, answer_places)
        return (
            gold_places != answer_places
            and coarse >= 6
            and (_writes(given, wanted, coarse) if answer_places == coarse else _writes(wanted, given, coarse))
            and _digits_of(wanted, coarse) >= 6
        )
    places = answer_places if gold_places is None else gold_places
    fraction, decimal = (wanted, given) if gold_places is None else (given, wanted)
    if places is None or _is_finite(fraction):
        return False
    return places >= 6 and _digits_of(fraction, places) >= 6 and _writes(decimal, fraction, places)


def is_rounded(gold: Node, answer: Node) -> bool:
    """Whether one side is a decimal with enough digits and the other a closed form that rounds to it."""
    if names(gold) or names(answer):
        return False
    for decimal, closed, least in ((gold, answer, 3), (answer, gold, 6)):
        places, value = places_of(decimal), exact(decimal)
        if places is None or value is None or places < least or _digits_of(value, places) < max(4, least):
            continue
        try:
            difference = abs(evaluate(Apply("sub", (closed, decimal)), {}, FEW, is_real=True))
            whole = evaluate(closed, {}, FEW, is_real=True)
        except Undefined:
            return False
        is_cut = least == 6 and abs(whole) > abs(mp.mpf(value.numerator) / value.denominator)
        if difference <= mp.mpf(10) ** -places * (1 if is_cut else mp.mpf(1) / 2):
            return True
    return False


def places_of(node: Node) -> int | None:
    if isinstance(node, Apply) and node.name == "neg":
        return places_of(node.args[0])
    return node.places if isinstance(node, Number) else None


def _writes(decimal: Fraction, value: Fraction, places: int) -> bool:
    """Whether a decimal is a value rounded to so many places, or cut there."""
    is_cut = abs(decimal) < abs(value)
    return abs(value - decimal) <= Fraction(1, 10**places) * (1 if is_cut else Fraction(1, 2))


def _digits_of(value: Fraction, places: int) -> int:
    """Significant digits of a number written to so many places."""
    return len(str(abs(round(value * 10**places))))


def _is_finite(value: Fraction) -> bool:
    """Whether the decimals of a fraction end."""
    rest = value.denominator
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    return rest == 1
