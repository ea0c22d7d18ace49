"""Warm boxes, borrowed and given back; a suspect one is destroyed, not returned."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sandbox.bubblewrap import BubblewrapBox, find_tree
from sandbox.cache import OutcomeCache
from sandbox.channel import MB, WorkerBox
from sandbox.docker import DockerBox, Engine, find_engine, find_image, sweep_containers
from sandbox.image import image_name, no_engine, tree_digest
from sandbox.languages import BUILD_MEMORY_MB, BUILD_SECONDS, needs_build
from sandbox.leftovers import sweep
from sandbox.process import ProcessBox
from sandbox.together import Together
from sandbox.types import (
    Build,
    Check,
    Ending,
    Job,
    Limits,
    Outcome,
    Preload,
    Program,
    SandboxConfig,
    SandboxError,
    SandboxUnavailable,
)

RETRY_SECONDS = 1.0
"""Before a second attempt when a box could not be brought up."""

RECOVERY_SECONDS = 60.0
"""How long jobs wait for an engine that went away, counted from when it was first missed."""

MAX_PAUSE_SECONDS = 8.0
"""An engine that went away is asked after pauses that grow up to this."""

NUM_WARM = 2
"""How many boxes should be idle, or on their way up, after one was destroyed: its replacement, and a spare."""

BUILDS_BYTES = 64 * MB
"""Memory for what compilers made: each program has many tests, and is compiled once."""


class SlotsError(SandboxError, ValueError):
    """More slots were asked for than there are cores to give each its own."""


class Pool:
    """As many boxes of one kind as may run at once, all with the same modules preloaded.

    A box is made for one size (memory, files, processes). A job of another size takes a box that fits, or has one
    made in place of one that does not, so a pool is quickest when its jobs have the same limits. With `cache_bytes` the
    outcomes of equal jobs are remembered in that much memory, and an equal job runs once.

    A slot of a walled kind is a core. A box with an unclean sign is destroyed, and another one comes up in the
    background at once; where a core is left over, one spare box is then kept warm on it.
    """

    def __init__(self, config: SandboxConfig, *, preload: Sequence[Preload] = (), cache_bytes: int = 0) -> None:
        self.reason = "not started"
        """Why this kind of box was chosen, for people."""
        self.promises: Mapping[str, str] = {}
        """What keeps a run in, for people, by the name of the wall; empty before the start."""
        self._config = config
        self._preload = tuple(preload)
        self._cache = OutcomeCache(cache_bytes) if cache_bytes else None
        self._builds = OutcomeCache(BUILDS_BYTES)
        self._num_slots = config.slots or len(os.sched_getaffinity(0))
        self._turns = asyncio.Semaphore(self._num_slots)
        self._together = Together(self._turns, self._num_slots, self._run_now)
        self._free_slots: list[int] = []
        self._idle: list[tuple[int, WorkerBox]] = []
        self._busy: list[WorkerBox] = []
        self._coming: dict[int, tuple[Limits, asyncio.Task[WorkerBox]]] = {}  # by slot; those that nobody waits for
        self._starting: set[asyncio.Task[WorkerBox]] = set()
        self._closing: set[asyncio.Task[None]] = set()
        self._start_lock = asyncio.Lock()
        self._place: Engine | Path | None = None
        self._image = ""
        self._is_open = self._is_closed = False
        self._missed_at: float | None = None  # when the engine was first found away
        self._asked_at = 0.0

    @property
    def num_slots(self) -> int:
        """How many jobs run at the same time."""
        return self._num_slots

    @property
    def description(self) -> str:
        """The kind of box, and what is in it."""
        match self._place:
            case Engine(version=version):
                return f"docker {version}, image {self._image[:19]}"
            case Path():
                return f"bubblewrap, tree {self._image[:19]}"
        return "bare process (no isolation)" if self._is_open else f"{self._config.kind}, not started"

    @property
    def image(self) -> str:
        """Digest of what is in the box; empty for bare processes and before the start."""
        return self._image

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def start(self) -> None:
        """Choose the kind of box and bring a first one up, or raise `SandboxUnavailable`. Twice is harmless.

        Raises `SlotsError` when the config asks for more slots than there are cores.
        """
        async with self._start_lock:
            if self._is_open or self._is_closed:
                return
            await self.choose()
            slot, box = await self._borrow(Limits())
            missing = {lack: f"MISSING, as you accept: {why}" for lack, why in box.lacks.items()}
            self.promises = {**box.promises, **missing}
            self._idle.append((slot, box))
            self._is_open = True
            self._later(self._sweep())

    async def choose(self) -> None:
        """Choose the kind of box as `start` does, and bring none up: `description`, `reason` and `num_slots` say which.

        Raises what `start` raises when there is none to choose, or when too many slots are asked for.
        """
        await self._choose()
        self._share_out_cores()

    async def run(self, job: Job, limits: Limits | None = None) -> Outcome:
        """Run one job as soon as a box is free, first come, first served; the wait is not charged to the job.

        Never raises for what the job does, nor, once the pool has started, for what becomes of the boxes: a job that
        loses its box is tried once more in a new one, and our own failure is `Ending.INFRASTRUCTURE`. While an engine
        is away, jobs wait for it. Raises what `start` raises when the pool cannot start.
        """
        limits = limits or Limits()
        if isinstance(job, Program) and needs_build(job):
            built = await self._build(job, limits)
            if built.value is None:
                return built
            job = replace(job, built=built.value)
        if self._cache is not None:
            return await self._cache.outcome(job, limits, lambda: self._run(job, limits))
        return await self._run(job, limits)

    async def _build(self, program: Program, limits: Limits) -> Outcome:
        """Once for all runs of an equal source; a source that does not compile has ended as its program would."""
        job = Build(program.source, program.language, program.files)
        limits = replace(limits, wall_seconds=BUILD_SECONDS, memory_mb=max(limits.memory_mb, BUILD_MEMORY_MB))
        outcome = await self._builds.outcome(job, limits, lambda: self._run(job, limits))
        if outcome.ending is Ending.INFRASTRUCTURE or outcome.value is not None:
            return outcome
        complaints = [line for line in outcome.stderr.decode(errors="replace").splitlines() if "error" in line]
        return replace(outcome, detail=f"did not compile: {(complaints or [outcome.ending.value])[0].strip()[:200]}")

    @contextlib.asynccontextmanager
    async def lend(self, limits: Limits, *, is_new: bool = False) -> AsyncIterator[WorkerBox]:
        """A box for more than one run, as soon as one is free; afterwards it is kept, or destroyed if it is not clean.

        `is_new` asks for one that nobody has used: for a second attempt, since with one box others may be lost. Raises
        `SandboxUnavailable` when no box can be had. A holder that waits for another box of this pool may wait for ever.
        """
        await self.start()
        async with self._turns, self._box(limits, is_new) as box:
            yield box

    async def close(self) -> None:
        """End all boxes; what still runs comes back as `Ending.INFRASTRUCTURE`. Twice is harmless."""
        self._is_open, self._is_closed = False, True
        for starting in self._starting:
            starting.cancel()
        idle, self._idle = self._idle, []
        for box in [*(box for _, box in idle), *self._busy]:
            self._later(box.close())
        while self._starting or self._closing:
            await asyncio.wait({*self._starting, *self._closing})

    async def _run(self, job: Job, limits: Limits) -> Outcome:
        await self.start()
        if isinstance(job, Check) and job.is_sociable:
            return await self._together.run(job, limits)
        async with self._turns:
            return await self._run_now(job, limits)

    async def _run_now(self, job: Job, limits: Limits) -> Outcome:
        """For who has a turn."""
        try:
            async with self._box(limits) as box:
                outcome = await box.run(job, limits)
            if outcome.ending is Ending.INFRASTRUCTURE and not box.is_clean:
                async with self._box(limits, is_new=True) as box:
                    outcome = await box.run(job, limits)
            return outcome
        except SandboxUnavailable as error:
            return Outcome(Ending.INFRASTRUCTURE, detail=" ".join(str(error).split()))

    @contextlib.asynccontextmanager
    async def _box(self, limits: Limits, is_new: bool = False) -> AsyncIterator[WorkerBox]:
        """For who has a turn."""
        slot, box = await self._borrow(limits, is_new)
        self._busy.append(box)
        try:
            yield box
        finally:
            self._busy.remove(box)
            if box.is_clean and self._is_open:
                self._idle.append((slot, box))
            else:
                self._destroy(slot, box)
                self._restock(box.limits)

    async def _borrow(self, limits: Limits, is_new: bool = False) -> tuple[int, WorkerBox]:
        """A box of the right size: an idle one, else one that was coming anyway, else a new one."""
        if not is_new and (idle := self._take_idle(limits)):
            return idle
        if coming := self._take_coming(limits):
            with contextlib.suppress(SandboxUnavailable):  # what it was refused is no word on what we shall be
                return await self._arrival(*coming)
        slot = self._take_slot()
        return await self._arrival(slot, self._start_later(slot, limits))

    async def _arrival(self, slot: int, starting: asyncio.Task[WorkerBox]) -> tuple[int, WorkerBox]:
        try:
            box = await starting
        except (asyncio.CancelledError, Exception) as error:
            self._put_away(slot, starting)
            us = asyncio.current_task()
            if isinstance(error, asyncio.CancelledError) and us and not us.cancelling():  # `close` cancelled it
                raise SandboxUnavailable("the pool is closed") from None
            raise
        if self._is_closed:
            self._put_away(slot, starting)
            raise SandboxUnavailable("the pool is closed")
        return slot, box

    def _take_idle(self, limits: Limits) -> tuple[int, WorkerBox] | None:
        for slot, box in reversed(self._idle.copy()):  # the one used last is the warmest
            if _size(box.limits) == _size(limits):
                self._idle.remove((slot, box))
                if box.is_clean:
                    return slot, box
                self._destroy(slot, box)
        return None

    def _take_coming(self, limits: Limits) -> tuple[int, asyncio.Task[WorkerBox]] | None:
        for slot, (made_for, starting) in self._coming.items():
            if _size(made_for) == _size(limits):
                del self._coming[slot]
                return slot, starting
        return None

    def _take_slot(self) -> int:
        """A free one, else that of a box of another size."""
        if self._is_closed:
            raise SandboxUnavailable("the pool is closed")
        if not self._free_slots and self._idle:
            self._destroy(*self._idle.pop(0))
        elif not self._free_slots:
            slot, (_, starting) = self._coming.popitem()
            starting.cancel()
            self._free_slots.append(slot)
        return self._free_slots.pop(0)

    def _restock(self, limits: Limits) -> None:
        """After a loss, in the background: nobody has to wait for a box to start, the next time."""
        while self._is_open and self._free_slots and len(self._idle) + len(self._coming) < NUM_WARM:
            slot = self._free_slots.pop(0)
            starting = self._start_later(slot, limits)
            self._coming[slot] = limits, starting
            starting.add_done_callback(partial(self._arrive, slot))

    def _arrive(self, slot: int, starting: asyncio.Task[WorkerBox]) -> None:
        if self._coming.get(slot, (None, None))[1] is starting:  # else somebody has claimed it
            del self._coming[slot]
            self._put_away(slot, starting)

    def _put_away(self, slot: int, started: asyncio.Task[WorkerBox]) -> None:
        """What came up for nobody."""
        if started.cancelled() or started.exception() is not None:
            self._free_slots.append(slot)
        elif self._is_open:
            self._idle.append((slot, started.result()))
        else:
            self._destroy(slot, started.result())

    def _destroy(self, slot: int, box: WorkerBox) -> None:
        self._free_slots.append(slot)
        self._later(box.close())

    async def _sweep(self) -> None:
        """Take away what processes left that were killed while a box of theirs was starting."""
        await asyncio.to_thread(sweep)
        if isinstance(self._place, Engine):
            await sweep_containers()

    def _later(self, tidying: Coroutine[Any, Any, None]) -> None:
        """In the background, so that nobody waits for it but our own `close`."""
        task = asyncio.create_task(tidying)
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    def _start_later(self, slot: int, limits: Limits) -> asyncio.Task[WorkerBox]:
        """A task of its own, so that `close` can end it, whoever waits for it."""
        task = asyncio.create_task(self._bring_up(slot, limits))
        self._starting.add(task)
        task.add_done_callback(self._starting.discard)
        return task

    async def _bring_up(self, slot: int, limits: Limits) -> WorkerBox:
        """A new box. An engine that went away is waited for; one that answers and refuses is asked once more."""
        was_refused = False
        while True:
            if self._missed_at is not None:
                await self._sit_out()
            box = self._make(slot, limits)
            try:
                await box.start()
            except SandboxUnavailable:
                if not self._is_open:
                    raise
                if not await self._is_engine_away():
                    if was_refused:
                        raise
                    was_refused = True
                    await asyncio.sleep(RETRY_SECONDS)
            else:
                return box

    async def _sit_out(self) -> None:
        """Until the engine answers; raises `SandboxUnavailable` once it has been away for too long."""
        pause = RETRY_SECONDS
        while await self._is_engine_away():
            away_seconds = time.monotonic() - (self._missed_at or 0)
            if away_seconds >= RECOVERY_SECONDS:
                raise SandboxUnavailable(
                    f"no Docker engine has answered for {away_seconds:.0f} s; type: service docker start"
                )
            await asyncio.sleep(min(pause, RECOVERY_SECONDS - away_seconds))
            pause = min(2 * pause, MAX_PAUSE_SECONDS)

    async def _is_engine_away(self) -> bool:
        """What a hung engine takes long to answer is asked once for all who wait."""
        if not isinstance(self._place, Engine):
            return False
        if self._missed_at is None or time.monotonic() - self._asked_at >= RETRY_SECONDS:
            is_away = await find_engine() is None
            self._asked_at = time.monotonic()
            self._missed_at = (self._missed_at or self._asked_at) if is_away else None
        return self._missed_at is not None

    def _share_out_cores(self) -> None:
        """Which slots there are: as many as jobs may run, and one for a spare if there is a core for it."""
        num_cores = len(self._place.cores if isinstance(self._place, Engine) else os.sched_getaffinity(0))
        self._num_slots = self._config.slots or num_cores
        num_boxes = self._num_slots + 1
        if self._place is not None:
            if self._num_slots > num_cores:
                raise SlotsError(
                    f"sandbox.slots: {self._num_slots} asked for, but each slot takes a core and {self.description} "
                    f"has {num_cores}; set it to at most {num_cores}, or leave it out"
                )
            num_boxes = min(num_boxes, num_cores)
        self._turns = asyncio.Semaphore(self._num_slots)
        self._together = Together(self._turns, self._num_slots, self._run_now)
        self._free_slots = list(range(num_boxes))

    def _make(self, slot: int, limits: Limits) -> WorkerBox:
        match self._place:
            case Engine() as engine:
                return DockerBox(self._image, engine, slot, self._config, limits, self._preload)
            case Path() as tree:
                return BubblewrapBox(tree, slot, self._config, limits, self._preload)
        return ProcessBox(self._config, limits, self._preload)

    async def _choose(self) -> None:
        kind = self._config.kind
        if kind == "process":
            self.reason = "bare processes, no isolation: asked for by name"
            return
        if kind == "bubblewrap":
            self._take_tree("bubblewrap: asked for by name")
            return
        engine = await find_engine()
        if engine is not None:
            self._image = await find_image(self._config.image or image_name())
            self._place, self.reason = engine, f"docker: engine {engine.version} answers"
            return
        if kind == "docker":
            raise SandboxUnavailable(no_engine())
        try:
            self._take_tree("bubblewrap: no Docker engine answers")
        except SandboxUnavailable as error:
            raise SandboxUnavailable(f"no Docker engine answers, and {error}") from None

    def _take_tree(self, reason: str) -> None:
        tree = find_tree()
        self._place, self._image, self.reason = tree, tree_digest(tree), reason


def _size(limits: Limits) -> tuple[int, int, int, int]:
    return limits.memory_mb, limits.files_mb, limits.processes, limits.output_bytes
