"""Judges the stored completions of a run again, and says which verdicts and advantages would have been others."""

from __future__ import annotations

import copy
import itertools
import json
import math
import os
import unicodedata
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TextIO

import pyarrow.parquet

from trainer.kernels import AdvantageMode
from trainer.objective import advantages_of
from trainer.record import no_rollouts, rollout_files, stored_config
from trainer.rollout import Judge
from trainer.settings import ConfigError, set_value
from verifiers import Problem, Router, SpecError, Status, Verdict

AHEAD = 256
"""Completions that are read ahead of the verdict that is waited for: what bounds memory, however long the run was."""
EXAMPLES = 4
"""Of each class of change, in the report."""
NAMED = 10
"""Problems that a line of the report names."""
WIDTH = 70
"""Characters of an answer or a detail in the report."""


@dataclass(frozen=True, slots=True)
class Stored:
    """One completion as the run wrote it down."""

    step: int
    problem_id: str
    sample: int
    verifier: str
    prompt: str
    """As the model saw it: in its chat form."""
    completion: str
    verdict: Verdict
    shaping: float = 0.0
    """What made its reward of its score: the reward less the score; 0 if it was unjudged."""


@dataclass(frozen=True, slots=True)
class Rejudged:
    """One completion with the verdict that it gets now."""

    stored: Stored
    verifier: str
    """That its problem names now."""
    verdict: Verdict
    lack: str = ""
    """Why it has no problem to be judged by, and so is UNJUDGED; empty if it has one."""


class StoredRun:
    """The part of a run directory that judging again needs; raises `ConfigError` for a folder that is none."""

    def __init__(self, path: Path, *, step: int | None = None) -> None:
        """All the steps that were recorded, or one."""
        self.path = path
        self.config = stored_config(path)
        by_step = rollout_files(path)
        self._files = [file for found, files in by_step.items() if step in (None, found) for file in files]
        if not self._files:
            raise no_rollouts(path, by_step, step)
        self.num_completions = sum(pyarrow.parquet.read_metadata(file).num_rows for file in self._files)

    def completions(self) -> Iterator[Stored]:
        """Step by step, group by group, in the order of the run; never more than a few in memory."""
        for file in self._files:
            with pyarrow.parquet.ParquetFile(file) as table:
                for some in table.iter_batches(batch_size=AHEAD, columns=list(_COLUMNS)):
                    yield from map(_stored, some.to_pylist())


def change_specs(problems: Sequence[Problem], options: Sequence[str], router: Router) -> list[Problem]:
    """The problems with `verifier.field=value` put into each spec of that verifier.

    Raises `ConfigError` for an option that no problem has a use for, and where it breaks a spec that is whole without.
    """
    names = sorted({problem.verifier for problem in problems})
    for option in options:
        verifier, dot, _ = option.partition("=")[0].partition(".")
        if "=" not in option or not dot:
            raise ConfigError(f"{option}: an option looks like verifier.field=value, for example math.tolerance=1e-3")
        if verifier not in names:
            raise ConfigError(
                f"{option}: no problem of this run has the verifier {verifier}; it has {', '.join(names)}"
            )
    changed = [_with_options(problem, options) for problem in problems]
    pairs = [(old, new) for old, new in zip(problems, changed, strict=True) if old is not new]
    if why := _broken([new for _, new in pairs], router):
        for old, new in pairs:
            if (why := _broken([new], router)) and not _broken([old], router):
                raise ConfigError(f"{' '.join(options)}: {why}")
    return changed


def rejudge(stored: Iterator[Stored], problems: Sequence[Problem], judge: Judge) -> Iterator[Rejudged]:
    """Each completion with its verdict by the problem of its id, in order; without one it is UNJUDGED, and why."""
    by_id = {problem.id: problem for problem in problems}
    waiting: deque[tuple[Stored, str, str, Future[Verdict] | None]] = deque()
    try:
        for one in stored:
            problem = by_id.get(one.problem_id)
            if problem is None:
                waiting.append((one, one.verifier, GONE, None))
            elif not _has_prompt(problem, one.prompt):
                waiting.append((one, problem.verifier, OTHER_PROMPT, None))
            else:
                waiting.append((one, problem.verifier, "", judge.submit(problem, one.completion)))
            if len(waiting) > AHEAD:
                yield _waited_for(*waiting.popleft())
        while waiting:
            yield _waited_for(*waiting.popleft())
    finally:
        for _, _, _, future in waiting:
            if future is not None:
                future.cancel()


GONE = "its problem is not in the set any more"
OTHER_PROMPT = "its problem has another prompt now"


@dataclass(frozen=True, slots=True)
class Change:
    """A class of verdicts: by which verifier, from what, to what."""

    verifier: str
    before: Status
    after: Status
    is_other_score: bool
    """Partial credit may change within a status."""

    @property
    def is_change(self) -> bool:
        return self.is_other_score or self.before is not self.after

    def __str__(self) -> str:
        is_within = self.is_other_score and self.before is self.after
        return f"{self.before.value} -> {self.after.value}" + " (another score)" * is_within


@dataclass
class Groups:
    """How many groups would have had other advantages."""

    compared: int = 0
    """Those whose completions all have a problem."""
    changed: int = 0
    dropped: int = 0
    """Of the changed: learned from, and now without any spread of scores."""
    kept: int = 0
    """Of the changed: without spread, and now something to learn from."""


@dataclass
class Comparison:
    """What came of judging a run again, added up as the verdicts come in."""

    advantage: AdvantageMode
    """Of the run's own objective."""
    num_completions: int = 0
    changes: Counter[Change] = field(default_factory=Counter)
    """Of all that have a problem, the unchanged too."""
    examples: dict[Change, list[Rejudged]] = field(default_factory=dict)
    lacks: dict[str, Counter[str]] = field(default_factory=dict)
    """Why there was no problem to judge by -> problem id -> completions."""
    renamed: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(verifier then, verifier now) -> completions."""
    scores: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    """Verifier -> (sum, number) of the scores before and after."""
    groups: Groups = field(default_factory=Groups)

    @property
    def num_unmatched(self) -> int:
        return sum(found.total() for found in self.lacks.values())

    @property
    def num_unjudged(self) -> int:
        """Of those that have a problem."""
        return sum(number for change, number in self.changes.items() if change.after is Status.UNJUDGED)

    @property
    def num_changed(self) -> int:
        return sum(number for change, number in self.changes.items() if change.is_change)

    def take_in(self, rejudged: Iterator[Rejudged]) -> Iterator[Rejudged]:
        """Counts what passes through, and a step's advantages once the step is whole."""
        for _, step in itertools.groupby(rejudged, key=lambda one: one.stored.step):
            groups: list[list[Rejudged]] = []
            for one in step:
                self._add(one)
                if not groups or _starts_group(groups[-1][-1].stored, one.stored):
                    groups.append([])
                groups[-1].append(_light(one))
                yield one
            self._compare(groups)

    def _add(self, one: Rejudged) -> None:
        self.num_completions += 1
        before, after = one.stored.verdict, one.verdict
        if one.lack:
            self.lacks.setdefault(one.lack, Counter())[one.stored.problem_id] += 1
            return
        if one.verifier != one.stored.verifier:
            self.renamed[one.stored.verifier, one.verifier] += 1
        change = Change(one.verifier, before.status, after.status, before.score != after.score)
        self.changes[change] += 1
        if change.is_change and len(found := self.examples.setdefault(change, [])) < EXAMPLES:
            found.append(one)
        sums = self.scores.setdefault(one.verifier, [(0.0, 0), (0.0, 0)])
        for index, verdict in enumerate((before, after)):
            if verdict.score is not None:
                sums[index] = (sums[index][0] + verdict.score, sums[index][1] + 1)

    def _compare(self, groups: Sequence[Sequence[Rejudged]]) -> None:
        whole = [group for group in groups if not any(one.lack for one in group)]
        if not whole:
            return
        rewards = [
            [tuple(_score(v) + one.stored.shaping for v in (one.stored.verdict, one.verdict)) for one in group]
            for group in whole
        ]
        befores, afters = (
            advantages_of([[pair[side] for pair in group] for group in rewards], mode=self.advantage) for side in (0, 1)
        )
        self.groups.compared += len(whole)
        for before, after in zip(befores, afters, strict=True):
            self.groups.changed += before != after
            self.groups.dropped += any(before) and not any(after)
            self.groups.kept += any(after) and not any(before)

    def lines(self) -> Iterator[str]:
        """The comparison for people."""
        yield f"{self.num_completions} completions judged again, {self.num_changed} verdicts changed"
        for verifier in sorted({change.verifier for change in self.changes}):
            yield from self._verifier_lines(verifier)
        for (before, after), number in sorted(self.renamed.items()):
            yield f"note: {number} completions were judged by {before}; their problems name {after} now"
        for lack, found in sorted(self.lacks.items()):
            yield f"not judged: {found.total()} completions, {lack}: {_named(list(found))}"
        if self.num_unjudged:
            yield f"not judged: {self.num_unjudged} completions came back unjudged, see above"
        groups = self.groups
        yield (
            f"advantages ({self.advantage}): {groups.changed} of {groups.compared} groups would have had others; "
            f"{groups.kept} that had no spread of scores would have been learned from, "
            f"{groups.dropped} that were learned from would have had none"
        )

    def _verifier_lines(self, verifier: str) -> Iterator[str]:
        ours = {change: number for change, number in self.changes.items() if change.verifier == verifier}
        before, after = (f"{total / number:.4f}" if number else "none" for total, number in self.scores[verifier])
        changed = sum(number for change, number in ours.items() if change.is_change)
        yield f"{verifier}: {sum(ours.values())} judged, {changed} changed; mean score {before} -> {after}"
        for change in sorted(ours, key=lambda change: (-ours[change], str(change))):
            if change.is_change:
                yield f"  {change}: {ours[change]}"
                yield from (f"    {_example(one)}" for one in self.examples[change])
            elif change.after is Status.UNJUDGED:
                yield f"  unjudged, as before: {ours[change]}"


@contextmanager
def writing(path: Path | None) -> Iterator[Callable[[Rejudged], None]]:
    """A function that writes one JSON line {"id", "before", "after"}; the file appears when it is whole."""
    if path is None:
        yield lambda one: None
        return
    aside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with aside.open("w", encoding="utf-8") as out:
            yield lambda one: _write(out, one)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def _write(out: TextIO, one: Rejudged) -> None:
    stored = one.stored
    name = f"{stored.step}/{stored.problem_id}/{stored.sample}"
    out.write(json.dumps({"id": name, "before": stored.verdict.to_json(), "after": one.verdict.to_json()}) + "\n")


_COLUMNS = (
    *("step", "problem_id", "sample", "verifier", "prompt", "completion"),
    *("status", "score", "answer", "detail", "parts", "reward", "judge_seconds"),
)


def _score(verdict: Verdict) -> float:
    return math.nan if verdict.score is None else verdict.score


def _stored(row: Mapping[str, Any]) -> Stored:
    parts, seconds = json.loads(row["parts"]), row["judge_seconds"]
    verdict = Verdict.from_json({**row, "detail": row["detail"] or "", "parts": parts, "seconds": seconds})
    texts = {name: row[name] for name in ("step", "problem_id", "sample", "verifier", "prompt", "completion")}
    shaping = 0.0 if verdict.score is None else row["reward"] - verdict.score
    return Stored(**texts, verdict=verdict, shaping=shaping)


def _with_options(problem: Problem, options: Sequence[str]) -> Problem:
    """The problem itself if none of the options is of its verifier."""
    mine = [option for option in options if option.startswith(f"{problem.verifier}.")]
    if not mine:
        return problem
    values = {problem.verifier: copy.deepcopy(dict(problem.spec))}
    for option in mine:
        set_value(values, option)
    return replace(problem, spec=values[problem.verifier], place="")  # a mistake in an option is none in the file


def _broken(problems: Sequence[Problem], router: Router) -> str:
    """What is wrong with the first spec that is; empty if they are all whole."""
    try:
        router.check(problems)
    except SpecError as error:
        return str(error)
    return ""


def _has_prompt(problem: Problem, prompt: str) -> bool:
    """Whether the model saw this problem: ids may mean others once lines of a file have moved.

    Only the last message counts, since chat forms may shorten earlier ones; white space and compatible forms of a
    letter do not count, since a tokenizer may change them.
    """
    wanted = problem.prompt if isinstance(problem.prompt, str) else problem.prompt[-1]["content"]
    return _letters(wanted) in _letters(prompt)


def _letters(text: str) -> str:
    return "".join(unicodedata.normalize("NFKC", text).split())


def _waited_for(stored: Stored, verifier: str, lack: str, future: Future[Verdict] | None) -> Rejudged:
    verdict = future.result() if future is not None else Verdict(Status.UNJUDGED, None, detail=lack)
    return Rejudged(stored, verifier, verdict, lack)


def _starts_group(last: Stored, next_one: Stored) -> bool:
    """A problem may come twice in a step: each time its samples are counted from the start."""
    return last.problem_id != next_one.problem_id or next_one.sample <= last.sample


def _light(one: Rejudged) -> Rejudged:
    """Without its texts: a step's groups wait for the step to be whole, and completions are long."""
    return replace(one, stored=replace(one.stored, prompt="", completion=""), verdict=replace(one.verdict, trace=()))


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"{len(names)} problem{'s' * (len(names) > 1)}: {', '.join(names[:NAMED])}{more}"


def _example(one: Rejudged) -> str:
    stored, before, after = one.stored, one.stored.verdict, one.verdict
    answer = _shown(after.answer if after.answer is not None else before.answer)
    if before.answer != after.answer and before.answer is not None and after.answer is not None:
        answer += f" (was {_shown(before.answer)})"
    place = f"step {stored.step}  {stored.problem_id}  sample {stored.sample}"
    return f"{place}  answer {answer}  before: {_shown(before.detail)}  now: {_shown(after.detail)}"


def _shown(text: str | None) -> str:
    if text is None:
        return "none"
    line = " ".join(text.split())
    return repr(line if len(line) <= WIDTH else line[: WIDTH - 1] + "…")
