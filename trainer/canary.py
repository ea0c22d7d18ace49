"""Whether what samples is what is trained: log-probs of the sampler against the policy's, on the same tokens."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from trainer.batch import Row
from trainer.checksum import checksum
from trainer.out_of_memory import MicroBatches
from trainer.policy import Policy
from trainer.sampler import Draw, Sampler
from trainer.types import Completion, Group

NUM_FIXED = 8
"""Sequences that are compared after every weight update, …"""
FIXED_TOKENS = 256
"""… of at most so many tokens each."""
NUM_SAMPLES = 16
"""Completions of a step that are compared before they are learned from."""
DRAWN_TOKENS = 16
"""Of each completion that is drawn to be compared."""


class WeightMismatch(RuntimeError):
    """The sampler does not sample from the policy: what it samples is not what is trained."""


class Canary:
    """Stops a run whose sampler is stale, damaged, or samples from another distribution than the trainer thinks.

    After every weight update: what arrived, log-probs of fixed tokens, and, if a `draw` is given, of completions drawn
    for this alone. Before learning: completions of the step, as far as the present policy sampled them.
    Not covered: completions of a policy that has been updated since, whose log-probs nobody can work out any more;
    a run that looks ahead has no others, which is what a `draw` is for.
    """

    def __init__(
        self,
        policy: Policy,
        sampler: Sampler,
        prompts: Sequence[Sequence[int]],
        *,
        temperature: float,
        tolerance: float,
        micro_batches: MicroBatches,
        draw: Draw | None = None,
    ) -> None:
        """`tolerance`: mean absolute difference of log-probs past which `WeightMismatch` is raised.

        `draw`: how to sample from the first prompts after each weight update.
        """
        self._policy, self._sampler, self._temperature = policy, sampler, temperature
        self._tolerance, self._micro_batches, self._draw = tolerance, micro_batches, draw
        fixed = [ids[:FIXED_TOKENS] for ids in prompts[:NUM_FIXED]]
        self._fixed = [ids for ids in fixed if len(ids) > 1]

    def compare_weights(self, arrived: str | None = None) -> float:
        """After each weight update, on fixed tokens at temperature 1; returns the difference.

        Before that, if given, the checksum of what arrived with that of what was sent; after it, what is drawn.
        """
        if arrived is not None and arrived != (sent := checksum(self._policy.weights())):
            raise WeightMismatch(
                f"weight update {self._policy.version}: the sampler got weights with the checksum {arrived}, and the "
                f"policy's have {sent}: they were damaged on the way"
            )
        theirs = self._sampler.logprobs(self._fixed)
        rows = [Row(ids[:1], ids[1:]) for ids in self._fixed]
        ours = self._logprobs(rows, 1.0)
        gap = self._refuse(
            ours, theirs,
            f"after weight update {self._policy.version}, on fixed tokens",
            "the sampler is stale or its weights are damaged",
        )  # fmt: skip
        if self._draw:
            self._compare_completions([made for _, made in self._sampler.sample(self._fixed, self._draw)])
        return gap

    def compare_samples(self, groups: Sequence[Group]) -> float | None:
        """On completions of the present policy, before it learns from them: what was sampled has the log-probs that
        the trainer gives it at its temperature. None where an older policy sampled all of them."""
        made = [one for group in groups for one in group.completions if one.version == self._policy.version]
        chosen: list[Completion] = made[:: max(1, len(made) // NUM_SAMPLES)][:NUM_SAMPLES]
        return self._compare_completions(chosen) if chosen else None

    def _compare_completions(self, chosen: Sequence[Completion]) -> float:
        rows = [Row(one.prompt_ids, one.token_ids) for one in chosen]
        ours = self._logprobs(rows, self._temperature)
        return self._refuse(
            ours, [one.logprobs for one in chosen],
            f"on completions that policy {self._policy.version} is said to have sampled at {self._temperature:g}",
            "the sampler has other weights, another temperature or a truncated distribution",
        )  # fmt: skip

    def _logprobs(self, rows: Sequence[Row], temperature: float) -> list[list[float]]:
        def logprobs(max_tokens: int) -> list[list[float]]:
            return self._policy.logprobs(rows, temperature=temperature, max_tokens=max_tokens)

        return self._micro_batches.run(logprobs, rows)

    def _refuse(
        self, ours: Sequence[Sequence[float]], theirs: Sequence[Sequence[float]], where: str, meaning: str
    ) -> float:
        gaps = [abs(p - q) for p, q in zip(chain(*ours), chain(*theirs), strict=True)]
        gap = sum(gaps) / max(1, len(gaps))
        if not gap <= self._tolerance:
            raise WeightMismatch(
                f"{where}, the sampler's log-probs differ from the policy's by {gap:.2g} on average "
                f"(weight_tolerance = {self._tolerance:g}): {meaning}"
            )
        return gap
