"""Save, resume: the Hugging Face layout, plus what a run needs to go on."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from trainer.optimizer import Optimizer
from trainer.policy import Policy


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run has come: the position from which everything else follows, since all seeds derive from it."""

    stages: int
    """Supervised stages finished."""
    step: int
    """Steps of reinforcement learning finished."""


def save(policy: Policy, optimizer: Optimizer | None, progress: Progress, folder: Path) -> None:
    """Write a checkpoint aside, then rename it: `folder` exists only whole."""
    aside = folder.with_name(folder.name + ".part")
    shutil.rmtree(aside, ignore_errors=True)
    (aside / "resume").mkdir(parents=True)
    policy.save(aside)
    if optimizer is not None:
        torch.save(optimizer.state_dict(), aside / "resume" / "optimizer.pt")
    (aside / "resume" / "progress.json").write_text(json.dumps(asdict(progress)))
    for file in aside.rglob("*"):
        if file.is_file():
            with file.open("rb") as handle:
                os.fsync(handle.fileno())
    shutil.rmtree(folder, ignore_errors=True)
    aside.rename(folder)


def latest(checkpoints: Path) -> tuple[Path, Progress] | None:
    """The checkpoint that is furthest on, or None."""
    found = [(folder, _progress(folder)) for folder in checkpoints.glob("*") if folder.suffix != ".part"]
    return max(found, key=lambda pair: (pair[1].stages, pair[1].step), default=None)


def restore_optimizer(optimizer: Optimizer, folder: Path) -> None:
    path = folder / "resume" / "optimizer.pt"
    if path.exists():
        optimizer.load_state_dict(torch.load(path, weights_only=True))


def prune(checkpoints: Path, *, keep: int) -> None:
    """Remove all but the newest `keep` numbered checkpoints; those of supervised stages stay."""
    numbered = sorted(folder for folder in checkpoints.glob("[0-9]*") if folder.suffix != ".part")
    for folder in numbered[:-keep]:
        shutil.rmtree(folder)


def _progress(folder: Path) -> Progress:
    return Progress(**json.loads((folder / "resume" / "progress.json").read_text()))
