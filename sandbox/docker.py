"""A box that is a hardened container, driven through the docker command so that contexts and remote engines work."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import socket
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from sandbox.channel import BOOTSTRAP, INTERPRETER_FLAGS, MB, Boot, WorkerBox
from sandbox.leftovers import LINE, LISTING, listed, owned_folder, owner_labels
from sandbox.types import Limits, Preload, SandboxConfig, SandboxUnavailable

WORKER_CAPABILITIES = ("SETUID", "SETGID", "CHOWN", "KILL", "DAC_OVERRIDE", "FOWNER", "SYS_NICE")
"""Of the worker alone: to become the run's uid, to give it its streams, to end it, to clear up after it, and to be
heard when it takes all of its processor. The run itself has none."""
WORKER_MEMORY_MB, WORKER_PROCESSES = 96, 8
KERNEL_MEMORY_MB, KERNEL_PROCESSES = 128, 256
"""For a runtime that brings a kernel of its own, which lives in the container's limits too."""
SYSCTLS = ("kernel.shmmni=0", "kernel.msgmni=0", "kernel.sem=0 0 0 0", "fs.mqueue.queues_max=0")
"""No System V or POSIX message objects: they would outlive a run."""


DOOR = "/run/assay"
PLUGGED = b"+"
PLUG = f"""
import os, socket
line = socket.socket(socket.AF_UNIX)
try:
    line.connect("{DOOR}/socket")
except OSError:
    os.write(1, b"-")
else:
    os.write(1, {PLUGGED!r})
    os.dup2(line.fileno(), 0)
    os.dup2(line.fileno(), 1)
line.close()
"""


@dataclass(frozen=True)
class Engine:
    """A Docker engine that answered."""

    version: str
    num_cpus: int
    is_local: bool
    """It may see our files, so that a socket can lead to its boxes; attached streams cost a run half as much again."""

    @property
    def cores(self) -> Sequence[int]:
        """Those that boxes may use: ours, if the engine's machine is this one."""
        return sorted(os.sched_getaffinity(0)) if self.num_cpus == os.cpu_count() else range(self.num_cpus)


async def find_engine() -> Engine | None:
    """The engine that the docker command talks to, or None when there is no command or no answer."""
    if shutil.which("docker") is None:
        return None
    try:
        answer = await _docker("info", "--format", "{{.ServerVersion}} {{.NCPU}}", seconds=20)
        version, num_cpus = answer.split()
        host = os.environ.get("DOCKER_HOST") or await _docker(
            "context", "inspect", "--format", "{{.Endpoints.docker.Host}}"
        )
        return Engine(version, int(num_cpus), host.startswith("unix://"))
    except (SandboxUnavailable, ValueError):
        return None


async def find_image(name: str) -> str:
    """The digest of a local image."""
    try:
        return await _docker("image", "inspect", "--format", "{{.Id}}", name)
    except SandboxUnavailable:
        raise SandboxUnavailable(f"no image {name} in the Docker engine; type: assay sandbox build") from None


async def sweep_containers() -> None:
    """Remove those that were made and never started, if their owner is dead: one that has started ends by itself."""
    with contextlib.suppress(SandboxUnavailable, OSError):
        made = listed(await _docker(*LISTING, "--filter", "status=created", *LINE, seconds=10))
        if dead := [container.name for container in made if not container.is_live]:
            await _docker("rm", *dead, seconds=10)


def box_memory(limits: Limits) -> int:
    """Bytes for a whole box: the run's, and what the worker needs to pass on its output."""
    return limits.memory_mb * MB + 3 * limits.output_bytes + WORKER_MEMORY_MB * MB


class DockerBox(WorkerBox):
    """One container, its own cgroup and namespaces, for one job at a time.

    Memory is limited for the whole box: the run's `memory_mb`, plus what the worker needs to pass on its output.
    """

    promises: Mapping[str, str] = MappingProxyType(
        {
            "namespaces": "a container for each slot, one run at a time; everything in it is killed after each run",
            "user": "another one for each run, without capabilities and without a way to new ones",
            "files": "a read-only root; a sized /tmp and /dev/shm, emptied after each run",
            "memory": "limited by the kernel for the whole box, children and /tmp with it",
            "processes": "limited by the kernel for the whole box",
            "network": "none",
            "seccomp": "our filter, besides the engine's",
            "processor": "one core for each slot",
        }
    )

    def __init__(
        self, image: str, engine: Engine, slot: int, config: SandboxConfig, limits: Limits, preload: Sequence[Preload]
    ) -> None:
        super().__init__(config, limits, preload)
        self.name = f"assay-box-{uuid.uuid4().hex[:12]}"
        self._image = image
        self._core = engine.cores[slot % len(engine.cores)]
        self._door = _Door() if engine.is_local else None

    def boot(self) -> Boot:
        boot = Boot(filter="worker", fresh=self.config.fresh_interpreter)
        # Another runtime's kernel may be what the container's limit would end, and the box with it.
        return replace(boot, memory="watch") if self.config.runtime else boot

    async def start(self) -> None:
        try:
            if self._door:
                self._door.open()
            await super().start()
        finally:
            if self._door:
                self._door.close()

    async def connect(self, process: asyncio.subprocess.Process) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        assert process.stdout
        if self._door and await process.stdout.readexactly(1) == PLUGGED:
            return await self._door.streams()
        return await super().connect(process)

    def command(self) -> list[str]:
        limits = self.limits
        memory, processes = box_memory(limits), limits.processes + WORKER_PROCESSES
        if self.config.runtime:
            memory, processes = memory + KERNEL_MEMORY_MB * MB, 2 * processes + KERNEL_PROCESSES
        tmpfs = f"/tmp:rw,exec,nosuid,nodev,mode=1777,size={limits.files_mb}m,nr_inodes=20000"
        door = self._door
        return [
            *("docker", "run", "--interactive", "--rm", "--sig-proxy=false", "--name", self.name),
            *(word for label in owner_labels() for word in ("--label", label)),
            *(("--runtime", self.config.runtime) if self.config.runtime else ()),
            *(("--mount", f"type=bind,src={door.folder},dst={DOOR},readonly") if door else ()),
            *("--network", "none", "--ipc", "private", "--read-only", "--tmpfs", tmpfs, "--shm-size", "16m"),
            *("--cap-drop", "ALL", *(word for name in WORKER_CAPABILITIES for word in ("--cap-add", name))),
            *("--security-opt", "no-new-privileges", "--user", "0:0", "--log-driver", "none"),
            *("--stop-signal", "SIGKILL"),  # else an engine that stops, or is back, waits ten seconds for each box
            *("--memory", str(memory), "--memory-swap", str(memory), "--pids-limit", str(processes)),
            *("--cpuset-cpus", str(self._core)),
            *("--ulimit", "core=0", "--ulimit", "nofile=1024", "--ulimit", f"stack={512 * MB}:-1"),
            *(word for sysctl in SYSCTLS for word in ("--sysctl", sysctl)),
            *("--env", "PYTHONHASHSEED=0", "--workdir", "/tmp", "--hostname", "box"),
            *("--entrypoint", "python3", self._image, *INTERPRETER_FLAGS, "-c", (PLUG if door else "") + BOOTSTRAP),
        ]

    async def kill(self) -> None:
        try:
            await _docker("rm", "--force", self.name, seconds=30)
        except SandboxUnavailable:
            return  # gone already, or the engine is; what is left carries our labels


class _Door:
    """A socket in a folder that the container sees while it starts; gone, with the folder, once the worker is through.

    Where the worker cannot come through (an engine in another machine, a policy), the attached streams remain.
    """

    def __init__(self) -> None:
        self._outer: Path | None = None
        self._listener: socket.socket | None = None

    @property
    def folder(self) -> Path:
        assert self._outer
        return self._outer / "door"

    def open(self) -> None:
        self._outer = owned_folder()  # closed to other users; its inner folder is the container's
        self.folder.mkdir(mode=0o755)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.setblocking(False)
        with contextlib.suppress(OSError):  # a path that is too long: nobody will come through
            self._listener.bind(str(self.folder / "socket"))
            os.chmod(self.folder / "socket", 0o666)
            self._listener.listen(1)

    async def streams(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        assert self._listener
        connection, _ = await asyncio.get_running_loop().sock_accept(self._listener)
        return await asyncio.open_connection(sock=connection, limit=MB)

    def close(self) -> None:
        if self._listener:
            self._listener.close()
        if self._outer:
            shutil.rmtree(self._outer, ignore_errors=True)


async def _docker(*arguments: str, seconds: float = 30) -> str:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        "docker", *arguments, stdin=asyncio.subprocess.DEVNULL, stdout=pipe, stderr=pipe, start_new_session=True
    )
    try:
        async with asyncio.timeout(seconds):
            output, complaints = await process.communicate()
    except TimeoutError:
        raise SandboxUnavailable(f"docker {arguments[0]} did not answer within {seconds:g} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        raise SandboxUnavailable(f"docker {arguments[0]}: {complaints.decode(errors='replace').strip()}")
    return output.decode().strip()
