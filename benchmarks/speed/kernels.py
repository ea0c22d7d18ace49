"""Measures the GPU kernels beside the bare products below them and what others do instead; first checks them.

    .venv/bin/python benchmarks/speed/kernels.py [--quick] [--shapes 7b-8k,0.6b-8k] [--json FILE]

All contenders of a shape run in turns, in one process, on data spread like a model's. Where no GPU is, the kernels
cannot run: the references are measured on a small problem, and the table says so.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch
import triton
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks.speed.heads import PRESET, Contender, Problem, contenders, one_product
from trainer.kernels import group_advantages, linear_logprob, policy_loss
from trainer.kernels.product import chunk_rows
from trainer.kernels.row import Rows, RowStatistics, write_statistics

SHAPES = {
    "7b-8k": (8192, 3584, 152_064),
    "0.6b-8k": (8192, 1024, 151_936),
    "7b-64k": (65_536, 3584, 152_064),
    "0.6b-64k": (65_536, 1024, 151_936),
}
"""Tokens, hidden size, vocabulary: the heads of Qwen2.5-7B and Qwen3-0.6B."""
CPU_SHAPES = {"small": (256, 128, 4096)}
CHECKED_ROWS = 512
GRADIENT_ERROR = 5e-3
"""Relative, of ours against float32; twice what one rounding to bfloat16 costs."""
PACKAGES = ("torch", "triton", "liger-kernel", "verl", "cut-cross-entropy")
ON_GPU = torch.cuda.is_available()
DEVICE = "cuda" if ON_GPU else "cpu"


@dataclass
class Figures:
    """Of one contender on one shape."""

    ms: float = float("nan")
    """The median round."""
    p20_ms: float = float("nan")
    p80_ms: float = float("nan")
    to_floor: float = float("nan")
    """Times the floor of this run: bare products, or a copy of as many bytes."""
    peak_mb: float = float("nan")
    """Most memory in use beyond inputs; GPU only."""
    hidden_error: float = float("nan")
    weight_error: float = float("nan")
    """Of gradients, relative to float32's."""
    note: str = ""


@dataclass
class Report:
    machine: dict[str, Any]
    head: dict[str, dict[str, Figures]] = field(default_factory=dict)
    logprob: dict[str, dict[str, Figures]] = field(default_factory=dict)
    rows: dict[str, Figures] = field(default_factory=dict)
    tokens: dict[str, Figures] = field(default_factory=dict)
    targets: list[dict[str, Any]] = field(default_factory=list)


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    rounds = 3 if options.quick or not ON_GPU else 20
    if not ON_GPU:
        say("no GPU here: no kernel is measured, only the references, on a small problem")
    report = Report(machine())
    is_right = True
    for name in options.shapes:
        tokens, hidden, vocabulary = (SHAPES if ON_GPU else CPU_SHAPES)[name]
        problem = Problem.make(tokens, hidden, vocabulary, DEVICE, torch.bfloat16 if ON_GPU else torch.float32)
        report.head[name] = measure_head(name, problem, rounds)
        is_right &= report.head[name]["ours"].hidden_error <= GRADIENT_ERROR
        is_right &= report.head[name]["ours"].weight_error <= GRADIENT_ERROR
        report.logprob[name] = measure_logprob(problem, rounds)
        write(report, options.json)  # now: the rest may not be reached
    if ON_GPU:
        report.rows = measure_rows(rounds)
    report.tokens = measure_tokens(1 << (20 if ON_GPU else 14), rounds)
    report.machine["sm_clock_mhz_and_watts_after"] = gpu_state()
    report.targets = list(targets(report))
    print_report(report)
    write(report, options.json)
    if not is_right:
        say(f"ours is wrong: gradients are more than {GRADIENT_ERROR} off float32's")
    return 0 if is_right else 1


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    shapes = SHAPES if ON_GPU else CPU_SHAPES
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a look: the figures are rough")
    parser.add_argument("--shapes", type=lambda text: text.split(","), default=list(shapes), help=",".join(shapes))
    parser.add_argument("--json", type=Path, metavar="FILE", help="the same figures for programs")
    options = parser.parse_args(arguments)
    for name in options.shapes:
        if name not in shapes:
            parser.error(f"no shape {name!r}; there are {', '.join(shapes)}")
    return options


# ---- measuring


def measure_head(shape: str, problem: Problem, rounds: int) -> dict[str, Figures]:
    """Loss with both gradients."""
    runs: dict[str, Callable[[], Any]] = {}
    found: dict[str, Figures] = {}
    want = _exact_gradients(problem.first(CHECKED_ROWS))
    for name, contender in contenders():
        found[name] = Figures()
        if isinstance(contender, str):
            found[name].note = contender
            continue
        try:
            _check(found[name], contender, problem.first(CHECKED_ROWS), want, is_floor=name == "products")
            found[name].peak_mb = peak_mb(partial(contender, problem))
        except torch.OutOfMemoryError:
            found[name].note = "out of memory"
        except (
            RuntimeError,
            AssertionError,
            ValueError,
            TypeError,
        ) as error:  # others may fail so
            if name in ("products", "ours"):
                raise
            found[name].note = f"failed: {str(error).splitlines()[0][:80]}" if str(error) else type(error).__name__
        else:
            runs[name] = partial(contender, problem)
        say(f"{shape}: {name} {found[name].note or 'checked'}")
        _free()
    in_turns(runs, found, rounds)
    return with_ratio(found, "products")


def _exact_gradients(problem: Problem) -> tuple[Tensor, Tensor]:
    hidden, weight = (part.detach().float().requires_grad_() for part in (problem.hidden, problem.weight))
    logprob = (hidden @ weight.T).log_softmax(-1).gather(1, problem.targets[:, None]).squeeze(1)
    problem.loss(logprob).backward()  # type: ignore[no-untyped-call]
    assert hidden.grad is not None and weight.grad is not None
    return hidden.grad, weight.grad


def _check(
    figures: Figures, contender: Contender, problem: Problem, want: tuple[Tensor, Tensor], *, is_floor: bool
) -> None:
    got = contender(problem)
    if is_floor:  # its gradients are of nothing
        return
    errors = []
    for one, other in zip(got, want, strict=True):
        assert one is not None
        errors.append(float((one.float() - other).norm() / other.norm()))
    figures.hidden_error, figures.weight_error = errors


def measure_logprob(problem: Problem, rounds: int) -> dict[str, Figures]:
    """No gradient: the old policy's log-probs."""

    def naive() -> None:
        with torch.no_grad():
            logits = (problem.hidden @ problem.weight.T).float()
            logits.log_softmax(-1).gather(1, problem.targets[:, None])

    runs: dict[str, Callable[[], Any]] = {
        "products": partial(one_product, problem),
        "ours": partial(linear_logprob, problem.hidden, problem.weight, problem.targets),
        "torch": naive,
    }
    if ON_GPU:
        runs["ours_fused"] = partial(linear_logprob, problem.hidden, problem.weight, problem.targets, form="fused")
    found = {name: Figures() for name in runs}
    for name in list(runs):
        try:
            found[name].peak_mb = peak_mb(runs[name])
        except torch.OutOfMemoryError:
            found[name].note = "out of memory"
            del runs[name]
        _free()
    in_turns(runs, found, rounds)
    return with_ratio(found, "products")


def measure_rows(rounds: int) -> dict[str, Figures]:
    """One pass over float32 logits, beside a copy that moves as many bytes."""
    vocabulary = 151_936
    size = chunk_rows(vocabulary)
    logits = torch.randn(size, vocabulary, device=DEVICE)
    half = logits[: size // 2]
    rows = Rows(torch.zeros(size, dtype=torch.long, device=DEVICE), torch.ones(1, device=DEVICE), None)
    statistics_, out = RowStatistics.empty(size, logits.dtype, logits.device), torch.empty_like(half)
    runs = {"copy": lambda: out.copy_(half), "row_statistics": lambda: write_statistics(logits, rows, statistics_)}
    found = {name: Figures() for name in runs}
    in_turns(runs, found, rounds)
    return with_ratio(found, "copy")


def measure_tokens(num_tokens: int, rounds: int) -> dict[str, Figures]:
    """Advantages and loss of packed tokens: ours, the reference run eagerly, and compiled."""
    length, size = 1024 if num_tokens > 1 << 16 else 64, 16
    num_sequences = num_tokens // length
    scores = torch.rand(num_sequences, device=DEVICE)
    offsets = torch.arange(0, num_sequences + 1, size, dtype=torch.int32, device=DEVICE)
    cu_seqlens = torch.arange(0, num_tokens + 1, length, dtype=torch.int32, device=DEVICE)
    logprob = -torch.rand(num_tokens, device=DEVICE)
    old, mask = logprob + 0.1 * torch.randn_like(logprob), torch.ones_like(logprob, dtype=torch.bool)

    def advantages(backend: Any) -> Tensor:
        made = group_advantages(
            scores, offsets, cu_seqlens=cu_seqlens, num_tokens=num_tokens, groups_of_one="zero", backend=backend
        ).token
        assert made is not None
        return made

    advantage = advantages("auto")

    def loss(backend: Any) -> None:
        leaf = logprob.detach().requires_grad_()
        given = (leaf, old, advantage, mask, cu_seqlens)
        policy_loss(*given, preset=PRESET, normalizer=1.0, backend=backend).loss.backward()  # type: ignore[no-untyped-call]

    runs: dict[str, Callable[[], Any]] = {}
    for name, run in (("advantages", advantages), ("policy_loss", loss)):
        if ON_GPU:
            runs[f"{name} ours"] = partial(run, "triton")
        runs[f"{name} reference"] = partial(run, "reference")
    found = {name: Figures() for name in runs}
    in_turns(runs, found, rounds)
    return found


def in_turns(runs: dict[str, Callable[[], Any]], found: dict[str, Figures], rounds: int) -> None:
    """Every contender once a round, so that a card that slows down slows all; slow ones make fewer rounds."""
    for run in runs.values():
        for _ in range(3 if ON_GPU else 1):
            run()
    times: dict[str, list[float]] = {name: [] for name in runs}
    started = time.monotonic()
    for done in range(rounds):
        for name, run in runs.items():
            times[name].append(timed(run))
        if done >= 4 and time.monotonic() - started > 20:
            break
    for name, taken in times.items():
        cuts = statistics.quantiles(taken, n=5, method="inclusive")
        found[name].ms, found[name].p20_ms, found[name].p80_ms = statistics.median(taken), cuts[0], cuts[3]


def timed(run: Callable[[], Any]) -> float:
    """Milliseconds on the device's own clock, where it has one."""
    if not ON_GPU:
        started = time.perf_counter()
        run()
        return 1e3 * (time.perf_counter() - started)
    before, after = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
    before.record()
    run()
    after.record()
    after.synchronize()
    return float(before.elapsed_time(after))


def peak_mb(run: Callable[[], Any]) -> float:
    """Most memory beyond what was there before; gradients included."""
    if not ON_GPU:
        run()
        return float("nan")
    _free()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    run()
    torch.cuda.synchronize()
    return (torch.cuda.max_memory_allocated() - before) / 1e6


def _free() -> None:
    if ON_GPU:
        torch.cuda.empty_cache()


def with_ratio(found: dict[str, Figures], floor: str) -> dict[str, Figures]:
    for figures in found.values():
        figures.to_floor = figures.ms / found[floor].ms
    return found


def machine() -> dict[str, Any]:
    """What the figures belong to."""
    card = torch.cuda.get_device_name() if ON_GPU else "none"
    return {
        "gpu": card,
        "processor": platform.processor() or platform.machine(),
        "versions": {name: _version(name) for name in PACKAGES},
        "sm_clock_mhz_and_watts_before": gpu_state(),
    }


def _version(package: str) -> str:
    try:
        return triton.__version__ if package == "triton" else version(package)
    except PackageNotFoundError:
        return "not installed"


def gpu_state() -> str:
    if not ON_GPU:
        return ""
    ask = ["nvidia-smi", "--query-gpu=clocks.sm,power.draw", "--format=csv,noheader"]
    return subprocess.run(ask, capture_output=True, text=True, check=False).stdout.strip()


# ---- telling


def targets(report: Report) -> list[dict[str, Any]]:
    """What was promised for an H200, and whether it was kept; nothing without a GPU."""
    made: list[dict[str, Any]] = []

    def promise(what: str, value: float, at_most: float) -> None:
        if value == value:  # no peer, no promise
            made.append({"what": what, "value": value, "at_most": at_most, "is_kept": bool(value <= at_most)})

    if not ON_GPU:
        return made
    for shape, limit in (("7b-64k", 1.12), ("0.6b-64k", 1.25)):
        if shape in report.head:
            promise(f"head {shape}, of its products", report.head[shape]["ours"].to_floor, limit)
    if "7b-8k" in report.head:
        row = report.head["7b-8k"]
        for peer, times in (("verl_triton", 2.3), ("liger_fused", 5.0), ("torch", 1.25), ("torch_compile", 1.1)):
            promise(f"head 7b-8k, of {peer}", row["ours"].ms / row[peer].ms, 1 / times)
    for shape, logprob in report.logprob.items():
        promise(f"log-prob {shape}, of its product", logprob["ours"].to_floor, 1.12)
        promise(f"log-prob without logits {shape}, of its product", logprob["ours_fused"].to_floor, 1.08)
    promise("row pass, of a copy", report.rows["row_statistics"].to_floor, 1 / 0.88)
    for shape in ("7b-64k", "0.6b-64k"):
        if shape in report.head:
            gradients_mb = (SHAPES[shape][0] * 2 + SHAPES[shape][2] * 6) * SHAPES[shape][1] / 1e6
            promise(
                f"head {shape}, MB over inputs and gradients", report.head[shape]["ours"].peak_mb - gradients_mb, 2500
            )
    promise("advantages of 1M tokens, ms", report.tokens["advantages ours"].ms, 0.008)
    return made


def write(report: Report, file: Path | None) -> None:
    if file is not None:
        file.write_text(json.dumps(_without_nan(asdict(report)), indent=1, allow_nan=False) + "\n")


def print_report(report: Report) -> None:
    print(f"GPU: {report.machine['gpu']}; " + ", ".join(f"{k} {v}" for k, v in report.machine["versions"].items()))
    print(f"{'':36}{'ms':>10}{'p20':>10}{'p80':>10}{'x floor':>9}{'peak MB':>9}{'err dX':>9}{'err dW':>9}")
    tables = [(f"head {shape}", rows) for shape, rows in report.head.items()]
    tables += [(f"log-prob {shape}", rows) for shape, rows in report.logprob.items()]
    for title, rows in [*tables, ("rows", report.rows), ("tokens", report.tokens)]:
        for name, row in rows.items():
            cells = f"{row.ms:10.3f}{row.p20_ms:10.3f}{row.p80_ms:10.3f}{row.to_floor:9.2f}{row.peak_mb:9.0f}"
            errors = f"{row.hidden_error:9.1e}{row.weight_error:9.1e}"
            print(f"{title + ' ' + name:36}" + (row.note or (cells + errors).replace("nan", "  -")))
    for target in report.targets:
        verdict = "kept" if target["is_kept"] else "NOT kept"
        print(f"{target['what']}: {target['value']:.3f}, at most {target['at_most']:.3f}: {verdict}")


def _without_nan(value: Any) -> Any:
    """JSON has no nan: what was not measured is left out."""
    if isinstance(value, dict):
        return {name: _without_nan(part) for name, part in value.items() if part == part}
    return [_without_nan(part) for part in value] if isinstance(value, list) else value


def say(line: str) -> None:
    print(f"kernels: {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
