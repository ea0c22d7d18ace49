"""How a verb of the command line is added, with the arguments that several verbs share."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import NoReturn, TypeAlias

from trainer.cli.ending import USER_MISTAKE, exit_with


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One line, without the usage before it."""
        command = self.prog.removeprefix("assay").strip()
        exit_with(USER_MISTAKE, f"{command}{': ' * bool(command)}{message}; see {self.prog} --help")


Verbs: TypeAlias = "argparse._SubParsersAction[Parser]"


def add_verb(
    verbs: Verbs, name: str, run: Callable[[argparse.Namespace], int], text: str, *, goes_on_from: str = ""
) -> Parser:
    """`goes_on_from`: what the same command, given again after an interruption, goes on from; else it starts anew."""
    added = verbs.add_parser(name, help=text, description=text)
    added.set_defaults(run=run, goes_on_from=goes_on_from)
    return added


def add_recipe(command: Parser) -> None:
    command.add_argument("recipe", metavar="RECIPE_OR_TOML", help="a shipped recipe (assay list) or a TOML file")
    add_overrides(command, "for example optim.lr=3e-6")


def add_overrides(command: Parser, text: str) -> None:
    command.add_argument("overrides", nargs="*", default=[], metavar="key=value", help=text)


def add_sandbox(command: Parser) -> None:
    command.add_argument("--sandbox", default="auto", choices=("auto", "docker", "bubblewrap", "process"))


def count_from_1(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"found {text!r}; should be a whole number from 1")
    return int(text)
