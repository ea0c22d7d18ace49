"""Collected only where there is a GPU (and vLLM, for the sampler's): `benchmarks/speed/gpu.sh` runs these files."""

from __future__ import annotations

import importlib.util

import torch

HAS_VLLM = importlib.util.find_spec("vllm") is not None
collect_ignore_glob = [] if torch.cuda.is_available() else ["test_*.py"]
collect_ignore = [] if HAS_VLLM else ["test_gpu_sampler.py"]
