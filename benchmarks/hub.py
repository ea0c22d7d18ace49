"""Rows of a data set on the Hugging Face hub, or of local files of the same form."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet
from huggingface_hub import hf_hub_download, snapshot_download
from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

from benchmarks.rows import Row, listed_rows, rows
from benchmarks.types import ProblemError, ProblemSource


def hub_rows(source: ProblemSource, *, repository: str, files: tuple[str, ...]) -> Iterator[tuple[str, Row]]:
    """Each row with its place ("file:line"), from `files` (.jsonl, .json or .parquet) of `repository` on the hub.

    A file's name may have a star, for a set in many parts: data/train-*.parquet. With `source.path` from that file
    instead, or from `files` in that folder; the hub is not asked then. Files of the hub stay in its own cache, which
    serves them without a network too (`HF_HUB_OFFLINE=1`; `HF_ENDPOINT` for a mirror).
    """
    for file in ("",) if source.path and not Path(source.path).is_dir() else files:
        folder = Path(source.path, file) if source.path else _download(source.name, repository, file)
        paths = _parts(folder) if "*" in file else [folder]
        for path in paths:
            name = file if len(files) > 1 and file and len(paths) == 1 else path.name
            for number, row in table_rows(path):
                yield f"{name}:{number}", row


def table_rows(path: Path) -> Iterator[tuple[int, Row]]:
    """Each row of a .jsonl, .json (a list) or .parquet file with its number, counted from 1 (in .jsonl: the line)."""
    if path.suffix == ".json":
        yield from enumerate(listed_rows(path), start=1)
        return
    if path.suffix != ".parquet":
        for place, row in rows(path):
            yield int(place.rpartition(":")[2]), row
        return
    if not path.is_file():
        raise ProblemError(f"{path}: no such file")
    try:
        table = pyarrow.parquet.ParquetFile(path)
        number = 0
        for batch in table.iter_batches(batch_size=1024):
            for row in batch.to_pylist():
                yield (number := number + 1), row
    except pyarrow.ArrowException as error:
        raise ProblemError(f"{path}: not a parquet file: {str(error).splitlines()[0]}") from None


def _parts(pattern: Path) -> list[Path]:
    """The files that a path with a star in its last part stands for, in the order of their names."""
    found = sorted(pattern.parent.glob(pattern.name))
    if not found:
        raise ProblemError(f"{pattern}: no such file")
    return found


def _download(name: str, repository: str, file: str) -> Path:
    """Where the file is now; of a name with a star, all files that it stands for are there."""
    try:
        if "*" not in file:
            return Path(hf_hub_download(repository, file, repo_type="dataset"))
        return Path(snapshot_download(repository, repo_type="dataset", allow_patterns=[file]), file)
    except (LocalEntryNotFoundError, HfHubHTTPError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise ProblemError(
            f"{name}: cannot fetch {file} of {repository} from the hub ({reason}); set HF_ENDPOINT to a mirror, or "
            "give a local file with data=PATH"
        ) from error
