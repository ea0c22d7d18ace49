"""A busy machine makes no answer wrong: our own checks have CPU seconds, and the clock only says when to give up."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sandbox import Check, Ending, Job, Limits, Outcome, Pool, Preload, SandboxConfig, SandboxKind
from tests.boxes import have
from verifiers import Status, Verdict
from verifiers.base import Boxes, Verifier
from verifiers.instructions import InstructionsVerifier
from verifiers.math import MathVerifier
from verifiers.patience import run_patiently
from verifiers.schema import SchemaVerifier
from verifiers.shipped import preload

HELD_UP = """
import time
_check = check

def check(argument):
    {first}
    return _check(argument)
"""
"""After the text of a check. One that sleeps is, seen from outside, one that gets no CPU."""

DEEDS = """
import time

def check(argument):
    burn_seconds, sleep_seconds = argument
    while time.process_time() < burn_seconds:
        pass
    time.sleep(sleep_seconds)
    return "done"
"""

RIGHT: dict[type[Verifier], tuple[dict[str, Any], str]] = {
    MathVerifier: ({"answer": r"\frac{x}{2}"}, r"\boxed{0.5x}"),
    SchemaVerifier: ({"schema": {"type": "integer"}}, "3"),
    InstructionsVerifier: ({"constraints": [{"id": "startend:quotation"}]}, '"quoted"'),
}
CATASTROPHE = {"regex": "(a+)+"}, "a" * 40 + "!"


class Counting(Pool):
    """Knows what was run in it, and may have a clock that runs faster, so that patience ends sooner."""

    def __init__(self, kind: SandboxKind, preload: Sequence[Preload], speed: float) -> None:
        super().__init__(SandboxConfig(kind=kind, slots=1), preload=preload)
        self._speed = speed
        self.outcomes: list[Outcome] = []

    async def run(self, job: Job, limits: Limits | None = None) -> Outcome:
        limits = limits or Limits()
        outcome = await super().run(job, replace(limits, wall_seconds=limits.wall_seconds / self._speed))
        self.outcomes.append(outcome)
        return outcome


@pytest.fixture(scope="module", params=["docker", "bubblewrap"])
def kind(request: pytest.FixtureRequest) -> SandboxKind:
    have(request.param)
    return request.param  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def bubblewrap() -> SandboxKind:
    have("bubblewrap")
    return "bubblewrap"


async def judged(
    verifier: type[Verifier], case: tuple[dict[str, Any], str], kind: SandboxKind, folder: Path,
    first: str = "pass", speed: float = 1.0,
) -> tuple[Verdict, list[Outcome]]:  # fmt: skip
    """The verdict, and what was run for it in a box whose checks do something else first."""
    *others, last = preload(verifier.inside)
    assert last.path
    check = folder / f"{last.name}.py"
    check.write_text(last.path.read_text() + HELD_UP.format(first=first))
    async with Counting(kind, [*others, Preload(last.name, check)], speed) as pool:
        boxes = Boxes(programs=pool, checks=pool, plugins=pool, services=None, others=None)  # type: ignore[arg-type]
        return await verifier().judge(*case, boxes), pool.outcomes


def all_judged(kind: SandboxKind, folder: Path, first: str, speed: float = 1.0) -> list[Verdict]:
    """Of a right answer for each verifier; one check was run for each."""

    async def judge() -> list[tuple[Verdict, list[Outcome]]]:
        jobs = (judged(verifier, case, kind, folder, first, speed) for verifier, case in RIGHT.items())
        return await asyncio.gather(*jobs)

    found = asyncio.run(judge())
    assert [len(outcomes) for _, outcomes in found] == [1, 1, 1]
    return [verdict for verdict, _ in found]


def test_a_right_answer_is_right_however_long_its_check_gets_no_cpu(bubblewrap: SandboxKind, tmp_path: Path) -> None:
    for verdict in all_judged(bubblewrap, tmp_path, "time.sleep(2.2)"):  # more than the CPU seconds of any
        assert verdict.status is Status.CORRECT and verdict.seconds > 2.2, verdict


def test_an_answer_whose_check_never_gets_its_cpu_is_unjudged(bubblewrap: SandboxKind, tmp_path: Path) -> None:
    for verdict in all_judged(bubblewrap, tmp_path, "time.sleep(60)", speed=40):
        assert verdict.status is Status.UNJUDGED and verdict.score is None, verdict
        assert "the machine is too busy: the check had 0.0" in verdict.detail, verdict


@pytest.mark.parametrize(
    ("verifier", "case", "first"),
    [(SchemaVerifier, CATASTROPHE, "pass"), (MathVerifier, RIGHT[MathVerifier], "while True: pass")],
    ids=["schema", "math"],
)
def test_a_poison_answer_is_wrong_and_has_its_cpu_once(
    verifier: type[Verifier], case: tuple[dict[str, Any], str], first: str, bubblewrap: SandboxKind, tmp_path: Path
) -> None:
    verdict, (outcome,) = asyncio.run(judged(verifier, case, bubblewrap, tmp_path, first))
    assert verdict.status is Status.WRONG and verdict.score == 0.0 and "too hard" in verdict.detail, verdict
    assert 1.3 < outcome.cpu_seconds < 1.8, outcome


def test_cpu_decides_and_not_the_clock(kind: SandboxKind, tmp_path: Path) -> None:
    (path := tmp_path / "deeds.py").write_text(DEEDS)
    shared = Check("deeds", [0.4, 0.0], is_sociable=True, cpu_seconds=0.5)
    checks = [
        (Check("deeds", [60.0, 0.0], cpu_seconds=0.15), 10.0, Ending.TIMEOUT),
        (Check("deeds", [0.1, 60.0], cpu_seconds=0.15), 1.5, Ending.INFRASTRUCTURE),
        (Check("deeds", [0.0, 0.3], cpu_seconds=0.15), 10.0, Ending.EXITED),
        (shared, 10.0, Ending.EXITED),  # what they lose in the process that they share, they get when they run alone
        (shared, 10.0, Ending.EXITED),
    ]

    async def run_all() -> list[Outcome]:
        async with Pool(SandboxConfig(kind=kind, slots=1), preload=[Preload("deeds", path)]) as pool:
            jobs = (run_patiently(pool, check, Limits(wall_seconds=seconds)) for check, seconds, _ in checks)
            return await asyncio.gather(*jobs)

    outcomes = asyncio.run(run_all())
    assert [outcome.ending for outcome in outcomes] == [ending for *_, ending in checks], outcomes
    assert 0.12 < outcomes[0].cpu_seconds < 0.3, outcomes[0]
    assert outcomes[1].cpu_seconds > 0.03, "what a run used that is ended from outside is counted"
