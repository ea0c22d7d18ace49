"""A place among the tokens of a formula, within the grammar's bounds: what every part of the parser reads by."""

from __future__ import annotations

from abc import ABC, abstractmethod

from verifiers.inside.math.tokens import Token
from verifiers.inside.math.tree import MAX_NESTING, MAX_NODES, Apply, Node, TooLarge, Unreadable


class Cursor(ABC):
    """Moves from left to right; each method that reads leaves it behind what it has read.

    What may stand anywhere in a formula is declared here, for all parts of the parser.
    """

    def __init__(self, tokens: list[Token]) -> None:
        self.tokens = tokens
        self.position = 0
        self.depth = 0
        self.nodes = 0
        self.bars = 0

    @property
    def here(self) -> Token:
        return self.tokens[self.position]

    def peek(self, ahead: int = 1) -> Token:
        return self.tokens[min(self.position + ahead, len(self.tokens) - 1)]

    def take(self) -> Token:
        token = self.here
        self.position += token.kind != "end"
        return token

    def at(self, *texts: str) -> bool:
        return self.here.text in texts and self.here.kind != "text"

    def expect(self, text: str) -> None:
        if not self.at(text):
            raise Unreadable(f"found {self.here.text!r} where {text!r} was due")
        self.take()

    def enter(self) -> None:
        self.depth += 1
        if self.depth > MAX_NESTING:
            raise TooLarge(f"nested deeper than {MAX_NESTING}")

    def count(self) -> None:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise TooLarge(f"more than {MAX_NODES} parts")

    def apply(self, name: str, *args: Node) -> Node:
        self.count()
        return Apply(name, args)

    @abstractmethod
    def items(self, stop: frozenset[str]) -> Node:
        """Items up to a stop, which is not taken."""

    @abstractmethod
    def sum(self) -> Node:
        """Products with signs between, and the unit behind them."""

    @abstractmethod
    def with_unit(self, value: Node) -> Node:
        """The value with the words and signs behind it, if there are some."""

    @abstractmethod
    def product(self) -> Node:
        """Factors with or without signs between."""

    @abstractmethod
    def signed(self) -> Node:
        """A factor with its signs."""

    @abstractmethod
    def power(self) -> Node:
        """An atom with what is written behind it."""

    @abstractmethod
    def atom(self) -> Node:
        """A number, a name, a command with its arguments, or what is in brackets."""

    @abstractmethod
    def argument(self, *, signs: bool = False) -> Node:
        """What a command takes: a group in braces, one digit, one symbol; in plain text a bracket or a number."""
