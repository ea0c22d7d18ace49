#!/usr/bin/env bash
# All that wants a GPU (written for one NVIDIA H200), in about 15 minutes: tests, then figures, then training runs.
#
#     make setup LOCK=gpu && benchmarks/speed/gpu.sh            everything but the tuning
#     benchmarks/speed/gpu.sh tests figures                     some of: tests figures train tune
#     PYTHON=python3 benchmarks/speed/gpu.sh --out FOLDER       another Python, another place for the results
#
# The other Python needs torch, triton, transformers, pytest and what `assay[train]` needs besides; without vLLM the
# policy samples by itself, and the table says so. SANDBOX=docker|bubblewrap|process is the box of the training runs.
# A part that fails or takes too long ends neither the others nor what they have found. Results go to
# benchmarks/results/gpu.json and kernels.json, with versions; what the parts said is in build/gpu/.
# Exit code: 0 all is well, 1 a part failed, 3 no GPU.
#
# No GPU has run this yet: none was at hand when it was written.
set -euo pipefail
cd "$(dirname "$0")/../.."
python=${PYTHON:-.venv/bin/python}

command -v nvidia-smi >/dev/null && nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader || {
    echo "gpu.sh: no NVIDIA GPU answers here" >&2
    exit 3
}
command -v "$python" >/dev/null || {
    echo "gpu.sh: there is no $python: make setup LOCK=gpu, or PYTHON=python3 $0" >&2
    exit 3
}
exec env -u TRITON_INTERPRET "$python" benchmarks/speed/gpu.py "$@"
