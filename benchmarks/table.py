"""Anyone's data set: .jsonl, .json or .parquet rows, local or on the hub, with a table of which column is what.

`training_math.py`, `training_code.py` and `eurus.py` have the tables of sets that people train on.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, Literal

from pydantic import Field, field_validator

from benchmarks.hub import hub_rows
from benchmarks.jsonl import messages
from benchmarks.options import Options, read_options
from benchmarks.rows import Row
from benchmarks.soundness import equal_prompts
from benchmarks.types import ProblemError, ProblemSet, ProblemSource
from verifiers import Message, Problem

SPECS = {"answer": "math", "tests": "code", "spec": ""}
"""What a problem can be judged by, with the verifier that it is for; a whole spec names its own."""
FIELDS = ("id", "prompt", "starter", "completion", *SPECS)


class TableOptions(Options):
    """What the rows' columns are."""

    columns: dict[str, str]
    """Ours to theirs: prompt (text or messages), one of answer (the gold), tests (an object or JSON text with inputs,
    outputs and, for functions, fn_name; or with test_cases, each with input, output and, for functions, fn_name) and
    spec (a verifier's); and, if you like, id, starter (code to begin with), completion (a worked answer) and tags.NAME.
    Dots lead into objects."""
    verifier: str = ""
    """Who judges; by default math for an answer and code for tests."""
    instruction: str = ""
    """Put under each prompt that is text, after an empty line."""
    only: dict[str, str] = Field(default_factory=dict)
    """Only rows with these texts in these columns; the others are not counted as left out."""
    repeats: Literal["keep", "drop"] = "keep"
    """What to do with rows that ask and expect what another row does: some sets have each row a hundred times."""
    hub: str = ""
    """A data set of the Hugging Face hub (owner/name), where no local file is given."""
    file: str = ""
    """Its .jsonl or .parquet files, with commas between them."""

    @field_validator("columns")
    @classmethod
    def _whole(cls, columns: dict[str, str]) -> dict[str, str]:
        for field in columns:
            if field not in FIELDS and not field.startswith("tags."):
                raise ValueError(f"found {field!r}, expected {', '.join(FIELDS)} or tags.NAME")
        if "prompt" not in columns:
            raise ValueError("prompt is missing; name the column that it is in")
        if len(SPECS.keys() & columns.keys()) != 1:
            raise ValueError("expected exactly one of answer, tests, spec: what an answer is judged by")
        return columns


def load(source: ProblemSource) -> ProblemSet:
    """The rows as problems; one that is no sound problem is left out and named, as such sets have many."""
    options = read_options(source, TableOptions)
    if source.split is not None:
        raise ProblemError(f"table: split: found {source.split!r}; name the split's files instead")
    if source.path is None and not (options.hub and options.file):
        raise ProblemError("table: no data given; set path (data=PATH), or the options hub and file")
    if "spec" in options.columns and not options.verifier:
        raise ProblemError("table: verifier: missing; a whole spec does not say whose it is")
    return read_table(source, options)


def read_table(source: ProblemSource, options: TableOptions) -> ProblemSet:
    """The set that the options describe."""
    files = tuple(file.strip() for file in options.file.split(",")) if options.file else ("",)
    left_out: list[str] = []
    repeated: list[str] = []
    found = _pairs(hub_rows(source, repository=options.hub, files=files), options, left_out, repeated)
    pairs = list(islice(found, source.max_problems))
    problems = tuple(problem for problem, _ in pairs)
    worked = {problem.id: completion for problem, completion in pairs if completion is not None}
    styles = {"worked": worked} if worked else {}
    remarks = equal_prompts(problems)
    if repeated:
        remarks = (f"{len(repeated)} rows repeat another and are not counted again, first {repeated[0]}", *remarks)
    return ProblemSet(source.name, _digest(problems), problems, styles, tuple(left_out), remarks, is_as_found=True)


def _pairs(
    found: Iterator[tuple[str, Row]], options: TableOptions, left_out: list[str], repeated: list[str]
) -> Iterator[tuple[Problem, str | None]]:
    """Each problem with its worked answer."""
    seen: set[str] = set()
    contents: set[bytes] = set()
    for place, row in found:
        try:
            if any(str(_at(row, column, place)) != wanted for column, wanted in options.only.items()):
                continue
            problem = _problem(row, place, options)
            if options.repeats == "drop":
                if (content := _content(problem)) in contents:
                    repeated.append(place)
                    continue
                contents.add(content)
            completion = _at(row, options.columns["completion"], place) if "completion" in options.columns else None
            if completion is not None and not isinstance(completion, str):
                raise ProblemError(
                    f"{place}: {options.columns['completion']}: found {_kind(completion)}, expected text"
                )
            if problem.id in seen:
                raise ProblemError(f"{place}: {options.columns.get('id', 'id')}: {problem.id!r} occurs twice")
        except ProblemError as error:
            left_out.append(str(error))
            continue
        seen.add(problem.id)
        yield problem, completion


def _content(problem: Problem) -> bytes:
    """What it asks and expects, in a few bytes."""
    text = json.dumps([problem.prompt, problem.verifier, problem.spec], sort_keys=True, default=str)
    return hashlib.sha256(text.encode(errors="surrogatepass")).digest()[:16]


def _problem(row: Row, place: str, options: TableOptions) -> Problem:
    columns = options.columns
    (kind,) = SPECS.keys() & columns.keys()
    made = {"answer": _math_spec, "tests": _code_spec, "spec": _whole_spec}[kind]
    spec = made(_at(row, columns[kind], place), f"{place}: {columns[kind]}")
    starter = _at(row, columns["starter"], place) if "starter" in columns else None
    more = [*_code_hints(spec, starter), options.instruction]
    return Problem(
        id=str(_at(row, columns["id"], place)) if "id" in columns else place,
        prompt=_prompt(_at(row, columns["prompt"], place), f"{place}: {columns['prompt']}", more),
        verifier=options.verifier or SPECS[kind],
        spec=spec,
        tags={
            name.removeprefix("tags."): str(_at(row, column, place))
            for name, column in columns.items()
            if name.startswith("tags.")
        },
        place=place,
    )


def _at(row: Row, column: str, place: str) -> Any:
    """What stands in a column; dots lead into objects, unless a column has that very name."""
    if column in row:
        return row[column]
    value: Any = row
    for name in column.split("."):
        if not isinstance(value, dict) or name not in value:
            raise ProblemError(f"{place}: {column}: no such column; the row has {', '.join(row)}")
        value = value[name]
    return value


def _code_hints(spec: Mapping[str, Any], starter: object) -> list[str]:
    """What a program must begin with, or be called, so that its tests can be run."""
    if isinstance(starter, str) and starter.strip():
        return [f"Begin with this code:\n```python\n{starter.rstrip()}\n```"]
    return [f"Name the function `{spec['entry_point']}`."] if spec.get("kind") == "function" else []


def _prompt(found: Any, place: str, more: list[str]) -> str | tuple[Message, ...]:
    """A text with more under it; messages are left as they are."""
    if isinstance(found, str) and found.strip():
        return "\n\n".join([found, *(one for one in more if one)])
    return messages(found, place)


def _math_spec(found: Any, place: str) -> dict[str, Any]:
    gold = found[0] if isinstance(found, list) and len(found) == 1 else found
    if isinstance(gold, bool) or not isinstance(gold, str | int | float) or not str(gold).strip():
        raise ProblemError(f"{place}: found {_kind(found)}, expected an answer: a text or a number")
    return {"answer": str(gold)}


def _code_spec(found: Any, place: str) -> dict[str, Any]:
    """APPS's form: {"inputs": […], "outputs": […]}, and "fn_name" where the inputs are lists of arguments.

    Or open-r1's: {"test_cases": [{"input", "output", "fn_name", "type"}]}, and "language", which must be Python. Texts
    in a list are lines. Outputs of functions are values, each in a list of its own where all of them are.
    """
    cases = _whole_spec(found, place)
    if "test_cases" in cases:
        cases = _gathered(cases, place)
    given, wanted = cases.get("inputs"), cases.get("outputs")
    if not isinstance(given, list) or not isinstance(wanted, list) or len(given) != len(wanted) or not given:
        raise ProblemError(f"{place}: inputs and outputs: expected two lists of the same length")
    name = cases.get("fn_name") or None
    if name is None:
        tests = [
            {"stdin": _lines(one, place), "stdout": _lines(two, place)} for one, two in zip(given, wanted, strict=True)
        ]
        return {"kind": "stdio", "tests": tests}
    if not isinstance(name, str) or not all(isinstance(arguments, list) for arguments in given):
        raise ProblemError(f"{place}: fn_name and inputs: expected a name and lists of arguments")
    if all(isinstance(value, list) and len(value) == 1 for value in wanted):
        wanted = [value[0] for value in wanted]
    calls = [{"args": arguments, "expected": value} for arguments, value in zip(given, wanted, strict=True)]
    return {"kind": "function", "entry_point": name, "tests": calls}


def _gathered(found: Mapping[str, Any], place: str) -> dict[str, Any]:
    """Cases one by one in APPS's form; of functions, inputs and outputs are JSON texts or values."""
    cases = found["test_cases"]
    if not isinstance(cases, list) or not all(isinstance(case, dict) for case in cases):
        raise ProblemError(f"{place}: test_cases: expected a list of objects")
    if (language := found.get("language", "python")) != "python":
        raise ProblemError(f"{place}: language: found {language!r}, expected python")
    names = {case.get("fn_name") or None for case in cases}
    if len(names) > 1:
        raise ProblemError(f"{place}: fn_name: found several, expected one for all cases")
    (name,) = names or {None}
    given, wanted = ([case.get(field) for case in cases] for field in ("input", "output"))
    if name is not None:
        given, wanted = ([_value(one, place) for one in side] for side in (given, wanted))
    return {"inputs": given, "outputs": wanted, "fn_name": name}


def _value(found: Any, place: str) -> Any:
    try:
        return json.loads(found) if isinstance(found, str) else found
    except (ValueError, RecursionError) as error:
        raise ProblemError(f"{place}: test_cases: not JSON: {error}") from None


def _whole_spec(found: Any, place: str) -> dict[str, Any]:
    """An object, or the JSON text of one."""
    try:
        value = json.loads(found) if isinstance(found, str) else found
    except (ValueError, RecursionError) as error:
        raise ProblemError(f"{place}: not JSON: {error}") from None
    if not isinstance(value, dict):
        raise ProblemError(f"{place}: found {_kind(value)}, expected an object")
    return value


def _lines(found: Any, place: str) -> str:
    if isinstance(found, list) and all(isinstance(line, str) for line in found):
        return "\n".join(found)
    if not isinstance(found, str):
        raise ProblemError(
            f"{place}: found {_kind(found)} among inputs and outputs, expected a text or a list of lines"
        )
    return found


def _kind(value: object) -> str:
    return "nothing" if value is None else f"a {type(value).__name__}"


def _digest(problems: tuple[Problem, ...]) -> str:
    """Of what is asked and how it is judged: another column, another version."""
    digest = hashlib.sha256()
    for problem in problems:
        content = [problem.id, problem.prompt, problem.verifier, problem.spec]
        digest.update(json.dumps(content, sort_keys=True, default=str).encode())
    return digest.hexdigest()[:12]
