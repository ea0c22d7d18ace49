"""Equations and inequalities: when they say the same, and when one is still to be solved."""

from __future__ import annotations

from verifiers.inside.math.conditions import is_unsolved
from verifiers.inside.math.decisions import Comparison, Decision, each
from verifiers.inside.math.equations import opaque_names, proportional, same_solutions, zero_form
from verifiers.inside.math.names import is_naming, name_of, names_of
from verifiers.inside.math.reading import value_of, without_name
from verifiers.inside.math.regions import NoRegion, region, same_region
from verifiers.inside.math.tree import Apply, Name, Node, names, uses
from verifiers.inside.math.values import Collection, Statement, Value, kind


def compare_statements(gold: Statement, answer: Value, comparison: Comparison) -> Decision:
    if isinstance(answer, Collection) and len(answer.items) == 1:
        answer = answer.items[0]
    is_equation = set(gold.signs) <= {"=", "~"}
    if not is_equation:
        return _compare_inequalities(gold, answer, comparison)
    if isinstance(answer, Statement):
        if not set(answer.signs) <= {"=", "~", "in"}:
            return Decision(False, f"{kind(answer)}, not {kind(gold)}")
        return _compare_equations(gold, answer, comparison)
    bare = without_name(gold)
    if isinstance(bare, Statement):
        return Decision(False, "no equation, where one is asked for")
    return comparison.compare(bare, answer)


def _compare_equations(gold: Statement, answer: Statement, comparison: Comparison) -> Decision:
    named = name_of(gold), name_of(answer)
    bare = without_name(gold), without_name(answer)
    if isinstance(named[0], Name) and not names(gold.terms[-1]) and isinstance(bare[1], Statement):
        return Decision(False, "an equation that is still to be solved")
    if named[0] is not None and named[1] is not None and not any(isinstance(side, Statement) for side in bare):
        if named[0] == named[1] or _are_letters(named[0], named[1], bare):
            same = comparison.compare(*bare)
            if same.is_equal or not (names(gold.terms[-1]) or names(answer.terms[-1])):
                return same
        elif not names(gold.terms[-1]) and not names(answer.terms[-1]) and isinstance(named[0], Name):
            return Decision(False, "a value for another name")
    if len(gold.terms) != 2 or len(answer.terms) != 2:
        if len(gold.terms) == len(answer.terms):
            return each(
                [(value_of(one), value_of(other)) for one, other in zip(gold.terms, answer.terms, strict=True)],
                "a chain",
                comparison,
            )
        return Decision(False, "another chain of equations")
    sides = [zero_form(statement) for statement in (gold, answer)]
    if any(side is None for side in sides):
        pairs = [(value_of(one), value_of(other)) for one, other in zip(gold.terms, answer.terms, strict=True)]
        return each(pairs, "the same sides", comparison)
    wanted, given = sides
    assert wanted is not None and given is not None, "looked at above"
    if not names(wanted) and not uses(wanted, *opaque_names(wanted)):
        return Decision(False, "an equation without a variable")
    return Decision(proportional(wanted, given) or same_solutions(wanted, given), "equations with the same solutions")


def _compare_inequalities(gold: Statement, answer: Value, comparison: Comparison) -> Decision:
    if gold.signs == ("in",) and is_naming(gold.terms[0]):
        names_of_both = gold.terms[0], name_of(answer)
        if all(isinstance(name, Name) for name in names_of_both) and len({*names_of_both}) > 1:
            return Decision(False, "a set for another name")
        inner = value_of(gold.terms[1])
        return comparison.compare(inner, without_name(answer))
    if isinstance(answer, Statement):
        for one, other in ((gold, answer), (gold, _reversed(answer))):
            if one.signs == other.signs and len(one.terms) == len(other.terms):
                pairs = [(value_of(left), value_of(right)) for left, right in zip(one.terms, other.terms, strict=True)]
                if all(comparison.compare(*pair).is_equal for pair in pairs):
                    return Decision(True, "the same sides")
    try:
        wanted = region(gold)
    except NoRegion:
        return _compare_half_planes(gold, answer, comparison)
    try:
        bare = without_name(answer) if isinstance(answer, Statement) and answer.signs[0] in ("=", "in") else answer
        if is_unsolved(bare) and not is_unsolved(gold):
            return Decision(False, "conditions that are still to be solved")
        given = region(bare)
    except NoRegion as error:
        return Decision(False, f"not a set of numbers: {error}")
    if isinstance(answer, Statement) and answer.signs[0] not in ("in", "="):
        free = names_of(gold), names_of(answer)
        if free[0] != free[1] and free[0] and free[1]:
            return Decision(False, "an inequality for another variable")
    return Decision(same_region(wanted, given), "the same numbers solve both")


def _compare_half_planes(gold: Statement, answer: Value, comparison: Comparison) -> Decision:
    """Inequalities in several variables: the same up to a positive factor."""
    if not isinstance(answer, Statement) or len(gold.signs) != 1 or len(answer.signs) != 1:
        return Decision(False, "not the same inequality")
    turned = {"<": ">", "<=": ">="}
    sides = []
    for statement in (gold, answer):
        one, other = statement.terms if statement.signs[0] not in turned else statement.terms[::-1]
        sides.append((Apply("sub", (one, other)), turned.get(statement.signs[0], statement.signs[0])))
    if sides[0][1] != sides[1][1]:
        return Decision(False, "another sign of inequality")
    is_signed = sides[0][1] in (">", ">=")
    return Decision(proportional(sides[0][0], sides[1][0], is_positive=is_signed), "proportional sides")


def _reversed(statement: Statement) -> Statement:
    turned = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}
    return Statement(statement.terms[::-1], tuple(turned.get(sign, sign) for sign in statement.signs[::-1]))


def _are_letters(one: Node, other: Node, values: tuple[Value, Value]) -> bool:
    """Whether two names may stand for the same thing: f(x) and y, Area and A; not x and y, not x and |x|."""
    return type(one) is not type(other) and not any(
        isinstance(name, Apply) and not name.name.startswith("of ") for name in (one, other)
    )
