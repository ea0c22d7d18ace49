"""What the completions of one step have in common: texts, answers, how much working is shown."""

from __future__ import annotations

import json
import math
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from trainer.types import Group
from verifiers import Status

_ENOUGH_CORRECT = 4
"""Correct completions of one verifier, below which a step says nothing of their working."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """What the completions of one step have in common."""

    repeated: float
    """Share of completions whose very text was given to a quarter of the problems or more, and to three or more."""
    repeated_text: str
    stuck: float
    """Share of groups that are one text, nine times in ten or more, and mostly fail."""
    concentrated: float
    """The largest share of the step's score that a single answer gets on three or more problems whose specs differ."""
    concentrated_answer: str
    working: Mapping[str, float]
    """By verifier: median characters of working in correct completions, where there are enough of them."""


def pattern_of(groups: Sequence[Group]) -> Pattern:
    """The pattern of one step's groups, of all ranks together where there are several."""
    repeated, text = _repeated(groups)
    concentrated, answer = _concentrated(groups)
    return Pattern(
        repeated=repeated,
        repeated_text=text,
        stuck=sum(map(_is_stuck, groups)) / max(1, len(groups)),
        concentrated=concentrated,
        concentrated_answer=answer,
        working=_working(groups),
    )


def _repeated(groups: Sequence[Group]) -> tuple[float, str]:
    problems, counts = defaultdict[str, set[str]](set), Counter[str]()
    for group in groups:
        for completion in group.completions:
            problems[completion.text].add(group.problem.id)
            counts[completion.text] += 1
    many = max(3, len(groups) / 4)
    shared = Counter({text: count for text, count in counts.items() if len(problems[text]) >= many})
    return shared.total() / max(1, counts.total()), max(shared, key=lambda text: shared[text], default="")


def _is_stuck(group: Group) -> bool:
    scores = [score for score in group.scores if math.isfinite(score)]
    most = max(Counter(completion.text for completion in group.completions).values(), default=0)
    return bool(scores) and most >= 0.9 * len(group.completions) and sum(scores) < 0.5 * len(scores)


def _concentrated(groups: Sequence[Group]) -> tuple[float, str]:
    """An answer that is right by the specs is right wherever they are equal: only unequal ones are held against it."""
    scores, specs, total = defaultdict[str, float](float), defaultdict[str, set[str]](set), 0.0
    for group in groups:
        spec = json.dumps(group.problem.spec, sort_keys=True, default=repr)
        for completion, verdict in zip(group.completions, group.verdicts, strict=True):
            if verdict.score:
                answer = completion.text if verdict.answer is None else verdict.answer
                scores[answer] += verdict.score
                specs[answer].add(spec)
                total += verdict.score
    suspects = [answer for answer in scores if len(specs[answer]) >= 3]
    most = max(suspects, key=lambda answer: scores[answer], default="")
    return (scores[most] / total if suspects else 0.0), most


def _working(groups: Sequence[Group]) -> dict[str, float]:
    lengths = defaultdict[str, list[int]](list)
    for group in groups:
        for completion, verdict in zip(group.completions, group.verdicts, strict=True):
            if verdict.status is Status.CORRECT:
                lengths[group.problem.verifier].append(_working_length(completion.text, verdict.answer))
    return {name: float(median(found)) for name, found in lengths.items() if len(found) >= _ENOUGH_CORRECT}


_MARKUP = re.compile(r"</?\w+>|\\boxed\{\s*\}|```\w*")


def _working_length(text: str, answer: str | None) -> int:
    """Characters of a completion besides its answer and the markup round it."""
    before, _, after = text.rpartition(answer) if answer else ("", "", text)
    return len(_MARKUP.sub("", before + after).strip())
