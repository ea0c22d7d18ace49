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

from benchmarks.speed.host import boxes_of, seconds_of, tree

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
    boxes: set[int] = set()
    seen: set[int] = set()
    looked_for_boxes = 0.0
    with log.open("w") as output:
        process = subprocess.Popen(command, cwd=folder, env={**os.environ, **env}, stdout=output, stderr=output)
        try:
            while process.poll() is None:
                if time.monotonic() - looked_for_boxes > BOX_SECONDS:
                    boxes, looked_for_boxes = boxes_of(tree(process.pid)), time.monotonic()
                looks.append(_look(process.pid, family := tree(process.pid), boxes, family & seen))
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


def _look(pid: int, family: set[int], boxes: set[int], settled: set[int]) -> Look:
    """Memory of the `settled` only: a child that is about to run something else shares all it has with its parent."""
    others = sum(_mb(other, "VmRSS") for other in settled - {pid})
    return Look(time.time(), seconds_of([*family, *boxes]), _mb(pid, "VmHWM") + others)


def _mb(pid: int, field: str) -> float:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(field):
                return int(line.split()[1]) / 1024
    return 0.0
