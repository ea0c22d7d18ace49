"""Mixtures of experts: their weights reach vLLM under the names that it knows.

In a file of its own: vLLM makes what they need for the first model of a process only.
"""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import pytest
import tiny
import torch
from safetensors.torch import load_file
from test_sampler import OPTIONS, compare_weights, perturbed
from transformers import CONFIG_MAPPING, AutoModelForCausalLM

from trainer.canary import WeightMismatch
from trainer.policy import Policy
from trainer.settings import ConfigError
from trainer.vllm_sampler import VllmSampler

SMALL = {
    "vocab_size": 320, "hidden_size": 64, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2,
    "num_key_value_heads": 2, "head_dim": 32, "max_position_embeddings": 256, "num_experts_per_tok": 2,
    "initializer_range": 0.1, "tie_word_embeddings": False,
}  # fmt: skip


def moe(folder: Path, family: str, **settings: int) -> Policy:
    torch.manual_seed(0)
    AutoModelForCausalLM.from_config(CONFIG_MAPPING[family](**SMALL, **settings)).save_pretrained(folder)
    tiny.policy().tokenizer.save_pretrained(folder)
    return Policy.load(str(folder), dtype="float32")


@pytest.mark.parametrize(
    ("family", "settings"),
    [("qwen3_moe", {"num_experts": 4, "moe_intermediate_size": 32}), ("mixtral", {"num_local_experts": 4})],
)
def test_experts_reach_the_sampler(family: str, settings: dict[str, int], tmp_path: Path) -> None:
    """transformers has all experts of a layer in one piece, which neither checkpoints nor vLLM know of."""
    policy = moe(tmp_path, family, **settings)
    stored = load_file(tmp_path / "model.safetensors")
    given = dict(policy.weights())
    assert given.keys() == stored.keys()
    assert all(torch.equal(given[name], weight) for name, weight in stored.items())
    sampler = VllmSampler(tmp_path, policy.codec, **OPTIONS)
    try:
        for newer in (policy, perturbed(policy, 0.05), perturbed(policy, 0.1)):
            with pytest.raises(WeightMismatch) if newer is not policy else nullcontext():
                compare_weights(newer, sampler)
            sampler.load(newer)
            assert compare_weights(newer, sampler) < 1e-5
    finally:
        sampler.close()


def test_experts_that_vllm_pads_on_a_cpu_are_refused(tmp_path: Path) -> None:
    policy = moe(tmp_path, "qwen3_moe", num_experts=4, moe_intermediate_size=48)
    with pytest.raises(ConfigError, match="an intermediate size of 48"):
        VllmSampler(tmp_path, policy.codec, **OPTIONS)
