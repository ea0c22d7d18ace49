"""The tree that a formula is read into: frozen nodes, and walks over them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

MAX_NESTING = 64
MAX_NODES = 3000


class Unreadable(ValueError):
    """Not in the grammar; the message says what was found."""


class TooLarge(ValueError):
    """Beyond a bound, whatever it means; the message says which."""


class Undefined(ArithmeticError):
    """No value at this point: a division by zero, a root outside the domain, an operator that has no number."""


@dataclass(frozen=True, slots=True)
class Number:
    value: Fraction
    text: str
    places: int | None = None
    """Digits after the decimal point; None for what is not written as a decimal."""


@dataclass(frozen=True, slots=True)
class Name:
    """A variable or constant: `x`, `pi`, `infinity`, `AB` under a bar."""

    name: str


@dataclass(frozen=True, slots=True)
class Apply:
    """An operator or function on its operands: add mul div neg pow root pm sin log abs factorial … `f(x)` is `of f`."""

    name: str
    args: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Text:
    """Words, as written in `\\text{…}` or plainly."""

    words: str


@dataclass(frozen=True, slots=True)
class Quantity:
    """A value with what follows it in words or signs: a unit, `\\%`, a currency."""

    value: Node
    unit: str


@dataclass(frozen=True, slots=True)
class Bracket:
    """Items in brackets: a tuple, an interval, a set; `opening` and `closing` are as written."""

    opening: str
    closing: str
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Items:
    """Items without brackets, and the words or signs between them: `,` `;` `and` `or`."""

    items: tuple[Node, ...]
    joiners: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Relation:
    """`terms[0] signs[0] terms[1] signs[1] …`; signs are = < <= > >= != ~ in notin."""

    terms: tuple[Node, ...]
    signs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Matrix:
    rows: tuple[tuple[Node, ...], ...]


Node = Number | Name | Apply | Text | Quantity | Bracket | Items | Relation | Matrix


def children(node: Node) -> tuple[Node, ...]:
    match node:
        case Apply(_, args):
            return args
        case Quantity(value, _):
            return (value,)
        case Bracket(_, _, items) | Items(items, _):
            return items
        case Relation(terms, _):
            return terms
        case Matrix(rows):
            return tuple(entry for row in rows for entry in row)
        case _:
            return ()


def descendants(node: Node) -> Iterator[Node]:
    """The tree itself and all that is in it."""
    stack = [node]
    while stack:
        here = stack.pop()
        yield here
        stack += children(here)


def names(node: Node) -> frozenset[str]:
    """Every variable in a tree, constants and bound variables left out."""
    found: set[str] = set()
    stack = [node]
    while stack:
        here = stack.pop()
        if isinstance(here, Name) and here.name not in CONSTANTS:
            found.add(here.name)
        elif isinstance(here, Apply) and here.name in ("sum", "prod") and isinstance(here.args[0], Name):
            found |= names(here.args[3]) - {here.args[0].name}
            stack += here.args[1:3]
            continue
        stack += children(here)
    return frozenset(found)


def uses(node: Node, *wanted: str) -> bool:
    """Whether an operator or function of one of these names is anywhere in the tree."""
    stack = [node]
    while stack:
        here = stack.pop()
        if isinstance(here, Apply) and here.name in wanted:
            return True
        stack += children(here)
    return False


def has_pi(node: Node) -> bool:
    return node == Name("pi") or any(map(has_pi, children(node)))


CONSTANTS = frozenset({"pi", "e", "i", "infinity", "emptyset"})
