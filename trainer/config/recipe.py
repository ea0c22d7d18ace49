"""A recipe or a TOML file, with what the command line changes in it, read as one run."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

from trainer.config.run import RunConfig
from trainer.settings import ConfigError, validated


def read_config(recipe: str, overrides: Sequence[str] = ()) -> tuple[RunConfig, str]:
    """The settings of a recipe's name or a TOML file, with `key=value` overrides, and the file's text as written.

    Raises `ConfigError` with one line that names the file, the setting, what was found and what would be right.
    """
    path = recipes().get(recipe) or Path(recipe)
    if not path.is_file():
        known = ", ".join(recipes())
        raise ConfigError(f"{recipe}: no such recipe or file; shipped recipes: {known}")
    try:
        text = path.read_text(encoding="utf-8")
        values = tomllib.loads(text)
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path.name}: not UTF-8: {error.reason} at byte {error.start + 1}") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path.name}: not valid TOML: {error}") from None
    values.setdefault("name", re.sub(r"[^A-Za-z0-9._-]+", "-", path.stem))
    return validated(RunConfig, path.name, values, overrides), text


def recipes() -> dict[str, Path]:
    """The recipes that ship with the package, by name."""
    folder = Path(str(resources.files("trainer"))) / "recipes"
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}
