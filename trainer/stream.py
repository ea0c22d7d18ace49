"""A run's rollouts, one for each step, as far ahead of the learning as the settings allow."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from trainer.chooser import Chooser, NothingLeft
from trainer.config.run import RunConfig
from trainer.dynamic import fill
from trainer.rollout import Judge, Rollout, of_all_ranks, roll_out, seeds_of
from trainer.sampler import Draw, Sampler
from trainer.text import Codec
from trainer.types import Group
from trainer.world import World
from verifiers import Problem


@dataclass(frozen=True, slots=True)
class _Made:
    """A rollout, and what the chooser will go on from after it."""

    rollout: Rollout
    chooser: Mapping[str, Any]


class Stream:
    """Rollouts in the order of the steps, each sampled when all before it are.

    With `max_staleness` n, the rollout of step s is begun once the policy has had s - n updates: 0 samples when asked,
    1 samples the next step while this one is learned, and more go on sampling while weights are replaced.
    """

    def __init__(
        self,
        config: RunConfig,
        codec: Codec,
        sampler: Sampler,
        judge: Judge,
        chooser: Chooser,
        check: Callable[[Sequence[Group]], None],
        world: World = World(),  # noqa: B008 - frozen
    ) -> None:
        """`check` raises when groups are not to be learned from: no checkpoint has them, and who resumes has others.

        Each rank samples its share of a step's problems, and has the groups of all.
        """
        self._config, self._codec, self._sampler, self._judge = config, codec, sampler, judge
        self._chooser, self._check, self._world = chooser, check, world
        self._last: Mapping[str, Any] = chooser.state()
        """What the chooser goes on from after the rollout that was taken last."""
        self._ahead: deque[Future[_Made]] = deque()
        """Those of the next steps, begun or done."""
        self._begun = 0
        """The step after the last that was begun."""
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="stream") if config.sampling.max_staleness else None
        self._is_closed = threading.Event()

    def take(self, step: int) -> Rollout:
        """The groups of a step, sampled and judged; steps are taken in order."""
        if not self._ahead:
            self._begun = step + 1
            made = self._make(step)
        else:
            made = self._ahead.popleft().result()
        self._last = made.chooser
        return made.rollout

    def look_ahead(self, version: int) -> None:
        """Begin what may be begun once the policy has had `version` updates."""
        if self._thread is None:
            return
        while self._begun <= min(version + self._config.sampling.max_staleness, self._config.steps - 1):
            self._ahead.append(self._thread.submit(self._make, self._begun))
            self._begun += 1

    def settle(self) -> None:
        """Wait, before weights are replaced, for what must be sampled with the present ones."""
        if self._config.sampling.max_staleness == 1:
            for made in self._ahead:
                if not isinstance(made.exception(), NothingLeft):  # then there is nothing to sample, now or later
                    made.result()  # raises now: a checkpoint of this step without it would have newer weights sample it

    def snapshot(self) -> tuple[dict[str, Any], list[Group]]:
        """All that decides what comes next: a JSON value, and the groups of the next steps that are sampled already."""
        done = self._done()
        return {
            "chooser": done[-1].chooser if done else self._last,
            "ahead": [
                {
                    "kept": len(made.rollout.groups),
                    "dropped": len(made.rollout.dropped),
                    "seconds": [made.rollout.sample_seconds, made.rollout.judge_seconds],
                    "figures": dict(made.rollout.figures),
                    "chooser": made.chooser,
                }
                for made in done
            ],
        }, [group for made in done for group in made.rollout.sampled]

    def restore(self, value: Mapping[str, Any], groups: Sequence[Group], step: int) -> None:
        """Go on before `step` from a `snapshot`."""
        self._chooser.restore(value["chooser"])
        self._last, self._begun, rest = value["chooser"], step, list(groups)
        for one in value["ahead"]:
            kept, dropped, rest = rest[: one["kept"]], rest[one["kept"] :][: one["dropped"]], rest[one["kept"] :]
            rest = rest[one["dropped"] :]
            future: Future[_Made] = Future()
            sample_seconds, judge_seconds = one["seconds"]
            rollout = Rollout(kept, sample_seconds, judge_seconds, dropped, one["figures"])
            future.set_result(_Made(rollout, one["chooser"]))
            self._ahead.append(future)
            self._begun += 1

    def close(self) -> None:
        """End what is being sampled; twice is harmless."""
        self._is_closed.set()
        if self._thread is not None:
            self._thread.shutdown(cancel_futures=True)

    def _done(self) -> list[_Made]:
        done: list[_Made] = []
        for made in self._ahead:
            if not made.done() or made.exception():
                break
            done.append(made.result())
        return done

    def _make(self, step: int) -> _Made:
        """The rollout of one step, in one round or, with dynamic sampling, in as many as it takes."""
        config = self._config

        def ask(count: int, number: int) -> Rollout:
            problems = self._chooser.take(count)
            seeds = seeds_of(problems, config.sampling.group, seed=config.seed, step=step, turn=number)
            own = self._world.share(count)
            mine = self._roll_out(problems[own], seeds[own.start * config.sampling.group :])
            return of_all_ranks(mine, problems, self._world)

        dynamic, wanted = config.dynamic, config.problems
        rollout = fill(ask, wanted=wanted, max_rounds=dynamic.max_rounds) if dynamic else ask(wanted, 0)
        self._check(rollout.sampled)
        for group in rollout.sampled:
            self._chooser.observe(group.problem.id, group.scores)
        rollout = replace(rollout, figures={**rollout.figures, **self._chooser.figures})
        return _Made(rollout, self._chooser.state())

    def _roll_out(self, problems: Sequence[Problem], seeds: tuple[int, ...]) -> Rollout:
        """`seeds`: one for each completion, and perhaps more."""
        if not problems:
            return Rollout([], 0.0, 0.0)
        sampling = self._config.sampling
        draw = Draw(
            count=sampling.group,
            max_new_tokens=sampling.max_new_tokens,
            temperature=sampling.temperature,
            seed=seeds[0],
            seeds=seeds[: len(problems) * sampling.group],
        )
        prompts = [self._codec.encode_prompt(problem.prompt) for problem in problems]
        return roll_out(problems, prompts, self._sampler, self._judge, draw, is_over=self._is_closed.is_set)
