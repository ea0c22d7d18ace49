"""The model that is trained, with its optimizer and its version."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from trainer.batch import Row, pack
from trainer.config import Objective, OptimConfig
from trainer.objective import clipped_loss, token_logprobs
from trainer.optimizer import Optimizer
from trainer.text import Codec, missing_model, stop_ids
from trainer.types import Batch


@dataclass(frozen=True, slots=True)
class UpdateStats:
    """Of one optimizer step; means are over the tokens learned from."""

    loss: float
    grad_norm: float
    entropy: float
    kl: float
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

    @classmethod
    def load(cls, path: str, *, dtype: str) -> Policy:
        """From the Hugging Face hub or a local folder. Raises `ConfigError` when there is no such model."""
        try:
            tokenizer = AutoTokenizer.from_pretrained(path)
            model = AutoModelForCausalLM.from_pretrained(path, dtype=getattr(torch, dtype), attn_implementation="sdpa")
        except (OSError, ValueError) as error:
            raise missing_model(path, error) from error
        return cls(model, tokenizer)

    def save(self, folder: Path) -> None:
        """Write weights and tokenizer in the Hugging Face layout."""
        self.model.save_pretrained(folder)
        self.tokenizer.save_pretrained(folder)

    @property
    def context(self) -> int:
        """Longest prompt and completion together, in tokens."""
        return int(self.model.config.max_position_embeddings)

    def weights(self) -> Iterator[tuple[str, Tensor]]:
        """Names and weights as in the Hugging Face layout, tied ones once."""
        for name, parameter in self.model.named_parameters():
            yield name, parameter.detach()

    def begin(self, config: OptimConfig, *, steps: int) -> Optimizer:
        """Start a stage of learning with a fresh optimizer."""
        self.optimizer = Optimizer(self.model, config, steps=steps)
        return self.optimizer

    def logprobs(self, sequences: Sequence[Sequence[int]]) -> list[list[float]]:
        """Log-probs at temperature 1 of all tokens of each sequence but its first."""
        results = []
        with torch.no_grad():
            for ids in sequences:
                batch = pack([Row(ids[:1], ids[1:])], max_tokens=1, pad=0, device=self.model.device)[0]
                logprob, _ = self._forward(batch, temperature=1.0)
                results.append(logprob.tolist())
        return results

    def update(
        self,
        rows: Sequence[Row],
        objective: Objective,
        *,
        step: int,
        temperature: float,
        max_tokens: int,
        num_tokens: int | None = None,
    ) -> UpdateStats:
        """One optimizer step of reinforcement learning on `rows` (at least one), in micro-batches of `max_tokens`.

        The loss is the mean over `num_tokens`: rows of advantage 0 may be left out of `rows` without changing anything,
        as long as they are counted there. Default: the tokens of `rows`.
        """
        if self.optimizer is None:
            raise AssertionError("update before begin")
        num_tokens = num_tokens or sum(len(row.completion) for row in rows)
        sums = torch.zeros(5, dtype=torch.float64)
        for batch in pack(rows, max_tokens=max_tokens, pad=self.codec.pad_id, device=self.model.device):
            logprob, entropy = self._forward(batch, temperature=temperature)
            part = clipped_loss(
                logprob,
                batch.old_logprob,
                batch.advantage,
                clip_low=objective.clip_low,
                clip_high=objective.clip_high,
            )
            (part.loss / num_tokens).backward()  # type: ignore[no-untyped-call]
            seen = torch.stack([part.loss.detach(), entropy.sum(), part.kl, part.clipped_low, part.clipped_high])
            sums += seen.double().cpu()
        norm = self.optimizer.step(step)
        learned = sum(len(row.completion) for row in rows)
        loss, entropy_, kl, low, high = (sums / learned).tolist()
        return UpdateStats(loss * learned / num_tokens, norm, entropy_, kl, low, high, self.optimizer.lr(step))

    def imitate(self, rows: Sequence[Row], *, step: int, max_tokens: int) -> tuple[float, float]:
        """One optimizer step towards `rows`' completions; returns the mean negative log-prob a token and the norm."""
        if self.optimizer is None:
            raise AssertionError("imitate before begin")
        num_tokens, total = sum(len(row.completion) for row in rows), 0.0
        for batch in pack(rows, max_tokens=max_tokens, pad=self.codec.pad_id, device=self.model.device):
            logprob, _ = self._forward(batch, temperature=1.0)
            loss = -logprob.sum() / num_tokens
            loss.backward()  # type: ignore[no-untyped-call]
            total += float(loss.detach())
        return total, self.optimizer.step(step)

    def _forward(self, batch: Batch, *, temperature: float) -> tuple[Tensor, Tensor]:
        """Log-prob and entropy of the M tokens to learn from; only their logits are ever made."""
        hidden = self.model.base_model(input_ids=batch.tokens, use_cache=False).last_hidden_state  # [B, T, H]
        targets = batch.tokens[:, 1:][batch.is_target[:, :-1]]
        head: nn.Module = self.model.get_output_embeddings()
        return token_logprobs(head(hidden[batch.is_target]), targets, temperature=temperature)


def _device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
