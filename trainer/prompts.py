"""Prompts that are longer than the limit: dropped or refused, and counted by length."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

from benchmarks import ProblemError
from trainer.mixture import Mixture


def count_long(lengths: Sequence[int], limit: int) -> dict[str, int]:
    """How many are above the limit, by doublings of it: 90, 100 and 200 above 80 are {"81-160": 2, "161-320": 1}."""
    doublings = Counter((-(-length // limit) - 1).bit_length() for length in lengths if length > limit)
    return {f"{(limit << (n - 1)) + 1}-{limit << n}": doublings[n] for n in sorted(doublings)}


def describe_long(lengths: Sequence[int], limit: int, long_prompts: Literal["drop", "refuse"]) -> str:
    """One line that says how many prompts are too long, "" if none is; raises `ProblemError` if they are refused."""
    buckets = count_long(lengths, limit)
    if not buckets:
        return ""
    by_length = ", ".join(f"{count} of {bucket}" for bucket, count in buckets.items())
    found = f"{sum(buckets.values())} of {len(lengths)} prompts have more than {limit} tokens"
    if long_prompts == "refuse":
        raise ProblemError(
            f'data: {found} ({by_length}): raise max_prompt_tokens, or set long_prompts = "drop" to leave them out'
        )
    return f"{found}: left out ({by_length})"


def without_long(mixture: Mixture, lengths: Mapping[str, int], limit: int) -> Mixture:
    """The problems whose prompts fit, by their ids' lengths; raises `ProblemError` if a source is left with none."""
    parts = []
    for source in mixture.sources:
        fitting = tuple(problem for problem in source.problems if lengths[problem.id] <= limit)
        if not fitting:
            shortest = min(lengths[problem.id] for problem in source.problems)
            raise ProblemError(
                f"data: every prompt of {source.name} has more than max_prompt_tokens = {limit}; the shortest has "
                f"{shortest}"
            )
        parts.append(replace(source, problems=fitting))
    return Mixture(tuple(parts))
