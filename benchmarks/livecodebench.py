"""LiveCodeBench: contest problems with their dates, by release, window, difficulty and platform (arXiv 2403.07974)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from datetime import date
from itertools import islice
from pathlib import Path
from typing import Literal

from pydantic import field_validator

from benchmarks.hub import hub_rows
from benchmarks.livecodebench_rows import DIFFICULTIES, PLATFORMS, RULES, problem, tags, tests_of
from benchmarks.options import Options, read_options, read_split
from benchmarks.rows import Row
from benchmarks.rules import Ruled, by_rule, read_rules
from benchmarks.types import ProblemError, ProblemSet, ProblemSource
from benchmarks.window import Window

REPOSITORY = "livecodebench/code_generation_lite"
FILES = ("test.jsonl", "test2.jsonl", "test3.jsonl", "test4.jsonl", "test5.jsonl", "test6.jsonl")
"""What each release adds to those before it."""
COUNTS = (400, 511, 612, 713, 880, 1055)
"""Problems of release_v1, release_v2, … (README of lcb_runner)."""


class LiveCodeBenchOptions(Options):
    """Which problems, judged how. Release and window decide whether two scores can be compared."""

    release: str = "release_v6"
    """release_v1 … release_v6, each with all before it (release_latest is the last); v3: what the third release added;
    v2_v4: what the second to the fourth added."""
    window: str = ".."
    """Contest dates by month or by day, inclusive on both ends: 2024-08..2025-01."""
    difficulty: str = ""
    """easy, medium, hard; several with commas between them."""
    platform: str = ""
    """leetcode, atcoder, codeforces; several with commas between them."""
    rule: str = "strict,official"
    """Who judges: strict, our own verifier of programs; official, the rules of its authors' grader when release_v5 was
    published; official-2025-05, those of its last grader, which reads stdin in another way. The score is by the first
    that is named; others are asked for their opinion, and reports show both."""
    errata: Literal["keep", "drop"] = "keep"
    """What to do with problems that its authors know to be broken; kept ones have the tag `errata`."""
    tests: Literal["all", "public"] = "all"
    """all: public and private ones, as its grader; public: those in the statement, for files without the others."""

    @field_validator("rule")
    @classmethod
    def _known_rules(cls, rule: str) -> str:
        return ",".join(read_rules(rule, RULES))

    @field_validator("release")
    @classmethod
    def _known_release(cls, release: str) -> str:
        files_of(release)
        return f"release_v{len(FILES)}" if release == "release_latest" else release

    @field_validator("window")
    @classmethod
    def _whole_window(cls, window: str) -> str:
        return str(Window.read(window)) if window != ".." else window

    @field_validator("difficulty")
    @classmethod
    def _difficulties(cls, difficulty: str) -> str:
        return _some(difficulty, DIFFICULTIES)

    @field_validator("platform")
    @classmethod
    def _platforms(cls, platform: str) -> str:
        return _some(platform, PLATFORMS)


def files_of(release: str) -> tuple[str, ...]:
    """The files of a release or a slice; `ValueError` for a name that there is not."""
    latest = f"release_v{len(FILES)}" if release == "release_latest" else release
    found = re.fullmatch(r"(?P<whole>release_)?v(?P<first>[1-6])(?:_v(?P<last>[1-6]))?", latest)
    if found is None or (found["whole"] and found["last"]) or (found["last"] or found["first"]) < found["first"]:
        raise ValueError(f"found {release!r}, expected release_v1 to release_v6, a slice such as v2_v4, or v3 alone")
    first = 1 if found["whole"] else int(found["first"])
    return FILES[first - 1 : int(found["last"] or found["first"])]


def load(source: ProblemSource) -> ProblemSet:
    """The problems of a release within a window; each is judged on all its tests.

    From the hub, from a folder with its files, or from one file (`release` is of no use then). A row that is broken is
    left out and named. A release takes as much memory as its tests, some gigabytes: a window takes less.
    """
    read_split(source, "test")
    options = read_options(source, LiveCodeBenchOptions)
    is_one_file = source.path is not None and not Path(source.path).is_dir()
    if is_one_file and "release" in source.options:
        raise ProblemError(f"livecodebench: release: found {options.release!r}, but {source.path} is a single file")
    found = hub_rows(source, repository=REPOSITORY, files=files_of(options.release))
    left_out: list[str] = []
    rules = options.rule.split(",")
    problems, opinions = by_rule(islice(_sound(found, options, left_out), source.max_problems), rules)
    origin = f"file {_digest(Path(source.path))}" if is_one_file and source.path else options.release
    asked = {**options.model_dump(exclude_defaults=True, exclude={"release", "rule"}), "rule": rules[0]}
    version = " ".join(["2", origin, *(f"{name}={value}" for name, value in asked.items())])
    notes = () if is_one_file or source.max_problems else _notes(options, len(problems) + len(left_out))
    return ProblemSet(
        "livecodebench", version, problems,
        left_out=tuple(left_out), notes=notes, rule=rules[0], second_opinions=opinions,
    )  # fmt: skip


def _notes(options: LiveCodeBenchOptions, num_rows: int) -> tuple[str, ...]:
    """Whether a release that nothing was filtered from has as many rows as its authors say."""
    files = files_of(options.release)
    first, last = FILES.index(files[0]), FILES.index(files[-1])
    expected = COUNTS[last] - (COUNTS[first - 1] if first else 0)
    is_whole = options.window == ".." and not options.difficulty and not options.platform and options.errata == "keep"
    return (f"{num_rows} rows; {options.release} has {expected}",) if is_whole and num_rows != expected else ()


def _sound(found: Iterator[tuple[str, Row]], options: LiveCodeBenchOptions, left_out: list[str]) -> Iterator[Ruled]:
    """The problems asked for, by each rule; what is wrong with a row goes to `left_out`. Tests of other rows are not
    decoded."""
    window = Window.read(options.window) if options.window != ".." else Window()
    seen: set[str] = set()
    for place, row in found:
        name = row.get("question_id")
        where = f"{place}: {name}" if isinstance(name, str) else place
        try:
            about = tags(row, where)
            if not _is_asked_for(about, window, options):
                continue
            tests = tests_of(row, where, public_only=options.tests == "public")
            one = {rule: problem(row, where, about, *RULES[rule](tests)) for rule in options.rule.split(",")}
            if name in seen:
                raise ProblemError(f"{where}: question_id: another row has it, too")
        except ProblemError as error:
            left_out.append(str(error))
            continue
        seen.add(str(name))
        yield one


def _is_asked_for(tags: Mapping[str, str], window: Window, options: LiveCodeBenchOptions) -> bool:
    return (
        date.fromisoformat(tags["date"]) in window
        and tags["difficulty"] in (options.difficulty.split(",") if options.difficulty else DIFFICULTIES)
        and tags["platform"] in (options.platform.split(",") if options.platform else PLATFORMS)
        and not (options.errata == "drop" and "errata" in tags)
    )


def _some(names: str, known: tuple[str, ...]) -> str:
    """Names with commas between them, in the order of `known`: a list written in another order is the same."""
    found = {name.strip() for name in names.split(",")} if names else set()
    if strangers := sorted(found - set(known)):
        raise ValueError(f"found {strangers[0]!r}, expected {', '.join(known)}, with commas between several")
    return ",".join(name for name in known if name in found)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:12]
