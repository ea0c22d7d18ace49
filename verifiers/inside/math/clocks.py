"""Times of day and ratios, which are written alike: how they are read, and when two are the same."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from fractions import Fraction

from verifiers.inside.math.decisions import Decision, Rules
from verifiers.inside.math.expressions import compare_nodes
from verifiers.inside.math.rationals import exact
from verifiers.inside.math.tree import Apply, Node, Number
from verifiers.inside.math.values import Clock, Scalar, Value, kind


def read_clock(bare: str) -> Clock | None:
    """`7:32`, `3:45 p.m.`, `8 am`, `1:2:3`."""
    match = _CLOCK.fullmatch(bare)
    if match is None:
        return None
    parts = tuple(re.split(r"\s*:\s*", (match["parts"] or f"{match['hour']}:00").strip()))
    half = (match["half"] or match["half_of_hour"] or "").lower().replace(".", "").replace(" ", "")
    return Clock(tuple(Fraction(part) for part in parts), half, parts)


def ratio(parts: tuple[Node, ...]) -> Clock | Scalar | None:
    """Members of a ratio as numbers, or their quotient where there are two; None for more."""
    values = [exact(part) for part in parts]
    if all(value is not None for value in values):
        texts = tuple(part.text if isinstance(part, Number) else "" for part in parts)
        return Clock(tuple(value for value in values if value is not None), "", texts)
    return Scalar(Apply("div", parts)) if len(parts) == 2 else None


def compare_clocks(gold: Clock, answer: Value, rules: Rules) -> Decision:
    if isinstance(answer, Clock):
        if gold.half or answer.half:
            return Decision(_same_time(gold, answer), "time of day")
        if gold.parts == answer.parts:
            return Decision(True, "time or ratio")
        is_ratio = not (_like_time(gold) and _like_time(answer)) and len(gold.parts) == len(answer.parts)
        return Decision(is_ratio and _proportional_parts(gold.parts, answer.parts), "ratio")
    if isinstance(answer, Scalar) and len(gold.parts) == 2 and gold.parts[1] and not gold.half and not answer.unit:
        return compare_nodes(Number(gold.parts[0] / gold.parts[1], ""), answer.node, rules)
    return Decision(False, f"{kind(answer)}, not {kind(gold)}")


def _like_time(clock: Clock) -> bool:
    return all(len(text) == 2 for text in clock.texts[1:]) and len(clock.parts) in (2, 3) and clock.parts[1] < 60


def _same_time(one: Clock, other: Clock) -> bool:
    moments = [_moments(clock) for clock in (one, other)]
    return bool(moments[0] & moments[1])


def _moments(clock: Clock) -> set[tuple[Fraction, ...]]:
    """The times of day that a clock may mean, on 24 hours, without seconds that are zero."""
    hour, *rest = clock.parts
    while len(rest) > 1 and rest[-1] == 0:
        rest.pop()
    if clock.half and hour <= 12:
        return {(hour % 12 + (12 if clock.half == "pm" else 0), *rest)}
    return {(hour, *rest), ((hour + 12) % 24, *rest)} if hour <= 12 else {(hour, *rest)}


def _proportional_parts(one: Sequence[Fraction], other: Sequence[Fraction]) -> bool:
    pairs = list(zip(one, other, strict=True))
    return any(one) and any(other) and all(a * d == b * c for (a, b), (c, d) in itertools.product(pairs, repeat=2))


_CLOCK = re.compile(
    r"(?P<parts>\d{1,9}(?:\.\d+)?(?:\s?:\s?\d{1,9}(?:\.\d+)?){1,7})\s*(?P<half>[aApP]\s?\.?\s?[mM]\.?)?\s*(?:o'?clock|hours|hrs)?"
    r"|(?P<hour>\d{1,2})\s*(?P<half_of_hour>[aApP]\s?\.?\s?[mM]\.?)"
)
