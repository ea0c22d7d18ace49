"""Runs inside the box, usually as PID 1: a warm interpreter that forks one child for each job.

Standard library only, never imported by host code: its text is sent through stdin when a box starts (see channel.py).
This process reads only fixed-size headers. What belongs to a run is read by the child, from stdin, and what the run
writes goes through splice into memory files and out again, so no run's bytes are in the heap that the next one is
forked from.

What is not covered: without a memory cgroup (`memory: watch`) the size of a run is sampled, so it can overshoot for a
few milliseconds; without a uid of its own (a box made by a plain user) the run can still call prlimit on this process,
which costs us the box but gains the run nothing.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import errno
import gc
import importlib
import io
import json
import linecache
import os
import resource
import select
import signal
import stat
import struct
import sys
import threading
import time
import traceback
import types
from typing import Any, NoReturn

REQUEST = struct.Struct("<4sQdQQQQ")  # magic, payload length, wall seconds, memory, processes, output, files (bytes)
ANSWER = struct.Struct("<4sIQQQ")  # magic, length of the JSON facts, of stdout, of stderr, of the value
MAGIC = b"box1"

MAX_DEPTH = 200
MAX_DIGITS = 4300
STACK_BYTES = 512 << 20
FIRST_UID, NUM_UIDS = 20000, 40000  # below 65536: all that a remapped user namespace has
WATCH_SECONDS = 0.01
MEMORY_ERROR = b"M"
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 1, 4, 36, 38

WARM = (
    "abc array bisect cmath collections contextlib copy dataclasses datetime decimal enum fractions functools heapq io "
    "itertools json math numbers operator queue random re statistics string struct textwrap time typing"
)


def main(boot: dict[str, Any]) -> None:
    """Serve jobs until stdin ends. `boot` says what kind of place this is; channel.py writes it."""
    _libc_prctl(PR_SET_DUMPABLE, 0)
    _libc_prctl(PR_SET_CHILD_SUBREAPER, 1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a run with our uid could send it: PID 1 gets what it handles
    sys.path.extend(boot["path"])
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # a thread of ours would not survive the fork
    if boot["cpus"]:
        os.sched_setaffinity(0, boot["cpus"])
    for name in WARM.split():
        importlib.import_module(name)
    for name, source in boot["preload"]:
        _preload(name, source)
    if not boot["bare"]:
        os.environ.clear()
    gc.collect()
    gc.freeze()
    _write_all(1, _answer({"ready": True, "python": sys.version.split()[0], "pid": os.getpid()}))
    num_runs = 0
    try:
        while header := _read_exactly(0, REQUEST.size):
            num_runs += 1
            _serve(boot, header, FIRST_UID + (boot["uid"] + num_runs) % NUM_UIDS if boot["uid"] else 0)
    finally:
        if boot["bare"]:
            _kill_all()
            _wipe(boot["scratch"])
            os.rmdir(boot["scratch"][0])


def _preload(name: str, source: str | None) -> None:
    if source is None:
        importlib.import_module(name)
        return
    module = types.ModuleType(name)
    module.__file__ = f"/{name}.py"
    linecache.cache[module.__file__] = (len(source), None, source.splitlines(True), module.__file__)
    sys.modules[name] = module
    exec(compile(source, module.__file__, "exec", dont_inherit=True), module.__dict__)


# ---- the parent's half of a run ----


def _serve(boot: dict[str, Any], header: bytes, uid: int) -> None:
    magic, size, wall_seconds, memory, processes, output, files = REQUEST.unpack(header)
    if magic != MAGIC:
        raise SystemExit("worker: the stream of requests is out of step")
    if uid:
        os.seteuid(uid)  # so that the run may reopen its own pipes as /dev/stdout
    pipes = [os.pipe() for _ in range(4)]
    if uid:
        os.seteuid(0)
        if boot["tied"]:
            _libc_prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # a change of uid forgets it
    oom_kills = _oom_kills()
    child = os.fork()
    if child == 0:
        _child(boot, size, uid, pipes, (memory, processes, files))
    for _, write_end in pipes:
        os.close(write_end)
    (ready, _), *outputs = pipes
    run = _Run(child, ready, [read_end for read_end, _ in outputs], output)
    run.memory_bytes = memory if boot["memory"] == "watch" else 0
    run.processes = processes if boot["bare"] else 0
    run.watch(wall_seconds)
    facts = run.finish()
    if facts["ending"] != "timeout" and _oom_kills() > oom_kills and facts["exit_code"] != 0:
        facts["ending"] = "memory"
    facts["clean"] = _wipe(boot["scratch"]) and (boot["bare"] or not _has_shared_memory())
    run.send(facts)


class _Run:
    """One child while it runs: its pipes, its clock, its end."""

    def __init__(self, child: int, ready: int, pipes: list[int], output_bytes: int) -> None:
        self.child, self.ready, self.pipes = child, ready, pipes
        self.output_bytes = output_bytes
        self.memory_bytes = self.processes = 0  # to be kept by sampling; 0 where the kernel keeps them
        self.files = [os.memfd_create("output") for _ in pipes]
        self.sizes = [0] * len(pipes)
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
        poll.register(0, 0)  # only POLLHUP: the client is gone
        try:
            pidfd = os.pidfd_open(self.child)
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
            tick = min(left, WATCH_SECONDS if self.memory_bytes or pidfd < 0 else 3600)
            for fd, _ in poll.poll(tick * 1000 + 0.5):
                if fd == 0:
                    self.reason = "infrastructure"
                elif fd in self.pipes and not self._drain(self.pipes.index(fd)):
                    poll.unregister(fd)  # at its end
            if os.waitid(os.P_PID, self.child, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                break
            if self.memory_bytes and not self.reason:
                self._weigh()
        self.wall = time.monotonic() - started
        if pidfd >= 0:
            os.close(pidfd)

    def _drain(self, index: int) -> bool:
        """Move what is in a pipe now; False at its end."""
        room = self.output_bytes - self.sizes[index]
        moved = os.splice(self.pipes[index], self.files[index], room + 1, flags=os.SPLICE_F_NONBLOCK)
        self.sizes[index] += moved
        if moved > room:
            self.reason = self.reason or "output_limit"
            return False
        return moved > 0

    def _weigh(self) -> None:
        pids = _members()
        used = sum(map(_anonymous_bytes, pids))
        if used > self.memory_bytes:  # counts pages shared after a fork twice, so look again, exactly
            used = sum(map(_proportional_bytes, pids))
        self.peak = max(self.peak, used)
        if used > self.memory_bytes:
            self.reason = "memory"
        elif self.processes and len(pids) > self.processes:
            self.reason = "signal"

    def finish(self) -> dict[str, Any]:
        """Kill everything that is left, reap it, read what it had written."""
        status, cpu, peak = _kill_all(self.child)
        for index, pipe in enumerate(self.pipes):
            os.set_blocking(pipe, False)
            with contextlib.suppress(BlockingIOError):
                while self.sizes[index] <= self.output_bytes and self._drain(index):
                    pass
            os.close(pipe)
        os.set_blocking(self.ready, False)
        is_memory_error = self.reason == "" and os.read(self.ready, 1) == MEMORY_ERROR
        os.close(self.ready)
        code = os.waitstatus_to_exitcode(status)
        own = "memory" if is_memory_error else "exited" if code >= 0 else "signal"
        return {
            "ending": self.reason or own,
            "exit_code": code if code >= 0 else None,
            "signal": -code if code < 0 else None,
            "truncated": any(size > self.output_bytes for size in self.sizes),
            "wall": self.wall,
            "cpu": cpu,
            "peak": max(self.peak, peak),
        }

    def send(self, facts: dict[str, Any]) -> None:
        sizes = [min(size, self.output_bytes) for size in self.sizes]
        _write_all(1, _answer(facts, *sizes))
        for file, size in zip(self.files, sizes, strict=True):
            sent = 0
            while sent < size:
                sent += os.sendfile(1, file, sent, size - sent)
            os.close(file)


def _kill_all(child: int = 0) -> tuple[int, float, int]:
    """End every process but this one: (wait status of `child`, CPU seconds of all, largest peak in bytes)."""
    status, cpu, peak = 0, 0.0, 0
    while True:
        if os.getpid() == 1:
            with contextlib.suppress(ProcessLookupError):
                os.kill(-1, signal.SIGKILL)  # atomic for the whole pid namespace: setsid and double forks do not help
            options = 0
        else:
            for pid in _members():
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
                if pid == child:
                    status = ended
        except ChildProcessError:
            return status, cpu, peak


def _members() -> list[int]:
    """Every process of the run: all but PID 1 in a namespace of our own, else our descendants."""
    if os.getpid() == 1:
        return [int(name) for name in os.listdir("/proc") if name.isdigit() and name != "1"]
    found = _children(os.getpid())
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


def _anonymous_bytes(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/statm", "rb") as file:
            _, resident, shared, *_ = map(int, file.read().split())
    except OSError:
        return 0
    return (resident - shared) * 4096


def _proportional_bytes(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/smaps_rollup", "rb") as file:
            return sum(int(line.split()[1]) << 10 for line in file if line.startswith((b"Pss_Anon:", b"Pss_Shmem:")))
    except PermissionError:
        return _anonymous_bytes(pid)
    except OSError:
        return 0


def _oom_kills() -> int:
    """How many processes of this cgroup the kernel has killed for memory; 0 where there is no cgroup to ask."""
    for name in ("/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control"):
        try:
            with open(name, "rb") as file:
                return sum(int(line.split()[1]) for line in file if line.startswith(b"oom_kill "))
        except OSError:
            continue
    return 0


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


# ---- the child's half of a run ----


def _child(
    boot: dict[str, Any], size: int, uid: int, pipes: list[tuple[int, int]], amounts: tuple[int, int, int]
) -> NoReturn:
    """Trusted until the job's code starts: reads the payload, gives up every right, then runs it."""
    try:
        payload = _read_exactly(0, size)
        (_, ready), (_, out), (_, err), (_, value) = [(read_end, os.dup(write_end)) for read_end, write_end in pipes]
        head_size = int.from_bytes(payload[:4], "little")
        head = json.loads(payload[4 : 4 + head_size])
        blobs = memoryview(payload)[4 + head_size :]
        stdin = os.memfd_create("stdin")
        _write_all(stdin, blobs[: head["stdin"]])
        os.lseek(stdin, 0, os.SEEK_SET)
        for target, source in enumerate((stdin, out, err, value, ready)):
            os.dup2(source, 100 + target, inheritable=False)
        for target in range(5):
            os.dup2(100 + target, target, inheritable=target < 3)
        os.closerange(5, 1024)
        os.setsid()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        _give_up_rights(boot, uid, *amounts)
        folder = os.path.join(boot["scratch"][0], "work")
        os.mkdir(folder, 0o700)
        os.chdir(folder)
        _write_files(head["files"], blobs[head["stdin"] :])
        _standard_streams()
        del payload, blobs
        os.write(4, b"r")
    except BaseException:  # noqa: BLE001 - nothing of ours may unwind into the parent's loop
        traceback.print_exc()
        os._exit(70)
    _end(*_JOBS[head["kind"]](head, folder))


def _give_up_rights(boot: dict[str, Any], uid: int, memory: int, processes: int, files: int) -> None:
    if not uid:
        _libc_prctl(PR_SET_DUMPABLE, 1)  # the worker's own uid: /proc/self must belong to us, also to be weighed
    with open("/proc/self/oom_score_adj", "w") as file:
        file.write("1000")  # the kernel's first choice, before the worker
    limit(resource.RLIMIT_CORE, 0)
    limit(resource.RLIMIT_FSIZE, files)
    limit(resource.RLIMIT_STACK, STACK_BYTES)
    if boot["memory"] == "watch":
        limit(resource.RLIMIT_DATA, 2 * memory + STACK_BYTES * 2)  # far above: thread stacks count
    threading.stack_size(16 << 20)  # else each thread would reserve RLIMIT_STACK
    if not boot["bare"]:
        limit(resource.RLIMIT_NPROC, processes)
        limit(resource.RLIMIT_NOFILE, 1024)
        limit(resource.RLIMIT_MSGQUEUE, 0)
        limit(resource.RLIMIT_MEMLOCK, 0)
        os.umask(0o022)
    else:
        _libc_prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # no namespace ends with the worker here
    if uid:
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    if not boot["bare"]:
        _libc.capset(
            struct.pack("<Ii", 0x20080522, 0), bytes(24)
        )  # also the inheritable ones, which a uid change keeps
    _libc_prctl(PR_SET_NO_NEW_PRIVS, 1)


def limit(kind: int, amount: int) -> None:
    """Soft and hard at once; never above what we are allowed."""
    hard = resource.getrlimit(kind)[1]
    if hard != resource.RLIM_INFINITY:
        amount = min(amount, hard)
    resource.setrlimit(kind, (amount, amount))


def _write_files(files: list[list[Any]], blobs: memoryview) -> None:
    for name, size in files:
        os.makedirs(os.path.dirname(name) or ".", exist_ok=True)
        with open(name, "wb") as file:
            file.write(blobs[:size])
        blobs = blobs[size:]


def _standard_streams() -> None:
    """As an interpreter makes them at its start, on the new descriptors."""
    sys.stdin = sys.__stdin__ = _text("<stdin>", io.BufferedReader(io.FileIO(0, "r", closefd=False)), "strict")  # type: ignore[misc]
    sys.stdout = sys.__stdout__ = _text("<stdout>", io.BufferedWriter(io.FileIO(1, "w", closefd=False)), "strict")  # type: ignore[misc]
    sys.stderr = sys.__stderr__ = _text(  # type: ignore[misc]
        "<stderr>", io.BufferedWriter(io.FileIO(2, "w", closefd=False)), "backslashreplace"
    )


def _text(name: str, buffer: Any, errors: str) -> io.TextIOWrapper:
    buffer.raw.name = name
    stream = io.TextIOWrapper(buffer, "utf-8", errors, line_buffering=name == "<stderr>")
    stream.mode = "r" if name == "<stdin>" else "w"  # type: ignore[misc]
    return stream


def _run_program(head: dict[str, Any], folder: str) -> tuple[int, dict[str, Any]]:
    """As `python main.py` would: the exit code, and the names to let go of at the end."""
    path = os.path.join(folder, "main.py")
    module = _module("__main__", path, head["source"])
    sys.argv = ["main.py", *head["args"]]
    sys.path.insert(0, folder)
    return _exit_code(lambda: exec(_compile(head["source"], path), module.__dict__)), module.__dict__


def _run_call(head: dict[str, Any], folder: str) -> tuple[int, dict[str, Any]]:
    path = os.path.join(folder, "solution.py")
    module = _module("solution", path, head["source"])
    sys.argv = ["solution.py"]
    sys.path.insert(0, folder)

    def call() -> None:
        exec(_compile(head["source"], path), module.__dict__)
        value = _find(module, head["entry_point"])(*head["args"])
        _write_all(3, _encode(value))

    return _exit_code(call), {}


def _run_check(head: dict[str, Any], folder: str) -> tuple[int, dict[str, Any]]:
    def check() -> None:
        value = sys.modules[head["module"]].check(head["argument"])
        _write_all(3, json.dumps(value).encode())

    return _exit_code(check), {}


_JOBS = {"program": _run_program, "call": _run_call, "check": _run_check}


def _module(name: str, path: str, source: str) -> types.ModuleType:
    if not os.path.exists(path):
        with open(path, "w", encoding="utf-8", errors="surrogatepass") as file:
            file.write(source)
    module = types.ModuleType(name)
    module.__file__ = path
    module.__builtins__ = sys.modules["builtins"]  # type: ignore[attr-defined]
    sys.modules[name] = module
    return module


def _compile(source: str, path: str) -> types.CodeType:
    return compile(source, path, "exec", dont_inherit=True)


def _find(module: types.ModuleType, entry_point: str) -> Any:
    """A function, a method of `Solution`, or `Class.method` on a new instance."""
    owner, _, name = entry_point.rpartition(".")
    if owner:
        return getattr(getattr(module, owner)(), name)
    if hasattr(module, name) or not hasattr(module, "Solution"):
        return getattr(module, name)
    return getattr(module.Solution(), name)


def _exit_code(work: Any) -> int:
    """Run `work` and treat what it raises as the interpreter's top level does."""
    try:
        work()
    except SystemExit as error:
        code = error.code
        if code is None:
            return 0
        if isinstance(code, int):
            return code & 0xFF
        print(code, file=sys.stderr)
        return 1
    except BaseException as error:  # noqa: BLE001 - this is the top level of the job
        if isinstance(error, MemoryError):
            os.write(4, MEMORY_ERROR)
        trace = error.__traceback__
        while trace and trace.tb_frame.f_code.co_filename == _compile.__code__.co_filename:
            trace = trace.tb_next
        error.__traceback__ = trace
        try:
            sys.excepthook(type(error), error, trace)
        except BaseException:  # noqa: BLE001 - the job's own hook
            traceback.print_exc()
        return 1
    return 0


def _end(code: int, names: dict[str, Any]) -> NoReturn:
    """What an interpreter does at its end: wait for threads, atexit, drop the module's names, flush."""
    try:
        try:
            threading._shutdown()  # type: ignore[attr-defined]
            atexit._run_exitfuncs()
            for name in [*(n for n in names if n.startswith("_") and n != "__builtins__"), *names]:
                if name != "__builtins__":
                    names[name] = None
        except BaseException:  # noqa: BLE001 - the job's own code again
            traceback.print_exc()
        try:
            sys.stdout.flush()
        except Exception:  # noqa: BLE001 - any stream the job put there
            code = code or 120
        sys.stderr.flush()
    except BaseException:  # noqa: BLE001
        code = code or 1
    os._exit(code)


def _encode(value: Any) -> bytes:
    """JSON of exact plain types; a subclass is read by its base class's methods, so what it overrides has no say.

    Tuples become lists, numpy scalars and arrays what `item` and `tolist` give. The infinities are written as Python's
    json does (`Infinity`). Raises TypeError for what cannot cross. NaN is of these: json.loads always makes the same
    NaN object, so a list that holds it would equal another.
    """
    pieces: list[str] = []
    _encode_into(value, pieces, MAX_DEPTH)
    return "".join(pieces).encode("ascii")


def _encode_into(value: Any, pieces: list[str], depth: int) -> None:
    kind = type(value)
    numpy = sys.modules.get("numpy")
    if depth == 0:
        raise TypeError(f"the returned value is nested more than {MAX_DEPTH} deep")
    if value is None or value is True or value is False:
        pieces.append({None: "null", True: "true", False: "false"}[value])
    elif issubclass(kind, int):
        if int.bit_length(value) > MAX_DIGITS * 3.32:
            raise TypeError(f"the returned integer has more than {MAX_DIGITS} digits")
        pieces.append(int.__repr__(value))
    elif issubclass(kind, float):
        text = float.__repr__(value)
        if text == "nan":
            raise TypeError("NaN equals nothing, so it cannot cross the wall of the box")
        pieces.append({"inf": "Infinity", "-inf": "-Infinity"}.get(text, text))
    elif issubclass(kind, str):
        pieces.append(json.encoder.encode_basestring_ascii(str.__str__(value)))
    elif issubclass(kind, (list, tuple)):
        pieces.append("[")
        for index, item in enumerate(list.__iter__(value) if issubclass(kind, list) else tuple.__iter__(value)):
            if index:
                pieces.append(",")
            _encode_into(item, pieces, depth - 1)
        pieces.append("]")
    elif issubclass(kind, dict):
        _encode_dict(value, pieces, depth)
    elif numpy is not None and issubclass(kind, (numpy.generic, numpy.ndarray)):
        plain = numpy.generic.item(value) if issubclass(kind, numpy.generic) else numpy.ndarray.tolist(value)
        if type(plain) is kind:
            raise TypeError(f"a value of type {kind.__name__} cannot cross the wall of the box")
        _encode_into(plain, pieces, depth - 1)
    else:
        raise TypeError(f"a value of type {kind.__name__} cannot cross the wall of the box")


def _encode_dict(value: Any, pieces: list[str], depth: int) -> None:
    seen: set[str] = set()
    pieces.append("{")
    for key, item in dict.items(value):
        name: list[str] = []
        if isinstance(key, (list, tuple, dict)):
            raise TypeError(f"a key of type {type(key).__name__} cannot cross the wall of the box")
        _encode_into(key, name, 1)
        text = name[0] if name[0].startswith('"') else f'"{name[0]}"'
        if text in seen:
            raise TypeError(f"two keys of the returned dict are both written {text}")
        if seen:
            pieces.append(",")
        seen.add(text)
        pieces.append(f"{text}:")
        _encode_into(item, pieces, depth - 1)
    pieces.append("}")


# ---- bytes ----


def _answer(facts: dict[str, Any], stdout: int = 0, stderr: int = 0, value: int = 0) -> bytes:
    text = json.dumps(facts).encode()
    return ANSWER.pack(MAGIC, len(text), stdout, stderr, value) + text


def _read_exactly(fd: int, size: int) -> bytes:
    """`size` bytes, or none at all when the stream ends first."""
    chunks, left = [], size
    while left:
        chunk = os.read(fd, min(left, 1 << 20))
        if not chunk:
            return b""
        chunks.append(chunk)
        left -= len(chunk)
    return b"".join(chunks)


def _write_all(fd: int, data: bytes | memoryview) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def _libc_prctl(option: int, argument: int) -> None:
    if _libc.prctl(option, argument, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"prctl({option}): {errno.errorcode.get(number, number)}")


_libc = ctypes.CDLL(None, use_errno=True)
