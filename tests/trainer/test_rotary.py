"""Rotary embeddings that depend on length: a sequence has its log-probs whatever it lies beside, and vLLM's."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest
import tiny
import torch
from test_sampler import OPTIONS
from transformers import CONFIG_MAPPING, AutoModelForCausalLM

from trainer.batch import Row
from trainer.policy import Policy
from trainer.vllm_sampler import VllmSampler

SMALL = {
    "vocab_size": 320, "hidden_size": 64, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2,
    "num_key_value_heads": 1, "initializer_range": 0.3, "max_position_embeddings": 256, "pad_token_id": 0,
    "eos_token_id": 1, "tie_word_embeddings": False,
}  # fmt: skip
LONG = {"short_factor": [1.0] * 16, "long_factor": [2.0 + n / 2 for n in range(16)]}
ROWS = [Row([5], list(range(40, 48))), Row([6], list(range(50, 110)))]
"""Within the context of the first training, and beyond."""


def loaded(folder: Path, family: str, rope: dict[str, Any], **settings: int) -> Policy:
    torch.manual_seed(0)
    config = CONFIG_MAPPING[family](**SMALL, **settings, rope_parameters={"rope_theta": 1e4, **rope})
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    tiny.policy().tokenizer.save_pretrained(folder)
    return Policy.load(str(folder), dtype="float32")


@pytest.mark.parametrize("first", [16, 256], ids=["long", "short"])
def test_longrope_has_one_set_of_factors_for_all_lengths_as_in_vllm(first: int, tmp_path: Path) -> None:
    policy = loaded(tmp_path, "phi3", {"rope_type": "longrope", **LONG}, original_max_position_embeddings=first)
    assert policy.packs
    both = policy.logprobs(ROWS, temperature=1.0, max_tokens=1000)
    with contextlib.closing(VllmSampler(tmp_path, policy.codec, **OPTIONS)) as sampler:
        theirs = sampler.logprobs([[*row.prompt, *row.completion] for row in ROWS])
    for row, values, others in zip(ROWS, both, theirs, strict=True):
        [alone] = policy.logprobs([row], temperature=1.0, max_tokens=1000)
        assert values == pytest.approx(alone, abs=1e-6)
        assert values == pytest.approx(others, abs=1e-4)
        with torch.no_grad(), policy.padded() as model:  # the plain sampler's way
            logits = model(torch.tensor([[*row.prompt, *row.completion]])).logits[0, :-1]
        want = logits.log_softmax(-1).gather(1, torch.tensor(row.completion)[:, None]).squeeze(1)
        assert values == pytest.approx(want.tolist(), abs=1e-4)


def test_dynamic_scaling_changes_nothing_within_the_context(tmp_path: Path) -> None:
    policy = loaded(tmp_path, "qwen2", {"rope_type": "dynamic", "factor": 2.0})
    longest = Row([7], [30] * 255)
    alone = [policy.logprobs([row], temperature=1.0, max_tokens=1000)[0] for row in ROWS]
    beside = policy.logprobs([*ROWS, longest], temperature=1.0, max_tokens=1000)
    for values, want in zip(beside, alone, strict=False):
        assert values == pytest.approx(want, abs=1e-5)
