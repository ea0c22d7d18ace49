"""[model]: which model is trained, and what of it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from trainer.settings import Table


class FreshModel(Table):
    """A small model and tokenizer made from nothing, trained on the texts of the run's own supervised data."""

    vocabulary: int = Field(384, ge=300)
    """Entries of the byte-level tokenizer; the bytes and the special tokens take 262 of them."""
    hidden: int = Field(128, ge=32)
    layers: int = Field(2, ge=1)
    heads: int = Field(4, ge=1)
    """Attention heads; hidden / heads is the head size, of which vLLM on a CPU needs 32 or more."""
    key_value_heads: int = Field(2, ge=1)
    intermediate: int = Field(384, ge=32)
    context: int = Field(2048, ge=128)
    """Longest prompt and completion together, in tokens."""
    rope_theta: float = Field(500.0, gt=0)

    @model_validator(mode="after")
    def _heads_fit(self) -> FreshModel:
        if self.hidden % (2 * self.heads):
            raise ValueError(
                f"hidden {self.hidden} is not a multiple of 2 x heads = {2 * self.heads}: positions turn each head's "
                "numbers in pairs"
            )
        if self.heads % self.key_value_heads:
            raise ValueError(f"heads {self.heads} is not a multiple of key_value_heads {self.key_value_heads}")
        return self


class Lora(Table):
    """An adapter of low rank is trained beside linear layers, and the model itself stays as it is (arXiv 2106.09685).

    Learning rates are ten times those of a whole model, or more.
    """

    rank: int = Field(16, ge=1, le=512)
    alpha: float = Field(32.0, gt=0)
    """What an adapter adds is scaled by alpha / rank."""
    targets: tuple[str, ...] = ()
    """Names of the layers that get one, as q_proj. Default: all linear layers but the head."""


class ModelConfig(Table):
    """Which model is trained, and what of it."""

    path: str | None = None
    """A Hugging Face hub name or a local folder; either this or [model.fresh]."""
    fresh: FreshModel | None = None
    dtype: Literal["float32", "bfloat16"] = "float32"
    """Of the trained weights and of the sampler alike. The optimizer keeps float32 copies of weights in bfloat16, so
    that small steps are not rounded away."""
    gradient_checkpointing: bool = False
    """Keep of each layer only its input, and compute the rest again in the backward pass: a quarter more time for a
    fraction of the memory."""
    compile: bool = False
    """torch.compile for the layers, which takes a minute or two of the first step. For GPUs."""
    lora: Lora | None = None
    """If given ([model.lora]), an adapter is trained; the reference policy is then the model without it."""

    @model_validator(mode="after")
    def _one_source(self) -> ModelConfig:
        if (self.path is None) == (self.fresh is None):
            raise ValueError("give either path (a hub name or a folder) or [model.fresh], and not both")
        if self.lora and self.fresh:
            raise ValueError(
                "lora: a model from nothing knows nothing that an adapter could add to; leave out one of them"
            )
        return self
