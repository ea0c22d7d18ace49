"""What stands for something to be told, x or f(x) or the area of ABC, and so is only the name of an answer."""

from __future__ import annotations

from verifiers.inside.math.text import is_negated
from verifiers.inside.math.tree import Apply, Bracket, Items, Name, Node, Quantity, Relation, Text, names
from verifiers.inside.math.values import Statement, Value


def name_of(value: Value) -> Node | None:
    """The left side of a statement that names a value."""
    if isinstance(value, Statement) and value.signs[0] in ("=", "~", "in") and is_naming(value.terms[0]):
        return value.terms[0]
    return None


def names_of(statement: Statement) -> frozenset[str]:
    return frozenset().union(*(names(term) for term in statement.terms))


def is_naming(node: Node) -> bool:
    """Whether this stands for something to be told: x, f(x), |AB|, NO/BO, (p, q), \\text{Area}; not x + y."""
    match node:
        case Name(name):
            return name not in ("pi", "e", "infinity", "emptyset", "i")
        case Text(text):
            return not is_negated(text)
        case Apply(name, args) if name.startswith("of "):
            return True
        case Apply("mul", (Text(text), rest)):
            return is_naming(rest) and not is_negated(text)
        case Quantity(rest, unit):
            return is_naming(rest) and not is_negated(unit)
        case Apply("abs" | "det", (inner,)):
            return is_naming(inner)
        case Apply("mul", args):
            return all(isinstance(arg, Name) or is_naming(arg) for arg in args) and _is_of_capitals(node)
        case Apply("frac" | "div", (Apply("mul", (Name("d"), one)), Apply("mul", (Name("d"), other)))):
            return is_naming(one) and is_naming(other)
        case Apply("frac" | "div", args):
            return all(is_naming(arg) for arg in args) and _is_of_capitals(node)
        case Bracket("(", ")", items) | Items(items, _):
            return all(is_naming(item) for item in items)
        case Relation(terms, signs):
            return set(signs) == {":"} and all(is_naming(term) for term in terms)
        case Apply("sin" | "cos" | "tan" | "max" | "min", (inner,)):
            return is_naming(inner)
        case Apply("degree", (inner,)):
            return is_naming(inner)
        case _:
            return False


def is_constant(node: Node) -> bool:
    return not names(node) and not isinstance(node, Relation | Items | Text)


def _is_of_capitals(node: Node) -> bool:
    """Names of points and areas are capitals: AB is a segment, xy a product."""
    return all(name[:1].isupper() or " " in name or "_" in name for name in names(node))
