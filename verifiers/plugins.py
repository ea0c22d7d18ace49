"""Verifiers by name: what is installed under the entry points `assay.verifiers`, and where it comes from."""

from __future__ import annotations

import asyncio
import difflib
import importlib.metadata
import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from verifiers.base import Verifier
from verifiers.types import SpecError, Status, Verdict

GROUP = "assay.verifiers"


class BrokenPlugin(SpecError):
    """A verifier is installed and cannot be used; the message says whose it is and why."""


@dataclass(frozen=True, slots=True)
class Installed:
    """One entry point: a verifier's name and where it comes from."""

    name: str
    target: str
    """module:Class"""
    origin: str
    """Distribution and version, as "assay 0.1.0"."""
    error: str | None = None
    """Why it cannot be used; None if it can."""
    verifier: type[Verifier] | None = None
    """None if it cannot be used."""


def installed() -> list[Installed]:
    """Every verifier on this machine by name, with the broken ones and what is wrong with them. Imports them all."""
    return [_imported(entry) for entry in sorted(_entries(), key=lambda entry: entry.name)]


def load(name: str) -> Verifier:
    """The verifier of that name, or `SpecError` naming those that are installed, or `BrokenPlugin`."""
    found = [entry for entry in _entries() if entry.name == name]
    if not found:
        names = sorted({entry.name for entry in _entries()})
        close = difflib.get_close_matches(name, names, n=1)
        hint = f"; did you mean {close[0]}?" if close else ""
        raise SpecError(f"verifier: {name!r} is not installed; installed are {', '.join(names) or 'none'}{hint}")
    if len(found) > 1:
        origins = " and ".join(_origin(entry) for entry in found)
        raise BrokenPlugin(f"verifier: {name!r} is installed by {origins}; uninstall one")
    plugin = _imported(found[0])
    if plugin.verifier is None:
        raise BrokenPlugin(f"verifier: {name!r} of {plugin.origin} cannot be used: {plugin.error}")
    return plugin.verifier()


def check(argument: Mapping[str, Any]) -> dict[str, Any]:
    """Run one `Verifier.verify`, in a child process that may be killed, and give its verdict as JSON.

    Called by a box through `Check("verifiers.plugins", {"verifier": …, "spec", "completion"})`. What a
    plugin raises goes through: the box reports it.
    """
    verifier = made(argument["verifier"])
    said = verifier.verify(argument["spec"], argument["completion"])
    if inspect.iscoroutine(said):  # of a service whose process was lost
        said = asyncio.run(said)
    return as_verdict(said).to_json()


def made(target: str) -> Verifier:
    """The verifier "module:Class", or of that name; the first is what the router has found, and takes half the time."""
    if ":" not in target:
        return load(target)
    verifier: Verifier = importlib.metadata.EntryPoint(target, target, GROUP).load()()
    return verifier


def as_verdict(said: object) -> Verdict:
    """A plugin's answer as a verdict: right/wrong and scores are spelled out, anything else is a TypeError."""
    if isinstance(said, Verdict):
        return said
    if isinstance(said, int | float) and 0 <= said <= 1:
        return Verdict(Status.CORRECT if said == 1 else Status.WRONG, float(said))
    raise TypeError(f"verify returned {said!r:.80}; should be a Verdict, a score in 0..1, True or False")


ERRORS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    ImportError,
    LookupError,
    NameError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
)
"""What somebody else's module or method may raise; named, because the one broad `except` is the router's."""


def _entries() -> list[importlib.metadata.EntryPoint]:
    """Each entry point once: an editable install shows the same distribution twice."""
    entries: dict[tuple[str, str, str], importlib.metadata.EntryPoint] = {}
    for entry in importlib.metadata.entry_points(group=GROUP):
        entries.setdefault((entry.name, entry.value, _origin(entry).partition(" ")[0]), entry)
    return list(entries.values())


def _imported(entry: importlib.metadata.EntryPoint) -> Installed:
    origin = _origin(entry)
    try:
        found = entry.load()
    except ERRORS as error:
        return Installed(entry.name, entry.value, origin, f"{type(error).__name__}: {error}")
    if not (isinstance(found, type) and issubclass(found, Verifier)):
        return Installed(entry.name, entry.value, origin, f"{entry.value} is not a subclass of verifiers.Verifier")
    named = getattr(found, "name", None)
    if named != entry.name:
        why = f"its entry point is {entry.name!r} and its `name` is {named!r}; make them the same"
        return Installed(entry.name, entry.value, origin, why)
    return Installed(entry.name, entry.value, origin, None, found)


def _origin(entry: importlib.metadata.EntryPoint) -> str:
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist else "an unknown distribution"
