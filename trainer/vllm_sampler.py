"""The vLLM engine in this process as a sampler, for its CPU and its GPU build alike."""

from __future__ import annotations

import copy
import gc
import shutil
import threading
import time
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy
import torch
import vllm
from transformers import AutoConfig
from vllm import SamplingParams
from vllm.engine.arg_utils import EngineArgs
from vllm.lora.request import LoRARequest
from vllm.model_executor.layers.utils import dispatch_cpu_unquantized_gemm
from vllm.platforms import current_platform
from vllm.sampling_params import RequestOutputKind
from vllm.v1.engine.llm_engine import LLMEngine

from sandbox import IN_MEMORY, owned_folder
from trainer.adapter import stored_weights
from trainer.checksum import Checksum, checksum
from trainer.memory import cpu_cache
from trainer.policy import Policy
from trainer.sampler import Draw, SamplerClosed, completion
from trainer.settings import ConfigError
from trainer.text import Codec
from trainer.types import Completion
from trainer.world import World

MAX_BATCHED_TOKENS = 16384
"""In one forward pass of the engine, or one whole context; and so the most sequences, each with a token, at a time."""
LORA_RANKS = (8, 16, 32, 64, 128, 256, 320, 512)
"""Those that vLLM can be made ready for."""


class VllmSampler:
    """Continuous batching in this process; weights are replaced in place, without a restart, be it between two tokens
    of what another thread samples."""

    def __init__(
        self,
        folder: Path | str,
        codec: Codec,
        *,
        dtype: str,
        context: int,
        max_sequences: int,
        longest: int,
        gpu_memory: float,
        cpu_cache_gib: int,
        seed: int,
        sleep: bool = False,
        lora_rank: int | None = None,
    ) -> None:
        """Load the model in `folder` (or on the hub); completions carry version 0 until `load`.

        `longest`: tokens of the longest prompt and completion together, as far as is known.
        With a `lora_rank` that is the model without its adapter, and `load` brings the adapter alone.
        Raises `ConfigError` if it is to sleep, as `rest` tells, where there is no GPU.
        """
        if sleep and current_platform.is_cpu():
            raise ConfigError("sampling.sleep: needs a GPU: vLLM's CPU build does not sleep; leave it out")
        self._codec, self._version, self._requests, self._sleeps = codec, 0, 0, sleep
        self._lock = threading.Lock()
        """Of the engine: one thread may sample while another compares log-probs or brings new weights."""
        self._finished: dict[str, Any] = {}
        """By request: what one thread's step of the engine finished for another."""
        cache = None
        if current_platform.is_cpu():
            cache = cpu_cache(
                AutoConfig.from_pretrained(folder), dtype=dtype, context=context, sequences=max_sequences,
                longest=min(longest, context), gib=cpu_cache_gib,
            )  # fmt: skip
        self._adapter: LoRARequest | None = None
        """The newest."""
        self._adapters: list[LoRARequest] = []
        """Those that vLLM may still be told of."""
        self._adapter_of: dict[str, LoRARequest | None] = {}
        """By request that is not finished."""
        self._place = owned_folder(IN_MEMORY if IN_MEMORY.is_dir() else None) if lora_rank else None
        arguments = EngineArgs(
            model=str(folder),
            dtype=dtype,  # "auto" would turn float32 weights into bfloat16
            seed=seed,
            max_model_len=context,
            max_num_seqs=min(max_sequences, MAX_BATCHED_TOKENS),
            max_num_batched_tokens=max(MAX_BATCHED_TOKENS, context),
            # On the CPU a request with its own seed crashes when its prefill is cut in pieces.
            enable_chunked_prefill=not current_platform.is_cpu(),
            logprobs_mode="processed_logprobs",  # the distribution sampled from, temperature included
            enable_prefix_caching=False,  # a cache would outlive the weights it was made with
            enforce_eager=current_platform.is_cpu(),
            gpu_memory_utilization=gpu_memory,
            kv_cache_memory_bytes=cache,
            skip_tokenizer_init=True,
            use_tqdm_on_load=False,
            disable_log_stats=True,
            enable_sleep_mode=sleep,
            enable_lora=lora_rank is not None,
            max_loras=2,  # that in use, and a new one
            # Under torchrun each rank has an engine of its own, which this alone tells its GPU.
            distributed_executor_backend="external_launcher" if World.of_this_process().size > 1 else None,
            max_lora_rank=next(most for most in LORA_RANKS if most >= (lora_rank or 1)),
        )
        self._engine = LLMEngine.from_engine_args(arguments)
        self._engine.output_processor.tokenizer = codec.tokenizer  # finds the texts to stop at
        if current_platform.is_cpu():
            try:
                self._engine.apply_model(_refuse_padded_experts)
            except ConfigError:
                self.close()
                raise
        gc.freeze()  # collections while sampling would look through all that vLLM has loaded, again and again
        build = "cpu" if current_platform.is_cpu() else "gpu"
        self.description = f"vllm {vllm.__version__} ({build})"

    def sample(self, prompts: Sequence[Sequence[int]], draw: Draw) -> Iterator[tuple[int, Completion]]:
        with self._lock:
            started, version, adapter = time.monotonic(), self._version, self._adapter
        torch.manual_seed(draw.seed)
        numpy.random.seed(draw.seed % 2**32)  # from which the GPU build seeds each request that has no seed
        params = SamplingParams(
            temperature=draw.temperature,
            top_p=draw.top_p,
            max_tokens=draw.max_new_tokens,
            logprobs=0,
            flat_logprobs=True,
            stop_token_ids=list(self._codec.stop_ids),
            stop=list(draw.stop),
            detokenize=bool(draw.stop),
            output_kind=RequestOutputKind.FINAL_ONLY,
        )
        places = {}
        for place in range(len(prompts) * draw.count):
            # One request each: with n=8 vLLM holds all back until the last has finished.
            if draw.seeds:
                params = copy.copy(params)
                params.seed = draw.seeds[place]
            places[self._add(prompts[place // draw.count], params, adapter)] = place
        for output in self._outputs(places):
            made = output.outputs[0]
            logprobs = made.logprobs.logprobs  # one a token: of the token itself
            place = places[output.request_id]
            prompt, ids, seconds = prompts[place // draw.count], made.token_ids, time.monotonic() - started
            yield place, completion(self._codec, prompt, ids, logprobs, version, seconds, draw.stop)

    def logprobs(self, sequences: Sequence[Sequence[int]]) -> list[list[float]]:
        params = SamplingParams(temperature=1.0, max_tokens=1, prompt_logprobs=0, detokenize=False)
        names = [self._add(ids, params, self._adapter) for ids in sequences]
        found = {output.request_id: output.prompt_logprobs for output in self._outputs(names)}
        return [
            [entry[token].logprob for token, entry in zip(ids[1:], found[name][1:], strict=True)]
            for name, ids in zip(names, sequences, strict=True)
        ]

    def rest(self) -> None:
        """Sleep, if asked for: weights go to the host's memory, and keys and values away (unrun here: no GPU).

        This is vLLM's level 1. Level 2 drops the weights, too, which `load` would bring back; but not all that a model
        has besides: after it vLLM was seen to sample garbage (vllm#21336, vllm#54235).
        """
        if self._sleeps:
            self._engine.sleep(level=1)

    def load(self, policy: Policy) -> str:
        if self._sleeps and self._engine.is_sleeping():
            torch.cuda.empty_cache()  # of what the policy's update gave back, torch gives vLLM nothing by itself
            self._engine.wake_up()
        with self._lock:  # between two steps of the engine
            arrived = self._load_adapter(policy, self._place) if self._place else self._reload(policy)
            self._version = policy.version
        return arrived

    def close(self) -> None:
        with self._lock:  # between two steps of the engine
            engine, self._engine = self._engine, None
            if engine is not None:
                engine.engine_core.shutdown()
        if self._place is not None:
            shutil.rmtree(self._place, ignore_errors=True)

    def _reload(self, policy: Policy) -> str:
        arrived = Checksum()
        weights = arrived.passing(list(policy.weights()))
        self._engine.collective_rpc("reload_weights", kwargs={"weights_iterator": weights})
        if current_platform.is_cpu():
            self._engine.apply_model(_repack)
        return arrived.text

    def _load_adapter(self, policy: Policy, place: Path) -> str:
        """Under a number and in a folder of its own: what was begun with one before is finished with that, which vLLM
        may read again at any time."""
        assert policy.adapter is not None, "a sampler for adapters was given a policy without one"
        in_use = [adapter for adapter in self._adapters if adapter in self._adapter_of.values()]
        for adapter in self._adapters:
            if adapter not in in_use:
                self._engine.remove_lora(adapter.lora_int_id)
                shutil.rmtree(adapter.lora_path)
        number = self._adapter.lora_int_id + 1 if self._adapter else 1
        folder = place / str(number)
        policy.adapter.write(folder, policy.model.state_dict())
        self._adapter = LoRARequest(str(number), number, str(folder))
        self._adapters = [*in_use, self._adapter]
        self._engine.add_lora(self._adapter)
        return checksum(stored_weights(folder).items())

    def _add(self, prompt: Sequence[int], params: SamplingParams, adapter: LoRARequest | None) -> str:
        with self._lock:
            self._requests += 1
            name = str(self._requests)
            self._running.add_request(name, {"prompt_token_ids": list(prompt)}, params, lora_request=adapter)
            self._adapter_of[name] = adapter
        return name

    @property
    def _running(self) -> LLMEngine:
        """To be asked for under the lock. Raises `SamplerClosed`."""
        if self._engine is None:
            raise SamplerClosed("closed while it was sampling")
        return self._engine

    def _outputs(self, names: Collection[str]) -> Iterator[Any]:
        """Those of these requests, as they finish; a step of the engine may finish somebody else's too."""
        waiting = set(names)
        try:
            while waiting:
                with self._lock:
                    if not waiting & self._finished.keys():
                        self._finished |= {
                            output.request_id: output for output in self._running.step() if output.finished
                        }
                    mine = [self._finished.pop(name) for name in list(self._finished) if name in waiting]
                    for output in mine:
                        del self._adapter_of[output.request_id]
                waiting -= {output.request_id for output in mine}
                yield from mine
        finally:  # a consumer that stops early leaves no request behind
            with self._lock:
                if waiting and self._engine is not None:
                    self._engine.abort_request([name for name in waiting if name not in self._finished])
                    self._finished = {name: made for name, made in self._finished.items() if name not in waiting}
                    self._adapter_of = {name: made for name, made in self._adapter_of.items() if name not in waiting}


def _refuse_padded_experts(model: Any) -> None:
    """Raise `ConfigError` if vLLM has padded experts for its CPU kernels: its reload takes none of another shape."""
    for layer in model.modules():
        if hasattr(layer, "w13_weight") and (size := layer.moe_config.intermediate_size_per_partition) % 32:
            raise ConfigError(
                f"model: its experts have an intermediate size of {size}, and vLLM's CPU build takes new weights for "
                'multiples of 32 alone: take another model, or sampling.sampler="plain"'
            )


def _repack(model: Any) -> None:
    """vLLM 0.32 packs weights for its CPU kernels, and its reload is wrong of some: it leaves the packed copy of a tied
    head as it was, and experts not packed."""
    head = getattr(model, "lm_head", None)
    if head is not None and hasattr(head, "cpu_linear"):
        dispatch_cpu_unquantized_gemm(head, remove_weight=False)
    for layer in model.modules():
        if hasattr(layer, "w13_weight"):  # all experts of a layer
            layer.quant_method.moe_kernel.fused_experts.process_weights_after_loading(layer)
