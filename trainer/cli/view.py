"""`assay view`: a run, finished or going on, as a summary and a page for a browser."""

from __future__ import annotations

import argparse
from pathlib import Path

from trainer.cli.ending import DONE
from trainer.cli.flags import Verbs, add_verb
from trainer.cli.runs import run_folder
from trainer.cli.screen import say


def add_to(verbs: Verbs) -> None:
    command = add_verb(
        verbs, "view", _view, "look at a run, finished or going on: a summary, and a page of a step's rollouts"
    )
    command.add_argument("directory", type=Path, metavar="RUN", help="its directory, or its name in runs/")
    command.add_argument("--step", type=int, metavar="N", help="as rollouts/ counts; default: the last")
    command.add_argument("--out", type=Path, metavar="FILE.html", help="default: RUN/step-00000N.html")


def _view(arguments: argparse.Namespace) -> int:
    from trainer import view

    found = view.look(run_folder(arguments.directory))
    has_page = found.rollouts or arguments.step is not None or arguments.out
    page = view.write_page(found, arguments.step, arguments.out) if has_page else None
    for line in view.summary(found):
        say(line)
    if page:
        say(f"\nits rollouts and the curve, for a browser: {page}")
    return DONE
