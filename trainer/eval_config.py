"""What one `assay eval` is asked for."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import Field, model_validator

from benchmarks import ProblemSource
from sandbox import SandboxConfig
from trainer.settings import Table, validated


class EvalConfig(Table):
    """One `assay eval`."""

    name: str
    """Of the problem set, as `assay list` shows it."""
    data: str | None = None
    """A local file of the set's form, instead of the hub."""
    split: str | None = None
    max_problems: int | None = Field(None, ge=1)
    options: dict[str, Any] = Field(default_factory=dict)
    """What this set alone can be asked for; on the command line `window=2024-08..2025-01` is enough."""
    model: str | None = None
    """A Hugging Face hub name or a local folder."""
    completions: Path | None = None
    """A .jsonl file of {"id", "completion"} lines to judge, instead of a model."""
    n: int = Field(1, ge=1)
    """Completions for each problem."""
    temperature: float | None = Field(None, ge=0)
    """Default: 0 (greedy) for one completion a problem, 1 for several."""
    top_p: float = Field(1.0, gt=0, le=1)
    max_new_tokens: int = Field(1024, ge=1)
    seed: int = Field(0, ge=0)
    gpu_memory: float = Field(0.9, gt=0, lt=1)
    cpu_cache_gib: int = Field(4, ge=1)
    sandbox: SandboxConfig = SandboxConfig()

    @model_validator(mode="after")
    def _one_source(self) -> EvalConfig:
        if (self.model is None) == (self.completions is None):
            raise ValueError("give either --model (a folder or a hub name) or --completions FILE")
        if self.n > 1 and self.temperature == 0:
            raise ValueError(f"temperature: 0 makes all n = {self.n} completions the same; use n = 1 or a temperature")
        return self

    @property
    def source(self) -> ProblemSource:
        return ProblemSource(
            name=self.name, path=self.data, split=self.split, max_problems=self.max_problems, options=self.options
        )


def read_eval(values: dict[str, Any], overrides: Sequence[str]) -> EvalConfig:
    """The settings of one `assay eval` from its flags and `key=value` overrides; raises `ConfigError`.

    A key that is no setting, nor nearly one, is an option of the problem set, which refuses what it does not know.
    """
    settings = [*EvalConfig.model_fields]
    keys = [override.partition("=")[0].partition(".")[0] for override in overrides]
    are_settings = [key in settings or bool(difflib.get_close_matches(key, settings, n=1)) for key in keys]
    return validated(
        EvalConfig, "eval", values,
        [text if is_setting else f"options.{text}" for text, is_setting in zip(overrides, are_settings, strict=True)],
    )  # fmt: skip
