"""What is in the place where untrusted programs run, and how it is built, with and without a registry."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import select
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from sandbox.leftovers import cache, owned_folder, owner_labels
from sandbox.types import SandboxKind, SandboxUnavailable

RECIPE = Path(__file__).with_name("image")
REGISTRY_BASE = "python:3.11-slim"
SUITE = "bookworm"
PACKAGES = "python3,g++,nodejs"
"""Of the Debian that debootstrap makes; the Dockerfile adds to the registry's base what that lacks of them."""
NEEDLESS = ("usr/share/doc", "usr/share/info", "usr/share/locale", "usr/share/man",
            "var/cache/apt", "var/cache/debconf", "var/cache/ldconfig", "var/lib/apt/lists", "var/log")  # fmt: skip
"""Folders emptied in that Debian: large, or not the same each time."""
OF_THIS_MACHINE = (".dockerenv", "etc/hostname", "etc/hosts", "etc/mtab", "etc/resolv.conf")
"""What Docker and debootstrap put into a root folder; a box has a host name of its own and no network."""
MOUNTED = ("dev", "proc", "sys")
"""Folders of a tree that a box never sees the inside of."""
ARCHITECTURES = {"x86_64": "manylinux_2_28_x86_64 manylinux_2_17_x86_64 manylinux2014_x86_64",
                 "aarch64": "manylinux_2_28_aarch64 manylinux_2_17_aarch64 manylinux2014_aarch64"}  # fmt: skip
REGISTRY_SECONDS = 20.0

Say = Callable[[str], None]


def image_name() -> str:
    """The tag that `build` makes: it changes with the recipe."""
    return f"assay-sandbox:{_recipe_hash()}"


def tree_path() -> Path:
    """Where `tree` puts the root folder of bubblewrap boxes: it changes with the recipe."""
    return cache() / f"tree-{_recipe_hash()}" / "root"


def tree_digest(path: Path) -> str:
    """For a tree what the digest is for an image: `sha256:` and a hash of its files' names, modes and contents.

    Read from TREE.json beside the tree, where `tree` wrote it; the files are not looked at again.
    """
    record = path.with_name("TREE.json")
    try:
        return str(json.loads(record.read_text())["digest"])
    except (OSError, ValueError, KeyError):
        raise SandboxUnavailable(
            f"{record} cannot be read; type: rm -r {path.parent}; assay sandbox build --sandbox bubblewrap"
        ) from None


def prepare(kind: SandboxKind, say: Say) -> str:
    """Make what boxes of that kind need, and return its name: an image, a folder, or nothing for bare processes."""
    if kind == "process":
        return ""
    has_engine = kind != "bubblewrap" and _has_engine()
    if kind == "docker" and not has_engine:
        raise SandboxUnavailable(no_engine())
    if has_engine:
        return build(say)
    if kind == "auto":
        say("no Docker engine answers: bubblewrap boxes it will be")
    return str(tree(say))


def no_engine() -> str:
    """That none answers, and what to type."""
    place = os.environ.get("DOCKER_HOST")
    if place:
        return f"no Docker engine answers at DOCKER_HOST={place}; start that one, or type: unset DOCKER_HOST"
    return "no Docker engine answers; type: apt-get install docker.io && service docker start"


def build(say: Say) -> str:
    """Make the Docker image if it is not there, and return its name."""
    name = image_name()
    if _has_image(name):
        say(f"image {name} is there already")
        return name
    wheels = _wheels(say)
    if base := _registry_base(say):
        try:
            _build_on(base, "default", wheels, say)
        except SandboxUnavailable as error:
            say(f"not on {base}: {error}")
    if not _has_image(name):
        _build_on(_debian_base(say), "none", wheels, say)
    _say_what_is_superseded(say)
    return name


def tree(say: Say) -> Path:
    """Make the root folder of bubblewrap boxes if it is not there, and return it. Needs no Docker engine.

    It is exported from the image where that is there, so that both kinds of box have the same in them.
    """
    path = tree_path()
    if path.is_dir():
        say(f"tree {path} is there already")
        return path
    with _aside(path.parent) as made:
        root = made / "root"
        root.mkdir()
        if image := shutil.which("docker") and _image_id(image_name()):
            say(f"exporting {image_name()} to {path}")
            _export(image_name(), root)
        else:
            wheels, base = _wheels(say), _debian_tree(say)
            say(f"installing the packages in {path}")
            _run(["cp", "--archive", f"{base}/.", str(root)])
            _install(root, wheels)
        for name in OF_THIS_MACHINE:
            (root / name).unlink(missing_ok=True)
        (made / "TREE.json").write_text(json.dumps({"digest": _hash_tree(root), "image": image or None}) + "\n")
    _say_what_is_superseded(say)
    return path


def _say_what_is_superseded(say: Say) -> None:
    """Say, and not remove: only the user knows whether another checkout of Assay is at work with it."""
    current = {f"base-{_debian_hash()}", f"tree-{_recipe_hash()}", f"wheels-{_recipe_hash()}"}
    folders = [str(path) for kind in ("base", "tree", "wheels") for path in sorted(cache().glob(f"{kind}-*"))
               if path.name not in current]  # fmt: skip
    images = [name for name in _images() if name not in (image_name(), _debian_name())]
    for command, others in (("docker rmi", images), ("rm -r", folders)):
        if others:
            say(f"of other recipes, and large; if no other checkout uses it, type: {command} {' '.join(others)}")


def _images() -> list[str]:
    """The images here that are ours, of whatever recipe."""
    if shutil.which("docker") is None:
        return []
    command = ["docker", "images", "--format", "{{.Repository}}:{{.Tag}}"]
    listing = subprocess.run(command, capture_output=True, text=True, check=False).stdout.split()
    return [name for name in listing if name.startswith(("assay-base:", "assay-sandbox:"))]


def _build_on(base: str, network: str, wheels: Path, say: Say) -> None:
    """Where an image can be had by digest, FROM names it so; else the label alone says which image that name meant."""
    name = image_name()
    pinned = base if "@" in base else f"{base}@{_image_id(base)}"
    with _aside(cache() / "context") as context:
        for file in ("Dockerfile", "install.sh"):
            shutil.copy(RECIPE / file, context)
        shutil.copytree(wheels, context / "wheels")
        say(f"building {name} from {pinned}")
        _run(["docker", "build", "--force-rm", "--network", network, "--tag", name, "--build-arg", f"BASE={base}",
              "--label", f"assay.base={pinned}", "--label", f"assay.recipe={_recipe_hash()}", context])  # fmt: skip
        shutil.rmtree(context)


def _install(root: Path, wheels: Path) -> None:
    """What the Dockerfile does, for a root that is a folder."""
    box = ["bwrap", "--unshare-all", "--die-with-parent", "--bind", str(root), "/", "--ro-bind", str(wheels), "/mnt"]
    script = str(RECIPE / "install.sh")
    _need("bwrap", "bubblewrap")
    _run([*box, "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--ro-bind", script, "/tmp/install.sh",
          "--clearenv", "--setenv", "PATH", "/usr/bin:/bin", "sh", "/tmp/install.sh"])  # fmt: skip


def _export(image: str, root: Path) -> None:
    labels = (word for label in owner_labels() for word in ("--label", label))
    container = _run(["docker", "create", *labels, image, "true"]).strip()
    unpack = ["tar", "--extract", "--no-same-owner", "--preserve-permissions", "--anchored", "--exclude=dev/*"]
    try:
        with subprocess.Popen(["docker", "export", container], stdout=subprocess.PIPE) as export:
            _run([*unpack, "--directory", str(root)], stdin=export.stdout)
        if export.returncode != 0:
            raise SandboxUnavailable(f"docker export of {image} failed; type again: assay sandbox build")
    finally:
        _run(["docker", "rm", container])


def _hash_tree(root: Path) -> str:
    """`sha256:` and the hash of a list of all that is in a folder, in the order of the paths."""
    lines = []
    for folder, names, files in os.walk(os.fsencode(root)):
        where = os.path.relpath(folder, os.fsencode(root))
        if where == b".":
            names[:] = [name for name in names if os.fsdecode(name) not in MOUNTED]
        for name in (*names, *files):
            path = os.path.join(folder, name)
            mode, content = os.lstat(path).st_mode, b""
            if stat.S_ISLNK(mode):
                content = os.readlink(path)
            elif stat.S_ISREG(mode):
                with open(path, "rb") as file:
                    content = hashlib.file_digest(file, "sha256").hexdigest().encode()
            lines.append(b"%s\0%o\0%s\0" % (os.path.join(where, name), mode, content))
    return f"sha256:{hashlib.sha256(b''.join(sorted(lines))).hexdigest()}"


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


def _registry_base(say: Say) -> str:
    """Python 3.11 from the registry, by digest; by name if it was made here under that name; "" if there is none."""
    if not _has_image(REGISTRY_BASE):
        if _has_image(_debian_name()):
            return ""
        say(f"asking the registry for {REGISTRY_BASE}")
        if not _pull(REGISTRY_BASE):
            say("no answer from a registry")
            return ""
    digests = _run(["docker", "image", "inspect", "--format", '{{join .RepoDigests " "}}', REGISTRY_BASE]).split()
    return next(
        (digest for digest in digests if digest.startswith(REGISTRY_BASE.rpartition(":")[0] + "@")), REGISTRY_BASE
    )


def _debian_base(say: Say) -> str:
    """A local image of what debootstrap makes."""
    name = _debian_name()
    if not _has_image(name):
        root = _debian_tree(say)
        with subprocess.Popen(["tar", "--create", "--directory", root, "."], stdout=subprocess.PIPE) as archive:
            _run(["docker", "import", "-", name], stdin=archive.stdout)
        if archive.returncode != 0:
            _run(["docker", "rmi", name])
            raise SandboxUnavailable(f"tar of {root} failed; type: rm -r {root}; assay sandbox build")
    return name


def _debian_name() -> str:
    return f"assay-base:{_debian_hash()}"


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


def _debian_tree(say: Say) -> Path:
    """A minimal Debian with our packages, made once and used for the image and for the tree."""
    path = cache() / f"base-{_debian_hash()}"
    if path.is_dir():
        return path
    _need("debootstrap", "debootstrap")
    if os.geteuid() != 0:
        raise SandboxUnavailable(
            "debootstrap must be run by root; "
            f"type: sudo env XDG_CACHE_HOME={cache().parent} {sys.executable} -m assay sandbox build"
        )
    say("making a small Debian with debootstrap (about two minutes)")
    with _aside(path) as made:
        _run(["debootstrap", "--variant=minbase", f"--include={PACKAGES}", SUITE, str(made), *_mirror()])
        for name in NEEDLESS:
            for inner in (made / name).iterdir():
                shutil.rmtree(inner) if inner.is_dir() and not inner.is_symlink() else inner.unlink()
        for name in OF_THIS_MACHINE:
            (made / name).unlink(missing_ok=True)
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
    return bool(_image_id(name))


def _image_id(name: str) -> str:
    """The digest of a local image, or nothing."""
    _need("docker", "docker.io")
    command = ["docker", "image", "inspect", "--format", "{{.Id}}", name]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def _recipe_hash() -> str:
    files = [(RECIPE / name).read_text() for name in ("Dockerfile", "install.sh", "requirements.txt")]
    return _hash(*files, _debian_hash())


def _debian_hash() -> str:
    return _hash(platform.machine(), SUITE, PACKAGES, *NEEDLESS)


def _hash(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:12]


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


def _run(command: Sequence[str | Path], stdin: IO[bytes] | None = None) -> str:
    done = subprocess.run(command, stdin=stdin or subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        lines = [line.strip() for line in (done.stderr.strip() or done.stdout).splitlines() if line.strip()]
        raise SandboxUnavailable(f"{' '.join(map(str, command[:3]))} failed: {' | '.join(lines[-3:])}")
    return done.stdout
