"""Which programs can keep something from call to call: what one call left would be there for the next."""

from __future__ import annotations

import ast

import pytest

from benchmarks.families import draw
from verifiers.memoryless import keeps_nothing

KEEP = {
    "a list of the module": "seen = []\ndef f(x):\n    seen.append(x)\n    return len(seen)",
    "a dict by an annotation": "memo: dict = {}\ndef f(x): return memo.setdefault(x, x)",
    "a counter by a call": "from collections import Counter\nseen = Counter()\ndef f(x):\n    seen[x] += 1",
    "an iterator": "from itertools import count\nnext_id = count()\ndef f(x): return next(next_id)",
    "a global": "n = 0\ndef f(x):\n    global n\n    n += 1\n    return n",
    "a default": "def f(x, seen=[]):\n    seen.append(x)\n    return len(seen)",
    "a default by keyword": "def f(x, *, seen={}):\n    return seen.setdefault(x, len(seen))",
    "an attribute of the function": "def f(x):\n    f.count = getattr(f, 'count', 0) + 1\n    return f.count",
    "an attribute of what it is given": "def g(h):\n    h.count = 1\ndef f(x):\n    g(f)\n    return x",
    "a cache": "from functools import lru_cache\n@lru_cache\ndef f(x): return x",
    "a value of the class": "class Solution:\n    memo = {}\n    def f(self, x): return self.memo.setdefault(x, x)",
    "a number of the class": "class Solution:\n    n = 0\n    def f(self, x):\n"
    "        Solution.n += 1\n        return self.n",
    "an object of the module": "class A:\n    def f(self, x):\n        self.x = x\na = A()\ndef f(x): return a.f(x)",
    "a closure of the module": "def make():\n    n = 0\n    def f(x):\n        nonlocal n\n"
    "        n += 1\n    return f\nf = make()",
    "a lambda's default": "f = lambda x, seen=[]: seen.append(x)",
    "a metaclass": "class A(metaclass=type):\n    pass\ndef f(x): return x",
    "its base": "class A(dict):\n    pass\ndef f(x): return x",
    "random numbers": "import random\ndef f(x): return random.random()",
    "a clock": "import time\ndef f(x): return time.time()",
    "what the system holds": "import sys\ndef f(x):\n    sys.setrecursionlimit(10)\n    return x",
    "an import in a function": "def f(x):\n    import random\n    return random.random()",
    "names of no one": "from math import *\ndef f(x): return sin(x)",
    "its standard input": "def f(x): return input()",
    "a file": "def f(x): return open('count', 'a').write('x')",
    "its own text": "def f(x): exec('global n; n = 1')",
    "a dunder": "def f(x):\n    f.__dict__['n'] = 1\n    return x",
    "a builtin of another name": "globals = dict\ndef f(x): return globals()",
    "a loop of the module": "for n in range(3): pass\ndef f(x): return n",
    "a text that is no Python": "def f(",
    "an attribute by its name": "import operator\ndef f(x): return operator.attrgetter('__dict__')(f)",
    "an attribute by a wrapper": "from functools import update_wrapper\ndef f(x): return update_wrapper(f, x)",
    "the frame of a generator": "def f(x):\n    g = (n for n in [1])\n    g.gi_frame.f_globals['n'] = 1",
    "a module of a module": "import typing\ndef f(x): return typing.sys.modules",
    "a module by its name": "from typing import sys\ndef f(x): return sys.modules",
    "a module of a package": "import collections\ndef f(x): return collections.abc.sys",
    "a class for an object": "class A:\n    def set(self):\n        self.n = 1\ndef f(x): return A.set(f)",
    "a class handed on": "class A:\n    def set(self):\n        self.n = 1\ndef f(x):\n    for one in [A]: one.set(f)",
    "another self": "class A:\n    def set(self, other):\n        self = other\n        self.n = 1\n"
    "def f(x): return A().set(f)",
    "a self of a nested function": "class A:\n    def m(self):\n        def inner(self):\n            self.n = 1\n"
    "        inner(f)\ndef f(x): return A().m()",
    "a self by a pattern": "class A:\n    def m(self):\n        match f:\n            case self: self.n = 1\n"
    "def f(x): return A().m()",
    "a file by with": "def f(x):\n    with x as y: pass",
    "what it was started with": "import os\nPLACE = os.environ\ndef f(x): return x",
}


@pytest.mark.parametrize("name", KEEP)
def test_who_may_keep_something_is_called_again(name: str) -> None:
    assert not keeps_nothing(KEEP[name])


FORGET = {
    "plain": "def f(x): return x + 1",
    "with helpers, constants and a docstring": '"""Adds."""\nMOD = 10**9 + 7\nINF = float("inf")\nPAIR = (1, -2)\n'
    "def add(a, b=0):\n    return (a + b) % MOD\ndef f(x):\n    best = -INF\n    for n in range(x):\n"
    "        best = max(best, add(n, PAIR[0]))\n    return best",
    "with modules": "import math\nfrom collections import defaultdict, deque\nimport heapq as h\n"
    "from typing import List\ndef f(x: List[int]) -> int:\n    found = defaultdict(list)\n"
    "    found[x[0]].append(math.gcd(*x))\n    return h.heappop(x)",
    "a cache of one call": "def f(n):\n    memo = {}\n    def fib(k):\n        if k < 2: return k\n"
    "        if k not in memo: memo[k] = fib(k - 1) + fib(k - 2)\n        return memo[k]\n    return fib(n)",
    "a counter of one call": "def f(n):\n    count = 0\n    def up():\n"
    "        nonlocal count\n        count += 1\n    up()\n    return count",
    "an object of one call": "class Solution:\n    def f(self, x):\n"
    "        self.best = 0\n        self.add(x)\n        return self.best\n"
    "    def add(self, x):\n        self.best += x",
}


@pytest.mark.parametrize("name", FORGET)
def test_who_can_keep_nothing_is_not(name: str) -> None:
    ast.parse(FORGET[name])
    assert keeps_nothing(FORGET[name])


def test_the_programs_of_our_own_family_keep_nothing() -> None:
    for worked in draw("code", 200, seed=5, held_out=False):
        program = worked.worked.partition("```python\n")[2].partition("```")[0]
        assert program and keeps_nothing(program), program
