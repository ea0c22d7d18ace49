"""What a killed process leaves is gone once another has started a box; what may be somebody's stays."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox import IN_MEMORY, Leftover, Pool, SandboxConfig, SandboxKind, image_name, list_leftovers
from sandbox.leftovers import owned_folder, owner_labels, sweep
from tests.boxes import have

START = """
import asyncio, sys
from sandbox import Pool, SandboxConfig
async def main():
    async with Pool(SandboxConfig(kind=sys.argv[1], slots=1)):
        print("up", flush=True)
        await asyncio.sleep(60)
asyncio.run(main())
"""
OWN = """
import sys
from sandbox.leftovers import owned_folder
from pathlib import Path
print(owned_folder(Path(sys.argv[1]) if sys.argv[1:] else None), flush=True)
sys.stdin.read()
"""
ELSEWHERE = ["bwrap", "--dev-bind", "/", "/", "--unshare-pid"]
"""Words that start a command in another pid namespace; it sees our folders, and our /proc."""


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where temporary files go, ours and our children's; nobody else sweeps there."""
    with tempfile.TemporaryDirectory(prefix="left-", dir="/tmp") as name:  # short: the name of a socket must fit
        monkeypatch.setenv("TMPDIR", name)
        monkeypatch.setattr(tempfile, "tempdir", name)
        yield Path(name)


def python(source: str, *arguments: str, within: list[str] | None = None) -> subprocess.Popen[str]:
    command = [*(within or []), sys.executable, "-c", source, *arguments]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def folder_of(owner: subprocess.Popen[str]) -> Path:
    assert owner.stdout
    return Path(owner.stdout.readline().strip())


def end(process: subprocess.Popen[str]) -> None:
    """As a crash does."""
    process.kill()
    process.communicate()


def of(owner: subprocess.Popen[str]) -> list[Leftover]:
    return [leftover for leftover in list_leftovers() if f":{owner.pid}-" in leftover.owner]


async def start_a_box(kind: SandboxKind) -> None:
    async with Pool(SandboxConfig(kind=kind, slots=1)):
        pass


def test_what_is_left_of_a_start_that_was_killed_is_gone_after_the_next(
    kind: SandboxKind, place: Path, run: Any
) -> None:
    owner = python(START, kind)
    if kind == "bubblewrap":  # it has no folder, but where it may, a cgroup: until it is closed
        assert owner.stdout and owner.stdout.readline() == "up\n"
    else:
        assert wait_until(lambda: bool(list(place.iterdir())))
    end(owner)
    if kind == "docker":
        assert [found.is_live for found in of(owner) if found.kind == "folder"] == [False]
    run(start_a_box(kind))
    assert not [found for found in of(owner) if found.kind != "container"]
    assert not list(place.iterdir())
    assert wait_until(lambda: not of(owner)), "a container that sees that nobody is there ends by itself"


def test_a_container_that_a_killed_process_never_started_is_gone_after_the_next_start(docker: None, run: Any) -> None:
    """It stays when the docker command dies with its caller between the two."""
    dead = python("from sandbox.leftovers import owner_labels\nprint(*owner_labels())")
    assert dead.stdout
    labels = dead.stdout.readline().split()
    end(dead)
    host = next(label for label in labels if label.startswith("assay.host="))
    owners = {
        "dead": labels,
        "living": owner_labels(),
        "elsewhere": [f"{label}-more" if label == host else label for label in labels],
        "unlabelled": labels[1:],
    }
    made = {}
    try:
        for name, words in owners.items():
            made[name] = docker_command("create", "--network", "none", *words_of(words), image_name(), "true")
        run(start_a_box("docker"))
        left = docker_command("ps", "--all", "--quiet", "--no-trunc")
        assert [name for name in made if made[name] in left] == ["living", "elsewhere", "unlabelled"]
    finally:
        subprocess.run(["docker", "rm", "--force", *made.values()], capture_output=True)


def test_a_folder_stays_while_its_owner_lives_and_goes_when_it_is_dead(place: Path) -> None:
    owner = python(OWN)
    folder, ours = folder_of(owner), owned_folder()
    sweep()
    assert folder.is_dir() and ours.is_dir()
    owner.kill()
    assert os.waitid(os.P_PID, owner.pid, os.WEXITED | os.WNOWAIT)  # nobody has waited for it, nor may ever
    sweep()
    assert list(place.iterdir()) == [ours]
    end(owner)


def test_what_a_dead_owner_kept_in_memory_goes_too(place: Path) -> None:
    owner = python(OWN, str(IN_MEMORY))
    folder = folder_of(owner)
    (folder / "adapter.safetensors").write_bytes(bytes(1000))
    sweep()
    assert folder.exists()
    end(owner)
    sweep()
    assert not folder.exists()


def test_a_pid_that_somebody_else_has_by_now_is_not_the_owner(place: Path) -> None:
    ours = owned_folder()
    started = ours.name.split("-")[4]
    before = place / ours.name.replace(f"-{started}-", f"-{int(started) - 1}-")
    before.mkdir()
    sweep()
    assert list(place.iterdir()) == [ours]


@pytest.mark.parametrize("proc", [[], ["--proc", "/proc"]])
def test_folders_stay_across_pid_namespaces(proc: list[str], place: Path) -> None:
    """Containers may share a /tmp: neither sees the processes of the other."""
    have("bubblewrap")
    owner = python(OWN, within=[*ELSEWHERE, *proc])
    theirs, ours = folder_of(owner), owned_folder()
    sweep()
    assert theirs.is_dir()
    other = python("from sandbox.leftovers import sweep\nsweep()", within=[*ELSEWHERE, *proc])
    assert other.communicate()[0] == "" and other.returncode == 0
    assert theirs.is_dir() and ours.is_dir()
    end(owner)
    sweep()
    assert theirs.is_dir(), "that it has ended cannot be seen from here"
    assert [found.is_live for found in list_leftovers() if found.name == str(theirs)] == [True]


def test_owners_are_told_apart_by_their_own_pids_where_proc_shows_others(place: Path) -> None:
    have("bubblewrap")
    source = (
        "import os\nfrom sandbox.leftovers import owned_folder, sweep\n"
        "folder = owned_folder()\n"
        "if os.fork() == 0:\n    sweep()\n    os._exit(0)\n"
        "os.wait()\n"
        "print(os.getpid(), folder.is_dir())"
    )
    said = python(source, within=ELSEWHERE).communicate()[0].split()
    assert said[1] == "True" and int(said[0]) < 10, said


def test_what_only_looks_like_ours_stays(place: Path) -> None:
    dead = python(OWN)
    folder = folder_of(dead)
    end(dead)
    stem = folder.name[:-8]
    (place / f"{stem}file").write_text("")
    (place / "target").mkdir()
    (place / f"{stem}link").symlink_to(place / "target")
    (place / "assay-plan-1-2-3-x").mkdir()
    (place / "assay-1-999-dead").mkdir()
    assert [found.name for found in list_leftovers() if Path(found.name).parent == place] == [str(folder)]
    before = set(place.iterdir())
    sweep()
    assert before - set(place.iterdir()) == {folder}


def test_a_folder_of_another_user_stays(monkeypatch: pytest.MonkeyPatch, place: Path) -> None:
    dead = python(OWN)
    folder = folder_of(dead)
    end(dead)
    if os.geteuid() == 0:
        os.chown(folder, 1234, 1234)
    else:  # a plain user can make no such folder, but can be a plain user to whom all are others'
        monkeypatch.setattr(os, "getuid", lambda: os.geteuid() + 1)
    sweep()
    assert folder.is_dir()


def test_many_may_sweep_at_once_while_boxes_start(place: Path, run: Any) -> None:
    owners = [python(OWN) for _ in range(4)]
    for owner in owners:
        (folder_of(owner) / "door").mkdir()
        end(owner)

    async def all_at_once() -> None:
        await asyncio.gather(*(start_a_box("process") for _ in range(4)))

    run(all_at_once())
    assert not list(place.iterdir())


def test_what_cannot_be_looked_at_holds_nothing_up(monkeypatch: pytest.MonkeyPatch, place: Path) -> None:
    """A user without a home, for one, has no folder for what is kept."""
    dead = python(OWN)
    folder = folder_of(dead)
    end(dead)
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc/nowhere")
    sweep()
    assert not folder.exists()


def words_of(labels: list[str]) -> list[str]:
    return [word for label in labels for word in ("--label", label)]


def docker_command(*words: str) -> str:
    return subprocess.run(["docker", *words], capture_output=True, text=True, check=True).stdout.strip()


def wait_until(is_so: Callable[[], bool], seconds: float = 20) -> bool:
    deadline = time.monotonic() + seconds
    while not (found := is_so()) and time.monotonic() < deadline:
        time.sleep(0.001)
    return found
