"""`assay plan`: what a run will do, need and take, before it starts."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path

from trainer.cli.ending import DONE, MACHINE_LACKS, USER_MISTAKE, Failure
from trainer.cli.flags import Verbs, add_recipe, add_verb
from trainer.cli.runs import RUNS
from trainer.cli.samplers import make_sampler
from trainer.cli.screen import say


def add_to(verbs: Verbs) -> None:
    command = add_verb(
        verbs, "plan", _plan, "what a run will do, need and take, and what would stop it; before it starts"
    )
    add_recipe(command)
    command.add_argument("--json", type=Path, metavar="FILE", help="the same for programs")
    command.add_argument("--no-probe", dest="probe", action="store_false", help="measure no speed")


def _plan(arguments: argparse.Namespace) -> int:
    import tomllib

    import benchmarks
    from trainer.config.recipe import read_config
    from trainer.mixture import load_mixture

    if arguments.json and not arguments.json.absolute().parent.is_dir():
        raise Failure(USER_MISTAKE, f"{arguments.json}: there is no folder {arguments.json.parent} to write it to")
    config, text = read_config(arguments.recipe, arguments.overrides)
    data = load_mixture(config.data)
    held_out = benchmarks.load(config.eval.data) if config.eval else None
    from trainer.disk import write_whole
    from trainer.out_of_memory import OutOfMemory
    from trainer.plan import make, page, resolved

    settings = resolved.settings_of(config, tomllib.loads(text), arguments.overrides)
    made = make.make(config, data, held_out, settings, RUNS)
    for line in page.page(made):
        say(line)
    if arguments.probe and make.can_probe(made):
        try:
            speed, estimate = make.measure(config, made, make_sampler(config), say)
            made = replace(made, speed=speed, estimate=estimate)
        except OutOfMemory as error:
            made = replace(made, mistakes=[f"the probe's update: {error}"])
        else:
            for line in page.time_page(speed, estimate):
                say(line)
    if arguments.json:
        write_whole(arguments.json, json.dumps(page.report(made), indent=1))
    for line in (*made.mistakes, *made.lacks):
        print(f"assay: {' '.join(line.split())}", file=sys.stderr)
    return USER_MISTAKE if made.mistakes else MACHINE_LACKS if made.lacks else DONE
