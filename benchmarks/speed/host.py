"""Which processes are ours, as the host sees them, with the CPU they use."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sandbox import Leftover, list_leftovers
from sandbox.leftovers import owner_labels

TICK = 1 / os.sysconf("SC_CLK_TCK")
ENGINE = ("dockerd", "containerd")


def descendants() -> set[int]:
    """Processes that descend from this one."""
    return _family(_processes())


def containers() -> list[str]:
    """Names of the containers that this process made."""
    return [found.name for found in list_leftovers() if found.kind == "container" and is_ours(found)]


def container_pids() -> set[int]:
    """The first process of each container that this process made; these are pids of the engine's machine."""
    names = containers()
    form = ("docker", "inspect", "--format", "{{.State.Pid}}")
    return set(map(int, subprocess.check_output([*form, *names], text=True).split())) if names else set()


def boxes_of(owners: Iterable[int]) -> set[int]:
    """Processes in containers that these processes made."""
    keys = {str(pid) for pid in owners}
    ours = [found for found in list_leftovers() if found.owner.rpartition(":")[2].partition("-")[0] in keys]
    names = [found.name for found in ours if found.kind == "container"]
    form = ("docker", "inspect", "--format", "{{.State.Pid}}")
    told = subprocess.run([*form, *names], capture_output=True, text=True, check=False).stdout if names else ""
    return {pid for first in told.split() for pid in tree(int(first))}


def is_ours(leftover: Leftover) -> bool:
    """Made by this process."""
    return leftover.owner.rpartition(":")[2] == owner_labels()[-1].rpartition("=")[2]


def machine_seconds() -> float:
    """CPU of everything on this machine since it started, kernel threads and interrupts too."""
    user, nice, system, _, _, irq, softirq = map(int, Path("/proc/stat").read_text().split(None, 8)[1:8])
    return (user + nice + system + irq + softirq) * TICK


def engine_pids(containers: Iterable[int]) -> set[int]:
    """The Docker engine's processes, where it is on this machine, with the shims that stand over those containers."""
    processes = _processes()
    shims = {processes[pid].parent for pid in containers if pid in processes}
    return shims | {pid for pid, process in processes.items() if process.name in ENGINE}


def our_seconds(others: Iterable[int]) -> float:
    """CPU of this process, all that descends from it, and the others named, with the children that each waited for."""
    processes = _processes()
    ours = {os.getpid(), *_family(processes), *others}
    return sum(processes[pid].ticks for pid in ours if pid in processes) * TICK


def tree(root: int) -> set[int]:
    """A process and all that descend from it."""
    return {root, *_family(_processes(), root)}


def each_seconds(pids: Iterable[int]) -> dict[int, float]:
    """CPU of those of these processes that are there, each with the children that it waited for."""
    processes = _processes()
    return {pid: processes[pid].ticks * TICK for pid in pids if pid in processes}


@dataclass(frozen=True)
class _Process:
    name: str
    parent: int
    ticks: int
    """Its own, and those of its children that have ended, and of theirs."""


def _processes() -> dict[int, _Process]:
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            name, _, rest = (folder / "stat").read_text().partition("(")[2].rpartition(")")
            words = rest.split()
            found[int(folder.name)] = _Process(name, int(words[1]), sum(map(int, words[11:15])))
    return found


def _family(processes: dict[int, _Process], root: int | None = None) -> set[int]:
    found: set[int] = set()
    newer = {root or os.getpid()}
    while newer:
        newer = {pid for pid, process in processes.items() if process.parent in newer} - found
        found |= newer
    return found
