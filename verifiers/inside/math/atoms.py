"""The smallest parts of a formula: numbers, names, units, commands with their arguments."""

from __future__ import annotations

from fractions import Fraction

from verifiers.inside.math.brackets import OPENERS, Brackets
from verifiers.inside.math.functions import ACCENTS, Functions
from verifiers.inside.math.numerals import Numerals
from verifiers.inside.math.tokens import FUNCTIONS, GREEK, NAMED, Token
from verifiers.inside.math.tree import CONSTANTS, Apply, Items, Name, Node, Number, Quantity, Text, Unreadable

UNIT_SIGNS = {
    "\\%": "%", "\\degree": "degree", "\\dollar": "dollar", "\\euro": "euro", "\\pound": "sterling", "\\yen": "yuan",
    "\\cent": "cent", "\\permille": "permille",
}  # fmt: skip


class Atoms(Numerals, Brackets, Functions):
    def atom(self) -> Node:
        self.enter()
        node = self._atom()
        self.depth -= 1
        self.count()
        return node

    def _atom(self) -> Node:
        token = self.take()
        if token.kind == "num":
            return self.number(token)
        if token.kind == "text":
            return Text(token.text)
        if token.kind == "name":
            return self.named(token.text)
        if token.kind == "cmd":
            return self.command(token.text[1:])
        if token.text in OPENERS:
            return self.bracket(token.text)
        if token.text == "|":
            return self.between_bars("|")
        if token.text == "@":
            raise Unreadable("@")
        raise Unreadable(f"{token.text!r} is out of place")

    def named(self, name: str) -> Node:
        if name == "e" and self.at("_") is False:
            return Name("e")
        if self.at("_"):
            self.take()
            return self.maybe_applied(f"{name}_", self.index())
        return self.maybe_applied(name, None)

    def index(self) -> Node:
        """`x_1`, `F_{n-1}`, and `m_{\\max}`, where a function is only a word."""
        if self.at("{") and self.peek().text in ("\\max", "\\min") and self.peek(2).text == "}":
            word = self.peek().text[1:]
            self.position += 3
            return Name(word)
        return self.argument()

    def maybe_applied(self, name: str, index: Node | None) -> Node:
        """`f(x)` for names that stand for functions; `x_1`, `F_{n-1}`, `a(b+c)` otherwise."""
        primes = ""
        while self.at("'"):
            self.take()
            primes += "'"
        name += primes
        is_known = name.removesuffix("_inverse").rstrip("_'") in FUNCTION_NAMES and not self.here.spaced
        is_at_zero = self.peek().text == "0" and self.peek(2).text == ")"  # I(0) is no product: it would be nothing
        is_function = self.at("(") and (is_known or is_at_zero)
        if is_function:
            self.take()
            inner = self.items(frozenset({")"}))
            self.expect(")")
            args = inner.items if isinstance(inner, Items) else (inner,)
            return self.apply(f"of {name}", *([index] if index else []), *args)
        if index is not None:
            return self.apply(f"of {name}", index)
        return Name(name)

    def command(self, name: str) -> Node:
        if name == "frac":
            above, below = self.argument(), self.argument()
            match above, below:
                case Name("d"), Apply("mul", (Name("d"), Name(variable))):
                    return Name(f"d/d{variable}")  # an operator, no quotient; what it makes is not worked out
            return self.apply("frac", above, below)
        if name in ("sqrt", "cbrt"):
            return self.root(3 if name == "cbrt" else 2)
        if name == "binom":
            above = self.argument()
            return self.apply("binomial", above, self.argument())
        if name in NAMED and name not in ("R",):
            return self.maybe_applied(NAMED[name], None) if NAMED[name] not in CONSTANTS else Name(NAMED[name])
        if name in FUNCTIONS:
            return self.function(name)
        if name in GREEK:
            return self.named(name)
        if name in ("sum", "prod"):
            return self.series(name)
        if name in ("langle", "{", "lbrack", "lbrace"):
            return self.bracket("\\" + name)
        if name in ("lvert", "vert", "|", "lVert", "Vert"):
            return self.between_bars({"lvert": "\\rvert", "lVert": "\\rVert"}.get(name, "\\" + name))
        if name in ("lfloor", "lceil"):
            inner = self.items(frozenset({"\\rfloor", "\\rceil"}))
            closing = self.take().text
            if closing != name.replace("l", "\\r", 1):
                raise Unreadable(f"\\{name} closed by {closing}")
            return self.apply("floor" if name == "lfloor" else "ceil", inner)
        if name == "begin":
            return self.environment()
        if name in ACCENTS:
            return self.named(f"{name} {_flat(self.argument())}")
        if name in ("angle", "triangle"):
            letters: list[str] = []
            while self.here.kind == "name" and len(letters) < 4:
                letters.append(self.take().text)
            if letters and self.at("_"):
                self.take()
                letters.append("_" + _flat(self.argument()))
            return Name(f"{name} {''.join(letters)}")
        if name in ("ldots", "dots", "cdots"):
            return Name("ldots")
        if "\\" + name in UNIT_SIGNS:  # \dollar 18.90
            sign = UNIT_SIGNS["\\" + name]
            value = self.product()
            return self.with_leading_sign(value, sign)
        raise Unreadable(f"\\{name} is not in the grammar")

    def with_leading_sign(self, value: Node, sign: str) -> Node:
        if self.here.kind == "text":
            behind = self.with_unit(value)
            if isinstance(behind, Quantity):
                return Quantity(value, f"{sign} {behind.unit}")
        return Quantity(value, sign)

    def argument(self, *, signs: bool = False) -> Node:
        """What a command takes: a group in braces, one digit, one symbol; in plain text a bracket or a number."""
        if self.at("{"):
            self.take()
            inner = self.items(frozenset({"}"}))
            self.expect("}")
            return inner
        if signs and self.at("-", "+"):
            is_negative = self.take().text == "-"
            value = self.argument()
            return self.apply("neg", value) if is_negative else value
        if self.at("\\pm"):
            return self.signed()
        token = self.here
        if token.kind == "num" and len(token.text) > 1 and self._takes_one_digit():
            # \frac12 is a half; \frac123 is 1/2 times 3, and never written.
            self.tokens[self.position] = Token("num", token.text[1:], False)
            return Number(Fraction(token.text[0]), token.text[0])
        if token.kind == "num" and signs and "." in token.text:
            return self.atom()
        return self.atom()

    def _takes_one_digit(self) -> bool:
        """After `\\frac` and its like TeX takes one digit; `2^10` in plain text, and `x^12`, mean the number."""
        before = [self.tokens[index] for index in range(max(0, self.position - 2), self.position)]
        return (
            bool(before) and any(token.text in ("\\frac", "\\binom") for token in before) and "." not in self.here.text
        )


FUNCTION_NAMES = frozenset({"f", "g", "h", "F", "G", "H", "P", "phi", "varphi", "psi", "Gamma", "zeta"})


def _flat(node: Node) -> str:
    """Letters of a product, as under a bar: AB."""
    match node:
        case Name(name):
            return name
        case Number(_, text):
            return text
        case Text(words):
            return words
        case Apply("mul", args):
            return "".join(map(_flat, args))
        case Apply(name, args) if name.startswith("of "):
            return name[3:] + "".join(map(_flat, args))
        case _:
            raise Unreadable("an accent over more than letters")
