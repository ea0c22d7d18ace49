"""Numbers with units: what a unit, a percent sign, degrees or a modulus changes, and when it may be left out."""

from __future__ import annotations

import re
from fractions import Fraction

from verifiers.inside.math.decisions import Decision, Rules
from verifiers.inside.math.expressions import compare_nodes
from verifiers.inside.math.identities import same_everywhere
from verifiers.inside.math.rationals import exact
from verifiers.inside.math.tree import Apply, Name, Node, Number, Quantity, Text, has_pi
from verifiers.inside.math.units import Unit, read_unit
from verifiers.inside.math.values import Scalar


def read_compound(bare: str) -> Scalar | None:
    """`2 hours 30 minutes` in the smaller unit."""
    match = _COMPOUND.fullmatch(bare)
    if match is None:
        return None
    more, more_unit, less, less_unit = match.groups()
    units = read_unit(more_unit), read_unit(less_unit)
    if units[0] is None or units[1] is None or not units[0].dimensions or units[0].dimensions != units[1].dimensions:
        return None
    ratio = units[0].size / units[1].size
    value = Fraction(more) * ratio + Fraction(less)
    return Scalar(Number(value, str(value)), less_unit) if Fraction(less) < ratio else None


def compare_scalars(gold: Scalar, answer: Scalar, rules: Rules) -> Decision:
    gold, answer = _worked_out(gold), _worked_out(answer)
    if gold.unit.startswith("mod ") or answer.unit.startswith("mod "):
        return _residues(gold, answer, rules)
    if gold.unit and not answer.unit:
        answer = per_unit(answer.node) or answer
    if isinstance(decided := _measured(gold, answer, rules), Decision):
        return decided
    factors = decided
    golds = [_scaled(gold.node, factor) for factor, _ in factors]
    answers = [_scaled(answer.node, factor) for _, factor in factors]
    decision = Decision(False, "different")
    for wanted, given in zip(golds, answers, strict=True):
        decision = compare_nodes(wanted, given, rules)
        if decision.is_equal:
            break
    return decision


def _residues(gold: Scalar, answer: Scalar, rules: Rules) -> Decision:
    if gold.unit != answer.unit and gold.unit and answer.unit:
        return Decision(False, f"{answer.unit}, not {gold.unit}")
    modulus = int((gold.unit or answer.unit).removeprefix("mod ").lstrip("-") or 0)
    wanted, given = exact(gold.node), exact(answer.node)
    if gold.unit == answer.unit and modulus and wanted is not None and given is not None:
        return Decision((wanted - given) % modulus == 0, f"modulo {modulus}")
    if answer.unit and (given is None or not 0 <= given < modulus):
        return Decision(False, "a class of numbers, not one")
    return compare_nodes(gold.node, answer.node, rules)


def _measured(gold: Scalar, answer: Scalar, rules: Rules) -> Decision | list[tuple[Fraction, Fraction]]:
    """By which factors the two sides are to be multiplied before they are compared, any of which may hold."""
    one = Fraction(1)
    wanted, given = read_unit(gold.unit), read_unit(answer.unit)
    if wanted is None or given is None:
        return Decision(False, f"not a unit: {gold.unit if wanted is None else answer.unit}")
    percents = ("percent", 1) in wanted.dimensions, ("percent", 1) in given.dimensions
    if any(percents):
        others = [unit.dimensions for unit in (wanted, given) if ("percent", 1) not in unit.dimensions]
        if any(others):
            return Decision(False, f"in {answer.unit}, not in {gold.unit}")
        return _percents(gold, answer, *percents, rules)
    if rules.units == "ignored":
        return [(one, one)]
    if rules.units == "required" and (wanted.dimensions or wanted.nouns) and not (given.dimensions or given.nouns):
        return Decision(False, f"no unit; the gold has {gold.unit}")
    for degrees, unit, radians, other in ((gold, wanted, answer, given), (answer, given, gold, wanted)):
        is_radian = other.dimensions == _RADIANS or (not other.dimensions and has_pi(radians.node))
        if unit.dimensions == _DEGREES and is_radian:
            return Decision(_is_radian(degrees, radians), "degrees and radians")
    if wanted.dimensions and given.dimensions:
        if wanted.dimensions != given.dimensions:
            return Decision(False, f"in {answer.unit}, not in {gold.unit}")
        return [(wanted.size, given.size)]
    if _clash(wanted, given):
        return Decision(False, f"in {answer.unit}, not in {gold.unit}")
    return [(one, one)]


def _is_radian(degrees: Scalar, radians: Scalar) -> bool:
    return same_everywhere(Apply("degree", (degrees.node,)), radians.node, "angle") is True


def _percents(
    gold: Scalar, answer: Scalar, gold_is: bool, answer_is: bool, rules: Rules
) -> Decision | list[tuple[Fraction, Fraction]]:
    one, share = Fraction(1), Fraction(1, 100)
    if gold_is and answer_is:
        return [(one, one)]
    if rules.percent == "ignored":
        return [(one, one)]
    by_value = (share, one) if gold_is else (one, share)
    if rules.percent == "value":
        return [by_value]
    value = exact(gold.node)
    size = abs(value) if value is not None else None
    if gold_is:
        return [by_value, (one, one)] if size is None or size >= 1 else [by_value]
    if size is not None and size > 1 and value is not None and value.denominator == 1:
        return [(one, one)]  # 25 may be asked for in percent; 2500 % is no way to write it
    return [by_value, (one, one)] if size is None or size > 1 else [by_value]


def _scaled(node: Node, factor: Fraction) -> Node:
    return node if factor == 1 else Apply("mul", (node, Number(factor, "")))


def _clash(wanted: Unit, given: Unit) -> bool:
    """Whether both sides say what they count, and not the same."""
    if wanted.dimensions or given.dimensions:
        says_both = (wanted.nouns and given.dimensions) or (given.nouns and wanted.dimensions)
        return bool(says_both) and wanted.dimensions != given.dimensions
    return bool(wanted.nouns and given.nouns) and not (wanted.nouns <= given.nouns or given.nouns <= wanted.nouns)


def _worked_out(value: Scalar) -> Scalar:
    """`12 \\bmod 5` as 2, and a class modulo 5 where it is written as one."""
    if not value.unit.startswith("rest "):
        return value
    number, modulus = exact(value.node), int(value.unit.removeprefix("rest "))
    if number is None or number.denominator != 1 or modulus < 1:
        return Scalar(value.node, f"mod {modulus}")
    return Scalar(Number(number % modulus, str(number % modulus)))


def per_unit(node: Node) -> Scalar | None:
    """`60 \\frac{km}{h}` as 60 km/h; None for what is no number times a quotient of units."""
    match node:
        case Apply("mul", (value, Apply("frac" | "div", (above, below)))):
            spelled = _unit_of(above), _unit_of(below)
            unit = read_unit(f"{spelled[0]} per {spelled[1]}") if all(spelled) else None
            if unit is not None and unit.dimensions and not unit.nouns:
                return Scalar(value, f"{spelled[0]} per {spelled[1]}")
    return None


def _unit_of(node: Node) -> str:
    match node:
        case Text(words):
            return words
        case Name(name):
            return name
        case Apply("mul", (one, other)):
            return f"{_unit_of(one)}{_unit_of(other)}"
        case Apply("pow", (base, Number(_, text))):
            return f"{_unit_of(base)}^{text}"
        case Quantity(value, unit) if isinstance(value, Text):
            return f"{value.words} {unit}"
        case _:
            return ""


_DEGREES, _RADIANS = (("angle", 1),), (("radian", 1),)
_COMPOUND = re.compile(
    r"(\d{1,9}(?:\.\d{1,9})?)\s*([a-zA-Z]+)\.?,?\s*(?:and\s+)?(\d{1,9}(?:\.\d{1,9})?)\s*([a-zA-Z]+)\.?"
)
