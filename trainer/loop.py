"""The training run: supervised stages, then sample, judge, learn, and put the weights back, step by step."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import Any

from trainer import report
from trainer.canary import DRAWN_TOKENS, Canary
from trainer.chooser import Chooser
from trainer.config.run import RunConfig
from trainer.learn import Learner
from trainer.mixture import load_mixture
from trainer.out_of_memory import MicroBatches
from trainer.policy import Policy
from trainer.record import RunDirectory
from trainer.rollout import Judge
from trainer.sampler import Draw, Sampler
from trainer.session import MakeSampler, RunStopped, Session
from trainer.stream import Stream
from trainer.types import Group
from trainer.world import World
from verifiers import Problem


def train(config: RunConfig, run: RunDirectory, judge: Judge, make_sampler: MakeSampler) -> dict[str, Any]:
    """Do all that is left of a run; returns its summary, which is also written to the run directory."""
    world = World.of_this_process()
    mixture = load_mixture(config.data, lambda problems: world.by_first(lambda: judge.unsound(problems)))
    for source in mixture.sources:
        if source.left_out:
            run.event("left out", source=source.name, count=len(source.left_out), first=source.left_out[0])
    with Session(config, run, judge, make_sampler) as session:
        usable = session.usable(mixture)
        session.supervise()
        policy, sampler = session.policy, session.sampler
        canary = _canary(config, policy, sampler, usable.problems)
        canary.compare_weights()
        learner = session.begin(Learner(config, policy, session.reference(), world, report.say))
        chooser = Chooser(usable, seed=config.seed, curriculum=config.curriculum)
        check = partial(refuse_unjudged, config)
        stream = session.resume(Stream(config, policy.codec, sampler, judge, chooser, check, world))
        for step in range(session.progress.step, config.steps):
            started = time.monotonic()
            rollout = stream.take(step)
            canary.compare_samples(rollout.sampled)
            sampler.rest()
            stream.look_ahead(policy.version)
            sampled = time.monotonic()
            learned = learner.learn(rollout, step)
            updated = time.monotonic()
            stream.settle()
            settled = time.monotonic()
            canary.compare_weights(session.agreed(sampler.load(policy)))
            now = time.monotonic()
            times = {"update": updated - sampled, "wait": settled - updated, "weights": now - settled}
            session.record(step, rollout, learned, {**times, "step": now - started})
        return session.finish()


def _canary(config: RunConfig, policy: Policy, sampler: Sampler, problems: Sequence[Problem]) -> Canary:
    sampling, is_ahead = config.sampling, config.sampling.max_staleness > 0
    return Canary(
        policy,
        sampler,
        [policy.codec.encode_prompt(problem.prompt) for problem in problems[:8]],
        temperature=sampling.temperature,
        tolerance=config.tolerance,
        micro_batches=MicroBatches(config.micro_batch_tokens, report.say),
        draw=Draw(1, min(DRAWN_TOKENS, sampling.max_new_tokens), sampling.temperature, config.seed)
        if is_ahead
        else None,
    )


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
