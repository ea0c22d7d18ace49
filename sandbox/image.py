"""What is in the place where untrusted programs run, and how it is built, with and without a registry."""

from __future__ import annotations

import hashlib
import os
import platform
import select
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from sandbox.leftovers import cache, owned_folder
from sandbox.types import SandboxKind, SandboxUnavailable

RECIPE = Path(__file__).with_name("image")
REGISTRY_BASE = "python:3.11-slim"
SUITE = "bookworm"
ARCHITECTURES = {"x86_64": "manylinux_2_28_x86_64 manylinux_2_17_x86_64 manylinux2014_x86_64",
                 "aarch64": "manylinux_2_28_aarch64 manylinux_2_17_aarch64 manylinux2014_aarch64"}  # fmt: skip
REGISTRY_SECONDS = 20.0

Say = Callable[[str], None]


def image_name() -> str:
    """The tag that `build` makes: it changes with the recipe."""
    return f"assay-sandbox:{_recipe_hash()}"


def tree_path() -> Path:
    """Where `tree` puts the root folder of bubblewrap boxes."""
    return cache() / f"tree-{_recipe_hash()}"


def prepare(kind: SandboxKind, say: Say) -> str:
    """Make what boxes of that kind need, and return its name: an image, a folder, or nothing for bare processes."""
    if kind == "process":
        return ""
    if kind == "docker" or (kind == "auto" and _has_engine()):
        return build(say)
    if kind == "auto":
        say("no Docker engine answers: bubblewrap boxes it will be")
    return str(tree(say))


def build(say: Say) -> str:
    """Make the Docker image if it is not there, and return its name."""
    name = image_name()
    if _has_image(name):
        say(f"image {name} is there already")
        return name
    wheels = _wheels(say)
    base = _base_image(say)
    with _aside(cache() / "context") as context:
        shutil.copy(RECIPE / "Dockerfile", context)
        shutil.copytree(wheels, context / "wheels")
        say(f"building {name} from {base}")
        _run(["docker", "build", "--network", "none", "--build-arg", f"BASE={base}", "--tag", name, str(context)])
        shutil.rmtree(context)
    return name


def tree(say: Say) -> Path:
    """Make the root folder of bubblewrap boxes if it is not there, and return it. Needs no Docker engine."""
    path = tree_path()
    if path.is_dir():
        say(f"tree {path} is there already")
        return path
    with _aside(path) as made:
        if shutil.which("docker") and _has_image(image_name()):
            say(f"exporting {image_name()} to {path}")
            _export(image_name(), made)
        else:
            wheels, base = _wheels(say), _base_tree(say)
            say(f"installing the packages in {path}")
            _run(["cp", "--archive", f"{base}/.", str(made)])
            _install(made, wheels)
    return path


def _install(root: Path, wheels: Path) -> None:
    """The Dockerfile's RUN line, for a root that is a folder."""
    installer = next(wheels.glob("pip-*.whl")).name
    names = [f"/mnt/{path.name}" for path in sorted(wheels.glob("*.whl")) if path.name != installer]
    pip = ["python3", f"/mnt/{installer}/pip", "install", "--no-index", "--no-deps", "--no-cache-dir"]
    box = ["bwrap", "--unshare-all", "--die-with-parent", "--bind", str(root), "/", "--ro-bind", str(wheels), "/mnt"]
    _need("bwrap", "bubblewrap")
    _run([*box, "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--chdir", "/tmp", *pip,
          "--root-user-action", "ignore", "--target", "/opt/assay/site", *names])  # fmt: skip


def _export(image: str, root: Path) -> None:
    container = _run(["docker", "create", image, "true"]).strip()
    try:
        exported = subprocess.Popen(["docker", "export", container], stdout=subprocess.PIPE)
        _run(
            ["tar", "--extract", "--no-same-owner", "--exclude=dev/*", "--directory", str(root)], stdin=exported.stdout
        )
        if exported.wait() != 0:
            raise SandboxUnavailable(f"docker export of {image} failed")
    finally:
        _run(["docker", "rm", container])


def _wheels(say: Say) -> Path:
    """The packages of requirements.txt, fetched once."""
    path = cache() / f"wheels-{_recipe_hash()}"
    if path.is_dir():
        return path
    tags = ARCHITECTURES.get(platform.machine())
    if tags is None:
        raise SandboxUnavailable(f"no packages are known for {platform.machine()}; type: assay sandbox build on x86_64")
    say("fetching the packages of the box")
    with _aside(path) as made:
        _run([*_pip(), "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:",
              "--python-version", "3.11", "--implementation", "cp", "--abi", "cp311", "--abi", "abi3", "--abi", "none",
              *(word for tag in tags.split() for word in ("--platform", tag)),
              "--requirement", str(RECIPE / "requirements.txt"), "--dest", str(made)])  # fmt: skip
    return path


def _pip() -> list[str]:
    """This interpreter's pip, or the one that the standard library carries."""
    if subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True, check=False).returncode == 0:
        return [sys.executable, "-m", "pip"]
    for folder in (Path(os.__file__).parent / "ensurepip" / "_bundled", Path("/usr/share/python-wheels")):
        for wheel in folder.glob("pip-*.whl"):
            return [sys.executable, str(wheel / "pip")]
    raise SandboxUnavailable(f"no pip for {sys.executable}; type: {sys.executable} -m ensurepip")


def _base_image(say: Say) -> str:
    """A local image with Python 3.11: the registry's if it answers, else one that debootstrap made."""
    local = f"assay-base:{SUITE}"
    for name in (REGISTRY_BASE, local):
        if _has_image(name):
            return name
    say(f"asking the registry for {REGISTRY_BASE}")
    if _pull(REGISTRY_BASE):
        return REGISTRY_BASE
    say("no answer from a registry; making the base with debootstrap")
    archive = subprocess.Popen(["tar", "--create", "--directory", str(_base_tree(say)), "."], stdout=subprocess.PIPE)
    _run(["docker", "import", "-", local], stdin=archive.stdout)
    if archive.wait() != 0:
        raise SandboxUnavailable("tar of the debootstrap tree failed")
    return local


def _pull(name: str) -> bool:
    try:
        pull = subprocess.Popen(["docker", "pull", name], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        return _speaks_within(pull, REGISTRY_SECONDS) and pull.wait(timeout=600) == 0
    except subprocess.TimeoutExpired:
        return False
    finally:
        pull.kill()
        pull.wait()


def _speaks_within(process: subprocess.Popen[bytes], seconds: float) -> bool:
    """Whether a first line comes: docker prints one as soon as the registry has answered."""
    assert process.stdout
    return bool(select.select([process.stdout], [], [], seconds)[0])


def _base_tree(say: Say) -> Path:
    """A minimal Debian with python3, made once and used for the image and for the tree."""
    path = cache() / f"base-{SUITE}-{platform.machine()}"
    if path.is_dir():
        return path
    _need("debootstrap", "debootstrap")
    if os.geteuid() != 0:
        raise SandboxUnavailable("debootstrap must be run by root; type: sudo assay sandbox build")
    say("making a small Debian with debootstrap (about a minute)")
    with _aside(path) as made:
        _run(["debootstrap", "--variant=minbase", "--include=python3", SUITE, str(made), *_mirror()])
        for name in ("var/cache/apt", "var/lib/apt/lists"):
            shutil.rmtree(made / name, ignore_errors=True)
    return path


def _mirror() -> list[str]:
    """Where this machine itself gets Debian from, if it is a Debian; else debootstrap's own default."""
    if shutil.which("apt-get") is None:
        return []
    form = "$(SITE) $(CODENAME)"
    sources = _run(["apt-get", "indextargets", "--format", form, "Created-By: Packages", "Origin: Debian"])
    return next(([site] for site, _, codename in (line.partition(" ") for line in sources.splitlines())
                 if codename == SUITE), [])  # fmt: skip


def _has_engine() -> bool:
    if shutil.which("docker") is None:
        return False
    return subprocess.run(["docker", "version"], capture_output=True, timeout=60, check=False).returncode == 0


def _has_image(name: str) -> bool:
    _need("docker", "docker.io")
    return subprocess.run(["docker", "image", "inspect", name], capture_output=True, check=False).returncode == 0


def _recipe_hash() -> str:
    text = b"".join((RECIPE / name).read_bytes() for name in ("Dockerfile", "requirements.txt"))
    return hashlib.sha256(text + platform.machine().encode()).hexdigest()[:12]


@contextmanager
def _aside(path: Path) -> Iterator[Path]:
    """A folder that gets its final name only once it is whole."""
    made = owned_folder(path.parent)
    made.chmod(0o755)
    try:
        yield made
        if made.exists() and not path.exists():
            made.rename(path)
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _need(command: str, package: str) -> None:
    if shutil.which(command) is None:
        raise SandboxUnavailable(f"no {command} on this machine; type: apt-get install {package}")


def _run(command: list[str], stdin: IO[bytes] | None = None) -> str:
    done = subprocess.run(command, stdin=stdin or subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        lines = (done.stderr.strip() or done.stdout.strip()).splitlines()
        raise SandboxUnavailable(f"{' '.join(command[:3])} failed: {' | '.join(lines[-3:])}")
    return done.stdout
