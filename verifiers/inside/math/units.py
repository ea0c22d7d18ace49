"""Units of measurement, as words and signs behind a number: which quantity they are of, and how large they are."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class Unit:
    """What is known of a unit: its size in base units and their powers; and its words, where it is no known unit."""

    size: Fraction = Fraction(1)
    dimensions: tuple[tuple[str, int], ...] = ()
    nouns: frozenset[str] = frozenset()


def read_unit(text: str) -> Unit | None:
    """The unit that a text names; None if its words deny or offer something, so that they are no unit at all."""
    tokens = re.findall(r"[^\W\d_]+|\^-?\d+|\d+|[^\w\s]", text.replace("\\", " "))
    if len(tokens) > 12 or any({token.lower(), singular(token.lower())} & _NO_UNITS for token in tokens):
        return None
    factors: list[tuple[Fraction, dict[str, int], int]] = []
    nouns: set[str] = set()
    sign, power = 1, 1
    for token in tokens:
        word = token.lower()
        if word in ("per", "/"):
            sign = -1
        elif word in ("square", "sq", "cubic", "cu"):
            power = 2 if word.startswith("sq") else 3
        elif word in ("squared", "cubed") or re.fullmatch(r"\^-?[1-9]|[23]", token):
            exponent = {"squared": 2, "cubed": 3}.get(word) or int(token.lstrip("^"))
            if not factors and not nouns:
                return None
            if factors:
                factors[-1] = (*factors[-1][:2], factors[-1][2] * exponent)
        elif (known := _lookup(token)) is not None:
            factors.append((*known, sign * power))
            sign = power = 1
        elif word.isalpha():
            nouns.add(singular(word))
            sign = power = 1
        elif token not in _PUNCTUATION:
            return None
    size, powers = Fraction(1), dict[str, int]()
    for factor, dimensions, exponent in factors:
        size *= factor**exponent
        for name, times in dimensions.items():
            powers[name] = powers.get(name, 0) + times * exponent
    if powers.keys() & {"celsius", "fahrenheit"}:
        powers.pop("angle", None)  # degrees Celsius
    return Unit(size, tuple(sorted(item for item in powers.items() if item[1])), frozenset(nouns - _SAYS_NOTHING))


def singular(word: str) -> str:
    """A noun without its plural."""
    for ending, replacement in (("ies", "y"), ("sses", "ss"), ("xes", "x"), ("ches", "ch"), ("shes", "sh"), ("s", "")):
        if word.endswith(ending) and len(word) > len(ending) + 2 and not word.endswith("ss"):
            return word.removesuffix(ending) + replacement
    return word


def _lookup(token: str) -> tuple[Fraction, dict[str, int]] | None:
    for name in (token, token.lower(), singular(token.lower())):
        if name in _UNITS:
            return _UNITS[name]
    return None


def _table() -> dict[str, tuple[Fraction, dict[str, int]]]:
    """Each name with its size and dimensions."""
    table: dict[str, tuple[Fraction, dict[str, int]]] = {}
    for dimension, names in _NAMES.items():
        for name_list, size in names.items():
            for name in name_list.split():
                table[name] = (Fraction(size), {dimension: 1})
    for name_list, size in _VOLUMES.items():
        for name in name_list.split():
            table[name] = (Fraction(size), {"length": 3})
    table |= {
        "mph": (Fraction("1609.344") / 3600, {"length": 1, "time": -1}),
        "kph": (Fraction(1000, 3600), {"length": 1, "time": -1}),
        "kmh": (Fraction(1000, 3600), {"length": 1, "time": -1}),
        "unit": (Fraction(1), {}),
        "units": (Fraction(1), {}),
    }
    return table


_NAMES: dict[str, dict[str, str]] = {
    "length": {
        "mm millimeter millimetre": "0.001", "cm centimeter centimetre": "0.01", "dm decimeter": "0.1",
        "m meter metre": "1", "km kilometer kilometre": "1000", "in inch inches": "0.0254", "ft foot feet": "0.3048",
        "yd yard": "0.9144", "mi mile": "1609.344", "nm nanometer": "1e-9",
    },
    "mass": {
        "mg milligram": "0.001", "g gram": "1", "kg kilogram kilo": "1000", "lb lbs pound": "453.59237",
        "oz ounce": "28.349523125", "ton tonne": "1000000",
    },
    "time": {
        "ms millisecond": "0.001", "s sec second": "1", "min minute": "60", "h hr hrs hour": "3600", "day": "86400",
        "week": "604800",
    },
    "month": {"month": "1", "year yr yrs": "12", "decade": "120", "century centuries": "1200"},
    "dollar": {"dollar usd buck": "1", "cent": "0.01"},
    "euro": {"euro eur": "1"}, "sterling": {"sterling gbp": "1"}, "yuan": {"yuan rmb": "1"}, "rupee": {"rupee": "1"},
    "celsius": {"celsius": "1"}, "fahrenheit": {"fahrenheit": "1"}, "kelvin": {"kelvin": "1"},
    "angle": {"degree deg": "1"}, "radian": {"radian rad": "1"},
    "percent": {"%": "1"},
    "half": {"am": "1", "pm": "-1"},
    "force": {"newton": "1"}, "energy": {"j joule": "1", "kj kilojoule": "1000"},
    "power": {"watt": "1", "kw kilowatt": "1000"},
    "frequency": {"hz hertz": "1", "khz": "1000"}, "pressure": {"pa pascal": "1", "kpa": "1000"},
}  # fmt: skip
_VOLUMES = {
    "l liter litre": "0.001", "ml milliliter millilitre": "0.000001", "gallon gal": "0.003785411784",
    "quart": "0.000946352946",
    "pint": "0.000473176473", "cup": "0.0002365882365",
}  # fmt: skip
_UNITS = _table()
_NO_UNITS = frozenset(
    "or not no and but nor neither either maybe perhaps wrong incorrect is isn was are if then else false than least "
    "most more less about approximately between without except however actually plus minus over divided choose root "
    "onward onwards upward upwards "
    "factorial half halve third fourth fifth sixth seventh eighth ninth tenth hundredth thousandth millionth ten "
    "one two three four five six seven eight nine hundred thousand million billion trillion".split()
)
"""Words that deny or offer something, or change the number before them: 7 tenths is no 7."""
_SAYS_NOTHING = frozenset("of in the a an total each th st nd rd long tall wide old apart unit sterling".split())
_PUNCTUATION = frozenset("().-,'")
