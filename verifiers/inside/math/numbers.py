"""What a tree comes to at a point, to any number of digits.

Every operation is bounded before it is done, so that no tree within the grammar's bounds can take long.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import mpmath

from verifiers.inside.math.grids import Grid, of_grids
from verifiers.inside.math.rationals import exact
from verifiers.inside.math.tree import (
    Apply,
    Bracket,
    Matrix,
    Name,
    Node,
    Number,
    Quantity,
    TooLarge,
    Undefined,
    descendants,
)

MAX_TERMS = 20_000
"""Parts of all terms of all sums and products in one evaluation without variables; with some, which takes many points,
an eighth of them."""
FEW, MANY = 30, 300
"""Digits: to tell two values apart, and to call them equal."""
NUM_POINTS = 8

mp = mpmath.mp


def evaluate(node: Node, point: Mapping[str, Any], digits: int, *, is_real: bool, log_base: int = 0) -> Any:
    """A number of mpmath or a `Grid`. `Undefined` or `TooLarge` if there is none.

    With `is_real` whatever leaves the real numbers is undefined, but for what has `i` written in it.
    """
    with mp.workdps(digits):
        return _Evaluation(point, is_real, log_base).value(node)


def magnitude(node: Node) -> int:
    """The largest or smallest that a constant gets on the way, in bits; 0 if it has no value."""
    seen = [0]

    def see(result: Any) -> None:
        if isinstance(result, mp.mpf | mp.mpc) and mp.isfinite(result) and result != 0:
            seen.append(abs(mp.mag(result)))

    evaluation = _Evaluation({}, False, 0)
    evaluation.watch = see
    try:
        with mp.workdps(FEW):
            see(evaluation.value(node))
    except Undefined:
        return 0
    return max(seen)


class _Evaluation:
    def __init__(self, point: Mapping[str, Any], is_real: bool, log_base: int) -> None:
        self.point = dict(point)
        self.has_variables = bool(point)
        self.is_real = is_real
        self.log_base = log_base
        self.terms = 0
        self.watch: Callable[[Any], None] | None = None

    def value(self, node: Node) -> Any:
        match node:
            case Number(value, _, _):
                return mp.mpf(value.numerator) / value.denominator
            case Name(name):
                return self.named(name)
            case Quantity(value, "%"):
                return self.value(value) / 100
            case Quantity(value, "degree"):
                return self.value(value) * mp.pi / 180
            case Apply(name, args):
                return self.applied(name, args)
            case Matrix(rows):
                return Grid(tuple(tuple(self.value(entry) for entry in row) for row in rows))
            case Bracket("[", "]", (item,)):
                return self.value(item)
            case _:
                raise Undefined(f"{type(node).__name__} in a number")

    def named(self, name: str) -> Any:
        if name in self.point:
            return self.point[name]
        if name == "pi":
            return +mp.pi
        if name == "e":
            return +mp.e
        if name == "i":
            return mp.mpc(0, 1)
        if name == "infinity":
            return mp.inf
        raise Undefined(f"no value for {name}")

    def applied(self, name: str, args: Sequence[Node]) -> Any:
        if name in ("sum", "prod"):
            return self.series(name, args)
        if name == "based":
            value = exact(Apply(name, tuple(args)))
            if value is None:
                raise Undefined("digits that are not of their base")
            return mp.mpf(value.numerator) / value.denominator
        values = [self.value(arg) for arg in args]
        if any(isinstance(value, Grid) for value in values):
            return of_grids(name, values)
        if name.startswith("of ") and name != "of Gamma":
            return _opaque(name, values)
        if not all(mp.isfinite(value) for value in values) and name not in ("neg", "add", "sub", "mul"):
            raise Undefined("infinity in an operation")
        result = self.operation(name, values)
        if mp.isnan(result):
            raise Undefined(f"{name} has no value here")
        if self.is_real and isinstance(result, mp.mpc) and not any(isinstance(value, mp.mpc) for value in values):
            raise Undefined(f"{name} leaves the real numbers")
        if self.watch is not None:
            self.watch(result)
        return result

    def operation(self, name: str, values: Sequence[Any]) -> Any:
        first = values[0]
        match name:
            case "add" | "mixed":
                return first + values[1]
            case "sub":
                return first - values[1]
            case "mul":
                return first * values[1]
            case "neg":
                return -first
            case "div" | "frac":
                if values[1] == 0:
                    raise Undefined("a division by zero")
                return first / values[1]
            case "pow":
                return self.power(first, values[1])
            case "root":
                return self.root(first, values[1])
            case "log" | "lg":
                _refuse_zero(first)
                base = values[1] if len(values) > 1 else 10 if name == "lg" else self.log_base or mp.e
                if base in (0, 1):
                    raise Undefined("a logarithm to that base")
                return mp.log(first) / mp.log(base)
            case "ln":
                _refuse_zero(first)
                return mp.log(first)
            case "factorial" | "factorial2" | "of Gamma":
                if abs(first) > 10**9:
                    raise TooLarge("a factorial of more than 10^9")
                known = {"factorial": mp.factorial, "factorial2": mp.fac2, "of Gamma": mp.gamma}
                return self.guarded(known[name], first)
            case "binomial":
                if max(map(abs, values)) > 10**9:
                    raise TooLarge("a binomial of more than 10^9")
                return self.guarded(mp.binomial, *values)
            case "exp":
                return self.power(mp.e, first)
            case "degree":
                return first * mp.pi / 180
            case "gcd" | "lcm":
                if not all(mp.isint(value) for value in values) or max(map(abs, values)) > 10**15:
                    raise Undefined(f"{name} of more than integers")
                return mp.mpf((math.gcd if name == "gcd" else math.lcm)(*map(int, values)))
            case "max" | "min":
                return (max if name == "max" else min)(values)
            case "abs":
                return abs(first)
        if name in ("tanh", "coth") and abs(first) > MANY / 2:
            raise TooLarge(f"{name} of more than {MANY // 2}")
        if name not in _FUNCTIONS:
            raise Undefined(f"no value for {name}")
        if mp.mag(first) > 4000:
            raise TooLarge(f"{name} of a number with more than 4000 bits")
        return self.guarded(_FUNCTIONS[name], first)

    def guarded(self, function: Callable[..., Any], *values: Any) -> Any:
        try:
            return function(*values)
        except (ValueError, ZeroDivisionError, OverflowError, TypeError) as error:
            raise Undefined(str(error)) from None

    def power(self, base: Any, exponent: Any) -> Any:
        if base == 0:
            if mp.re(exponent) <= 0:
                raise Undefined("zero to that power")
            return mp.mpf(0)
        if base == 1:
            return base
        if mp.mag(exponent) > 60 or mp.mag(exponent) + max(0, mp.mag(mp.log(abs(base)))) > 60:
            raise TooLarge("a power with more than 10^18 digits")
        return self.guarded(mp.power, base, exponent)

    def root(self, value: Any, order: Any) -> Any:
        if order == 0:
            raise Undefined("a root of order zero")
        if mp.im(value) == 0 and mp.re(value) < 0 and mp.isint(order) and int(order) % 2 == 1:
            return -self.power(-mp.re(value), 1 / order)
        return mp.sqrt(value) if order == 2 else self.power(value, 1 / order)

    def series(self, name: str, args: Sequence[Node]) -> Any:
        variable, lower, upper, body = args
        assert isinstance(variable, Name), "the grammar has a name there"
        bounds = [self.value(bound) for bound in (lower, upper)]
        if not all(mp.im(bound) == 0 and mp.isint(mp.re(bound)) for bound in bounds):
            raise Undefined("bounds that are no integers")
        low, high = int(mp.re(bounds[0])), int(mp.re(bounds[1]))
        self.terms += max(0, high - low) * sum(1 for _ in descendants(body))
        if self.terms > (MAX_TERMS // NUM_POINTS if self.has_variables else MAX_TERMS):
            raise TooLarge("sums of too many terms")
        before = self.point.get(variable.name)
        total = mp.mpf(0 if name == "sum" else 1)
        for index in range(low, high + 1):
            self.point[variable.name] = mp.mpf(index)
            term = self.value(body)
            total = total + term if name == "sum" else total * term
        if before is None:
            self.point.pop(variable.name, None)
        else:
            self.point[variable.name] = before
        return total


def _refuse_zero(value: Any) -> None:
    if value == 0:
        raise Undefined("the logarithm of zero")


def _opaque(name: str, values: Sequence[Any]) -> Any:
    """One number for each function of which nothing is known and each of its arguments."""
    key = name + "|".join(mp.nstr(value, 12) for value in values)
    return mp.mpf(int.from_bytes(hashlib.sha256(key.encode()).digest()[:6]) + 1) / 2**47


_FUNCTIONS: Mapping[str, Callable[[Any], Any]] = {
    "sqrt": mp.sqrt, "cbrt": mp.cbrt, "sin": mp.sin, "cos": mp.cos, "tan": mp.tan, "cot": mp.cot, "sec": mp.sec,
    "csc": mp.csc, "arcsin": mp.asin, "arccos": mp.acos, "arctan": mp.atan, "arccot": mp.acot, "arcsec": mp.asec,
    "arccsc": mp.acsc, "sinh": mp.sinh, "cosh": mp.cosh, "tanh": mp.tanh, "coth": mp.coth, "sech": mp.sech,
    "csch": mp.csch, "arcsinh": mp.asinh, "arccosh": mp.acosh, "arctanh": mp.atanh, "floor": mp.floor, "ceil": mp.ceil,
    "sgn": mp.sign, "sign": mp.sign, "Re": mp.re, "Im": mp.im, "arg": mp.arg, "cis": lambda angle: mp.expj(angle),
}  # fmt: skip
