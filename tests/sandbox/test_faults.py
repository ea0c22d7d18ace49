"""What happens to jobs when the engine under them is killed, stopped, hung, full or cut off: none is lost or misjudged.

Each fault is a real one, in a Docker engine that these tests start for themselves (engine.py).
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from sandbox import Ending, Limits, Outcome, Pool, Program, SandboxConfig, SandboxUnavailable, list_leftovers
from tests.sandbox.engine import READY_SECONDS, OwnEngine, own_engine

SLOW = Program("import time\ntime.sleep(1.5)\nprint('done')")
NEXT = Program("print('next')")


@pytest.fixture(scope="module")
def started() -> Iterator[OwnEngine]:
    with own_engine() as engine:
        yield engine


@pytest.fixture
def engine(started: OwnEngine, monkeypatch: pytest.MonkeyPatch) -> Iterator[OwnEngine]:
    """An engine that is up, has no container, and is the one that boxes are made in."""
    monkeypatch.setenv("DOCKER_HOST", started.host)
    yield started
    if not started.is_up():
        started.start()
    if left := started.containers():
        started.docker("rm", "--force", *left)


def config(engine: OwnEngine, slots: int = 1) -> SandboxConfig:
    return SandboxConfig(kind="docker", slots=slots, image=engine.image)


def sleeper(number: int, seconds: float) -> Program:
    """Its output is known to us, and cannot be had without running it to its end."""
    return Program(f"import time\ntime.sleep({seconds})\nprint({number} ** 2)")


def count(outcomes: Sequence[Outcome]) -> Counter[Ending]:
    """How the sleepers 0, 1, 2, … ended; an outcome must be right, or our own failure."""
    for number, outcome in enumerate(outcomes):
        if outcome.ending is not Ending.INFRASTRUCTURE:
            assert (outcome.ending, outcome.stdout) == (Ending.EXITED, b"%d\n" % number**2), (number, outcome)
        else:
            assert outcome.stdout == b"" and outcome.exit_code is None, (number, outcome)
            assert outcome.detail and "\n" not in outcome.detail, (number, outcome)
    return Counter(outcome.ending for outcome in outcomes)


async def in_mid_run(pool: Pool, job: asyncio.Task[Outcome]) -> None:
    while not pool._busy and not job.done():
        await asyncio.sleep(0.02)
    await asyncio.sleep(0.4)
    assert not job.done(), job.result()


def at_work(pool: Pool) -> set[str]:
    return {box.name for box in pool._busy}


async def later(work: Callable[..., Any], *arguments: Any) -> Any:
    return await asyncio.to_thread(work, *arguments)


def test_a_killed_container_costs_its_job_nothing_but_time(engine: OwnEngine, run: Any) -> None:
    async def kill() -> Any:
        async with Pool(config(engine)) as pool:
            job = asyncio.create_task(pool.run(SLOW))
            await in_mid_run(pool, job)
            await later(engine.docker, "kill", *engine.containers())
            return await job, await pool.run(NEXT)

    first, second = run(kill())
    assert (first.ending, first.stdout) == (Ending.EXITED, b"done\n"), first
    assert second.stdout == b"next\n", second


def test_a_container_killed_while_idle_costs_nothing(engine: OwnEngine, run: Any) -> None:
    async def kill() -> Any:
        async with Pool(config(engine, slots=2)) as pool:
            await asyncio.gather(pool.run(SLOW), pool.run(SLOW))
            await later(engine.docker, "kill", *engine.containers())
            return await asyncio.gather(*(pool.run(sleeper(number, 0.1)) for number in range(6)))

    assert count(run(kill())) == {Ending.EXITED: 6}


def test_containers_killed_again_and_again(engine: OwnEngine, run: Any) -> None:
    async def batch() -> Any:
        async with Pool(config(engine, slots=2)) as pool:
            jobs = asyncio.gather(*(pool.run(sleeper(number, 0.4)) for number in range(16)))
            num_killed = 0
            while not jobs.done() and num_killed < 8:
                await asyncio.sleep(0.5)
                for victim in (await later(engine.docker, "ps", "--quiet")).split()[:1]:
                    num_killed += (await later(engine._run, "kill", victim)).returncode == 0
            return num_killed, await jobs, await pool.run(NEXT)

    num_killed, outcomes, after = run(batch())
    counts = count(outcomes)
    assert num_killed >= 4
    assert counts[Ending.EXITED] >= 8, counts
    assert after.stdout == b"next\n", after


def test_a_job_that_loses_two_boxes_is_given_up(engine: OwnEngine, run: Any) -> None:
    async def poison() -> Any:
        async with Pool(config(engine)) as pool:
            job = asyncio.create_task(pool.run(Program("import time\ntime.sleep(30)"), Limits(wall_seconds=40)))
            num_killed = 0
            while not job.done():
                if busy := at_work(pool):
                    num_killed += (await later(engine._run, "kill", *busy)).returncode == 0
                await asyncio.sleep(0.3)
            return num_killed, await job, await pool.run(NEXT)

    num_killed, lost, after = run(poison())
    assert lost.ending is Ending.INFRASTRUCTURE, lost
    assert num_killed <= 3
    assert after.stdout == b"next\n", after


@pytest.mark.parametrize("how", ["stop", "kill", "fail"])
def test_an_engine_that_goes_away_in_mid_batch_and_comes_back(how: str, engine: OwnEngine, run: Any) -> None:
    """Killed alone, it leaves its containers to work on; once it is back, it ends them."""
    outcomes: list[Outcome | None] = []

    async def fault(pool: Pool) -> tuple[set[str], set[str]]:
        """The boxes that were at work when the engine went, and those that took over."""
        await asyncio.sleep(1.5)
        before = at_work(pool)
        await later(getattr(engine, how))
        await asyncio.sleep(2)
        await later(engine.start)
        async with asyncio.timeout(READY_SECONDS):
            while not (now := at_work(pool)) or now & before:
                await asyncio.sleep(0.1)
        return before, now

    async def feed(pool: Pool, until: asyncio.Task[Any]) -> None:
        while not until.done():
            number = len(outcomes)
            outcomes.append(None)
            outcomes[number] = await pool.run(sleeper(number, 0.2), Limits(wall_seconds=3))

    async def batch() -> Any:
        async with Pool(config(engine, slots=2)) as pool:
            faulting = asyncio.create_task(fault(pool))
            await asyncio.gather(*(feed(pool, faulting) for _ in range(30)))
            return await faulting, await pool.run(NEXT)

    (before, now), after = run(batch())
    assert before, "no box was at work when the engine went"
    assert now and not before & now, (before, now)
    done = [outcome for outcome in outcomes if outcome]
    assert len(done) == len(outcomes) >= 30
    assert count(done) == {Ending.EXITED: len(done)}, [outcome for outcome in done if outcome.exit_code != 0]
    assert max(outcome.wall_seconds for outcome in done) < 3, "waiting for the engine was charged to a job"
    assert after.stdout == b"next\n", after
    assert prune_from_the_command_line() == 0
    assert not engine.containers()


def test_an_engine_that_stays_away_ends_every_job_and_one_that_comes_back_serves_again(
    engine: OwnEngine, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sandbox.pool.RECOVERY_SECONDS", 4.0)

    async def outage() -> Any:
        async with Pool(config(engine, slots=2)) as pool:
            await later(engine.fail)
            began = time.monotonic()
            outcomes = await asyncio.gather(*(pool.run(sleeper(number, 0.1)) for number in range(200)))
            seconds = time.monotonic() - began
            with pytest.raises(SandboxUnavailable, match="Docker engine"):
                async with pool.lend(Limits()):
                    pass
            await later(engine.start)
            return outcomes, seconds, await asyncio.gather(*(pool.run(sleeper(number, 0.1)) for number in range(4)))

    during, seconds, after = run(outage())
    assert count(during) == {Ending.INFRASTRUCTURE: 200}
    assert seconds < 60, f"{seconds:.0f} s: each job waited for itself"
    assert "service docker start" in during[-1].detail
    assert count(after) == {Ending.EXITED: 4}


def test_a_pool_closes_at_once_while_its_engine_is_away(engine: OwnEngine, run: Any) -> None:
    async def outage() -> Any:
        pool = Pool(config(engine))
        await pool.start()
        await later(engine.fail)
        job = asyncio.create_task(pool.run(SLOW))
        await asyncio.sleep(4)
        began = time.monotonic()
        await pool.close()
        return time.monotonic() - began, await job

    seconds, outcome = run(outage())
    assert outcome.ending is Ending.INFRASTRUCTURE, outcome
    assert seconds < 10


def test_no_engine_at_the_start_is_said_at_once(engine: OwnEngine, run: Any) -> None:
    engine.stop()
    began = time.monotonic()
    with pytest.raises(SandboxUnavailable, match="no Docker engine answers"):
        run(Pool(config(engine)).start())
    assert time.monotonic() - began < 10


def test_what_an_engine_refuses_is_not_waited_for(engine: OwnEngine, run: Any) -> None:
    async def refuse() -> Any:
        async with Pool(config(engine)) as pool:
            began = time.monotonic()
            outcome = await pool.run(NEXT, Limits(memory_mb=10**13))  # more bytes than the engine can count
            return time.monotonic() - began, outcome, await pool.run(NEXT)

    seconds, outcome, after = run(refuse())
    assert outcome.ending is Ending.INFRASTRUCTURE and "docker" in outcome.detail, outcome
    assert seconds < 20
    assert after.stdout == b"next\n", after


@pytest.mark.parametrize("when", ["busy", "idle"])
def test_a_hung_slot_is_neither_a_timeout_nor_waited_for_for_ever(
    when: str, engine: OwnEngine, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sandbox.channel.GRACE_SECONDS", 1.0)

    async def freeze() -> Any:
        async with Pool(config(engine)) as pool:
            if when == "idle":
                await later(engine.docker, "pause", *engine.containers())
            job = asyncio.create_task(pool.run(SLOW, Limits(wall_seconds=3)))
            if when == "busy":
                await in_mid_run(pool, job)
                await later(engine.docker, "pause", *engine.containers())
            return await job, await pool.run(NEXT)

    first, second = run(freeze())
    assert (first.ending, first.stdout) == (Ending.EXITED, b"done\n"), first
    assert second.stdout == b"next\n", second
    assert not engine.containers()


def test_time_in_which_a_slot_stood_still_is_not_charged(engine: OwnEngine, run: Any) -> None:
    async def freeze() -> Any:
        async with Pool(config(engine)) as pool:
            job = asyncio.create_task(pool.run(SLOW, Limits(wall_seconds=2.5)))
            await in_mid_run(pool, job)
            box = await later(engine.containers)
            await later(engine.docker, "pause", *box)
            await asyncio.sleep(4)
            await later(engine.docker, "unpause", *box)
            return await job, box == await later(engine.containers)

    outcome, is_same = run(freeze())
    assert (outcome.ending, outcome.stdout) == (Ending.EXITED, b"done\n"), outcome
    assert outcome.wall_seconds < 2.5
    assert is_same


@pytest.mark.parametrize("is_hung", [False, True])
def test_after_a_killed_client_prune_leaves_nothing(is_hung: bool, engine: OwnEngine) -> None:
    source = (
        "import asyncio\nfrom sandbox import *\n"
        "async def main():\n"
        f"    async with Pool(SandboxConfig(kind='docker', slots=2, image={engine.image!r})) as pool:\n"
        "        jobs = [pool.run(Program('import time; time.sleep(60)'), Limits(wall_seconds=60)) for _ in range(4)]\n"
        "        running = asyncio.gather(*jobs)\n"
        "        while len(pool._busy) < 2: await asyncio.sleep(0.1)\n"
        "        print('up', flush=True)\n"
        "        await running\n"
        "asyncio.run(main())"
    )
    client = subprocess.Popen([sys.executable, "-c", source], stdout=subprocess.PIPE)
    assert client.stdout and client.stdout.readline() == b"up\n"
    boxes = engine.containers()
    assert len(boxes) == 2
    if is_hung:  # it cannot see that its client is gone
        engine.docker("pause", *boxes)
    client.send_signal(signal.SIGKILL)
    client.wait()
    if is_hung:
        time.sleep(1)
        assert engine.containers() == boxes
    assert prune_from_the_command_line() == 0
    deadline = time.monotonic() + 10  # those that end by themselves
    while engine.containers() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not engine.containers()
    assert not [leftover for leftover in list_leftovers() if f":{client.pid}-" in leftover.owner]


def prune_from_the_command_line() -> int:
    return subprocess.run([sys.executable, "-m", "assay", "sandbox", "prune"], stdout=subprocess.DEVNULL).returncode


def test_a_disk_that_a_program_fills_is_its_own_failure_and_nobody_elses(engine: OwnEngine, run: Any) -> None:
    fill = Program(
        "import os\nwith open('/tmp/work/full', 'wb', buffering=0) as file:\n    while True: file.write(bytes(2**20))"
    )
    write = Program("with open('half', 'wb') as file: file.write(bytes(8 * 2**20))\nprint('written')")

    async def fill_it() -> Any:
        async with Pool(config(engine)) as pool:
            limits = Limits(files_mb=16)
            return [await pool.run(job, limits) for _ in range(3) for job in (fill, write)]

    outcomes = run(fill_it())
    for full, after in zip(outcomes[::2], outcomes[1::2], strict=True):
        assert full.ending in (Ending.EXITED, Ending.SIGNAL) and full.exit_code != 0, full
        assert b"No space left on device" in full.stderr or b"File too large" in full.stderr, full
        assert after.stdout == b"written\n", after


def test_a_disk_that_is_full_under_the_engine_is_nobodys_wrong_answer(engine: OwnEngine, run: Any) -> None:
    async def fill_it() -> Any:
        async with Pool(config(engine)) as pool:
            with engine.full_disk():
                up = await pool.run(sleeper(0, 0.1))  # in a box that needs no disk any more
            await later(engine.docker, "rm", "--force", *engine.containers())
            with engine.full_disk():
                refused = await pool.run(sleeper(1, 0.1))
            return up, refused, await pool.run(sleeper(2, 0.1))

    outcomes = run(fill_it())
    count(outcomes)
    endings = [outcome.ending for outcome in outcomes]
    assert endings == [Ending.EXITED, Ending.INFRASTRUCTURE, Ending.EXITED], outcomes
    assert "no space left on device" in outcomes[1].detail, outcomes[1]


@asynccontextmanager
async def tcp_door(engine: OwnEngine) -> AsyncIterator[tuple[str, Callable[[], None]]]:
    """The engine as a remote one: its address, and what cuts every connection to it."""
    writers: list[asyncio.StreamWriter] = []

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while chunk := await reader.read(2**16):
                writer.write(chunk)
                await writer.drain()
            writer.write_eof()
        except OSError:
            writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_unix_connection(engine.host.removeprefix("unix://"))
        writers.extend((writer, far_writer))
        await asyncio.gather(pump(reader, far_writer), pump(far_reader, writer))

    def cut() -> None:
        for writer in writers:
            writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"tcp://127.0.0.1:{server.sockets[0].getsockname()[1]}", cut
    finally:
        server.close()
        cut()


@pytest.mark.parametrize("way", ["tcp", "context", "ssh"])
def test_a_remote_engine_serves_and_may_be_cut_off(
    way: str, engine: OwnEngine, run: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """No folder is shared with it: boxes are reached through the docker command's attached streams."""

    async def far_away() -> Any:
        async with tcp_door(engine) as (address, cut):
            await later(point_docker_at, address, way, monkeypatch, tmp_path)
            async with Pool(config(engine, slots=2)) as pool:
                outcomes = await asyncio.gather(*(pool.run(sleeper(number, 0.1)) for number in range(8)))
                echo = await pool.run(Program("print(len(input()))", stdin=b"x" * 3 * 2**20))
                job = asyncio.create_task(pool.run(SLOW))
                await in_mid_run(pool, job)
                cut()
                return outcomes, echo, await job, await pool.run(NEXT)

    outcomes, echo, interrupted, after = run(far_away())
    assert count(outcomes) == {Ending.EXITED: 8}
    assert echo.stdout == b"%d\n" % (3 * 2**20), echo
    assert (interrupted.ending, interrupted.stdout) == (Ending.EXITED, b"done\n"), interrupted
    assert after.stdout == b"next\n", after


def point_docker_at(address: str, way: str, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """With an `ssh` that runs, here, what the docker command asks of the far machine: its own `docker` there."""
    monkeypatch.setenv("DOCKER_HOST", address if way == "tcp" else "ssh://far")
    if way == "context":
        monkeypatch.delenv("DOCKER_HOST")
        monkeypatch.setenv("DOCKER_CONFIG", str(folder))
        subprocess.run(["docker", "context", "create", "far", "--docker", f"host={address}"], check=True)
        monkeypatch.setenv("DOCKER_CONTEXT", "far")
    if way == "ssh":
        (folder / "ssh").write_text(f"#!/bin/sh\nexec docker --host {address} system dial-stdio\n")
        (folder / "ssh").chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


def test_no_reward_is_invented_or_lost_while_the_engine_is_down(
    engine: OwnEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through the room above, since this is what all of it is for."""
    from verifiers import Problem, Router, Status

    monkeypatch.setattr("sandbox.pool.RECOVERY_SECONDS", 2.0)
    spec = {"kind": "stdio", "tests": [{"stdin": "1 2\n", "stdout": "3\n"}]}
    problem = Problem("sum", "", "code", spec)
    right = "```python\nprint(sum(map(int, input().split())))\n```"
    wrong = "```python\nprint(4)\n```"
    with Router(config(engine), cache_bytes=0) as router:
        before = router.judge([(problem, right), (problem, wrong)])
        engine.fail()
        during = router.judge([(problem, right), (problem, wrong)] * 4)
        engine.start()
        after = router.judge([(problem, right), (problem, wrong)])
    for verdicts in (before, after):
        assert [(verdict.status, verdict.score) for verdict in verdicts] == [(Status.CORRECT, 1), (Status.WRONG, 0)]
    assert [(verdict.status, verdict.score) for verdict in during] == [(Status.UNJUDGED, None)] * 8, during


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_many_faults_of_all_kinds(engine: OwnEngine, run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two minutes of them under steady work; afterwards all is as before."""
    monkeypatch.setattr("sandbox.channel.GRACE_SECONDS", 2.0)
    chance = random.Random(0)
    outcomes: list[Outcome | None] = []

    def one_fault() -> str:
        what = chance.choice(["kill", "kill", "pause", "stop engine", "kill engine", "fail engine"])
        if what.endswith("engine"):
            getattr(engine, what.split()[0])()
            time.sleep(chance.uniform(0, 3))
            engine.start()
        elif up := engine.docker("ps", "--quiet").split():
            engine._run(what, chance.choice(up))
        return what

    async def faults(seconds: float) -> Counter[str]:
        deadline, done = time.monotonic() + seconds, Counter[str]()
        while time.monotonic() < deadline:
            await asyncio.sleep(chance.uniform(0, 3))
            done[await later(one_fault)] += 1
        return done

    async def feed(pool: Pool, until: asyncio.Task[Any]) -> None:
        while not until.done():
            number = len(outcomes)
            outcomes.append(None)
            limits = Limits(wall_seconds=3, files_mb=chance.choice([16, 64]))
            outcomes[number] = await pool.run(sleeper(number, chance.uniform(0, 0.5)), limits)

    async def batch() -> Any:
        async with Pool(config(engine, slots=2)) as pool:
            faulting = asyncio.create_task(faults(120))
            await asyncio.gather(*(feed(pool, faulting) for _ in range(8)))
            return await faulting, [await pool.run(NEXT) for _ in range(4)]

    done, after = run(batch())
    ended = [outcome for outcome in outcomes if outcome]
    counts = count(ended)
    print(f"{sum(done.values())} faults {dict(done)}: {dict(counts)}")
    assert len(ended) == len(outcomes) > 100
    assert counts[Ending.INFRASTRUCTURE] <= 0.1 * len(ended), counts
    assert {outcome.stdout for outcome in after} == {b"next\n"}, after
    assert prune_from_the_command_line() == 0
    assert not engine.containers()
