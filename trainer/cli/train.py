"""`assay train` and `assay sft`: a run, or as much of it as is still to do."""

from __future__ import annotations

import argparse
import contextlib
import signal
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

from trainer.cli.ending import DONE, FOUND_FAILURES, Failure
from trainer.cli.flags import Verbs, add_recipe, add_verb
from trainer.cli.ranks import among_ranks, open_run
from trainer.cli.samplers import make_sampler

if TYPE_CHECKING:
    from trainer.record import RunDirectory


def add_to(verbs: Verbs) -> None:
    for name, run, text in (
        ("train", _train, "train, or resume the run directory"),
        ("sft", _sft, "supervised cold start: only the [[sft]] stages of a run"),
    ):
        add_recipe(add_verb(verbs, name, among_ranks(run), text, goes_on_from="the last checkpoint"))


def _train(arguments: argparse.Namespace) -> int:
    import benchmarks
    from trainer.config.recipe import read_config
    from trainer.mixture import load_mixture
    from verifiers import Router

    config, text = read_config(arguments.recipe, arguments.overrides)
    mixture = load_mixture(config.data)
    held_out = benchmarks.load(config.eval.data) if config.eval else None
    with Router(config.sandbox) as router:
        router.check([*mixture.curated, *(held_out.problems if held_out else [])])
        with open_run(config, text) as run:
            router.start()
            run.event("sandbox", description=router.sandbox_description, image=router.sandbox_image)
            print(f"run: {run.path}   sandbox: {router.sandbox_description}", flush=True)
            from trainer.loop import train

            try:
                with _telling_the_end(run):
                    train(config, run, router, make_sampler(config))
            finally:
                run.event("judging", verifiers={name: asdict(found) for name, found in router.figures().items()})
            print(f"everything is in {run.path}; the learning curve: {run.path / 'curve.png'}")
    return DONE


def _sft(arguments: argparse.Namespace) -> int:
    import benchmarks
    from trainer.config.recipe import read_config
    from trainer.settings import ConfigError
    from verifiers import Router

    config, text = read_config(arguments.recipe, arguments.overrides)
    if not config.sft:
        raise ConfigError(f"{arguments.recipe}: there is no [[sft]] stage in it")
    held_out = benchmarks.load(config.eval.data) if config.eval else None
    with Router(config.sandbox) as router:
        router.check(held_out.problems if held_out else [])
        with open_run(config, text) as run:
            if held_out:
                router.start()
            from trainer.session import Session

            with _telling_the_end(run), Session(config, run, router, make_sampler(config)) as session:
                session.supervise()
        print(f"the model after {config.sft[-1].name} is in {run.checkpoints / config.sft[-1].name}")
    return DONE


@contextlib.contextmanager
def _telling_the_end(run: RunDirectory) -> Iterator[None]:
    """Of a run that ends before its time: in its events, in one line, and by the exit code."""
    from trainer.canary import WeightMismatch
    from trainer.chooser import NothingLeft
    from trainer.out_of_memory import OutOfMemory
    from trainer.session import RunPaused, RunStopped
    from trainer.world import RankLost

    try:
        yield
    except RunPaused as error:
        run.event("pause", reason=str(error))
        raise Failure(FOUND_FAILURES, f"paused: {error}; the same command goes on from here") from error
    except RankLost as error:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # torchrun's, to all that are left: we are about to end
        run.event("stop", reason=str(error))
        raise
    except (NothingLeft, OutOfMemory, RunStopped, WeightMismatch) as error:
        run.event("stop", reason=str(error))
        raise Failure(FOUND_FAILURES, f"stopped: {error}") from error
