"""How another rule judges the completions of an eval, and where it differs from the eval's own verdicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks import Estimate, mean_score
from trainer.evals.stored_report import Problem


@dataclass(frozen=True, slots=True)
class SecondOpinion:
    """Both scores are over the same samples: those that both rules judged."""

    rule: str
    ours: Estimate
    theirs: Estimate
    num_both: int
    """Samples that both judged."""
    disagreements: Sequence[tuple[Problem, int]]
    """Problem and number of the sample, where just one of the two says correct."""

    @property
    def num_agreed(self) -> int:
        return self.num_both - len(self.disagreements)


def second_opinions(problems: Sequence[Problem]) -> list[SecondOpinion]:
    """One for each rule that the samples' `other_verdicts` name."""
    samples = [sample for problem in problems for sample in problem["samples"]]
    rules = dict.fromkeys(rule for sample in samples for rule in sample.get("other_verdicts") or {})
    return [_second_opinion(problems, rule) for rule in rules]


def _second_opinion(problems: Sequence[Problem], rule: str) -> SecondOpinion:
    judged = [_judged_by_both(problem, rule) for problem in problems]
    disagreements = [
        (problem, number)
        for problem, numbers in zip(problems, judged, strict=True)
        for number in numbers
        if _is_correct(sample := problem["samples"][number]) != _is_correct(sample["other_verdicts"][rule])
    ]
    samples = [
        [problem["samples"][number] for number in numbers] for problem, numbers in zip(problems, judged, strict=True)
    ]
    return SecondOpinion(
        rule,
        ours=mean_score([[sample["score"] for sample in one] for one in samples]),
        theirs=mean_score([[sample["other_verdicts"][rule]["score"] for sample in one] for one in samples]),
        num_both=sum(map(len, judged)),
        disagreements=disagreements,
    )


def _judged_by_both(problem: Problem, rule: str) -> list[int]:
    """Numbers of the samples that have a score by either."""
    return [
        number
        for number, sample in enumerate(problem["samples"])
        if (other := (sample.get("other_verdicts") or {}).get(rule)) and None not in (sample["score"], other["score"])
    ]


def _is_correct(verdict: Mapping[str, Any]) -> bool:
    return bool(verdict["status"] == "correct")
