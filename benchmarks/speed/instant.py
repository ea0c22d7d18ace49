"""A verifier that answers at once with what others said before, so that what judging adds to a step can be seen."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from verifiers import Boxes, Example, Status, Verdict, Verifier

NAME = "instant"


class Instant(Verifier):
    """spec: {"scores": {completion: score}}; what is not in there cannot be judged."""

    name = NAME
    examples = (
        Example({"scores": {"42": 1.0}}, "42", 1.0),
        Example({"scores": {"42": 1.0}}, "43", None, "never judged before"),
    )

    async def judge(self, spec: Mapping[str, Any], completion: str, boxes: Boxes) -> Verdict:
        score = spec["scores"].get(completion)
        if score is None:
            return Verdict(Status.UNJUDGED, None, detail="never judged before")
        return Verdict(Status.CORRECT if score == 1 else Status.WRONG, score)


def install(folder: Path) -> None:
    """Make the verifier known to whoever has `folder` on the Python path."""
    info = folder / "assay_instant-0.dist-info"
    info.mkdir(parents=True, exist_ok=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: assay-instant\nVersion: 0\n")
    (info / "entry_points.txt").write_text(f"[assay.verifiers]\n{NAME} = {__name__}:Instant\n")
