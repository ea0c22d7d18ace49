"""A verb that torchrun starts as several processes: they work on one run, and the first of them speaks for all."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING

from trainer.cli.ending import FOUND_FAILURES, Failure
from trainer.cli.runs import RUNS

if TYPE_CHECKING:
    from trainer.config.run import RunConfig
    from trainer.record import RunDirectory

Verb = Callable[[argparse.Namespace], int]


def among_ranks(verb: Verb) -> Verb:
    """The verb as one process does it that may be one of several."""

    @wraps(verb)
    def run(arguments: argparse.Namespace) -> int:
        if not _has_ranks():
            return verb(arguments)
        from trainer.world import RankLost, Ranks

        try:
            with (
                Ranks() as world,
                Path(os.devnull).open("w") as nowhere,
                contextlib.redirect_stdout(sys.stdout if world.is_first else nowhere),
            ):
                return verb(arguments)
        except RankLost as error:
            raise Failure(
                FOUND_FAILURES, f"stopped: {error}; the same command goes on from the last checkpoint"
            ) from error

    return run


@contextlib.contextmanager
def open_run(config: RunConfig, text: str) -> Iterator[RunDirectory]:
    """The run directory, which is the first rank's if there are several."""
    from trainer.record import RunDirectory, SilentRun

    if not _has_ranks():
        with RunDirectory.open(RUNS, config, text) as run:
            yield run
        return
    from trainer.world import World, refuse_with_ranks

    refuse_with_ranks(config)
    world = World.of_this_process()
    with RunDirectory.open(RUNS, config, text) if world.is_first else contextlib.nullcontext() as run:
        world.meet()
        yield run or SilentRun(RUNS / config.name)


def _has_ranks() -> bool:
    return int(os.environ.get("WORLD_SIZE", "1")) > 1
