"""Outcomes by content: the completions of a group often hold the same program, which then runs once."""

from __future__ import annotations

import asyncio
import hashlib
import pickle
from collections import OrderedDict
from collections.abc import Awaitable, Callable

from sandbox.types import Ending, Job, Limits, Outcome

LASTING = (Ending.EXITED, Ending.SIGNAL, Ending.OUTPUT_LIMIT)
"""Endings that say something of the program alone: time and memory also depend on how busy the machine was."""


class OutcomeCache:
    """Belongs to one pool, so to one image and one set of preloaded modules. Used on one event loop."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes, self._num_bytes = max_bytes, 0
        self._kept: OrderedDict[bytes, Outcome] = OrderedDict()
        self._running: dict[bytes, asyncio.Future[Outcome]] = {}

    async def outcome(self, job: Job, limits: Limits, run: Callable[[], Awaitable[Outcome]]) -> Outcome:
        """What `job` did when it last ran, or does in the run under way, or in a new one."""
        key = hashlib.sha256(pickle.dumps((type(job).__name__, job, limits))).digest()
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        if key in self._running:
            shared = await asyncio.shield(self._running[key])
            return shared if shared.ending in LASTING else await run()
        running = self._running[key] = asyncio.ensure_future(run())
        running.add_done_callback(lambda done: self._finish(key, done))
        return await asyncio.shield(running)  # others may be waiting for it, even if this caller gives up

    def _finish(self, key: bytes, done: asyncio.Future[Outcome]) -> None:
        del self._running[key]
        if done.cancelled() or done.exception() is not None or done.result().ending not in LASTING:
            return
        self._kept[key] = done.result()
        self._num_bytes += _size(done.result())
        while self._num_bytes > self._max_bytes:
            self._num_bytes -= _size(self._kept.popitem(last=False)[1])


def _size(outcome: Outcome) -> int:
    return 1000 + len(outcome.stdout) + len(outcome.stderr) + len(outcome.value or b"")
