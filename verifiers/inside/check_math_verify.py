"""Math-Verify's own verdict on a completion, by its own defaults; the box ends what its alarms cannot."""

from __future__ import annotations

from typing import Any

from math_verify import parse, verify


def check(argument: dict[str, Any]) -> dict[str, Any]:
    """Whether the completion is `right`, what was read in it (`answer`), and whether the gold was (`is_gold_read`)."""
    golds = [value for gold in argument["golds"] for value in parse(f"\\boxed{{{gold}}}")]
    answers = parse(argument["completion"])
    right = bool(golds and answers) and verify(golds, answers)
    return {"right": right, "answer": str(answers[-1])[:200] if answers else None, "is_gold_read": bool(golds)}
