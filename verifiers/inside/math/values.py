"""Typed values: what an answer is, before anything is compared."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from verifiers.inside.math.rationals import exact
from verifiers.inside.math.tree import Name, Node, Number, TooLarge, names


@dataclass(frozen=True, slots=True)
class Scalar:
    """One number or expression, with its unit as written."""

    node: Node
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Collection:
    """Several values. `kind`: list (no brackets), tuple, set, bracket, or pair: two items, perhaps an interval."""

    kind: str
    items: tuple[Value, ...]
    opening: str = ""
    closing: str = ""
    joiners: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """A matrix or vector, perhaps still to be worked out."""

    node: Node


@dataclass(frozen=True, slots=True)
class Statement:
    """An equation, an inequality or a chain of them."""

    terms: tuple[Node, ...]
    signs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Region:
    """Intervals and sets joined by union, intersection and difference, as a tree."""

    node: Node


@dataclass(frozen=True, slots=True)
class Choice:
    letter: str
    content: str = ""


@dataclass(frozen=True, slots=True)
class Words:
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Clock:
    """`7:32`: a time of day or a ratio, and only what it is compared with tells which."""

    parts: tuple[Fraction, ...]
    half: str = ""
    """am, pm, or empty."""
    texts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Based:
    """Digits in a base other than ten, or in ten with the ten written."""

    digits: str
    base: int


Value = Scalar | Collection | Table | Statement | Region | Choice | Words | Clock | Based

EMPTY = Collection("set", ())
LINE = Region(Name("bbR"))


def kind(value: Value) -> str:
    """The type of a value, in one word or two, for people."""
    match value:
        case Scalar(_, "%"):
            return "percent"
        case Scalar(node, unit) if unit:
            return "quantity"
        case Scalar(Number(number, _, places)):
            return "decimal" if places is not None else "integer" if number.denominator == 1 else "rational"
        case Scalar(node):
            try:
                number_or_none = exact(node)
            except TooLarge:
                number_or_none = None
            if number_or_none is not None:
                return "integer" if number_or_none.denominator == 1 else "rational"
            return "expression" if names(node) else "number"
        case Collection(sort, items):
            return f"{sort} of {len(items)}"
        case Statement(_, signs):
            return "equation" if set(signs) <= {"=", "~"} else "inequality"
        case Table():
            return "matrix"
        case Region():
            return "set of numbers"
        case Clock():
            return "time or ratio"
        case Based(_, base):
            return f"number in base {base}"
        case Choice():
            return "choice"
        case Words():
            return "words"
