"""Judges answers to mathematics problems as Math-Verify does, whose scores many papers report."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from sandbox import Check, Ending, Limits, Outcome
from verifiers.base import Boxes, Example, Verifier
from verifiers.math import MathSpec
from verifiers.shipped import ours
from verifiers.spec import read_spec, shown
from verifiers.types import SpecError, Status, Verdict

LIMITS = Limits(wall_seconds=12.0, memory_mb=1024)
"""The library gives itself 5 s to read each side and 5 s to compare two values, by alarms that do not always ring."""
MAX_READ = 20_000
"""Characters at the end of a completion that the library is given; it looks for an answer from there."""


class MathVerifyVerifier(Verifier):
    """What Math-Verify (github.com/huggingface/Math-Verify) says, by its own extraction and equality: 1, else 0.

    It is here for scores that can be compared with others': the verifier `math` is right more often. The library looks
    in the whole completion, its thoughts included; the gold is given to it in a box.
    """

    name: ClassVar[str] = "math-verify"
    inside: ClassVar[Sequence[Path]] = ours("check_math_verify")
    reads_thoughts: ClassVar[bool] = True
    deadline: ClassVar[float] = LIMITS.wall_seconds
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"answer": r"\frac{1}{2}"}, r"It is \boxed{0.5}.", 1.0, "equal value"),
        Example({"answer": r"\frac{1}{2}"}, r"\boxed{\frac{1}{3}}", 0.0, "another value"),
        Example({"answer": "5"}, "The final answer is $5$.", 1.0, "an answer without a box"),
        Example({"answer": r"10^{-20}"}, r"\boxed{10^{-30}}", 1.0, "a known mistake: tiny numbers are all equal"),
        Example({"answer": "42"}, "I do not know.", 0.0, "no answer"),
        Example({}, r"\boxed{1}", None, "no gold"),
    )

    def check_spec(self, spec: Mapping[str, Any]) -> None:
        wanted = read_spec(MathSpec, spec)
        wanted.golds()
        if unknown := wanted.model_fields_set - {"answer", "answers"}:
            raise SpecError(f"{min(unknown)}: the library is asked by its own defaults; leave it out")

    async def judge(self, spec: Mapping[str, Any], completion: str, boxes: Boxes) -> Verdict:
        golds = list(read_spec(MathSpec, spec).golds().values())
        argument = {"golds": golds, "completion": completion[-MAX_READ:]}
        return _verdict(golds, await boxes.checks.run(Check("verifiers.inside.check_math_verify", argument), LIMITS))


def _verdict(golds: Sequence[str], outcome: Outcome) -> Verdict:
    seconds = outcome.wall_seconds
    if outcome.ending is Ending.INFRASTRUCTURE:
        return Verdict(Status.UNJUDGED, None, detail=f"the check box failed: {outcome.detail}", seconds=seconds)
    if outcome.value is None:  # as the library has it: what cannot be compared is not equal
        last_line = outcome.stderr[-2000:].decode(errors="replace").strip().rpartition("\n")[2]
        why = f"the library came to no end: {last_line[:200] or outcome.ending.value}"
        return Verdict(Status.WRONG, 0.0, detail=why, seconds=seconds)
    said = json.loads(outcome.value)
    if not said["is_gold_read"]:
        return Verdict(Status.UNJUDGED, None, said["answer"], f"the library reads nothing in {shown(golds)}", seconds)
    if said["answer"] is None:
        return Verdict(Status.NO_ANSWER, 0.0, detail="the library found no answer", seconds=seconds)
    status, score = (Status.CORRECT, 1.0) if said["right"] else (Status.WRONG, 0.0)
    return Verdict(status, score, said["answer"], f"the library says {status.value}", seconds)
