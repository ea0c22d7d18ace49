"""One run, from its fork to its end: takes the job in, gives up every right, then does it."""

from __future__ import annotations

import ctypes
import errno
import io
import json
import marshal
import os
import random
import resource
import signal
import struct
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

from sandbox.inside import candidate, jobs, line, seccomp
from sandbox.inside.jobs import ASK, MESSAGE, NOTICE, VALUE, Ended, Head, read_exactly, write_all

STACK_BYTES = 512 << 20
PATH = "/usr/local/bin:/usr/bin:/bin"
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 1, 4, 36, 38
REBORN = """
import marshal, os, sys, types
with open(6, "rb") as file:
    message = marshal.load(file)
package = types.ModuleType("sandbox.inside")
sys.modules["sandbox"] = sys.modules["sandbox.inside"] = package
for name, code in message["modules"]:
    module = sys.modules["sandbox.inside." + name] = types.ModuleType("sandbox.inside." + name)
    setattr(package, name, module)
    exec(code, module.__dict__)
for name in [name for name in sys.modules if name.partition(".")[0] == "sandbox"]:
    del sys.modules[name]
os.environ.clear()
sys.path[:] = message["path"]
package.jobs.start_afresh(message["head"])
"""
"""In an interpreter that has just started nothing is warm, and nothing is shared with other runs."""
AFRESH = ("values", "line", "jobs")
"""What the fresh interpreter needs of us."""
AF_UNIX, SOCK_STREAM, SOCK_CLOEXEC = 1, 1, 0o2000000
MAX_DESCRIPTORS = 1024
ABOVE = 100
"""More than any descriptor that is open when a run starts."""
GO = struct.Struct("<QQQQ")
"""What the child is told when its job is there: length of the payload; memory, processes, files (bytes)."""
TIMER_CALLS = {"x86_64": (222, 223), "aarch64": (107, 110)}
"""timer_create and timer_settime, which Python does not have."""
SIGNAL_EVENT, SIGEV_SIGNAL = struct.Struct("<Qii48x"), 0
"""struct sigevent."""
NO_CAPABILITIES = struct.pack("<Ii", 0x20080522, 0)

streams: list[io.TextIOWrapper] = []
"""The standard streams of every run, made in the worker and never used there."""


@dataclass(frozen=True)
class Pipes:
    """What connects a run with the worker, each as the end to read from and the end to write to."""

    go: tuple[int, int]
    """The word that a job is there."""
    ready: tuple[int, int]
    out: tuple[int, int]
    err: tuple[int, int]
    value: tuple[int, int] | None
    """For jobs that return something."""
    ask: tuple[int, int] | None
    """For jobs that are told something while they run."""


def run(boot: dict[str, Any], uid: int, pipes: Pipes) -> NoReturn:
    """Wait for a job, then do it. Trusted until the job's code starts."""
    try:
        os.close(pipes.go[1])
        told = os.read(pipes.go[0], GO.size)
        if not told:
            os._exit(0)  # the worker is gone
        size, *amounts = GO.unpack(told)
        payload = read_exactly(0, size)
        head_size = int.from_bytes(payload[:4], "little")
        head = json.loads(payload[4 : 4 + head_size])
        blobs = memoryview(payload)[4 + head_size :]
        _arrange_descriptors(head, pipes, blobs[: head["stdin"]])
        os.setsid()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        _give_up_rights(boot, uid, *amounts)
        head["folder"] = folder = os.path.join(boot["scratch"][0], "work")
        os.mkdir(folder, 0o700)
        os.chdir(folder)
        _write_files(head["files"], blobs[head["stdin"] :])
        if head["command"]:
            which(head["command"][0])
        jobs.use_streams(streams)
        del payload, blobs
        os.write(NOTICE, b"r")
    except BaseException:  # noqa: BLE001 - nothing of ours may unwind into the worker's loop
        traceback.print_exc()
        os._exit(70)
    if boot["fresh"] and head["kind"] in jobs.JOBS:
        _start_afresh(boot, head)
    jobs.end(*JOBS[head["kind"]](head))


def _arrange_descriptors(head: Head, pipes: Pipes, stdin: memoryview) -> None:
    """The run's own at their places, and every other one closed."""
    given = os.memfd_create("stdin")
    write_all(given, stdin)
    os.lseek(given, 0, os.SEEK_SET)
    kept = jobs.descriptors(head)
    wanted = {0: given, 1: pipes.out[1], 2: pipes.err[1], NOTICE: pipes.ready[1]}
    if pipes.value and VALUE in kept:
        wanted[VALUE] = pipes.value[1]
    if pipes.ask and ASK in kept:
        wanted[ASK] = pipes.ask[0]
    for place, source in wanted.items():
        os.dup2(source, ABOVE + place, inheritable=False)
    for place in range(ASK + 1):
        if place in wanted:
            os.dup2(ABOVE + place, place, inheritable=place < 3)
        else:
            os.close(place)
    os.closerange(ASK + 1, MAX_DESCRIPTORS)


def fork() -> int:
    """os.fork without the interpreter's hooks, a tenth of a run's cost: here is one thread and no lock is held, so all
    that they have to do is what follows. The C library's own are run."""
    pid = int(_python.fork())
    if pid < 0:
        raise OSError(ctypes.get_errno(), "fork")
    if pid == 0:
        random.seed()
        threading.main_thread()._set_native_id()  # type: ignore[attr-defined]
    return pid


def private_pair() -> tuple[int, int]:
    """Two ends of a socket. A pipe's end could be opened again by its name in /proc, to take back what was said."""
    ends = (ctypes.c_int * 2)()
    if libc.socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0:
        raise OSError(ctypes.get_errno(), "socketpair")
    return ends[0], ends[1]


def settle(boot: dict[str, Any]) -> None:
    """Once, in the worker: what is the same for all runs is not done for each. Every step here counts in every run."""
    limit(resource.RLIMIT_CORE, 0)
    hard = resource.getrlimit(resource.RLIMIT_STACK)[1]
    stack = STACK_BYTES if hard == resource.RLIM_INFINITY else min(STACK_BYTES, hard)
    resource.setrlimit(resource.RLIMIT_STACK, (stack, hard))  # programs raise it as far as they are let
    threading.stack_size(16 << 20)  # else each thread would reserve RLIMIT_STACK
    if not boot["bare"]:
        limit(resource.RLIMIT_NOFILE, MAX_DESCRIPTORS)
        limit(resource.RLIMIT_MEMLOCK, 0)
        os.umask(0o022)
        prctl(PR_SET_NO_NEW_PRIVS, 1)
    streams[:] = jobs.standard_streams()
    jobs.flush_c_streams = libc.fflush
    boot["compiled"] = [(name, compile(text, f"<{name}>", "exec")) for name, text in boot["modules"] if name in AFRESH]


def _give_up_rights(boot: dict[str, Any], uid: int, memory: int, processes: int, files: int) -> None:
    if not uid:
        prctl(PR_SET_DUMPABLE, 1)  # the worker's own uid: /proc/self must belong to us, also to be weighed
    adjustment = os.open("/proc/self/oom_score_adj", os.O_WRONLY)
    os.write(adjustment, b"1000")  # the kernel's first choice, before the worker
    os.close(adjustment)
    os.setpriority(os.PRIO_PROCESS, 0, boot["nice"])
    limit(resource.RLIMIT_FSIZE, files)
    if boot["memory"] == "watch":
        limit(resource.RLIMIT_DATA, 2 * memory + STACK_BYTES * processes)  # far above: a thread reserves its stack
    if boot["bare"]:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # no namespace ends with the worker here
        prctl(PR_SET_NO_NEW_PRIVS, 1)
    else:
        limit(resource.RLIMIT_NPROC, processes)
    if uid:
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    if not boot["bare"]:
        libc.capset(NO_CAPABILITIES, bytes(24))  # also the inheritable ones: a uid change keeps them
    if boot["filter"] == "run":
        seccomp.install(boot["program"])


def limit(kind: int, amount: int) -> None:
    """Soft and hard at once; never above what we are allowed."""
    hard = resource.getrlimit(kind)[1]
    if hard != resource.RLIM_INFINITY:
        amount = min(amount, hard)
    resource.setrlimit(kind, (amount, amount))


def _write_files(files: list[list[Any]], blobs: memoryview) -> None:
    for name, size, mode in files:
        os.makedirs(os.path.dirname(name) or ".", exist_ok=True)
        with open(name, "wb") as file:
            file.write(blobs[:size])
        os.chmod(name, mode)
        blobs = blobs[size:]


def _start_afresh(boot: dict[str, Any], head: Head) -> NoReturn:
    """Become a new interpreter, which does the job."""
    message = os.open(head["folder"], os.O_TMPFILE | os.O_RDWR, 0o600)
    write_all(message, marshal.dumps({"head": head, "path": boot["user_path"], "modules": boot["compiled"]}))
    os.lseek(message, 0, os.SEEK_SET)
    os.dup2(message, MESSAGE)
    os.close(message)
    for descriptor in jobs.descriptors(head):
        os.set_inheritable(descriptor, True)
    _execute([sys.executable, *boot["flags"], "-c", REBORN], {"PYTHONHASHSEED": "0"})


def _execute(command: list[str], environment: dict[str, str]) -> NoReturn:
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)  # a Python ignores them, and what is ignored stays so
    os.execve(which(command[0]), command, environment)


def which(command: str) -> str:
    """Where it is, or FileNotFoundError."""
    for folder in ("", *PATH.split(":")) if "/" in command else PATH.split(":"):
        if os.access(path := os.path.join(folder, command), os.X_OK):
            return path
    raise FileNotFoundError(f"no {command} in this box")


# ---- the kinds of jobs that are not a candidate's Python ----


def _run_command(head: Head) -> Ended:
    """A program in another language, in place of this interpreter."""
    soft, hard = resource.getrlimit(resource.RLIMIT_STACK)
    resource.setrlimit(resource.RLIMIT_STACK, (min(head["stack"], soft), hard))
    _execute([*head["command"], *head["args"]], {"PATH": PATH, "HOME": head["folder"], "LANG": "C.UTF-8"})


def _run_build(head: Head) -> Ended:
    """Compile; what comes out is what the job returns."""
    compiler = os.fork()
    if compiler == 0:
        os.dup2(2, 1)
        _run_command(head)
    code = os.waitstatus_to_exitcode(os.waitpid(compiler, 0)[1])
    if code == 0:
        with open(head["product"], "rb") as file:
            write_all(VALUE, file.read())
    return abs(code), {}


def _run_check(head: Head) -> Ended:
    check = sys.modules[head["module"]].check
    if head["cpu_seconds"]:
        _limit_cpu(head["cpu_seconds"])

    def answer() -> None:
        if head["line"]:
            value = check(head["argument"], candidate.Candidate(ASK, VALUE))
            line.send(VALUE, line.RESULT + json.dumps(value).encode())
        else:
            write_all(VALUE, json.dumps(check(head["argument"])).encode())

    return jobs.exit_code(answer), {}


def _run_checks(head: Head) -> Ended:
    check = sys.modules[head["module"]].check
    started = time.perf_counter()

    def answer() -> None:
        answers: list[tuple[str, float] | None] = []
        for argument in head["arguments"]:
            begun = time.perf_counter()
            if answers and begun - started > head["begin_seconds"]:
                break
            try:
                said = json.dumps(check(argument))
            except Exception:  # noqa: BLE001 - it is run again alone, and there it is told
                answers.append(None)
            else:
                answers.append((said, time.perf_counter() - begun))
        write_all(VALUE, json.dumps(answers).encode())

    return jobs.exit_code(answer), {}


def _limit_cpu(seconds: float) -> None:
    """Have the kernel end this process with SIGXCPU after so much CPU.

    By the clock that counts nanoseconds: `setitimer` and RLIMIT_CPU count ticks, up to a third too many on a busy core.
    """
    create, set_time = TIMER_CALLS[os.uname().machine]
    timer, fraction = ctypes.c_int(), seconds % 1
    event = ctypes.create_string_buffer(SIGNAL_EVENT.pack(0, signal.SIGXCPU, SIGEV_SIGNAL))
    when = ctypes.create_string_buffer(struct.pack("<qqqq", 0, 0, int(seconds), int(fraction * 1e9)))
    if libc.syscall(create, time.CLOCK_PROCESS_CPUTIME_ID, event, ctypes.byref(timer)) or libc.syscall(
        set_time, timer, 0, when, None
    ):
        number = ctypes.get_errno()
        raise OSError(number, f"no timer of CPU: {os.strerror(number)}")


JOBS: dict[str, Callable[[Head], Ended]] = {
    **jobs.JOBS,
    "command": _run_command,
    "build": _run_build,
    "check": _run_check,
    "checks": _run_checks,
}


def prctl(option: int, argument: int) -> None:
    if libc.prctl(option, argument, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"prctl({option}): {errno.errorcode.get(number, number)}")


libc = ctypes.CDLL(None, use_errno=True)
_python = ctypes.PyDLL(None, use_errno=True)  # keeps the interpreter's lock
