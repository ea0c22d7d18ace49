"""Numbers as they are written: decimals, repeating ones, mixed ones, digits in a base."""

from __future__ import annotations

from fractions import Fraction

from verifiers.inside.math.cursor import Cursor
from verifiers.inside.math.tokens import Token
from verifiers.inside.math.tree import Apply, Node, Number, Text, TooLarge, Unreadable


class Numerals(Cursor):
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

    def is_mixed(self, left: Node) -> bool:
        """Whether `1/2` with a space in front follows a whole number without a bracket: 3 1/2."""
        if not (_is_whole(left) and self.peek(-1).text != ")" and self.here.kind == "num" and self.here.spaced):
            return False
        over, below = self.peek(), self.peek(2)
        return over.text == "/" and below.kind == "num" and self.here.text.isdigit() and below.text.isdigit()

    def plainly_mixed(self, whole: Node) -> Node:
        """`3 1/2`, which is a sum."""
        above, below = Fraction(self.take().text), Fraction(self.peek().text)
        self.position += 2
        if above >= below:
            raise Unreadable(_IMPROPER)
        quotient = Number(above, str(above)), Number(below, str(below))
        return self.apply("mixed", whole, self.apply("frac", *quotient))

    def mixed(self, whole: Node, fraction: Node) -> Node | None:
        """`3\\frac{1}{2}` is a sum, and None what is a product."""
        if not (isinstance(fraction, Apply) and fraction.name == "frac" and _is_whole(whole)):
            return None
        above, below = fraction.args
        if not (isinstance(above, Number) and isinstance(below, Number)):
            return None
        if above.value < below.value:
            return self.apply("mixed", whole, fraction)
        if _is_whole(above) and _is_whole(below):
            raise Unreadable(_IMPROPER)
        return None


_IMPROPER = "a whole number before an improper fraction: a sum or a product"
"""No mixed number to Math-Verify's tests either; of 1 3/2 released checkers make 2.5, 6.5, 3 and 2."""


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
