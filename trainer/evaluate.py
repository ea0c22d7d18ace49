"""Run a benchmark by the sampler, router and verifiers of training, so that a score and a reward are one thing."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks import Estimate, ProblemSet, clustered_mean
from trainer.rollout import Judge, roll_out
from trainer.sampler import Draw, Sampler
from trainer.settings import ConfigError
from trainer.text import Codec
from trainer.types import Completion, Group
from verifiers import Verdict

MAX_NAMED = 5
"""Rows left out that are shown to people, of however many."""


@dataclass(frozen=True, slots=True)
class Evaluated:
    """All groups of one pass over a problem set."""

    problems: ProblemSet
    draw: Draw
    groups: Sequence[Group]
    """One for each problem, in order; some may have no completions."""
    absence: str = "prompts_too_long"
    """Why a problem has no completions, as it is counted."""

    def estimate(self, verifier: str | None = None) -> Estimate:
        """Mean score over problems, of all or of one verifier's."""
        groups = [g for g in self.groups if verifier in (None, g.problem.verifier)]
        return clustered_mean([scores for group in groups if (scores := _judged(group))])

    @property
    def verifiers(self) -> list[str]:
        return sorted({group.problem.verifier for group in self.groups})

    @property
    def mean_tokens(self) -> float:
        lengths = [len(completion.token_ids) for group in self.groups for completion in group.completions]
        return sum(lengths) / max(1, len(lengths))

    def counts(self) -> dict[str, int]:
        """What happened to how many completions, and how many problems have none."""
        statuses = Counter(verdict.status.value for group in self.groups for verdict in group.verdicts)
        truncated = sum(completion.finish == "length" for group in self.groups for completion in group.completions)
        absent = sum(not group.completions for group in self.groups)
        return {**statuses, "truncated": truncated, self.absence: absent, "problems": len(self.groups)}

    def report(self) -> dict[str, Any]:
        """Everything, for programs."""
        return {
            "name": self.problems.name,
            "version": self.problems.version,
            "left_out": list(self.problems.left_out),
            "notes": list(self.problems.notes),
            "sampling": asdict(self.draw),
            "score": asdict(self.estimate()),
            "by_verifier": {name: asdict(self.estimate(name)) for name in self.verifiers},
            "counts": self.counts(),
            "mean_tokens": self.mean_tokens,
            "problems": [_problem_report(group) for group in self.groups],
        }


def evaluate(
    problems: ProblemSet, sampler: Sampler, judge: Judge, codec: Codec, draw: Draw, *, context: int
) -> Evaluated:
    """Sample and judge `draw.count` completions for each problem.

    A prompt that leaves no room for a completion within `context` tokens is not sampled: it scores 0 and is counted.
    """
    prompts = [codec.encode_prompt(problem.prompt) for problem in problems.problems]
    fits = [index for index, prompt in enumerate(prompts) if len(prompt) + draw.max_new_tokens <= context]
    groups = [Group(problem, (), ()) for problem in problems.problems]
    if fits:
        chosen = [problems.problems[index] for index in fits]
        rollout = roll_out(chosen, [prompts[index] for index in fits], sampler, judge, draw)
        for index, group in zip(fits, rollout.groups, strict=True):
            groups[index] = group
    return Evaluated(problems, draw, groups)


def evaluate_stored(problems: ProblemSet, judge: Judge, completions: Mapping[str, Sequence[str]]) -> Evaluated:
    """Judge completions that were sampled elsewhere: problem id to texts. A problem that has none scores 0, counted."""
    groups = []
    pending = [
        (problem, [(text, judge.submit(problem, text)) for text in completions.get(problem.id, ())])
        for problem in problems.problems
    ]
    for problem, pairs in pending:
        made = [Completion((), (), (), text, "stop", 0, 0.0) for text, _ in pairs]
        groups.append(Group(problem, made, [future.result() for _, future in pairs]))
    count = max((len(group.completions) for group in groups), default=0)
    draw = Draw(count=count, max_new_tokens=0, temperature=0.0, seed=0)
    return Evaluated(problems, draw, groups, absence="without_completion")


def read_completions(path: Path, problems: ProblemSet) -> dict[str, list[str]]:
    """Stored completions by problem id, from lines {"id", "completion"}; `ConfigError` at the first broken one."""
    known = {problem.id for problem in problems.problems}
    found: dict[str, list[str]] = {}
    if not path.is_file():
        raise ConfigError(f"completions: {path}: no such file")
    with path.open(encoding="utf-8", newline="\n") as rows:  # what Unicode calls a line may end within a completion
        numbered = list(enumerate(rows, start=1))
    for number, line in numbered:
        try:
            row = json.loads(line)
            name, text = row["id"], row["completion"]
        except (json.JSONDecodeError, KeyError, TypeError) as error:
            raise ConfigError(f'{path.name}:{number}: not a line {{"id", "completion"}}: {error!r}') from None
        if name not in known:
            raise ConfigError(f"{path.name}:{number}: id: {name!r} is not a problem of {problems.name}")
        found.setdefault(name, []).append(text)
    return found


def lines(found: Evaluated) -> list[str]:
    """The result for people: scores with intervals, by verifier where there are several, and what went wrong."""
    counts = found.counts()
    rows = [("all", found.estimate()), *((name, found.estimate(name)) for name in found.verifiers)]
    if len(rows) == 2:
        rows = rows[:1]
    scores = [f"{name:10} {e.mean:.4f}  [{e.low:.4f} {e.high:.4f}]" for name, e in rows]
    return [
        f"{found.problems.name} {found.problems.version}: mean score over {counts['problems']} problems, 95 % interval",
        *scores,
        "  ".join(f"{name} {count}" for name, count in counts.items()),
        *about(found.problems),
    ]


def about(problems: ProblemSet) -> list[str]:
    """What a reader of a score on these problems should know."""
    left_out = problems.left_out
    named = [f"left out: {why}" for why in left_out[:MAX_NAMED]]
    if len(left_out) > MAX_NAMED:
        named.append(f"left out: {len(left_out) - MAX_NAMED} more; the report names them all")
    return [*problems.notes, *named]


def subset(problems: ProblemSet, count: int) -> ProblemSet:
    """The first `count` problems."""
    return replace(problems, problems=problems.problems[:count], completions={})


def _judged(group: Group) -> list[float]:
    if not group.completions:
        return [0.0]
    return [verdict.score for verdict in group.verdicts if verdict.score is not None]


def _problem_report(group: Group) -> dict[str, Any]:
    return {
        "id": group.problem.id,
        "verifier": group.problem.verifier,
        "tags": dict(group.problem.tags),
        "samples": list(_samples(group.completions, group.verdicts)),
    }


def _samples(completions: Iterable[Completion], verdicts: Iterable[Verdict]) -> Iterable[dict[str, Any]]:
    for completion, verdict in zip(completions, verdicts, strict=True):
        yield {
            "completion": completion.text,
            "finish": completion.finish,
            "tokens": len(completion.token_ids),
            "status": verdict.status.value,
            "score": verdict.score,
            "answer": verdict.answer,
            "detail": verdict.detail,
        }
