"""Runs a command and watches it with all that descends from it: its CPU over time, and the most memory it held."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from benchmarks.speed.host import boxes_of, each_seconds, tree

SECONDS = 0.2
"""Between two looks: a look costs 3 ms."""
BOX_SECONDS = 5.0
"""Between two looks for new boxes of a Docker engine, which do not descend from who asked for them."""


@dataclass(frozen=True)
class Look:
    time: float
    """As time.time()."""
    cpu: float
    """Seconds used so far: the process, its descendants and its boxes."""
    mb: float
    """Held now by the process, at its highest so far, and by its descendants; not by boxes of a Docker engine."""


@dataclass(frozen=True)
class Watched:
    exit_code: int
    looks: Sequence[Look]

    @property
    def peak_mb(self) -> float:
        return max(look.mb for look in self.looks)

    def cpu_between(self, start: float, end: float) -> float:
        """CPU seconds between two times, as time.time()."""
        return cpu_at(self.looks, end) - cpu_at(self.looks, start)


def watch(command: Sequence[str], *, folder: Path, env: Mapping[str, str], log: Path) -> Watched:
    """Run to the end; what the command prints goes to `log`."""
    looks: list[Look] = []
    spent = _Spent()
    boxes: set[int] = set()
    seen: set[int] = set()
    looked_for_boxes = 0.0
    with log.open("w") as output:
        process = subprocess.Popen(command, cwd=folder, env={**os.environ, **env}, stdout=output, stderr=output)
        try:
            while process.poll() is None:
                if time.monotonic() - looked_for_boxes > BOX_SECONDS:
                    boxes, looked_for_boxes = boxes_of(tree(process.pid)), time.monotonic()
                family = tree(process.pid)
                looks.append(Look(time.time(), spent.so_far(family, boxes), _memory(process.pid, family & seen)))
                seen = family
                time.sleep(SECONDS)
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()
    return Watched(process.returncode, looks)


def cpu_at(looks: Sequence[Look], when: float) -> float:
    """CPU seconds used until then, on the line between the looks before and after."""
    for before, after in pairwise(looks):
        if before.time <= when <= after.time:
            share = (when - before.time) / (after.time - before.time)
            return before.cpu + share * (after.cpu - before.cpu)
    raise ValueError(f"nobody looked at {when}: looks are from {looks[0].time} to {looks[-1].time}")


class _Spent:
    """CPU that never falls, though processes go: a child's is its parent's once that has waited for it, and a look may
    fall in the midst of that; a box's is nobody's, so that what it had when it was last seen is kept."""

    def __init__(self) -> None:
        self._family = 0.0
        self._boxes: dict[int, float] = {}

    def so_far(self, family: set[int], boxes: set[int]) -> float:
        found = each_seconds(family | boxes)
        self._family = max(self._family, sum(seconds for pid, seconds in found.items() if pid in family))
        self._boxes |= {pid: seconds for pid, seconds in found.items() if pid not in family}
        return self._family + sum(self._boxes.values())


def _memory(pid: int, settled: set[int]) -> float:
    """MB of the process and of the `settled` of its descendants only: a child that is about to run something else
    shares all it has with its parent."""
    return _mb(pid, "VmHWM") + sum(_mb(other, "VmRSS") for other in settled - {pid})


def _mb(pid: int, field: str) -> float:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(field):
                return int(line.split()[1]) / 1024
    return 0.0
