"""`assay eval`: a model or stored completions scored, two reports compared, one written in another form."""

from __future__ import annotations

import argparse
from pathlib import Path

from trainer.cli.ending import DONE, FOUND_FAILURES, MACHINE_LACKS, Failure
from trainer.cli.flags import Verbs, add_overrides, add_verb
from trainer.cli.samplers import open_eval_sampler
from trainer.cli.screen import say


def add_to(verbs: Verbs) -> None:
    command = add_verb(
        verbs, "eval", _evaluate, "score a model, or stored completions, on a problem set", goes_on_from="the journal"
    )
    command.add_argument("name", metavar="NAME", help="a problem set (see assay list), or several: math500,aime24")
    command.add_argument("--model", metavar="PATH_OR_HUB", help="a model's folder, or its name on the hub")
    command.add_argument("--endpoint", metavar="URL", help="an OpenAI-compatible server that has the model")
    command.add_argument("--completions", type=Path, metavar="FILE", help='lines {"id", "completion"} to judge')
    command.add_argument("--protocol", metavar="NAME_OR_TOML", help="how to ask and sample; default own, the sets' own")
    command.add_argument("--n", type=int, help="completions for each problem")
    command.add_argument("--max-problems", type=int, metavar="N", help="only the first so many")
    command.add_argument(
        "--shard", metavar="2/4", help="only this part of the problems; the last part writes the report"
    )
    command.add_argument(
        "--out",
        type=Path,
        metavar="FILE_OR_FOLDER",
        help="the report; default runs/eval/NAME.json; its journal is beside",
    )
    add_overrides(command, "data=PATH, temperature=0.6, aime24.n=64, …")

    command = add_verb(verbs, "eval compare", _compare_evals, "compare two evals of the same problems")
    command.add_argument("first", type=Path, metavar="A.json", help="a report, or a folder of reports")
    command.add_argument("second", type=Path, metavar="B.json", help="the other; differences are B minus A")

    command = add_verb(verbs, "eval export", _export_eval, "write an eval's report in another harness's result form")
    command.add_argument("report", type=Path, metavar="REPORT", help="the JSON report of an eval")
    command.add_argument("--form", choices=("lm-eval", "lighteval"), required=True)
    command.add_argument("--out", type=Path, metavar="DIR", required=True)


def _evaluate(arguments: argparse.Namespace) -> int:
    from trainer.evals.config import load_set, read_evals, read_shard
    from verifiers import Router

    names = ("name", "model", "endpoint", "completions", "protocol", "n", "max_problems")
    flags = {name: value for name in names if (value := getattr(arguments, name)) is not None}
    configs, shard = read_evals(flags, arguments.overrides), read_shard(arguments.shard)
    asked = [load_set(config) for config in configs]
    from trainer.evals import command
    from trainer.evals.sources import Shard, SourceGone

    with Router(configs[0].sandbox) as router:
        asked = command.checked(asked, router)
        router.start()
        for one in asked:
            say(f"{one.problems.name}: {len(one.problems.problems)} problems   sandbox: {router.sandbox_description}")
        bench = command.Bench(router, router.sandbox_image, open_eval_sampler)
        try:
            is_whole = command.run(asked, bench, out=arguments.out, shard=Shard(*shard), say=say)
        except SourceGone as error:
            raise Failure(MACHINE_LACKS, str(error)) from error
    return DONE if is_whole else FOUND_FAILURES


def _compare_evals(arguments: argparse.Namespace) -> int:
    from trainer.evals import compare
    from trainer.evals.stored_report import read_reports
    from trainer.settings import ConfigError

    first, second = (read_reports(path) for path in (arguments.first, arguments.second))
    names = [name for name in first if name in second]
    if not names:
        raise ConfigError(f"compare: {', '.join(first)} and {', '.join(second)} are different problem sets")
    for name in names:
        for line in compare.lines(compare.pair(first[name], second[name]), str(arguments.first), str(arguments.second)):
            say(line)
    for name in sorted(first.keys() ^ second.keys()):
        say(f"{name}: only in {arguments.first if name in first else arguments.second}")
    return DONE


def _export_eval(arguments: argparse.Namespace) -> int:
    from datetime import datetime

    from trainer.evals.export import export
    from trainer.evals.stored_report import read_report

    for path in export(read_report(arguments.report), arguments.form, arguments.out, datetime.now()):
        say(str(path))
    return DONE
