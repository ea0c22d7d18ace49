"""Judges answers to mathematics problems: finds the answer here, compares it in a box."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field

from sandbox import Check, Ending, Limits, Outcome
from verifiers.base import Boxes, Example, Verifier
from verifiers.extract import Found, final_part, gold_answer, math_answer
from verifiers.patience import PATIENCE_SECONDS, run_patiently
from verifiers.shipped import ours
from verifiers.spec import Spec, read_spec, shown
from verifiers.types import SpecError, Status, Verdict

CPU_SECONDS = 1.5
"""Of one comparison, so that with the way to the box it is less than 2 s where nobody else wants the core. An answer
that cannot be compared within them is wrong, not unjudged: golds are checked, too."""

MAX_ANSWER = 16_000
"""Characters that are sent to a box; plain integers are compared here, however long."""

MAX_SHOWN = 200
"""Characters of a value in a trace."""


class MathPolicy(Spec):
    """Where the field's checkers differ, and problems may: what counts as the same answer."""

    percent: Literal["either", "value", "ignored"] = "either"
    """either: 20 % is 0.2, and the sign may be left out or added where 20 is meant; never is 20 the same as 0.2.
    value: 20 % is 0.2 and nothing else. ignored: 20 % is 20 and nothing else."""
    units: Literal["optional", "required", "ignored"] = "optional"
    """optional: a unit may be left out; where both sides have one, they are converted (100 cm is 1 m) and must agree
    (5 m is not 5 s). required: the gold's unit must be given. ignored: only the numbers count."""
    order: Literal["kind", "strict", "free"] = "kind"
    """kind: tuples have an order, sets and lists without brackets have none. strict: such lists have one, too.
    free: tuples have none either."""
    reduced: Literal["any", "required"] = "any"
    """any: 2/4 is 1/2. required: each fraction of integers in the answer must be in lowest terms."""
    case: Literal["ignored", "exact"] = "ignored"
    """Of words and of the letter of a choice; x and X are always two variables."""


class MathSpec(Spec):
    """What is right, and how near."""

    answer: str | int | float | None = None
    """The gold, as LaTeX, a number, words, or a solution that ends in it."""
    answers: list[str | int | float] = Field(default_factory=list)
    """Other golds; any of them is right."""
    tolerance: float | None = Field(default=None, gt=0, lt=1)
    """Relative; exact without it."""
    policy: MathPolicy = MathPolicy()

    def golds(self) -> dict[str, str]:
        """The golds' answers by their fields, at least one and none of them empty."""
        given = {"answer": self.answer} if self.answer is not None else {}
        given |= {f"answers[{index}]": gold for index, gold in enumerate(self.answers)}
        if not given:
            raise SpecError("answer: missing; a math spec has 'answer' or 'answers'")
        golds = {field: gold_answer(str(gold)) for field, gold in given.items()}
        for field, gold in golds.items():
            if not gold.strip(" $"):
                raise SpecError(f"{field}: found {shown(given[field])}; should hold an answer")
            if len(gold) > MAX_ANSWER and not _INTEGER.fullmatch(_bare(gold)):
                raise SpecError(f"{field}: found {len(gold)} characters; at most {MAX_ANSWER} can be compared")
        return golds


class MathVerifier(Verifier):
    """Equal as mathematics to one of the golds: 1, else 0."""

    name: ClassVar[str] = "math"
    deadline: ClassVar[float] = PATIENCE_SECONDS
    inside: ClassVar[Sequence[Path]] = ours(
        "math/text",
        "math/tree",
        "math/tokens",
        "math/cursor",
        "math/brackets",
        "math/functions",
        "math/numerals",
        "math/atoms",
        "math/grammar",
        "math/grids",
        "math/rationals",
        "math/numbers",
        "math/identities",
        "math/values",
        "math/decisions",
        "math/units",
        "math/bases",
        "math/choices",
        "math/rounding",
        "math/expressions",
        "math/clocks",
        "math/measures",
        "math/names",
        "math/words",
        "math/reading",
        "math/regions",
        "math/equations",
        "math/chains",
        "math/conditions",
        "math/matrices",
        "math/collections",
        "math/fractions",
        "math/statements",
        "math/equal",
        "math/algebra",
        "math/check",
    )
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"answer": r"\frac{1}{2}"}, r"<think>Is it \boxed{2}?</think>It is \boxed{0.5}.", 1.0, "equal value"),
        Example({"answer": r"\frac{1}{2}"}, r"\boxed{\frac{1}{3}}", 0.0, "another value"),
        Example({"answer": "7"}, r"\boxed{5} or \boxed{7}", 0.0, "two answers to a question with one"),
        Example({"answer": r"\pm 2"}, r"\boxed{2, -2}", 1.0, "two answers to a question with two"),
        Example({"answer": "(0, 1]"}, r"\boxed{0 < x \le 1}", 1.0, "an interval as inequalities"),
        Example({"answer": "42"}, "I do not know.", 0.0, "no answer"),
        Example({"answer": "3.14159", "tolerance": 0.01}, "The answer is 3.14", 1.0, "near enough"),
        Example({"answer": "5 cm", "policy": {"units": "required"}}, r"\boxed{5}", 0.0, "a unit was asked for"),
        Example({"answer": r"\frac{1}{"}, r"\boxed{1}", None, "a gold that cannot be read"),
    )

    def check_spec(self, spec: Mapping[str, Any]) -> None:
        read_spec(MathSpec, spec).golds()

    async def check_in_box(self, spec: Mapping[str, Any], boxes: Boxes) -> None:
        wanted = read_spec(MathSpec, spec)
        golds = {field: gold for field, gold in wanted.golds().items() if _number(gold) is None}
        golds = {field: gold for field, gold in golds.items() if not _INTEGER.fullmatch(_bare(gold))}
        if not golds:
            return
        outcome = await self._compared(_argument(wanted, list(golds.values())), boxes)
        if outcome.ending in (Ending.TIMEOUT, Ending.MEMORY):
            raise SpecError(
                f"{next(iter(golds))}: found {shown(next(iter(golds.values())))}; takes too long to be read"
            )
        if outcome.value is not None and (bad := json.loads(outcome.value)["bad_gold"]) is not None:
            field = list(golds)[bad["index"]]
            raise SpecError(f"{field}: found {shown(golds[field])}; cannot be read: {bad['why']}")

    async def judge(self, spec: Mapping[str, Any], completion: str, boxes: Boxes) -> Verdict:
        wanted = read_spec(MathSpec, spec)
        golds = list(wanted.golds().values())
        final = final_part(completion)
        found = math_answer(final)
        trace = _trace(completion, final, found)
        if found is None or not found.text.strip(" $"):
            why = "no closed box, marker, expression or number in the final part"
            return Verdict(Status.NO_ANSWER, 0.0, detail=why, trace=trace)
        decided = (
            _decided_plainly(golds, found.text) if wanted.tolerance is None and wanted.policy == MathPolicy() else None
        )
        if decided is not None:
            rule = "equal numbers, decided without a box" if decided else "different numbers, decided without a box"
            return _verdict(decided, found, [*trace, {"stage": "comparison", "result": rule}], rule)
        if len(found.text) > MAX_ANSWER or any(len(gold) > MAX_ANSWER for gold in golds):
            why = f"an answer of {len(found.text)} characters cannot be compared"
            return Verdict(Status.WRONG, 0.0, found.text[:MAX_SHOWN], why, trace=trace)
        argument = {**_argument(wanted, golds), "answers": list(found.parts) or [found.text]}
        return _read(await self._compared(argument, boxes), found, trace)

    async def _compared(self, argument: dict[str, Any], boxes: Boxes) -> Outcome:
        check = Check("verifiers.inside.math.check", argument, is_sociable=True, cpu_seconds=CPU_SECONDS)
        return await run_patiently(boxes.checks, check, Limits(wall_seconds=PATIENCE_SECONDS))


Stages = list[dict[str, Any]]


def _argument(wanted: MathSpec, golds: list[str]) -> dict[str, Any]:
    return {"golds": golds, "tolerance": wanted.tolerance, "policy": wanted.policy.model_dump()}


def _trace(completion: str, final: str, found: Found | None) -> Stages:
    """What was done before anything was compared."""
    part = "after the last </think>" if "</think>" in completion else "the whole completion"
    stages: Stages = [{"stage": "final part", "result": f"{part}: {len(final)} characters", "characters": len(final)}]
    if found is None:
        return [*stages, {"stage": "extraction", "result": "nothing"}]
    place = f" at {found.span[0]}..{found.span[1]}" if found.span else ""
    text = found.text[:MAX_SHOWN]
    return [*stages, {"stage": "extraction", "result": f"{found.method}{place}", "answer": text, "span": found.span}]


def _read(outcome: Outcome, found: Found, trace: Stages) -> Verdict:
    """The verdict that the box's word stands for."""
    answer, seconds = found.text, outcome.wall_seconds
    if outcome.ending is Ending.INFRASTRUCTURE:
        why = f"the check box failed: {outcome.detail}"
        return Verdict(Status.UNJUDGED, None, answer, why, seconds, trace=trace)
    if outcome.ending in (Ending.TIMEOUT, Ending.MEMORY):
        limit = f"{CPU_SECONDS:g} s" if outcome.ending is Ending.TIMEOUT else f"{Limits().memory_mb} MB"
        why = f"too hard to compare within {limit}"
        return Verdict(Status.WRONG, 0.0, answer, why, seconds, trace=[*trace, {"stage": "comparison", "result": why}])
    if outcome.value is None:
        why = outcome.stderr.decode(errors="replace").strip().rpartition("\n")[2] or outcome.ending.value
        return Verdict(Status.UNJUDGED, None, answer, f"the comparison failed: {why[:200]}", seconds, trace=trace)
    said = json.loads(outcome.value)
    if (bad := said["bad_gold"]) is not None:
        why = f"gold {shown(bad['gold'])} cannot be read: {bad['why']}"
        return Verdict(Status.UNJUDGED, None, answer, why, seconds, trace=trace)
    return _verdict(said["right"], found, [*trace, *said["trace"]], said["rule"], seconds)


def _verdict(is_right: bool, found: Found, trace: Stages, rule: str, seconds: float = 0.0) -> Verdict:
    status, score = (Status.CORRECT, 1.0) if is_right else (Status.WRONG, 0.0)
    return Verdict(status, score, found.text, f"{found.method}: {rule}", seconds, trace=trace)


def _decided_plainly(golds: list[str], answer: str) -> bool | None:
    """Right or wrong where no mathematics is needed: plain integers, decimals and fractions of integers."""
    bare = _bare(answer)
    plain = [_bare(gold) for gold in golds]
    if _INTEGER.fullmatch(bare) and all(_INTEGER.fullmatch(gold) for gold in plain):
        return any(_digits(bare) == _digits(gold) for gold in plain)
    given, known = _number(bare), [_number(gold) for gold in plain]
    if given is None or any(value is None for value in known):
        return None
    if given in known:
        return True
    # A decimal that is another's rounding is for the box to see; an integer is nobody's rounding.
    has_decimals = "." in bare or any("." in gold for gold in plain)
    return None if has_decimals and not all(_INTEGER.fullmatch(gold) for gold in plain) else False


_INTEGER = re.compile(r"[-+]?(?:[1-9]\d{0,2}(?:,\d{3})+|\d+)", re.ASCII)
_DECIMAL = re.compile(r"[-+]?(?:\d{1,40}\.\d{1,40}|\.\d{1,40}|\d{1,40})", re.ASCII)
_FRACTION = re.compile(r"(-?)\s*(?:\\[dt]?frac\{(\d{1,40})\}\{(\d{1,40})\}|(\d{1,40})/(\d{1,40}))", re.ASCII)


def _number(text: str) -> Fraction | None:
    bare = _bare(text)
    if _DECIMAL.fullmatch(bare):
        return Fraction(bare)
    if (match := _FRACTION.fullmatch(bare)) and (below := int(match[3] or match[5])):
        return Fraction(int(match[2] or match[4]), below) * (-1 if match[1] else 1)
    return None


def _bare(text: str) -> str:
    return text.strip().strip("$").strip().removesuffix(".").strip()


def _digits(integer: str) -> str:
    """One spelling for each integer, however long: no leading zeros, no separators, no plus."""
    sign = "-" if integer.startswith("-") else ""
    digits = integer.lstrip("+-").replace(",", "").lstrip("0")
    return sign + digits if digits else "0"
