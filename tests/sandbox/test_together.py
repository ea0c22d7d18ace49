"""Checks that share a process come out as if each had one of its own."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest

from sandbox import Check, Ending, Limits, Outcome, Pool, Preload, SandboxConfig, SandboxKind

MODULE = """
import os, time

def check(argument):
    does, number = argument
    if does == "raise":
        raise ValueError(f"no {number}")
    if does == "end":
        os._exit(3)
    if does == "eat":
        return len(bytearray(1 << 40))
    if does == "print":
        print("x" * 100)
    time.sleep({"hang": 60, "doze": 0.05}.get(does, 0))
    return {"number": number, "pid": os.getpid()}
"""
LIMITS = Limits(wall_seconds=1.5, memory_mb=256)


@pytest.fixture
def ask(walled_kind: SandboxKind, run: Any, tmp_path: Path) -> Any:
    """All of them at the same time; returns their outcomes and the longest time that one took."""
    path = tmp_path / "deeds.py"
    path.write_text(MODULE)

    async def outcomes(deeds: list[str], slots: int) -> tuple[list[Outcome], float]:
        async with Pool(SandboxConfig(kind=walled_kind, slots=slots), preload=[Preload("deeds", path)]) as pool:
            started = time.monotonic()
            checks = [Check("deeds", [does, number], is_sociable=True) for number, does in enumerate(deeds)]
            outcomes = await asyncio.gather(*(pool.run(check, LIMITS) for check in checks))
            return list(outcomes), time.monotonic() - started

    return lambda deeds, slots=1: run(outcomes(deeds, slots))


def numbers(outcomes: list[Outcome]) -> list[int | None]:
    return [json.loads(outcome.value)["number"] if outcome.value else None for outcome in outcomes]


def test_each_gets_its_own_answer_and_few_processes_are_made(ask: Any) -> None:
    outcomes, _ = ask(["return"] * 64, slots=2)
    assert numbers(outcomes) == list(range(64))
    pids = [json.loads(outcome.value)["pid"] for outcome in outcomes]
    assert len(set(pids)) <= 16, pids


def test_one_that_waits_for_nobody_runs_alone(ask: Any) -> None:
    (outcome,), _ = ask(["return"])
    assert numbers([outcome]) == [0] and outcome.ending is Ending.EXITED


@pytest.mark.parametrize(
    ("does", "ending"),
    [("hang", Ending.TIMEOUT), ("end", Ending.EXITED), ("raise", Ending.EXITED), ("eat", Ending.MEMORY)],
)
def test_a_bad_one_harms_none_of_those_it_was_run_with(does: str, ending: Ending, ask: Any) -> None:
    outcomes, _ = ask(["return"] * 5 + [does] + ["return"] * 5)
    assert numbers(outcomes) == [0, 1, 2, 3, 4, None, 6, 7, 8, 9, 10], outcomes
    assert outcomes[5].ending is ending and outcomes[5].exit_code != 0


def test_what_one_raises_is_told_as_if_it_ran_alone(ask: Any) -> None:
    outcomes, _ = ask(["return", "raise", "return", "raise"])
    assert [b"ValueError: no" in outcome.stderr for outcome in outcomes] == [False, True, False, True]
    assert b"no 3" in outcomes[3].stderr and outcomes[3].exit_code == 1


def test_one_that_hangs_takes_no_longer_than_its_limit(ask: Any) -> None:
    outcomes, seconds = ask(["return", "hang"])
    assert outcomes[1].ending is Ending.TIMEOUT
    assert LIMITS.wall_seconds - 0.1 < seconds < LIMITS.wall_seconds + 0.5, seconds


def test_those_that_are_not_begun_in_time_are_not_lost(ask: Any) -> None:
    outcomes, _ = ask(["doze"] * 24)
    assert numbers(outcomes) == list(range(24))
    seconds = [outcome.wall_seconds for outcome in outcomes]
    assert min(seconds) > 0.04 and max(seconds) < 0.3, "each is told its own time"


def test_what_one_prints_is_not_in_the_others_output(ask: Any) -> None:
    outcomes, _ = ask(["print", "return", "return"])
    assert [outcome.stdout for outcome in outcomes[1:]] == [b"", b""]


def test_closing_while_they_wait_answers_all(walled_kind: SandboxKind, run: Any, tmp_path: Path) -> None:
    path = tmp_path / "deeds.py"
    path.write_text(MODULE)

    async def close_early() -> list[Outcome]:
        pool = Pool(SandboxConfig(kind=walled_kind, slots=1), preload=[Preload("deeds", path)])
        await pool.start()
        checks = [Check("deeds", ["hang", number], is_sociable=True) for number in range(40)]
        jobs = [asyncio.create_task(pool.run(check, LIMITS)) for check in checks]
        await asyncio.sleep(0.2)
        await pool.close()
        return list(await asyncio.gather(*jobs))

    assert {outcome.ending for outcome in run(close_early())} == {Ending.INFRASTRUCTURE}


def test_one_that_is_cancelled_takes_none_with_it(walled_kind: SandboxKind, run: Any, tmp_path: Path) -> None:
    path = tmp_path / "deeds.py"
    path.write_text(MODULE)

    async def cancel_some() -> list[Outcome]:
        async with Pool(SandboxConfig(kind=walled_kind, slots=1), preload=[Preload("deeds", path)]) as pool:
            checks = [Check("deeds", ["doze", number], is_sociable=True) for number in range(20)]
            jobs = [asyncio.create_task(pool.run(check, LIMITS)) for check in checks]
            await asyncio.sleep(0.02)
            for job in jobs[::2]:
                job.cancel()
            await asyncio.gather(*jobs[::2], return_exceptions=True)
            return list(await asyncio.gather(*jobs[1::2]))

    assert numbers(run(cancel_some())) == list(range(1, 20, 2))
