"""Runs what wants a GPU: tests, the kernels' figures, short training runs; `gpu.sh` says how.

Parts run one after another, each with a limit in seconds of its own, and one that fails stops none of the others.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, distribution, version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
WORK = ROOT / "build" / "gpu"
"""What each part said, and the training runs."""
PEERS = ROOT / "build" / "peers"
PEER_PINS = ("liger-kernel==0.8.5", "cut-cross-entropy==25.1.1", "verl==0.9.1")
PACKAGES = ("torch", "triton", "transformers", "vllm", "bitsandbytes", "peft", "flashinfer-python")
STAGES = ("tests", "figures", "train", "tune")
HAS_VLLM = importlib.util.find_spec("vllm") is not None
PYTEST = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--durations=5")

SHORT = (
    "sft.0.steps=300", "steps=20", "eval.every=10", "eval.data.max_problems=150", "eval.samples=1",
    "checkpoints.every=5",
)  # fmt: skip
"""The quickstart, cut down: minutes on a CPU, most of a minute here."""
SHORTER = (*SHORT, "sft.0.steps=60", "steps=6", "eval.every=0", "checkpoints.every=2")
HALVES = (
    "model.dtype=bfloat16", "model.fresh.hidden=512", "model.fresh.layers=6", "model.fresh.heads=8",
    "model.fresh.intermediate=1536",
)  # fmt: skip
"""A model that a GPU has something to do with."""
RUNS: Mapping[str, Sequence[str]] = {
    "float32": SHORT,
    "killed": (*SHORTER, *HALVES),
    "asleep": (*SHORTER, *HALVES, "sampling.sleep=true", "model.gradient_checkpointing=true"),
    "ahead": (*SHORTER, *HALVES, "sampling.max_staleness=1", "objective.preset=grpo", "optim.state=8bit"),
}
"""By name: what is different from the recipe `quickstart`. The run `killed` is killed by SIGKILL and resumed."""
WITHOUT_VLLM = ("float32", "killed")


@dataclass
class Part:
    """What became of one part."""

    name: str
    seconds: float = 0.0
    ended: str = ""
    """ok, or what went wrong."""
    figures: dict[str, Any] = field(default_factory=dict)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("stages", nargs="*", metavar="STAGE", help=f"of {', '.join(STAGES)}; default: the first three")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results", help="folder for the results")
    options = parser.parse_args(arguments)
    if unknown := [name for name in options.stages if name not in STAGES]:
        parser.error(f"no stage {unknown[0]!r}; there are {', '.join(STAGES)}")
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True)
    options.out.mkdir(parents=True, exist_ok=True)
    environment = _environment()
    if complaint := _complaint(environment):
        print(f"gpu: {complaint}", file=sys.stderr)
        return 3
    if not HAS_VLLM:
        say("vLLM is not installed: its tests are left out, and the policy samples by itself")
    parts: list[Part] = []
    for run in _parts(options.stages or STAGES[:3], options.out.resolve(), environment):
        parts.append(run())
        say(f"{parts[-1].name}: {parts[-1].ended} after {parts[-1].seconds:.0f} s")
        report = {"machine": _machine(), "parts": [asdict(part) for part in parts]}
        (options.out / "gpu.json").write_text(json.dumps(report, indent=1) + "\n")  # now: there may be no later
    _print(parts)
    return 0 if all(part.ended == "ok" for part in parts) else 1


def _parts(stages: Sequence[str], out: Path, environment: Mapping[str, str]) -> Iterator[Callable[[], Part]]:
    """Correctness before speed."""

    def command(name: str, limit: float, *words: str, **more: str) -> Callable[[], Part]:
        return lambda: ran(name, words, limit, {**environment, **more})

    if "tests" in stages:
        spread = ("-n", "8") if importlib.util.find_spec("xdist") else ()
        yield command("tests of the kernels", 400, *PYTEST, *spread, "tests/trainer/kernels")
        yield command("tests of the policy", 200, *PYTEST, "tests/trainer/gpu/test_gpu_policy.py")
        if HAS_VLLM:
            yield command(
                "tests of the sampler", 300, *PYTEST, "tests/trainer/gpu/test_gpu_sampler.py",
                "tests/trainer/test_sampler.py",
            )  # fmt: skip
    if "tune" in stages:
        yield command("tuning", 500, sys.executable, "benchmarks/speed/tune_kernels.py")
    if "figures" in stages:
        _install_peers()
        path = os.pathsep.join([str(PEERS), environment["PYTHONPATH"]])
        report = str(out / "kernels.json")
        yield command(
            "figures", 500, sys.executable, "benchmarks/speed/kernels.py", "--json", report, PYTHONPATH=path
        )  # fmt: skip
    if "train" in stages:
        box = os.environ.get("SANDBOX") or _box(environment)
        for name in RUNS if HAS_VLLM else WITHOUT_VLLM:
            yield lambda name=name: trained(name, box, environment)  # type: ignore[misc]


def ran(name: str, words: Sequence[str], limit: float, environment: Mapping[str, str], folder: Path = ROOT) -> Part:
    """One command, with what it says on the screen and in a file; its whole family is ended when its time is up."""
    part, started = Part(name), time.monotonic()
    log = WORK / f"{name.replace(' ', '-')}.log"
    say(f"{name}: {' '.join(words[1:])}")
    with (
        log.open("ab") as file,
        subprocess.Popen(
            words, cwd=folder, env=dict(environment), stdout=file, stderr=subprocess.STDOUT, start_new_session=True
        ) as process,
    ):
        try:
            code = process.wait(limit)
            part.ended = "ok" if code == 0 else f"exit code {code}"
        except subprocess.TimeoutExpired:
            part.ended = f"not done after {limit:.0f} s"
        finally:
            _end(process)
    part.seconds = round(time.monotonic() - started, 1)
    lines = log.read_text(errors="replace").splitlines()
    print("\n".join(lines[-8:] if part.ended == "ok" else lines[-40:]), flush=True)
    return part


def _end(process: subprocess.Popen[bytes]) -> None:
    """The process and all that it started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return


# ---- training


def trained(name: str, box: str, environment: Mapping[str, str]) -> Part:
    """A short run of the quickstart with what `RUNS` has for it; its figures are those of its steps."""
    settings = [f"name={name}", f"sandbox.kind={box}", *RUNS[name], *([] if HAS_VLLM else ["sampling.sampler=plain"])]
    words = [sys.executable, "-m", "assay", "train", "quickstart", *settings]
    metrics = WORK / "runs" / name / "metrics.jsonl"
    resumed_from = _killed(words, metrics, environment) if name == "killed" else None
    part = ran(f"train {name}", words, 240, environment, WORK)
    steps = _steps(metrics)
    part.figures = {"settings": settings[1:], "steps": len(steps)}
    if resumed_from is not None:
        part.figures["killed_after_steps"] = resumed_from
        if "resuming from" not in (WORK / f"train-{name}.log").read_text(errors="replace"):
            part.ended = "did not resume"
    late = steps[len(steps) // 2 :]
    for key in ("time/step", "time/sample", "time/judge", "time/update", "time/weights", "tokens_per_second"):
        if values := [step[key] for step in late if key in step]:
            part.figures[key] = round(statistics.median(values), 4)
    if steps:
        part.figures["score/first"], part.figures["score/last"] = steps[0]["score/mean"], steps[-1]["score/mean"]
    summary = metrics.with_name("summary.json")
    if summary.exists():
        part.figures["summary"] = json.loads(summary.read_text())
    return part


def _killed(words: Sequence[str], metrics: Path, environment: Mapping[str, str]) -> int:
    """Start the run, and kill it once it has made three steps; returns how many it had made."""
    with (WORK / "killed-first.log").open("wb") as file:
        process = subprocess.Popen(
            words, cwd=WORK, env=dict(environment), stdout=file, stderr=subprocess.STDOUT, start_new_session=True
        )
        deadline = time.monotonic() + 180
        while len(_steps(metrics)) < 3 and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.1)
        _end(process)
        process.wait()
    return len(_steps(metrics))


def _steps(metrics: Path) -> list[dict[str, Any]]:
    if not metrics.exists():
        return []
    lines = metrics.read_text().split("\n")[:-1]  # what follows the last newline is not whole
    return [json.loads(line) for line in lines]


def _box(environment: Mapping[str, str]) -> str:
    """The best that starts here; without one, bare processes: they hold a small model's programs, and nothing else."""
    asked = [sys.executable, "-m", "assay", "doctor"]
    told = subprocess.run(asked, cwd=WORK, env=dict(environment), capture_output=True, text=True, check=False).stdout
    well = [line.split()[1] for line in told.splitlines() if line.startswith("ok ")]
    box = next((kind for kind in ("docker", "bubblewrap") if kind in well), "process")
    if box == "process":
        say("neither Docker nor bubblewrap starts here: programs run in bare processes, on a machine to throw away")
    return box


# ---- the machine


def _environment() -> dict[str, str]:
    """With assay to be found from any folder, its plugins too, be it installed or not."""
    path = [str(ROOT)]
    try:
        distribution("assay")
    except PackageNotFoundError:
        make = [
            sys.executable,
            "-c",
            "from setuptools import setup; setup()",
            "-q",
            "egg_info",
            "--egg-base",
            str(WORK),
        ]
        subprocess.run(make, cwd=ROOT, check=True)
        path.append(str(WORK))
    if given := os.environ.get("PYTHONPATH"):
        path.append(given)
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path), "HF_HUB_OFFLINE": "1", "PYTHONUNBUFFERED": "1"}


def _complaint(environment: Mapping[str, str]) -> str:
    """One line on what is missing, if anything is; looked at in another process, which holds no GPU memory then."""
    look = "import torch, sys; sys.exit(0 if torch.cuda.is_available() else f'torch {torch.__version__} sees no GPU')"
    asked = [sys.executable, "-c", look]
    told = subprocess.run(asked, env=dict(environment), capture_output=True, text=True, check=False)
    return "" if told.returncode == 0 else (told.stderr.strip().splitlines() or ["torch does not start"])[-1]


def _install_peers() -> None:
    if PEERS.is_dir():
        return
    aside = PEERS.with_suffix(".new")
    pip = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "-q",
        "--retries=0",
        "--timeout=10",
        "--no-deps",
        "--target",
        str(aside),
    ]
    done = subprocess.run([*pip, *PEER_PINS], capture_output=True, text=True, check=False)
    if done.returncode == 0:
        aside.rename(PEERS)
    else:
        shutil.rmtree(aside, ignore_errors=True)
        say("other projects' kernels cannot be installed here: ours are measured beside torch's alone")


def _machine() -> dict[str, Any]:
    ask = ["nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"]
    card = subprocess.run(ask, capture_output=True, text=True, check=False).stdout.strip()
    versions = {name: _version(name) for name in PACKAGES}
    return {"gpu": card, "python": sys.version.split()[0], "cores": os.cpu_count(), "versions": versions}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


# ---- telling


def _print(parts: Sequence[Part]) -> None:
    print(f"{'part':28}{'seconds':>8}  ended")
    for part in parts:
        told = {key: value for key, value in part.figures.items() if isinstance(value, float)}
        print(f"{part.name:28}{part.seconds:8.0f}  {part.ended}  " + "  ".join(f"{k} {v:g}" for k, v in told.items()))


def say(line: str) -> None:
    print(f"gpu: {line}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
