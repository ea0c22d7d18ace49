"""The model that is trained, with its optimizer and its version."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from torch import Tensor
from transformers import AutoModelForCausalLM, PreTrainedModel, PreTrainedTokenizerBase
from transformers.core_model_loading import revert_weight_conversion

from trainer.adapter import Adapter
from trainer.attention import PACKED, STRICTLY_PACKED, Unpackable, narrow_windows
from trainer.batch import Batch, Row, pack
from trainer.config.learning import OptimConfig
from trainer.config.model import ModelConfig
from trainer.kernels import PolicyLoss, grpo_head, linear_logprob, segment_reduce
from trainer.kernels.loss import estimated
from trainer.layers import compile_layers, enable_recomputing, recomputing, trunk
from trainer.optimizer import Optimizer
from trainer.preset import PRESETS, Preset
from trainer.rotary import hold_long_factors
from trainer.settings import ConfigError
from trainer.text import Codec, context_of, missing_model, read_architecture, read_tokenizer, stop_ids
from trainer.world import World

HALVES = torch.bfloat16, torch.float16


@dataclass(frozen=True, slots=True)
class UpdateStats:
    """Of one optimizer step; means are over the tokens learned from."""

    loss: float
    grad_norm: float
    entropy: float
    kl: float
    """Of the old policy from the present one, k3."""
    kl_ref: float
    """From the reference policy, by the method's estimator; 0 without one."""
    clip_low: float
    clip_high: float
    lr: float


class Policy:
    """A Hugging Face causal language model under training."""

    def __init__(self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
        self.model, self.tokenizer = model.to(_device()), tokenizer
        self.model.eval()  # no dropout, also while learning: on policy the ratio is exactly 1
        self.codec = Codec(tokenizer, stop_ids(getattr(model.generation_config, "eos_token_id", None)))
        self.version = 0
        """Updates by reinforcement learning so far; stamped on every completion."""
        self.optimizer: Optimizer | None = None
        hold_long_factors(self.model)
        self._padded_attention = self.model.config._attn_implementation
        self.packs = _use_packed_attention(self.model)
        """Whether sequences go through the model one after another, without padding; not all models can."""
        self._recomputes = False
        self.adapter: Adapter | None = None
        """What is trained in place of the model itself, if that is asked for."""
        self._is_base = False
        _refuse_unknown_logits(self)

    @classmethod
    def load(cls, path: str, *, dtype: str) -> Policy:
        """From the Hugging Face hub or a local folder. Raises `ConfigError` when there is no such model."""
        read_architecture(path)
        tokenizer = read_tokenizer(path)
        try:
            model = AutoModelForCausalLM.from_pretrained(path, dtype=getattr(torch, dtype))
        except (OSError, ValueError, SafetensorError) as error:
            raise missing_model(path, error) from error
        return cls(model, tokenizer)

    def prepare(self, config: ModelConfig, *, seed: int) -> Policy:
        """Make the model ready to be learned with, as configured; once. Raises `ConfigError` if it cannot be."""
        if config.lora is not None:
            self.adapter = Adapter(self.model, config.lora, seed=seed)
        self._recomputes = config.gradient_checkpointing
        if self._recomputes:
            enable_recomputing(self.model)
        if config.compile:
            compile_layers(self.model)
        return self

    def base(self) -> Policy:
        """The same model without its adapter, for its log-probs alone: no copy."""
        assert self.adapter is not None, "a base of a model that has no adapter"
        other = copy.copy(self)
        other._is_base = True
        return other

    def save(self, folder: Path) -> None:
        """Write weights and tokenizer in the Hugging Face layout."""
        self.export(folder, self.model.state_dict())
        self.tokenizer.save_pretrained(folder)

    def export(self, folder: Path, state: Mapping[str, Tensor]) -> None:
        """Write the weights of a `state_dict` of the model in the Hugging Face layout.

        With an adapter that is merged into them, and besides in peft's own form in `folder`/adapter.
        """
        if self.adapter is not None:
            self.adapter.write(folder / "adapter", state)
            state = self.adapter.merged(state)
        self.model.save_pretrained(folder, state_dict=dict(state))

    @property
    def context(self) -> int:
        """Longest prompt and completion together, in tokens."""
        return context_of(self.model.config)

    def weights(self) -> Iterator[tuple[str, Tensor]]:
        """What a sampler must be given: names and weights as in the Hugging Face layout, tied ones once; or an
        adapter's."""
        weights = {name: parameter.detach() for name, parameter in self.model.named_parameters()}
        # In memory transformers has some weights under other names or in one piece: those of a layer's experts.
        stored = self.adapter.weights(weights) if self.adapter else revert_weight_conversion(self.model, weights)
        yield from stored.items()

    def begin(self, config: OptimConfig, *, steps: int) -> Optimizer:
        """Start a stage of learning with a fresh optimizer."""
        if self.optimizer is not None:
            self.optimizer.close()
        self.optimizer = Optimizer(self.model, config, steps=steps)
        return self.optimizer

    @contextmanager
    def padded(self) -> Iterator[PreTrainedModel]:
        """The model as transformers' own code expects it, which pads; not to be learned with meanwhile."""
        if self.packs:
            self.model.set_attn_implementation(self._padded_attention)
        try:
            with torch.compiler.set_stance("force_eager"):  # compiled layers are for learning, and for no cache
                yield self.model
        finally:
            if self.packs:
                self.model.set_attn_implementation(PACKED)

    def logprobs(self, rows: Sequence[Row], *, temperature: float, max_tokens: int) -> list[list[float]]:
        """Of the tokens of each row's completion, without a gradient, in micro-batches of `max_tokens`."""
        found: list[list[float]] = [[] for _ in rows]
        head = Head.of(self.model)
        with torch.no_grad(), self.adapter.off() if self.adapter and self._is_base else nullcontext():
            for batch in self._batches(rows, max_tokens):
                made = linear_logprob(
                    self._hidden(batch), head.weight, batch.targets, temperature=temperature / head.scale,
                    bias=head.bias, softcap=head.softcap,
                ).logprob.tolist()  # fmt: skip
                ends = batch.cu_seqlens.tolist()
                for index, start, end in zip(batch.rows, ends, ends[1:], strict=False):
                    found[index] = made[start:end]
        return found

    def update(
        self,
        rows: Sequence[Row],
        method: Preset,
        *,
        step: int,
        temperature: float,
        max_tokens: int,
        world: World = World(),  # noqa: B008 - frozen
    ) -> UpdateStats:
        """One optimizer step of reinforcement learning on `rows`, in micro-batches of `max_tokens`.

        The loss is the sum over tokens of their row's weight times `method`'s loss: `objective.weights_of` makes the
        weights. Rows that can have no gradient may be left out. Every rank comes with its own rows, perhaps none.
        """
        if self.optimizer is None:
            raise AssertionError("update before begin")
        self.optimizer.forget_gradients()  # what an update that ran out of memory left behind
        sums = torch.zeros(6, dtype=torch.float64, device=self.model.device)
        for batch in self._batches(rows, max_tokens):
            with recomputing(self.model, is_on=self._recomputes):
                found = self._loss(batch, method, temperature)
                found.loss.backward()  # type: ignore[no-untyped-call]
            sums += torch.stack([found.loss.detach().double(), *_seen(found, batch, method)])
        world.add_gradients(self.optimizer.parameters)
        learned = sum(row.count * len(row.completion) for row in rows)
        num_tokens, loss, *others = world.total([learned, *sums.tolist()])
        norm = self.optimizer.step(step)
        entropy, kl, kl_ref, low, high = (value / max(1.0, num_tokens) for value in others)
        return UpdateStats(loss, norm, entropy, kl, kl_ref, low, high, self.optimizer.lr(step))

    def imitate(
        self,
        rows: Sequence[Row],
        *,
        step: int,
        max_tokens: int,
        world: World = World(),  # noqa: B008 - frozen
    ) -> tuple[float, float]:
        """One optimizer step towards `rows`' completions; returns the mean negative log-prob a token and the norm.

        Every rank comes with the same rows, and learns from its share of them.
        """
        weight = 1 / sum(len(row.completion) for row in rows)
        # The policy gradient with a ratio held at 1 and an advantage of 1 is that of the log-likelihood.
        demonstrations = [Row(row.prompt, row.completion, weight=weight) for row in rows[world.share(len(rows))]]
        stats = self.update(
            demonstrations, PRESETS["rloo"], step=step, temperature=1.0, max_tokens=max_tokens, world=world
        )
        return stats.loss, stats.grad_norm

    def _batches(self, rows: Sequence[Row], max_tokens: int) -> list[Batch]:
        pad = None if self.packs else self.codec.pad_id
        return pack(rows, max_tokens=max_tokens, pad=pad, device=self.model.device)

    def _hidden(self, batch: Batch) -> Tensor:
        """[M, H]: the states that the M targets are predicted from."""
        packed = {} if batch.packing is None else {"position_ids": batch.positions, "packing": batch.packing}
        states: Tensor = trunk(self.model)(input_ids=batch.tokens, use_cache=False, **packed).last_hidden_state
        return states.flatten(0, 1).index_select(0, batch.places)

    def _loss(self, batch: Batch, method: Preset, temperature: float) -> PolicyLoss:
        head = Head.of(self.model)
        return grpo_head(
            self._hidden(batch), head.weight, batch.targets, batch.old_logprob, batch.advantage, batch.weight,
            preset=method, ref_logprob=batch.ref_logprob, importance=batch.importance, cu_seqlens=batch.cu_seqlens,
            temperature=temperature / head.scale, bias=head.bias, softcap=head.softcap,
        )  # fmt: skip


def _seen(found: PolicyLoss, batch: Batch, method: Preset) -> list[Tensor]:
    """Entropy, divergence (k3) of the old policy and of the reference, tokens clipped below and above: float64 sums.

    Over all the tokens that the batch's stand for, which the kernels do not know of.
    """
    assert found.logprob is not None and found.token_entropy is not None, "grpo_head tells them"
    log_ratio = found.logprob - batch.old_logprob
    kl_ref = torch.zeros_like(log_ratio)
    if batch.ref_logprob is not None:
        kl_ref = estimated(batch.ref_logprob - found.logprob, method.kl)
    by_ratio = log_ratio
    if method.ratio == "sequence":
        lengths = batch.cu_seqlens.diff().long()
        means = segment_reduce(log_ratio, batch.cu_seqlens).mean
        by_ratio = torch.repeat_interleave(means, lengths, output_size=len(log_ratio))
    low, high = by_ratio.exp() < 1 - method.clip_low, by_ratio.exp() > 1 + method.clip_high
    if method.surrogate == "clipped":
        low, high = low & (batch.advantage < 0), high & (batch.advantage > 0)
    count = batch.count.double()
    values = (found.token_entropy, estimated(log_ratio, "k3"), kl_ref, low, high)
    return [(value.double() * count).sum() for value in values]


@dataclass(frozen=True, slots=True)
class Head:
    """What makes logits of hidden states: softcap * tanh(scale * (hidden @ weight.T + bias) / softcap)."""

    weight: Tensor
    bias: Tensor | None
    softcap: float | None
    scale: float

    @classmethod
    def of(cls, model: PreTrainedModel) -> Head:
        """Of a model of transformers, by the names that its families have for these."""
        layer, config = model.get_output_embeddings(), model.config.get_text_config()
        softcap = getattr(config, "final_logit_softcapping", None)
        scale = getattr(config, "logit_scale", None) or 1 / (getattr(config, "logits_scaling", None) or 1.0)
        if softcap is not None and scale != 1:
            raise NotImplementedError(f"{config.model_type}: logits with both a soft cap and a scale")
        return cls(layer.weight, getattr(layer, "bias", None), softcap, float(scale))


def _use_packed_attention(model: PreTrainedModel) -> bool:
    """Switch the model to packed attention if it then says of two packed sequences what it says of each alone.

    Attention with biases and layers that carry a state along would not.
    """
    lengths, size = (5, 3), model.config.get_text_config().vocab_size
    rows = [Row([(7 * place + 1) % size], [(11 * place + 3 * n) % size for n in range(1, length)])
            for place, length in enumerate(lengths)]  # fmt: skip
    before = model.config._attn_implementation
    with torch.no_grad(), narrow_windows(model, 2):
        alone = torch.cat([
            trunk(model)(input_ids=torch.tensor([[*row.prompt, *row.completion]], device=model.device),
                             use_cache=False).last_hidden_state[0]
            for row in rows
        ]).float()  # fmt: skip
        model.set_attn_implementation(STRICTLY_PACKED)
        [batch] = pack(rows, max_tokens=sum(lengths), pad=None, device=model.device)
        try:
            packed = trunk(model)(
                input_ids=batch.tokens, use_cache=False, position_ids=batch.positions, packing=batch.packing
            ).last_hidden_state[0]
        except Unpackable:
            model.set_attn_implementation("eager")  # transformers' sdpa, too, leaves out soft caps, and says nothing
            return False
        except TypeError:  # its attention does not pass on what it is given
            packed = torch.full_like(alone, float("nan"))
    # Token by token: some have states a thousand times as large as others.
    error = (packed.float() - alone).norm(dim=-1) / alone.norm(dim=-1)
    is_equal = bool((error <= (5e-2 if model.dtype in HALVES else 1e-4)).all().item())
    model.set_attn_implementation(PACKED if is_equal else before)
    return is_equal


def _refuse_unknown_logits(policy: Policy) -> None:
    """Raise `ConfigError` if the model makes logits in another way than `Head.of` knows."""
    size = policy.model.config.get_text_config().vocab_size
    row = Row([1], [(7 * n) % size for n in range(1, 8)])
    [ours] = policy.logprobs([row], temperature=1.0, max_tokens=len(row))
    tokens = torch.tensor([[*row.prompt, *row.completion]], device=policy.model.device)
    with torch.no_grad(), policy.padded() as model:
        logprobs = model(input_ids=tokens, use_cache=False).logits[0, :-1].float().log_softmax(-1)
    theirs = logprobs.gather(1, tokens[0, 1:, None]).squeeze(1)
    gap = (theirs.cpu() - torch.tensor(ours)).abs().mean().item()
    if gap > (0.1 if policy.model.dtype in HALVES else 1e-3):
        raise ConfigError(
            f"model: {policy.model.config.model_type} makes its logits in a way of its own, which is not supported "
            f"(log-probs made of its hidden states differ by {gap:.2g} from its own): take a model of another family"
        )


def _device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
