"""How long LiveCodeBench's programs take to judge, by each rule, and who of those that pass officially does not pass.

    python -m benchmarks.speed.livecodebench PROBLEMS PROGRAMS [--rule official] [--tests all] [--sandbox docker]

Problems in the data set's form; programs as lines {"question_id", "code", "graded"}, where graded is what the official
grader said with all tests. Official time limits are of wall-clock: on a busy machine slow programs fail them.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from benchmarks import ProblemError, ProblemSource, load
from benchmarks.livecodebench_rows import RULES
from sandbox import SandboxConfig
from verifiers import Problem, Router, Status, Verdict


@dataclass(frozen=True, slots=True)
class Program:
    """One that was judged officially, on all tests that there are."""

    problem: Problem
    completion: str
    passes: bool


@dataclass(frozen=True, slots=True)
class Judged:
    """What came of all programs by one rule."""

    rule: str
    sandbox: str
    programs: int
    seconds: float
    """From the first program to the last verdict, with boxes that are up."""
    passed: int
    lost: Sequence[str]
    """Officially passing programs that did not pass here, each with why."""
    unjudged: Sequence[str]


def programs(problems: Path, answers: Path, rule: str, *, tests: str = "public") -> list[Program]:
    """The programs that answer one of the problems, in a fence that nothing in them closes."""
    source = ProblemSource(name="livecodebench", path=str(problems), options={"rule": rule, "tests": tests})
    known = {problem.id: problem for problem in load(source).problems}
    rows = [json.loads(line) for line in answers.read_text(encoding="utf-8").splitlines()]
    return [
        Program(known[row["question_id"]], f"````python\n{row['code']}\n````", row["graded"])
        for row in rows
        if row["question_id"] in known
    ]


def with_patience(program: Program, seconds: int) -> Program:
    """With so long a limit for each test, for a machine that others use, too."""
    limit = type(program.problem.spec["time_limit"])(seconds)
    spec = {**program.problem.spec, "time_limit": limit}
    return replace(program, problem=replace(program.problem, spec=spec))


def judge(router: Router, rule: str, judged: Sequence[Program]) -> Judged:
    """All programs, as many at a time as the router takes."""
    router.start()
    started = time.perf_counter()
    verdicts = router.judge((program.problem, program.completion) for program in judged)
    seconds = time.perf_counter() - started
    pairs = list(zip(judged, verdicts, strict=True))
    return Judged(
        rule,
        router.sandbox_description,
        len(judged),
        seconds,
        sum(verdict.score == 1.0 for verdict in verdicts),
        [_why(program, verdict) for program, verdict in pairs if program.passes and verdict.score != 1.0],
        [_why(program, verdict) for program, verdict in pairs if verdict.status is Status.UNJUDGED],
    )


def _why(program: Program, verdict: Verdict) -> str:
    return f"{program.problem.id}: {verdict.status.value}: {verdict.detail}"


def main(arguments: Sequence[str] | None = None) -> int:
    assert __doc__ is not None
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("problems", type=Path)
    parser.add_argument("programs", type=Path)
    parser.add_argument("--rule", choices=RULES, default="official")
    parser.add_argument("--tests", choices=("public", "all"), default="public")
    parser.add_argument("--sandbox", choices=("docker", "bubblewrap", "process"), default="docker")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args(arguments)
    try:
        found = programs(given.problems, given.programs, given.rule, tests=given.tests)
    except ProblemError as error:
        print(error, file=sys.stderr)
        return 2
    with Router(SandboxConfig(kind=given.sandbox)) as router:
        judged = judge(router, given.rule, found)
    print(f"sandbox   {judged.sandbox}\ncores     {os.cpu_count()}\nload      {os.getloadavg()[0]:.1f}")
    print(f"rule      {judged.rule}, {given.tests} tests\nprograms  {judged.programs}, of which {judged.passed} pass")
    print(f"time      {judged.seconds:.1f} s, {judged.programs / judged.seconds:.1f} programs/s")
    for name, lines in (("lost", judged.lost), ("unjudged", judged.unjudged)):
        print(f"{name:9} {len(lines)}" + "".join(f"\n          {line}" for line in lines))
    if given.json:
        given.json.write_text(json.dumps({**asdict(judged), "tests": given.tests, "cores": os.cpu_count()}, indent=1))
    return 1 if judged.lost or judged.unjudged else 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that the boxes go as they do on Ctrl-C
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
