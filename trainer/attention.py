"""Causal attention over sequences that lie packed one after another, with nothing between them.

S sequences, T packed tokens, N heads, D head size.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention.varlen import varlen_attn
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, PreTrainedModel

PACKED = "packed"
"""The name under which transformers finds `packed_attention`; models make no mask for a name that is not theirs."""

STRICTLY_PACKED = "strictly_packed"
"""Of `strictly_packed_attention`, by which a model is tried out."""

MAX_PADDING = 0.125
"""Share of padding, inside attention alone, up to which sequences go through it together where there is no kernel."""


GROUPED: dict[str, Any] = {"enable_gqa": True} if "enable_gqa" in inspect.signature(varlen_attn).parameters else {}
"""For fewer heads of keys and values than of queries, which torch 2.11's kernel takes as they come."""


@dataclass(frozen=True, slots=True)
class Packing:
    """Where the sequences of a packed batch lie."""

    cu_seqlens: Tensor
    """[S + 1] int32: sequence s is tokens cu_seqlens[s] … cu_seqlens[s + 1]."""
    max_length: int
    spans: Sequence[Span]

    @classmethod
    def of(cls, lengths: Sequence[int], device: torch.device) -> Packing:
        """Sequences of these lengths, longest first."""
        starts = [0, *accumulate(lengths)]
        spans, first = [], 0
        while first < len(lengths):
            last, tokens = first + 1, lengths[first]
            while last < len(lengths):
                tokens += lengths[last]
                if lengths[first] * (last + 1 - first) * (1 - MAX_PADDING) > tokens:
                    break
                last += 1
            spans.append(Span.of(starts[first], lengths[first:last], device))
            first = last
        return cls(torch.tensor(starts, dtype=torch.int32, device=device), max(lengths), spans)


@dataclass(frozen=True, slots=True)
class Span:
    """Neighbouring sequences of like length, which attend side by side."""

    start: int
    stop: int
    """Their tokens."""
    count: int
    width: int
    """Of the longest."""
    padded: Tensor | None
    """[count * width]: for each place of the padded rows, whose token stands there. None: they are all as wide."""
    unpadded: Tensor | None
    """[stop - start]: for each token, its place in the padded rows."""

    @classmethod
    def of(cls, start: int, lengths: Sequence[int], device: torch.device) -> Span:
        count, width, tokens = len(lengths), max(lengths), sum(lengths)
        if tokens == count * width:
            return cls(start, start + tokens, count, width, None, None)
        size = torch.tensor(lengths)
        place = torch.arange(width)
        is_token = place < size[:, None]  # [count, width]
        first = size.cumsum(0) - size
        # What stands in the padding does not matter: it comes after all that look back.
        padded = (first[:, None] + torch.minimum(place, size[:, None] - 1)).flatten()
        unpadded = is_token.flatten().nonzero().squeeze(1)
        return cls(start, start + tokens, count, width, padded.to(device), unpadded.to(device))

    def rows(self, packed: Tensor) -> Tensor:
        """[T, N, D] -> [count, N, width, D]"""
        tokens = packed[self.start : self.stop]
        tokens = tokens if self.padded is None else tokens.index_select(0, self.padded)
        return tokens.view(self.count, self.width, *tokens.shape[1:]).transpose(1, 2)

    def tokens(self, rows: Tensor) -> Tensor:
        """[count, width, N, D] -> [stop - start, N, D]"""
        flat = rows.flatten(0, 1)
        return flat if self.unpadded is None else flat.index_select(0, self.unpadded)


def packed_attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    packing: Packing | None = None,
    scaling: float | None = None,
    sliding_window: int | None = None,
    **_: Any,
) -> tuple[Tensor, None]:
    """query [B, N, T, D], key and value [B, N or fewer, T, D] -> [B, T, N, D]; as transformers calls it.

    With a packing B is 1. Without, each row is one sequence with no padding, for transformers hands over no mask.
    Halves on a GPU go through torch's variable-length flash attention (unrun here: no GPU), all else through
    `scaled_dot_product_attention`, in which neighbours of like length are padded to one.
    """
    if packing is None:
        return _causal(query, key, value, scaling, sliding_window), None
    query, key, value = (part.squeeze(0).transpose(0, 1) for part in (query, key, value))  # [T, N, D]
    if query.is_cuda and query.dtype in (torch.bfloat16, torch.float16):
        seqlens = packing.cu_seqlens, packing.cu_seqlens, packing.max_length, packing.max_length
        window = (-1 if sliding_window is None else sliding_window - 1, 0)
        made = varlen_attn(query, key, value, *seqlens, scale=scaling, window_size=window, **GROUPED)
        assert isinstance(made, Tensor), "varlen_attn gave more than was asked for"
        return made.unsqueeze(0), None
    parts = []
    for span in packing.spans:
        rows = _causal(span.rows(query), span.rows(key), span.rows(value), scaling, sliding_window)
        parts.append(span.tokens(rows))
    return torch.cat(parts).unsqueeze(0), None


class Unpackable(NotImplementedError):
    """The model's attention has something that `packed_attention` would leave out."""


def strictly_packed_attention(
    module: nn.Module, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None, **given: Any
) -> tuple[Tensor, None]:
    """`packed_attention`, but raises `Unpackable` for what it takes no notice of, however little that may change."""
    left_out = [
        name for name in ("softcap", "s_aux", "position_bias", "indices", "block_indices")
        if given.get(name) is not None
    ]  # fmt: skip
    if attention_mask is not None or left_out:
        raise Unpackable(", ".join(left_out) or "attention_mask")
    return packed_attention(module, query, key, value, attention_mask, **given)


@contextmanager
def narrow_windows(model: PreTrainedModel, width: int) -> Iterator[None]:
    """Inside, layers that look back over a window or chunk do so over `width` tokens, as masks and modules have it.

    So a few tokens show whether a window is kept that is in the model's masks alone, which are not made for `PACKED`.
    """
    owners = {id(owner): owner for module in model.modules() for owner in (module, getattr(module, "config", None))}
    known = [
        (owner, name, value)
        for owner in owners.values()
        for name in ("sliding_window", "attention_chunk_size")
        if isinstance(value := getattr(owner, name, None), int)
    ]
    for owner, name, _ in known:
        setattr(owner, name, width)
    try:
        yield
    finally:
        for owner, name, value in known:
            setattr(owner, name, value)


def _causal(query: Tensor, key: Tensor, value: Tensor, scaling: float | None, window: int | None) -> Tensor:
    """query [B, N, T, D], key and value [B, N or fewer, T, D] -> [B, T, N, D]"""
    mask, length = None, query.shape[2]
    if window is not None and length > window:
        place = torch.arange(length, device=query.device)
        distance = place[:, None] - place
        mask = (distance >= 0) & (distance < window)
    made = scaled_dot_product_attention(
        query, key, value, attn_mask=mask, is_causal=mask is None, scale=scaling,
        enable_gqa=query.shape[1] != key.shape[1],
    )  # fmt: skip
    return made.transpose(1, 2)


AttentionInterface.register(PACKED, packed_attention)
AttentionInterface.register(STRICTLY_PACKED, strictly_packed_attention)
