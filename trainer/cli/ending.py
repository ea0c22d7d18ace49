"""How a command ends: by an exit code, and for what a person can mend by one line that says so."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import sys
from collections.abc import Iterator
from typing import NoReturn

DONE, FOUND_FAILURES, USER_MISTAKE, MACHINE_LACKS = 0, 1, 2, 3
NOT_ALLOWED = {
    errno.ENOSPC: "make room, then give the same command again",
    errno.EDQUOT: "make room, then give the same command again",
    errno.EROFS: "work in a folder that can be written",
    errno.EACCES: "give yourself the right to it, or name another",
    errno.EPERM: "give yourself the right to it, or name another",
}
"""What a person can do where the machine does not let us read or write a file."""


class Failure(Exception):
    """Ends the command with one line on stderr and this exit code."""

    def __init__(self, code: int, line: str) -> None:
        super().__init__(line)
        self.code = code


@contextlib.contextmanager
def one_line_errors(after_ctrl_c: str) -> Iterator[None]:
    """Turn the mistakes that have a name into one line and an exit code; a bug keeps its traceback."""
    from benchmarks import ProblemError
    from sandbox import SandboxUnavailable, SlotsError
    from trainer.disk import WriteFailed
    from trainer.settings import ConfigError
    from verifiers import SpecError

    try:
        yield
    except (ConfigError, ProblemError, SpecError, SlotsError) as error:
        exit_with(USER_MISTAKE, str(error))
    except (SandboxUnavailable, WriteFailed) as error:
        exit_with(MACHINE_LACKS, str(error))
    except Failure as error:
        exit_with(error.code, str(error))
    except BrokenPipeError:  # who read our lines has seen enough, as `head` has
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for what Python flushes at its end
        raise SystemExit(128 + signal.SIGPIPE) from None
    except OSError as error:
        if error.errno not in NOT_ALLOWED:
            raise
        exit_with(MACHINE_LACKS, f"{error.filename or 'a file'}: {error.strerror}; {NOT_ALLOWED[error.errno]}")
    except KeyboardInterrupt as error:
        [number] = error.args or [signal.SIGINT]
        print(f"assay: interrupted{after_ctrl_c}", file=sys.stderr, flush=True)
        sys.stdout.flush()
        os._exit(128 + number)  # Python would wait for threads: for a checkpoint half written, a batch half sampled


def exit_with(code: int, line: str) -> NoReturn:
    print(f"assay: {' '.join(line.split())}", file=sys.stderr)
    raise SystemExit(code)
