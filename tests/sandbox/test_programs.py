"""A program in a box behaves as it does in an interpreter of its own."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sandbox import Call, Check, Ending, Limits, Pool, Preload, Program, SandboxConfig, SandboxKind

QUICK = Limits(wall_seconds=10)

PROGRAMS = {
    "input": ("print(int(input()) + 1)", b"41\n", b"42\n"),
    "iterates stdin": ("import sys\nprint(sum(map(int, sys.stdin)))", b"1\n2\n", b"3\n"),
    "binary stdin": ("import sys\nsys.stdout.buffer.write(sys.stdin.buffer.read()[::-1])", b"\x00\xff", b"\xff\x00"),
    "open(0)": ("print(open(0).read().split())", b"a b", b"['a', 'b']\n"),
    "os.read": ("import os\nos.write(1, os.read(0, 10))", b"abc", b"abc"),
    "/dev/stdin and /dev/stdout": ("open('/dev/stdout', 'w').write(open('/dev/stdin').read())", b"abc", b"abc"),
    "main guard": ("if __name__ == '__main__':\n    print('main')", b"", b"main\n"),
    "future import": ("from __future__ import annotations\nprint(1)", b"", b"1\n"),
    "global": ("n = 0\ndef f():\n    global n\n    n += 1\nf()\nprint(n)", b"", b"1\n"),
    "deep recursion": (
        "import sys\nsys.setrecursionlimit(10**6)\ndef f(n):\n    return n and 1 + f(n - 1)\nprint(f(10**5))",
        b"",
        b"100000\n",
    ),
    "deep recursion in a thread": (
        "import sys, threading\nsys.setrecursionlimit(10**6)\nthreading.stack_size(256 << 20)\n"
        "def f(n):\n    return n and 1 + f(n - 1)\n"
        "thread = threading.Thread(target=lambda: print(f(10**5)))\nthread.start()\nthread.join()",
        b"",
        b"100000\n",
    ),
    "deep recursion through C": (
        "import sys, functools\nsys.setrecursionlimit(10**6)\n"
        "@functools.cache\ndef f(n):\n    return n and 1 + f(n - 1)\n"
        "print(f(5 * 10**4))",
        b"",
        b"50000\n",
    ),
    "thread outlives main": (
        "import threading, time\nthreading.Thread(target=lambda: (time.sleep(0.05), print('late'))).start()",
        b"",
        b"late\n",
    ),
    "atexit and finalizers": (
        "import atexit\nclass A:\n    def __del__(self): print('del')\na = A()\natexit.register(print, 'exit')",
        b"",
        b"exit\ndel\n",
    ),
    "dataclass and pickle": (
        "import pickle\nfrom dataclasses import dataclass\n@dataclass\nclass A:\n    n: int\n"
        "print(pickle.loads(pickle.dumps(A(1))))",
        b"",
        b"A(n=1)\n",
    ),
    "subprocess": ("import subprocess\nsubprocess.run(['echo', 'hi'])", b"", b"hi\n"),
    "process pool": (
        "from multiprocessing import Pool\nimport math\nif __name__ == '__main__':\n"
        "    with Pool(2) as pool:\n        print(pool.map(math.factorial, [3, 4]))",
        b"",
        b"[6, 24]\n",
    ),
    "exit()": ("print(1)\nexit()\nprint(2)", b"", b"1\n"),
    "not latin": ("print('\u00e9\u4e2d')", b"", "\u00e9\u4e2d\n".encode()),
    "large output": ("print('x' * 5_000_000)", b"", b"x" * 5_000_000 + b"\n"),
    "large input": ("import sys\nprint(len(sys.stdin.read()))", b"y" * 5_000_000, b"5000000\n"),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_of_many_styles_behave(name: str, pool: Pool, run: Any) -> None:
    source, stdin, expected = PROGRAMS[name]
    outcome = run(pool.run(Program(source, stdin=stdin), QUICK))
    assert (outcome.ending, outcome.exit_code) == (Ending.EXITED, 0), outcome
    assert outcome.stdout == expected, outcome.stdout[:200]


def test_a_fresh_interpreter_behaves_alike(kind: SandboxKind, run: Any) -> None:
    async def afresh() -> Any:
        async with Pool(SandboxConfig(kind=kind, slots=1, fresh_interpreter=True)) as pool:
            programs = [await pool.run(Program(source, stdin=stdin), QUICK) for source, stdin, _ in PROGRAMS.values()]
            modules = await pool.run(
                Program("import sys\nprint('statistics' in sys.modules, 'sandbox' in sys.modules)")
            )
            call = await pool.run(Call("def f(a):\n    return [a, (a,)]", "f", [["x"]]), QUICK)
            return programs, modules, call

    programs, modules, call = run(afresh())
    for name, outcome in zip(PROGRAMS, programs, strict=True):
        assert outcome.stdout == PROGRAMS[name][2], f"{name}: {outcome}"
    assert modules.stdout == b"False False\n", "what the warm interpreter has loaded is not there"
    assert [json.loads(one.value) for one in call.returned()] == [["x", ["x"]]], call


def test_the_packages_of_the_box_are_there(walled_pool: Pool, run: Any) -> None:
    source = "import numpy, sympy, jsonschema_rs, yaml, math_verify\nprint(math_verify.parse('$1/2$')[0])"
    outcome = run(walled_pool.run(Program(source), Limits(wall_seconds=60)))
    assert outcome.stdout == b"1/2\n", outcome


EXITS = {
    "import sys\nsys.exit(3)": 3,
    "import sys\nsys.exit('message')": 1,
    "import sys\nsys.exit()": 0,
    "import os\nos._exit(7)": 7,
    "1 / 0": 1,
    "def f(:": 1,
    "raise KeyboardInterrupt": 1,
    "x = 'a\x00b'": 1,
}


@pytest.mark.parametrize("source", EXITS)
def test_the_exit_code_is_the_programs_own(source: str, pool: Pool, run: Any) -> None:
    outcome = run(pool.run(Program(source), QUICK))
    assert (outcome.ending, outcome.exit_code) == (Ending.EXITED, EXITS[source]), outcome


@pytest.mark.parametrize("is_fresh", [False, True])
def test_a_program_has_the_standard_descriptors_and_our_notice_alone(
    is_fresh: bool, walled_kind: SandboxKind, run: Any
) -> None:
    source = "import os\nprint([number for number in range(256) if os.path.exists(f'/proc/self/fd/{number}')])"

    async def seen() -> Any:
        async with Pool(SandboxConfig(kind=walled_kind, slots=1, fresh_interpreter=is_fresh)) as pool:
            return await pool.run(Program(source), QUICK)

    assert run(seen()).stdout == b"[0, 1, 2, 4]\n"


def test_what_was_printed_before_a_failure_is_there(pool: Pool, run: Any) -> None:
    outcome = run(pool.run(Program("print('before')\nraise SystemExit(3)"), QUICK))
    assert (outcome.stdout, outcome.exit_code) == (b"before\n", 3), outcome


def test_a_traceback_shows_the_program_and_nothing_of_ours(pool: Pool, run: Any) -> None:
    outcome = run(pool.run(Program("def f():\n    raise ValueError('mine')\nf()"), QUICK))
    text = outcome.stderr.decode()
    assert "raise ValueError('mine')" in text
    assert "worker" not in text
    assert outcome.detail == "ValueError: mine"


def test_files_and_arguments_arrive(pool: Pool, run: Any) -> None:
    job = Program("import sys\nprint(sys.argv[1:], open('data/x.txt').read())", args=("a", "b c"))
    outcome = run(pool.run(Program(job.source, args=job.args, files={"data/x.txt": b"there"}), QUICK))
    assert outcome.stdout == b"['a', 'b c'] there\n", outcome


def test_a_file_outside_the_working_folder_is_our_mistake(pool: Pool, run: Any) -> None:
    outcome = run(pool.run(Program("", files={"../x": b""}), QUICK))
    assert outcome.ending is Ending.INFRASTRUCTURE


CALLS = {
    "function": ("def f(a, b): return a + b", "f", [1, 2], 3),
    "method of Solution": ("class Solution:\n    def f(self, a): return a * 2", "f", ["x"], "xx"),
    "Class.method": ("class A:\n    def f(self): return None", "A.f", [], None),
    "infinity": ("def f(): return float('inf')", "f", [], float("inf")),
    "tuples": ("def f(): return (1, (2.5, 'x'))", "f", [], [1, [2.5, "x"]]),
    "dict": ("def f(): return {1: True, 'k': None}", "f", [], {"1": True, "k": None}),
    "prints are not values": ("def f():\n    print('[9]')\n    return 1", "f", [], 1),
    "always-equal int": (
        "class E(int):\n    def __eq__(self, o): return True\n    def __repr__(self): return '42'\n"
        "def f(): return E(7)",
        "f",
        [],
        7,
    ),
    "always-equal list": (
        "class L(list):\n    def __eq__(self, o): return True\n    def __iter__(self): return iter([9])\n"
        "def f(): return L([1])",
        "f",
        [],
        [1],
    ),
    "always-equal str": ("class S(str):\n    def __str__(self): return 'no'\ndef f(): return S('yes')", "f", [], "yes"),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_returned_value_crosses_as_plain_json(name: str, pool: Pool, run: Any) -> None:
    source, entry_point, args, expected = CALLS[name]
    outcome = run(pool.run(Call(source, entry_point, [args, args]), QUICK))
    assert [json.loads(one.value) for one in outcome.returned()] == [expected, expected], outcome


NO_VALUE = {
    "object that equals everything": "class E:\n    def __eq__(self, o): return True\ndef f(): return E()",
    "set": "def f(): return {1}",
    "bytes": "def f(): return b'x'",
    "nan, which json.loads would make equal to itself": "def f(): return [float('nan')]",
    "cycle": "def f():\n    a = []\n    a.append(a)\n    return a",
    "huge integer": "def f(): return 10 ** 10000",
    "two keys written alike": "def f(): return {1: 1, '1': 2}",
    "raises": "def f(): raise ValueError",
    "exits": "import sys\ndef f(): sys.exit(0)",
    "missing": "",
    "writes junk where the value goes": "import os\ndef f():\n    os.write(3, b'[[' * 100000)\n    os._exit(0)",
}


@pytest.mark.parametrize("name", NO_VALUE)
def test_what_cannot_cross_is_no_value(name: str, pool: Pool, run: Any) -> None:
    outcome = run(pool.run(Call(NO_VALUE[name], "f", [[]]), QUICK))
    assert outcome.ending is Ending.EXITED, outcome
    assert outcome.returned() == [], outcome


def test_a_check_runs_a_shipped_module(tmp_path: Any, kind: Any, run: Any) -> None:
    path = tmp_path / "double.py"
    path.write_text("def check(argument):\n    print('noise')\n    return {'twice': argument['n'] * 2}\n")

    async def checked() -> Any:
        async with Pool(SandboxConfig(kind=kind, slots=1), preload=[Preload("double", path), Preload("json")]) as pool:
            good = await pool.run(Check("double", {"n": 21}), QUICK)
            bad = await pool.run(Check("double", {}), QUICK)
            return good, bad

    good, bad = run(checked())
    assert json.loads(good.value) == {"twice": 42}, good
    assert (bad.value, bad.exit_code) == (None, 1)
    assert "KeyError" in bad.detail
