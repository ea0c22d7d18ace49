"""The value that a cleaned text stands for: by its tree where it has one, else by its words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction

from verifiers.inside.math.bases import read_based
from verifiers.inside.math.choices import read_choice
from verifiers.inside.math.clocks import ratio, read_clock
from verifiers.inside.math.grammar import parse
from verifiers.inside.math.measures import per_unit, read_compound
from verifiers.inside.math.names import is_constant, is_naming
from verifiers.inside.math.text import squeezed, unwrapped, words
from verifiers.inside.math.tree import (
    Apply,
    Bracket,
    Items,
    Matrix,
    Name,
    Node,
    Number,
    Quantity,
    Relation,
    Text,
    Unreadable,
    children,
    uses,
)
from verifiers.inside.math.units import read_unit
from verifiers.inside.math.values import (
    EMPTY,
    LINE,
    Based,
    Clock,
    Collection,
    Region,
    Scalar,
    Statement,
    Table,
    Value,
    Words,
    kind,
)
from verifiers.inside.math.words import of_words


def read(text: str) -> Value:
    """The value of a cleaned text. `Unreadable` or `TooLarge` if it has none."""
    if not text.strip():
        raise Unreadable("nothing")
    if special := _in_its_own_notation(unwrapped(text)):
        return special
    try:
        return value_of(parse(text))
    except Unreadable:
        if "\\text" in text and text.count("{") == text.count("}"):
            return Words(("verbatim", squeezed(text)))
        if text.count("{") == text.count("}") and (found := words(text)) and re.search(r"[^\W\d_]{2}", " ".join(found)):
            return of_words(found)
        raise


def value_of(node: Node) -> Value:
    if uses(node, "pm", "mp"):
        return _expanded(node)
    match node:
        case Items(items, joiners):
            return Collection("list", tuple(value_of(item) for item in items), joiners=joiners)
        case Bracket(opening, closing, items):
            return _bracketed(opening, closing, items)
        case Relation():
            return _related(node)
        case Text(text):
            return of_words(words(text) or (text.casefold(),))
        case Quantity(value, unit):
            return _quantity(value, unit)
        case Apply("degree", (value,)):
            return Scalar(value, "degree")
        case Apply("based", (Text(digits), Number(base, _, _))):
            return Based(digits, int(base))
        case Apply("neg", (Apply("based", (Text(digits), Number(base, _, _))),)):
            return Based("-" + digits, int(base))
        case Apply("neg", (Apply("degree", (value,)),)):
            return Scalar(Apply("neg", (value,)), "degree")
        case Apply("neg", (Quantity(value, unit),)):
            return _quantity(Apply("neg", (value,)), unit)
        case Apply("union" | "intersection" | "minus", _):
            return Region(node)
        case Name("bbR"):
            return LINE
        case Name("emptyset"):
            return EMPTY
        case Matrix():
            return Table(node)
        case Apply() if _has_matrix(node):
            return Table(node)
        case _:
            if not _is_formula(node):
                if measured := per_unit(node):
                    return measured
                raise Unreadable("words or several values in a formula")
            return Scalar(node)


def without_name(value: Value) -> Value:
    """What a statement names: the right of `x = 5`, of `(p, q) = (3, 2)`, of `x \\in [0, 1]`; else the value itself."""
    if not isinstance(value, Statement):
        return value
    terms, signs = value.terms, value.signs
    if signs[0] == "in" and len(signs) == 1 and is_naming(terms[0]):
        return value_of(terms[1])
    if set(signs) <= {"=", "~"}:
        if is_naming(terms[0]):
            rest = terms[1:]
            return value_of(rest[0]) if len(rest) == 1 else _last_of_chain(rest, signs[1:])
        if len(terms) == 2 and is_naming(terms[1]) and is_constant(terms[0]) and signs[0] == "=":
            return value_of(terms[0])
        if all(is_constant(term) for term in terms):
            return _last_of_chain(terms, signs)
    return value


def readings(text: str) -> Iterator[str]:
    """Other readings of a text that is one number by its gold: a decimal comma, thousands by points."""
    if re.search(r"\d,\d", text) and not re.search(r"[(\[{;]|,\s", text):
        if re.fullmatch(r"[-+]?\d{1,3}(?:\.\d{3})+,\d+\D*", text):
            yield text.replace(".", "").replace(",", ".")
        elif text.count(",") == 1:
            yield text.replace(",", ".")
        elif re.fullmatch(r"[-+]?\d{1,2}(?:,\d{2})+,\d{3}(?:\.\d+)?", text):
            yield text.replace(",", "")
    elif re.fullmatch(r"[-+]?\d{1,3}(?:\.\d{3}){2,}", text):
        yield text.replace(".", "")


def _in_its_own_notation(bare: str) -> Value | None:
    """Kinds that a grammar of formulas would misread: choices, times and ratios, `2 hours 30 minutes`, digits in a
    base."""
    return read_choice(bare) or read_clock(bare) or read_compound(bare) or read_based(bare)


def _bracketed(opening: str, closing: str, items: tuple[Node, ...]) -> Value:
    if opening in ("{", "\\{"):
        if len(items) == 1 and isinstance(items[0], Apply) and items[0].name == "such that":
            return _such_that(*items[0].args)
        if len(items) == 1 and isinstance(items[0], Relation):
            if "mid" in items[0].signs or ":" in items[0].signs:
                return _builder(items[0])
            return value_of(items[0])
        return Collection("set", tuple(_flattened(items)))
    values = tuple(value_of(item) for item in items)
    if len(items) == 2 and opening + closing in ("()", "(]", "[)", "[]", "][", "](", "[[", "]]", ")("):
        return Collection("pair", values, opening, closing)
    if len(items) == 1:
        return values[0]
    if opening + closing in ("()", "[]"):
        return Collection("tuple" if opening == "(" else "bracket", values, opening, closing)
    raise Unreadable(f"{len(items)} items in {opening}{closing}")


def _flattened(items: tuple[Node, ...]) -> Iterator[Value]:
    """The items of a set or list, `a \\pm b` as two."""
    for item in items:
        if uses(item, "pm", "mp"):
            expanded = _expanded(item)
            yield from expanded.items if isinstance(expanded, Collection) else (expanded,)
        else:
            yield value_of(item)


def _such_that(variable: Node, condition: Node) -> Value:
    """`{x | x > 3}` is what its condition says."""
    return value_of(condition)


def _builder(relation: Relation) -> Value:
    """`{x : x > 3}` and `{x \\mid 1 < x < 2}`: the terms behind the colon."""
    at = next(index for index, sign in enumerate(relation.signs) if sign in (":", "mid"))
    rest = Relation(relation.terms[at + 1 :], relation.signs[at + 1 :])
    return value_of(rest) if rest.signs else value_of(rest.terms[0])


def _related(node: Relation) -> Value:
    terms, signs = node.terms, node.signs
    if isinstance(terms[0], Text) and signs[0] == ":":  # a label: "Matrix: …"
        return value_of(terms[1] if len(terms) == 2 else Relation(terms[1:], signs[1:]))
    if ":" in signs and set(signs) <= {":", "=", "~"}:
        groups: list[list[Node]] = [[terms[0]]]
        joins: list[str] = []
        for sign, term in zip(signs, terms[1:], strict=True):
            if sign == ":":
                groups[-1].append(term)
            else:
                groups.append([term])
                joins.append(sign)
        if not joins:
            return ratio(tuple(groups[0])) or Statement(terms, signs)
        made = [group[0] if len(group) == 1 else Relation(tuple(group), (":",) * (len(group) - 1)) for group in groups]
        return Statement(tuple(made), tuple(joins))
    if not set(signs) <= {"=", "~", "<", "<=", ">", ">=", "!=", "in", "notin"}:
        if signs == ("==",):
            return Statement(terms, ("=",))
        raise Unreadable(f"a relation {' '.join(signs)}")
    return Statement(terms, signs)


def _quantity(value: Node, unit: str) -> Value:
    inner = value_of(value)
    word, _, rest = unit.partition(" ")
    if isinstance(inner, Scalar):
        scale = {
            "hundred": 10**2,
            "thousand": 10**3,
            "million": 10**6,
            "billion": 10**9,
            "trillion": 10**12,
            "dozen": 12,
        }
        if word.lower() in scale:
            factor = Number(Fraction(scale[word.lower()]), str(scale[word.lower()]))
            return Scalar(Apply("mul", (inner.node, factor)), rest)
        sign, _, size = unit.partition(" ")
        if size.lower() in scale:  # $5 million
            factor = Number(Fraction(scale[size.lower()]), str(scale[size.lower()]))
            return Scalar(Apply("mul", (inner.node, factor)), sign)
        if inner.unit:
            return Scalar(inner.node, f"{inner.unit} {unit}".strip())
        return Scalar(value, unit)
    if isinstance(inner, Clock) and unit.replace(".", "").strip().lower() in ("am", "pm"):
        return Clock(inner.parts, unit.replace(".", "").strip().lower(), inner.texts)
    if isinstance(inner, Based) and unit.startswith("("):
        return inner
    if isinstance(inner, Words):
        return of_words((*inner.words, *words(unit)))
    if isinstance(inner, Collection | Table) and read_unit(unit) is not None:
        return inner
    raise Unreadable(f"{unit} behind a {kind(inner)}")


def _expanded(node: Node) -> Value:
    """Both readings of a tree with plus-or-minus in it, as a list; of lists and sets, each item by itself."""
    match node:
        case Items(items, joiners):
            return Collection("list", tuple(_flattened(items)), joiners=joiners)
        case Bracket("{" | "\\{", _, items):
            return Collection("set", tuple(_flattened(items)))
        case Relation((name, value), ("=" | "~" | "in",)) if not uses(name, "pm", "mp"):
            expanded = _expanded(value)
            if isinstance(expanded, Collection) and is_naming(name):
                return Collection("list", expanded.items, joiners=("or",))
            raise Unreadable("plus or minus in a relation")
    both = [value_of(_with_sign(node, sign)) for sign in ("+", "-")]
    return Collection("list", tuple(both), joiners=("or",))


def _with_sign(node: Node, sign: str) -> Node:
    match node:
        case Apply("pm" | "mp" as name, args):
            is_plus = (name == "pm") == (sign == "+")
            inner = tuple(_with_sign(arg, sign) for arg in args)
            if len(inner) == 1:
                return inner[0] if is_plus else Apply("neg", inner)
            return Apply("add" if is_plus else "sub", inner)
        case Apply(name, args):
            return Apply(name, tuple(_with_sign(arg, sign) for arg in args))
        case Quantity(value, unit):
            return Quantity(_with_sign(value, sign), unit)
        case Bracket(opening, closing, items):
            return Bracket(opening, closing, tuple(_with_sign(item, sign) for item in items))
        case Relation(terms, signs):
            return Relation(tuple(_with_sign(term, sign) for term in terms), signs)
        case Matrix(rows):
            return Matrix(tuple(tuple(_with_sign(entry, sign) for entry in row) for row in rows))
        case _:
            return node


def _last_of_chain(terms: tuple[Node, ...], signs: tuple[str, ...]) -> Value:
    """The value of `a = b = c`: its end, or what stands before the first approximation. That all its members are the
    same is for the comparison to see."""
    for sign, term in zip(signs, terms, strict=False):
        if sign == "~":
            return value_of(term)
    return value_of(terms[-1])


def _is_formula(node: Node) -> bool:
    """Whether a tree has nothing in it but numbers, names and operations on them."""
    match node:
        case Number() | Name() | Apply("based"):
            return True
        case Apply("det", (Matrix(rows),)):
            return all(_is_formula(entry) for row in rows for entry in row)
        case Apply(_, args):
            return all(map(_is_formula, args))
        case Quantity(value, "%" | "degree"):
            return _is_formula(value)
        case Bracket("[", "]", (item,)):
            return _is_formula(item)
        case _:
            return False


def _has_matrix(node: Node) -> bool:
    return isinstance(node, Matrix) or (
        isinstance(node, Apply) and node.name != "det" and any(map(_has_matrix, children(node)))
    )
