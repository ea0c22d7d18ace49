"""Lists, tuples and sets: what order, names and repetitions count for, and when values are a set of numbers."""

from __future__ import annotations

from collections.abc import Sequence

from verifiers.inside.math.conditions import is_unsolved
from verifiers.inside.math.decisions import Comparison, Decision, each, in_order
from verifiers.inside.math.matrices import compare_tables
from verifiers.inside.math.names import name_of, names_of
from verifiers.inside.math.reading import without_name
from verifiers.inside.math.regions import NoRegion, region, same_region
from verifiers.inside.math.tree import Apply, Name, Node
from verifiers.inside.math.values import EMPTY, Choice, Collection, Region, Scalar, Statement, Table, Value, Words, kind

MAX_ITEMS = 256


def compare_collections(gold: Value, answer: Value, comparison: Comparison) -> Decision:
    named = name_of(answer)
    if isinstance(answer, Statement):
        bare = without_name(answer)
        if not isinstance(bare, Statement):
            answer = bare
    if isinstance(gold, Collection) and isinstance(answer, Collection):
        decided = _compare_items(gold, answer, comparison)
        if decided.is_equal or not (_may_be_region(gold) and _may_be_region(answer)):
            return decided
    elif isinstance(gold, Collection) and len(gold.items) == 1:
        return comparison.compare(gold.items[0], answer)
    elif isinstance(gold, Collection) and isinstance(answer, Scalar) and len(set(gold.items)) == len(gold.items) > 1:
        # One value in two spellings: 639/40 or 15.975.
        spellings = [comparison.compare(item, answer) for item in gold.items]
        is_one = all(decision.is_equal for decision in spellings)
        return spellings[0] if is_one else Decision(False, f"one value where {len(gold.items)} are asked for")
    elif isinstance(gold, Collection) and gold.kind == "list" and isinstance(answer, Table | Scalar | Words | Choice):
        return Decision(False, f"one value where {len(gold.items)} are asked for")
    if isinstance(gold, Collection) and gold.kind in ("tuple", "pair") and isinstance(answer, Table):
        return compare_tables(answer, gold, comparison)
    try:
        wanted = region(gold)
    except NoRegion as error:
        if isinstance(gold, Region) and isinstance(answer, Region) and _same_sets(gold.node, answer.node):
            return Decision(True, "the same sets in another order")
        return Decision(False, f"{kind(answer)}, not {kind(gold)}: {error}")
    if is_unsolved(answer):
        return Decision(False, "conditions that are still to be solved")
    try:
        given = region(alone(answer))
    except NoRegion as error:
        return Decision(False, f"not a set of numbers: {error}")
    if isinstance(answer, Statement) and named is None and len({*names_of(answer)}) > 1:
        return Decision(False, "more than one variable")
    return Decision(same_region(wanted, given), "sets of numbers")


def _compare_items(gold: Collection, answer: Collection, comparison: Comparison) -> Decision:
    kinds = {gold.kind, answer.kind}
    if len(gold.items) > MAX_ITEMS or len(answer.items) > MAX_ITEMS:
        return Decision(False, f"more than {MAX_ITEMS} items")
    if kinds == {"pair", "list"} and "or" in gold.joiners + answer.joiners:
        return Decision(False, "one of several is not a pair")
    if kinds == {"pair", "list"} and (gold.opening + gold.closing + answer.opening + answer.closing) != "()":
        return Decision(False, "an interval is not a list")
    if gold.kind == "pair" and answer.kind == "pair":
        if (gold.opening, gold.closing) != (answer.opening, answer.closing):
            return Decision(False, "other brackets")
        return in_order(gold.items, answer.items, comparison)
    if (_is_ordered(gold) and answer.kind == "set") or (gold.kind == "set" and _is_ordered(answer)):
        is_list = gold.kind == "set" and answer.kind == "bracket"
        if not is_list:
            return Decision(False, "a set is not a tuple")
        return _in_any_order(gold.items, answer.items, comparison)
    if gold.kind in ("tuple", "bracket", "pair") and answer.kind == "list" and _named_values(answer):
        named = _by_name(gold, answer, comparison)
        if named is not None:
            return named
    wanted, given = _without_domains(gold.items), _without_domains(answer.items)
    if _is_logic(gold) and set(gold.joiners) != set(answer.joiners):
        return Decision(False, "other connectives")
    if gold.kind == answer.kind == "list":
        return _compare_lists(gold, answer, comparison)
    if comparison.rules.order == "free":
        return _in_any_order(wanted, given, comparison)
    if kinds <= {"list", "set"} and comparison.rules.order != "strict":
        if "set" in kinds:
            wanted, given = _distinct(wanted), _distinct(given)
        return _in_any_order(_without_names(wanted), _without_names(given), comparison)
    return in_order(_without_names(wanted), _without_names(given), comparison)


def _compare_lists(gold: Collection, answer: Collection, comparison: Comparison) -> Decision:
    """Two lists without brackets: by the names of their items where both have names, else by their values."""
    wanted, given = _without_domains(gold.items), _without_domains(answer.items)
    names_of_gold, names_of_answer = [name_of(item) for item in wanted], [name_of(item) for item in given]
    if len({*names_of_answer} - {None}) > 1 and "or" in answer.joiners and "or" not in gold.joiners:
        return Decision(False, "only one of them holds")
    both = {*names_of_gold} & {*names_of_answer}
    if both and None not in names_of_gold + names_of_answer and not both == {*names_of_gold} == {*names_of_answer}:
        return Decision(False, "a value for another name")
    if _groups(wanted) and not _groups(given):
        wanted = _groups(wanted)
    elif _groups(given) and not _groups(wanted):
        given = _groups(given)
    elif None not in names_of_gold and len(set(names_of_gold)) == len(wanted) > 1:
        by_name = dict(zip(names_of_answer, given, strict=True))
        if by_name.keys() == set(names_of_gold) and len(wanted) == len(given):
            pairs = [(item, by_name[name]) for item, name in zip(wanted, names_of_gold, strict=True)]
            return each(pairs, "by name", comparison)
    is_sequence = len(set(filter(None, names_of_gold))) > 1 or len(set(filter(None, names_of_answer))) > 1
    if any(isinstance(item, Statement) and name_of(item) is None for item in (*wanted, *given)):
        return _in_any_order(wanted, given, comparison)
    wanted, given = _without_names(wanted), _without_names(given)
    if comparison.rules.order == "strict" or (is_sequence and comparison.rules.order != "free"):
        decision = in_order(wanted, given, comparison)
        if decision.is_equal or comparison.rules.order == "strict" or not _has_unknown_names(gold, answer):
            return decision
    return _in_any_order(_without_repeated_tuples(wanted), _without_repeated_tuples(given), comparison)


def _by_name(gold: Collection, answer: Collection, comparison: Comparison) -> Decision | None:
    """`y = 6, x = 5` for the pair (5, 6): in the order of the alphabet where the names are letters."""
    named = [name_of(item) for item in answer.items]
    letters = [name.name for name in named if isinstance(name, Name)]
    items = list(answer.items)
    if len(set(letters)) < len(letters):
        return Decision(False, "two values for one name")
    if len(letters) == len(items):
        items = [item for _, item in sorted(zip(letters, items, strict=True), key=lambda pair: pair[0])]
    return in_order(gold.items, _without_names(items), comparison)


def _in_any_order(gold: Sequence[Value], answer: Sequence[Value], comparison: Comparison) -> Decision:
    if len(gold) != len(answer):
        return Decision(False, f"{len(answer)} values, not {len(gold)}")
    left = list(answer)
    for wanted in gold:
        for index, given in enumerate(left):
            if comparison.compare(wanted, given).is_equal:
                del left[index]
                break
        else:
            return Decision(False, "an item that the answer lacks")
    return Decision(True, "equal in some order")


def alone(value: Value) -> Value:
    """The item of a set or list that has only one; the set of the empty set is not empty."""
    if isinstance(value, Collection) and len(value.items) == 1 and value.items != (EMPTY,):
        return alone(without_name(value.items[0]))
    return value


def _is_ordered(value: Collection) -> bool:
    return value.kind in ("tuple", "pair", "bracket")


def _may_be_region(value: Collection) -> bool:
    """Whether it may stand for a set of numbers by more than its items: intervals, or conditions joined."""
    return value.kind in ("pair", "set") or (
        value.kind == "list"
        and any(
            isinstance(item, Region)
            or (isinstance(item, Collection) and item.kind == "pair")
            or (isinstance(item, Statement) and not set(item.signs) <= {"=", "~"})
            for item in value.items
        )
    )


def _is_logic(value: Collection) -> bool:
    """Whether `and` and `or` make another thing of it: p and q, no solutions but propositions."""
    are_letters = all(isinstance(item, Scalar) and isinstance(item.node, Name) for item in value.items)
    return are_letters and bool({"and", "or"} & set(value.joiners))


def _named_values(value: Collection) -> bool:
    return all(name_of(item) is not None for item in value.items)


def _without_domains(items: Sequence[Value]) -> list[Value]:
    """Without clauses such as `k \\in \\mathbb{Z}`."""
    return [
        item
        for item in items
        if not (isinstance(item, Statement) and item.signs == ("in",) and isinstance(item.terms[1], Name))
    ]


def _same_sets(one: Node, other: Node) -> bool:
    """Whether two unions or intersections of named sets have the same members, in any order."""
    match one, other:
        case Apply("union" | "intersection" as operator, _), Apply(name, _) if name == operator:
            left, right = _members(one, operator), _members(other, operator)
            if len(left) != len(right):
                return False
            for member in left:
                found = next((index for index, match in enumerate(right) if _same_sets(member, match)), None)
                if found is None:
                    return False
                del right[found]
            return True
        case _:
            return one == other


def _members(node: Node, operator: str) -> list[Node]:
    if isinstance(node, Apply) and node.name == operator:
        return [member for arg in node.args for member in _members(arg, operator)]
    return [node]


def without_domain(value: Value) -> Value:
    """`2 n \\pi, n \\in \\mathbb{Z}` without its clause, where one value is left."""
    if not (isinstance(value, Collection) and value.kind == "list" and len(value.items) > 1):
        return value
    items = _without_domains(value.items)
    return items[0] if len(items) == 1 else value


def _without_names(items: Sequence[Value]) -> list[Value]:
    return [without_name(item) for item in items]


def _distinct(items: Sequence[Value]) -> list[Value]:
    return list(dict.fromkeys(items))


def _without_repeated_tuples(items: Sequence[Value]) -> Sequence[Value]:
    return _distinct(items) if all(isinstance(item, Collection) for item in items) else items


def _groups(items: Sequence[Value]) -> list[Value]:
    """`p = 5, q = 2; p = 7, q = 2` as (5, 2), (7, 2); nothing if names do not come round more than once."""
    named = [name_of(item) for item in items]
    width = len(dict.fromkeys(named))
    if None in named or width < 2 or len(items) < 2 * width or len(items) % width:
        return []
    groups = [items[start : start + width] for start in range(0, len(items), width)]
    if any([name_of(item) for item in group] != named[:width] for group in groups):
        return []
    return [
        Collection("pair" if width == 2 else "tuple", tuple(without_name(item) for item in group), "(", ")")
        for group in groups
    ]


def _has_unknown_names(gold: Collection, answer: Collection) -> bool:
    """Whether only one of two lists names its values, so that their order is not told."""
    return not any(name_of(item) for item in gold.items)
