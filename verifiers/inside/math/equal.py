"""Whether an answer is equal to a gold: by the gold's type, each type by rules of its own."""

from __future__ import annotations

from verifiers.inside.math.bases import compare_based, value_of_based
from verifiers.inside.math.chains import broken_chain
from verifiers.inside.math.choices import compare_choices
from verifiers.inside.math.clocks import compare_clocks
from verifiers.inside.math.collections import alone, compare_collections, without_domain
from verifiers.inside.math.decisions import Decision, Rules, each
from verifiers.inside.math.fractions import is_reduced
from verifiers.inside.math.matrices import compare_tables
from verifiers.inside.math.measures import compare_scalars
from verifiers.inside.math.rationals import exact
from verifiers.inside.math.reading import value_of, without_name
from verifiers.inside.math.statements import compare_statements
from verifiers.inside.math.tree import Name, Node, Number, TooLarge, names
from verifiers.inside.math.values import (
    EMPTY,
    Based,
    Choice,
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
from verifiers.inside.math.words import compare_words

MAX_PAIRS = 400
"""Comparisons of items of two lists without order."""


def compare(gold: Value, answer: Value, rules: Rules) -> Decision:
    """The decision, with the rule that made it."""
    decision = _Comparison(rules).compare(gold, answer)
    if decision.is_equal and rules.reduced == "required" and not is_reduced(answer):
        return Decision(False, "a fraction that is not reduced")
    return decision


class _Comparison:
    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.pairs = 0

    def anew(self) -> _Comparison:
        return _Comparison(Rules())

    def compare(self, gold: Value, answer: Value) -> Decision:
        gold, answer = without_domain(gold), without_domain(answer)
        self.pairs += 1
        if self.pairs > MAX_PAIRS:
            raise TooLarge(f"more than {MAX_PAIRS} items to compare")
        if gold == answer:
            return Decision(True, "the same tree")
        if broken := broken_chain(answer, self):
            return Decision(False, broken)
        if (isinstance(gold, Collection) and gold != EMPTY) or isinstance(gold, Region):
            return compare_collections(gold, answer, self)
        if isinstance(gold, Statement):
            return compare_statements(gold, answer, self)
        answer = alone(without_name(answer))
        if isinstance(answer, Statement) and isinstance(gold, Region | Collection):
            return compare_collections(gold, answer, self)
        match gold, answer:
            case Scalar(), Collection(_, items) if items:
                return Decision(False, f"{len(items)} values where one is asked for")
            case Scalar(node, ""), Statement(terms, signs) if names(node) and set(signs) == {"="}:
                return each([(gold, value_of(term)) for term in terms], "both sides of an identity", self)
            case Scalar(), Scalar():
                return compare_scalars(gold, answer, self.rules)
            case Scalar(node, ""), Clock(parts, "") if len(parts) == 2 and parts[1] and not _is_whole(node):
                quotient = parts[0] / parts[1]
                return compare_scalars(gold, Scalar(Number(quotient, "")), self.rules)
            case Scalar(), Based():
                return compare_scalars(gold, Scalar(value_of_based(answer)), self.rules)
            case Scalar(Name(name)), Choice(letter):
                return Decision(name == letter, "letter")
            case Table(), _:
                return compare_tables(gold, answer, self)
            case Clock(), _:
                return compare_clocks(gold, answer, self.rules)
            case Based(), _:
                return compare_based(gold, answer)
            case Words(), _:
                return compare_words(gold, answer)
            case Choice(), _:
                return compare_choices(gold, answer, self.rules)
        if gold == EMPTY:
            return Decision(answer == EMPTY, "the empty set")
        return Decision(False, f"{kind(answer)}, not {kind(gold)}")


def _is_whole(node: Node) -> bool:
    value = exact(node)
    return value is not None and value.denominator == 1
