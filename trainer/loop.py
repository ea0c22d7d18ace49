"""The training run: supervised stages, then sample, judge, learn, and put the weights back, step by step."""

from __future__ import annotations

import functools
import math
import random
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

import benchmarks
from trainer import checkpoint
from trainer.canary import Canary
from trainer.config import RunConfig
from trainer.learn import Learned, Learner
from trainer.policy import Policy
from trainer.record import RunDirectory
from trainer.rollout import Judge, Rollout, roll_out
from trainer.sampler import Draw, Sampler
from trainer.session import MakeSampler, Session
from trainer.types import Group
from trainer.world import World
from verifiers import Problem


class RunStopped(RuntimeError):
    """The run ended itself, for the reason in the message; what it had learned is in its last checkpoint."""


def train(config: RunConfig, run: RunDirectory, judge: Judge, make_sampler: MakeSampler) -> dict[str, Any]:
    """Do all that is left of a run; returns its summary, which is also written to the run directory."""
    data = benchmarks.load(config.data)
    with Session(config, run, judge, make_sampler) as session:
        session.supervise()
        problems = session.usable(data.problems)
        policy, sampler = session.policy, session.sampler
        canary = _canary(config, policy, sampler, problems)
        canary.compare_weights()
        optimizer = policy.begin(config.optim, steps=config.steps)
        if session.progress.step:
            checkpoint.restore_optimizer(optimizer, session.folder)
        learner = Learner(config, policy, session.reference(), World.of_this_process())
        for step in range(session.progress.step, config.steps):
            started = time.monotonic()
            chosen = take(problems, step, config.problems, seed=config.seed)
            rollout = sample(config, policy, sampler, judge, chosen, step)
            refuse_unjudged(config, rollout.groups)
            canary.compare_samples(rollout.groups)
            sampled = time.monotonic()
            learned = learner.learn(rollout.groups, [group.scores for group in rollout.groups], step)
            refuse_not_finite(learned, step)
            updated = time.monotonic()
            sampler.load(policy)
            canary.compare_weights()
            now = time.monotonic()
            times = {"update": updated - sampled, "weights": now - updated, "step": now - started}
            session.record(step, rollout, learned, times)
        return session.finish()


def _canary(config: RunConfig, policy: Policy, sampler: Sampler, problems: Sequence[Problem]) -> Canary:
    return Canary(
        policy,
        sampler,
        [policy.codec.encode_prompt(problem.prompt) for problem in problems[:8]],
        temperature=config.sampling.temperature,
        tolerance=config.tolerance,
        max_tokens=config.micro_batch_tokens,
    )


def take(problems: Sequence[Problem], step: int, count: int, *, seed: int) -> list[Problem]:
    """The problems of one step: epoch after epoch, each in an order of its own, decided by seed and step alone."""
    chosen = []
    for position in range(step * count, (step + 1) * count):
        epoch, index = divmod(position, len(problems))
        chosen.append(problems[_order(len(problems), seed, epoch)[index]])
    return chosen


@functools.lru_cache(maxsize=2)
def _order(count: int, seed: int, epoch: int) -> list[int]:
    return random.Random(f"{seed}/{epoch}").sample(range(count), count)


def sample(
    config: RunConfig, policy: Policy, sampler: Sampler, judge: Judge, problems: Sequence[Problem], step: int
) -> Rollout:
    prompts = [policy.codec.encode_prompt(problem.prompt) for problem in problems]
    draw = Draw(
        count=config.sampling.group,
        max_new_tokens=config.sampling.max_new_tokens,
        temperature=config.sampling.temperature,
        seed=config.seed * 1_000_003 + step,
    )
    return roll_out(problems, prompts, sampler, judge, draw)


def refuse_unjudged(config: RunConfig, groups: Sequence[Group]) -> None:
    """Raise `RunStopped` when too many could not be judged: training on the rest would be training on luck."""
    num_completions = sum(len(group.verdicts) for group in groups)
    reasons = Counter(
        (group.problem.verifier, verdict.detail.removeprefix(f"problem {group.problem.id}: "))
        for group in groups
        for verdict in group.verdicts
        if verdict.score is None
    )
    if reasons.total() > config.max_unjudged * num_completions:
        [((verifier, reason), count)] = reasons.most_common(1)
        raise RunStopped(
            f"{reasons.total()} of {num_completions} completions could not be judged "
            f"(max_unjudged = {config.max_unjudged:g}); most often, {count} times, by {verifier}: {reason}"
        )


def refuse_not_finite(learned: Learned, step: int) -> None:
    """Raise `RunStopped` when a loss or a gradient is not finite; the weights are those before that update."""
    for update in learned.updates:
        if not (math.isfinite(update.loss) and math.isfinite(update.grad_norm)):
            raise RunStopped(f"step {step}: the loss or the gradient is not finite ({update})")
