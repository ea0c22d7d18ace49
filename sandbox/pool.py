"""Warm boxes, borrowed and given back; a suspect one is destroyed, not returned."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from sandbox.bubblewrap import BubblewrapBox, find_tree
from sandbox.cache import OutcomeCache
from sandbox.channel import WorkerBox
from sandbox.docker import DockerBox, Engine, find_engine, find_image
from sandbox.image import image_name
from sandbox.process import ProcessBox
from sandbox.types import Ending, Job, Limits, Outcome, Preload, SandboxConfig, SandboxUnavailable

RETRY_SECONDS = 1.0
"""Before a second attempt when a box could not be brought up."""


class Pool:
    """As many boxes of one kind as may run at once, all with the same modules preloaded.

    A box is made for one size (memory, files, processes). A job of another size takes a box that fits, or has one
    made in place of one that does not, so a pool is quickest when its jobs have the same limits. With `cache_bytes` the
    outcomes of equal jobs are remembered in that much memory, and an equal job runs once.
    """

    def __init__(self, config: SandboxConfig, *, preload: Sequence[Preload] = (), cache_bytes: int = 0) -> None:
        self.reason = "not started"
        """Why this kind of box was chosen, for people."""
        self._config = config
        self._preload = tuple(preload)
        self._cache = OutcomeCache(cache_bytes) if cache_bytes else None
        self._num_slots = config.slots or len(os.sched_getaffinity(0))
        self._turns = asyncio.Semaphore(self._num_slots)
        self._free_slots = list(range(self._num_slots))
        self._idle: list[tuple[int, WorkerBox]] = []
        self._busy: list[WorkerBox] = []
        self._closing: set[asyncio.Task[None]] = set()
        self._start_lock = asyncio.Lock()
        self._place: Engine | Path | None = None
        self._image = ""
        self._is_open = self._is_closed = False

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
            case Path(name=name):
                return f"bubblewrap, {name}"
        return "bare process (no isolation)" if self._is_open else f"{self._config.kind}, not started"

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def start(self) -> None:
        """Choose the kind of box and bring a first one up, or raise `SandboxUnavailable`. Twice is harmless."""
        async with self._start_lock:
            if self._is_open or self._is_closed:
                return
            await self._choose()
            self._idle.append(await self._borrow(Limits()))
            self._is_open = True

    async def run(self, job: Job, limits: Limits | None = None) -> Outcome:
        """Run one job as soon as a box is free, first come, first served; the wait is not charged to the job.

        Never raises for what the job does. Our own failure is tried once more in another box, then returned as
        `Ending.INFRASTRUCTURE`. Raises `SandboxUnavailable` when no box can be brought up.
        """
        limits = limits or Limits()
        if self._cache is not None:
            return await self._cache.outcome(job, limits, lambda: self._run(job, limits))
        return await self._run(job, limits)

    async def _run(self, job: Job, limits: Limits) -> Outcome:
        await self.start()
        async with self._turns:
            try:
                outcome = await self._run_once(job, limits)
            except SandboxUnavailable:
                await asyncio.sleep(RETRY_SECONDS)
            else:
                if outcome.ending is not Ending.INFRASTRUCTURE:
                    return outcome
            return await self._run_once(job, limits)

    async def close(self) -> None:
        """End all boxes; what still runs comes back as `Ending.INFRASTRUCTURE`. Twice is harmless."""
        self._is_open, self._is_closed = False, True
        idle, self._idle = self._idle, []
        for slot, box in idle:
            self._destroy(slot, box)
        for box in self._busy:
            self._close_later(box)
        while self._closing:
            await asyncio.wait(self._closing)

    async def _run_once(self, job: Job, limits: Limits) -> Outcome:
        if self._is_closed:
            return Outcome(Ending.INFRASTRUCTURE, detail="the pool is closed")
        slot, box = await self._borrow(limits)
        self._busy.append(box)
        try:
            return await box.run(job, limits)
        finally:
            self._busy.remove(box)
            if box.is_clean and self._is_open:
                self._idle.append((slot, box))
            else:
                self._destroy(slot, box)

    async def _borrow(self, limits: Limits) -> tuple[int, WorkerBox]:
        """A box of the right size: an idle one, else a new one, in place of an idle one when all slots are taken."""
        for index in reversed(range(len(self._idle))):  # the one used last is the warmest
            if _size(self._idle[index][1].limits) == _size(limits):
                return self._idle.pop(index)
        if not self._free_slots:
            self._destroy(*self._idle.pop(0))
        slot = self._free_slots.pop(0)
        try:
            box = self._make(slot, limits)
            await box.start()
        except BaseException:
            self._free_slots.append(slot)
            raise
        return slot, box

    def _destroy(self, slot: int, box: WorkerBox) -> None:
        self._free_slots.append(slot)
        self._close_later(box)

    def _close_later(self, box: WorkerBox) -> None:
        """In the background, so that nobody waits for it but our own `close`."""
        task = asyncio.create_task(box.close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    def _make(self, slot: int, limits: Limits) -> WorkerBox:
        match self._place:
            case Engine() as engine:
                return DockerBox(self._image, engine, slot, limits, self._preload)
            case Path() as tree:
                return BubblewrapBox(tree, slot, limits, self._preload)
        return ProcessBox(limits, self._preload)

    async def _choose(self) -> None:
        kind = self._config.kind
        if kind == "process":
            self.reason = "bare processes, no isolation: asked for by name"
            return
        if kind == "bubblewrap":
            self._place, self.reason = find_tree(), "bubblewrap: asked for by name"
            return
        engine = await find_engine()
        if engine is not None:
            self._image = await find_image(self._config.image or image_name())
            self._place, self.reason = engine, f"docker: engine {engine.version} answers"
            return
        if kind == "docker":
            raise SandboxUnavailable(
                "no Docker engine answers; type: apt-get install docker.io && service docker start"
            )
        try:
            self._place, self.reason = find_tree(), "bubblewrap: no Docker engine answers"
        except SandboxUnavailable as error:
            raise SandboxUnavailable(f"no Docker engine answers, and {error}") from None


def _size(limits: Limits) -> tuple[int, int, int, int]:
    return limits.memory_mb, limits.files_mb, limits.processes, limits.output_bytes
