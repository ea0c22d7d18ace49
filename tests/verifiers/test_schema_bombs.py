"""What is made to exhaust a checker is answered in time, and leaves the next answer unharmed."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.verifiers.conftest import problem
from verifiers import Router, SpecError, Status

SECONDS = 2.0
MEGABYTE = 1 << 20
ANY = {"schema": True}
YAML = {"schema": True, "format": "yaml"}
TOML = {"schema": True, "format": "toml"}
XML = {"schema": True, "format": "xml"}
CSV = {"schema": True, "format": "csv"}
CALL = {"function_calls": [{"name": "f", "arguments": {"x": 1}}]}
SQL = {"sql": "SELECT count(*) FROM n", "database": "CREATE TABLE n AS WITH RECURSIVE c(i) AS "
       "(SELECT 1 UNION ALL SELECT i + 1 FROM c LIMIT 1000) SELECT i FROM c;"}  # fmt: skip
LAUGHS = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 10))
ALIASES = "a0: &a0 [x, x]\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 10))
BRANCHES: dict[str, Any] = {"$ref": "#/$defs/b24", "$defs": {"b0": {"type": "string"}}}
for i in range(1, 25):
    below = {"$ref": f"#/$defs/b{i - 1}"}
    BRANCHES["$defs"][f"b{i}"] = {"anyOf": [below, {"anyOf": [below, {"type": "array", "items": below}]}]}
SPLITTING = {
    "anyOf": [
        {"properties": {"a": {"$ref": "#"}, "end": {"const": 1}}},
        {"properties": {"a": {"$ref": "#"}, "end": {"const": 2}}},
    ]
}
"""Each level of a value may be of either branch, so a text in it could be typed in 2^depth ways."""


def nested_yaml(depth: int) -> str:
    return "".join("  " * level + "a:\n" for level in range(depth)) + "  " * depth + "end: 3\n"


BOMBS: dict[str, tuple[dict[str, Any], str]] = {
    "deep JSON": (ANY, "[" * 100_000 + "]" * 100_000),
    "deep JSON, just too deep": (ANY, "[" * 201 + "]" * 201),
    "a megabyte of digits": (ANY, "1" * MEGABYTE),
    "a megabyte of digits after the point": (ANY, "0." + "1" * (MEGABYTE - 2)),
    "a large exponent": (ANY, "1e1000000000"),
    "an endless string": (ANY, '"' + "\\" * MEGABYTE),
    "a megabyte of wrong items": ({"schema": {"items": {"type": "string"}}}, f"[{'1,' * 500_000}1]"),
    "pattern": ({"schema": {"pattern": "^(a+)+$"}}, f'"{"a" * 50_000}!"'),
    "pattern that looks around": ({"schema": {"pattern": "^(?=(a+)+$)(a|aa)+$"}}, f'"{"a" * 5_000}!"'),
    "uniqueItems": (
        {"schema": {"uniqueItems": True, "maxItems": 10}},
        str([{"a": i, "b": [i] * 3} for i in range(5000)]).replace("'", '"'),
    ),
    "nested anyOf": ({"schema": BRANCHES}, "[" * 50 + "1" + "]" * 50),
    "another number of expected items": ({"schema": True, "expected": [[1]]}, "[" * 150 + "]" * 150),
    "alias bomb": (YAML, ALIASES),
    "alias to itself": (YAML, "&a [*a]"),
    "merge bomb": (YAML, "a: &a {x: 1}\nb: {<<: *a}"),
    "deep YAML": (YAML, "[" * 100_000),
    "deep YAML block": (YAML, "- " * 100_000 + "x"),
    "a megabyte of YAML": (YAML, "- a\n" * (MEGABYTE // 4) + "- ["),
    "a megabyte of YAML keys": (YAML, "".join(f"{i}: 1\n" for i in range(110_000)) + "0: 1"),
    "YAML with a tag": (YAML, '!!python/object/apply:os.system ["touch /tmp/x"]'),
    "YAML in two ways at each level": ({"schema": SPLITTING, "format": "yaml", "expected": 0}, nested_yaml(60)),
    "deep TOML": (TOML, "a = " + "[" * 100_000),
    "dotted TOML": (TOML, "a." * 200_000 + "b = 1"),
    "many dotted tables": (TOML, "".join(f"[{'a.' * 150}b{i}]\n" for i in range(3000)) + "x = nan"),
    "digits in TOML": (TOML, "a = " + "1" * (MEGABYTE - 4)),
    "billion laughs": (XML, f'<!DOCTYPE l [<!ENTITY l0 "ha">{LAUGHS}]><l>&l9;</l>'),
    "external entity": (XML, '<!DOCTYPE l [<!ENTITY x SYSTEM "file:///etc/passwd">]><l>&x;</l>'),
    "deep XML": (XML, "<a>" * 300_000),
    "many attributes": (XML, "<a " + " ".join(f'a{i}="1"' for i in range(80_000)) + ">"),
    "a megabyte of elements": (XML, "<a>" + "<b/>" * 260_000),
    "wide CSV": (CSV, ",".join(f"c{i}" for i in range(100_000)) + "\n1"),
    "long CSV": (CSV, "a\n" * 500_000 + "1,2"),
    "CSV with an open quote": (CSV, 'a\n"' + "b\n" * 500_000),
    "a+": ({"regex": "(a+)+"}, "a" * 40 + "!"),
    "alternatives": ({"regex": "(a|a)*b"}, "a" * 60),
    "calls without end": (CALL, "[" + '{"name": "f", "arguments": {"x": 2}},' * 20_000 + "1]"),
    "elements without end": (CALL, "<tool_call>" * 80_000),
    "elements that close": (CALL, "<tool_call></tool_call>" * 40_000),
    "endless recursion": (
        SQL,
        "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c) SELECT count(*) FROM c",
    ),
    "endless rows": (SQL, "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c) SELECT i FROM c"),
    "cross joins": (SQL, "SELECT count(*) FROM n a, n b, n c, n d WHERE a.i + b.i + c.i + d.i > 5"),
    "a huge cell": (SQL, "SELECT length(zeroblob(2000000000))"),
    "a growing cell": (SQL, "SELECT length(" + "replace(" * 20 + "'aaaa'" + ", 'a', 'aaaaaaaaaa')" * 20 + ")"),
    "a huge format": (SQL, "SELECT printf('%.*c', 2000000000, 'x')"),
    "a slow LIKE": (SQL, "SELECT '" + "a" * 50_000 + "' LIKE '" + "%a" * 49 + "b'"),
    "a slow GLOB": (SQL, "SELECT '" + "a" * 50_000 + "' GLOB '" + "*a" * 49 + "b'"),
    "deep SQL": (SQL, "SELECT " + "(" * 50_000 + "1" + ")" * 50_000),
    "long SQL": (SQL, "SELECT 1" + " + 1" * 200_000),
    "many unions": (SQL, "SELECT 1 " + "UNION SELECT 1 " * 50_000),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_answered_in_time(router: Router, name: str) -> None:
    spec, completion = BOMBS[name]
    before = time.monotonic()
    verdict = router.judge([(problem("schema", spec), completion)])[0]
    seconds = time.monotonic() - before
    assert verdict.status is Status.WRONG and verdict.score == 0.0, verdict
    assert seconds < SECONDS, f"{seconds:.2f} s: {verdict.detail}"


def test_after_all_bombs_at_once_the_next_right_answers_are_right(router: Router) -> None:
    bombs = [(problem("schema", spec), completion + " ") for spec, completion in BOMBS.values()]
    right = [(problem("schema", {"regex": "a+"}), "a" * (30 + i)) for i in range(20)]
    verdicts = router.judge([*bombs, *right])
    assert len(bombs) >= 45
    assert {verdict.status for verdict in verdicts[: len(bombs)]} == {Status.WRONG}
    assert {verdict.score for verdict in verdicts[len(bombs) :]} == {1.0}


@pytest.mark.parametrize(
    "spec",
    [
        {"sql": "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c) SELECT i FROM c", "database": ""},
        {"sql": "SELECT 1", "database": "CREATE TABLE t AS WITH RECURSIVE c(i) AS "
                "(SELECT 1 UNION ALL SELECT i + 1 FROM c) SELECT i FROM c;"},
    ],
)  # fmt: skip
def test_a_spec_without_end_is_broken(router: Router, spec: dict[str, Any]) -> None:
    with pytest.raises(SpecError, match="more than"):
        router.check([problem("schema", spec)])
