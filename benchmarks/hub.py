"""Rows of a data set on the Hugging Face hub, or of a local file of the same form."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet
from huggingface_hub import hf_hub_download
from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

from benchmarks.rows import Row, rows
from benchmarks.types import ProblemError, ProblemSource


def hub_rows(source: ProblemSource, *, repository: str, file: str) -> Iterator[tuple[str, Row]]:
    """Each row with its place, from `source.path` (.jsonl or .parquet), else from `file` of `repository` on the hub."""
    path = Path(source.path) if source.path else _download(source.name, repository, file)
    if path.suffix != ".parquet":
        yield from rows(path)
        return
    if not path.is_file():
        raise ProblemError(f"{path}: no such file")
    for number, row in enumerate(pyarrow.parquet.read_table(path).to_pylist(), start=1):
        yield f"{path.name}:{number}", row


def _download(name: str, repository: str, file: str) -> Path:
    try:
        return Path(hf_hub_download(repository, file, repo_type="dataset"))
    except (LocalEntryNotFoundError, HfHubHTTPError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise ProblemError(
            f"{name}: cannot fetch {file} of {repository} from the hub ({reason}); give a local file with data=PATH"
        ) from error
