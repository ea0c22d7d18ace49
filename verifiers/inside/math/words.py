"""Answers in words: numerals and set phrases that stand for values, and when two phrases say the same."""

from __future__ import annotations

import re
from fractions import Fraction

from verifiers.inside.math.decisions import Decision
from verifiers.inside.math.tree import Apply, Name, Node, Number
from verifiers.inside.math.values import EMPTY, LINE, Choice, Scalar, Value, Words


def of_words(found: tuple[str, ...]) -> Value:
    said = " ".join(found)
    if said in _NONE:
        return EMPTY
    if said in _EVERYTHING:
        return LINE
    if said in _NOWHERE:
        return Words(("undefined",))
    if said in _ENDLESS:
        return Scalar(Name("infinity"))
    if said == "negative infinity":
        return Scalar(Apply("neg", (Name("infinity"),)))
    if (number := _numeral(found)) is not None:
        return Scalar(Number(Fraction(number), str(number)))
    return Words(found)


def compare_words(gold: Words, answer: Value) -> Decision:
    said = _said(answer)
    return Decision(said is not None and "".join(said) == "".join(gold.words), "words")


def _numeral(found: tuple[str, ...]) -> int | None:
    """`twenty one` as 21, `minus two` as -2, up to ninety nine, and hundreds."""
    if not found or len(found) > 6:
        return None
    if found[0] in ("minus", "negative"):
        number = _numeral(found[1:])
        return None if number is None else -number
    total = 0
    last = 1000
    for word in found:
        if word in _TENS and last > 99:
            total, last = total + _TENS[word], 10
        elif word in _SMALL and (last > 99 or (last == 10 and 0 < _SMALL.index(word) < 10)):
            total, last = total + _SMALL.index(word), 1
        elif word == "hundred" and 0 < total < 10:
            total, last = total * 100, 100
        else:
            return None
    return total


def _said(value: Value) -> tuple[str, ...] | None:
    """What an answer says in words, letters in a row included."""
    match value:
        case Words(words):
            return words
        case Choice(letter, content):
            return (letter.casefold(), *re.findall(r"\w+", content.casefold()))
        case Scalar(node, "") if not isinstance(node, Number) and (letters := _letters_of(node)):
            return (letters.casefold(),)
        case _:
            return None


def _letters_of(node: Node) -> str:
    if isinstance(node, Name):
        return node.name if len(node.name) == 1 else ""
    if isinstance(node, Apply) and node.name == "mul":
        parts = [_letters_of(arg) for arg in node.args]
        return "".join(parts) if all(parts) else ""
    return ""


_NONE = frozenset(
    "none;no solution;no solutions;no real solution;no real solutions;empty set;the empty set;no such number exists;"
    "no real roots;no answer;no values;no roots;there is no solution;there are no solutions;no real numbers".split(";")
)
_EVERYTHING = frozenset("all real numbers;all reals;all real;real numbers;any real number;every real number".split(";"))
_NOWHERE = frozenset("does not exist;dne;undefined;not defined;doesnt exist;do not exist".split(";"))
_ENDLESS = frozenset("infinity;positive infinity;infinite;infinitely many;infinitely many solutions".split(";"))
_SMALL = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
).split()
_TENS = dict(zip("twenty thirty forty fifty sixty seventy eighty ninety".split(), range(20, 100, 10), strict=True))
