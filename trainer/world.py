"""The ranks that learn together: the only file that knows how many there are.

Each rank is one process that torchrun started on this machine, with a GPU of its own where there are GPUs, and its own
part of the cores. All have the whole model and the whole optimizer: nothing is sharded (no FSDP), and what they share
out is a step's problems, its groups to learn from, and the demonstrations of a supervised step. What is decided is
decided alike on all of them, from what all of them were told; the first rank writes and speaks.
"""

from __future__ import annotations

import math
import os
import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import torch
import torch.distributed
from torch import nn

from trainer.config.run import RunConfig
from trainer.settings import ConfigError

T = TypeVar("T")

PATIENCE = timedelta(days=7)
"""A rank waits for the others for as long as it takes: one that has died closes its connections."""
FAREWELL = timedelta(seconds=20)
"""Before a rank leaves it waits so long for the others to be done: torchrun ends them all once one has failed."""


class RankLost(RuntimeError):
    """Another rank has ended before its time, and this one cannot go on alone."""


@dataclass(frozen=True, slots=True)
class World:
    """This process among those that learn. Alone, what it is given is already the whole."""

    size: int = 1
    rank: int = 0

    @classmethod
    def of_this_process(cls) -> World:
        """As torch's default process group has it, if that is there."""
        if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
            return cls()
        return cls(torch.distributed.get_world_size(), torch.distributed.get_rank())

    @property
    def is_first(self) -> bool:
        """Whether this rank is the one that writes and speaks."""
        return self.rank == 0

    def share(self, count: int) -> slice:
        """This rank's own of `count` things: neighbouring ones, about as many as each other rank has, perhaps none."""
        return slice(count * self.rank // self.size, count * (self.rank + 1) // self.size)

    def total(self, values: Sequence[float]) -> list[float]:
        """Each value added up over the ranks."""
        everything, _ = self.gathered(values)
        return [math.fsum(everything[place :: len(values)]) for place in range(len(values))]

    def means(self, values: Sequence[float], count: int) -> list[float]:
        """Of each rank's means over `count` things the means over those of all ranks."""
        if self.size == 1:
            return list(values)
        *sums, total = self.total([*(value * count for value in values), count])
        return [value / max(1.0, total) for value in sums]

    def gathered(self, values: Sequence[T]) -> tuple[list[T], slice]:
        """The values of all ranks, in their order, and where this rank's own are among them."""
        if self.size == 1:
            return list(values), slice(0, len(values))
        parts: list[Any] = [None] * self.size
        with _in_touch():
            torch.distributed.all_gather_object(parts, list(values))
        start = sum(map(len, parts[: self.rank]))
        return [value for part in parts for value in part], slice(start, start + len(values))

    def by_first(self, work: Callable[[], T]) -> T:
        """What `work` returns on the first rank, which alone does it; the others wait for that."""
        done = [work()] if self.is_first else []
        [found] = self.gathered(done)[0]
        return found

    def any(self, value: bool) -> bool:
        """Whether it is so on any rank."""
        return any(self.gathered([value])[0])

    def meet(self) -> None:
        """Return once every rank has called this: what each did before, on the disk too, is done."""
        self.gathered([])

    def add_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Add each gradient up over the ranks, in place; a rank that learned from nothing adds zeros."""
        if self.size == 1:
            return
        self.meet()  # by way of the CPU: who waits for a lost rank in a GPU's collective cannot be told
        with _in_touch():
            for parameter in parameters:
                if parameter.grad is None:
                    parameter.grad = torch.zeros_like(parameter)
                torch.distributed.all_reduce(parameter.grad)


class Ranks:
    """The processes that torchrun started on this machine, this one among them from `with` on.

    They leave together, so that torchrun, which ends all of them once one has failed, interrupts nobody's last words;
    and the first to end with an error is the only one to tell it: the others raise `SystemExit`.
    """

    def __enter__(self) -> World:
        size, here = int(os.environ["WORLD_SIZE"]), int(os.environ.get("LOCAL_WORLD_SIZE", "0"))
        if size != here:
            raise ConfigError(
                f"torchrun: {here or 'an unknown number'} of {size} ranks are on this machine: several machines cannot "
                "train together yet; start all ranks on one, as torchrun --nproc-per-node does"
            )
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")  # nobody is on another machine
        device = _own_device(int(os.environ["LOCAL_RANK"]), size)
        self._store, rank, _ = next(torch.distributed.rendezvous("env://"))  # type: ignore[attr-defined]
        torch.distributed.init_process_group(
            "gloo" if device is None else "cpu:gloo,cuda:nccl",  # objects by the CPU, gradients where they are
            store=self._store,
            rank=rank,
            world_size=size,
            timeout=PATIENCE,
            device_id=device,
        )
        self._world = World(size, rank)
        _take_own_cores(self._world)
        return self._world

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, KeyboardInterrupt):  # a person has asked twice: at once
            return
        is_told = error is not None and self._store.add("ended", 1) > 1
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # torchrun's, to us; there is nothing left but to say why
        if torch.distributed.is_initialized():  # vLLM's engine ends it, too
            torch.distributed.destroy_process_group()
        self._store.set(f"left/{self._world.rank}", "")
        if not isinstance(error, RankLost) or is_told:  # else somebody died, who will never say so
            with suppress(torch.distributed.DistError):
                self._store.wait([f"left/{rank}" for rank in range(self._world.size)], FAREWELL)
        if is_told:
            raise SystemExit(1)


def refuse_with_ranks(config: RunConfig) -> None:
    """Raise `ConfigError` for settings that several ranks cannot have yet."""
    if config.sampling.max_staleness:
        raise ConfigError(
            "sampling.max_staleness: several ranks sample and learn in turns, and cannot look ahead yet; leave it out, "
            "or start a single process"
        )
    if config.model.lora:
        raise ConfigError("model.lora: several ranks train whole models alone, so far; start a single process")


def refuse_other_ranks(folder: Path, before: int, world: World) -> None:
    """Raise `ConfigError` if a checkpoint was made by another number of ranks: sums in another order are others."""
    if before != world.size:
        raise ConfigError(
            f"{folder}: {before} rank{'s' * (before > 1)} made this checkpoint, and {world.size} would not go on from "
            f"it to the bit: start as many (torchrun --nproc-per-node {before}), or give this run another name=…"
        )


@contextmanager
def _in_touch() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:  # there is no narrower one for a connection that is closed
        raise RankLost("another rank has ended before its time") from error


def _own_device(local_rank: int, size: int) -> torch.device | None:
    """The GPU of this rank, from now on the process's default; None on a machine without any (unrun here: no GPU)."""
    if not torch.cuda.is_available():
        return None
    if size > torch.cuda.device_count():
        raise ConfigError(
            f"torchrun: {size} ranks, and {torch.cuda.device_count()} GPUs: each rank needs one of its own; start "
            "fewer with --nproc-per-node"
        )
    torch.cuda.set_device(local_rank)
    return torch.device("cuda", local_rank)


def _take_own_cores(world: World) -> None:
    """A part of the cores that all ranks may use, if all may use the same and there are enough: a box's slot is a core,
    and two ranks' boxes on one core would time each other's programs out."""
    cores = sorted(os.sched_getaffinity(0))
    everybodys, _ = world.gathered([cores])
    if all(others == cores for others in everybodys) and len(cores) >= world.size:
        os.sched_setaffinity(0, cores[world.share(len(cores))])
