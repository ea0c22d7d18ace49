"""The rules that hold the house up, each read from the files as they are; a violation is named by file and line."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
STAIR = ("sandbox", "verifiers", "benchmarks", "trainer")
"""From the lowest room to the highest: a room may import from those before it."""
BOX_HALF = ("sandbox/inside/", "verifiers/inside/")
"""Runs inside a box, shipped as text."""
DEFERRED = "trainer/cli/"
HEAVY = {"torch", "transformers", "vllm", "sympy", "math_verify", "numpy"}
EMPTY_NAMES = {"util", "utils", "helper", "helpers", "common", "misc", "manager"}
NOT_OURS = {".git", ".venv", "runs", "build", "__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache"}

Rule = Callable[[Path], list[str]]


# ---- reading the rooms


def room_files(root: Path) -> Iterator[tuple[str, str, ast.Module]]:
    """Every (name, room, parsed file) of the four rooms, but for the speed programs, which stand outside the stair."""
    for room in STAIR:
        for path in sorted((root / room).rglob("*.py")):
            name = path.relative_to(root).as_posix()
            if not name.startswith("benchmarks/speed/"):
                yield name, room, ast.parse(path.read_text(), name)


def imports(tree: ast.AST, name: str) -> Iterator[tuple[int, str, list[str] | None]]:
    """Every (line, module, names) that is imported anywhere in it; names is None for `import module`."""
    package = name.split("/")[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name, None
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*above, *([node.module] if node.module else [])])
            yield node.lineno, module, [alias.name for alias in node.names]
        elif isinstance(node, ast.Call) and is_import_by_name(node):
            yield node.lineno, ast.literal_eval(node.args[0]), None


def is_import_by_name(call: ast.Call) -> bool:
    by_name = ast.unparse(call.func) in ("importlib.import_module", "import_module", "__import__")
    return by_name and bool(call.args) and isinstance(call.args[0], ast.Constant)


def face(root: Path, room: str) -> set[str]:
    """The names in `__all__` of the room."""
    init = root / room / "__init__.py"
    for node in ast.parse(init.read_text()).body if init.exists() else []:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return set(ast.literal_eval(node.value))
    return set()


# ---- the rules: each lists what breaks it


def imports_that_run_up(root: Path) -> list[str]:
    found = []
    for name, room, tree in room_files(root):
        above = STAIR[STAIR.index(room) + 1 :]
        found += [
            f"{name}:{line} imports {module} from a room above it"
            for line, module, _ in imports(tree, name)
            if module.split(".")[0] in above
        ]
    return found


def imports_past_the_face(root: Path) -> list[str]:
    found = []
    for name, room, tree in room_files(root):
        for line, module, names in imports(tree, name):
            other = module.split(".")[0]
            if other == room or other not in STAIR:
                continue
            if module != other:
                found.append(f"{name}:{line} enters {module}; only `from {other} import NAME` is the front door")
            taken = attributes(tree, other) if names is None else names
            strangers = sorted(set(taken) - face(root, other))
            found += [f"{name}:{line} takes {stranger}, not in {other}.__all__" for stranger in strangers]
    return found


def attributes(tree: ast.AST, module: str) -> list[str]:
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute)]
    return [node.attr for node in nodes if ast.unparse(node.value) == module]


def more_than_a_face(root: Path) -> list[str]:
    found = []
    for name, room, tree in room_files(root):
        if not name.endswith("/__init__.py"):
            continue
        offered: set[str] = set()
        for node in tree.body:
            text = ast.unparse(node).splitlines()[0]
            if isinstance(node, ast.ImportFrom) and (node.level or (node.module or "").split(".")[0] == room):
                offered |= {alias.asname or alias.name for alias in node.names}
            elif not (
                (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
                or (isinstance(node, ast.ImportFrom) and node.module == "__future__")
                or text.startswith("__all__ = ")
            ):
                found.append(f"{name}:{node.lineno} does more than show the room's face: {text}")
        promised = face(root, name.removesuffix("/__init__.py"))
        if offered != promised:
            found.append(f"{name}: imports and __all__ differ by {sorted(offered ^ promised)}")
    return found


def box_half_imported_by_the_host(root: Path) -> list[str]:
    found = []
    for name, _, tree in room_files(root):
        if name.startswith(BOX_HALF):
            continue
        for line, module, names in imports(tree, name):
            reached = [module, *(f"{module}.{taken}" for taken in names or [])]
            if any(re.match(r"(sandbox|verifiers)\.inside(\.|$)", path) for path in reached):
                found.append(f"{name}:{line} imports {reached[-1]}, which belongs inside a box")
    return found


def box_half_importing_the_host(root: Path) -> list[str]:
    found = []
    for name, room, tree in room_files(root):
        if not name.startswith(BOX_HALF):
            continue
        for line, module, _names in imports(tree, name):
            top = module.split(".")[0]
            if top in STAIR and not module.startswith(f"{room}.inside"):
                found.append(f"{name}:{line} imports {module}, which is not in the box")
            elif name.startswith("sandbox/") and top not in STAIR and top not in sys.stdlib_module_names:
                found.append(f"{name}:{line} imports {module}; the worker has the standard library only")
    return found


def imports_inside_functions(root: Path) -> list[str]:
    found = []
    for name, _, tree in room_files(root):
        if name.startswith(DEFERRED):
            continue
        functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
        inside = {line for function in functions for node in function.body for line in import_lines(node)}
        found += [f"{name}:{line} imports inside a function" for line in sorted(inside)]
    return found


def import_lines(tree: ast.AST) -> list[int]:
    return [node.lineno for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]


def broad_excepts(root: Path) -> list[str]:
    """Handlers of everything that do not raise it again, but for the router's one around a plugin.

    Inside a box it is another matter: what runs there may raise anything.
    """
    found = []
    for name, _, tree in room_files(root):
        if name.startswith(BOX_HALF):
            continue
        broad = [node.lineno for node in ast.walk(tree) if swallows_all(node)]
        spared = 1 if name == "verifiers/router.py" else 0
        found += [f"{name}:{line} catches everything" for line in sorted(broad)[spared:]]
    return found


def swallows_all(node: ast.AST) -> bool:
    if isinstance(node, ast.ExceptHandler):
        kinds = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
        if any(isinstance(inner, ast.Raise) and inner.exc is None for inner in ast.walk(node)):
            return False
    elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("suppress"):
        kinds = node.args
    else:
        return False
    return any(kind is None or ast.unparse(kind) in ("Exception", "BaseException") for kind in kinds)


def names_that_say_nothing(root: Path) -> list[str]:
    return [
        f"{path}: a file is a noun"
        for path in our_files(root)
        if path.suffix == ".py" and (set(path.stem.split("_")) & EMPTY_NAMES or path.stem.startswith("base_"))
    ]


def paths_of_a_machine(root: Path) -> list[str]:
    """Places that exist on some machine of ours and not on a reader's."""
    machine_path = re.compile(r"(?<![\w.$})~-])/(work|opt/wheels|opt/pypi)\b(?=/|['\"`\s])")
    found = []
    for path in our_files(root):
        try:
            lines = (root / path).read_text().splitlines()
        except UnicodeDecodeError:
            continue
        found += [
            f"{path}:{number} {line.strip()}" for number, line in enumerate(lines, 1) if machine_path.search(line)
        ]
    return found


def our_files(root: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if name not in NOT_OURS and not name.endswith(".egg-info"))
        yield from (Path(folder, name).relative_to(root) for name in sorted(files))


def skips_without_a_reason(root: Path) -> list[str]:
    found = []
    for path in sorted((root / "tests").rglob("*.py")):
        tree = ast.parse(path.read_text())
        called = {id(node.func): node for node in ast.walk(tree) if isinstance(node, ast.Call)}
        for node in ast.walk(tree):
            if not isinstance(node, ast.Attribute) or node.attr not in ("skip", "skipif", "xfail"):
                continue
            if not ast.unparse(node).startswith(("pytest.", "mark.")):
                continue
            call = called.get(id(node))
            said = (
                [*call.args, *(keyword.value for keyword in call.keywords if keyword.arg == "reason")] if call else []
            )
            least = 2 if node.attr == "skipif" else 1
            if len(said) < least or any(isinstance(text, ast.Constant) and text.value == "" for text in said):
                found.append(f"{path.relative_to(root)}:{node.lineno} {ast.unparse(node)} without a reason")
    return found


# ---- the rules hold, and would notice

PLANTED: list[tuple[Rule, str, str]] = [
    (imports_that_run_up, "sandbox/pool.py", "from verifiers import Problem\n"),
    (imports_that_run_up, "verifiers/math.py", "def check():\n    import trainer.loop\n"),
    (imports_that_run_up, "benchmarks/jsonl.py", "if TYPE_CHECKING:\n    from trainer.types import Group\n"),
    (imports_that_run_up, "verifiers/math.py", "import importlib\nimportlib.import_module('benchmarks.jsonl')\n"),
    (imports_past_the_face, "trainer/rollout.py", "import verifiers.router\n"),
    (imports_past_the_face, "trainer/rollout.py", "from verifiers.router import Router\n"),
    (imports_past_the_face, "trainer/rollout.py", "from verifiers import _Secret\n"),
    (imports_past_the_face, "trainer/rollout.py", "import verifiers\nverifiers.plugins.find('math')\n"),
    (more_than_a_face, "trainer/__init__.py", "STEPS = 3\n"),
    (more_than_a_face, "trainer/__init__.py", "import json\n"),
    (more_than_a_face, "trainer/__init__.py", "from trainer.loop import train\n"),
    (box_half_imported_by_the_host, "verifiers/math.py", "from verifiers.inside.math import check\n"),
    (box_half_imported_by_the_host, "sandbox/pool.py", "from sandbox.inside import worker\n"),
    (box_half_imported_by_the_host, "sandbox/pool.py", "from .inside import worker\n"),
    (box_half_importing_the_host, "verifiers/inside/math/check.py", "from verifiers import Status\n"),
    (box_half_importing_the_host, "sandbox/inside/worker.py", "import numpy\n"),
    (box_half_importing_the_host, "sandbox/inside/worker.py", "from sandbox import Pool\n"),
    (imports_inside_functions, "trainer/loop.py", "class A:\n    async def f(self):\n        import json\n"),
    (broad_excepts, "trainer/loop.py", "try:\n    pass\nexcept (OSError, Exception):\n    pass\n"),
    (broad_excepts, "trainer/loop.py", "try:\n    pass\nexcept:\n    pass\n"),
    (broad_excepts, "trainer/loop.py", "with contextlib.suppress(Exception):\n    pass\n"),
    (broad_excepts, "verifiers/router.py", "try:\n    pass\nexcept Exception:\n    pass\n" * 2),
    (names_that_say_nothing, "trainer/math_utils.py", ""),
    (paths_of_a_machine, "docs/start.md", "cd /" + "work/main\n"),
    (skips_without_a_reason, "tests/test_a.py", "import pytest\n@pytest.mark.skip\ndef test_a(): ...\n"),
    (skips_without_a_reason, "tests/test_a.py", "import pytest\n@pytest.mark.skipif(True)\ndef test_a(): ...\n"),
]
RULES = list(dict.fromkeys(rule for rule, _, _ in PLANTED))
ALLOWED = {
    "sandbox/__init__.py": "from sandbox.pool import Pool\n\n__all__ = ['Pool']\n",
    "sandbox/pool.py": "import json\ntry:\n    pass\nexcept BaseException:\n    print()\n    raise\n",
    "verifiers/__init__.py": '"""A face."""\nfrom verifiers.router import Router\n\n__all__ = ["Router"]\n',
    "verifiers/router.py": "from sandbox import Pool\ntry:\n    pass\nexcept Exception:\n    pass\n",
    "benchmarks/speed/step.py": "from trainer.loop import train\n",
    "trainer/__init__.py": "",
    "trainer/loop.py": "import verifiers\nfrom trainer.types import Group\nverifiers.Router()\n",
    "trainer/cli/train.py": "def train():\n    from trainer.loop import train\n",
    "tests/test_b.py": "import pytest\n@pytest.mark.skipif(True, reason='why')\ndef test_b(): pytest.skip('so')\n",
    "docs/start.md": "cd homework/main\n",
}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_house_keeps_its_rules(rule: Rule) -> None:
    broken = rule(ROOT)
    assert not broken, "\n" + "\n".join(broken)


@pytest.mark.parametrize(("rule", "name", "text"), PLANTED)
def test_a_planted_violation_is_found(rule: Rule, name: str, text: str, tmp_path: Path) -> None:
    write_house(tmp_path, ALLOWED | {name: text})
    assert [line for line in rule(tmp_path) if line.startswith(name)], f"{rule.__name__} missed {name}: {text}"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_what_is_allowed_is_not_reported(rule: Rule, tmp_path: Path) -> None:
    write_house(tmp_path, ALLOWED)
    assert rule(tmp_path) == []


def write_house(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


# ---- what importing costs


@pytest.mark.parametrize(
    "action", ["import sandbox", "import verifiers", "import assay; assert not assay.main(['--help'])"]
)
def test_importing_is_cheap(action: str) -> None:
    watch = (
        "import sys, time\n"
        f"try:\n    {action}\n"
        "except SystemExit as end:\n    assert not end.code, end.code\n"
        "print(time.process_time(), *(name for name in sys.modules if '.' not in name), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", watch], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    seconds, *modules = done.stderr.splitlines()[-1].split()
    assert not HEAVY & set(modules), f"{action} loads {sorted(HEAVY & set(modules))}"
    assert float(seconds) < 1.5, f"{action} takes {seconds} s of CPU"


# ---- what was required is not left out


@pytest.mark.parametrize("where", ["def test_a():\n    ", ""])
def test_a_required_box_that_is_missing_fails_the_test(where: str, tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text((ROOT / "tests/conftest.py").read_text())
    (tmp_path / "test_a.py").write_text(
        f"import pytest\n{where}pytest.skip('no Docker engine answers', allow_module_level=True)\n"
    )
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        str(tmp_path),
        str(tmp_path),
    ]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ASSAY_REQUIRE_")}
    for required, is_failure in (({}, False), ({"ASSAY_REQUIRE_DOCKER": "1"}, True)):
        done = subprocess.run(command, env=environment | required, capture_output=True, text=True, check=False)
        failed = "no Docker engine answers, but ASSAY_REQUIRE_DOCKER is set" in done.stdout
        assert failed == is_failure, done.stdout
        assert (done.returncode in (1, 2)) == is_failure, (done.returncode, done.stdout)
