"""What a comparison goes by, the policy of a problem, and what comes of it: a decision with its rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

from verifiers.inside.math.values import Value

NOWHERE = "no point at which both have a value"


@dataclass(frozen=True, slots=True)
class Rules:
    """The policy of a problem, and what it is called where the spec is written: see `verifiers.math.MathPolicy`."""

    percent: str = "either"
    units: str = "optional"
    order: str = "kind"
    reduced: str = "any"
    case: str = "ignored"
    tolerance: Fraction | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    is_equal: bool
    rule: str


class Comparison(Protocol):
    """What compares a gold with an answer by the gold's type, however they lie in each other."""

    rules: Rules

    def compare(self, gold: Value, answer: Value) -> Decision:
        """The decision; `TooLarge` after too many of them."""

    def anew(self) -> Comparison:
        """Another one, without a policy, that counts for itself: for the parts of an answer among each other."""


def in_order(gold: Sequence[Value], answer: Sequence[Value], comparison: Comparison) -> Decision:
    if len(gold) != len(answer):
        return Decision(False, f"{len(answer)} values, not {len(gold)}")
    return each(list(zip(gold, answer, strict=True)), "equal one by one", comparison)


def each(pairs: Sequence[tuple[Value, Value]], rule: str, comparison: Comparison) -> Decision:
    """By `rule` if all of them are equal, else by the first that is not."""
    for wanted, given in pairs:
        decision = comparison.compare(wanted, given)
        if not decision.is_equal:
            return decision
    return Decision(True, rule)
