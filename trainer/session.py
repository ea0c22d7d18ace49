"""What a run carries from step to step, and what it writes down on the way."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

import benchmarks
from trainer import checkpoint, fresh, report
from trainer.canary import WeightMismatch
from trainer.checkpoint import CheckpointWriter, NoWriter, Progress, State
from trainer.chooser import NothingLeft
from trainer.config.learning import SupervisedStage
from trainer.config.run import RunConfig
from trainer.config.watch import Evaluation
from trainer.disk import WriteFailed
from trainer.evals.evaluate import Evaluated, evaluate, subset
from trainer.health import Health, HealthWarning, severest
from trainer.interrupt import Interrupt
from trainer.learn import Learned, Learner
from trainer.mixture import Mixture
from trainer.out_of_memory import MicroBatches
from trainer.pattern import pattern_of
from trainer.policy import Policy
from trainer.prompts import count_long, describe_long, without_long
from trainer.record import RunDirectory
from trainer.rollout import Judge, Rollout
from trainer.sampler import Draw, Sampler, check_context
from trainer.stream import Stream
from trainer.supervise import supervise, texts
from trainer.types import Group
from trainer.world import World, refuse_other_ranks


class RunStopped(RuntimeError):
    """The run ended itself, for the reason in the message; the same command goes on from its last checkpoint."""


class RunPaused(RunStopped):
    """It ended before its time because it was asked to, and is whole: the same command goes on."""


MakeSampler = Callable[[Policy, Path], Sampler]
"""Opens a sampler on a model folder that has this policy's weights."""


class Session:
    """One process's work on a run: the policy, the sampler, how far it has come, and the run directory.

    Where several ranks work on one run, each has a session, and they do the same, but for what the first alone does:
    checkpoints, evaluations, and what is written of the run besides rollouts.
    """

    def __init__(self, config: RunConfig, run: RunDirectory, judge: Judge, make_sampler: MakeSampler) -> None:
        self.config, self.run, self._judge, self._make_sampler = config, run, judge, make_sampler
        self._world = World.of_this_process()
        self._held_out = benchmarks.load(config.eval.data) if config.eval else None
        self._sampler: Sampler | None = None
        self._parts: dict[str, Callable[[], Any]] = {}
        self._resumed: dict[str, Any] = {}
        self._pending: Sequence[Group] = ()
        self._stream: Stream | None = None
        self._reference: Policy | None = None
        with ExitStack() as opened:  # closed again here and now if the rest fails
            self._interrupt = opened.enter_context(Interrupt(says_so=self._world.is_first))
            self._writer: CheckpointWriter = NoWriter()
            if self._world.is_first:
                self._writer = CheckpointWriter(run.checkpoints, config.checkpoints, run.event)
            opened.push(self._close_writer)
            self.policy = self._begin_or_resume()
            during = config.eval.during_problems if config.eval else 0
            watched = min(during, len(self._held_out.problems)) if self._held_out else 0
            self._health = Health(config.health, held_out=watched)
            if (state := self.carry("health", lambda: self._health.state())) is not None:
                self._health = Health.from_state(config.health, state, held_out=watched)
            self._open = opened.pop_all()

    def _begin_or_resume(self) -> Policy:
        """The policy of the checkpoint that is furthest on, or a new one, ready to be learned with."""
        config, run, world = self.config, self.run, self._world
        found = world.by_first(lambda: checkpoint.latest(run.checkpoints))
        if world.size > 1:
            self.carry("ranks", lambda: world.size)
        if found is None:
            self.progress = Progress(stages=0, step=0)
            if world.is_first:
                self.policy = _begin(config)
            run.event("start")
            self._save("start", wait=True)
        else:
            self.folder, self.progress = found
            run.event("resume", checkpoint=self.folder.name)
            report.say(f"resuming from {self.folder}")
            self._resumed = checkpoint.read_parts(self.folder)
            self._pending = checkpoint.read_pending(self.folder)
            refuse_other_ranks(self.folder, self._resumed.get("ranks", 1), world)
        # A fresh model too, so that it starts as it would resume, to the last buffer.
        if found or config.model.fresh or not world.is_first:
            self.policy = Policy.load(str(self._base), dtype=config.model.dtype)
            self.policy.version = self.progress.step
        self.policy.prepare(config.model, seed=config.seed)
        if self.policy.adapter and (self.folder / "adapter").exists():
            self.policy.adapter.read(self.folder / "adapter")
        run.forget_after(self.progress.step)
        return self.policy

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close all; if the next step could not be taken, with the last one saved."""
        try:
            if isinstance(error, NothingLeft | RunStopped) and 0 < self.progress.step == self.policy.version:
                self._save(f"{self.progress.step:06d}")
        finally:
            self._open.__exit__(kind, error, trace)

    def _close_writer(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Once the last checkpoint is whole; or, if a person has asked twice for the end, with what there is of it left
        aside."""
        try:
            self._writer.close(wait=not isinstance(error, KeyboardInterrupt))
        except WriteFailed as failed:
            if error is None:
                raise
            report.say(str(failed))  # what ended the run is told by its own error

    def carry(self, name: str, state: Callable[[], Any]) -> Any | None:
        """From here on every checkpoint has `state()`, a JSON value, under this name.

        Returns the value that the checkpoint resumed from has under it, or None.
        """
        self._parts[name] = state
        return self._resumed.get(name)

    @property
    def sampler(self) -> Sampler:
        """Opened when first needed, with the policy's present weights."""
        if self._sampler is None:
            started = time.monotonic()
            self._sampler = self._make_sampler(self.policy, self._base)
            self._open.callback(self._sampler.close)
            self._sampler.load(self.policy)
            self._phase("load", started)
            report.say(f"sampler: {self._sampler.description}")
        return self._sampler

    def supervise(self) -> None:
        """Do the supervised stages that are left; each, or the start if there are none, is evaluated once.

        Raises `RunPaused` between two of these if a person has asked for the end.
        """
        stages = self.config.sft
        for number in range(self.progress.stages, len(stages)):
            if number:
                self._evaluate_fully(stages[number - 1].name)
            self._stage(number, stages[number])
            self._pause_if_asked()
        if self.progress.step == 0:
            self._evaluate_fully(self._before)
            self._pause_if_asked()

    def begin(self, learner: Learner) -> Learner:
        """Give the policy its optimizer, and both what the checkpoint has for them."""
        optimizer = self.policy.begin(self.config.optim, steps=self.config.steps)
        if self.progress.step:
            checkpoint.restore_optimizer(optimizer, self.folder)
        if (tokens := self.carry("micro_batch_tokens", lambda: learner.micro_batches.tokens)) is not None:
            learner.micro_batches.tokens = tokens
        return learner

    def resume(self, stream: Stream) -> Stream:
        """Give the stream what the checkpoint has for it, and end it with the session, after what it samples."""
        if (state := self._resumed.get("stream")) is not None:
            stream.restore(state, self._pending, self.progress.step)
        self._stream = stream
        self._open.callback(stream.close)
        self._open.callback(self.sampler.close)  # the first to go: its thread would sample a batch to the end
        return stream

    @property
    def _base(self) -> Path:
        """The model without its adapter, if there is one; or else as it was saved last."""
        return self.run.checkpoints / "start" if self.config.model.lora else self.folder

    def reference(self) -> Policy | None:
        """What reinforcement learning starts from, or the model without its adapter, if the objective measures a
        divergence from it; it never changes."""
        if not self.config.objective.method.kl_coef:
            return None
        if self.policy.adapter:
            return self.policy.base()
        start = self.config.sft[-1].name if self.config.sft else "start"
        reference = Policy.load(str(self.run.checkpoints / start), dtype=self.config.model.dtype)
        if self.config.objective.reference_every:  # it changes, so checkpoints have it
            self._reference = reference
            if (state := checkpoint.read_tensors(self.folder, "reference")) is not None:
                reference.model.load_state_dict(state)
        return reference

    def usable(self, mixture: Mixture) -> Mixture:
        """The problems whose prompts are not too long; how many are, is said. Raises `ProblemError` if they may not be,
        and `ConfigError` if the longest leaves no room for a completion."""
        limit = self.config.max_prompt_tokens
        lengths = {p.id: len(self.policy.codec.encode_prompt(p.prompt)) for p in mixture.problems}
        if line := describe_long(list(lengths.values()), limit, self.config.long_prompts):
            report.say(line)
            self.run.event("long_prompts", limit=limit, buckets=count_long(list(lengths.values()), limit))
        fitting = without_long(mixture, lengths, limit)
        longest = max(lengths[problem.id] for problem in fitting.problems)
        check_context(self.policy.context, longest, self.config.sampling.max_new_tokens)
        return fitting

    def record(
        self,
        step: int,
        rollout: Rollout,
        learned: Learned,
        times: dict[str, float],
    ) -> None:
        """Write down one step; save and evaluate when it is time to.

        Raises `RunStopped`, with all of it saved, when a warning or a person says so.
        """
        done, evaluation = step + 1, self.config.eval
        if self.config.dynamic and len(rollout.groups) < self.config.problems:
            report.say(
                f"step {done}: only {len(rollout.groups)} of {self.config.problems} groups to learn from: dynamic "
                f"sampling found no more with spread among {len(rollout.sampled)}"
            )
        times = {"sample": rollout.sample_seconds, "judge": rollout.judge_seconds, **times}
        values = {**report.metrics(rollout.sampled, learned, times), **rollout.figures}
        own = self._world.share(len(rollout.sampled))
        prompts = [self.policy.tokenizer.decode(group.completions[0].prompt_ids) for group in rollout.sampled[own]]
        self.run.rollouts(
            step, rollout.sampled[own], learned.rewards[own], learned.advantages[own], prompts, rank=self._world.rank
        )
        if evaluation and evaluation.every and done % evaluation.every == 0 and done < self.config.steps:
            values |= self._evaluate_briefly(done)
        self.run.metrics(step, values)
        report.step_line(done, self.config.steps, values)
        score = values.get(f"eval/{self._held_out.name}") if self._held_out else None
        self.progress = Progress(self.progress.stages, done, score)
        warnings = self._health.watch(step, values, pattern_of(rollout.sampled))
        for warning in warnings:
            report.say(f"warning: {warning.name}: {warning.message}")
            self.run.event("warning", name=warning.name, step=step, message=warning.message, action=warning.action)
        is_asked = self._world.any(self._interrupt.asked)  # now all ranks' rollouts are on the disk: it may be saved
        ending = self._ending(warnings, is_asked) if done < self.config.steps else None
        if ending or done % self.config.checkpoints.every == 0 or done == self.config.steps:
            self._save(f"{done:06d}")
        self._writer.check()
        if ending:
            self._writer.wait()
            raise ending

    def agreed(self, arrived: str) -> str:
        """The checksum of what arrived at this rank's sampler. Raises `WeightMismatch` where ranks have other weights
        than others: each makes the same update of the same weights, and nothing else keeps them equal."""
        everybodys, _ = self._world.gathered([arrived])
        if len(set(everybodys)) > 1:
            raise WeightMismatch(
                f"weight update {self.policy.version}: the ranks no longer have the same weights; their checksums are "
                f"{', '.join(everybodys)}"
            )
        return arrived

    def _pause_if_asked(self) -> None:
        """Called where all is saved; raises `RunPaused` if a person has asked for the end."""
        if self._world.any(self._interrupt.asked):
            raise RunPaused("interrupted")

    def _ending(self, warnings: Sequence[HealthWarning], is_asked: bool) -> RunStopped | None:
        """Whether the run is to end before its time, and why."""
        worst = severest(warnings)
        if worst and worst.action == "stop":
            return RunStopped(f"{worst.name}: {worst.message}")
        if worst and worst.action == "pause":
            return RunPaused(f"{worst.name}: {worst.message}")
        return RunPaused("interrupted") if is_asked else None

    def finish(self) -> dict[str, Any]:
        """Evaluate the end, draw the curve, and write the summary: the run is then finished."""
        after = f"{self.config.steps:06d}"
        self._writer.wait()
        self._evaluate_fully(after)
        return self._world.by_first(lambda: self._summarize(after))

    def _summarize(self, after: str) -> dict[str, Any]:
        stages = [stage.name for stage in self.config.sft] or [self._before]
        evaluations = {name: found for name in [*stages, after] if (found := self._read(name))}
        sandbox = self._judge.sandbox_description
        summary = report.summary(self.config, self.run, evaluations, self.sampler.description, sandbox)
        report.draw_curve(self.config, self.run, evaluations, self.run.path / "curve.png")
        report.table(summary)
        self.run.finish(summary)
        return summary

    @property
    def _before(self) -> str:
        """Name of the evaluation that reinforcement learning starts from."""
        return self.config.sft[-1].name if self.config.sft else f"{0:06d}"

    def _stage(self, number: int, stage: SupervisedStage) -> None:
        started = time.monotonic()
        problems = benchmarks.load(stage.data)
        line = report.StageLine(stage.name, stage.steps)
        if self._sampler is not None:
            self._sampler.rest()
        supervise(
            self.policy,
            stage,
            problems,
            seed=self.config.seed,
            micro_batches=MicroBatches(self.config.micro_batch_tokens, report.say),
            report=line,
            world=self._world,
        )
        self.progress = Progress(stages=number + 1, step=0)
        self._save(stage.name, wait=True)
        self._phase("cold_start", started)
        if self._sampler is not None:
            self._sampler.load(self.policy)

    def _evaluate_fully(self, name: str) -> None:
        """An evaluation before or after training, unless an earlier process has done it."""
        evaluation, problems = self.config.eval, self._held_out
        if evaluation is None or problems is None or self._world.by_first(lambda: self._read(name) is not None):
            return
        sampler = self.sampler  # on every rank: engines of vLLM start together
        self._world.by_first(lambda: self._evaluate_now(name, sampler, evaluation, problems))

    def _evaluate_now(
        self, name: str, sampler: Sampler, evaluation: Evaluation, problems: benchmarks.ProblemSet
    ) -> None:
        started = time.monotonic()
        sampled = self._evaluate(sampler, problems, evaluation.samples, evaluation.temperature)
        greedy = self._evaluate(sampler, problems, 1, 0.0) if evaluation.greedy else None
        reports = {"sampled": sampled.report(), "greedy": greedy.report() if greedy else None}
        self.run.evaluation(f"{problems.name}-{name}", reports)
        self._phase("eval", started)
        report.evaluation_line(name, sampled, greedy, time.monotonic() - started)

    def _evaluate_briefly(self, step: int) -> dict[str, float]:
        return self._world.by_first(lambda: self._evaluate_some(step))

    def _evaluate_some(self, step: int) -> dict[str, float]:
        evaluation, problems = self.config.eval, self._held_out
        assert evaluation is not None and problems is not None, "a brief evaluation without [eval]"
        started = time.monotonic()
        some = subset(problems, evaluation.during_problems)
        found = self._evaluate(self.sampler, some, 1, evaluation.temperature)
        self.run.evaluation(f"{problems.name}-{step:06d}", {"sampled": found.report(), "greedy": None})
        self._phase("eval", started)
        return {f"eval/{problems.name}": found.estimate().mean}

    def _evaluate(
        self, sampler: Sampler, problems: benchmarks.ProblemSet, samples: int, temperature: float
    ) -> Evaluated:
        assert self.config.eval is not None, "an evaluation without [eval]"
        new_tokens = self.config.eval.max_new_tokens or self.config.sampling.max_new_tokens
        draw = Draw(samples, new_tokens, temperature, seed=self.config.seed)
        return evaluate(problems, sampler, self._judge, self.policy.codec, draw, context=self.policy.context)

    def _read(self, name: str) -> dict[str, Any] | None:
        return self.run.read_evaluation(f"{self._held_out.name}-{name}") if self._held_out else None

    def _save(self, name: str, *, wait: bool = False) -> None:
        """Save a checkpoint while the run goes on; `wait`: until it is whole, and may be opened as `folder`."""
        if self._world.is_first:
            self._writer.save(name, self.policy, self._state())
        if wait:
            self._writer.wait()
            self._world.meet()
            self.folder = self.run.checkpoints / name

    def _state(self) -> State:
        optimizer = self.policy.optimizer if self.progress.step else None
        ahead, pending = self._stream.snapshot() if self._stream else (None, ())
        return State(
            self.progress,
            tensors={
                **({"optimizer": optimizer.state_dict()} if optimizer else {}),
                **({"reference": self._reference.model.state_dict()} if self._reference else {}),
            },
            parts={**{part: state() for part, state in self._parts.items()}, **({"stream": ahead} if ahead else {})},
            pending=pending,
        )

    def _phase(self, phase: str, started: float) -> None:
        self.run.event("phase", phase=phase, seconds=round(time.monotonic() - started, 3))


def _begin(config: RunConfig) -> Policy:
    if config.model.path is not None:
        return Policy.load(config.model.path, dtype=config.model.dtype)
    assert config.model.fresh is not None, "config has neither a path nor a fresh model"
    return fresh.make(
        config.model.fresh, texts(benchmarks.load(config.sft[0].data)), seed=config.seed, dtype=config.model.dtype
    )
