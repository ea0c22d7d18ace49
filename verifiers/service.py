"""The host's end of the processes in which asynchronous verifiers run, one for each, many calls at a time."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import shutil
import signal
import socket
import struct
import sys
import time
from collections.abc import Coroutine, Mapping
from pathlib import Path
from typing import Any

from sandbox import Ending, Outcome, owned_folder

LENGTH = struct.Struct("<I")
"""Before each message: how many bytes of JSON follow."""

STALL_SECONDS = 5.0
"""How long a process's loop may stand still before it is killed."""

BEAT_SECONDS = 0.2
"""How often a process says that its loop goes round."""

START_SECONDS = 60.0
"""For an interpreter to start and import the verifier."""

CLOSE_SECONDS = 5.0

SERVE = """
import json, sys
boot = json.loads(sys.argv[1])
sys.path[:] = boot["path"]
from verifiers.serving import serve
serve(boot)
"""


class Services:
    """Asynchronous `Verifier.verify` calls, each verifier's in a process of its own that serves them all at once.

    A process is started by the first call, and again by the next one after it was lost. Belongs to one event loop.
    Not covered: a process's memory, and calls that refuse to be cancelled, which stay in it until they end.
    """

    def __init__(self) -> None:
        self._processes: dict[str, _Process] = {}
        self._lost: list[_Process] = []
        self._folder: Path | None = None

    async def ask(self, name: str, argument: Mapping[str, Any], deadline: float) -> Outcome:
        """What `verify` of the verifier `name` said, as a `Check` of it would have come out.

        `deadline` is seconds from when the call starts; a call that is late is cancelled: `Ending.TIMEOUT`. A process
        that ends or whose loop stands still is lost with all its calls: `Ending.INFRASTRUCTURE`, not knowing whose
        fault it was.
        """
        process = self._processes.get(name)
        if process is None or process.lost:
            self._lost = [lost for lost in [*self._lost, process] if lost is not None and not lost.is_gone]
            if self._folder is None:
                self._folder = owned_folder()
            process = self._processes[name] = _Process(name, self._folder, min(STALL_SECONDS, max(1.0, deadline)))
        return await process.ask(argument, deadline)

    async def close(self) -> None:
        """End every process; calls in flight end as `Ending.INFRASTRUCTURE`. Twice is harmless."""
        processes = [*self._processes.values(), *self._lost]
        self._processes, self._lost = {}, []
        for process in processes:
            await process.close()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None


class _Process:
    """One verifier's process: its socket, its calls, its end."""

    def __init__(self, name: str, folder: Path, stall_seconds: float) -> None:
        self.lost = ""
        """Why nothing more can be asked of it."""
        self._name, self._folder, self._stall_seconds = name, folder, stall_seconds
        self._numbers = itertools.count()
        self._calls: dict[int, asyncio.Future[Outcome]] = {}
        self._child: asyncio.subprocess.Process | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._heard_at = 0.0
        self._is_killed = False
        self._is_ready = asyncio.Event()
        self._living = asyncio.create_task(self._live())

    async def ask(self, argument: Mapping[str, Any], deadline: float) -> Outcome:
        await self._is_ready.wait()
        if self.lost or self._writer is None:
            return _lost(self.lost)
        number = next(self._numbers)
        answer = self._calls[number] = asyncio.get_running_loop().create_future()
        self._send({"call": number, "argument": argument, "deadline": deadline})
        try:
            async with asyncio.timeout(deadline + self._stall_seconds + START_SECONDS):
                return await answer  # type: ignore[no-any-return]
        except TimeoutError:  # its loop goes round, and yet it does not answer
            self._lose(f"the process of {self._name} did not answer")
            return _lost(self.lost)
        finally:
            del self._calls[number]
            if answer.cancelled():  # nobody waits for it any more
                self._send({"cancel": number})

    @property
    def is_gone(self) -> bool:
        """Whether nothing is left of it to wait for."""
        return self._living.done()

    async def close(self) -> None:
        self._lose(f"the process of {self._name} was closed")
        if self._child is not None:  # killed: what is left is to see it end
            await asyncio.wait({self._living}, timeout=CLOSE_SECONDS)
        self._living.cancel()
        await asyncio.gather(self._living, return_exceptions=True)

    async def _live(self) -> None:
        """From its start to its end. However it ends, what was asked of it is answered."""
        try:
            await self._start()
        except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
            self._lose(f"the process of {self._name} did not start: {type(error).__name__}")
        else:
            watching = asyncio.create_task(self._watch())
            try:
                await self._listen()
            finally:
                watching.cancel()
        finally:
            self._lose(f"the process of {self._name} ended")
            self._is_ready.set()
            if self._writer is not None:
                self._writer.close()
            if self._child is not None:
                await self._child.wait()

    async def _start(self) -> None:
        ours, theirs = socket.socketpair()
        boot = {
            "name": self._name,
            "socket": theirs.fileno(),
            "parent": os.getpid(),
            "path": [os.path.abspath(entry) for entry in sys.path],
        }
        with theirs:
            self._child = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-s", "-B", "-c", SERVE, json.dumps(boot)),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                cwd=self._folder,
                env={**os.environ, "PYTHONHASHSEED": "0"},
                start_new_session=True,
            )
        self._reader, self._writer = await asyncio.open_unix_connection(sock=ours)
        async with asyncio.timeout(START_SECONDS):
            await self._receive()
        self._heard_at = time.monotonic()
        self._is_ready.set()

    async def _listen(self) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, ValueError):
            while True:
                message = await self._receive()
                self._heard_at = time.monotonic()
                call = self._calls.get(message.get("call", -1))
                if call is not None and not call.done():
                    call.set_result(_outcome(message))

    async def _watch(self) -> None:
        """Kill it when its loop has stood still for too long; time in which ours did is not charged."""
        while not self.lost:
            asleep = time.monotonic()
            await asyncio.sleep(BEAT_SECONDS)
            self._heard_at += time.monotonic() - asleep - BEAT_SECONDS
            if time.monotonic() - self._heard_at > self._stall_seconds:
                self._lose(f"the loop of {self._name} stood still for {self._stall_seconds:g} s")

    def _lose(self, why: str) -> None:
        self.lost = self.lost or why
        for call in self._calls.values():
            if not call.done():
                call.set_result(_lost(self.lost))
        if self._child is not None and not self._is_killed:
            self._is_killed = True
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._child.pid, signal.SIGKILL)  # with what it had started

    def _send(self, message: Mapping[str, Any]) -> None:
        if self._writer is not None and not self._writer.is_closing():
            self._writer.write(framed(message))

    def _receive(self) -> Coroutine[Any, Any, Any]:
        return receive(self._reader)


def framed(message: Mapping[str, Any]) -> bytes:
    """A message as it crosses, in either direction."""
    text = json.dumps(message).encode()
    return LENGTH.pack(len(text)) + text


async def receive(reader: asyncio.StreamReader) -> Any:
    """The next message; IncompleteReadError when the other end is gone."""
    (size,) = LENGTH.unpack(await reader.readexactly(LENGTH.size))
    return json.loads(await reader.readexactly(size))


def _outcome(message: Mapping[str, Any]) -> Outcome:
    seconds = float(message["seconds"])
    if message["ending"] == "late":
        return Outcome(Ending.TIMEOUT, wall_seconds=seconds)
    if message["ending"] == "raised":
        return Outcome(Ending.EXITED, exit_code=1, stderr=message["said"].encode(), wall_seconds=seconds)
    return Outcome(Ending.EXITED, exit_code=0, value=message["said"].encode(), wall_seconds=seconds)


def _lost(why: str) -> Outcome:
    return Outcome(Ending.INFRASTRUCTURE, detail=why)
