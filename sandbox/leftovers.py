"""What carries our name outside of this process, so that what a crash left behind can be found and removed."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import stat
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

OWNED = re.compile(r"assay-([0-9a-f]{8}-\d+)-(\d+-\d+)-\w+")
"""Names that `owned_folder` gives: where its process is, and which it is."""
LISTING = ("ps", "--all", "--filter", "label=assay.box=1")
LINE = ("--format", '{{.Names}} {{.Label "assay.host"}} {{.Label "assay.pid"}}')
MEMORY_GROUPS = Path("/sys/fs/cgroup/memory")
IN_MEMORY = Path("/dev/shm")
"""Where files are memory, if there is such a place."""


@dataclass(frozen=True)
class Leftover:
    """A container or a folder of ours, live or not."""

    kind: str
    """`container`, `folder`, or `cgroup`."""
    name: str
    owner: str
    """Host and process that made it."""
    is_live: bool
    """Its owner still runs, or may run where we cannot see it: on another host, in another pid namespace."""


def owner_labels() -> list[str]:
    """Docker labels that say whose a container is."""
    return ["assay.box=1", f"assay.host={_host()}", f"assay.pid={_own_process()}"]


def owned_folder(parent: Path | None = None) -> Path:
    """A new folder named after its owner, in `parent` or where temporary files go: for its owner to remove, and for who
    starts boxes later if that was killed. `parent` is one of the places that `ls` looks at."""
    return Path(tempfile.mkdtemp(prefix=f"assay-{_space()}-{_own_process()}-", dir=parent))


def cache() -> Path:
    """Where what takes long to make is kept."""
    path = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "assay"
    path.mkdir(parents=True, exist_ok=True)
    return path


def ls() -> list[Leftover]:
    """Every box and scratch folder of ours that this machine and its Docker engine have."""
    return [*_containers(), *_folders(), *_cgroups()]


def prune() -> list[Leftover]:
    """Remove what no live process owns; returns what was removed."""
    dead = [leftover for leftover in ls() if not leftover.is_live]
    for leftover in dead:
        _remove(leftover)
    return dead


def sweep() -> None:
    """Remove the folders and cgroups of dead owners; never raises: what cannot be removed stays for `prune`."""
    with contextlib.suppress(OSError, RuntimeError):  # no descriptor is left, or the user has no home
        for leftover in chain(_cgroups(), _folders()):
            if not leftover.is_live:
                _remove(leftover)


def listed(lines: str) -> list[Leftover]:
    """The containers of a `LISTING` in the form of `LINE`."""
    found = []
    for line in lines.splitlines():
        name, host, process = [*line.split(" "), "", ""][:3]
        found.append(Leftover("container", name, f"{host}:{process}", host != _host() or _is_alive(process)))
    return found


def _remove(leftover: Leftover) -> None:
    if leftover.kind == "container":
        subprocess.run(["docker", "rm", "--force", leftover.name], capture_output=True, timeout=60, check=False)
    elif leftover.kind == "cgroup":
        with contextlib.suppress(OSError):  # its last process has yet to go
            os.rmdir(leftover.name)
    else:
        shutil.rmtree(leftover.name, ignore_errors=True)


def _containers() -> list[Leftover]:
    if shutil.which("docker") is None:
        return []
    command = ["docker", *LISTING, *LINE]
    return listed(subprocess.run(command, capture_output=True, text=True, timeout=60, check=False).stdout)


def _folders() -> Iterator[Leftover]:
    yield from _owned("folder", Path(tempfile.gettempdir()).glob("assay-*"))
    yield from _owned("folder", IN_MEMORY.glob("assay-*"))
    yield from _owned("folder", cache().glob("assay-*"))


def _cgroups() -> Iterator[Leftover]:
    walk = os.walk(MEMORY_GROUPS)  # some go meanwhile; it takes no offence
    return _owned("cgroup", (Path(parent, name) for parent, names, _ in walk for name in names))


def _owned(kind: str, paths: Iterable[Path]) -> Iterator[Leftover]:
    """Those that have a name that `owned_folder` gives, and are folders of this user."""
    for path in paths:
        if (owner := OWNED.fullmatch(path.name)) and _is_our_folder(path):
            space, process = owner.groups()
            yield Leftover(kind, str(path), f"{space}:{process}", space != _space() or _is_alive(process))


def _is_our_folder(path: Path) -> bool:
    try:
        found = path.lstat()
    except FileNotFoundError:  # its owner, or who sweeps beside us, was quicker
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()


def _host() -> str:
    return f"{socket.gethostname()}/{_space()}"


def _space() -> str:
    """This boot of this machine, and this pid namespace: a pid means nothing beyond it."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text()[:8]
    return f"{boot}-{os.stat('/proc/self/ns/pid').st_ino}"


def _own_process() -> str:
    """Our pid and when we started, so that who has the pid after us is not taken for us."""
    return f"{os.getpid()}-{_started('self')}"


def _is_alive(process: str) -> bool:
    """Whether one of this pid namespace still runs; true if that cannot be told."""
    pid, _, started = process.partition("-")
    if os.readlink("/proc/self") != str(os.getpid()):  # this /proc shows another namespace's pids
        return True
    try:
        return _started(int(pid)) == started
    except (FileNotFoundError, ProcessLookupError, ValueError):
        return False


def _started(pid: int | str) -> str:
    """When, in clock ticks since the boot; empty for one that has ended and that nobody has waited for."""
    state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return "" if state in "ZX" else fields[18]
