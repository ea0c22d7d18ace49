"""Synthetic problems of three families, small enough for a model trained from random weights in minutes.

Every instance is drawn from a seed and falls on one side of a fixed split: whether it is held out depends on nothing
but the instance itself, so no seed, count or order of drawing can leak a held-out problem into training. What is *not*
covered: natural language. Each kind has one wording, and a model that does well here has learned these kinds alone.
"""

from __future__ import annotations

import hashlib
import json
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from verifiers import Problem

FAMILIES = ("math", "code", "schema")


@dataclass(frozen=True, slots=True)
class Worked:
    """A problem and three demonstrations of answering it."""

    problem: Problem
    worked: str
    """A completion that thinks first and is right."""
    slipped: str
    """The same with a slip of the pen: one digit, word or truth value of the answer is another one."""
    hasty: str
    """A completion that does not think, and is nearly always wrong: what an unschooled model would blurt out."""


def draw(family: str, count: int, *, seed: int, held_out: bool) -> list[Worked]:
    """`count` different problems of one family, of any of its kinds: the same ones for the same arguments.

    Two seeds overlap by chance; the two sides of the split never do.
    """
    if family not in _KINDS:
        raise ValueError(f"families: {family!r} is not a family; there are {', '.join(FAMILIES)}")
    rng = random.Random(f"{family}/{seed}/{held_out}")
    kinds, drawn, misses = _KINDS[family], dict[str, Worked](), 0
    while len(drawn) < count:
        kind = rng.choice(list(kinds))
        instance = kinds[kind](rng)
        worked = _worked(family, kind, instance)
        if _is_held_out(f"{family}/{kind}/{instance.key}") == held_out and worked.problem.id not in drawn:
            drawn[worked.problem.id], misses = worked, 0
        elif (misses := misses + 1) == 1000:
            raise ValueError(
                f"families: {family} has no {count} different problems (held_out={held_out}); ask for fewer"
            )
    return list(drawn.values())


@dataclass(frozen=True, slots=True)
class _Instance:
    key: str
    """What makes it this instance, however it is worded: two orders of the same facts share a key."""
    prompt: str
    spec: dict[str, Any]
    thoughts: Sequence[str]
    answer: str
    blurted: str


def _is_held_out(key: str) -> bool:
    """A quarter of all instances: the kinds with few instances still need some on both sides."""
    return hashlib.sha256(key.encode()).digest()[0] % 4 == 0


def _worked(family: str, kind: str, instance: _Instance) -> Worked:
    digest = hashlib.sha256(instance.prompt.encode()).hexdigest()[:12]
    problem = Problem(
        id=f"{family}/{kind}/{digest}",
        prompt=instance.prompt,
        verifier=family,
        spec=instance.spec,
        tags={"family": family, "kind": kind},
    )
    thoughts = "<think>{}</think>".format("\n".join(instance.thoughts))
    return Worked(
        problem,
        worked=f"{thoughts}{instance.answer}",
        slipped=f"{thoughts}{_slip(random.Random(digest), instance.answer)}",
        hasty=f"<think></think>{instance.blurted}",
    )


def _slip(rng: random.Random, answer: str) -> str:
    place = rng.choice(list(re.finditer(r"\d|true|false|(?<=['\"])[a-z]+(?=['\"])", answer)))
    others = "0123456789" if place[0].isdigit() else ("true", "false") if place[0] in ("true", "false") else _WORDS
    other = rng.choice([word for word in others if word != place[0]])
    return f"{answer[: place.start()]}{other}{answer[place.end() :]}"


# Math: whole numbers, judged by the number in the box.


def _number(prompt: str, thoughts: Sequence[str], answer: int, blurted: int, key: str = "") -> _Instance:
    def boxed(value: int) -> str:
        return f"\\boxed{{{value}}}"

    return _Instance(key or prompt, prompt, {"answer": str(answer)}, thoughts, boxed(answer), boxed(blurted))


def _chain(rng: random.Random) -> _Instance:
    """Sums and differences from left to right, never below 0 or above 20."""
    first = value = rng.randint(1, 9)
    written, thoughts = str(first), list[str]()
    for _ in range(rng.randint(2, 3)):
        term = rng.randint(1, 9)
        possible = [("-", value - term)] * (value >= term) + [("+", value + term)] * (value + term <= 20)
        sign, result = rng.choice(possible)
        thoughts.append(f"{value}{sign}{term}={result}")
        written, value = f"{written}{sign}{term}", result
    return _number(f"Compute {written}.", thoughts, value, blurted=first)


_THINGS = ("apples", "coins", "eggs", "nuts", "pens", "shells")


def _product(rng: random.Random) -> _Instance:
    """A product of two small numbers in words, then a sum or a difference; the same numbers lie on one side."""
    a, b, c = rng.randint(2, 5), rng.randint(2, 4), rng.randint(1, 9)
    product = a * b
    possible = [("more", "+", product + c)] * (product + c <= 20) + [("lost", "-", product - c)] * (product >= c)
    what, sign, value = rng.choice(possible)
    return _number(
        f"{a} bags of {b} {rng.choice(_THINGS)}, {c} {what}: how many?",
        [f"{a}*{b}={product}", f"{product}{sign}{c}={value}"],
        value,
        blurted=product,
        key=f"{a}*{b}{sign}{c}",
    )


def _missing(rng: random.Random) -> _Instance:
    """The addend that a sum lacks, first or last."""
    known, gap = rng.randint(1, 9), rng.randint(1, 9)
    left, right = rng.choice([(str(known), "x"), ("x", str(known))])
    total = known + gap
    prompt = f"Find x in {left}+{right}={total}."
    return _number(prompt, [f"{total}-{known}={gap}"], gap, blurted=total, key=f"{known}+x={total}")


def _larger(rng: random.Random) -> _Instance:
    """The value of the larger of two sums."""
    sides = [(rng.randint(1, 9), rng.randint(1, 9)) for _ in range(2)]
    values, written = [a + b for a, b in sides], [f"{a}+{b}" for a, b in sides]
    thoughts = [f"{side}={value}" for side, value in zip(written, values, strict=True)]
    thoughts.append(f"max {max(values)}")
    prompt = f"Which is larger, {written[0]} or {written[1]}?"
    return _number(prompt, thoughts, max(values), blurted=min(values), key=" or ".join(sorted(written)))


# Code: a function f of one line or two, judged by tests that the prompt does not show.

_Arguments = Sequence[tuple[Any, ...]]


def _function(
    prompt: str,
    thoughts: Sequence[str],
    source: str,
    blurted: str,
    expected: Callable[..., Any],
    arguments: _Arguments,
    key: str = "",
) -> _Instance:
    tests = [{"args": list(given), "expected": expected(*given)} for given in arguments]
    spec = {"kind": "function", "entry_point": "f", "tests": tests}
    return _Instance(key or prompt, prompt, spec, thoughts, f"```python\n{source}```", f"```python\n{blurted}```")


def _line(rng: random.Random) -> _Instance:
    """A straight line through two points; however they are told, one line has its side of the split."""
    a, b = rng.randint(2, 9), rng.randint(0, 9)
    told = rng.sample([f"f(0)={b}", f"f(1)={a + b}"], 2)
    return _function(
        f"Write f(x), a line with {told[0]} and {told[1]}.",
        [f"{a + b}-{b}={a}"],
        f"def f(x):\n    return {a}*x+{b}\n",
        f"def f(x):\n    return {a + b}*x+{b}\n",
        lambda x: a * x + b,
        [(0,), (1,), (5,), (7,), (-3,), (100,)],
        key=f"{a}*x+{b}",
    )


_TERMS: dict[str, tuple[str, Callable[[int, int], int]]] = {
    "plus": ("+", lambda x, n: x + n),
    "minus": ("-", lambda x, n: x - n),
    "times": ("*", lambda x, n: x * n),
}
_BOUNDS: dict[str, tuple[str, Callable[[int, int], bool]]] = {
    "above": (">", lambda x, n: x > n),
    "below": ("<", lambda x, n: x < n),
    "at least": (">=", lambda x, n: x >= n),
    "at most": ("<=", lambda x, n: x <= n),
}


def _branch(rng: random.Random) -> _Instance:
    """One term when x is on one side of a bound, another when it is not."""
    bound, (then, other) = rng.choice(list(_BOUNDS)), rng.sample(list(_TERMS), 2)
    n, p, q = rng.randint(2, 20), rng.randint(2, 9), rng.randint(2, 9)
    (sign, holds), (first, do), (second, do_other) = _BOUNDS[bound], _TERMS[then], _TERMS[other]
    return _function(
        f"Write f(x): x {then} {p} if x is {bound} {n}, else x {other} {q}.",
        [f"x{sign}{n}: x{first}{p}", f"else x{second}{q}"],
        f"def f(x):\n    if x{sign}{n}:\n        return x{first}{p}\n    return x{second}{q}\n",
        f"def f(x):\n    return x{first}{p}\n",
        lambda x: do(x, p) if holds(x, n) else do_other(x, q),
        [(n,), (n + 1,), (n - 1,), (n + 17,), (-n,)],
    )


def _extreme(rng: random.Random) -> _Instance:
    which, call, pick = rng.choice([("larger", "max", max), ("smaller", "min", min)])
    (left, right), p, q = rng.choices(list(_TERMS), k=2), rng.randint(2, 9), rng.randint(2, 9)
    (first, do), (second, do_other) = _TERMS[left], _TERMS[right]
    return _function(
        f"Write f(x, y): the {which} of x {left} {p} and y {right} {q}.",
        [f"{which}: {call}", f"x{first}{p}", f"y{second}{q}"],
        f"def f(x, y):\n    return {call}(x{first}{p}, y{second}{q})\n",
        f"def f(x, y):\n    return {call}(x, y)\n",
        lambda x, y: pick(do(x, p), do_other(y, q)),
        [(p, q), (q + 9, p), (-4, 11), (30, 2), (2, 30)],
    )


_WORDS = (
    "red", "blue", "gold", "pink", "grey", "oak", "elm", "ash", "fir", "pine", "palm",
    "fox", "owl", "bee", "cat", "dog", "hen", "rome", "lima", "bern", "cairo",
)  # fmt: skip
_CHANGES: dict[str, tuple[str, Callable[[str], str]]] = {
    "reversed": ("s[::-1]", lambda s: s[::-1]),
    "doubled": ("s*2", lambda s: s * 2),
    "in capitals": ("s.upper()", str.upper),
    "shortened": ("s[1:]", lambda s: s[1:]),
}


def _text(rng: random.Random) -> _Instance:
    """A text changed, then two words put around it."""
    change, (before, after) = rng.choice(list(_CHANGES)), rng.sample(_WORDS, 2)
    call, do = _CHANGES[change]
    return _function(
        f"Write f(s): '{before}', then s {change}, then '{after}'.",
        [f"'{before}'", f"{change}: {call}", f"'{after}'"],
        f"def f(s):\n    return '{before}'+{call}+'{after}'\n",
        f"def f(s):\n    return s+'{after}'\n",
        lambda s: before + do(s) + after,
        [("abc",), ("Tea",), ("",), ("noon day",)],
    )


def _total(rng: random.Random) -> _Instance:
    """The sum, or the number, of the items of a list on one side of a bound, and one term on top."""
    bound, then, n, p = rng.choice(list(_BOUNDS)), rng.choice(list(_TERMS)), rng.randint(2, 20), rng.randint(2, 9)
    what, item = rng.choice([("sum", "i"), ("number", "1")])
    (sign, holds), (term, do) = _BOUNDS[bound], _TERMS[then]

    def total(items: list[int]) -> int:
        kept = [i for i in items if holds(i, n)]
        return do(sum(kept) if what == "sum" else len(kept), p)

    return _function(
        f"Write f(v): the {what} of items {bound} {n} in v, {then} {p}.",
        [f"{what} of {item}", f"i{sign}{n}", f"{then} {term}{p}"],
        f"def f(v):\n    return sum({item} for i in v if i{sign}{n}){term}{p}\n",
        f"def f(v):\n    return sum(v){term}{p}\n",
        total,
        [([],), ([n, n + 1, n - 1],), ([n, 3 * n, 1],), ([40, -2, 5, 11, 8],)],
    )


# Schema: facts in another order than the object wants them, judged as JSON values.

_FIELDS: dict[str, tuple[str, ...]] = {
    "integer": ("id", "age", "size", "zip"),
    "string": ("name", "city", "team", "color"),
    "boolean": ("ok", "paid", "new"),
    "list": ("tags", "days"),
}


def _flat(rng: random.Random) -> _Instance:
    return _object(rng, rng.sample(["integer", "string", "boolean"], rng.randint(2, 3)), nested=0)


def _array(rng: random.Random) -> _Instance:
    return _object(rng, rng.sample(["list", rng.choice(["integer", "boolean"])], 2), nested=0)


def _nested(rng: random.Random) -> _Instance:
    return _object(rng, rng.sample(["integer", "string", "boolean"], 3), nested=2)


def _object(rng: random.Random, types: Sequence[str], nested: int) -> _Instance:
    """An object of these types in this order; its last `nested` fields lie in an object of their own, called `at`."""
    fields = dict[str, str]()
    for type_name in types:
        fields[rng.choice([name for name in _FIELDS[type_name] if name not in fields])] = type_name
    values = {name: _value(rng, type_name) for name, type_name in fields.items()}
    facts = [f"{name}={_said(value)}" for name, value in values.items()]
    names = list(fields)
    outer, inner = names[: len(names) - nested], names[len(names) - nested :]
    wanted = [f"{name}:{fields[name]}" for name in outer]
    expected: dict[str, Any] = {name: values[name] for name in outer}
    schema = _schema_of({name: _FORM[fields[name]] for name in outer})
    if inner:
        wanted += ["at:", *(f"-{name}:{fields[name]}" for name in inner)]
        expected["at"] = {name: values[name] for name in inner}
        schema["properties"]["at"] = _schema_of({name: _FORM[fields[name]] for name in inner})
        schema["required"].append("at")
    key = "; ".join([*wanted, *facts])
    thoughts = [f"{fact} {fields[name]}" for name, fact in zip(names, facts, strict=True)]
    told = rng.sample(facts, len(facts))
    blurted = dict(fact.split("=", 1) for fact in told)
    return _Instance(
        key,
        "\n".join(["JSON of", *wanted, "from", *told]),
        {"schema": schema, "expected": expected},
        thoughts,
        _compact(expected),
        _compact(blurted),
    )


_FORM: dict[str, dict[str, Any]] = {
    "integer": {"type": "integer"},
    "string": {"type": "string"},
    "boolean": {"type": "boolean"},
    "list": {"type": "array", "items": {"type": "string"}},
}


def _schema_of(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def _value(rng: random.Random, type_name: str) -> Any:
    if type_name == "integer":
        return rng.randint(1, 99)
    if type_name == "boolean":
        return rng.random() < 0.5
    return rng.choice(_WORDS) if type_name == "string" else rng.sample(_WORDS, 2)


def _said(value: Any) -> str:
    """How the prompt's facts put a value: a yes for true, words for a list."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "+".join(value) if isinstance(value, list) else str(value)


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


_KINDS: dict[str, dict[str, Callable[[random.Random], _Instance]]] = {
    "math": {"chain": _chain, "product": _product, "missing": _missing, "larger": _larger},
    "code": {"line": _line, "branch": _branch, "extreme": _extreme, "text": _text, "total": _total},
    "schema": {"flat": _flat, "array": _array, "nested": _nested},
}
