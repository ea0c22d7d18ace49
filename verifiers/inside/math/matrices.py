"""Matrices and vectors, entry by entry, in whichever brackets they are written."""

from __future__ import annotations

from verifiers.inside.math.decisions import Comparison, Decision, in_order
from verifiers.inside.math.expressions import compare_nearly, seed_of
from verifiers.inside.math.identities import same_everywhere
from verifiers.inside.math.reading import value_of
from verifiers.inside.math.tree import Matrix, Node, names
from verifiers.inside.math.values import Collection, Scalar, Table, Value, kind


def compare_tables(gold: Value, answer: Value, comparison: Comparison) -> Decision:
    answer = _as_table(answer)
    if isinstance(answer, Collection) and answer.kind in ("tuple", "pair", "bracket") and isinstance(gold, Table):
        entries = _vector(gold.node)
        return (
            in_order([value_of(entry) for entry in entries], answer.items, comparison)
            if entries
            else Decision(False, "no vector")
        )
    if not (isinstance(gold, Table) and isinstance(answer, Table)):
        return Decision(False, f"{kind(answer)}, not {kind(gold)}")
    if comparison.rules.tolerance is not None and not names(gold.node) | names(answer.node):
        return compare_nearly(gold.node, answer.node, comparison.rules.tolerance)
    is_same = same_everywhere(gold.node, answer.node, seed_of(gold.node, answer.node))
    return Decision(is_same is True, "matrices entry by entry")


def _as_table(value: Value) -> Value:
    """`[[1,2],[3,4]]` as a matrix."""
    if not (isinstance(value, Collection) and value.items and value.opening == "["):
        return value
    rows = [row.items for row in value.items if isinstance(row, Collection) and row.opening == "["]
    if len(rows) < len(value.items) or len({len(row) for row in rows}) > 1:
        return value
    entries = [[entry.node for entry in row if isinstance(entry, Scalar)] for row in rows]
    return Table(Matrix(tuple(map(tuple, entries)))) if all(map(len, entries)) else value


def _vector(node: Node) -> list[Node]:
    if not isinstance(node, Matrix):
        return []
    if len(node.rows) == 1:
        return list(node.rows[0])
    return [row[0] for row in node.rows] if all(len(row) == 1 for row in node.rows) else []
