"""How much memory an update and a sampler will take, worked out without loading a weight.

The update is carried out on fake tensors (`torch._subclasses.FakeTensorMode`), which have a shape, a type and a device
and no contents, while a ledger keeps account of every storage that is made and let go. So the forecast knows nothing of
any architecture: whatever transformers can build is counted as it is, down to the copies that autograd keeps.

What is not covered: what a kernel takes inside itself, and what a GPU's allocator loses between blocks.
"""

from __future__ import annotations

import functools
import resource
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode, unset_fake_temporarily
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode
from transformers import AutoModelForCausalLM, PretrainedConfig

from trainer.adapter import Adapter
from trainer.attention import PACKED, STRICTLY_PACKED, Packing, Unpackable
from trainer.config.learning import OptimConfig
from trainer.config.model import Lora, ModelConfig
from trainer.kernels.logprob import Head as kernels_head
from trainer.kernels.logprob import reference_logprob
from trainer.kernels.loss import Tokens, reference_sums
from trainer.kernels.product import chunk_rows
from trainer.layers import enable_recomputing, recomputing, trunk
from trainer.optimizer import Optimizer
from trainer.policy import Head
from trainer.preset import PRESETS

CUDA_BYTES = 2**29
"""A CUDA context and the libraries' workspaces, of each process."""

FAKE = torch.device("cpu")
"""Also for a GPU's forecast: fused attention keeps the same tensors on both, and a build of PyTorch without CUDA, on
the machine where somebody plans, has no fake GPU."""

HEAP_BLOCK_BYTES = 32 * 2**20
"""glibc's malloc takes blocks up to this from a heap that shrinks only at its end, larger ones from the system."""

HEAP_LOSS = 0.75
"""Of what is live in such blocks, measured on updates in float32 and bfloat16: 0.7 to 0.8. With
MALLOC_MMAP_THRESHOLD_=65536 in the environment it is 0, at the price of more page faults."""

VLLM_BYTES = 2**29
"""vLLM's own code and buffers in host memory: 0.3 to 0.5 GiB were measured."""


@dataclass(frozen=True, slots=True)
class Shape:
    """One micro-batch: `rows` of `width` tokens each, of which `targets` in all are learned from."""

    rows: int
    width: int
    targets: int


@dataclass(frozen=True, slots=True)
class UpdateMemory:
    """Bytes of one optimizer step at its fullest moment."""

    parameters: int
    """A number, not bytes."""
    weights: int
    gradients: int
    optimizer: int
    copy: int
    """Of weights and optimizer, from which checkpoints are written while the run goes on; kept between them. On a GPU's
    machine it is in the host's memory, and 0 here."""
    reference: int
    """The reference policy's weights."""
    activations: int
    """What the forward pass leaves for the backward pass, of one micro-batch."""
    head: int
    """Logits, loss and the backward pass's own, on top of the activations; or the optimizer's, if that is more."""
    allocator: int
    """On a CPU: what the heap loses between blocks."""

    @property
    def fixed(self) -> int:
        """What no micro-batch can change."""
        return self.weights + self.gradients + self.optimizer + self.copy + self.reference

    @property
    def total(self) -> int:
        return self.fixed + self.activations + self.head + self.allocator


@dataclass(frozen=True, slots=True)
class SamplerMemory:
    """Bytes that vLLM takes beside the policy; all 0 for the plain sampler, which is the policy itself."""

    weights: int
    working: int
    """One prefill of its largest batch, an upper bound: its kernels are fused."""
    cache: int
    """Keys and values."""
    cache_tokens: int
    """How many tokens' keys and values that is."""

    @property
    def total(self) -> int:
        return self.weights + self.working + self.cache


@dataclass(frozen=True, slots=True)
class Device:
    """Where a run takes place; bytes."""

    name: str
    kind: str
    """cuda or cpu."""
    capacity: int
    free: int


def find_device() -> Device:
    """The first GPU, which is the one that the policy goes to, or else this machine's memory."""
    if torch.cuda.is_available():
        free, capacity = torch.cuda.mem_get_info(0)
        return Device(f"cuda:0 ({torch.cuda.get_device_name(0)})", "cuda", capacity, free)
    lines = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
    capacity, free = (int(lines[name].split()[0]) * 1024 for name in ("MemTotal", "MemAvailable"))
    limit = min(_cgroup_limits(), default=capacity)
    return Device("cpu", "cpu", min(capacity, limit), min(free, limit))


def of_update(
    config: PretrainedConfig,
    settings: ModelConfig,
    optim: OptimConfig,
    shape: Shape,
    *,
    device: str,
    temperature: float = 1.0,
    has_reference: bool = False,
) -> UpdateMemory:
    """The second of two micro-batches of `shape`, when the gradients of the first are there, and the optimizer.

    A model that cannot be packed is counted with the attention that it has then, which keeps all scores; `shape` is
    what its rows are padded to.
    """
    with FakeTensorMode(), FAKE, _GroupedProduct():
        model = _build(config, settings.dtype)
        if not _can_be_packed(model):
            model.set_attn_implementation("eager")
        if settings.lora is not None:
            _attach(model, settings.lora)
        if settings.gradient_checkpointing:
            enable_recomputing(model)
        with unset_fake_temporarily():  # bitsandbytes makes tables with contents
            optimizer = Optimizer(model, optim, steps=1)
        weights = sum(map(_bytes, [*model.parameters(), *model.buffers()]))
        learn = functools.partial(_learn, model, settings.gradient_checkpointing, shape, temperature, device)
        learn(lambda: None)
        gradients = sum(_bytes(weight.grad) for weight in optimizer.parameters if weight.grad is not None)
        with Ledger() as ledger:
            learn(ledger.mark)
        # On a GPU a step is one kernel that takes nothing; on a CPU the square roots of one weight's second moments.
        step = 0 if device == "cuda" else 2 * max(_bytes(weight) for weight in optimizer.parameters)
        states = optimizer.num_bytes
    activations, peak = ledger.marked, max(ledger.peak, step)
    number = sum(weight.numel() for weight in model.parameters())
    copy = 0 if device == "cuda" else weights + states
    reference = weights if has_reference else 0
    lost = int(HEAP_LOSS * ledger.small_at_peak) if device == "cpu" else 0
    return UpdateMemory(number, weights, gradients, states, copy, reference, activations, peak - activations, lost)


def of_vllm(
    config: PretrainedConfig,
    *,
    dtype: str,
    device: Device,
    context: int,
    sequences: int,
    longest: int,
    share: float,
    cache_gib: int,
) -> SamplerMemory:
    """On a GPU vLLM takes `share` of the device, and what the rest leaves of it becomes cache; on a CPU `cpu_cache`."""
    tokens = max(16384, context)  # as trainer/vllm_sampler.py has it
    with FakeTensorMode(), FAKE, _GroupedProduct(), torch.no_grad():
        model = _build(config, dtype)
        weights = sum(_bytes(weight) for weight in model.parameters())
        with Ledger() as ledger:
            _states(model, -(-tokens // context), min(tokens, context))
    logits = 3 * 4 * min(sequences, tokens) * int(config.get_text_config().vocab_size)
    working = max(ledger.peak, logits)
    if device.kind == "cpu":
        working += VLLM_BYTES
        cache = cpu_cache(config, dtype=dtype, context=context, sequences=sequences, longest=longest, gib=cache_gib)
    else:
        cache = max(0, int(share * device.capacity) - weights - working)
    return SamplerMemory(weights, working, cache, cache // cache_bytes_per_token(config, dtype))


def cpu_cache(config: PretrainedConfig, *, dtype: str, context: int, sequences: int, longest: int, gib: int) -> int:
    """Bytes of keys and values that vLLM takes on a CPU: for all sequences at their longest, but at most `gib`.

    And for one that fills the context, without which vLLM does not start.
    """
    per_block = CPU_BLOCK_TOKENS * cache_bytes_per_token(config, dtype)
    needed = sequences * -(-longest // CPU_BLOCK_TOKENS) * per_block
    return min(max(needed, (-(-context // CPU_BLOCK_TOKENS) + 1) * per_block), gib * 2**30)


CPU_BLOCK_TOKENS = 128
"""vLLM's blocks of keys and values on a CPU."""


def cache_bytes_per_token(config: PretrainedConfig, dtype: str) -> int:
    """Keys and values of one token in all layers."""
    text = config.get_text_config()
    heads = getattr(text, "num_key_value_heads", None) or text.num_attention_heads
    size = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
    return int(2 * text.num_hidden_layers * heads * size * _dtype(dtype).itemsize)


def of_this_process() -> int:
    """Bytes that Python and its libraries have taken at most so far; a run starts with about as much."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _build(config: PretrainedConfig, dtype: str) -> Any:
    return AutoModelForCausalLM.from_config(config, attn_implementation=PACKED, dtype=_dtype(dtype)).eval()


def _attach(model: Any, lora: Lora) -> None:
    """An adapter of fake tensors; peft moves those it makes to their layer's device, and fake ones do not move."""
    with unset_fake_temporarily(), torch.device("meta"):
        Adapter(model, lora, seed=0)
    for part in model.modules():
        if isinstance(part, nn.Linear) and part.weight.is_meta and not isinstance(part.weight, FakeTensor):
            part.weight = nn.Parameter(torch.empty(part.weight.shape, dtype=model.dtype))


def _learn(
    model: Any, recomputes: bool, shape: Shape, temperature: float, device: str, after_forward: Callable[[], None]
) -> None:
    """The forward and backward pass of `Policy.update`, with as many targets as `shape` says, wherever they are."""
    with recomputing(model, is_on=recomputes):
        hidden = _states(model, shape.rows, shape.width).index_select(0, torch.zeros(shape.targets, dtype=torch.long))
        after_forward()
        head = Head.of(model)
        if device == "cuda":
            _fused_head(hidden, head.weight)
        else:
            _reference_head(hidden, head, temperature)


def _can_be_packed(model: Any) -> bool:
    """By what its attention asks for. What a model has in masks alone, `Policy` finds out from the values that it
    computes, which nothing has here: such a model is counted as if it were packed."""
    model.set_attn_implementation(STRICTLY_PACKED)
    try:
        with torch.no_grad():
            _states(model, 2, 3)
    except Unpackable:
        return False
    model.set_attn_implementation(PACKED)
    return True


def _states(model: Any, rows: int, width: int) -> Tensor:
    """[rows * width, H]"""
    if model.config._attn_implementation == "eager":
        tokens = torch.zeros(rows, width, dtype=torch.long)
        padded: Tensor = trunk(model)(input_ids=tokens, use_cache=False).last_hidden_state
        return padded.flatten(0, 1)
    packing, positions = Packing.of([width] * rows, FAKE), torch.arange(width).repeat(rows).unsqueeze(0)
    states: Tensor = trunk(model)(
        input_ids=torch.zeros_like(positions), position_ids=positions, packing=packing, use_cache=False
    ).last_hidden_state[0]
    return states


class _GroupedProduct(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """The product of all experts, which fake tensors have in bfloat16 alone, though torch has it in float32, too."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is not torch.ops.aten._grouped_mm.default:
            return func(*args, **(kwargs or {}))
        one, other, ends = args[:3]
        groups = [len(ends)] if one.ndim == other.ndim == 2 else []
        return one.new_empty(*groups, one.shape[-2], other.shape[-1])


def _reference_head(hidden: Tensor, head: Head, temperature: float) -> None:
    """What `grpo_head` does on a CPU: logits in full, as far as they are one chunk."""
    targets, values = torch.zeros(len(hidden), dtype=torch.long), torch.zeros(len(hidden))
    layer = kernels_head.of(head.weight, None, head.bias, head.softcap, temperature)
    logprob, entropy, _ = reference_logprob(hidden, layer, targets, entropy_gradient=False)
    starts = torch.zeros(2, dtype=torch.int32)
    tokens = Tokens(logprob, values, values, torch.ones_like(targets).bool(), starts, entropy=entropy, weight=values)
    total, _ = reference_sums(tokens, PRESETS["dapo"])
    total.backward()  # type: ignore[no-untyped-call]


def _fused_head(hidden: Tensor, weight: Tensor) -> None:
    """What `grpo_head` does on a GPU: a chunk of logits and their gradient at a time, gradients made on the way."""
    rows = min(len(hidden), chunk_rows(len(weight)))
    exact = torch.empty(rows, len(weight), dtype=torch.float32)
    rounded = exact if hidden.dtype == torch.float32 else torch.empty(rows, len(weight), dtype=hidden.dtype)
    by_hidden = torch.empty_like(hidden)
    if not weight.requires_grad:  # beside an adapter
        torch.autograd.backward([hidden], [by_hidden])
        return
    by_weight = torch.empty_like(weight, dtype=torch.float32)
    del exact, rounded
    given = by_weight.to(weight.dtype)
    del by_weight
    torch.autograd.backward([hidden, weight], [by_hidden, given])


class Ledger(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the bytes of all storages that are made inside it, for as long as they live."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.live = self.peak = self.marked = 0
        self.small = self.small_at_peak = 0
        """Of them, those in blocks that come from a heap."""
        self._known: weakref.WeakKeyDictionary[torch.UntypedStorage, int] = weakref.WeakKeyDictionary()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        given = {tensor.untyped_storage() for tensor in _tensors((args, kwargs))}
        for storage in {tensor.untyped_storage() for tensor in _tensors(made)} - given:
            self._take_in(storage)
        return made

    def mark(self) -> None:
        """Remember what is live now."""
        self.marked = self.live

    def _take_in(self, storage: torch.UntypedStorage) -> None:
        if storage not in self._known:
            size = self._known[storage] = storage.nbytes()
            self._count(size, 1)
            if self.live > self.peak:
                self.peak, self.small_at_peak = self.live, self.small
            weakref.finalize(storage, self._count, size, -1)

    def _count(self, size: int, sign: int) -> None:
        self.live += sign * size
        self.small += sign * size * (size <= HEAP_BLOCK_BYTES)


def _tensors(values: Any) -> list[Tensor]:
    return [value for value in pytree.tree_leaves(values) if isinstance(value, Tensor)]


def _bytes(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()


def _dtype(name: str) -> torch.dtype:
    found: torch.dtype = getattr(torch, name)
    return found


def _cgroup_limits() -> list[int]:
    """What this process's container allows, under either version of cgroups; empty where there is no limit."""
    files = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
    found = [Path(file).read_text().strip() for file in files if Path(file).exists()]
    return [int(text) for text in found if text.isdigit()]
