"""Which files of a verifier are shipped into the check boxes, and the names of modules that they have there."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from sandbox import Preload

INSIDE = Path(__file__).parent / "inside"


def ours(*names: str) -> tuple[Path, ...]:
    """Files of `verifiers/inside/` by names such as math/tree."""
    return tuple(INSIDE / f"{name}.py" for name in names)


def are_ours(files: Iterable[Path]) -> bool:
    return all(path.is_relative_to(INSIDE) for path in files)


def preload(files: Iterable[Path]) -> list[Preload]:
    """Ours under the names that they import one another by; anybody else's under their files' names."""
    return [Preload(_name(path), path) for path in files]


def _name(path: Path) -> str:
    if not path.is_relative_to(INSIDE):
        return path.stem
    return ".".join(("verifiers", "inside", *path.relative_to(INSIDE).with_suffix("").parts))
