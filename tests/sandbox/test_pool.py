"""The pool heals itself, blames nobody for its own failures, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest

from sandbox import (
    Ending,
    Limits,
    Pool,
    Preload,
    Program,
    SandboxConfig,
    SandboxKind,
    SandboxUnavailable,
    image_name,
    list_leftovers,
    prune_leftovers,
)
from sandbox.docker import DockerBox
from sandbox.leftovers import owned_folder, owner_labels
from sandbox.pool import SlotsError

SLOW = Program("import time\ntime.sleep(1.5)\nprint('done')")


def descendants() -> list[str]:
    """Commands of the living processes that descend from this one, as `ps` prints them."""
    listing = subprocess.run(["ps", "-eo", "pid=,ppid=,stat=,args="], capture_output=True, text=True, check=True)
    rows = [line.split(None, 3) for line in listing.stdout.splitlines()]
    family = {os.getpid()}
    for _ in range(10):
        family |= {int(pid) for pid, parent, *_ in rows if int(parent) in family}
    ours = family - {os.getpid()}
    return [args for pid, _, state, args in rows if int(pid) in ours and state[0] != "Z" and not args.startswith("ps ")]


def containers() -> set[str]:
    return {leftover.name for leftover in list_leftovers() if leftover.kind == "container"}


def wait_until(is_so: Any, seconds: float = 15) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if is_so():
            return True
        time.sleep(0.1)
    return False


def workers() -> list[int]:
    """The bootstraps of workers that this machine runs, in whatever namespace."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"-P" in words and any(b"assay_worker" in word for word in words):
            found.append(int(folder.name))
    return found


def lose(box: Any) -> None:
    if isinstance(box, DockerBox):
        subprocess.run(["docker", "kill", box.name], capture_output=True)
    else:
        box._process.kill()


def test_a_box_lost_in_mid_run_is_replaced_and_the_job_tried_again(kind: SandboxKind, run: Any) -> None:
    async def lose_one() -> Any:
        async with Pool(SandboxConfig(kind=kind, slots=1)) as pool:
            job = asyncio.create_task(pool.run(SLOW))
            await asyncio.sleep(0.5)
            lose(pool._busy[0])
            first = await job
            return first, await pool.run(Program("print('next')"))

    first, second = run(lose_one())
    assert (first.ending, first.stdout) == (Ending.EXITED, b"done\n"), first
    assert second.stdout == b"next\n", second


def test_a_job_that_loses_every_box_is_infrastructure(kind: SandboxKind, run: Any) -> None:
    async def lose_all() -> Any:
        async with Pool(SandboxConfig(kind=kind, slots=1)) as pool:
            job = asyncio.create_task(pool.run(Program("import time\ntime.sleep(30)"), Limits(wall_seconds=40)))
            while not job.done():
                await asyncio.sleep(0.2)
                for box in pool._busy:
                    lose(box)
            return await job, await pool.run(Program("print('next')"))

    lost, following = run(lose_all())
    assert lost.ending is Ending.INFRASTRUCTURE, lost
    assert following.stdout == b"next\n", following


def boxes(pool: Pool) -> list[Any]:
    """All that are up."""
    return [*(box for _, box in pool._idle), *pool._busy]


def test_after_a_loss_a_replacement_and_a_spare_are_warm_and_no_more(kind: SandboxKind, run: Any) -> None:
    num_cores = len(os.sched_getaffinity(0)) if kind != "process" else 2

    async def lose_one() -> Any:
        async with Pool(SandboxConfig(kind=kind, slots=1)) as pool:
            assert len(boxes(pool)) == 1
            job = asyncio.create_task(pool.run(SLOW))
            await asyncio.sleep(0.5)
            lose(pool._busy[0])
            await job
            while pool._coming:
                await asyncio.sleep(0.05)
            warm = boxes(pool)
            await asyncio.gather(*(pool.run(Program("print()")) for _ in range(4)))
            return warm, boxes(pool)

    warm, after = run(lose_one())
    assert len(warm) == min(2, num_cores), warm
    assert after == warm, "a box was made though there were warm ones"


def test_a_box_that_dies_idle_costs_no_job(kind: SandboxKind, run: Any) -> None:
    async def lose_idle() -> Any:
        async with Pool(SandboxConfig(kind=kind, slots=2)) as pool:
            await asyncio.gather(pool.run(SLOW), pool.run(SLOW))
            for box in boxes(pool):
                lose(box)
            return await asyncio.gather(*(pool.run(Program(f"print({number})")) for number in range(4)))

    outcomes = run(lose_idle())
    assert [outcome.stdout for outcome in outcomes] == [b"0\n", b"1\n", b"2\n", b"3\n"], outcomes


def test_jobs_that_run_at_a_time_have_cores_of_their_own(walled_kind: SandboxKind, run: Any) -> None:
    source = "import os, time\ntime.sleep(0.3)\nprint(*os.sched_getaffinity(0))"

    async def together() -> Any:
        async with Pool(SandboxConfig(kind=walled_kind)) as pool:
            return await asyncio.gather(*(pool.run(Program(source)) for _ in range(pool.num_slots)))

    cores = [outcome.stdout.split() for outcome in run(together())]
    assert [len(core) for core in cores] == [1] * len(cores), cores
    assert len({core for (core,) in cores}) == len(cores) == len(os.sched_getaffinity(0))


def test_more_slots_than_cores_are_the_users_mistake_in_one_line(walled_kind: SandboxKind, run: Any) -> None:
    num_cores = len(os.sched_getaffinity(0))
    with pytest.raises(SlotsError, match=rf"sandbox\.slots: {num_cores + 1} .* at most {num_cores}") as caught:
        run(Pool(SandboxConfig(kind=walled_kind, slots=num_cores + 1)).start())
    assert "\n" not in str(caught.value)


def test_bare_processes_share_the_cores(run: Any) -> None:
    async def many() -> Any:
        async with Pool(SandboxConfig(kind="process", slots=2 * len(os.sched_getaffinity(0)))) as pool:
            return await asyncio.gather(*(pool.run(Program("print(1)")) for _ in range(pool.num_slots)))

    assert {outcome.stdout for outcome in run(many())} == {b"1\n"}


def test_waiting_for_a_turn_is_not_charged(kind: SandboxKind, run: Any) -> None:
    async def queue() -> Any:
        async with Pool(SandboxConfig(kind=kind, slots=1)) as pool:
            limits = Limits(wall_seconds=1.5)
            return await asyncio.gather(*(pool.run(Program("import time\ntime.sleep(0.5)"), limits) for _ in range(6)))

    outcomes = run(queue())
    assert {outcome.ending for outcome in outcomes} == {Ending.EXITED}, outcomes
    assert max(outcome.wall_seconds for outcome in outcomes) < 1.5


def test_a_lent_box_is_nobody_elses_until_it_is_given_back(kind: SandboxKind, run: Any) -> None:
    async def lend() -> Any:
        async with Pool(SandboxConfig(kind=kind, slots=1)) as pool:
            async with pool.lend(Limits()) as box:
                waiting = asyncio.create_task(pool.run(Program("print('waited')")))
                first = await box.run(Program("print('first')"), Limits())
                await asyncio.sleep(0.2)
                second = await box.run(Program("print('second')"), Limits())
                assert not waiting.done()
            return [first, second, await waiting], boxes(pool) == [box]

    outcomes, is_kept = run(lend())
    assert [outcome.stdout for outcome in outcomes] == [b"first\n", b"second\n", b"waited\n"]
    assert is_kept


def test_a_lent_box_that_was_lost_is_not_given_to_the_next(kind: SandboxKind, run: Any) -> None:
    async def lend() -> Any:
        async with Pool(SandboxConfig(kind=kind, slots=1)) as pool:
            async with pool.lend(Limits()) as first:
                lose(first)
                lost = await first.run(SLOW, Limits())
            async with pool.lend(Limits(), is_new=True) as second:
                found = await second.run(Program("print('found')"), Limits())
            return lost, found, first is second

    lost, found, is_same = run(lend())
    assert lost.ending is Ending.INFRASTRUCTURE and found.stdout == b"found\n"
    assert not is_same


def test_a_silent_box_is_infrastructure_not_a_timeout(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandbox.channel.GRACE_SECONDS", 0.2)

    async def freeze() -> Any:
        async with Pool(SandboxConfig(kind="process", slots=1)) as pool:
            job = asyncio.create_task(pool.run(SLOW, Limits(wall_seconds=0.5)))
            while not job.done():
                await asyncio.sleep(0.1)
                for box in pool._busy:
                    os.kill(box._process.pid, signal.SIGSTOP)
            return await job

    assert run(freeze()).ending is Ending.INFRASTRUCTURE


def test_closing_in_mid_run_leaves_nothing(kind: SandboxKind, run: Any) -> None:
    before = len(descendants())

    async def close_early() -> Any:
        pool = Pool(SandboxConfig(kind=kind, slots=2))
        jobs = [asyncio.create_task(pool.run(Program("import time\ntime.sleep(30)"))) for _ in range(3)]
        await asyncio.sleep(1.5)
        await pool.close()
        await pool.close()
        return await asyncio.gather(*jobs)

    outcomes = run(close_early())
    assert [outcome.ending for outcome in outcomes] == [Ending.INFRASTRUCTURE] * 3, outcomes
    assert wait_until(lambda: len(descendants()) <= before), descendants()


def test_closing_while_boxes_come_up_leaves_nothing(kind: SandboxKind, run: Any) -> None:
    def ours() -> set[str]:
        return {leftover.name for leftover in list_leftovers() if f":{os.getpid()}-" in leftover.owner}

    num_before, ours_before = len(descendants()), ours()

    async def close_early(seconds: float) -> Any:
        pool = Pool(SandboxConfig(kind=kind, slots=1))
        await pool.start()
        job = asyncio.create_task(pool.run(SLOW))
        await asyncio.sleep(0.3)
        lose(pool._busy[0])
        while not pool._coming and not pool._starting:
            await asyncio.sleep(0.001)
        await asyncio.sleep(seconds)
        await pool.close()
        return await job

    for seconds in (0, 0.01, 0.1):
        outcome = run(close_early(seconds))
        assert outcome.ending is Ending.INFRASTRUCTURE, outcome
    assert wait_until(lambda: len(descendants()) <= num_before), descendants()
    assert wait_until(lambda: ours() <= ours_before), ours() - ours_before


def test_a_cancelled_job_frees_its_slot(kind: SandboxKind, run: Any) -> None:
    async def cancel() -> Any:
        async with Pool(SandboxConfig(kind=kind, slots=1)) as pool:
            job = asyncio.create_task(pool.run(Program("import time\ntime.sleep(30)")))
            await asyncio.sleep(0.5)
            job.cancel()
            await asyncio.gather(job, return_exceptions=True)
            return await pool.run(Program("print('next')"))

    assert run(cancel()).stdout == b"next\n"


def test_a_killed_client_leaves_neither_container_nor_process(kind: SandboxKind) -> None:
    source = (
        "import asyncio\nfrom sandbox import *\n"
        "async def main():\n"
        f"    async with Pool(SandboxConfig(kind={kind!r}, slots=1)) as pool:\n"
        "        print('up', flush=True)\n"
        "        await pool.run(Program('import time, os\\nos.fork()\\ntime.sleep(60)'), Limits(wall_seconds=60))\n"
        "asyncio.run(main())"
    )
    boxes, before = containers(), set(workers())
    client = subprocess.Popen([sys.executable, "-c", source], stdout=subprocess.PIPE)
    assert client.stdout
    assert client.stdout.readline() == b"up\n"
    time.sleep(0.5)
    ours = {leftover.name for leftover in list_leftovers() if f":{client.pid}-" in leftover.owner}
    mine = {pid for pid in set(workers()) - before if _is_of(pid, client.pid)}
    assert mine or ours
    client.kill()
    client.wait()
    assert wait_until(lambda: not mine & set(workers())), "processes are left"
    groups = {
        name for name in ours if name.startswith("/sys/fs/cgroup")
    }  # only prune, or who starts a box next, can remove these
    assert wait_until(lambda: not (ours - groups) & {leftover.name for leftover in list_leftovers()}), (ours, boxes)
    assert groups <= {leftover.name for leftover in prune_leftovers()}
    assert not ours & {leftover.name for leftover in list_leftovers()}


def _is_of(pid: int, ancestor: int) -> bool:
    while pid > 1:
        if pid == ancestor:
            return True
        try:
            pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            return False
    return False


def test_jobs_of_another_size_get_a_box_that_fits(kind: SandboxKind, run: Any) -> None:
    async def sizes() -> Any:
        async with Pool(SandboxConfig(kind=kind, slots=1)) as pool:
            hungry = Program("x = bytearray(300 * 10**6)\nprint(len(x))")
            small = await pool.run(hungry, Limits(memory_mb=128))
            return small, await pool.run(hungry, Limits(memory_mb=600))

    small, large = run(sizes())
    assert small.ending is Ending.MEMORY, small
    assert large.ending is Ending.EXITED, large


def test_what_cannot_start_says_why(kind: SandboxKind, run: Any) -> None:
    pool = Pool(SandboxConfig(kind=kind), preload=[Preload("no_such_module")])
    with pytest.raises(SandboxUnavailable, match="no_such_module"):
        run(pool.start())
    run(pool.close())


def test_another_runtime_of_the_engine_can_be_named(docker: None, run: Any) -> None:
    async def under(runtime: str) -> Any:
        async with Pool(SandboxConfig(kind="docker", slots=1, runtime=runtime)) as pool:
            return await pool.run(Program("print(1)"))

    assert run(under("runc")).stdout == b"1\n"
    with pytest.raises(SandboxUnavailable, match="nosuchruntime"):
        run(under("nosuchruntime"))


def test_a_missing_image_names_the_command(docker: None, run: Any) -> None:
    with pytest.raises(SandboxUnavailable, match="assay sandbox build"):
        run(Pool(SandboxConfig(kind="docker", image="assay-sandbox:nowhere")).start())


def test_a_pool_says_what_it_is(pool: Pool, kind: SandboxKind) -> None:
    assert pool.description.startswith("bare process (no isolation)" if kind == "process" else kind)
    assert kind in pool.reason


def test_prune_removes_only_what_is_dead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # where nobody else sweeps
    ours = owned_folder()
    dead = ours.with_name("-".join([*ours.name.split("-")[:3], "1", "999", "dead"]))
    dead.mkdir()
    other = tmp_path / "assay-box-something-else"
    other.mkdir()
    removed = {leftover.name for leftover in prune_leftovers()}
    assert str(dead) in removed
    assert not dead.exists()
    assert ours.exists()
    assert other.exists()


def test_prune_removes_a_dead_owners_container_and_no_other(docker: None) -> None:
    host = next(label for label in owner_labels() if label.startswith("assay.host="))
    names = {
        "dead": [host, "assay.pid=1-999", "assay.box=1"],
        "elsewhere": ["assay.host=x", "assay.pid=1-9", "assay.box=1"],
    }
    names |= {"unlabelled": ["assay.pid=1-999"]}
    made = {}
    try:
        for name, labels in names.items():
            words = [word for label in labels for word in ("--label", label)]
            command = ["docker", "create", "--network", "none", *words, image_name(), "true"]
            made[name] = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
        prune_leftovers()
        listing = subprocess.run(["docker", "ps", "--all", "--quiet", "--no-trunc"], capture_output=True, text=True)
        assert [name for name in made if made[name] in listing.stdout] == ["elsewhere", "unlabelled"]
    finally:
        subprocess.run(["docker", "rm", "--force", *made.values()], capture_output=True)
