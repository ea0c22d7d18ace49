"""The choice among lettered ones that an answer names: how it is read, and when two are the same."""

from __future__ import annotations

import re

from verifiers.inside.math.decisions import Decision, Rules
from verifiers.inside.math.text import words
from verifiers.inside.math.tree import Name
from verifiers.inside.math.values import Choice, Scalar, Value, Words, kind


def read_choice(bare: str) -> Choice | None:
    """`(B)`, `option B`, `B. 7 cm`; None where it is named to be denied, or beside another."""
    if (match := _CHOICE.fullmatch(bare)) and not _DOUBTED.search(bare):
        return Choice(match["letter"], (match["content"] or "").strip())
    return None


def compare_choices(gold: Choice, answer: Value, rules: Rules) -> Decision:
    if isinstance(answer, Choice):
        return Decision(answer.letter == gold.letter, "choice")
    if gold.content and isinstance(answer, Words) and answer.words == words(gold.content):
        return Decision(True, "the words of the choice")
    if isinstance(answer, Scalar) and isinstance(answer.node, Name) and len(answer.node.name) == 1 and not answer.unit:
        letter = answer.node.name if rules.case == "exact" else answer.node.name.upper()
        return Decision(letter == gold.letter, "choice")
    return Decision(False, f"{kind(answer)}, not a choice")


_CHOICE = re.compile(
    r"(?i:option|choice|answer)?\s*(?:(?P<bracket>\()|\[)?\s*(?P<letter>(?-i:[A-J]))\s*(?(bracket)\))\s*\]?"
    r"(?:[).:]?\s*(?<=[).:\s\]])(?P<content>(?=\S)(?![-+*/^_=<>!,;|&()]|\\(?!text|frac|sqrt|\$|dollar)|or\b|and\b|[A-J]\b|.{0,300}\b[A-J](?:[):]|\.[\s\d]))[^=]{1,300})|[).:]?)",
    re.DOTALL,
)
_DOUBTED = re.compile(
    r"^[A-J]\s(?:is|was|seems|looks|no|not|wrong|incorrect|false)\b(?!\s(?:the\s)?(?:correct|right|true|best|answer))"
    r"|\b(?:or|maybe|perhaps|possibly|alternatively|either)\s(?:option\s|choice\s)?\(?[A-J]\b"
)
"""A choice that is named to be denied, or beside another."""
