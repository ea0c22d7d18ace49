"""Runs inside the box, usually as PID 1: a warm interpreter that forks one child for each job.

Standard library only, never imported by host code: its text, and that of the other files here, is sent into the box
when it starts (see channel.py). This process reads only fixed-size headers. What belongs to a run is read by the child,
and what the run writes goes through splice into memory files and out again, so no run's bytes are in the heap that the
next one is forked from.

What is not covered: without a memory cgroup (`memory: watch`) the size of a run is sampled, so it can overshoot for a
few milliseconds.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import linecache
import os
import select
import signal
import stat
import struct
import sys
import time
import types
from dataclasses import dataclass
from typing import Any

from sandbox.inside import child, jobs, processes, seccomp, spaces

FRAME = struct.Struct("<4sQ")  # a kind, and the length of what follows: of an END, a reason
AMOUNTS = struct.Struct("<dQQQQI")  # wall seconds, memory, processes, output, files (bytes), what is wanted
ANSWER = struct.Struct("<4sIQQQ")  # a kind, length of the JSON facts, of stdout, of stderr, of the value
JOB, SAY, END, DONE = b"job2", b"say2", b"end2", b"box2"
NOTHING, VALUE, LINE = 0, 1, 2
"""What a run is to return: nothing beside what it writes, a value at its end, or messages while it runs."""
IS_OVER, IS_LATE = 0, 1
"""Reasons that the host may have for ending a run with a line."""

FIRST_UID, NUM_UIDS = spaces.FIRST_UID, 40000  # below 65536: all that a remapped user namespace has
SHARED_BYTES = 16 << 20
WATCH_SECONDS = 0.01
STALL_SECONDS = 1.0
MOST_URGENT = -20
RETURNED = 2
"""Which of a run's outputs is what it returns."""

WARM = (
    "abc array bisect cmath collections contextlib copy dataclasses datetime decimal enum fractions functools heapq io "
    "itertools json math numbers operator queue random re statistics string struct textwrap time typing"
)


def main(boot: dict[str, Any]) -> None:
    """Serve jobs until the host goes. `boot` says what kind of place this is; channel.py writes it."""
    child.prctl(child.PR_SET_DUMPABLE, 0)
    child.prctl(child.PR_SET_CHILD_SUBREAPER, 1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a run with our uid could send it: PID 1 gets what it handles
    sys.path.extend(boot["path"])
    boot["user_path"] = list(sys.path)
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # a thread of ours would not survive the fork
    if boot["cpus"]:
        os.sched_setaffinity(0, boot["cpus"])
    for name in WARM.split():
        importlib.import_module(name)
    _forget_ours()
    for name, source in boot["preload"]:
        _preload(name, source)
    if not boot["bare"]:
        os.environ.clear()
    boot["nice"] = os.getpriority(os.PRIO_PROCESS, 0)
    if not boot["bare"]:
        with contextlib.suppress(PermissionError):  # of a plain user: ending a crowd of busy processes takes longer
            os.setpriority(os.PRIO_PROCESS, 0, MOST_URGENT)
    lacks = _prepare(boot)
    child.settle(boot)
    kills = _open_oom_kills()
    gc.collect()
    gc.freeze()
    facts = {"ready": True, "python": sys.version.split()[0], "pid": os.getpid(), "lacks": lacks}
    jobs.write_all(1, _answer(facts))
    num_runs = 0
    try:
        place = _make_place(boot, num_runs, LINE) if boot["spaces"] else None
        while header := jobs.read_exactly(0, FRAME.size):
            kind, size = FRAME.unpack(header)
            if kind == JOB:
                place = _serve(boot, size, num_runs, place, kills)
                num_runs += 1
            elif kind == SAY:
                _discard(size)  # to a run that has just ended
            elif kind != END:
                raise SystemExit("worker: the stream of requests is out of step")
    finally:
        if boot["bare"]:
            processes.end_all()
            _wipe(boot["scratch"])
            os.rmdir(boot["scratch"][0])


def _forget_ours() -> None:
    """A job's own module may bear one of our names."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "sandbox"]:
        del sys.modules[name]


def _preload(name: str, source: str | None) -> None:
    if source is None:
        importlib.import_module(name)
        return
    module = types.ModuleType(name)
    module.__file__ = f"/{name.replace('.', '/')}.py"
    linecache.cache[module.__file__] = (len(source), None, source.splitlines(True), module.__file__)
    sys.modules[name] = module
    exec(compile(source, module.__file__, "exec", dont_inherit=True), module.__dict__)
    package, _, last = name.rpartition(".")
    if package:
        setattr(sys.modules.setdefault(package, types.ModuleType(package)), last, module)


def _prepare(boot: dict[str, Any]) -> dict[str, str]:
    """Put up the walls that are ours to put up, and say which promises this machine does not let us keep, and why."""
    lacks = {}
    if boot["spaces"] and (why := spaces.obstacle()):
        lacks["namespaces"], boot["spaces"] = why, False
    only_runs = boot["filter"] == "run"  # a worker that is bound too needs memory files itself
    forbid_memory_files = boot["memory"] == "watch" and only_runs
    boot["program"] = seccomp.program_for(os.uname().machine, forbid_memory_files=forbid_memory_files)
    if boot["filter"] and not _can_filter(boot["program"]):
        lacks["seccomp"], boot["filter"] = "this kernel has no seccomp filters", ""
    elif boot["filter"] == "worker":
        child.prctl(child.PR_SET_NO_NEW_PRIVS, 1)
        seccomp.install(boot["program"])  # here once, and not for each run: what the worker itself does is let through
    return lacks


def _can_filter(program: bytes) -> bool:
    pid = os.fork()
    if pid == 0:
        child.prctl(child.PR_SET_NO_NEW_PRIVS, 1)
        os._exit(0 if seccomp.install(program) else 1)
    return os.waitpid(pid, 0)[1] == 0


# ---- a run, as seen from here ----


@dataclass(frozen=True)
class _Place:
    """Where a run will be: a child that waits for its job, and what connects us with it."""

    pid: int
    """The child, or the init of its namespaces."""
    status: int
    """Where that init will tell how the child ended; -1: the child is our own."""
    mounts: int
    """What holds the mounts of its namespaces; -1: nothing."""
    go: int
    """Where the child is told that its job is there."""
    pipes: child.Pipes


def _make_place(boot: dict[str, Any], num_runs: int, wanted: int) -> _Place:
    uid = FIRST_UID + (boot["uid"] + num_runs) % NUM_UIDS if boot["uid"] else 0
    value = os.pipe() if wanted != NOTHING else None
    ask = os.pipe() if wanted == LINE else None
    pipes = child.Pipes(os.pipe(), child.private_pair(), os.pipe(), os.pipe(), value, ask)
    if uid:
        for stream in (pipes.out, pipes.err):
            os.fchown(stream[1], uid, uid)  # so that the run may open it again as /dev/stdout
    if boot["spaces"]:
        pid, status, mounts = spaces.fork(uid, boot["files"], SHARED_BYTES)
    else:
        pid, status, mounts = child.fork(), -1, -1
    if pid == 0:
        child.run(boot, spaces.UID if boot["spaces"] and uid else uid, pipes)
    for end in (pipes.go[0], pipes.ready[1], pipes.out[1], pipes.err[1], *(value or ())[1:], *(ask or ())[:1]):
        os.close(end)
    return _Place(pid, status, mounts, pipes.go[1], pipes)


def _serve(boot: dict[str, Any], size: int, num_runs: int, place: _Place | None, kills: int) -> _Place | None:
    """Do one job; returns the place of the next, whose namespaces are made while the host is busy with the answer."""
    wall_seconds, memory, processes, output, files, wanted = AMOUNTS.unpack(jobs.read_exactly(0, AMOUNTS.size))
    place = place or _make_place(boot, num_runs, wanted)
    oom_kills = _oom_kills(kills)
    os.write(place.go, child.GO.pack(size, memory, processes, files))
    os.close(place.go)
    pipes, outputs = place.pipes, [place.pipes.out[0], place.pipes.err[0]]
    if pipes.value and wanted != NOTHING:
        outputs.append(pipes.value[0])
    elif pipes.value:
        os.close(pipes.value[0])
    run = _Run(place.pid, pipes.ready[0], outputs, output)
    run.status = place.status
    run.memory_bytes = memory if boot["memory"] == "watch" else 0
    run.processes = processes if boot["bare"] else 0
    if pipes.ask and wanted == LINE:
        run.line = pipes.ask[1]
    elif pipes.ask:
        os.close(pipes.ask[1])
    run.watch(wall_seconds)
    facts = run.finish()
    if facts["ending"] != "timeout" and _oom_kills(kills) > oom_kills and facts["exit_code"] != 0:
        facts["ending"] = "memory"
    facts["clean"] = boot["spaces"] or _wipe(boot["scratch"])
    if boot["filter"] == "" and not boot["bare"]:  # a filter lets nobody make any
        facts["clean"] = facts["clean"] and not _has_shared_memory()
    run.send(facts)
    if place.mounts >= 0:
        os.close(place.mounts)
    return _make_place(boot, num_runs + 1, LINE) if boot["spaces"] else None


class _Run:
    """One child while it runs: its pipes, its clock, its end."""

    def __init__(self, pid: int, ready: int, pipes: list[int], output_bytes: int) -> None:
        self.pid, self.ready, self.pipes = pid, ready, pipes
        self.output_bytes = output_bytes
        self.status = -1
        """Where the init of new namespaces tells how the child ended; -1: the child is our own."""
        self.line = -1
        """Where what the host says to the run goes; -1: it has nothing to say, and values wait for the end."""
        self.owed = 0
        """Bytes of what the host says that are still to be passed on."""
        self.memory_bytes = self.processes = 0  # to be kept by sampling; 0 where the kernel keeps them
        self.files = [-1] * len(pipes)
        """Where what the run writes is kept, once it has written something."""
        self.sizes = [0] * 3
        self.reason = ""
        self.peak = 0
        self.wall = 0.0

    def watch(self, wall_seconds: float) -> None:
        """Until the child ends, its time is over, or it takes more than it may."""
        if os.read(self.ready, 1) != b"r":  # blocks while the payload comes: the host keeps that deadline
            self.reason = "infrastructure"
            return
        started = time.monotonic()
        poll = select.poll()
        poll.register(0, 0 if self.line < 0 else select.POLLIN)  # without a line only POLLHUP: the host is gone
        try:
            pidfd = os.pidfd_open(self.pid)
            poll.register(pidfd, select.POLLIN)
        except OSError:
            pidfd = -1
        for pipe in self.pipes:
            os.set_blocking(pipe, False)
            poll.register(pipe, select.POLLIN)
        while not self.reason:
            left = started + wall_seconds - time.monotonic()
            if left <= 0:
                self.reason = "timeout"
                break
            tick = min(left, WATCH_SECONDS if self.memory_bytes or pidfd < 0 else STALL_SECONDS)
            asleep = time.monotonic()
            events = poll.poll(tick * 1000 + 0.5)
            late = time.monotonic() - asleep - tick
            if late > STALL_SECONDS:
                started += late  # the box stood still, frozen or starved; the host's own deadline goes on
            for fd, event in events:
                if fd == 0 and event & select.POLLHUP:
                    self.reason = "infrastructure"
                elif fd in (0, self.line):
                    self._listen(poll, fd)
                elif fd in self.pipes and not self._drain(self.pipes.index(fd)):
                    poll.unregister(fd)  # at its end
            if os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                break
            if self.memory_bytes and not self.reason:
                self._weigh()
        self.wall = time.monotonic() - started
        if pidfd >= 0:
            os.close(pidfd)

    def _listen(self, poll: select.poll, fd: int) -> None:
        """Take a frame's head from the host, or pass on what follows it, as the run takes it."""
        if fd == 0:
            header = jobs.read_exactly(0, FRAME.size)
            kind, size = FRAME.unpack(header) if header else (END, IS_OVER)
            if kind == SAY:
                self.owed = size
                poll.modify(0, 0)
                poll.register(self.line, select.POLLOUT)
            else:
                self.reason = "timeout" if size == IS_LATE else "over"
            return
        try:
            self.owed -= os.splice(0, self.line, self.owed, flags=os.SPLICE_F_NONBLOCK)
        except BlockingIOError:  # the rest is not here yet
            select.select([0], [], [], 1.0)
        except BrokenPipeError:
            _discard(self.owed)
            self.owed = 0
        if not self.owed:
            poll.unregister(self.line)
            poll.modify(0, select.POLLIN)

    def _drain(self, index: int) -> bool:
        """Move what is in a pipe now; False at its end."""
        room = self.output_bytes - self.sizes[index]
        if self.files[index] < 0:
            self.files[index] = os.memfd_create("output")
        moved = os.splice(self.pipes[index], self.files[index], room + 1, flags=os.SPLICE_F_NONBLOCK)
        self.sizes[index] += moved
        if moved > room:
            self.reason = self.reason or "output_limit"
            return False
        if self.line >= 0 and index == RETURNED and moved:
            jobs.write_all(1, FRAME.pack(SAY, moved))
            self._send_file(RETURNED, 0, moved)
            os.lseek(self.files[RETURNED], 0, os.SEEK_SET)
            os.ftruncate(self.files[RETURNED], 0)
        return moved > 0

    def _weigh(self) -> None:
        pids = processes.members()
        used = sum(map(processes.resident_bytes, pids))
        if used > self.memory_bytes:  # which counts what is shared many times: look again, exactly
            used = sum(map(processes.proportional_bytes, pids))
        self.peak = max(self.peak, used)
        if used > self.memory_bytes:
            self.reason = "memory"
        elif self.processes and len(pids) > self.processes:
            self.reason = "signal"

    def finish(self) -> dict[str, Any]:
        """Kill everything that is left, reap it, read what it had written."""
        _discard(self.owed)
        status, cpu, peak = processes.end_all(self.pid) if self.status < 0 else processes.end_spaces(self.pid)
        if self.status >= 0:
            told = os.read(self.status, spaces.STATUS.size)
            status = spaces.STATUS.unpack(told)[0] if told else status
            os.close(self.status)
        if self.line >= 0:
            os.close(self.line)
        for index, pipe in enumerate(self.pipes):
            os.set_blocking(pipe, False)
            with contextlib.suppress(BlockingIOError):
                while self.sizes[index] <= self.output_bytes and self._drain(index):
                    pass
            os.close(pipe)
        os.set_blocking(self.ready, False)
        is_memory_error = self.reason == "" and os.read(self.ready, 1) == jobs.MEMORY_ERROR
        os.close(self.ready)
        code = 0 if self.reason == "over" else os.waitstatus_to_exitcode(status)
        own = "memory" if is_memory_error else "exited" if code >= 0 else "signal"
        return {
            "ending": own if self.reason in ("", "over") else self.reason,
            "exit_code": code if code >= 0 else None,
            "signal": -code if code < 0 else None,
            "truncated": [size > self.output_bytes for size in self.sizes],
            "wall": self.wall,
            "cpu": cpu,
            "peak": max(self.peak, peak),
        }

    def send(self, facts: dict[str, Any]) -> None:
        sizes = [min(size, self.output_bytes) for size in self.sizes]
        if self.line >= 0:
            sizes[RETURNED] = 0
        jobs.write_all(1, _answer(facts, *sizes))
        for index, file in enumerate(self.files):
            if file >= 0:
                self._send_file(index, 0, sizes[index])
                os.close(file)

    def _send_file(self, index: int, start: int, end: int) -> None:
        while start < end:
            start += os.sendfile(1, self.files[index], start, end - start)


def _discard(size: int) -> None:
    """Take from the host what nobody waits for."""
    while size:
        size -= len(os.read(0, min(size, 1 << 16))) or size


def _open_oom_kills() -> int:
    """Where the kernel counts what it has killed for memory in this cgroup; -1 where there is no cgroup to ask."""
    for name in ("/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control"):
        with contextlib.suppress(OSError):
            return os.open(name, os.O_RDONLY | os.O_CLOEXEC)
    return -1


def _oom_kills(counts: int) -> int:
    if counts < 0:
        return 0
    lines = os.pread(counts, 1000, 0).splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith(b"oom_kill "))


def _has_shared_memory() -> bool:
    """Whether a run left System V objects, which outlive processes, for the next one to find."""
    for name in ("shm", "msg", "sem"):
        try:
            with open(f"/proc/sysvipc/{name}", "rb") as file:
                if len(file.readlines()) > 1:
                    return True
        except OSError:
            continue
    return False


def _wipe(folders: list[str]) -> bool:
    """Empty the folders that a run can write; True when they are empty. Flattens as it goes: depth does not matter."""
    try:
        with contextlib.suppress(OSError):  # most runs leave no more than this
            os.unlink(os.path.join(folders[0], "work", "main.py"))
            os.rmdir(os.path.join(folders[0], "work"))
        for top in folders:
            pending = [os.path.join(top, name) for name in os.listdir(top)]
            num_moved = 0
            while pending:
                path = pending.pop()
                if not stat.S_ISDIR(os.lstat(path).st_mode):
                    os.unlink(path)
                    continue
                os.chmod(path, 0o700)
                for entry in os.listdir(path):
                    inner = os.path.join(path, entry)
                    if stat.S_ISDIR(os.lstat(inner).st_mode):
                        num_moved += 1
                        flat = os.path.join(top, f".wipe-{num_moved}-{os.urandom(8).hex()}")
                        os.chmod(inner, 0o700)
                        os.rename(inner, flat)
                        pending.append(flat)
                    else:
                        os.unlink(inner)
                os.rmdir(path)
    except OSError:
        return False
    return True


def _answer(facts: dict[str, Any], stdout: int = 0, stderr: int = 0, value: int = 0) -> bytes:
    text = json.dumps(facts).encode()
    return ANSWER.pack(DONE, len(text), stdout, stderr, value) + text
