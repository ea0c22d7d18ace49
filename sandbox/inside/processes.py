"""The processes of a run, as the worker sees them: ended, found, and weighed."""

from __future__ import annotations

import contextlib
import os
import signal
import time


def end_spaces(init: int) -> tuple[int, float, int]:
    """As `end_all`, for a run in namespaces of its own: what is in them goes with their init."""
    unreaped = sum(map(_cpu_seconds, _below(init)))  # the kernel ends them with their init, and counts them nowhere
    with contextlib.suppress(ProcessLookupError):
        os.kill(init, signal.SIGKILL)
    _, status, usage = os.wait4(init, 0)
    return status, usage.ru_utime + usage.ru_stime + unreaped, usage.ru_maxrss * 1024


def end_all(run: int = 0) -> tuple[int, float, int]:
    """End every process but this one: (wait status of `run`, CPU seconds of all, largest peak in bytes)."""
    status, cpu, peak = 0, 0.0, 0
    while True:
        if os.getpid() == 1:
            with contextlib.suppress(ProcessLookupError):
                os.kill(-1, signal.SIGKILL)  # atomic for the whole pid namespace: setsid and double forks do not help
            options = 0
        else:
            for pid in members():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            options = os.WNOHANG
        try:
            while True:
                pid, ended, usage = os.wait4(-1, options)
                if pid == 0:
                    time.sleep(0.001)
                    break
                cpu += usage.ru_utime + usage.ru_stime
                peak = max(peak, usage.ru_maxrss * 1024)
                if pid == run:
                    status = ended
        except ChildProcessError:
            return status, cpu, peak


def members() -> list[int]:
    """Every process of the run: all but PID 1 in a namespace of our own, else our descendants."""
    if os.getpid() == 1:
        return [int(name) for name in os.listdir("/proc") if name.isdigit() and name != "1"]
    return _below(os.getpid())


def _below(top: int) -> list[int]:
    found = _children(top)
    for pid in found:
        found.extend(_children(pid))
    return found


def _children(pid: int) -> list[int]:
    found: list[int] = []
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/children", "rb") as file:
                found.extend(map(int, file.read().split()))
    return found


def _cpu_seconds(pid: int) -> float:
    """Of a process, and of its children that it has reaped."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return sum(map(int, file.read().rpartition(b")")[2].split()[11:15])) / os.sysconf("SC_CLK_TCK")
    except OSError:
        return 0.0


def resident_bytes(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/statm", "rb") as file:
            return int(file.read().split()[1]) * 4096
    except OSError:
        return 0


def proportional_bytes(pid: int) -> int:
    """A process's share of memory that no file could give back."""
    try:
        with open(f"/proc/{pid}/smaps_rollup", "rb") as file:
            return sum(int(line.split()[1]) << 10 for line in file if line.startswith((b"Pss_Anon:", b"Pss_Shmem:")))
    except OSError:  # it has gone, or the kernel (gVisor) does not say so much
        return resident_bytes(pid)
