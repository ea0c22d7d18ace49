"""The rational number that a tree comes to by rational operations alone: exactly, and bounded before it is done."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from fractions import Fraction

from verifiers.inside.math.tree import Apply, Node, Number, Quantity, Text, TooLarge

MAX_BITS = 1 << 16
"""Of an exact integer; a larger one is only known to so many digits."""


def exact(node: Node) -> Fraction | None:
    """The rational number that a tree is by rational operations alone; None for anything else."""
    return _Exact().value(node)


class _Exact:
    def __init__(self) -> None:
        self.bits = 0

    def value(self, node: Node) -> Fraction | None:
        match node:
            case Number(value, _, _):
                return value
            case Quantity(value, "%"):
                inner = self.value(value)
                return None if inner is None else inner / 100
            case Apply("based", (Text(digits), Number(base, _, _))):
                return _in_base(digits, int(base))
            case Apply(name, args) if name in _EXACT:
                values = [self.value(arg) for arg in args]
                known = [value for value in values if value is not None]
                if len(known) < len(values):
                    return None
                result = _EXACT[name](*known) if len(known) in _ARITIES[name] else None
                if result is not None:
                    self.bits += result.numerator.bit_length() + result.denominator.bit_length()
                    if self.bits > 64 * MAX_BITS:
                        raise TooLarge("too many digits in all")
                return result
            case _:
                return None


def _over(above: Fraction, below: Fraction) -> Fraction | None:
    return above / below if below else None


def _power(base: Fraction, exponent: Fraction) -> Fraction | None:
    if exponent.denominator != 1:
        root = _root(base, Fraction(exponent.denominator)) if base >= 0 and exponent.denominator < 64 else None
        return None if root is None else _power(root, Fraction(exponent.numerator))
    if base == 0:
        return Fraction(0) if exponent > 0 else None
    if abs(base) == 1:
        return base if exponent % 2 else Fraction(1)
    bits = max(base.numerator.bit_length(), base.denominator.bit_length())
    return base ** int(exponent) if abs(exponent) * bits <= MAX_BITS else None


def _root(value: Fraction, order: Fraction) -> Fraction | None:
    if order.denominator != 1 or not 1 <= order <= 64 or (value < 0 and order % 2 == 0):
        return None
    above, below = (_integer_root(abs(part), int(order)) for part in (value.numerator, value.denominator))
    if above is None or below is None:
        return None
    return Fraction(above if value >= 0 else -above, below)


def _integer_root(value: int, order: int) -> int | None:
    if order == 2:
        root = math.isqrt(value)
    else:
        low, high = 0, 1 << (value.bit_length() // order + 1)
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if middle**order <= value else (low, middle - 1)
        root = low
    return root if root**order == value else None


def _factorial(value: Fraction) -> Fraction | None:
    return Fraction(math.factorial(int(value))) if value.denominator == 1 and 0 <= value <= 3000 else None


def _double_factorial(value: Fraction) -> Fraction | None:
    is_small = value.denominator == 1 and 0 <= value <= 3000
    return Fraction(math.prod(range(int(value), 0, -2))) if is_small else None


def _binomial(above: Fraction, below: Fraction) -> Fraction | None:
    are_small = above.denominator == below.denominator == 1 and 0 <= above <= 3000 and below >= 0
    return Fraction(math.comb(int(above), int(below))) if are_small else None


def _of_integers(function: Callable[..., int]) -> Callable[..., Fraction | None]:
    def applied(*values: Fraction) -> Fraction | None:
        are_integers = all(value.denominator == 1 for value in values)
        return Fraction(function(*(int(value) for value in values))) if are_integers else None

    return applied


_EXACT: Mapping[str, Callable[..., Fraction | None]] = {
    "add": lambda one, other: one + other,
    "sub": lambda one, other: one - other,
    "mul": lambda one, other: one * other,
    "mixed": lambda one, other: one + other,
    "neg": lambda one: -one,
    "div": _over,
    "frac": _over,
    "pow": _power,
    "root": _root,
    "sqrt": lambda one: _root(one, Fraction(2)),
    "cbrt": lambda one: _root(one, Fraction(3)),
    "abs": abs,
    "floor": lambda one: Fraction(math.floor(one)),
    "ceil": lambda one: Fraction(math.ceil(one)),
    "factorial": _factorial,
    "factorial2": _double_factorial,
    "binomial": _binomial,
    "gcd": _of_integers(math.gcd),
    "lcm": _of_integers(math.lcm),
    "max": lambda *values: max(values),
    "min": lambda *values: min(values),
}
_ARITIES: Mapping[str, range] = {name: range(2, 3) for name in _EXACT} | {
    name: range(1, 2) for name in ("neg", "sqrt", "cbrt", "abs", "floor", "ceil", "factorial", "factorial2")
} | {name: range(1, 100) for name in ("gcd", "lcm", "max", "min")}  # fmt: skip


def _in_base(digits: str, base: int) -> Fraction | None:
    whole, _, part = digits.partition(".")
    try:
        value = Fraction(int(whole or "0", base))
        return value + Fraction(int(part, base), base ** len(part)) if part else value
    except ValueError:
        return None
