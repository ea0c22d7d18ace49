"""The command `assay`: sees that the rooms it is about to enter are ours, then hands over to `trainer.cli`."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

ROOMS = ("sandbox", "verifiers", "benchmarks", "trainer")


def main(argv: list[str] | None = None) -> int:
    """Run the command line `argv` (default: this process's) and return the exit code."""
    for room in ROOMS:
        if complaint := _complaint(room):
            print(f"assay: {complaint}", file=sys.stderr)
            return 3
    from trainer.cli.main import main as run

    return run(argv)


def _complaint(room: str) -> str | None:
    """Why `import {room}` would not give our package; None if it would."""
    home = Path(__file__).resolve().parent
    ours = home / room / "__init__.py"
    found = _where(room)
    if found in (None, ours.parent):
        return f"its package {room} is missing from {home}: install assay again"
    if found != ours:
        return f"{_owner(room)} ({found}) stands in the way of ours: {_remedy(room, found)}"
    if list(home.glob(f"{room}-*.dist-info")):
        return (
            f"{_owner(room)} was installed into the same folder as ours ({found.parent}), so their files are mixed: "
            f"pip uninstall {room}, then pip install --force-reinstall --no-deps assay"
        )
    return None


def _where(room: str) -> Path | None:
    """The file or folder that `import {room}` would read; nothing is imported."""
    spec = importlib.util.find_spec(room)
    if spec is None:
        return None
    places = [spec.origin] if spec.has_location else list(spec.submodule_search_locations or [])
    return Path(places[0]).resolve() if places and places[0] else None


def _owner(room: str) -> str:
    names = _distributions(room)
    return f"the package {room} of the distribution {names[0]}" if names else f"another package {room}"


def _remedy(room: str, found: Path) -> str:
    names = _distributions(room)
    if names:
        return f"pip uninstall {names[0]}, or give assay a virtual environment of its own"
    folder = found.parent.parent if found.name == "__init__.py" else found.parent
    return f"take {folder} off the Python path (PYTHONPATH, or the folder you are in)"


def _distributions(room: str) -> list[str]:
    from importlib.metadata import packages_distributions  # slow; only once something is wrong

    return [name for name in packages_distributions().get(room, []) if name != "assay"]


if __name__ == "__main__":
    sys.exit(main())
