"""What is noticed about a whole set when it is read: another count than it has, equal problems."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from benchmarks.types import ProblemError, ProblemSet, ProblemSource
from verifiers import Problem


def notes(source: ProblemSource, problems: Sequence[Problem], expected: int) -> tuple[str, ...]:
    """One line for each; `expected` is how many problems the set has by those who made it."""
    is_short = source.max_problems is None and len(problems) != expected
    return (*((f"{len(problems)} problems; the set has {expected}",) if is_short else ()), *equal_prompts(problems))


def screened(found: ProblemSet, unsound: Callable[[Iterable[Problem]], Mapping[str, str]]) -> ProblemSet:
    """The set without what a verifier cannot judge by (a gold that cannot be read, …), where it comes as it is found.

    `unsound` tells what is wrong with which problem: `Router.unsound`.
    """
    if not found.is_as_found:
        return found
    wrong = unsound(found.problems)
    left_out = tuple(f"{name}: {why}" for name, why in wrong.items())
    sound = tuple(problem for problem in found.problems if problem.id not in wrong)
    if not sound:
        raise ProblemError(f"{found.name}: no problem can be judged; first {left_out[0]}")
    return replace(found, problems=sound, left_out=(*found.left_out, *left_out))


def equal_prompts(problems: Sequence[Problem]) -> tuple[str, ...]:
    """One line if some problems ask the same."""
    seen: dict[object, str] = {}
    equal = [(seen[_key(p)], p.id) for p in problems if seen.setdefault(_key(p), p.id) != p.id]
    return (f"{len(equal)} have another's prompt, first {equal[0][1]} that of {equal[0][0]}",) if equal else ()


def _key(problem: Problem) -> str:
    return json.dumps(problem.prompt)
