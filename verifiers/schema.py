"""Judges structured answers: finds their text here, and has it read and held against the spec in a box."""

from __future__ import annotations

import base64
import functools
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field

from sandbox import Check, Ending, Limits, Outcome
from verifiers.base import Boxes, Example, Verifier
from verifiers.extract import Found, final_part, labelled_answer
from verifiers.patience import PATIENCE_SECONDS, run_patiently
from verifiers.shipped import ours
from verifiers.spec import Spec, read_spec, shown
from verifiers.types import SpecError, Status, Verdict

CPU_SECONDS = 1.5
"""Of one answer. One that cannot be judged within them is wrong, not unjudged: the spec alone was tried before."""
SPEC_CPU_SECONDS = 10.0
SPEC_LIMITS = Limits(wall_seconds=60.0)
MAX_DATABASE = 8 << 20
"""Bytes."""

LABELS = {
    "json": ("json", ""),
    "yaml": ("yaml", "yml", ""),
    "toml": ("toml", ""),
    "xml": ("xml", ""),
    "csv": ("csv", ""),
    "regex": ("", "text", "txt", "plain", "plaintext"),
    "function_calls": ("json", ""),
    "sql": ("sql", "sqlite", "sqlite3", ""),
}
"""Of the fenced blocks in which an answer may stand."""

_PERSON = {"type": "object", "properties": {"age": {"type": "integer"}}, "required": ["age"]}
_CALL = {"name": "weather", "arguments": {"city": "Rome"}}
_TABLE = "CREATE TABLE t (a, b); INSERT INTO t VALUES (1, 2), (2, 3);"

WAYS = ("schema", "regex", "function_calls", "sql")
COMPANIONS = {
    "schema": {"format", "expected", "partial_credit"},
    "regex": set[str](),
    "function_calls": {"ordered", "tools", "partial_credit"},
    "sql": {"database", "ordered", "partial_credit"},
}
"""The fields that go with each way of saying what is right."""


class FunctionCall(Spec):
    """One call that is expected."""

    name: str = Field(min_length=1)
    arguments: dict[str, Any]


class SchemaSpec(Spec):
    """What a right answer is, said in one of four ways: `schema`, `regex`, `function_calls` or `sql`."""

    json_schema: dict[str, Any] | bool = Field(default=True, alias="schema")
    """JSON Schema, draft 2020-12 unless its "$schema" says otherwise; references outside it are not followed."""
    format: Literal["json", "yaml", "toml", "xml", "csv"] = "json"
    """What the answer is written in. YAML, XML and CSV leave types to the schema; the box's reader of each format
    (`inside/schema/xml_text.py`, …) says what its text stands for."""
    expected: Any = None
    """The content must equal it; a schema alone can be met by filler. 1 is 1.0, true is not 1."""
    regex: str = ""
    """A regular expression of Python that the whole text must match, without white space around it."""
    function_calls: list[FunctionCall] = Field(default_factory=list)
    """The calls that must be made, all of them and no other, with equal arguments; `[]` is the answer to an empty
    list."""
    tools: list[dict[str, Any]] = Field(default_factory=list)
    """The functions there are, as OpenAI's API lists them, with a JSON Schema of their `parameters`."""
    sql: str = ""
    """The gold query. The answer is one SELECT with the same rows: names of columns do not matter, their number and
    order do."""
    database: str = ""
    """What both queries run on, in SQLite: an SQL script that fills it (a text that is empty, or starts with an SQL
    keyword or a comment), else the path of a script or of a database file."""
    ordered: bool | None = None
    """Whether order matters: of calls, by default not; of rows, by default where the gold has ORDER BY at its top."""
    partial_credit: bool = False
    """An answer that is not right earns 0.1 if it can be read, and up to 0.9 by the share of leaves that are right: of
    the schema and of what is expected, half each; of calls and arguments; of rows."""

    @property
    def way(self) -> str:
        return next(way for way in WAYS if way in self._given)

    @property
    def _given(self) -> set[str]:
        return {"schema" if name == "json_schema" else name for name in self.model_fields_set}


class SchemaVerifier(Verifier):
    """Structured text that is what the spec asks for: 1, else 0 or partial credit."""

    name: ClassVar[str] = "schema"
    deadline: ClassVar[float] = PATIENCE_SECONDS
    inside: ClassVar[Sequence[Path]] = ours(
        "schema/untyped",
        "schema/json_text",
        "schema/yaml_text",
        "schema/toml_text",
        "schema/xml_text",
        "schema/csv_text",
        "schema/json_values",
        "schema/graph",
        "schema/types",
        "schema/json_schema",
        "schema/function_calls",
        "schema/sql_rows",
        "schema/check",
    )

    examples: ClassVar[tuple[Example, ...]] = (
        Example({"schema": _PERSON}, '```json\n{"age": 3}\n```', 1.0, "valid"),
        Example({"schema": _PERSON}, '{"age": "3"}', 0.0, "a string for an integer"),
        Example({"schema": _PERSON, "expected": {"age": 3}}, '{"age": 4}', 0.0, "other content than expected"),
        Example({"schema": _PERSON, "expected": {"age": 3}, "partial_credit": True}, '{"age": 4}', 0.5, "half of it"),
        Example({"schema": True}, '{"a": 1, "a": 2}', 0.0, "a key twice"),
        Example({"schema": {"type": "nothing"}}, "1", None, "a schema that is none"),
        Example({"schema": {"$ref": "#"}}, "1", None, "a schema that never says anything"),
        Example({"schema": _PERSON, "format": "yaml"}, "```yaml\nage: 3\n```", 1.0, "YAML"),
        Example({"schema": _PERSON, "format": "yaml"}, 'age: "3"', 0.0, "a string in YAML, too"),
        Example({"schema": _PERSON, "format": "toml"}, "age = 3", 1.0, "TOML"),
        Example({"schema": _PERSON, "format": "xml"}, "<person><age>3</age></person>", 1.0, "XML"),
        Example({"schema": {"type": "array", "items": _PERSON}, "format": "csv"}, "age\n3\n4", 1.0, "CSV"),
        Example({"regex": r"\d{4}-\d\d"}, "2026-11", 1.0, "matches as a whole"),
        Example({"regex": r"\d{4}-\d\d"}, "It is 2026-11.", 0.0, "matches in part"),
        Example({"function_calls": [_CALL]}, '[{"name": "weather", "arguments": {"city": "Rome"}}]', 1.0, "a call"),
        Example({"function_calls": [_CALL]}, '[{"name": "weather", "arguments": {}}]', 0.0, "an argument is missing"),
        Example(
            {"function_calls": [_CALL]},
            '<tool_call>\n{"name": "weather", "arguments": {"city": "Rome"}}\n</tool_call>',
            1.0,
            "a call as Qwen writes it",
        ),
        Example(
            {"sql": "SELECT b FROM t", "database": _TABLE}, "```sql\nSELECT a + 1 FROM t;\n```", 1.0, "the same rows"
        ),
        Example({"sql": "SELECT b FROM t", "database": _TABLE}, "SELECT a FROM t", 0.0, "other rows"),
        Example({"sql": "SELECT c FROM t", "database": _TABLE}, "SELECT a FROM t", None, "a gold that fails"),
    )

    def check_spec(self, spec: Mapping[str, Any]) -> None:
        _argument(_read_spec(spec))

    async def check_in_box(self, spec: Mapping[str, Any], boxes: Boxes) -> None:
        wanted = _read_spec(spec)
        if wanted.way == "regex":
            return  # compiled here; what it does to a text, the text decides
        check = Check(
            "verifiers.inside.schema.check", _argument(wanted), is_sociable=True, cpu_seconds=SPEC_CPU_SECONDS
        )
        outcome = await run_patiently(boxes.checks, check, SPEC_LIMITS)
        if outcome.ending in (Ending.TIMEOUT, Ending.MEMORY):
            raise SpecError(f"{wanted.way}: too hard to check: {outcome.ending.value}")
        if outcome.ending is Ending.EXITED and outcome.value is not None:
            said = json.loads(outcome.value)
            if said["broken"]:
                raise SpecError(said["broken"])

    async def judge(self, spec: Mapping[str, Any], completion: str, boxes: Boxes) -> Verdict:
        wanted = _read_spec(spec)
        found = _find(wanted, final_part(completion))
        if found is None:
            trace = [{"stage": "extraction", "result": "nothing in the final part"}]
            return Verdict(Status.NO_ANSWER, 0.0, detail="nothing in the final part", trace=trace)
        argument = {**_argument(wanted), "text": found.text}
        check = Check("verifiers.inside.schema.check", argument, is_sociable=True, cpu_seconds=CPU_SECONDS)
        return _verdict(await run_patiently(boxes.checks, check, Limits(wall_seconds=PATIENCE_SECONDS)), found)


def _read_spec(spec: Mapping[str, Any]) -> SchemaSpec:
    """The spec, whose fields go together; or `SpecError`."""
    wanted = read_spec(SchemaSpec, spec)
    ways = [way for way in WAYS if way in spec]
    if not ways:
        raise SpecError("schema: missing; a schema spec has 'schema', 'regex', 'function_calls' or 'sql'")
    if len(ways) > 1:
        raise SpecError(f"{ways[1]}: found beside {ways[0]}; one of them says what is right")
    for field in spec:
        if field != ways[0] and field not in COMPANIONS[ways[0]]:
            others = ", ".join(sorted(COMPANIONS[ways[0]])) or "nothing"
            raise SpecError(f"{field}: is of no use beside {ways[0]}, which goes with {others}")
    return wanted


def _argument(wanted: SchemaSpec) -> dict[str, Any]:
    """What the box is told of the spec; or `SpecError`."""
    argument: dict[str, Any] = {"partial_credit": wanted.partial_credit}
    if wanted.way == "schema":
        argument |= {"kind": "value", "format": wanted.format, "schema": wanted.json_schema}
        _refuse_no_table(wanted)
        if "expected" in wanted.model_fields_set:
            argument["expected"] = wanted.expected
    elif wanted.way == "regex":
        _refuse_bad_pattern(wanted.regex)
        argument |= {"kind": "pattern", "regex": wanted.regex}
    elif wanted.way == "function_calls":
        calls = [call.model_dump() for call in wanted.function_calls]
        argument |= {"kind": "calls", "function_calls": calls, "ordered": bool(wanted.ordered)}
        if "tools" in wanted.model_fields_set:
            _refuse_bad_tools(wanted.tools)
            argument["tools"] = wanted.tools
    else:
        if not wanted.sql.strip() or "database" not in wanted.model_fields_set:
            raise SpecError(f"{'database' if wanted.sql.strip() else 'sql'}: missing; sql needs a query and a database")
        argument |= {"kind": "query", "sql": wanted.sql, "ordered": wanted.ordered}
        argument["database"] = _database(wanted.database)
    for field in ("schema", "expected", "function_calls", "tools"):
        _refuse_what_is_no_json(field, argument.get(field))
    return argument


def _refuse_no_table(wanted: SchemaSpec) -> None:
    """TOML is a table, CSV a list of rows: a schema that allows neither can be met by no answer."""
    kinds = wanted.json_schema.get("type") if isinstance(wanted.json_schema, dict) else None
    needed = {"toml": "object", "csv": "array"}.get(wanted.format)
    if isinstance(kinds, str | list) and needed and needed not in ([kinds] if isinstance(kinds, str) else kinds):
        raise SpecError(f"schema.type: found {shown(kinds)}; {wanted.format} gives an {needed}")


def _refuse_bad_pattern(pattern: str) -> None:
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise SpecError(f"regex: found {shown(pattern)}; {error}") from error


def _refuse_bad_tools(tools: Sequence[Mapping[str, Any]]) -> None:
    for index, tool in enumerate(tools):
        function = tool.get("function", tool)
        if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
            raise SpecError(f'tools[{index}]: found {shown(tool)}; should be {{"type": "function", "function": {{…}}}}')
        if not isinstance(function.get("parameters", {}), Mapping):
            raise SpecError(
                f"tools[{index}].parameters: found {shown(function['parameters'])}; should be a JSON Schema"
            )


def _refuse_what_is_no_json(field: str, value: Any) -> None:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise SpecError(f"{field}: found {shown(value)}; should be JSON: {error}") from error


_SCRIPT = re.compile(r"\s*(?:$|--|/\*|(?:create|insert|begin|pragma|drop|alter|with|replace)\s)", re.IGNORECASE)


def _database(database: str) -> dict[str, str]:
    """{"script": text} or {"file": base64}."""
    if _SCRIPT.match(database):
        return {"script": database}
    path = Path(database)
    try:
        known = path.stat()
        if known.st_size > MAX_DATABASE:
            raise SpecError(f"database: {shown(database)} has {known.st_size} bytes; at most {MAX_DATABASE} are read")
        return _content(path, known.st_mtime_ns, known.st_size)
    except (OSError, UnicodeDecodeError, ValueError) as error:
        if isinstance(error, SpecError):
            raise
        why = getattr(error, "strerror", None) or str(error)
        raise SpecError(f"database: found {shown(database)}: {why}; give a path, or an SQL script") from error


@functools.lru_cache(maxsize=32)
def _content(path: Path, _changed: int, _size: int) -> dict[str, str]:
    """Read once for all the problems that share it."""
    data = path.read_bytes()
    if data.startswith(b"SQLite format 3\0"):
        return {"file": base64.b64encode(data).decode()}
    return {"script": data.decode()}


def _find(wanted: SchemaSpec, text: str) -> Found | None:
    if wanted.way == "function_calls" and "<tool_call>" in text:
        return Found(text, "tool_call elements")
    if wanted.way == "regex" and "```" in wanted.regex:
        return Found(text, "whole text") if text else None
    return labelled_answer(text, LABELS[wanted.format if wanted.way == "schema" else wanted.way])


def _verdict(outcome: Outcome, found: Found) -> Verdict:
    """The verdict that the box's word stands for."""
    seconds, answer = outcome.wall_seconds, found.text
    extraction = {"stage": "extraction", "result": found.method, "text": _short(answer)}
    if outcome.ending in (Ending.TIMEOUT, Ending.MEMORY):
        why = f"too hard to judge: {outcome.ending.value}"
        trace = (extraction, {"stage": "judging", "result": why})
        return Verdict(Status.WRONG, 0.0, answer, why, seconds, trace=trace)
    if outcome.ending is not Ending.EXITED or outcome.value is None:
        why = outcome.detail or outcome.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        why = f"the check box failed: {why[:200]}"
        return Verdict(Status.UNJUDGED, None, answer, why, seconds, trace=(extraction,))
    said = json.loads(outcome.value)
    trace = (extraction, *said["trace"])
    if said["broken"]:
        return Verdict(Status.UNJUDGED, None, answer, said["broken"], seconds, trace=trace)
    score = float(said["score"])
    status = Status.CORRECT if score == 1.0 else Status.WRONG
    return Verdict(status, score, answer, said["detail"], seconds, said["parts"], trace)


def _short(text: str) -> str:
    """The first 200 characters, on one line."""
    line = " ".join(text[:1000].split())
    return line if len(line) <= 200 else line[:199] + "…"
