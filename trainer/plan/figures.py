"""What a plan tells of a run: lengths and counts, bytes and seconds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from trainer.memory import Device, SamplerMemory, Shape, UpdateMemory
from trainer.plan.resolved import Setting
from trainer.probe import Speed


@dataclass(frozen=True, slots=True)
class Prompts:
    """Lengths in tokens, of the real tokenizer."""

    total: int
    too_long: int
    """Longer than `max_prompt_tokens`: left out."""
    longest: int
    """Of those that stay."""
    mean: float
    held_out_too_long: int
    """No room for a completion within the model's context: scored 0."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of reinforcement learning; tokens are at most, with every completion at full length."""

    problems: int
    group: int
    sequences: int
    """To learn from."""
    sampled: int
    """At most: dynamic sampling may take more to find them."""
    prompt_tokens: int
    """Each sequence's own, at the mean length."""
    completion_tokens: int
    updates: int
    sequences_per_update: int
    micro_batches_per_update: int


@dataclass(frozen=True, slots=True)
class SourceShare:
    """One of the problem sets that are mixed."""

    name: str
    problems: int
    """That can be used."""
    share: float
    """Of the problems asked for."""
    epochs: float
    """At least, in the whole run: problems that a curriculum leaves out are passed over, and further rounds of dynamic
    sampling ask for more."""


@dataclass(frozen=True, slots=True)
class Totals:
    """The whole run."""

    epochs: float
    """Of all sources together."""
    updates: int
    sequences: int
    completion_tokens: int
    supervised_completions: int
    supervised_tokens: int
    """Prompt and completion, at their mean length."""
    evaluations: int
    """Full ones; brief ones come on top."""
    evaluation_sequences: int


@dataclass(frozen=True, slots=True)
class Disk:
    """Bytes of the run directory, beyond what is there already."""

    checkpoints: int
    rollouts: int
    free: int


@dataclass(frozen=True, slots=True)
class Forecast:
    """Bytes on the device of the policy."""

    device: Device
    program: int
    """Python and its libraries, or the CUDA context."""
    update: UpdateMemory
    update_of: str
    """The stage whose update takes most."""
    micro_batch: Shape
    sampler: SamplerMemory
    sequences_cached: int
    """How many sequences at full length the sampler's cache holds at a time."""
    sleeps: bool = False
    """Whether the sampler gives its memory back while the policy learns."""

    @property
    def total(self) -> int:
        working = self.update.total - self.update.fixed
        together = max(working, self.sampler.total) if self.sleeps else working + self.sampler.total
        return self.program + self.update.fixed + together


@dataclass(frozen=True, slots=True)
class Estimate:
    """Seconds at most, with every completion at full length and one round of sampling a step; judging, which runs
    beside sampling, is not in it."""

    step: float
    sampling: float
    learning: float
    supervised: float
    evaluation: float
    total: float


@dataclass(frozen=True, slots=True)
class Plan:
    name: str
    run_directory: str
    settings: Sequence[Setting]
    model: str
    context: int
    prompts: Prompts
    step: Step
    sources: Sequence[SourceShare]
    totals: Totals
    forecast: Forecast
    disk: Disk
    sampler: str
    box: str
    """Which, and why; or what stands in the way."""
    slots: int
    verifiers: Mapping[str, Mapping[str, int]]
    """Problems to train on and held-out ones, by verifier."""
    kernels: str
    mistakes: Sequence[str]
    """The user's: each would end the run, now or after an hour."""
    lacks: Sequence[str]
    """Of this machine."""
    warnings: Sequence[str]
    speed: Speed | None = None
    estimate: Estimate | None = None
    step_prompts: Sequence[Sequence[int]] = field(default=(), repr=False)
    """The first step's, as tokens."""
    tokenizer_texts: Sequence[str] = field(default=(), repr=False)


def in_units(count: float) -> str:
    """1,536 KiB as 1.5 MiB."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.0f} B" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"
