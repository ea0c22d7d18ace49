"""Supervised stages: imitate worked completions before reinforcement learning."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence

from benchmarks import ProblemError, ProblemSet
from trainer.batch import Row
from trainer.config.learning import SupervisedStage
from trainer.out_of_memory import MicroBatches
from trainer.policy import Policy
from trainer.world import World

Report = Callable[[int, float], None]
"""Called after each step with its number and its loss."""


def supervise(
    policy: Policy,
    stage: SupervisedStage,
    problems: ProblemSet,
    *,
    seed: int,
    micro_batches: MicroBatches,
    report: Report,
    world: World = World(),  # noqa: B008 - frozen
) -> None:
    """Run one stage: every step imitates `stage.batch` completions, drawn from its styles by their shares.

    The ranks share out each step's completions.
    """
    rng = random.Random(f"{seed}/{stage.name}")
    demonstrations = _demonstrations(policy, stage.styles, problems, rng)
    policy.begin(stage.optim, steps=stage.steps)
    order: list[Row] = []
    for step in range(stage.steps):
        while len(order) < stage.batch:  # a new epoch, in a new order
            order += rng.sample(demonstrations, len(demonstrations))
        batch, order = order[: stage.batch], order[stage.batch :]
        report(step, _imitate(policy, batch, step, micro_batches, world))


def texts(problems: ProblemSet) -> list[str]:
    """Prompts, one completion of each, and the words of the chat template, for learning a tokenizer."""
    found = []
    for problem in problems.problems:
        prompt = problem.prompt
        turns = [prompt] if isinstance(prompt, str) else [message["content"] for message in prompt]
        completions = [style[problem.id] for style in problems.completions.values() if problem.id in style]
        found += [*turns, *completions[:1], "user\n", "assistant\n"]
    return found


def _imitate(policy: Policy, batch: Sequence[Row], step: int, micro_batches: MicroBatches, world: World) -> float:
    def imitate(max_tokens: int) -> float:
        loss, _ = policy.imitate(batch, step=step, max_tokens=max_tokens, world=world)
        return loss

    return micro_batches.run(imitate, batch)


def _demonstrations(
    policy: Policy, styles: Mapping[str, float], problems: ProblemSet, rng: random.Random
) -> Sequence[Row]:
    """One row for each problem that has a completion, in a style chosen by the shares."""
    unknown = [style for style in styles if style not in problems.completions]
    if unknown:
        known = ", ".join(problems.completions) or "none"
        raise ProblemError(f"{problems.name}: no completions in style {unknown[0]!r} to imitate; it has: {known}")
    rows = []
    for problem in problems.problems:
        style = rng.choices(list(styles), list(styles.values()))[0]
        completion = problems.completions[style].get(problem.id)
        if completion is not None:
            prompt = policy.codec.encode_prompt(problem.prompt)
            rows.append(Row(prompt, policy.codec.encode_completion(completion)))
    return rows
