"""AdamW, and Muon for the hidden matrices where asked, under one schedule, on float32 copies of halved weights."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from bitsandbytes.optim import AdamW8bit
from torch import Tensor, nn
from transformers import PreTrainedModel

from trainer.config.learning import OptimConfig
from trainer.out_of_memory import OutOfMemory, is_out_of_memory

EIGHT_BIT_FROM = 4096
"""Elements from which bitsandbytes keeps a weight's moments in 8 bits."""


class Optimizer:
    """Learning rates rise linearly over the warm-up, then fall linearly to `final` of their peak at `steps`.

    A weight in bfloat16 moves by 1/256 of itself or not at all, which loses nearly every step of reinforcement
    learning. So steps are taken on a float32 copy of it, rounded into the model after each; and the gradients of
    micro-batches are taken away from it as they come, to be added up in float32.
    """

    def __init__(self, model: PreTrainedModel, config: OptimConfig, *, steps: int) -> None:
        self._config, self._steps = config, steps
        weights = [weight for weight in model.parameters() if weight.requires_grad]
        self._masters = {weight: _master(weight) for weight in weights if weight.dtype != torch.float32}
        self.parameters = [self._masters.get(weight, weight) for weight in weights]
        """What has the gradients and takes the steps, all float32: the model's own weights, or copies of them."""
        self._hooks = [
            weight.register_post_accumulate_grad_hook(_adding_to(master)) for weight, master in self._masters.items()
        ]
        hidden = _hidden_matrices(model) if config.muon_lr is not None else set()
        parts: dict[bool, list[nn.Parameter]] = {True: [], False: []}
        for weight, parameter in zip(weights, self.parameters, strict=True):
            parts[weight in hidden].append(parameter)
        self._optimizers: list[torch.optim.Optimizer] = [_adamw(parts[False], config)]
        if config.muon_lr is not None and parts[True]:
            muon = torch.optim.Muon(
                parts[True], lr=config.muon_lr, weight_decay=config.weight_decay, adjust_lr_fn="match_rms_adamw"
            )
            self._optimizers.append(muon)
        self._peaks = [optimizer.param_groups[0]["lr"] for optimizer in self._optimizers]

    def step(self, step: int) -> float:
        """Clip the gradients, move the weights, forget the gradients; returns the norm before clipping.

        A norm that is not finite moves nothing: the caller decides what that means. Raises `OutOfMemory` if memory runs
        out while weights are moved: the policy is then of no more use.
        """
        norm = float(nn.utils.clip_grad_norm_(self.parameters, self._config.max_grad_norm))
        if math.isfinite(norm):
            try:
                self._move(self.factor(step))
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                raise OutOfMemory(  # not what smaller micro-batches are tried for: some weights have moved already
                    "out of memory in the optimizer's step: take a smaller model or an optimizer that keeps less; the "
                    "same command goes on from the last checkpoint"
                ) from error
        self.forget_gradients()
        return norm

    def forget_gradients(self) -> None:
        """Of the micro-batches so far."""
        for parameter in (*self.parameters, *self._masters):
            parameter.grad = None

    def close(self) -> None:
        """Leave the model's gradients alone from here on; twice is harmless."""
        for hook in self._hooks:
            hook.remove()

    def factor(self, step: int) -> float:
        """Share of the peak learning rate at a step, counted from 0."""
        warm = min(1.0, (step + 1) / max(1, self._config.warmup))
        return warm * (1.0 - (1.0 - self._config.final) * min(1.0, step / max(1, self._steps)))

    def lr(self, step: int) -> float:
        """AdamW's learning rate at a step."""
        return self._config.lr * self.factor(step)

    @property
    def num_bytes(self) -> int:
        """What it keeps from its first step on, beside the model: moments, and copies of weights."""
        adamw: list[int]
        adamw, *muon = ([weight.numel() for weight in one.param_groups[0]["params"]] for one in self._optimizers)
        is_small = self._config.state == "8bit"
        moments = sum(2 * (_eight_bit_bytes(number) if is_small else 4 * number) for number in adamw)
        masters = sum(master.numel() for master in self._masters.values())
        return moments + 4 * sum(map(sum, muon)) + 4 * masters

    def state_dict(self) -> dict[str, Any]:
        """All that decides its next steps beside the model's weights."""
        return {
            "optimizers": [optimizer.state_dict() for optimizer in self._optimizers],
            "masters": [master.detach() for master in self._masters.values()],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state`; the model must have the weights that it had then."""
        for optimizer, inner in zip(self._optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(inner)
        with torch.no_grad():
            for master, value in zip(self._masters.values(), state["masters"], strict=True):
                master.copy_(value)

    def _move(self, factor: float) -> None:
        for optimizer, peak in zip(self._optimizers, self._peaks, strict=True):
            for group in optimizer.param_groups:
                group["lr"] = peak * factor
            optimizer.step()
        self._round()

    def _round(self) -> None:
        with torch.no_grad():
            for weight, master in self._masters.items():
                weight.copy_(master)


def _hidden_matrices(model: PreTrainedModel) -> set[nn.Parameter]:
    """The weights that Muon is for: the matrices between embedding and head."""
    embeddings = {module.weight for module in model.modules() if isinstance(module, nn.Embedding)}
    matrices = {weight for weight in model.parameters() if weight.ndim == 2}
    return matrices - embeddings - {model.get_output_embeddings().weight}


def _eight_bit_bytes(number: int) -> int:
    """Of one moment of a weight of `number` elements: a byte each, and a float32 for each block."""
    return 4 * number if number < EIGHT_BIT_FROM else number + 4 * -(-number // 256)


def _adamw(parameters: list[nn.Parameter], config: OptimConfig) -> torch.optim.Optimizer:
    if config.state == "8bit":
        eight: torch.optim.Optimizer = AdamW8bit(
            parameters, lr=config.lr, betas=config.betas, weight_decay=config.weight_decay
        )
        return eight
    return torch.optim.AdamW(
        parameters, lr=config.lr, betas=config.betas, weight_decay=config.weight_decay,
        fused=all(parameter.is_cuda for parameter in parameters) or None,  # one kernel (unrun here: no GPU)
    )  # fmt: skip


def _master(weight: nn.Parameter) -> nn.Parameter:
    return nn.Parameter(weight.detach().float())


def _adding_to(master: nn.Parameter) -> Callable[[Tensor], None]:
    def take(weight: Tensor) -> None:
        gradient, weight.grad = weight.grad, None
        assert gradient is not None, "a hook that runs after a gradient was made found none"
        if master.grad is None:
            master.grad = gradient.float()
        else:
            master.grad.add_(gradient)

    return take
