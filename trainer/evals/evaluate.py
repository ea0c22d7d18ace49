"""Run a benchmark by the samplers, router and verifiers of training, so that a score and a reward are one thing.

The report of a problem set is one JSON object (`Evaluated.report`; `assay eval` adds the keys marked +). It holds
nothing that differs between two runs that sampled the same: times are in the journal beside it.

    format            2: this form; where a key changes its meaning, another number
  + eval              the settings as they were given
  + protocol          name, hash (SHA-256 of all the rest as canonical JSON: `EvalProtocol.digest`), form ("chat" or
                      "raw"), prompt (template), system, prefill, examples, stop, n, temperature, top_p, max_new_tokens;
                      not there for stored completions
  + model             name and digest (of its files, or its commit on the hub), or name and endpoint, or completions
                      (the stored ones' file) and digest
  + versions          of Python and of the packages that decide a score
  + verifiers         name to {origin, digest}: whose code judged
  + sandbox           digest of what is in the boxes; empty for bare processes
    name, version     of the problem set
    left_out, notes   what a reader of a score on it should know, one line each
    rule              by what the score is judged, of a set that knows several rules; else ""
    sampling          count, max_new_tokens, temperature, top_p, seed, stop
    score             {mean, low, high}: mean over problems of each one's mean score, with its 95 % interval; all three
                      null where nothing was judged
    by_verifier       the same for each verifier's problems
    pass_at_k         "1", "2", "4", … to the fewest samples judged of any problem, which is there, too: as score
    majority_at_k     the same of votes, on the problems whose verifier is math; {} where there are none
    rates             shares of all completions: no_answer, truncated, timeout, unjudged, failed (could not be got)
    slices            tag to value to {mean, low, high, problems}: tags that fall into a few classes
    counts            how many completions have each status, were truncated or failed, and of how many problems
    mean_tokens
    second_opinions   another rule to {own, other, both, disagreements}: the two scores over the `both` samples that the
                      two rules judged, and {id, sample} of those that only one of them calls correct
    problems          in the set's order, each {id, verifier, tags, prompt, gold, samples}: prompt is the text as sent
                      (or the messages, where a server puts them together; or the set's own, with stored completions);
                      gold is the expected answer, "" where a spec (tests, a schema) has none in so many words;
                      samples is empty where the prompt was too long or nothing was stored (such a problem scores 0),
                      else in order each {completion, finish, tokens, status, score, answer, detail, parts, trace}, and
                      `other_verdicts` where others were asked: rule to {status, score, answer, detail, parts, trace}
    finish            "stop", "length" (truncated) or "failed" (no completion could be got: UNJUDGED, completion "")
    trace             as `Verdict.trace`, without the seconds and megabytes that were measured
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import asdict, dataclass, replace
from itertools import chain
from queue import SimpleQueue
from typing import Any, Protocol

from benchmarks import Estimate, ProblemSet, mean_by_tag, mean_majority_at_k, mean_pass_at_k, mean_score
from trainer.evals.journal import Journal
from trainer.evals.second_opinion import SecondOpinion, second_opinions
from trainer.evals.sources import WHOLE, Answer, Ask, Prompt, Sample, SampledSource, Shard, Source, SourceGone
from trainer.evals.stored_report import VOTED
from trainer.rollout import Judge
from trainer.sampler import Draw, Sampler
from trainer.text import Codec
from verifiers import Problem, Status, Verdict

FORMAT = 2
MAX_NAMED = 5
"""Rows left out that are shown to people, of however many."""
MAX_CLASSES = 40
"""A tag with more values than this, or than half the problems, is no class to make slices by."""
MEASURED = frozenset({"seconds", "memory_mb"})
"""What a trace tells of this run alone."""


@dataclass(frozen=True, slots=True)
class Answered:
    """A problem, how it was asked, and its samples; none where its prompt was too long or nothing was stored."""

    problem: Problem
    prompt: Prompt
    samples: Sequence[Sample]

    @property
    def scores(self) -> list[float]:
        """Of the samples that were judged; a problem without completions scores 0."""
        if not self.samples:
            return [0.0]
        return [sample.verdict.score for sample in self.samples if sample.verdict.score is not None]


@dataclass(frozen=True, slots=True)
class Evaluated:
    """All samples of one pass over a problem set."""

    problems: ProblemSet
    draw: Draw
    answered: Sequence[Answered]
    """One for each problem, in order."""
    absence: str = "prompts_too_long"
    """Why a problem has no completions, as it is counted."""
    num_missing: int = 0
    """Completions that are other shards', and in no journal yet."""

    def estimate(self, verifier: str | None = None) -> Estimate:
        """Mean score over problems, of all or of one verifier's."""
        return mean_score([one.scores for one in self.answered if verifier in (None, one.problem.verifier)])

    @property
    def verifiers(self) -> list[str]:
        return sorted({one.problem.verifier for one in self.answered})

    @property
    def samples(self) -> list[Sample]:
        return [sample for one in self.answered for sample in one.samples]

    @property
    def mean_tokens(self) -> float:
        lengths = [sample.answer.tokens for sample in self.samples]
        return sum(lengths) / max(1, len(lengths))

    def pass_at_k(self) -> dict[int, Estimate]:
        """By k: the powers of two up to the fewest judged samples of any problem, and that number itself.

        A problem without completions has failed at any k; one whose samples are all unjudged is left out.
        """
        votes = [_votes(one, self.draw.count) for one in self.answered]
        counts = [(len(ballots), sum(is_right for _, is_right in ballots)) for ballots in votes if ballots]
        return {k: mean_pass_at_k(counts, k) for k in _ladder(min((total for total, _ in counts), default=0))}

    def majority_at_k(self) -> dict[int, Estimate]:
        """The same of votes, on problems whose answers can be voted on."""
        votes = [_votes(one, self.draw.count) for one in self.answered if one.problem.verifier in VOTED]
        votes = [ballots for ballots in votes if ballots]
        return {k: mean_majority_at_k(votes, k) for k in _ladder(min(map(len, votes), default=0))}

    def counts(self) -> dict[str, int]:
        """What happened to how many completions, and how many problems have none."""
        statuses = Counter(sample.verdict.status.value for sample in self.samples)
        finishes = Counter(sample.answer.finish for sample in self.samples)
        absent = sum(not one.samples for one in self.answered)
        failed = {"failed": finishes["failed"]} if finishes["failed"] else {}
        ended = {"truncated": finishes["length"], **failed, self.absence: absent}
        return {**dict(sorted(statuses.items())), **ended, "problems": len(self.answered)}

    def rates(self) -> dict[str, float]:
        """Shares of all completions that say how far a score can be trusted."""
        counts, total = self.counts(), max(1, len(self.samples))
        return {
            name: counts.get(name, 0) / total for name in ("no_answer", "truncated", "timeout", "unjudged", "failed")
        }

    def slices(self) -> dict[str, dict[str, Any]]:
        """Scores by the tags that fall into classes."""
        rows = [(one.problem.tags, one.scores) for one in self.answered]
        return {tag: _slice(rows, tag) for tag in _classes([tags for tags, _ in rows])}

    def report(self) -> dict[str, Any]:
        """Everything, for programs: see above."""
        problems = [_problem_report(one) for one in self.answered]
        return {
            "format": FORMAT,
            "name": self.problems.name,
            "version": self.problems.version,
            "left_out": list(self.problems.left_out),
            "notes": list(self.problems.notes),
            "rule": self.problems.rule,
            "sampling": _sampling(self.draw),
            "score": plain(self.estimate()),
            "by_verifier": {name: plain(self.estimate(name)) for name in self.verifiers},
            "pass_at_k": {str(k): plain(found) for k, found in self.pass_at_k().items()},
            "majority_at_k": {str(k): plain(found) for k, found in self.majority_at_k().items()},
            "rates": self.rates(),
            "slices": self.slices(),
            "counts": self.counts(),
            "mean_tokens": self.mean_tokens,
            "second_opinions": {opinion.rule: _opinion_report(opinion) for opinion in second_opinions(problems)},
            "problems": problems,
        }


class Watch(Protocol):
    """Who is told of the samples as they come."""

    def begin(self, total: int, known: Sequence[Sample]) -> None:
        """So many there will be; these the journal has."""

    def see(self, sample: Sample) -> None:
        """One more."""


def evaluate(
    problems: ProblemSet, sampler: Sampler, judge: Judge, codec: Codec, draw: Draw, *, context: int
) -> Evaluated:
    """Sample and judge `draw.count` completions for each problem, asked as it is in training.

    A prompt that leaves no room for a completion within `context` tokens is not sampled: it scores 0 and is counted.
    """
    return run(problems, SampledSource(lambda: sampler, codec, draw, context=context), judge, draw)


def run(
    problems: ProblemSet,
    source: Source,
    judge: Judge,
    draw: Draw,
    journal: Journal | None = None,
    shard: Shard = WHOLE,
    watch: Watch | None = None,
) -> Evaluated:
    """Get and judge each problem's completions: `draw.count`, or what is stored.

    Nothing that the journal has is judged twice, and nothing sampled twice but in blocks that were cut short (see
    `Source.block`); what has no verdict (UNJUDGED, failed) is tried again. Other shards' problems are not asked: of
    them only what the journal has is in the result. Raises `SourceGone` where the source ends before its time.
    """
    prompts = [source.prompt(problem) for problem in problems.problems]
    asks = [
        Ask(position, problem, prompt, number, draw.seed)
        for position, (problem, prompt) in enumerate(zip(problems.problems, prompts, strict=True))
        for number in range(source.count(problem) if prompt.has_room else 0)
    ]
    samples = {ask: found for ask in asks if journal and (found := journal.find(ask))}
    if watch:
        watch.begin(len(asks), list(samples.values()))
    ours = [ask for ask in asks if ask.position in shard]
    for ask, sample in _work(ours, samples, source, judge, problems.second_opinions):
        if journal and sample.answer.finish != "failed":
            journal.add(ask, sample)
        samples[ask] = sample
        if watch:
            watch.see(sample)
    by_position: list[list[Sample]] = [[] for _ in prompts]
    for ask in asks:
        if ask in samples:
            by_position[ask.position].append(samples[ask])
    answered = [Answered(*row) for row in zip(problems.problems, prompts, by_position, strict=True)]
    return Evaluated(problems, draw, answered, source.absence, len(asks) - len(samples))


def lines(found: Evaluated) -> list[str]:
    """The result for people: scores with intervals, by verifier where there are several, and what went wrong."""
    counts = found.counts()
    rows = [("all", found.estimate()), *((name, found.estimate(name)) for name in found.verifiers)]
    if len(rows) == 2:
        rows = rows[:1]
    rows += [(f"pass@{k}", estimate) for k, estimate in found.pass_at_k().items() if k > 1]
    rows += [(f"majority@{k}", estimate) for k, estimate in found.majority_at_k().items() if k > 1]
    has_others = any(sample.others for sample in found.samples)
    opinions = second_opinions([_problem_report(one) for one in found.answered]) if has_others else []
    scores = [f"{name:12} {e.mean:.4f}  [{e.low:.4f} {e.high:.4f}]" for name, e in rows]
    return [
        f"{found.problems.name} {found.problems.version}: mean score over {counts['problems']} problems, 95 % interval",
        *scores,
        *(_opinion_line(opinion) for opinion in opinions),
        "  ".join(f"{name} {count}" for name, count in counts.items()),
        *about(found.problems),
    ]


def _opinion_line(opinion: SecondOpinion) -> str:
    own, other, num_differ = opinion.ours.mean, opinion.theirs, len(opinion.disagreements)
    interval = f"[{other.low:.4f} {other.high:.4f}]"
    same = f"the same {opinion.num_both} samples, where ours is {own:.4f}; {num_differ} judged otherwise"
    return f"{opinion.rule:12} {other.mean:.4f}  {interval}  over {same}"


def about(problems: ProblemSet) -> list[str]:
    """What a reader of a score on these problems should know."""
    left_out = problems.left_out
    named = [f"left out: {why}" for why in left_out[:MAX_NAMED]]
    if len(left_out) > MAX_NAMED:
        named.append(f"left out: {len(left_out) - MAX_NAMED} more; the report names them all")
    return [*problems.notes, *named]


def subset(problems: ProblemSet, count: int) -> ProblemSet:
    """The first `count` problems, without second opinions."""
    return replace(problems, problems=problems.problems[:count], completions={}, second_opinions={})


def _work(
    asks: Sequence[Ask], known: Mapping[Ask, Sample], source: Source, judge: Judge, opinions: Opinions
) -> Iterator[tuple[Ask, Sample]]:
    """Samples of what is asked and not known or has no verdict, as their verdicts come."""
    done: _Done = SimpleQueue()
    num_pending = 0
    gone: SourceGone | None = None
    try:
        for ask, answer in chain(_unjudged(asks, known, opinions), _missing(asks, known, source)):
            if answer.finish == "failed":
                yield ask, Sample(answer, Verdict(Status.UNJUDGED, None, detail=answer.why))
                continue
            _submit(ask, answer, judge, opinions, done)
            num_pending += 1
            while not done.empty():
                yield _taken(done)
                num_pending -= 1
    except SourceGone as error:
        gone = error  # once what was got is judged
    for _ in range(num_pending):
        yield _taken(done)
    if gone:
        raise gone


Opinions = Mapping[str, Mapping[str, Problem]]
"""Another rule to problem id to the problem as that rule judges it."""
_Done = SimpleQueue[tuple[Ask, Answer, Future[Verdict], Mapping[str, Future[Verdict]]]]


def _submit(ask: Ask, answer: Answer, judge: Judge, opinions: Opinions, done: _Done) -> None:
    """Have it judged by all rules at the same time; it is done when the last of them is."""
    asked = {rule: judge.submit(problems[ask.problem.id], answer.text) for rule, problems in opinions.items()}
    own = judge.submit(ask.problem, answer.text)
    left = iter(range(len(asked), -1, -1))

    def ended(_: Future[Verdict]) -> None:
        if next(left) == 0:
            done.put((ask, answer, own, asked))

    for future in (own, *asked.values()):
        future.add_done_callback(ended)


def _taken(done: _Done) -> tuple[Ask, Sample]:
    ask, answer, own, asked = done.get()
    return ask, Sample(answer, own.result(), {rule: future.result() for rule, future in asked.items()})


def _unjudged(asks: Sequence[Ask], known: Mapping[Ask, Sample], opinions: Opinions) -> Iterator[tuple[Ask, Answer]]:
    """What some rule has not judged, though it is known."""
    for ask in asks:
        if ask in known:
            verdicts = [known[ask].verdict, *(known[ask].others.get(rule) for rule in opinions)]
            if any(verdict is None or verdict.status is Status.UNJUDGED for verdict in verdicts):
                yield ask, known[ask].answer


def _missing(asks: Sequence[Ask], known: Mapping[Ask, Sample], source: Source) -> Iterator[tuple[Ask, Answer]]:
    if all(ask in known for ask in asks):
        return  # the source is not even opened
    block = source.block or len(asks)
    for start in range(0, len(asks), block):
        together = asks[start : start + block]
        if source.block is None:
            together = [ask for ask in together if ask not in known]
        if not all(ask in known for ask in together):
            yield from ((ask, answer) for ask, answer in source.complete(together) if ask not in known)


def _ladder(most: int) -> list[int]:
    """1, 2, 4, … and `most`."""
    return sorted({*(1 << power for power in range(most.bit_length())), most} - {0})


def _votes(one: Answered, asked: int) -> list[tuple[str | None, bool]]:
    """Of each judged sample its answer and whether that is right; of a problem without any, as many failures."""
    if not one.samples:
        return [(None, False)] * max(1, asked)
    return [
        (sample.verdict.answer, sample.verdict.status is Status.CORRECT)
        for sample in one.samples
        if sample.verdict.status is not Status.UNJUDGED
    ]


def _classes(tags: Sequence[Mapping[str, str]]) -> list[str]:
    """Tags of several values, but of far fewer than there are problems."""
    values: dict[str, set[str]] = {}
    for one in tags:
        for tag, value in one.items():
            values.setdefault(tag, set()).add(value)
    return [tag for tag, found in sorted(values.items()) if 1 < len(found) <= min(MAX_CLASSES, max(2, len(tags) // 2))]


def _slice(rows: Sequence[tuple[Mapping[str, str], Sequence[float]]], tag: str) -> dict[str, Any]:
    sizes = Counter(tags.get(tag, "none") for tags, scores in rows if scores)
    return {value: {**plain(estimate), "problems": sizes[value]} for value, estimate in mean_by_tag(rows, tag).items()}


def plain(estimate: Estimate) -> dict[str, float | None]:
    """For JSON, which has no nan."""
    return {name: None if math.isnan(value) else value for name, value in asdict(estimate).items()}


def _sampling(draw: Draw) -> dict[str, Any]:
    return {
        "count": draw.count,
        "max_new_tokens": draw.max_new_tokens,
        "temperature": draw.temperature,
        "top_p": draw.top_p,
        "seed": draw.seed,
        "stop": list(draw.stop),
    }


def _problem_report(one: Answered) -> dict[str, Any]:
    return {
        "id": one.problem.id,
        "verifier": one.problem.verifier,
        "tags": dict(one.problem.tags),
        "prompt": one.prompt.sent,
        "gold": _gold(one.problem),
        "samples": [_sample_report(sample) for sample in one.samples],
    }


def _gold(problem: Problem) -> str:
    """The expected answer for people, where the spec has one."""
    answers = [problem.spec[key] for key in ("answer", "expected") if problem.spec.get(key) is not None]
    answers += problem.spec.get("answers") or []
    return " or ".join(one if isinstance(one, str) else json.dumps(one) for one in answers)


def _sample_report(sample: Sample) -> dict[str, Any]:
    answer = sample.answer
    others = {rule: _verdict_report(verdict) for rule, verdict in sample.others.items()}
    told = {"completion": answer.text, "finish": answer.finish, "tokens": answer.tokens}
    return {**told, **_verdict_report(sample.verdict), **({"other_verdicts": others} if others else {})}


def _verdict_report(verdict: Verdict) -> dict[str, Any]:
    judged = verdict.to_json()
    del judged["seconds"]
    judged["trace"] = [{key: value for key, value in row.items() if key not in MEASURED} for row in judged["trace"]]
    return judged


def _opinion_report(opinion: SecondOpinion) -> dict[str, Any]:
    differ = [{"id": problem["id"], "sample": number} for problem, number in opinion.disagreements]
    own, other = plain(opinion.ours), plain(opinion.theirs)
    return {"own": own, "other": other, "both": opinion.num_both, "disagreements": differ}
