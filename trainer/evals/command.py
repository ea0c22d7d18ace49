"""One `assay eval`, whole: several problem sets through one engine, with a journal and a report for each."""

from __future__ import annotations

import json
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any

import torch

from benchmarks import screened
from trainer.disk import write_whole
from trainer.evals import evaluate, provenance
from trainer.evals.config import AskedSet, EvalConfig
from trainer.evals.endpoint import Endpoint
from trainer.evals.journal import Journal
from trainer.evals.protocol import EvalProtocol
from trainer.evals.report import write_pages
from trainer.evals.sources import CPU_BLOCK, Sample, SampledSource, Shard, Source, StoredSource, read_completions
from trainer.rollout import Judge
from trainer.sampler import Draw, Sampler
from trainer.settings import ConfigError
from trainer.text import StoredModel, describe
from verifiers import Problem, Router, Status

Say = Callable[[str], None]
OpenSampler = Callable[[EvalConfig, StoredModel, int], Sampler]
"""Opens vLLM on the config's model, for prompts and completions of so many tokens together."""
SECONDS_BETWEEN_LINES = 60.0
"""Of the progress, where it is not a terminal that shows it."""


@dataclass(frozen=True, slots=True)
class Bench:
    """What judges, and how a sampler is opened."""

    judge: Judge
    image: str
    """Digest of what is in the boxes."""
    open_sampler: OpenSampler


def run(asked: Sequence[AskedSet], bench: Bench, *, out: Path | None, shard: Shard, say: Say) -> bool:
    """Evaluate each set and write its report, or a shard's part of its journal; False if completions failed."""
    paths = report_paths(asked, out)
    with Engine(asked[0].config, bench.open_sampler, say) as engine:
        takes = [_take(one, engine, say) for one in asked]
        got = [_evaluate(take, bench, path, shard, say) for take, path in zip(takes, paths, strict=True)]
        return all(got)


def report_paths(asked: Sequence[AskedSet], out: Path | None, folder: Path = Path("runs/eval")) -> list[Path]:
    """Where each set's report goes: `out`, which is a folder unless it ends in .json, or else `runs/eval`."""
    if out is not None and not out.is_dir():
        if out.suffix == ".json" and len(asked) == 1:
            return [out]
        if out.suffix == ".json":
            raise ConfigError(f"eval: --out {out}: several problem sets have several reports; name a folder")
        if out.exists():
            raise ConfigError(
                f"eval: --out {out}: is a file, and no report; name a folder, or a file that ends in .json"
            )
    paths = [(out or folder) / f"{one.problems.name}.json" for one in asked]
    if len(set(paths)) < len(paths):
        raise ConfigError(f"eval: two of the problem sets are called {asked[0].problems.name}; use two commands")
    return paths


def checked(asked: Sequence[AskedSet], router: Router) -> list[AskedSet]:
    """The sets without what they leave out; raises `SpecError` for what is broken else, also by a set's other rules."""
    sets = [replace(one, problems=screened(one.problems, router.unsound)) for one in asked]
    router.check([problem for one in sets for problem in judged(one)])
    return sets


def judged(asked: AskedSet) -> list[Problem]:
    """The problems, also as the set's other rules judge them."""
    ours = asked.problems.problems
    others = [found[problem.id] for found in asked.problems.second_opinions.values() for problem in ours]
    return [*ours, *others]


class Engine:
    """One sampler for all sets, opened for the first completion that is missing, and never where none is."""

    def __init__(self, config: EvalConfig, open_sampler: OpenSampler, say: Say) -> None:
        self._config, self._open_sampler, self._say = config, open_sampler, say
        self._sampler: Sampler | None = None
        self._tokens = 0

    def __enter__(self) -> Engine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._sampler is not None:
            self._sampler.close()

    @cached_property
    def model(self) -> StoredModel:
        assert self._config.model is not None, "read_evals lets no eval without a model or completions through"
        return describe(self._config.model)

    @cached_property
    def digest(self) -> str:
        return provenance.model_digest(str(self._config.model), self.model.commit)

    def expect(self, tokens: int) -> None:
        """Prompts and completions will have up to so many tokens together."""
        self._tokens = max(self._tokens, tokens)

    def sampler(self) -> Sampler:
        if self._sampler is None:
            self._sampler = self._open_sampler(self._config, self.model, self._tokens)
            self._say(f"sampler: {self._sampler.description}   model: {self._config.model}")
        return self._sampler


@dataclass(frozen=True, slots=True)
class _Take:
    """A set with where its completions come from."""

    asked: AskedSet
    source: Source
    draw: Draw
    origin: Mapping[str, Any]
    """What the report says of the protocol and the model."""
    identity: Sequence[Any]
    """What decides each completion besides the problem."""


def _take(asked: AskedSet, engine: Engine, say: Say) -> _Take:
    config, problems, protocol = asked.config, asked.problems, asked.protocol
    if config.completions:
        return _stored(asked, config.completions)
    assert protocol is not None and config.model is not None, "a set that is sampled has both"
    if config.endpoint:
        if protocol.prefill and protocol.form == "chat":
            say(f"{problems.name}: prefill {protocol.prefill!r} is left to the server's chat template")
            protocol = protocol.model_copy(update={"prefill": ""})
        model = {"name": config.model, "endpoint": config.endpoint}
        source: Source = Endpoint(config.endpoint, config.model, protocol, concurrency=config.concurrency)
    else:
        model = {"name": config.model, "digest": engine.digest}
        source = _sampled(asked, protocol, engine)
    identity = [model.get("digest") or model, protocol.sample_digest, config.seed]
    return _Take(asked, source, _draw(protocol, config.seed), {"protocol": protocol.report(), "model": model}, identity)


def _stored(asked: AskedSet, path: Path) -> _Take:
    stored = read_completions(path, asked.problems)
    draw = Draw(max(map(len, stored.values()), default=0), 0, 0.0, 0)
    model = {"completions": str(path), "digest": provenance.digest_of(path.parent, [path])}
    return _Take(asked, StoredSource(stored), draw, {"model": model}, [model["digest"]])


def _sampled(asked: AskedSet, protocol: EvalProtocol, engine: Engine) -> Source:
    context = engine.model.context
    if protocol.max_new_tokens >= context:
        raise ConfigError(
            f"{asked.config.name}: protocol {protocol.name} asks for {protocol.max_new_tokens} new tokens, but the "
            f"model's context is {context}: set max_new_tokens lower"
        )
    block = None if torch.cuda.is_available() else CPU_BLOCK
    draw = _draw(protocol, asked.config.seed)
    source = SampledSource(engine.sampler, engine.model.codec, draw, context=context, protocol=protocol, block=block)
    prompts = [source.prompt(problem) for problem in asked.problems.problems]
    longest = max((len(prompt.ids) for prompt in prompts if prompt.has_room), default=0)
    engine.expect(longest + protocol.max_new_tokens)
    return source


def _draw(protocol: EvalProtocol, seed: int) -> Draw:
    return Draw(
        protocol.n, protocol.max_new_tokens, protocol.temperature, seed, top_p=protocol.top_p, stop=protocol.stop
    )


def _evaluate(take: _Take, bench: Bench, path: Path, shard: Shard, say: Say) -> bool:
    asked, problems = take.asked, take.asked.problems
    header = {
        "eval": asked.config.model_dump(mode="json"),
        **take.origin,
        "versions": provenance.versions(),
        "verifiers": provenance.judges(problem.verifier for problem in judged(asked)),
        "sandbox": bench.image,
    }
    decisive = [problems.name, problems.version, take.identity, header["verifiers"], bench.image]
    own = path.with_name(f"{path.stem}{f'.{shard.part}-of-{shard.of}' * (shard.of > 1)}{ENDING}")
    with Journal(own, json.dumps(decisive), _journals(path)) as journal, Progress(problems.name) as progress:
        found = evaluate.run(problems, take.source, bench.judge, take.draw, journal, shard, progress)
    if found.num_missing:
        say(
            f"{problems.name}: part {shard.part} of {shard.of} is done; {found.num_missing} completions of others are "
            f"not in {path.parent}: the last part, or the same command without --shard, writes the report"
        )
        return True
    report = {**header, **found.report()}
    write_whole(path, json.dumps(report, allow_nan=False))
    write_pages(report, path.with_suffix(""))
    for line in evaluate.lines(found):
        say(line)
    say(f"report: {path} and, for people, {path.stem}.md and {path.stem}.html beside it")
    if failed := found.counts().get("failed"):
        say(f"{failed} completions could not be got; the same command asks for them again")
    return not failed


ENDING = ".journal.jsonl"


def _journals(report: Path) -> list[Path]:
    """Of this report and of its shards."""
    name = re.compile(rf"{re.escape(report.stem)}(\.\d+-of-\d+)?{re.escape(ENDING)}")
    return [path for path in sorted(report.parent.glob(f"*{ENDING}")) if name.fullmatch(path.name)]


class Progress:
    """One line on stderr that moves, or elsewhere than on a terminal one a minute."""

    def __init__(self, name: str) -> None:
        self._name, self._total, self._done, self._num_known = name, 0, 0, 0
        self._scores: list[float] = []
        self._tokens, self._statuses = 0, Counter[str]()
        self._started = self._shown = time.monotonic()

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if sys.stderr.isatty() and self._done > self._num_known:
            print(f"\r{self.line()}", file=sys.stderr)

    def begin(self, total: int, known: Sequence[Sample]) -> None:
        self._total, self._num_known = total, len(known)
        for sample in known:
            self._count(sample)
        self._tokens = 0  # of this process only: the speed is its own
        if known:
            print(f"{self._name}: {len(known)} of {total} completions are in the journal", file=sys.stderr)

    def see(self, sample: Sample) -> None:
        self._count(sample)
        now, is_terminal = time.monotonic(), sys.stderr.isatty()
        if now - self._shown >= (0.2 if is_terminal else SECONDS_BETWEEN_LINES):
            self._shown = now
            print(f"\r{self.line()}" if is_terminal else self.line(), end="" if is_terminal else "\n", file=sys.stderr)
            sys.stderr.flush()

    def line(self) -> str:
        """Counts, speed and the score so far, a mean over completions."""
        seconds = max(1e-9, time.monotonic() - self._started)
        score = f"{sum(self._scores) / len(self._scores):.3f}" if self._scores else "-"
        odd = "".join(f"  {name} {count}" for name, count in sorted(self._statuses.items()))
        return f"{self._name} {self._done}/{self._total}  {self._tokens / seconds:.0f} tokens/s  score {score}{odd}"

    def _count(self, sample: Sample) -> None:
        self._done += 1
        self._tokens += sample.answer.tokens
        if sample.verdict.score is not None:
            self._scores.append(sample.verdict.score)
        if sample.answer.finish == "length":
            self._statuses["truncated"] += 1
        if sample.verdict.status in (Status.NO_ANSWER, Status.UNJUDGED):
            self._statuses[sample.verdict.status.value] += 1
