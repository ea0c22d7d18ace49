"""Functions with their operands, roots and series: how far what they are applied to reaches."""

from __future__ import annotations

from fractions import Fraction

from verifiers.inside.math.cursor import Cursor
from verifiers.inside.math.tokens import FUNCTIONS, GREEK, NAMED
from verifiers.inside.math.tree import Apply, Items, Name, Node, Number, Relation, Unreadable, has_pi

ACCENTS = frozenset(
    "overline bar hat vec overrightarrow widehat tilde widetilde ddot underline dot overleftarrow".split()
)


class Functions(Cursor):
    def root(self, degree: int) -> Node:
        order: Node = Number(Fraction(degree), str(degree))
        if self.at("["):
            self.take()
            order = self.sum()
            self.expect("]")
        return self.apply("root", self.argument(), order)

    def function(self, name: str) -> Node:
        """A function with its power, base and argument: `\\sin^2 x`, `\\log_2 8`, `\\sin 2x`, `ln(x)`."""
        power: Node | None = None
        base: Node | None = None
        while self.at("^", "_"):
            if self.take().text == "_":
                base = self.argument()
            else:
                power = self.argument(signs=True)
        if name == "log" and self.at("2", "10") and not self.here.spaced and self.peek().text == "(":  # log2(8)
            base = self.atom()
        argument = self.operand()
        if power is not None and is_minus_one(power) and "arc" + name in FUNCTIONS:
            name, power = "arc" + name, None
        arguments = argument.items if isinstance(argument, Items) else (argument,)
        value = self.apply(name, *arguments, *([base] if base is not None else []))
        return value if power is None else self.apply("pow", value, power)

    def operand(self) -> Node:
        """What a function is applied to: a bracket, or the factors up to the next sign or function."""
        if self.at("("):
            self.take()
            inner = self.items(frozenset({")"}))
            self.expect(")")
            return inner
        if self.at("{"):
            return self.argument()
        if self.at("|", "[", "\\lvert"):
            return self.atom()
        if self.at("-"):
            self.take()
            return self.apply("neg", self.operand())
        if self.here.kind == "cmd" and self.here.text[1:] in FUNCTIONS:
            return self.power()
        value = self.power()
        while self.starts_factor() and not self.at("(", "[") and self.here.text[1:] not in FUNCTIONS:
            value = self.apply("mul", value, self.power())
        if self.at("/") and self.peek().kind == "num" and has_pi(value):
            self.take()
            value = self.apply("div", value, self.power())
        return value

    def series(self, name: str) -> Node:
        lower: Node | None = None
        upper: Node | None = None
        while self.at("_", "^"):
            if self.take().text == "_":
                lower = self.argument()
            else:
                upper = self.argument()
        if not (isinstance(lower, Relation) and lower.signs == ("=",) and isinstance(lower.terms[0], Name) and upper):
            raise Unreadable(f"\\{name} without both bounds")
        body = self.product()
        return self.apply(name, lower.terms[0], lower.terms[1], upper, body)

    def starts_factor(self) -> bool:
        token = self.here
        if token.kind in ("name", "num"):
            return True
        if token.kind == "op":
            return token.text in ("(", "[", "{") or (token.text == "|" and not self.bars)
        if token.kind != "cmd":
            return False
        name = token.text[1:]
        return (
            name in FUNCTIONS
            or name in GREEK
            or name in NAMED
            or name in ACCENTS
            or name
            in ("frac", "sqrt", "binom", "sum", "prod", "begin", "langle", "lfloor", "lceil", "angle", "triangle")
            or name
            in ("lvert", "lbrack", "mathbb", "prime", "vert", "overset", "ldots", "dots", "cdots", "{", "lbrace")
        ) and not (name == "vert" and self.bars)


def is_minus_one(node: Node) -> bool:
    return (
        isinstance(node, Apply) and node.name == "neg" and isinstance(node.args[0], Number) and node.args[0].value == 1
    )
