"""What must stand in this process before torch and vLLM are loaded."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from pathlib import Path


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
