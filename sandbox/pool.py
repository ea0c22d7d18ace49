"""Warm boxes, borrowed and given back; a suspect one is destroyed, not returned."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from sandbox.bubblewrap import BubblewrapBox, find_tree
from sandbox.channel import WorkerBox
from sandbox.docker import DockerBox, Engine, find_engine, find_image
from sandbox.image import image_name
from sandbox.process import ProcessBox
from sandbox.types import Ending, Job, Limits, Outcome, Preload, SandboxConfig, SandboxUnavailable


class Pool:
    """As many boxes of one kind as may run at once, all with the same modules preloaded.

    A box is made for one size (memory, files, processes). A job of another size takes a box that fits, or has one
    made in place of one that does not, so a pool is quickest when its jobs have the same limits.
    """

    def __init__(self, config: SandboxConfig, *, preload: Sequence[Preload] = ()) -> None:
        self.reason = "not started"
        """Why this kind of box was chosen, for people."""
        self._config = config
        self._preload = tuple(preload)
        self._num_slots = config.slots or len(os.sched_getaffinity(0))
        self._turns = asyncio.Semaphore(self._num_slots)
        self._free_slots = list(range(self._num_slots))
        self._idle: list[tuple[int, WorkerBox]] = []
        self._give_backs: set[asyncio.Task[None]] = set()
        self._place: Engine | Path | None = None
        self._image = ""
        self._is_open = False

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
        if self._is_open:
            return
        await self._choose()
        self._is_open = True
        try:
            slot, box = await self._borrow(Limits())
        except BaseException:
            await self.close()
            raise
        self._idle.append((slot, box))

    async def run(self, job: Job, limits: Limits | None = None) -> Outcome:
        """Run one job as soon as a box is free, first come, first served; the wait is not charged to the job.

        Never raises for what the job does. Our own failure is tried once more in another box, then returned as
        `Ending.INFRASTRUCTURE`. Raises `SandboxUnavailable` when no box can be brought up any more.
        """
        limits = limits or Limits()
        await self.start()
        async with self._turns:
            outcome = await self._run_once(job, limits)
            if outcome.ending is Ending.INFRASTRUCTURE:
                outcome = await self._run_once(job, limits)
            return outcome

    async def close(self) -> None:
        """End all boxes. Twice is harmless."""
        self._is_open = False
        idle, self._idle = self._idle, []
        for slot, box in idle:
            self._destroy(slot, box)
        while self._give_backs:
            await asyncio.wait(self._give_backs)

    async def _run_once(self, job: Job, limits: Limits) -> Outcome:
        slot, box = await self._borrow(limits)
        try:
            return await box.run(job, limits)
        finally:
            if box.is_clean and self._is_open:
                self._idle.append((slot, box))
            else:
                self._destroy(slot, box)

    async def _borrow(self, limits: Limits) -> tuple[int, WorkerBox]:
        """A box of the right size: an idle one, else a new one, in place of an idle one when all slots are taken."""
        for index, (_, box) in enumerate(self._idle):
            if _size(box.limits) == _size(limits):
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
        """Close a box in the background; `close` waits for it."""
        self._free_slots.append(slot)
        task = asyncio.create_task(box.close())
        self._give_backs.add(task)
        task.add_done_callback(self._give_backs.discard)

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
            raise SandboxUnavailable("no Docker engine answers; type: apt-get install docker.io && service docker start")
        try:
            self._place, self.reason = find_tree(), "bubblewrap: no Docker engine answers"
        except SandboxUnavailable as error:
            raise SandboxUnavailable(f"no Docker engine answers, and {error}") from None


def _size(limits: Limits) -> tuple[int, int, int, int]:
    return limits.memory_mb, limits.files_mb, limits.processes, limits.output_bytes
