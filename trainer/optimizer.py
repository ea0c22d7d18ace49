"""AdamW, and Muon for the hidden matrices where asked, under one schedule."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from trainer.config import OptimConfig


class Optimizer:
    """Learning rates rise linearly over the warm-up, then fall linearly to `final` of their peak at `steps`."""

    def __init__(self, model: nn.Module, config: OptimConfig, *, steps: int) -> None:
        self._config, self._steps = config, steps
        self.parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
        hidden: list[nn.Parameter] = []
        if config.muon_lr is not None:
            embeddings = {id(m.weight) for m in model.modules() if isinstance(m, nn.Embedding)}
            hidden = [p for p in self.parameters if p.ndim == 2 and id(p) not in embeddings]
        taken = {id(parameter) for parameter in hidden}
        rest = [parameter for parameter in self.parameters if id(parameter) not in taken]
        self._optimizers: list[torch.optim.Optimizer] = [
            torch.optim.AdamW(rest, lr=config.lr, betas=config.betas, weight_decay=config.weight_decay)
        ]
        if config.muon_lr is not None and hidden:
            muon = torch.optim.Muon(
                hidden, lr=config.muon_lr, weight_decay=config.weight_decay, adjust_lr_fn="match_rms_adamw"
            )
            self._optimizers.append(muon)
        self._peaks = [optimizer.param_groups[0]["lr"] for optimizer in self._optimizers]

    def step(self, step: int) -> float:
        """Clip the gradients, move the weights, forget the gradients; returns the norm before clipping.

        A norm that is not finite moves nothing: the caller decides what that means.
        """
        norm = float(nn.utils.clip_grad_norm_(self.parameters, self._config.max_grad_norm))
        if norm == norm and norm != float("inf"):
            factor = self.factor(step)
            for optimizer, peak in zip(self._optimizers, self._peaks, strict=True):
                for group in optimizer.param_groups:
                    group["lr"] = peak * factor
                optimizer.step()
        for optimizer in self._optimizers:
            optimizer.zero_grad(set_to_none=True)
        return norm

    def factor(self, step: int) -> float:
        """Share of the peak learning rate at a step, counted from 0."""
        warm = min(1.0, (step + 1) / max(1, self._config.warmup))
        return warm * (1.0 - (1.0 - self._config.final) * min(1.0, step / max(1, self._steps)))

    def lr(self, step: int) -> float:
        """AdamW's learning rate at a step."""
        return self._config.lr * self.factor(step)

    def state_dict(self) -> list[dict[str, Any]]:
        return [optimizer.state_dict() for optimizer in self._optimizers]

    def load_state_dict(self, states: list[dict[str, Any]]) -> None:
        for optimizer, state in zip(self._optimizers, states, strict=True):
            optimizer.load_state_dict(state)
