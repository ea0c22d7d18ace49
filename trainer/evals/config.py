"""What one `assay eval` is asked for: its settings, its problem sets and their protocols."""

from __future__ import annotations

import copy
import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from pydantic import Field, model_validator

import benchmarks
from benchmarks import ProblemSet, ProblemSource
from sandbox import SandboxConfig
from trainer.evals.protocol import DEFAULT, EvalProtocol, read_protocol, with_examples
from trainer.settings import MAX_SEED, ConfigError, Table, validated
from verifiers import Problem

CHANGES = ("n", "temperature", "top_p", "max_new_tokens", "stop", "system", "prefill", "train_examples")
"""What of a protocol can be set for one eval; more in a protocol file."""
SHARED = ("model", "endpoint", "concurrency", "gpu_memory", "cpu_cache_gib", "sandbox")
"""What all problem sets of one command have in common: they go through one engine and the same boxes."""


class EvalConfig(Table):
    """One problem set of an `assay eval`."""

    name: str
    """Of the problem set, as `assay list` shows it."""
    data: str | None = None
    """A local file of the set's form, instead of the hub."""
    train_data: str | None = None
    """The same for the train split that a protocol's `train_examples` are from."""
    split: str | None = None
    max_problems: int | None = Field(None, ge=1)
    options: dict[str, Any] = Field(default_factory=dict)
    """What this set alone can be asked for; on the command line `window=2024-08..2025-01` is enough."""
    model: str | None = None
    """A Hugging Face hub name or a local folder; with `endpoint`, the server's name for it."""
    endpoint: str | None = Field(None, pattern=r"^https?://")
    """An OpenAI-compatible server, as http://localhost:8000/v1; its key is in $ASSAY_ENDPOINT_KEY."""
    concurrency: int = Field(32, ge=1)
    """Requests at the endpoint at a time."""
    completions: Path | None = None
    """A .jsonl file of {"id", "completion"} lines to judge, instead of a model."""
    protocol: str = DEFAULT
    """A named protocol (deepseek-r1, greedy, own) or a TOML file; these change single values of it:"""
    n: int | None = Field(None, ge=1, le=100_000)
    """Completions for each problem."""
    temperature: float | None = Field(None, ge=0)
    """Default: the protocol's; 0 is greedy."""
    top_p: float | None = Field(None, gt=0, le=1)
    max_new_tokens: int | None = Field(None, ge=1)
    stop: tuple[str, ...] | None = None
    system: str | None = None
    prefill: str | None = None
    train_examples: int | None = Field(None, ge=0)
    seed: int = Field(0, ge=0, le=MAX_SEED)
    gpu_memory: float = Field(0.9, gt=0, lt=1)
    cpu_cache_gib: int = Field(4, ge=1)
    sandbox: SandboxConfig = SandboxConfig()

    @model_validator(mode="after")
    def _one_source(self) -> EvalConfig:
        if (self.model is None) == (self.completions is None):
            raise ValueError(
                "give either --model (a folder or a hub name; with --endpoint the server's name for it) or "
                "--completions FILE"
            )
        if self.endpoint and self.completions:
            raise ValueError("endpoint: stored completions need none; leave out one of the two")
        return self

    @property
    def source(self) -> ProblemSource:
        return ProblemSource(
            name=self.name, path=self.data, split=self.split, max_problems=self.max_problems, options=self.options
        )

    def read_protocol(self) -> EvalProtocol:
        """The protocol with what this eval changes; raises `ConfigError`."""
        changes = {name: value for name in CHANGES if (value := getattr(self, name)) is not None}
        return read_protocol(self.protocol, self.name, changes)


@dataclass(frozen=True, slots=True)
class AskedSet:
    """A problem set with all that decides how it is asked."""

    config: EvalConfig
    problems: ProblemSet
    protocol: EvalProtocol | None
    """None for stored completions: how those were sampled is not known."""


def read_evals(values: dict[str, Any], overrides: Sequence[str]) -> list[EvalConfig]:
    """The settings of each set of one `assay eval` from its flags and `key=value` overrides; raises `ConfigError`.

    `name` is one set or several with commas between them; `aime24.n=64` is meant for that one alone.
    """
    names = [name.strip() for name in str(values["name"]).split(",")]
    if len(set(names)) < len(names):
        raise ConfigError(f"eval: {values['name']}: a problem set is named twice")
    configs = [_read_one({**copy.deepcopy(values), "name": name}, _meant_for(name, names, overrides)) for name in names]
    for field in SHARED:
        if len({repr(getattr(config, field)) for config in configs}) > 1:
            raise ConfigError(f"eval: {field}: one command has one engine; set it for all or run two commands")
    return configs


def load_set(config: EvalConfig) -> AskedSet:
    """The problems and the whole protocol; raises `ConfigError` or `ProblemError`."""
    protocol = None if config.completions else config.read_protocol()
    problems = benchmarks.load(config.source)
    if protocol and protocol.wants_statement:
        bare = [one.id for one in problems.problems if isinstance(one.prompt, str) and not one.statement]
        if bare:
            raise ConfigError(
                f"protocol {protocol.name}: asks for {{statement}}, which {config.name} {bare[0]} has not"
            )
    if protocol and protocol.train_examples:
        protocol = with_examples(protocol, _train_examples(config, protocol.train_examples))
    return AskedSet(config, problems, protocol)


def read_shard(text: str | None) -> tuple[int, int]:
    """Part and number of parts of a text such as 2/4; raises `ConfigError`."""
    if text is None:
        return 1, 1
    found = re.fullmatch(r"([1-9][0-9]*)/([1-9][0-9]*)", text)
    if found is None or int(found[1]) > int(found[2]):
        raise ConfigError(f"eval: --shard {text}: expected a part and their number, as 2/4")
    return int(found[1]), int(found[2])


def _read_one(values: dict[str, Any], overrides: Sequence[str]) -> EvalConfig:
    """A key that is no setting, nor nearly one, is an option of the set, which refuses what it does not know."""
    settings = [*EvalConfig.model_fields]
    keys = [override.partition("=")[0].partition(".")[0] for override in overrides]
    are_settings = [key in settings or bool(difflib.get_close_matches(key, settings, n=1)) for key in keys]
    return validated(
        EvalConfig, "eval", values,
        [text if is_setting else f"options.{text}" for text, is_setting in zip(overrides, are_settings, strict=True)],
    )  # fmt: skip


def _meant_for(name: str, names: Sequence[str], overrides: Sequence[str]) -> list[str]:
    """The overrides for all sets, and those for this one without its name."""
    found = []
    for override in overrides:
        first, dot, rest = override.partition(".")
        if not dot or first not in names:
            found.append(override)
        elif first == name:
            found.append(rest)
    return found


def _train_examples(config: EvalConfig, count: int) -> list[tuple[Problem, str]]:
    train = benchmarks.load(ProblemSource(name=config.name, path=config.train_data, split="train"))
    worked = train.completions.get("worked", {})
    found = [(one, worked[one.id]) for one in islice((one for one in train.problems if one.id in worked), count)]
    if len(found) < count:
        raise ConfigError(f"eval: train_examples: asked for {count}, but {config.name} has {len(found)} worked answers")
    return found
