"""`assay verify` and `assay new`: a verifier tried on its examples, a file or a run; the package of a new one."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from trainer.cli.ending import DONE, FOUND_FAILURES, USER_MISTAKE, Failure
from trainer.cli.flags import Verbs, add_overrides, add_sandbox, add_verb, count_from_1
from trainer.cli.runs import run_folder
from trainer.cli.screen import count_judged, say


def add_to(verbs: Verbs) -> None:
    command = add_verb(
        verbs, "verify", _verify, "run a verifier's own examples, or judge a file of completions or a run again"
    )
    command.add_argument("name", nargs="?", metavar="NAME", help="a verifier (see assay list)")
    command.add_argument(
        "--file", type=Path, metavar="IN.jsonl", help='lines {"id", "verifier", "spec", "completion"} to judge'
    )
    command.add_argument("--run", type=Path, metavar="RUNDIR", dest="run_directory", help="judge its rollouts again")
    command.add_argument("--step", type=int, metavar="N", help="with --run: of one step only")
    add_overrides(command, "with --run: math.tolerance=1e-3, …")
    command.add_argument("--out", type=Path, metavar="OUT.jsonl", help="the verdicts, a line for each")
    command.add_argument("--jobs", type=count_from_1, metavar="N", help="boxes at a time; default: one for each core")
    add_sandbox(command)

    command = add_verb(verbs, "new", _new, "write the package of a new verifier, ready to install")
    command.add_argument("kind", choices=("verifier",))
    command.add_argument(
        "name", metavar="NAME", help="the verifier's, such as word_count; goes into ./assay-word-count"
    )


def _verify(arguments: argparse.Namespace) -> int:
    from sandbox import SandboxConfig
    from verifiers import examine, judge_file, report

    if arguments.run_directory:
        return _rejudge(arguments)
    if arguments.overrides or arguments.step is not None:
        stray = arguments.overrides[0] if arguments.overrides else "--step"
        raise Failure(USER_MISTAKE, f"verify: {stray} goes with --run RUNDIR")
    jobs = arguments.jobs and min(arguments.jobs, len(os.sched_getaffinity(0)))  # a box takes a core
    sandbox = SandboxConfig(kind=arguments.sandbox, slots=jobs)
    if arguments.file:
        if arguments.out is None:
            raise Failure(USER_MISTAKE, "verify: --file needs --out FILE for the verdicts")
        if not arguments.file.is_file():
            raise Failure(USER_MISTAKE, f"{arguments.file}: no such file; --file takes one JSON object a line")
        if not arguments.out.absolute().parent.is_dir():
            raise Failure(USER_MISTAKE, f"{arguments.out}: there is no folder {arguments.out.parent} to write it to")
        if arguments.out.exists() and arguments.out.samefile(arguments.file):
            raise Failure(USER_MISTAKE, f"{arguments.out}: --out is the file to judge, and would be lost; name another")
        judged = judge_file(arguments.file, arguments.out, sandbox=sandbox, on_verdict=count_judged)
        counts = "  ".join(f"{status.value} {count}" for status, count in sorted(judged.by_status.items()))
        mean = "none" if judged.mean_score is None else f"{judged.mean_score:.4f}"
        reasons = f"  (why: detail in {arguments.out})" if judged.num_unjudged else ""
        print(f"\r{judged.total} judged: {counts}  mean score {mean}{reasons}", file=sys.stderr)
        return FOUND_FAILURES if judged.num_unjudged else DONE
    if arguments.name is None:
        raise Failure(USER_MISTAKE, "verify: name a verifier (see assay list), or give --file IN.jsonl --out OUT.jsonl")
    findings = examine(arguments.name, sandbox=sandbox)
    print(report(findings))
    return DONE if all(finding.is_right for finding in findings) else FOUND_FAILURES


def _rejudge(arguments: argparse.Namespace) -> int:
    """Changed verdicts are what was asked for, and no failure; completions that cannot be judged are one."""
    if arguments.name or arguments.file:
        raise Failure(USER_MISTAKE, f"verify: give --run or {'--file' if arguments.file else 'a NAME'}, and not both")
    from trainer import rejudge
    from trainer.mixture import load_mixture
    from verifiers import Router

    run = rejudge.StoredRun(run_folder(arguments.run_directory), step=arguments.step)
    data = load_mixture(run.config.data)
    chosen: dict[str, Any] = {} if arguments.sandbox == "auto" else {"kind": arguments.sandbox}
    if arguments.jobs:
        chosen["slots"] = min(arguments.jobs, len(os.sched_getaffinity(0)))  # a box takes a core
    comparison = rejudge.Comparison(run.config.objective.method.advantage)
    with Router(run.config.sandbox.model_copy(update=chosen)) as router:
        problems = rejudge.change_specs(data.problems, arguments.overrides, router)
        router.start()
        say(f"{run.path}: {data.description}   sandbox: {router.sandbox_description}")
        judged = comparison.take_in(rejudge.rejudge(run.completions(), problems, router))
        with rejudge.writing(arguments.out) as write:
            for number, one in enumerate(judged, start=1):
                write(one)
                count_judged(number, one.verdict, run.num_completions)
    for line in comparison.lines():
        say(line)
    return FOUND_FAILURES if comparison.num_unjudged or comparison.num_unmatched else DONE


def _new(arguments: argparse.Namespace) -> int:
    from verifiers import NameRefused, new_verifier

    try:
        folder = new_verifier(arguments.name, Path())
    except NameRefused as error:
        raise Failure(USER_MISTAKE, str(error)) from error
    print(f"{folder}/ is ready: pip install ./{folder} && assay verify {arguments.name}")
    return DONE
