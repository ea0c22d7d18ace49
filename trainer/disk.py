"""Files that are whole once they have their final name, and errors that name the file."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class WriteFailed(RuntimeError):
    """Something could not be written, a full disk above all: the message says which file, why, and what to do."""


@contextmanager
def writing(path: Path, *failures: type[Exception]) -> Iterator[None]:
    """Turn an `OSError`, or another of these `failures`, into a `WriteFailed` that names `path`."""
    named: tuple[type[Exception], ...] = (OSError, *failures)
    try:
        yield
    except named as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else " ".join(str(error).split())
        is_full = not isinstance(error, OSError) or error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        remedy = f"{_free(path):.1f} GB are free there; make room" if is_full else "make it a place that can be written"
        raise WriteFailed(
            f"{path}: cannot be written: {reason}; {remedy}: the same command then goes on from what is whole"
        ) from error


def write_whole(path: Path, text: str) -> None:
    """Write a file aside, flush it to the disk, and rename it into place."""
    aside = path.with_name(path.name + ".part")
    with writing(path):
        aside.write_text(text, encoding="utf-8")
        publish(aside, path)


def publish(aside: Path, path: Path) -> None:
    """Give a file, or a folder with all that is in it, its final name, once all of it is on the disk."""
    for inner in sorted(aside.rglob("*"), reverse=True) if aside.is_dir() else ():
        flush(inner)
    flush(aside)
    aside.rename(path)
    flush(path.parent)


def flush(path: Path) -> None:
    """Wait until a file's content, or a folder's list of names, is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def remove(folder: Path) -> None:
    """Remove a folder; killed half-way, it leaves none with the folder's name."""
    aside = folder.with_name(folder.name + ".part")
    shutil.rmtree(aside, ignore_errors=True)
    folder.rename(aside)
    shutil.rmtree(aside)


def _free(path: Path) -> float:
    place = next(folder for folder in path.absolute().parents if folder.exists())
    return shutil.disk_usage(place).free / 1e9
