"""Math problems whose answer is asked for in a box."""

from __future__ import annotations

from collections.abc import Mapping

from verifiers import Problem

INSTRUCTION = "Please reason step by step, and put your final answer within \\boxed{}."
"""As DeepSeek-R1's authors ask for it (arXiv 2501.12948)."""


def boxed_problem(name: str, statement: str, gold: str, tags: Mapping[str, str]) -> Problem:
    """A statement with the instruction under it, judged by the math verifier."""
    return Problem(name, f"{statement}\n\n{INSTRUCTION}", "math", {"answer": gold}, tags, statement)


def last_box(solution: str) -> str | None:
    """What stands in the last box of a solution that is written in LaTeX; None where it has none.

    MATH's solutions also say `\\boxed 5` and `\\fbox{5}`.
    """
    start, command = max((solution.rfind(command), command) for command in ("\\boxed", "\\fbox"))
    if start < 0:
        return None
    rest = solution[start + len(command) :].lstrip()
    if not rest.startswith("{"):
        return rest.partition("$")[0].strip() or None
    depth = 0
    for place, character in enumerate(rest):
        if character in "{}" and (place == 0 or rest[place - 1] != "\\"):
            depth += 1 if character == "{" else -1
        if depth == 0:
            return rest[1:place].strip() or None
    return None
