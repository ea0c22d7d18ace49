"""The host's end of the pipes to one worker: what every kind of box is made of."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from struct import Struct
from typing import Any

from sandbox.types import Call, Check, Ending, Job, Limits, Outcome, Preload, Program, SandboxUnavailable

REQUEST = Struct("<4sQdQQQQ")
ANSWER = Struct("<4sIQQQ")
MAGIC = b"box1"
MB = 2**20

START_SECONDS = 120.0
GRACE_SECONDS = 10.0
"""How long after its own deadline a worker may stay silent before the box counts as lost."""
CLOSE_SECONDS = 3.0

INTERPRETER_FLAGS = ("-P", "-s", "-B")
BOOTSTRAP = """
import json, os
def read(size):
    data = b""
    while len(data) < size:
        data += os.read(0, size - len(data)) or exit("the client went away")
    return data
sizes = read(16)
source, boot = read(int(sizes[:8])), read(int(sizes[8:]))
space = {"__name__": "assay_worker"}
exec(compile(source, "<worker>", "exec"), space)
space["main"](json.loads(boot))
"""


@dataclass(frozen=True)
class Boot:
    """What a worker must know about the place it wakes up in; the worker reads these fields as JSON."""

    scratch: Sequence[str] = ("/tmp", "/dev/shm")
    """Folders that runs may write, emptied after each; runs work in the first."""
    path: Sequence[str] = ("/opt/assay/site",)
    """Added to sys.path."""
    memory: str = "cgroup"
    """`cgroup` where the kernel keeps the limit for the whole box, else `watch`: the worker does, by sampling."""
    bare: bool = False
    """No walls: keep the environment, and clear up the scratch folder at the end."""
    uid: int = field(default_factory=lambda: random.randrange(1, 40000))
    """Where the runs' uids start; 0: they keep the worker's. Random, because RLIMIT_NPROC counts across boxes."""
    cpus: Sequence[int] = ()
    tied: bool = False
    """End with the parent process, which stands for the box."""


class WorkerBox:
    """A box that is a subprocess with a worker at the other end of its stdin and stdout.

    A kind of box says how to start it (`command`, `environment`) and how to end what it stands for (`kill`).
    """

    def __init__(self, limits: Limits, preload: Sequence[Preload]) -> None:
        self.limits = limits
        """The memory, files and processes that the box was made for; a job may not ask for others."""
        self.python = ""
        self.is_clean = True
        self._preload = preload
        self._process: asyncio.subprocess.Process | None = None
        self._complaints: asyncio.Task[bytes] | None = None

    def command(self) -> list[str]:
        raise NotImplementedError

    def boot(self) -> Boot:
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        return dict(os.environ)

    async def kill(self) -> None:
        """End what the subprocess stands for when closing its stdin did not. The subprocess itself is killed anyway."""

    async def start(self) -> None:
        worker = Path(__file__).with_name("worker.py").read_bytes()
        preload = [(module.name, module.path.read_text() if module.path else None) for module in self._preload]
        boot = json.dumps({**vars(self.boot()), "preload": preload}).encode()
        pipe = asyncio.subprocess.PIPE
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self.command(), stdin=pipe, stdout=pipe, stderr=pipe,
                env=self.environment(), start_new_session=True, limit=MB,
            )  # fmt: skip
            assert self._process.stderr
            self._complaints = asyncio.create_task(_tail(self._process.stderr))
            async with asyncio.timeout(START_SECONDS):
                hello = b"%08d%08d" % (len(worker), len(boot)) + worker + boot
                facts, _ = await _exchange(self._process, hello, Limits())
            self.python = facts["python"]
        except (OSError, TimeoutError, EOFError, ValueError) as error:
            why = await self._why(error)
            await self.close()
            raise SandboxUnavailable(f"the box did not start: {why}") from error
        except BaseException:
            await self.close()
            raise

    async def run(self, job: Job, limits: Limits) -> Outcome:
        process = self._process
        if process is None:
            return Outcome(Ending.INFRASTRUCTURE, detail="the box is not running")
        if isinstance(job, Program) and job.language != "python":
            return Outcome(Ending.INFRASTRUCTURE, detail=f"no {job.language} in this box")
        try:
            request = _request(job, limits)
        except (TypeError, ValueError) as error:
            return Outcome(Ending.INFRASTRUCTURE, detail=f"the job cannot be sent: {error}")
        was_clean, self.is_clean = self.is_clean, False  # until the answer is here, also when we are cancelled
        try:
            async with asyncio.timeout(limits.wall_seconds + GRACE_SECONDS):
                facts, streams = await _exchange(process, request, limits)
        except (OSError, TimeoutError, EOFError, ValueError) as error:
            return Outcome(Ending.INFRASTRUCTURE, detail=f"lost the box: {await self._why(error)}")
        outcome = _outcome(job, facts, streams)
        self.is_clean = was_clean and facts["clean"] and outcome.ending is not Ending.INFRASTRUCTURE
        return outcome

    async def close(self) -> None:
        process, self._process, self.is_clean = self._process, None, False
        if process is None:
            return
        assert process.stdin and process.stdout
        rest = asyncio.create_task(_tail(process.stdout))  # a paused pipe would hide the end of the process
        process.stdin.close()
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await process.wait()
        except BaseException as error:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await self.kill()
            if not isinstance(error, TimeoutError):
                raise
        finally:
            for task in (rest, self._complaints):
                if task:
                    task.cancel()
            process._transport.close()  # type: ignore[attr-defined]  # else the pipes stay open until collected

    async def _why(self, error: BaseException) -> str:
        """The last line that the subprocess complained with, or what we saw of it."""
        if self._complaints and not isinstance(error, TimeoutError):
            with contextlib.suppress(TimeoutError, asyncio.CancelledError):
                async with asyncio.timeout(1):
                    lines = (await asyncio.shield(self._complaints)).decode(errors="replace").strip().splitlines()
                    if lines:
                        return lines[-1]
        return f"{type(error).__name__}: {error}"


async def _exchange(
    process: asyncio.subprocess.Process, request: bytes, limits: Limits
) -> tuple[dict[str, Any], list[bytes]]:
    """One question, one answer: the facts, and stdout, stderr and value."""
    assert process.stdin and process.stdout
    process.stdin.write(request)
    await process.stdin.drain()
    magic, size, *sizes = ANSWER.unpack(await process.stdout.readexactly(ANSWER.size))
    if magic != MAGIC or size > MB or max(sizes) > limits.output_bytes:
        raise ValueError("the answer makes no sense")
    facts = json.loads(await process.stdout.readexactly(size))
    return facts, [await process.stdout.readexactly(size) for size in sizes]


def _request(job: Job, limits: Limits) -> bytes:
    head: dict[str, Any] = {"kind": type(job).__name__.lower(), "stdin": 0, "files": []}
    stdin = b""
    files: Mapping[str, bytes] = {}
    match job:
        case Program():
            stdin, files = job.stdin, job.files
            head |= {"source": job.source, "args": job.args, "stdin": len(stdin)}
        case Call():
            files = job.files
            head |= {"source": job.source, "entry_point": job.entry_point, "args": list(job.args)}
        case Check():
            head |= {"module": job.module, "argument": job.argument}
    head["files"] = [(_relative(name), len(content)) for name, content in files.items()]
    text = json.dumps(head).encode()
    payload = b"".join([len(text).to_bytes(4, "little"), text, stdin, *files.values()])
    amounts = limits.memory_mb * MB, limits.processes, limits.output_bytes, limits.files_mb * MB
    return REQUEST.pack(MAGIC, len(payload), limits.wall_seconds, *amounts) + payload


def _relative(name: str) -> str:
    if name.startswith("/") or ".." in name.split("/"):
        raise ValueError(f"{name!r}: files of a job are named relative to its working folder")
    return name


def _outcome(job: Job, facts: Mapping[str, Any], streams: Sequence[bytes]) -> Outcome:
    stdout, stderr, value = streams
    ending, exit_code, signal = Ending(facts["ending"]), facts["exit_code"], facts["signal"]
    if ending is not Ending.EXITED:
        exit_code = None
    if ending is not Ending.SIGNAL:
        signal = None
    if isinstance(job, Call) and not _is_json(value):
        value = b""
    last_line = stderr[-500:].decode(errors="replace").strip().rpartition("\n")[2]
    return Outcome(
        ending=ending,
        exit_code=exit_code,
        signal=signal,
        stdout=stdout,
        stderr=stderr,
        value=value if value and ending is Ending.EXITED and exit_code == 0 else None,
        truncated=facts["truncated"],
        wall_seconds=facts["wall"],
        cpu_seconds=facts["cpu"],
        peak_memory_mb=facts["peak"] / MB,
        detail="" if exit_code == 0 else last_line,
    )


def _is_json(value: bytes) -> bool:
    """The code that we ran could write anything where its value is expected."""
    try:
        json.loads(value)
    except (ValueError, RecursionError):
        return False
    return True


async def _tail(stream: asyncio.StreamReader) -> bytes:
    """The last of what comes, read to the end so that the writer never waits."""
    kept = b""
    while chunk := await stream.read(MB):
        kept = (kept + chunk)[-4096:]
    return kept
