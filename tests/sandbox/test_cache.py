"""Equal jobs run once; what may come out otherwise another time is never remembered."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import pytest

from sandbox import Call, Check, Ending, Limits, Outcome, Pool, Program, SandboxConfig
from sandbox.cache import OutcomeCache

LIMITS = Limits()


def on_a_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    @functools.wraps(test)
    def run(*arguments: Any, **named: Any) -> None:
        asyncio.run(test(*arguments, **named))

    return run


def counting(ending: Ending = Ending.EXITED, size: int = 0) -> tuple[list[int], Callable[[], Awaitable[Outcome]]]:
    runs: list[int] = []

    async def run() -> Outcome:
        runs.append(1)
        await asyncio.sleep(0.01)
        return Outcome(ending, exit_code=len(runs), stdout=b"x" * size)

    return runs, run


@on_a_loop
async def test_equal_jobs_at_once_and_one_after_the_other_run_once() -> None:
    cache, (runs, run) = OutcomeCache(10**6), counting()
    job = Program("print(1)", files={"a": b"1"})
    first = await asyncio.gather(*(cache.outcome(job, LIMITS, run) for _ in range(5)))
    again = await cache.outcome(Program("print(1)", files={"a": b"1"}), Limits(), run)
    assert len(runs) == 1
    assert {outcome.exit_code for outcome in [*first, again]} == {1}


@on_a_loop
async def test_jobs_that_differ_in_anything_run_apart() -> None:
    cache, (runs, run) = OutcomeCache(10**6), counting()
    jobs = [
        Program("a"),
        Program("a", stdin=b"1"),
        Program("b"),
        Call("a", "f", [[1]]),
        Call("a", "f", [[2]]),
        Check("a", 1),
    ]
    for job in jobs:
        await cache.outcome(job, LIMITS, run)
    await cache.outcome(Program("a"), Limits(wall_seconds=1), run)
    assert len(runs) == len(jobs) + 1


@pytest.mark.parametrize("ending", [Ending.TIMEOUT, Ending.MEMORY, Ending.INFRASTRUCTURE])
@on_a_loop
async def test_what_a_busy_machine_may_have_caused_is_run_again(ending: Ending) -> None:
    cache, (runs, run) = OutcomeCache(10**6), counting(ending)
    await asyncio.gather(*(cache.outcome(Program("a"), LIMITS, run) for _ in range(3)))
    await cache.outcome(Program("a"), LIMITS, run)
    assert len(runs) == 4


@on_a_loop
async def test_a_caller_that_gives_up_takes_nothing_from_the_others() -> None:
    cache, (_, run) = OutcomeCache(10**6), counting()
    first = asyncio.ensure_future(cache.outcome(Program("a"), LIMITS, run))
    second = asyncio.ensure_future(cache.outcome(Program("a"), LIMITS, run))
    await asyncio.sleep(0)
    first.cancel()
    assert (await second).ending is Ending.EXITED


@on_a_loop
async def test_memory_is_bounded() -> None:
    cache, (runs, run) = OutcomeCache(10_000), counting(size=4_000)
    for source in "abcabc":
        await cache.outcome(Program(source), LIMITS, run)
    assert len(runs) == 6, "three outcomes of 5 kB were kept in 10 kB"
    await cache.outcome(Program("c"), LIMITS, run)
    assert len(runs) == 6, "the newest was forgotten"


@on_a_loop
async def test_a_pool_remembers_only_if_asked_to() -> None:
    job = Program("import os; print(os.urandom(8).hex())")
    for cache_bytes, expected in ((0, 2), (10**6, 1)):
        async with Pool(SandboxConfig(kind="process"), cache_bytes=cache_bytes) as pool:
            assert len({(await pool.run(job)).stdout for _ in range(2)}) == expected
