"""The command `assay`: reads what was asked for, checks it, and only then loads what is heavy."""

from __future__ import annotations

import argparse
import difflib
import signal
import sys
from collections.abc import Collection, Sequence
from importlib.metadata import version
from types import FrameType

from trainer.cli import evals, machine, plan, train, verify, view
from trainer.cli.ending import USER_MISTAKE, exit_with, one_line_errors
from trainer.cli.flags import Parser
from trainer.cli.process import prepare_process
from trainer.cli.screen import never_fails


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; exit code 0 done, 1 found failures, 2 the user's mistake, 3 the machine lacks something."""
    for stream in (sys.stdout, sys.stderr):
        never_fails(stream)
    arguments = _parse(argv)
    prepare_process()
    signal.signal(signal.SIGTERM, _end)  # so that boxes are closed then, too
    begun = arguments.goes_on_from
    with one_line_errors(f"; the same command goes on from {begun}" if begun else ""):
        return int(arguments.run(arguments))
    raise AssertionError("unreachable")


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Flags and `key=value` overrides may stand in any order, which argparse alone does not allow."""
    parser, verbs = _parser()
    words = list(sys.argv[1:] if argv is None else argv)
    if words[:1] == ["help"]:
        words = [*words[1:], "--help"]
    if words[:1] == ["eval"] and words[1:2] in (["compare"], ["export"]):  # verbs of two words, not problem sets
        words[:2] = [" ".join(words[:2])]
    if not words or (words[0] not in verbs and not words[0].startswith("-")):
        close = difflib.get_close_matches(words[0], verbs, n=1) if words else []
        hint = f"; did you mean {close[0]}?" if close else "; see assay --help"
        wrong = f"{words[0]}: no such command" if words else "no command given"
        exit_with(USER_MISTAKE, f"{wrong}; there are {', '.join(verbs)}{hint}")
    arguments, rest = parser.parse_known_args(words)
    if hasattr(arguments, "overrides"):
        arguments.overrides = [*arguments.overrides, *(word for word in rest if "=" in word and word[0] != "-")]
        rest = [word for word in rest if word not in arguments.overrides]
        if "=" in (getattr(arguments, "name", None) or ""):  # `verify --run RUNDIR key=value` has no NAME
            arguments.overrides.insert(0, arguments.name)
            arguments.name = None
    if rest:
        first = next((word for word in rest if word.startswith("-")), None)
        wrong = f"{first}: no such flag" if first else f"{rest[0]}: one argument too many"
        hint = "; a setting is written key=value, without dashes" if first and hasattr(arguments, "overrides") else ""
        exit_with(USER_MISTAKE, f"{words[0]}: {wrong}{hint}; see assay {words[0]} --help")
    return arguments


def _parser() -> tuple[argparse.ArgumentParser, Collection[str]]:
    """The parser, and the names of its commands."""
    parser = Parser(
        prog="assay", description="Reinforcement learning for reasoning models on rewards that a program can verify."
    )
    parser.add_argument("--version", action="version", version=f"assay {version('assay')}")
    verbs = parser.add_subparsers(metavar="COMMAND", required=True)

    for verb in (train, plan, evals, view, verify, machine):
        verb.add_to(verbs)
    return parser, verbs.choices.keys()


def _end(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt(number)
