"""The contenders of `step.py` at work, each in a process of its own: `assay train`, and TRL's trainer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet

import benchmarks
from benchmarks import ProblemSource
from benchmarks.speed import instant
from benchmarks.speed.contenders import say
from benchmarks.speed.step_figures import Effort, Run, counted, our_steps, rollout_files
from benchmarks.speed.uncached import Uncached, judge_uncached
from benchmarks.speed.watch import Watched, watch
from benchmarks.speed.work import Step, Work
from sandbox.leftovers import cache
from trainer.config.recipe import read_config
from trainer.config.run import RunConfig

ROOT = Path(__file__).resolve().parents[2]
PEER = "trl==1.16.0"
RECIPE = "quickstart"
ASSAY = (sys.executable, str(ROOT / "assay.py"))


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
        for path in rollout_files(run):
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
    return counted(our_steps(run), watched, setting.effort, setting.config.completions)


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
    return counted(steps, watched, setting.effort, setting.config.completions)


def _check(watched: Watched, log: Path) -> None:
    if watched.exit_code:
        raise SystemExit(f"{log.stem} ended with {watched.exit_code}:\n{log.read_text()[-3000:]}")


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


def _environment(*folders: Path) -> dict[str, str]:
    path = [str(ROOT), *map(str, folders), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path)}


def peer_python() -> str:
    """An environment with TRL that has our torch, transformers and vLLM; made once, and kept in the cache."""
    home = cache() / "peers" / PEER.replace("==", "-")
    python, done = home / "bin" / "python", home / "done"
    packages = sysconfig.get_path("purelib")
    if not done.exists() or done.read_text() != packages:  # another checkout made it, which may have gone
        say(f"an environment for {PEER} in {home}")
        venv.create(home, clear=True, with_pip=True)
        places = subprocess.check_output([python, "-c", "import site; print(site.getsitepackages()[0])"], text=True)
        (Path(places.strip()) / "ours.pth").write_text(f"{packages}\n")
        install = [str(python), "-m", "pip", "install", "--quiet", PEER]
        told = subprocess.run(install, capture_output=True, text=True, check=False)
        if told.returncode:
            raise SystemExit(f"{PEER} cannot be installed: {told.stderr.strip()}")
        done.write_text(packages)
    return str(python)
