"""Makes `.venv` from the pinned lists, with `assay` in it; quick when nothing has changed. `make setup` runs this.

Runs on the machine's own Python 3.11 before anything is installed, so: standard library only.
"""

from __future__ import annotations

import argparse
import ctypes
import hashlib
import importlib.util
import platform
import shutil
import socket
import subprocess
import sys
import time
from collections import deque
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
TORCH_CPU_INDEX = "https://download.pytorch.org/whl/cpu"
PIP = [str(PYTHON), "-m", "pip", "--no-input", "--disable-pip-version-check"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lock", choices=["cpu", "gpu"], default="cpu", help="which list of requirements/ to install")
    parser.add_argument("--sandbox", default="", help="the box that must work here: docker, bubblewrap or process")
    options = parser.parse_args()
    try:
        check_machine(options.sandbox)
        make_environment()
        install_packages(options.lock)
        install_assay()
    except SetupError as error:
        print(f"{error.output}setup: {error}", file=sys.stderr)
        return error.exit_code
    return 0


class SetupError(Exception):
    """One line for people: what is wrong here and what to type."""

    exit_code = 3
    output = ""


class UserError(SetupError):
    exit_code = 2


def check_machine(sandbox: str) -> None:
    """Names the first thing that only the system's administrator can add, before minutes are spent."""
    if sandbox not in ("", "docker", "bubblewrap", "process"):
        raise UserError(f"SANDBOX={sandbox}: no such box; there are docker, bubblewrap and process")
    machine = f"{platform.system()} {platform.machine()}"
    if machine != "Linux x86_64":
        raise SetupError(f"the pinned lists are for Linux x86_64, this is {machine}: use such a machine or a container")
    if sys.version_info[:2] != (3, 11):
        raise SetupError(
            f"needs Python 3.11, this is {platform.python_version()}: make setup PYTHON=/path/to/python3.11"
        )
    if not PYTHON.exists() and importlib.util.find_spec("ensurepip") is None:
        raise SetupError("this Python cannot make virtual environments: apt-get install python3.11-venv")
    try:
        ctypes.CDLL("libnuma.so.1")
    except OSError:
        raise SetupError("vLLM needs the library libnuma.so.1: apt-get install libnuma1") from None
    check_sandbox(sandbox)


def check_sandbox(sandbox: str) -> None:
    has_docker = sandbox in ("", "docker") and docker_answers()
    has_bubblewrap = shutil.which("bwrap") is not None
    if sandbox == "docker" and not has_docker:
        raise SetupError(
            "SANDBOX=docker: no Docker engine answers here: apt-get install docker.io, then start it (dockerd)"
        )
    if sandbox == "bubblewrap" and not has_bubblewrap:
        raise SetupError("SANDBOX=bubblewrap: the command bwrap is missing: apt-get install bubblewrap")
    if sandbox == "" and not has_docker and not has_bubblewrap:
        raise SetupError(
            "nothing here to run untrusted programs in: apt-get install bubblewrap (or docker.io, and start its engine)"
        )
    if sandbox == "process" or PYTHON.exists() or shutil.which("debootstrap") is not None:
        return  # nothing to make, made before, or can be made
    if not has_docker or not (has_base_image() or registry_answers()):
        raise SetupError("no registry of images to take the base of the box from: apt-get install debootstrap")


def docker_answers() -> bool:
    return shutil.which("docker") is not None and docker("version", "--format", "{{.Server.Version}}")


def has_base_image() -> bool:
    return docker("image", "inspect", "python:3.11-slim")


def docker(*arguments: str) -> bool:
    try:
        return subprocess.run(["docker", *arguments], capture_output=True, timeout=20, check=False).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def registry_answers() -> bool:
    try:
        socket.create_connection(("registry-1.docker.io", 443), timeout=3).close()
    except OSError:
        return False
    return True


def make_environment() -> None:
    if PYTHON.exists() and runs_here():
        return
    started = time.monotonic()
    subprocess.run([sys.executable, "-m", "venv", "--clear", VENV], check=True)
    say(f"made .venv with Python {platform.python_version()}", started)


def runs_here() -> bool:
    """Whether .venv is still what it was: not moved, its Python still on this machine, with pip."""
    asked = [str(PYTHON), "-c", "import pip, sys; print(sys.prefix, *sys.version_info[:2])"]
    answer = subprocess.run(asked, capture_output=True, text=True, check=False).stdout
    return answer.split() == [str(VENV), "3", "11"]


def install_packages(lock: str) -> None:
    lists = [ROOT / "requirements" / f"{name}.txt" for name in (lock, "dev")]
    done = Stamp(lock, b"".join(path.read_bytes() for path in lists))
    if done.is_there():
        say(f"packages of requirements/{lock}.txt and dev.txt: nothing to do")
        return
    other = "gpu" if lock == "cpu" else "cpu"
    if Stamp(other).path.exists():
        raise UserError(
            f".venv was made from requirements/{other}.txt; vLLM's builds do not mix: rm -r .venv, and again"
        )
    done.begin()
    if lock == "cpu":
        install_torch_for_cpu(next(line for line in lists[0].read_text().splitlines() if line.startswith("torch==")))
    pip_install(f"packages of requirements/{lock}.txt and dev.txt", *(f"--requirement={path}" for path in lists))
    if lock == "cpu":
        check_torch_is_for_cpu()
    done.leave()


def install_torch_for_cpu(torch: str) -> None:
    """From wherever this machine's pip looks, else from PyTorch's own index: PyPI has the CUDA builds alone."""
    try:
        pip_install(torch, torch)
    except PipError as error:
        if "No matching distribution" not in error.output:
            raise
        say(f"pip knows no {torch} here; asking {TORCH_CPU_INDEX}")
        pip_install(torch, f"--index-url={TORCH_CPU_INDEX}", torch)


def check_torch_is_for_cpu() -> None:
    asked = [str(PYTHON), "-c", "import torch; print(torch.__version__, torch.version.cuda)"]
    answer = subprocess.run(asked, capture_output=True, text=True, check=False)
    if answer.returncode != 0 or not answer.stdout.strip().endswith(" None"):
        raise SetupError(
            f"torch is not the CPU build: {(answer.stdout + answer.stderr).strip()}: rm -r .venv, and again"
        )
    say(f"torch {answer.stdout.split()[0]}: no CUDA in it")


def install_assay() -> None:
    done = Stamp("assay", (ROOT / "pyproject.toml").read_bytes() + str(ROOT).encode())
    if done.is_there() and (VENV / "bin" / "assay").exists():
        return
    pip_install("assay from this folder", "--no-build-isolation", "--editable", str(ROOT))
    done.leave()


class PipError(SetupError):
    def __init__(self, what: str, output: str):
        super().__init__(f"pip could not install {what}; what it said is above")
        self.output = output


def pip_install(what: str, *arguments: str) -> None:
    """pip in brief: a line now and then; what it said comes with the error."""
    started = time.monotonic()
    say(f"installing {what}")
    command = [*PIP, "install", "--no-deps", "--progress-bar=off", *arguments]
    said: deque[str] = deque(maxlen=40)
    found = 0
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT) as pip:
        assert pip.stdout is not None
        for line in pip.stdout:
            said.append(line)
            found += line.startswith("Collecting ")
            if line.startswith("Collecting ") and found % 40 == 0:
                say(f"  {found} packages found", started)
            if line.startswith("Installing collected packages"):
                say(f"  unpacking {line.count(',') + 1} of them", started)
    if pip.returncode != 0:
        raise PipError(what, "".join(said))
    say(f"installed {what}", started)


class Stamp:
    """Remembers inside .venv that a piece of work was done, and from what."""

    def __init__(self, name: str, made_from: bytes = b""):
        self.path = VENV / f"assay-{name}.stamp"
        self.text = hashlib.sha256(made_from).hexdigest()

    def is_there(self) -> bool:
        return self.path.exists() and self.path.read_text() == self.text

    def begin(self) -> None:
        self.path.write_text("unfinished")

    def leave(self) -> None:
        self.path.write_text(self.text)


def say(line: str, since: float | None = None) -> None:
    took = "" if since is None else f" ({time.monotonic() - since:.0f} s)"
    print(f"setup: {line}{took}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
