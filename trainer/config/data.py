"""[data], [curriculum], [dynamic]: which problems a run asks for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PlainSerializer, model_validator

from benchmarks import ProblemSource
from trainer.settings import Table


class DataSource(ProblemSource):
    """A problem set to train on: [data], or one of several [[data]]."""

    weight: float = Field(1.0, gt=0)
    """Its share of the problems asked for, relative to the weights of the other [[data]] tables."""


def _as_tables(value: Any) -> Any:
    return [value] if isinstance(value, dict) else value


def _as_written(sources: Sequence[DataSource]) -> Any:
    return [source.model_dump() for source in sources] if len(sources) > 1 else sources[0].model_dump()


DataSources = Annotated[
    tuple[DataSource, ...], Field(min_length=1), BeforeValidator(_as_tables), PlainSerializer(_as_written)
]
"""One table may stand for a list of one."""


class Curriculum(Table):
    """Which problems are left out for how they went: their pass rate, the mean score over the last visits to them."""

    easiest: float = Field(0.9, gt=0, le=1)
    """Problems with this pass rate or more are not asked for again (ScaleRL, arXiv 2510.13786, has 0.9)."""
    hardest: float | None = Field(None, ge=0, lt=1)
    """Problems with this pass rate or less are not either; 0: those that were never solved. Default: all stay."""
    readmit_after: int | None = Field(None, ge=1)
    """Epochs after which the too hard ones are tried again. Default: never."""
    target: float | None = Field(None, gt=0, lt=1)
    """If given, a measured problem comes in an epoch with probability 1 - |pass rate - target|."""
    visits: int = Field(4, ge=1)
    """How many of the last visits to a problem its pass rate is taken over."""
    completions: int = Field(16, ge=1)
    """Judged ones, in these visits, that it takes to know a pass rate; before, a problem stays."""

    @model_validator(mode="after")
    def _in_order(self) -> Curriculum:
        if self.hardest is not None and self.hardest >= self.easiest:
            raise ValueError(
                f"hardest = {self.hardest:g} is not below easiest = {self.easiest:g}: every problem would be left out"
            )
        if self.readmit_after is not None and self.hardest is None:
            raise ValueError("readmit_after: without hardest no problem is left out for being too hard")
        if self.target is not None and not (self.hardest or 0) < self.target < self.easiest:
            raise ValueError(
                f"target = {self.target:g} is not between hardest and easiest: the problems near it are left out"
            )
        return self


class DynamicSampling(Table):
    """Further problems are sampled until `problems` groups have spread (DAPO, arXiv 2503.14476, sec. 3.2)."""

    max_rounds: int = Field(10, ge=1)
    """Then, or after max_rounds x problems problems, a step learns from the groups it has."""
