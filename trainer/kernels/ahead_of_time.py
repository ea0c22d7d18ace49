"""Compiles every kernel of the configuration table for a GPU that need not be there, and reads what the compiler made.

    python -m trainer.kernels.ahead_of_time [--capability 90] [--json FILE]

Runs without a GPU, in a process without TRITON_INTERPRET. The Triton in use is the first on the path: the gate of the
tests puts the one of requirements/gpu.txt there. Exit code 1: a kernel spills, or asks for more shared memory than
there is.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, get_args

import triton
import triton.language as tl
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from trainer.kernels.advantage import advantage_kernel
from trainer.kernels.backend import INTERPRETED, configurations
from trainer.kernels.fused import fused_logprob_kernel
from trainer.kernels.head import row_loss_kernel
from trainer.kernels.loss import NUM_TOTALS, loss_kernel
from trainer.kernels.row import gradient_kernel, statistics_kernel
from trainer.kernels.segment import segment_kernel
from trainer.preset import PRESETS, AdvantageMode, Preset

SHARED_MEMORY_LIMIT = {90: 232_448, 100: 232_448, 80: 166_912, 89: 101_376}
"""Bytes a program may ask for, by compute capability."""

TYPES = {
    "offsets_ptr": "*i32", "cu_seqlens_ptr": "*i32", "keep_ptr": "*i8", "judged_ptr": "*i32", "mask_ptr": "*i8",
    "count_ptr": "*i32", "num_sequences": "i32", "partials_ptr": "*fp64", "totals_ptr": "*fp64", "ticket_ptr": "*i32",
    "targets_ptr": "*i64", "num_rows": "i32", "V": "i32", "H": "i32", "width": "i32",
    "stride": "i32", "gradient_stride": "i32", "scale_stride": "i32",
}  # fmt: skip
"""Of the arguments that are not float32 or pointers to it."""

DIVISIBLE = ("H", "width", "stride", "gradient_stride")
"""Sizes that are multiples of 16: a model's hidden size, and what `row.empty_rows` makes. Not so a vocabulary."""


@dataclass(frozen=True, slots=True)
class Case:
    """One kernel as some caller launches it."""

    kernel: str
    """Its row in the table."""
    function: Any
    variant: str
    constants: dict[str, Any]
    """Arguments known when compiling; None for an optional pointer that is left out."""
    types: dict[str, str]
    """Where an argument's type differs from `TYPES`."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """What the compiler made of a case with one row of the table."""

    name: str
    registers: int
    """Of each thread; 255 is the most there are."""
    stack_bytes: int
    """Of each thread; more than 0 means that registers were spilled."""
    spills: int
    """Loads and stores of spilled registers, in instructions."""
    shared_bytes: int
    wide_loads: int
    """Loads of 128 bits."""
    matrix_products: int
    """Tensor core instructions (HGMMA)."""
    long_offsets: int
    """Multiplications of 64-bit integers in the source: a row times its stride may pass 2**31."""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--capability", type=int, default=90, help="of the GPU: 90 is H100 and H200")
    parser.add_argument("--json", type=Path, metavar="FILE", help="the same figures for programs")
    options = parser.parse_args(arguments)
    if INTERPRETED:
        parser.error("TRITON_INTERPRET is set: nothing can be compiled in this process")
    compiled = []
    print(f"triton {triton.__version__}, sm_{options.capability}")
    print(f"{'kernel':60} {'regs':>5} {'stack':>6} {'spills':>7} {'shared':>7} {'ld.128':>7} {'hgmma':>6}")
    for case in cases():
        for row in configurations()[case.kernel]:
            one = compile_case(case, row, options.capability)
            compiled.append(one)
            figures = (one.registers, one.stack_bytes, one.spills, one.shared_bytes, one.wide_loads)
            print("{:60} {:5} {:6} {:7} {:7} {:7} {:6}".format(one.name, *figures, one.matrix_products), flush=True)
    if options.json:
        report = {
            "triton": triton.__version__,
            "capability": options.capability,
            "kernels": list(map(asdict, compiled)),
        }
        options.json.write_text(json.dumps(report, indent=1) + "\n")
    limit = SHARED_MEMORY_LIMIT[options.capability]
    bad = [one.name for one in compiled if one.stack_bytes or one.spills or one.shared_bytes > limit]
    for name in bad:
        print(f"does not fit: {name}", file=sys.stderr)
    return 1 if bad else 0


def cases() -> Iterator[Case]:
    """Every kernel in the variants that differ in what they keep in registers: the least and the most of each."""
    for mode in get_args(AdvantageMode):
        yield Case("group_advantages", advantage_kernel, mode, {"MODE": mode}, {})
    absent = {"cu_seqlens_ptr": None, "token_ptr": None}
    yield Case("group_advantages", advantage_kernel, "no tokens", {"MODE": "grpo", **absent}, {})
    yield Case("segment_sums", segment_kernel, "masked", {"WORK": tl.float32}, {})
    yield Case("segment_sums", segment_kernel, "bf16", {"WORK": tl.float32, "mask_ptr": None}, {"values_ptr": "*bf16"})
    absent = dict.fromkeys(("weight_ptr", "ref_ptr", "importance_ptr", "entropy_ptr", "entropy_grad_ptr"))
    for name, preset in PRESETS.items():
        yield Case("policy_loss", loss_kernel, f"{name} bare", _loss_constants(preset, has_dual=False) | absent, {})
        constants = _loss_constants(preset, has_dual=preset.surrogate == "clipped")
        yield Case("policy_loss", loss_kernel, f"{name} all", constants, {})
    for dtype in ("bf16", "fp16"):
        blocks = {"hidden_desc": "BLOCK_M,BLOCK", "weight_desc": "BLOCK_N,BLOCK"}
        types = {name: f"tensordesc<{dtype}[{block}]>" for name, block in blocks.items()}
        yield Case("fused_logprob", fused_logprob_kernel, dtype, {"UPCAST": False}, types)
    for has_cap in (False, True):
        constants = {"HAS_CAP": has_cap, "WORK": tl.float32}
        variant = "capped" if has_cap else "plain"
        yield Case("row_statistics", statistics_kernel, variant, constants, {})
        yield Case("row_gradient", gradient_kernel, f"{variant} entropy", constants, {"gradient_ptr": "*bf16"})
        bare = constants | {"entropy_grad_ptr": None}
        yield Case("row_gradient", gradient_kernel, f"{variant} float32", bare, {})
        yield Case("row_gradient", gradient_kernel, variant, bare, {"gradient_ptr": "*bf16"})
        for surrogate in ("clipped", "weighted"):
            loss = constants | {"SURROGATE": surrogate, "KL": "k3"}
            least = loss | {"HAS_DUAL": False, "HAS_ENTROPY": False, "ref_ptr": None, "importance_ptr": None}
            most = loss | {"HAS_DUAL": surrogate == "clipped", "HAS_ENTROPY": True}
            for extent, chosen in (("bare", least), ("all", most)):
                types = {"gradient_ptr": "*bf16"}
                yield Case("row_loss", row_loss_kernel, f"{variant} {surrogate} {extent}", chosen, types)
            yield Case("row_loss", row_loss_kernel, f"{variant} {surrogate} all float32", most, {})


def _loss_constants(preset: Preset, *, has_dual: bool) -> dict[str, Any]:
    return {
        "SURROGATE": preset.surrogate,
        "HAS_DUAL": has_dual,
        "SEQUENCE_RATIO": preset.ratio == "sequence",
        "SEQUENCE_AVERAGE": preset.average == "sequence",
        "KL": preset.kl,
        "WORK": tl.float32,
        "NUM_TOTALS": NUM_TOTALS,
    }


def compile_case(case: Case, row: dict[str, int], capability: int) -> Compiled:
    """As the just-in-time compiler would: pointers aligned to 16 bytes, sizes and strides divisible by 16."""
    names: list[str] = case.function.arg_names
    options = {name: row[name] for name in ("num_warps", "num_stages") if name in row}
    constants = {name: row[name] for name in names if name in row} | case.constants
    types = {name: _type(name, case.types, row) for name in names if name not in constants}
    aligned = [i for i, name in enumerate(names) if types.get(name, "").startswith("*") or name in DIVISIBLE]
    source = ASTSource(
        case.function,
        {name: types.get(name, "constexpr") for name in names},
        constexprs={(names.index(name),): value for name, value in constants.items()},
        attrs={(i,): [["tt.divisibility", 16]] for i in aligned},
    )
    made = triton.compile(source, target=GPUTarget("cuda", capability, 32), options=options)
    usage, code = _read_cubin(made.asm["cubin"])
    sizes = " ".join(f"{name}={value}" for name, value in row.items() if name.isupper() or name == "num_warps")
    return Compiled(
        name=f"{case.kernel} {case.variant} {sizes}",
        registers=int(_last(r"REG:(\d+)", usage)),
        stack_bytes=int(_last(r"STACK:(\d+)", usage)),
        spills=len(re.findall(r"\b(?:LDL|STL)\b", code)),
        shared_bytes=made.metadata.shared,
        wide_loads=len(re.findall(r"\bLDG[.A-Z0-9_]*\.128", code)),
        matrix_products=len(re.findall(r"\bHGMMA", code)),
        long_offsets=len(re.findall(r"arith\.muli .*: i64", made.asm["ttir"])),
    )


def _type(name: str, special: dict[str, str], row: dict[str, int]) -> str:
    """A descriptor's type names its block, which is the table's."""
    found = special.get(name) or TYPES.get(name) or ("*fp32" if name.endswith("_ptr") else "fp32")
    return re.sub(r"BLOCK\w*", lambda block: str(row[block.group()]), found)


def _read_cubin(cubin: bytes) -> tuple[str, str]:
    """Resource usage and machine code, as the tool that ships with Triton prints them."""
    cuobjdump = Path(triton.__file__).parent / "backends" / "nvidia" / "bin" / "cuobjdump"
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(cubin)
        file.flush()
        ask = [[str(cuobjdump), flag, file.name] for flag in ("--dump-resource-usage", "-sass")]
        usage, code = (subprocess.run(one, capture_output=True, text=True, check=True).stdout for one in ask)
    return usage, code


def _last(pattern: str, text: str) -> str:
    return str(re.findall(pattern, text)[-1])


if __name__ == "__main__":
    sys.exit(main())
