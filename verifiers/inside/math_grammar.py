"""A bounded recursive-descent parser of mathematics, LaTeX and plain text alike, into a small tree.

Reads what `math_text.clean` spells. Linear in the text; no text is ever evaluated. What it does not know raises
`Unreadable`: an answer is never half read.
"""

from __future__ import annotations

from fractions import Fraction

from math_text import MAX_LENGTH
from math_tokens import FUNCTIONS, GREEK, NAMED, UNIT_LETTERS, Token, tokens_of
from math_tree import (
    CONSTANTS,
    MAX_NESTING,
    MAX_NODES,
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
    TooLarge,
    Unreadable,
    children,
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
_ACCENTS = frozenset("overline bar hat vec overrightarrow widehat tilde widetilde underline dot overleftarrow".split())
_UNIT_SIGNS = {
    "\\%": "%", "\\degree": "degree", "\\dollar": "dollar", "\\euro": "euro", "\\pound": "sterling", "\\yen": "yuan",
    "\\cent": "cent", "\\permille": "permille",
}  # fmt: skip
_CLOSERS = {")": ")", "]": "]", "\\}": "\\}", "\\rangle": ")", "}": "}", "\\rbrack": "]", "\\rbrace": "\\}"}
_OPENERS = {"(": "(", "[": "[", "\\{": "\\{", "\\langle": "(", "{": "{", "\\lbrack": "[", "\\lbrace": "\\{"}
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
_END = frozenset({"end"})


class _Parser:
    """Reads tokens from left to right; each method reads one kind of phrase and leaves the cursor behind it."""

    def __init__(self, tokens: list[Token]) -> None:
        self.tokens = tokens
        self.position = 0
        self.depth = 0
        self.nodes = 0
        self.bars = 0

    # ---- the cursor

    @property
    def here(self) -> Token:
        return self.tokens[self.position]

    def peek(self, ahead: int = 1) -> Token:
        return self.tokens[min(self.position + ahead, len(self.tokens) - 1)]

    def take(self) -> Token:
        token = self.here
        self.position += token.kind != "end"
        return token

    def at(self, *texts: str) -> bool:
        return self.here.text in texts and self.here.kind != "text"

    def expect(self, text: str) -> None:
        if not self.at(text):
            raise Unreadable(f"found {self.here.text!r} where {text!r} was due")
        self.take()

    def enter(self) -> None:
        self.depth += 1
        if self.depth > MAX_NESTING:
            raise TooLarge(f"nested deeper than {MAX_NESTING}")

    # ---- phrases, from the loosest

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
            elif token.kind == "cmd" and token.text in _UNIT_SIGNS:
                words.append(_UNIT_SIGNS[self.take().text])
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
            elif self.is_mixed(left):
                above, below = self.take(), self.peek()
                self.position += 2
                quotient = Number(Fraction(above.text), above.text), Number(Fraction(below.text), below.text)
                left = last = self.apply("mixed", left, self.apply("frac", *quotient))
            elif self.starts_factor():
                # 3\frac{1}{2} is a sum; 3(\frac{1}{2}) and (3)\frac{1}{2} are products.
                is_fraction = self.at("\\frac") and self.peek(-1).text != ")"
                right = self.power()
                if isinstance(left, Number) and isinstance(right, Number):
                    raise Unreadable(f"two numbers side by side: {left.text} {right.text}")
                mixed = self.mixed(last, right) if is_fraction else None
                if mixed and left is not last and isinstance(left, Apply):  # 2 \cdot 1\frac{1}{2}
                    left = last = Apply(left.name, (left.args[0], mixed))
                else:
                    left = last = mixed or self.apply("mul", left, right)
            else:
                return left

    def is_mixed(self, left: Node) -> bool:
        """Whether `1/2` with a space in front follows a whole number: 3 1/2."""
        if not (
            isinstance(left, Number) and left.value.denominator == 1 and self.here.kind == "num" and self.here.spaced
        ):
            return False
        over, below = self.peek(), self.peek(2)
        return over.text == "/" and below.kind == "num" and self.here.text.isdigit() and below.text.isdigit()

    def mixed(self, whole: Node, fraction: Node) -> Node | None:
        """`3\\frac{1}{2}` is a sum, and None what is a product; `1\\frac{3}{2}` may as well be meant as either."""
        if not (isinstance(fraction, Apply) and fraction.name == "frac" and _is_whole(whole)):
            return None
        above, below = fraction.args
        if not (isinstance(above, Number) and isinstance(below, Number) and above.value > 0):
            return None
        if above.value < below.value:
            return self.apply("mixed", whole, fraction)
        if _is_whole(above) and _is_whole(below):
            raise Unreadable("a whole number before an improper fraction: a sum or a product")
        return None

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
            or name in _ACCENTS
            or name
            in ("frac", "sqrt", "binom", "sum", "prod", "begin", "langle", "lfloor", "lceil", "angle", "triangle")
            or name
            in ("lvert", "lbrack", "mathbb", "prime", "vert", "overset", "ldots", "dots", "cdots", "{", "lbrace")
        ) and not (name == "vert" and self.bars)

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
        if _is_minus_one(exponent) and self.at("(") and isinstance(base, Name) and base.name in _FUNCTION_NAMES:
            return self.maybe_applied(f"{base.name}_inverse", None)
        return self.apply("pow", base, exponent)

    def degrees(self, base: Node) -> Node:
        """`90^\\circ`, or `20^\\circ C`, which is a temperature."""
        if self.here.kind == "name" and self.here.text in ("C", "F") and self.peek().kind in ("end", "op"):
            return Quantity(base, "celsius" if self.take().text == "C" else "fahrenheit")
        if self.here.kind == "text" and self.here.text in ("C", "F"):
            return Quantity(base, "celsius" if self.take().text == "C" else "fahrenheit")
        return self.apply("degree", base)

    # ---- atoms

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
        if token.text in _OPENERS:
            return self.bracket(token.text)
        if token.text == "|":
            return self.between_bars("|")
        if token.text == "@":
            raise Unreadable("@")
        raise Unreadable(f"{token.text!r} is out of place")

    def number(self, token: Token) -> Node:
        text = token.text
        mantissa, _, exponent = text.lower().partition("e")
        places = len(mantissa.partition(".")[2]) if "." in mantissa else None
        if exponent and abs(int(exponent)) > 5000:
            raise TooLarge(f"an exponent of {exponent}")
        value = Fraction(("0" if mantissa.startswith(".") else "") + mantissa)
        if exponent:
            value *= Fraction(10) ** int(exponent)
            places = None
        if self.at("_"):
            return self.based(text)
        whole = self.here.text == "." and self.peek().text in ("\\overline", "\\bar", "\\dot", "(") and "." not in text
        if (whole or places is not None) and (repeating := self.repeating(text, whole)):
            return repeating
        return Number(value, text, places)

    def repeating(self, text: str, whole: bool) -> Node | None:
        """`0.1\\overline{6}`, `0.(3)`, `0.333…`."""
        start = self.position
        if whole:
            self.take()
        digits = ""
        if self.here.text in ("\\overline", "\\bar", "\\dot"):
            self.take()
            if self.at("{") and self.peek().kind == "num" and self.peek(2).text == "}":
                digits = self.peek().text
                self.position += 3
            elif self.here.kind == "num" and len(self.here.text) == 1:
                digits = self.take().text
        elif self.at("(") and not self.here.spaced and self.peek().kind == "num" and self.peek(2).text == ")":
            digits = self.peek().text
            self.position += 3
        elif self.here.kind == "dots" or self.here.text in ("\\ldots", "\\dots", "\\cdots"):
            self.take()
            text, digits = _repetition(text)
        if not digits.isdigit() or len(digits) + len(text) > 200:
            self.position = start
            return None
        head = text if "." in text else text + "."
        fixed = len(head.partition(".")[2])
        tail = Fraction(int(digits), (10 ** len(digits) - 1) * 10**fixed)
        return Number(Fraction(head + "0") + tail, text)

    def based(self, text: str) -> Node:
        """`204_5`, `204_{5}`: a number in a base, or digits that are none."""
        self.take()
        base = self.argument()
        if not (isinstance(base, Number) and base.value.denominator == 1 and 2 <= base.value <= 36):
            raise Unreadable("a subscript that is no base")
        return Apply("based", (Text(text), base))

    def named(self, name: str) -> Node:
        if name == "e" and self.at("_") is False:
            return Name("e")
        if self.at("_"):
            self.take()
            index = self.argument()
            return self.maybe_applied(f"{name}_", index)
        return self.maybe_applied(name, None)

    def maybe_applied(self, name: str, index: Node | None) -> Node:
        """`f(x)` for names that stand for functions; `x_1`, `F_{n-1}`, `a(b+c)` otherwise."""
        primes = ""
        while self.at("'"):
            self.take()
            primes += "'"
        name += primes
        is_function = (
            name.removesuffix("_inverse").rstrip("_'") in _FUNCTION_NAMES and self.at("(") and not self.here.spaced
        )
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
        if name in _ACCENTS:
            return Name(f"{name} {_flat(self.argument())}")
        if name in ("angle", "triangle"):
            letters: list[str] = []
            while self.here.kind == "name" and len(letters) < 4:
                letters.append(self.take().text)
            return Name(f"{name} {''.join(letters)}")
        if name in ("ldots", "dots", "cdots"):
            return Name("ldots")
        if "\\" + name in _UNIT_SIGNS:  # \dollar 18.90
            sign = _UNIT_SIGNS["\\" + name]
            value = self.product()
            return self.with_leading_sign(value, sign)
        raise Unreadable(f"\\{name} is not in the grammar")

    def with_leading_sign(self, value: Node, sign: str) -> Node:
        if self.here.kind == "text":
            behind = self.with_unit(value)
            if isinstance(behind, Quantity):
                return Quantity(value, f"{sign} {behind.unit}")
        return Quantity(value, sign)

    def root(self, degree: int) -> Node:
        order: Node = Number(Fraction(degree), str(degree))
        if self.at("["):
            self.take()
            order = self.sum()
            self.expect("]")
        return self.apply("root", self.argument(), order)

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

    def function(self, name: str) -> Node:
        """A function with its power, base and argument: `\\sin^2 x`, `\\log_2 8`, `\\sin 2x`, `ln(x)`."""
        power: Node | None = None
        base: Node | None = None
        while self.at("^", "_"):
            if self.take().text == "_":
                base = self.argument()
            else:
                power = self.argument(signs=True)
        argument = self.operand()
        if power is not None and _is_minus_one(power) and "arc" + name in FUNCTIONS:
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
        if self.at("/") and self.peek().kind == "num" and _has_pi(value):
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

    def bracket(self, opening: str) -> Node:
        opened = _OPENERS.get(opening, opening)
        if self.at("\\}", "}", ")", "]"):
            closing = self.take().text
            if _CLOSERS[closing] != {"(": ")", "[": "]", "\\{": "\\}", "{": "}"}.get(opened):
                raise Unreadable(f"{opening} closed by {closing}")
            return Bracket(opened, _CLOSERS[closing], ())
        stops = frozenset({"}"} if opened == "{" else {")", "]", "\\}", "\\rangle", "\\rbrack", "\\rbrace", "|"})
        bars, self.bars = self.bars, int(opened == "\\{")  # in a set `|` may be "such that"
        inner = self.items(stops if opened in ("\\{",) else stops - {"|"})
        if opened == "\\{" and self.at("|"):
            self.take()
            self.bars = 0
            condition = self.items(stops - {"|"})
            inner = self.apply("such that", inner, condition)
        self.bars = bars
        token = self.take()
        closing = _CLOSERS.get(token.text, "")
        pairs = {"(": ")]", "[": ")]", "\\{": "\\}", "{": "}"}
        if not closing or closing not in pairs[opened]:
            raise Unreadable(f"{opening} closed by {token.text}")
        items = inner.items if isinstance(inner, Items) else (inner,)
        if opened == "{" and isinstance(inner, Items) and self.position > 0:
            return Bracket("{", "}", items)
        if len(items) == 1 and (opened, closing) in (("(", ")"), ("{", "}")):
            return items[0]
        if len(items) == 1 and (opened, closing) == ("[", "]") and not isinstance(items[0], Relation):
            return Bracket("[", "]", items)
        self.count()
        return Bracket(opened, closing, items)

    def between_bars(self, closing: str) -> Node:
        self.bars += 1
        inner = self.items(frozenset({closing}))
        self.expect(closing)
        self.bars -= 1
        return self.apply("abs", inner)

    def environment(self) -> Node:
        """A matrix or an array; `vmatrix` is its determinant, `cases` and `aligned` are lists."""
        kind = self.group_name()
        if kind == "array" and self.at("{"):
            while not self.at("}"):
                if self.take().kind == "end":
                    raise Unreadable("an array that does not end")
            self.take()
        rows: list[tuple[Node, ...]] = []
        row: list[Node] = []
        stop = frozenset({"&", "\\\\", "\\end", "end"})
        while True:
            if self.at("\\hline"):
                self.take()
                continue
            if not self.at("&", "\\\\", "\\end"):
                row.append(self.items(stop))
            if self.at("&"):
                self.take()
            elif self.at("\\\\"):
                self.take()
                if row:
                    rows.append(tuple(row))
                row = []
            elif self.at("\\end"):
                self.take()
                if row:
                    rows.append(tuple(row))
                break
            else:
                raise Unreadable(f"{self.here.text!r} in {kind}")
        if self.group_name() != kind or not rows:
            raise Unreadable(f"{kind} that does not end")
        if kind in ("cases", "aligned", "align", "align*", "gathered"):
            return (
                Items(tuple(entry for line in rows for entry in line), (";",) * (sum(map(len, rows)) - 1))
                if len(rows) > 1
                else rows[0][0]
            )
        if len({len(line) for line in rows}) != 1:
            raise Unreadable("a matrix with rows of several lengths")
        matrix = Matrix(tuple(rows))
        return self.apply("det", matrix) if kind == "vmatrix" else matrix

    def group_name(self) -> str:
        self.expect("{")
        name = ""
        while not self.at("}"):
            token = self.take()
            if token.kind == "end":
                raise Unreadable("an environment without a name")
            name += token.text
        self.take()
        return name

    # ---- nodes

    def count(self) -> None:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise TooLarge(f"more than {MAX_NODES} parts")

    def apply(self, name: str, *args: Node) -> Node:
        self.count()
        return Apply(name, args)


_FUNCTION_NAMES = frozenset({"f", "g", "h", "F", "G", "H", "P", "phi", "varphi", "psi", "Gamma", "zeta"})


def _repetition(text: str) -> tuple[str, str]:
    """What is fixed and what repeats in `0.1666`, written with dots behind it; nothing repeats if it is not clear."""
    head, _, digits = text.partition(".")
    for length in range(1, len(digits) // 2 + 1):
        period = digits[-length:]
        times = 0
        while digits.endswith(period * (times + 1)):
            times += 1
        if times >= (3 if length == 1 else 2):
            return f"{head}.{digits[: len(digits) - times * length]}", period
    return text, ""


def _is_whole(node: Node) -> bool:
    return isinstance(node, Number) and node.value.denominator == 1 and node.places is None


def _is_minus_one(node: Node) -> bool:
    return (
        isinstance(node, Apply) and node.name == "neg" and isinstance(node.args[0], Number) and node.args[0].value == 1
    )


def _has_pi(node: Node) -> bool:
    return node == Name("pi") or any(_has_pi(child) for child in children(node))


def _exponent(node: Node) -> str:
    if isinstance(node, Number):
        return node.text
    if isinstance(node, Apply) and node.name == "neg" and isinstance(node.args[0], Number):
        return "-" + node.args[0].text
    raise Unreadable("a unit to a power that is no number")


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
