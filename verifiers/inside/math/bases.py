"""Digits in a base: how they are read, and when two of them are the same number."""

from __future__ import annotations

import re
from fractions import Fraction

from verifiers.inside.math.decisions import Decision
from verifiers.inside.math.tree import Node, Number
from verifiers.inside.math.values import Based, Scalar, Value, kind


def read_based(bare: str) -> Based | None:
    """`204_5`, `1010_{two}`, `2A (base 16)`; None for digits that are not of their base."""
    match = _BASED.fullmatch(bare)
    if match is None:
        return None
    base = match["base"] or match["named"] or match["behind"]
    number = int(base) if base.isdigit() else _BASES.get(base.lower(), 0)
    if 2 <= number <= 36 and all(digit == "." or digit == "-" or int(digit, 36) < number for digit in match["digits"]):
        return Based(match["digits"].upper(), number)
    return None


def compare_based(gold: Based, answer: Value) -> Decision:
    if isinstance(answer, Based):
        same = answer.base == gold.base and _digits(answer.digits) == _digits(gold.digits)
        return Decision(same, "digits and base")
    if isinstance(answer, Scalar):
        written = answer.node.text if isinstance(answer.node, Number) else ""
        return Decision(bool(written) and _digits(written) == _digits(gold.digits), "digits, the base left out")
    return Decision(False, f"{kind(answer)}, not {kind(gold)}")


def value_of_based(value: Based) -> Node:
    whole = int(value.digits.replace(".", ""), value.base)
    places = len(value.digits.partition(".")[2])
    return Number(Fraction(whole, value.base**places), "")


def _digits(text: str) -> str:
    sign = "-" if text.startswith("-") else ""
    return sign + (text.lstrip("-+").lstrip("0").upper() or "0")


_BASED = re.compile(
    r"\(?\s?(?P<digits>-?(?=[A-Za-z]{0,64}[0-9]|[A-F]{2})[0-9A-Za-z]{1,64}(?:\.[0-9A-Za-z]{1,64})?)\s?\)?\s*(?:_\s*\{?\s*(?:base\s*)?(?P<base>\d{1,2})\s*\}?"
    r"|_\s*\{?\s*(?P<named>[a-z]+)\s*\}?|\(?\s*(?:in\s)?\(?base[\s-](?P<behind>\d{1,2}|[a-z]+)\)?)"
)
_BASES = dict(zip("two three four five six seven eight nine ten eleven twelve".split(), range(2, 13), strict=True)) | {
    "sixteen": 16, "hex": 16, "binary": 2, "octal": 8,
}  # fmt: skip
