"""A bounded recursive-descent parser of mathematics, LaTeX and plain text alike, into a small tree.

Reads what `text.clean` spells. Linear in the text; no text is ever evaluated. What it does not know raises
`Unreadable`: an answer is never half read.
"""

from __future__ import annotations

from verifiers.inside.math.atoms import FUNCTION_NAMES, UNIT_SIGNS, Atoms
from verifiers.inside.math.functions import is_minus_one
from verifiers.inside.math.text import MAX_LENGTH
from verifiers.inside.math.tokens import UNIT_LETTERS, tokens_of
from verifiers.inside.math.tree import (
    MAX_NESTING,
    Apply,
    Items,
    Name,
    Node,
    Number,
    Quantity,
    Relation,
    Text,
    TooLarge,
    Unreadable,
)


def parse(text: str) -> Node:
    """The tree of a cleaned text, or `Unreadable`, or `TooLarge`."""
    if len(text) > MAX_LENGTH:
        raise TooLarge(f"longer than {MAX_LENGTH} characters")
    parser = _Parser(tokens_of(text))
    tree = parser.items(frozenset({"end"}))
    parser.expect("end")
    return tree


_RELATIONS = {
    "=": "=", "<": "<", ">": ">", "\\le": "<=", "\\leq": "<=", "\\leqslant": "<=", "\\ge": ">=", "\\geq": ">=",
    "\\geqslant": ">=", "\\lt": "<", "\\gt": ">", "\\ne": "!=", "\\neq": "!=", "\\approx": "~", "\\in": "in",
    "\\notin": "notin", "\\equiv": "==", "\\sim": "~", "\\simeq": "~", "\\cong": "~", "\\colon": ":", ":": ":",
    "\\subset": "subset", "\\subseteq": "subset", "\\doteq": "~", "\\to": "to", "\\rightarrow": "to", "\\mapsto": "to",
    "\\mid": "mid",
    "\\implies": "implies", "\\Rightarrow": "implies", "\\iff": "implies", "\\Leftrightarrow": "implies",
    "\\neg": "neg", "\\propto": "propto", "\\parallel": "parallel", "\\perp": "perp",
}  # fmt: skip
_JOINERS = {
    ",": ",",
    ";": ";",
    "\\\\": ";",
    "\\land": "and",
    "\\wedge": "and",
    "\\lor": "or",
    "\\vee": "or",
    "\\newline": ";",
}


class _Parser(Atoms):
    """Phrases from the loosest to the tightest: items, relations, unions, sums, products, powers."""

    def items(self, stop: frozenset[str]) -> Node:
        """Items up to a stop, which is not taken."""
        self.enter()
        found: list[Node] = [self.relation()]
        joiners: list[str] = []
        while self.here.text not in stop or self.here.kind == "text":
            joiner = ""
            while self.here.kind == "join" or (self.at(*_JOINERS) and self.here.kind != "text"):
                joiner = self.take().text
                joiner = _JOINERS.get(joiner, joiner)
                if self.here.text in stop:
                    break
            if not joiner:
                if found and self._starts_item(found[-1]):
                    joiner = ","
                else:
                    raise Unreadable(f"{self.here.text!r} is out of place")
            if self.here.text in stop and self.here.kind != "text":
                break
            found.append(self.relation())
            joiners.append(joiner)
        self.depth -= 1
        return found[0] if len(found) == 1 else Items(tuple(found), tuple(joiners))

    def _starts_item(self, before: Node) -> bool:
        """Whether a new item starts here without a sign between: `(1,2) (3,4)` never gets here; `x=1 y=2` does."""
        return isinstance(before, Relation) and self.here.spaced and self.here.kind in ("name", "cmd")

    def relation(self) -> Node:
        if self.at("\\approx", "=", "\\sim") or (self.at("\\therefore")):
            self.take()
        terms = [self.union()]
        signs: list[str] = []
        while self.here.kind in ("op", "cmd") and self.here.text in _RELATIONS:
            signs.append(_RELATIONS[self.take().text])
            if self.at("=") and signs[-1] in ("<", ">"):
                self.take()
                signs[-1] += "="
            terms.append(self.union())
        return terms[0] if len(terms) == 1 else Relation(tuple(terms), tuple(signs))

    def union(self) -> Node:
        left = self.sum()
        while self.at("\\over", "\\choose"):
            operator = "frac" if self.take().text == "\\over" else "binomial"
            left = self.apply(operator, left, self.sum())
        while self.at("\\cup", "\\cap", "\\setminus", "\\backslash", "\\bigcup"):
            operator = {"\\cup": "union", "\\bigcup": "union", "\\cap": "intersection"}.get(self.take().text, "minus")
            left = self.apply(operator, left, self.sum())
        return left

    def sum(self) -> Node:
        left = self.product()
        while self.at("+", "-", "\\pm", "\\mp"):
            operator = {"+": "add", "-": "sub", "\\pm": "pm", "\\mp": "mp"}[self.take().text]
            left = self.apply(operator, left, self.product())
        return self.with_unit(left)

    def with_unit(self, value: Node) -> Node:
        """The value with the words and signs behind it, if there are some."""
        words: list[str] = []
        if self.at("\\pmod", "\\mod", "\\bmod"):
            sign = "rest" if self.take().text == "\\bmod" else "mod"
            return Quantity(value, f"{sign} {_exponent(self.argument())}")
        while True:
            token = self.here
            if token.kind == "text":
                words.append(self.take().text)
            elif token.kind == "cmd" and token.text in UNIT_SIGNS:
                words.append(UNIT_SIGNS[self.take().text])
            elif words and token.kind == "op" and token.text == "^":
                self.take()
                words.append("^" + _exponent(self.argument()))
            elif words and token.text in ("/", "\\cdot") and (self.peek().kind in ("text", "name")):
                words.append("/" if self.take().text == "/" else " ")
                words.append(self.take().text)
            elif words and token.kind == "name" and token.text in UNIT_LETTERS and self.peek().kind in ("end", "op"):
                words.append(self.take().text)
            elif words and token.kind == "op" and token.text == ".":
                self.take()
            elif words and token.kind == "op" and token.text == "(" and self.peek().kind == "text":
                start = self.position
                self.take()
                inner = [self.take().text]
                while self.here.kind in ("text", "name"):
                    inner.append(self.take().text)
                if not self.at(")"):
                    self.position = start
                    break
                self.take()
                words += ["(", *inner, ")"]
            else:
                break
        if not words:
            return value
        if isinstance(value, Text):
            return Text(" ".join([value.words, *words]))
        self.count()
        return Quantity(value, " ".join(words))

    def product(self) -> Node:
        """Factors with or without signs between. A sign in front is of the whole product: -3\\frac12 is -3.5."""
        if self.at("-", "+", "\\pm", "\\mp"):
            self.enter()
            sign = self.take().text
            value = self.product()
            self.depth -= 1
            return value if sign == "+" else self.apply({"-": "neg", "\\pm": "pm", "\\mp": "mp"}[sign], value)
        left = last = self.power()
        while True:
            if self.at("\\cdot", "\\times", "*", "\\ast", "\\star"):
                self.take()
                last = self.signed()
                left = self.apply("mul", left, last)
            elif self.at("/", "\\div"):
                self.take()
                last = self.signed()
                left = self.apply("div", left, last)
            elif (
                self.here.text == "x"
                and isinstance(left, Number)
                and self.peek().text == "10"
                and self.peek(2).text == "^"
            ):
                self.take()
                left = last = self.apply("mul", left, self.power())
            elif self.is_mixed(last):
                left = last = _with_last(left, last, self.plainly_mixed(last))
            elif self.starts_factor():
                # 3\frac{1}{2} is a sum; 3(\frac{1}{2}) and (3)\frac{1}{2} are products.
                is_fraction = self.at("\\frac") and self.peek(-1).text != ")"
                is_bracketed = self.at("(") or self.peek(-1).text == ")"
                right = self.power()
                if isinstance(last, Number) and isinstance(right, Number) and not is_bracketed:
                    raise Unreadable(f"two numbers side by side: {last.text} {right.text}")
                mixed = self.mixed(last, right) if is_fraction else None
                left = last = _with_last(left, last, mixed) if mixed else self.apply("mul", left, right)
            else:
                return left

    def signed(self) -> Node:
        """A factor with its signs."""
        signs = 0
        while self.at("-", "+"):
            signs += 1
            if signs > MAX_NESTING:
                raise TooLarge(f"more than {MAX_NESTING} signs")
            if self.take().text == "-":
                self.enter()
                value = self.signed()
                self.depth -= 1
                return self.apply("neg", value)
        if self.at("\\pm", "\\mp"):
            name = self.take().text[1:]
            self.enter()
            value = self.signed()
            self.depth -= 1
            return self.apply(name, value)
        return self.power()

    def power(self) -> Node:
        """An atom with what is written behind it: `!`, `^`, `'`."""
        base = self.atom()
        postfixes = 0
        while True:
            postfixes += 1
            if postfixes > MAX_NESTING:
                raise TooLarge(f"more than {MAX_NESTING} postfixes")
            if self.at("!"):
                self.take()
                double = self.at("!") and not self.here.spaced
                if double:
                    self.take()
                base = self.apply("factorial2" if double else "factorial", base)
            elif self.at("^"):
                self.take()
                base = self.raised(base)
            elif self.at("'") and isinstance(base, Name):
                self.take()
                base = Name(base.name + "'")
            elif self.at("\\degree"):
                self.take()
                base = self.apply("degree", base)
            elif self.at("'", "''") and isinstance(base, Apply) and base.name == "degree":
                raise Unreadable("minutes of arc")
            else:
                return base

    def raised(self, base: Node) -> Node:
        if self.at("\\circ", "\\degree"):
            self.take()
            return self.degrees(base)
        if self.at("\\prime"):
            self.take()
            return Name(base.name + "'") if isinstance(base, Name) else self.apply("of prime", base)
        if self.at("{") and self.peek().text == "\\circ" and self.peek(2).text == "}":
            self.position += 3
            return self.degrees(base)
        if self.at("{") and self.peek().kind == "text" and self.peek(2).text == "}":
            word = self.peek().text
            self.position += 3
            return Quantity(base, word)
        exponent = self.argument(signs=True)
        if isinstance(exponent, Name) and exponent.name in ("th", "st"):
            raise Unreadable("an ordinal")
        if is_minus_one(exponent) and self.at("(") and isinstance(base, Name) and base.name in FUNCTION_NAMES:
            return self.maybe_applied(f"{base.name}_inverse", None)
        return self.apply("pow", base, exponent)

    def degrees(self, base: Node) -> Node:
        """`90^\\circ`, or `20^\\circ C`, which is a temperature."""
        if self.here.kind == "name" and self.here.text in ("C", "F") and self.peek().kind in ("end", "op"):
            return Quantity(base, "celsius" if self.take().text == "C" else "fahrenheit")
        if self.here.kind == "text" and self.here.text in ("C", "F"):
            return Quantity(base, "celsius" if self.take().text == "C" else "fahrenheit")
        return self.apply("degree", base)


def _with_last(product: Node, last: Node, factor: Node) -> Node:
    """A product with another factor in the place of its last: 2 \\cdot 1\\frac{1}{2} is 2 times a mixed number."""
    return (
        Apply(product.name, (product.args[0], factor)) if product is not last and isinstance(product, Apply) else factor
    )


def _exponent(node: Node) -> str:
    if isinstance(node, Number):
        return node.text
    if isinstance(node, Apply) and node.name == "neg" and isinstance(node.args[0], Number):
        return "-" + node.args[0].text
    raise Unreadable("a unit to a power that is no number")
