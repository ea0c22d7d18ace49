"""What a problem set is, and how one is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from verifiers import Problem


class ProblemError(ValueError):
    """A problem set is missing or has a broken line: the message says where, what was found and what would be right."""


@dataclass(frozen=True, slots=True)
class ProblemSet:
    """Problems by name, with the version that decides whether two scores can be compared."""

    name: str
    version: str
    problems: tuple[Problem, ...]
    completions: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Style to problem id to a completion that may be imitated ("worked", …); empty where a set has none."""
    left_out: tuple[str, ...] = ()
    """One line for each row that was asked for and is no sound problem: where it stands, its id and what is wrong."""
    notes: tuple[str, ...] = ()
    """What a reader of a score should know, one line each: another count than the set has, equal prompts, …"""
    is_as_found: bool = False
    """Nobody has gone over its rows: those whose golds or tests turn out to be unsound are left out (`screened`), where
    of another set they stop the run."""
    rule: str = ""
    """By what it is scored, of a set that can be scored by several rules."""
    second_opinions: Mapping[str, Mapping[str, Problem]] = field(default_factory=dict)
    """Another rule to problem id to that problem as this rule judges it; a report shows both, and where they differ."""


class ProblemSource(BaseModel):
    """Which problems to take, and from where."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    name: str
    """Of the problem set, as `assay list` shows it."""
    path: str | None = None
    """A local file of the same form, instead of the hub; for a set of several files, a folder with them."""
    split: str | None = None
    """Default: the set's own (its held-out part)."""
    max_problems: int | None = Field(None, ge=1)
    """Only the first so many; for made sets: how many to make."""
    seed: int = Field(0, ge=0)
    """For sets that are made or drawn."""
    options: dict[str, Any] = Field(default_factory=dict)
    """What this set alone can be asked for, such as livecodebench's window; a set refuses what it does not know."""
