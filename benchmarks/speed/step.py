"""Measures a training step beside TRL's: the same model, prompts, group size, lengths and learning, split into phases.

    .venv/bin/python benchmarks/speed/step.py [--model FOLDER] [--peer PYTHON] [--only trl] [--rounds 3] [--steps 6]
                                              [--warmup 2] [--json FILE] [key=value …]

- `ours`          `assay train`, as a user starts it: vLLM in its process, judging while it samples
- `ours_instant`  the same with a verifier that answers at once: the verdicts that `ours` gave are looked up, so both
                  runs sample and learn the same tokens, and what judging adds to a step is the difference
- `trl`           TRL's GRPOTrainer, sampling with transformers' generate
- `trl_vllm`      TRL's GRPOTrainer with vLLM colocated; it was made for GPUs, and `trl_step.py` says what had to be
                  patched for a CPU

The work is that of the recipe `quickstart` (`key=value` changes it as in `assay train`) from its model after the
supervised stages, at a constant learning rate. Made equal: the problems of each step, in the order in which our run
drew them; group size, new tokens, temperature 1; float32 everywhere; AdamW with the same rate, betas and clipping;
advantages by group and its standard deviation, the ratio clip, the token mean as the loss (TRL: loss_type "dapo", beta
0), and the optimizer steps a step (TRL: steps_per_generation, each on as many completions as ours, num_iterations 1,
gradient_accumulation_steps 1). What each does of its own accord stays: ours learns nothing from groups without spread
and takes the sampler's log-probs for the old ones; TRL learns from all and computes the old log-probs again.
To TRL's favour: no gradient checkpointing, no logging, no saving, no detokenisation in vLLM, and one reward function
that has our verifiers judge all completions of the step at the same time.

Each contender runs in a process of its own, in turns, forwards and then backwards, so that a machine that grows busy is
busy for all. A step lasts until the next one does (all that lies between is counted); figures are medians over the
steps after a warm-up. CPU is that of the processes and their boxes; memory that of the trainer's process at its highest
and of its descendants. Equal programs are judged once in a run; what one costs that is not is measured afterwards, with
all different programs of our first run and no cache. Not shown: other models and machines, what happens once no group
has spread any more.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
import venv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import distributions, version
from itertools import pairwise
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import pyarrow.parquet

import benchmarks
from benchmarks import ProblemSource
from benchmarks.speed import instant
from benchmarks.speed.contenders import say
from benchmarks.speed.uncached import Uncached, judge_uncached
from benchmarks.speed.watch import Watched, watch
from benchmarks.speed.work import Step, Work
from sandbox.leftovers import cache
from trainer.cli import prepare_process
from trainer.config import RunConfig, Shaping, read_config
from trainer.preset import PRESETS
from trainer.settings import ConfigError

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("ours", "ours_instant", "trl", "trl_vllm")
PHASES = ("sample", "judge", "logprobs", "update", "weights", "rest")
PEER = "trl==1.16.0"
RECIPE = "quickstart"


@dataclass(frozen=True)
class Effort:
    rounds: int = 3
    warmup: int = 2
    """Steps of each round that are not counted."""
    steps: int = 6
    """Steps of each round that are."""


@dataclass(frozen=True)
class Counted:
    """What is kept of a step after the warm-up."""

    seconds: float
    tokens: int
    score: float
    phases: Mapping[str, float]


@dataclass(frozen=True)
class Run:
    """One contender's steps of one round, those of the warm-up left out."""

    steps: Sequence[Counted]
    cpu_s: float
    """Of one step."""
    peak_mb: float


@dataclass(frozen=True)
class Figures:
    """Medians over all steps of all rounds."""

    step_s: float
    tokens_per_s: float
    peak_mb: float
    """The highest of all rounds."""
    cpu_s: float
    """Of one step, the boxes' included; the median round."""
    tokens_per_cpu_s: float
    tokens: float
    score: float
    phases: dict[str, float]
    """Seconds of one step; "rest" is what lies between the phases."""
    steps_s: list[float]


@dataclass(frozen=True)
class Setting:
    """What all contenders are given."""

    config: RunConfig
    model: Path
    effort: Effort
    folder: Path
    peer: str | None
    """The interpreter that has TRL."""

    @property
    def source(self) -> ProblemSource:
        return self.config.data[0]  # the only one: `is_like_trl`

    @property
    def num_steps(self) -> int:
        return self.effort.warmup + self.effort.steps


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    prepare_process()  # the contenders inherit how threads wait and what vLLM may do
    started = time.monotonic()
    effort = Effort(options.rounds, options.warmup, options.steps)
    with tempfile.TemporaryDirectory(prefix="assay-step-") as name:
        folder = Path(name)
        config = options.config
        peer = (options.peer or peer_python()) if any(name.startswith("trl") for name in options.only) else None
        model = options.model.resolve() if options.model else supervised_model(folder, options.overrides)
        setting = Setting(config, model, effort, folder, peer)
        runs, uncached = measure(setting, options.only)
    figures = {name: figures_of(found) for name, found in runs.items()}
    compared = ratios(figures)
    about: dict[str, Any] = {
        "work": {
            "problems": config.problems,
            "group": config.sampling.group,
            "new_tokens": config.sampling.max_new_tokens,
            "updates": config.minibatches,
            "lr": config.optim.lr,
            **asdict(effort),
        },
        "versions": versions(peer),
        "machine": {
            "cores": len(os.sched_getaffinity(0)),
            "kernel": platform.release(),
            "python": platform.python_version(),
            "load": os.getloadavg()[0],
            "seconds": time.monotonic() - started,
        },
    }
    if uncached:
        about["programs"] = asdict(uncached)
        compared["uncached_program_cpu_ms"] = uncached.cpu_ms
    verdicts = list(targets(figures, compared))
    print_table(figures, compared, about, verdicts)
    if options.json:
        rows = {name: asdict(row) for name, row in figures.items()}
        report = {**rows, "ratios": compared, **about, "targets": verdicts}
        options.json.write_text(json.dumps(report, indent=1) + "\n")
    return 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("overrides", nargs="*", metavar="key=value", help=f"changes the recipe {RECIPE}")
    parser.add_argument("--only", type=_names, default=NAMES, help=f"some of {','.join(NAMES)}")
    parser.add_argument(
        "--model", type=Path, metavar="FOLDER", help="default: the recipe's own supervised stages, 2 min"
    )
    parser.add_argument("--peer", metavar="PYTHON", help=f"that has {PEER}; default: an environment is made for it")
    parser.add_argument("--rounds", type=int, default=Effort.rounds)
    parser.add_argument("--warmup", type=int, default=Effort.warmup, help="steps of a round that do not count")
    parser.add_argument("--steps", type=int, default=Effort.steps, help="steps of a round that count")
    parser.add_argument("--json", type=Path, metavar="FILE", help="the same figures for programs")
    options = parser.parse_intermixed_args(arguments)
    try:
        options.config, _ = read_config(RECIPE, options.overrides)
    except ConfigError as error:
        parser.error(str(error))
    if not is_like_trl(options.config):
        parser.error(
            "equal work for TRL: preset dapo with any clips, temperature 1, no correction, AdamW without decay, "
            "one problem set of which every problem is learned from, and scores as rewards"
        )
    return options


def is_like_trl(config: RunConfig) -> bool:
    """Whether the recipe learns by what TRL's settings of `trl_step.py` mean."""
    method = config.objective.method
    same = replace(PRESETS["dapo"], clip_low=method.clip_low, clip_high=method.clip_high)
    is_plain = config.objective.correction == "none" and config.sampling.temperature == 1
    is_adamw = config.optim.muon_lr is None and config.optim.weight_decay == 0
    takes_all = len(config.data) == 1 and config.curriculum is None and config.dynamic is None
    is_score = config.shaping == Shaping()
    return (
        replace(method, importance_cap=same.importance_cap) == same and is_plain and is_adamw and takes_all and is_score
    )


def _names(text: str) -> tuple[str, ...]:
    names = tuple(text.split(","))
    for name in names:
        if name not in NAMES:
            raise argparse.ArgumentTypeError(f"no {name!r}; there are {', '.join(NAMES)}")
    return names if "ours" in names else ("ours", *names)  # the others take its prompts


# ---- what has to be there first


def supervised_model(folder: Path, overrides: Sequence[str]) -> Path:
    """The recipe's model after its supervised stages."""
    say("no --model given: the recipe's supervised stages, about two minutes")
    brief = ("name=supervised", "eval.samples=1", "eval.greedy=false", "eval.data.max_problems=1")
    _assay(["sft", RECIPE, *overrides, *brief], folder)
    config, _ = read_config(RECIPE, overrides)
    return folder / "runs" / "supervised" / "checkpoints" / config.sft[-1].name


def _assay(words: Sequence[str], folder: Path) -> None:
    ended = subprocess.run(
        [*ASSAY, *words], cwd=folder, env=_environment(), capture_output=True, text=True, check=False
    )
    if ended.returncode:
        raise SystemExit(f"assay {words[0]} ended with {ended.returncode}: {ended.stderr.strip()[-2000:]}")


ASSAY = (sys.executable, str(ROOT / "assay.py"))


def _environment(*folders: Path) -> dict[str, str]:
    path = [str(ROOT), *map(str, folders), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path)}


def peer_python() -> str:
    """An environment with TRL that has our torch, transformers and vLLM; made once, and kept in the cache."""
    home = cache() / "peers" / PEER.replace("==", "-")
    python, done = home / "bin" / "python", home / "done"
    if not done.exists():
        say(f"an environment for {PEER} in {home}")
        venv.create(home, clear=True, with_pip=True)
        packages = sysconfig.get_path("purelib")
        places = subprocess.check_output([python, "-c", "import site; print(site.getsitepackages()[0])"], text=True)
        (Path(places.strip()) / "ours.pth").write_text(f"{packages}\n")
        install = [str(python), "-m", "pip", "install", "--quiet", PEER]
        told = subprocess.run(install, capture_output=True, text=True, check=False)
        if told.returncode:
            raise SystemExit(f"{PEER} cannot be installed: {told.stderr.strip()}")
        done.touch()
    return str(python)


# ---- measuring


def measure(setting: Setting, names: Sequence[str]) -> tuple[dict[str, list[Run]], Uncached | None]:
    """Each contender's run in each round; in every other round they take turns the other way round.

    And what our first run's programs cost when they are judged without a cache, if it wrote any.
    """
    runs: dict[str, list[Run]] = {name: [] for name in names}
    steps = _ours(setting, 0, None)
    runs["ours"].append(steps)
    drawn = Drawn.of(setting.folder / "ours-0")
    for turn in range(setting.effort.rounds):
        for name in names if turn % 2 == 0 else names[::-1]:
            if turn == 0 and name == "ours":
                continue
            match name:
                case "ours":
                    runs[name].append(_ours(setting, turn, None))
                case "ours_instant":
                    runs[name].append(_ours(setting, turn, drawn))
                case _:
                    runs[name].append(_peer(setting, turn, name, drawn))
    say("programs without a cache")
    problems = [problem for problem in benchmarks.load(setting.source).problems if problem.verifier == "code"]
    programs = [(problem, text) for problem in problems for text in drawn.scores.get(problem.id, ())]
    return runs, judge_uncached(programs, setting.config.sandbox) if programs else None


@dataclass(frozen=True)
class Drawn:
    """What our run drew: the problems in their order, and the verdicts of their completions."""

    ids: Sequence[str]
    scores: Mapping[str, Mapping[str, float]]
    """By problem and completion; unjudged ones are left out."""

    @classmethod
    def of(cls, run: Path) -> Drawn:
        ids: list[str] = []
        scores: dict[str, dict[str, float]] = {}
        for path in _rollouts(run):
            for row in pyarrow.parquet.read_table(path).to_pylist():
                if row["sample"] == 0:
                    ids.append(row["problem_id"])
                if row["score"] is not None:
                    scores.setdefault(row["problem_id"], {})[row["completion"]] = row["score"]
        return cls(ids, scores)


def _ours(setting: Setting, turn: int, drawn: Drawn | None) -> Run:
    name = f"{'ours' if drawn is None else 'instant'}-{turn}"
    say(name)
    values = training(setting.config, name, setting.model, setting.num_steps)
    folders = []
    if drawn is not None:
        instant.install(setting.folder / "plugins")
        folders.append(setting.folder / "plugins")
        values["data"] = {"name": "jsonl", "path": str(_instant_problems(setting, drawn))}
    recipe = setting.folder / f"{name}.toml"
    recipe.write_text(toml(values))
    run = setting.folder / name
    command = [*ASSAY, "train", str(recipe)]
    watched = watch(command, folder=setting.folder, env=_environment(*folders), log=setting.folder / f"{name}.log")
    _check(watched, setting.folder / f"{name}.log")
    (setting.folder / "runs" / name).rename(run)
    return counted(our_steps(run), watched, setting)


def training(config: RunConfig, name: str, model: Path, steps: int) -> dict[str, Any]:
    """The recipe's reinforcement learning alone, from a model that is there, at a constant rate."""
    values = config.model_dump(mode="json", exclude={"sft", "eval", "model", "checkpoints"})
    values |= {"name": name, "steps": steps, "checkpoints": {"every": 10**6}}
    values["model"] = {"path": str(model), "dtype": config.model.dtype}
    values["optim"] |= {"warmup": 0, "final": 1.0}
    return values


def toml(values: Mapping[str, Any], prefix: str = "") -> str:
    """Tables of plain values as TOML; a JSON text, number, boolean or list of them is one in TOML, too."""
    given = {key: value for key, value in values.items() if value is not None}
    plain = [f"{key} = {json.dumps(value)}\n" for key, value in given.items() if not isinstance(value, Mapping)]
    tables = [
        f"[{prefix}{key}]\n" + toml(value, f"{prefix}{key}.")
        for key, value in given.items()
        if isinstance(value, Mapping) and value
    ]
    return "".join(plain + tables)


def _instant_problems(setting: Setting, drawn: Drawn) -> Path:
    """The problems of the run, in the set's order and with their ids, for the verifier that knows the verdicts."""
    path = setting.folder / "instant.jsonl"
    with path.open("w") as file:
        for problem in benchmarks.load(setting.source).problems:
            prompt = problem.prompt
            row = {
                "id": problem.id,
                "prompt" if isinstance(prompt, str) else "messages": prompt,
                "verifier": instant.NAME,
                "spec": {"scores": drawn.scores.get(problem.id, {})},
            }
            file.write(json.dumps(row) + "\n")
    return path


def _peer(setting: Setting, turn: int, name: str, drawn: Drawn) -> Run:
    say(f"{name}-{turn}")
    assert setting.peer is not None, "a peer without an interpreter"
    config, out = setting.config, setting.folder / f"{name}-{turn}.jsonl"
    work = Work(
        sampler="vllm" if name == "trl_vllm" else "transformers",
        model=str(setting.model),
        data=setting.source.model_dump(mode="json", exclude={"weight"}),
        sandbox=config.sandbox.model_dump(mode="json"),
        ids=list(drawn.ids),
        problems=config.problems,
        group=config.sampling.group,
        updates=config.minibatches,
        max_new_tokens=config.sampling.max_new_tokens,
        lr=config.optim.lr,
        betas=config.optim.betas,
        max_grad_norm=config.optim.max_grad_norm,
        clip_low=config.objective.method.clip_low,
        clip_high=config.objective.method.clip_high,
        seed=config.seed,
        out=str(out),
    )
    orders, log = out.with_suffix(".json"), out.with_suffix(".log")
    orders.write_text(json.dumps(asdict(work)))
    command = [setting.peer, str(ROOT / "benchmarks" / "speed" / "trl_step.py"), str(orders)]
    env = _environment() | {"VLLM_CPU_KVCACHE_SPACE": str(config.sampling.cpu_cache_gib)}
    watched = watch(command, folder=setting.folder, env=env, log=log)
    _check(watched, log)
    steps = [Step(**json.loads(line)) for line in out.read_text().splitlines()]
    return counted(steps, watched, setting)


def _check(watched: Watched, log: Path) -> None:
    if watched.exit_code:
        raise SystemExit(f"{log.stem} ended with {watched.exit_code}:\n{log.read_text()[-3000:]}")


def our_steps(run: Path) -> list[Step]:
    """From a run directory: a step ends when its rollouts are on the disk."""
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    steps = []
    for line, path in zip(lines, _rollouts(run), strict=True):
        table = pyarrow.parquet.read_table(path, columns=["completion_tokens", "score"]).to_pydict()
        scores = [score for score in table["score"] if score is not None]
        if len(scores) < len(table["score"]):
            raise SystemExit(f"{path}: {len(table['score']) - len(scores)} completions could not be judged")
        steps.append(
            Step(
                end=path.stat().st_mtime,
                tokens=sum(table["completion_tokens"]),
                completions=len(table["completion_tokens"]),
                score=statistics.fmean(scores),
                phases={name: line.get(f"time/{name}", 0.0) for name in PHASES if name != "rest"},
            )
        )
    return steps


def _rollouts(run: Path) -> list[Path]:
    return sorted((run / "rollouts").glob("step-*.parquet"))


def counted(steps: Sequence[Step], watched: Watched, setting: Setting) -> Run:
    """The steps after the warm-up, each from the end of the one before."""
    expected = setting.config.completions
    if wrong := next((step for step in steps if step.completions != expected), None):
        raise SystemExit(f"a step of {wrong.completions} completions where {expected} are the work")
    if len(steps) != setting.num_steps:
        raise SystemExit(f"{len(steps)} steps where {setting.num_steps} are the work")
    pairs = list(pairwise(steps))[setting.effort.warmup - 1 :]
    found = [Counted(after.end - before.end, after.tokens, after.score, after.phases) for before, after in pairs]
    cpu = watched.cpu_between(pairs[0][0].end, pairs[-1][1].end)
    return Run(found, cpu / len(found), watched.peak_mb)


def figures_of(runs: Sequence[Run]) -> Figures:
    steps = [step for run in runs for step in run.steps]
    phases = {
        name: statistics.median(step.phases.get(name, 0.0) for step in steps) for name in PHASES if name != "rest"
    }
    phases["rest"] = statistics.median(step.seconds - sum(step.phases.values()) for step in steps)
    return Figures(
        step_s=statistics.median(step.seconds for step in steps),
        tokens_per_s=statistics.median(step.tokens / step.seconds for step in steps),
        peak_mb=max(run.peak_mb for run in runs),
        cpu_s=(cpu := statistics.median(run.cpu_s for run in runs)),
        tokens_per_cpu_s=statistics.fmean(step.tokens for step in steps) / cpu,
        tokens=statistics.fmean(step.tokens for step in steps),
        score=statistics.fmean(step.score for step in steps),
        phases=phases,
        steps_s=[step.seconds for step in steps],
    )


# ---- telling


def ratios(figures: Mapping[str, Figures]) -> dict[str, float]:
    """Ours to each other contender: throughput more is better, the rest less is."""
    ours, found = figures["ours"], {"judge_to_step": figures["ours"].phases["judge"] / figures["ours"].step_s}
    for name, row in figures.items():
        if name == "ours":
            continue
        found[f"tokens_per_s_to_{name}"] = ours.tokens_per_s / row.tokens_per_s
        found[f"tokens_per_cpu_s_to_{name}"] = ours.tokens_per_cpu_s / row.tokens_per_cpu_s
        found[f"step_s_to_{name}"] = ours.step_s / row.step_s
        found[f"peak_mb_to_{name}"] = ours.peak_mb / row.peak_mb
    return found


LONG_STEP = 10.0
"""Seconds from which on judging may add no more than a twentieth to a step."""


def targets(figures: Mapping[str, Figures], compared: Mapping[str, float]) -> Iterator[dict[str, Any]]:
    """What should be shown, of what was measured."""

    def one(what: str, key: str, limit: float, *, is_least: bool = False) -> dict[str, Any]:
        value = compared[key]
        met = value >= limit if is_least else value <= limit
        return {"target": f"{what}: at {'least' if is_least else 'most'} {limit:g}", "value": value, "met": met}

    yield one("from the last token to the last verdict, of the step", "judge_to_step", 0.05)
    if "ours_instant" in figures and figures["ours"].step_s >= LONG_STEP:
        yield one("step to that with a verifier that answers at once", "step_s_to_ours_instant", 1.05)
    if "uncached_program_cpu_ms" in compared:
        yield one("CPU of a verdict on a program that is not cached, ms", "uncached_program_cpu_ms", 3.0)
    if "trl_vllm" in figures:
        yield one("tokens/s to TRL's with vLLM colocated", "tokens_per_s_to_trl_vllm", 2.0, is_least=True)
        yield one("memory to TRL's with vLLM colocated", "peak_mb_to_trl_vllm", 1.0)
    if "trl" in figures:
        yield one("tokens/s to TRL's with transformers' generate", "tokens_per_s_to_trl", 1.6, is_least=True)


def versions(peer: str | None) -> dict[str, str]:
    found = {name: version(name) for name in ("torch", "transformers")}
    found |= {one.name: one.version for one in distributions() if one.name in ("vllm", "vllm-cpu")}
    if peer:
        code = "from importlib.metadata import version; print(version('trl'), version('accelerate'))"
        found["trl"], found["accelerate"] = subprocess.check_output([peer, "-c", code], text=True).split()
    return found


def print_table(
    figures: Mapping[str, Figures], compared: Mapping[str, float], about: Mapping[str, Any], verdicts: Sequence[Any]
) -> None:
    work, machine = about["work"], about["machine"]
    print(f"""
work      {work["problems"]} problems x {work["group"]}, {work["new_tokens"]} new tokens, {work["updates"]} updates
counted   {work["rounds"]} rounds of {work["steps"]} steps after {work["warmup"]}
machine   {machine["cores"]} cores, load {machine["load"]:.1f}; measured in {machine["seconds"]:.0f} s
versions  {", ".join(f"{name} {number}" for name, number in about["versions"].items())}
""")
    _print_row("", "step s", "tokens/s", "CPU s", "peak MB", *(f"{name} s" for name in PHASES), "tokens", "score")
    for name, row in figures.items():
        _print_row(
            name,
            f"{row.step_s:.2f}",
            f"{row.tokens_per_s:.0f}",
            f"{row.cpu_s:.2f}",
            f"{row.peak_mb:.0f}",
            *(f"{row.phases[phase]:.3f}" for phase in PHASES),
            f"{row.tokens:.0f}",
            f"{row.score:.3f}",
        )
    print()
    for key, value in compared.items():
        print(f"  {value:8.3f}  {key}")
    print("\nwhat should be shown:")
    for verdict in verdicts:
        print(f"  {'met' if verdict['met'] else 'not met':8} {verdict['value']:8.3f}  {verdict['target']}")


def _print_row(name: str, *cells: str) -> None:
    print(f"{name:13}" + "".join(f"{cell:>10}" for cell in cells))


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that the contenders and their boxes go as on Ctrl-C
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
