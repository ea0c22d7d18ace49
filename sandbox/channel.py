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
from types import MappingProxyType
from typing import Any, Literal

from sandbox.languages import language_of
from sandbox.types import (
    Build,
    Call,
    Check,
    Checks,
    Ending,
    Job,
    Limits,
    Outcome,
    Preload,
    Program,
    SandboxConfig,
    SandboxUnavailable,
    Serve,
)

FRAME = Struct("<4sQ")
AMOUNTS = Struct("<dQQQQI")
ANSWER = Struct("<4sIQQQ")
JOB, SAY, END, DONE = b"job2", b"say2", b"end2", b"box2"
MB = 2**20
NOTHING, VALUE, LINE = 0, 1, 2
"""What a job is to return, beside what it writes."""
STREAMS = ("stdout", "stderr", "value")

START_SECONDS = 120.0
GRACE_SECONDS = 10.0
"""How long after its own deadline a worker may stay silent before the box counts as lost."""
CLOSE_SECONDS = 3.0
HINT = "docker run --help"
"""In what the docker command says last, and helps nobody."""

INTERPRETER_FLAGS = ("-P", "-s", "-B")
INSIDE = Path(__file__).with_name("inside")
MODULES = ("values", "line", "candidate", "seccomp", "jobs", "child", "spaces", "processes", "worker")
"""Files of `inside`, each after those that it imports."""
BOOTSTRAP = """
# assay_worker
import json, os, sys, types
def read(size):
    data = b""
    while len(data) < size:
        data += os.read(0, size - len(data)) or exit("the client went away")
    return data
boot = json.loads(read(int(read(8))))
sys.modules["sandbox"] = sys.modules["sandbox.inside"] = package = types.ModuleType("sandbox.inside")
for name, source in boot["modules"]:
    module = sys.modules["sandbox.inside." + name] = types.ModuleType("sandbox.inside." + name)
    setattr(package, name, module)
    exec(compile(source, "<" + name + ">", "exec"), module.__dict__)
package.worker.main(boot)
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
    files: int = 0
    """Bytes of a run's own /tmp, where it has one."""
    spaces: bool = False
    """Make new namespaces for each run, where there is no container that keeps one run to itself."""
    filter: Literal["", "worker", "run"] = ""
    """Who is bound by the seccomp filter: nobody, the worker and so all runs, or each run (the worker must mount)."""
    fresh: bool = False
    """Start an interpreter for each run of a candidate."""
    flags: Sequence[str] = INTERPRETER_FLAGS


class Line:
    """The host's end of what a run is told and tells while it runs."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._heard: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._writer: asyncio.StreamWriter | None = None
        self._rest = b""
        self._is_over = False

    async def send(self, message: bytes) -> None:
        """Nothing happens if the run has ended."""
        if self._writer and not self._is_over:
            self._writer.write(FRAME.pack(SAY, len(message) + 4) + len(message).to_bytes(4, "little") + message)
            await self._writer.drain()

    async def receive(self) -> bytes | None:
        """The next message of the run; None when it has ended, or says what is no message."""
        while len(self._rest) < 4 or len(self._rest) < 4 + int.from_bytes(self._rest[:4], "little"):
            if len(self._rest) >= 4 and int.from_bytes(self._rest[:4], "little") > self._limit:
                return None
            more = await self._heard.get()
            if more is None:
                self._heard.put_nowait(None)
                return None
            self._rest += more
        size = 4 + int.from_bytes(self._rest[:4], "little")
        message, self._rest = self._rest[4:size], self._rest[size:]
        return message

    def end(self, *, is_late: bool = False) -> None:
        """Have the run ended: because nothing more is wanted of it, or because its time is up."""
        if self._writer and not self._is_over:
            self._is_over = True
            self._writer.write(FRAME.pack(END, int(is_late)))

    def open(self, writer: asyncio.StreamWriter) -> None:
        """By the box, when the run has been asked for."""
        self._writer = writer

    def hear(self, chunk: bytes | None) -> None:
        """By the box: what the run says, and None when it has ended."""
        self._is_over = self._is_over or chunk is None
        self._heard.put_nowait(chunk)


class WorkerBox:
    """A box that is a subprocess with a worker at the other end of its stdin and stdout.

    A kind of box says how to start it (`command`, `environment`) and how to end what it stands for (`kill`).
    """

    promises: Mapping[str, str] = MappingProxyType({})
    """What keeps a run in, for people."""

    def __init__(self, config: SandboxConfig, limits: Limits, preload: Sequence[Preload]) -> None:
        self.config = config
        self.limits = limits
        """The memory, files and processes that the box was made for; a job may not ask for others."""
        self.python = ""
        self.lacks: Mapping[str, str] = {}
        """Walls that this machine does not let us put up and the user does without, and why."""
        self.is_clean = True
        self._preload = preload
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._complaints: asyncio.Task[bytes] | None = None

    def command(self) -> list[str]:
        raise NotImplementedError

    def boot(self) -> Boot:
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        return dict(os.environ)

    async def kill(self) -> None:
        """End what the subprocess stands for when closing its stdin did not. The subprocess itself is killed anyway."""

    async def connect(self, process: asyncio.subprocess.Process) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """What leads to the worker: by default the subprocess's own pipes."""
        assert process.stdin and process.stdout
        return process.stdout, process.stdin

    async def start(self) -> None:
        preload = [(module.name, module.path.read_text() if module.path else None) for module in self._preload]
        modules = [(name, (INSIDE / f"{name}.py").read_text()) for name in MODULES]
        boot = json.dumps({**vars(self.boot()), "preload": preload, "modules": modules}).encode()
        try:
            spawning = asyncio.create_task(self._spawn())
            try:
                self._process = await asyncio.shield(spawning)
            except asyncio.CancelledError:
                self._process = await spawning  # asyncio may wait for ever for one that is cancelled while it is made
                raise
            assert self._process.stderr
            self._complaints = asyncio.create_task(_tail(self._process.stderr))
            async with asyncio.timeout(START_SECONDS):
                self._reader, self._writer = await self.connect(self._process)
                self._writer.write(b"%08d" % len(boot) + boot)
                facts, _ = await self._answer(Limits(), None)
            self.python = facts["python"]
            self.lacks = facts["lacks"]
            for lack, why in self.lacks.items():
                if lack not in self.config.accept:
                    raise ValueError(f'no {lack} here: {why}; to do without: sandbox.accept=["{lack}"]')
        except (OSError, TimeoutError, EOFError, ValueError) as error:
            why = await self._why(error)
            await self.close()
            raise SandboxUnavailable(f"the box did not start: {why}") from error
        except BaseException:
            await self.close()
            raise

    async def _spawn(self) -> asyncio.subprocess.Process:
        pipe = asyncio.subprocess.PIPE
        return await asyncio.create_subprocess_exec(
            *self.command(), stdin=pipe, stdout=pipe, stderr=pipe,
            env=self.environment(), start_new_session=True, limit=MB,
        )  # fmt: skip

    async def run(self, job: Job, limits: Limits, line: Line | None = None) -> Outcome:
        if self._writer is None:
            return Outcome(Ending.INFRASTRUCTURE, detail="the box is not running")
        try:
            request = _request(job, limits, has_line=line is not None)
        except (TypeError, ValueError) as error:
            return Outcome(Ending.INFRASTRUCTURE, detail=f"the job cannot be sent: {error}")
        was_clean, self.is_clean = self.is_clean, False  # until the answer is here, also when we are cancelled
        try:
            async with asyncio.timeout(limits.wall_seconds + GRACE_SECONDS):
                self._writer.write(request)
                await self._writer.drain()
                if line:
                    line.open(self._writer)
                facts, streams = await self._answer(limits, line)
        except (OSError, TimeoutError, EOFError, ValueError) as error:
            return Outcome(Ending.INFRASTRUCTURE, detail=f"lost the box: {await self._why(error)}")
        finally:
            if line:
                line.hear(None)
        outcome = _outcome(job, facts, streams)
        self.is_clean = was_clean and facts["clean"] and outcome.ending is not Ending.INFRASTRUCTURE
        return outcome

    async def _answer(self, limits: Limits, line: Line | None) -> tuple[dict[str, Any], list[bytes]]:
        """The facts, and stdout, stderr and value; what comes before goes to the line."""
        assert self._reader
        while (kind := await self._reader.readexactly(4)) == SAY and line:
            size = int.from_bytes(await self._reader.readexactly(8), "little")
            if size > limits.output_bytes + 1:
                raise ValueError("the answer makes no sense")
            line.hear(await self._reader.readexactly(size))
        kind, size, *sizes = ANSWER.unpack(kind + await self._reader.readexactly(ANSWER.size - 4))
        if kind != DONE or size > MB or max(sizes) > limits.output_bytes:
            raise ValueError("the answer makes no sense")
        facts = json.loads(await self._reader.readexactly(size))
        return facts, [await self._reader.readexactly(size) for size in sizes]

    async def close(self) -> None:
        process, self._process, self.is_clean = self._process, None, False
        writer, self._writer = self._writer, None
        if process is None:
            return
        assert process.stdin and process.stdout
        rest = asyncio.create_task(_tail(process.stdout))  # a paused pipe would hide the end of the process
        process.stdin.close()
        if writer:
            writer.close()
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
                    words = (await asyncio.shield(self._complaints)).decode(errors="replace").splitlines()
                    lines = [line for line in words if line.strip() and HINT not in line]
                    if lines:
                        return lines[-1]
        return f"{type(error).__name__}: {error}"


def _request(job: Job, limits: Limits, *, has_line: bool) -> bytes:
    head: dict[str, Any] = {"kind": type(job).__name__.lower(), "stdin": 0, "args": [], "command": (), "line": has_line}
    stdin = b""
    files: list[tuple[str, bytes, int]] = []
    if not isinstance(job, Check | Checks):
        files = [(_relative(name), content, 0o644) for name, content in job.files.items()]
    match job:
        case Program():
            stdin = job.stdin
            head |= {"source": job.source, "args": job.args, "stdin": len(stdin)}
            if language := language_of(job.language, job.source):
                command = [word.format(memory_mb=limits.memory_mb) for word in language.run]
                head |= {"kind": "command", "command": command, "stack": language.stack_mb * MB}
                files.append((language.source, job.source.encode(errors="surrogatepass"), 0o644))
                if language.build:
                    files.append((language.product, job.built or b"", 0o755))
        case Build():
            language = language_of(job.language, job.source)
            if language is None or not language.build:
                raise ValueError(f"{job.language} is not compiled")
            head |= {"command": language.build, "product": language.product, "stack": language.stack_mb * MB}
            files.append((language.source, job.source.encode(errors="surrogatepass"), 0o644))
        case Call():
            head |= {"source": job.source, "entry_point": job.entry_point, "arguments": list(map(list, job.arguments))}
        case Serve():
            head |= {"source": job.source}
        case Check():
            head |= {"module": job.module, "argument": job.argument, "cpu_seconds": job.cpu_seconds}
        case Checks():
            head |= {"module": job.module, "arguments": job.arguments, "begin_seconds": job.begin_seconds}
    head["files"] = [(name, len(content), mode) for name, content, mode in files]
    text = json.dumps(head).encode()
    payload = b"".join([len(text).to_bytes(4, "little"), text, stdin, *(content for _, content, _ in files)])
    wants = LINE if has_line else NOTHING if isinstance(job, Program) else VALUE
    amounts = limits.memory_mb * MB, limits.processes, limits.output_bytes, limits.files_mb * MB, wants
    return FRAME.pack(JOB, len(payload)) + AMOUNTS.pack(limits.wall_seconds, *amounts) + payload


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
    last_line = stderr[-500:].decode(errors="replace").strip().rpartition("\n")[2]
    return Outcome(
        ending=ending,
        exit_code=exit_code,
        signal=signal,
        stdout=stdout,
        stderr=stderr,
        value=value if value and (isinstance(job, Call) or (ending is Ending.EXITED and exit_code == 0)) else None,
        truncated=tuple(name for name, is_cut in zip(STREAMS, facts["truncated"], strict=True) if is_cut),
        wall_seconds=facts["wall"],
        cpu_seconds=facts["cpu"],
        peak_memory_mb=facts["peak"] / MB,
        detail="" if exit_code == 0 else last_line,
    )


async def _tail(stream: asyncio.StreamReader) -> bytes:
    """The last of what comes, read to the end so that the writer never waits."""
    kept = b""
    while chunk := await stream.read(MB):
        kept = (kept + chunk)[-4096:]
    return kept
