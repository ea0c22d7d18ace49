"""vLLM on a GPU beside the policy: in halves, asleep and awake, and while the policy learns."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import tiny
import torch

from trainer.batch import Row
from trainer.config.learning import OptimConfig
from trainer.policy import Policy
from trainer.preset import PRESETS
from trainer.sampler import Draw
from trainer.vllm_sampler import VllmSampler

MODEL = tiny.MODEL.model_copy(update={"hidden": 128, "heads": 4, "key_value_heads": 2, "layers": 2})
PROMPTS = [[5, 6, 7], [8, 9, 10, 11, 12], [30]] * 8
OPTIONS: dict[str, Any] = {
    "dtype": "bfloat16", "context": 256, "max_sequences": 64, "longest": 256,
    "gpu_memory": 0.3, "cpu_cache_gib": 1, "seed": 0, "sleep": True,
}  # fmt: skip


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Policy:
    folder = tmp_path_factory.mktemp("model")
    tiny.policy(model=MODEL).save(folder)
    return Policy.load(str(folder), dtype="bfloat16")


@pytest.fixture(scope="module")
def sampler(policy: Policy, tmp_path_factory: pytest.TempPathFactory) -> Iterator[VllmSampler]:
    folder = tmp_path_factory.mktemp("sampled")
    policy.save(folder)
    made = VllmSampler(folder, policy.codec, **OPTIONS)
    made.load(policy)
    yield made
    made.close()


def gap(policy: Policy, sampler: VllmSampler) -> float:
    """Mean difference of log-probs on fixed tokens."""
    ours = policy.logprobs([Row(ids[:1], ids[1:]) for ids in PROMPTS[:2]], temperature=1.0, max_tokens=1000)
    theirs = sampler.logprobs(PROMPTS[:2])
    return float((torch.tensor(tiny.flat(ours)) - torch.tensor(tiny.flat(theirs))).abs().mean())


def moved(policy: Policy) -> Policy:
    other = copy.deepcopy(policy)
    with torch.no_grad():
        for parameter in other.model.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return other


def test_halves_have_the_policys_logprobs(policy: Policy, sampler: VllmSampler) -> None:
    sampler.load(policy)
    assert gap(policy, sampler) < 2e-2


def test_it_sleeps_and_wakes_with_new_weights(policy: Policy, sampler: VllmSampler) -> None:
    awake, _ = torch.cuda.mem_get_info()
    sampler.rest()
    asleep, total = torch.cuda.mem_get_info()
    assert asleep - awake > 0.2 * total
    hoarded = torch.empty(int(0.9 * asleep), dtype=torch.uint8, device="cuda")
    del hoarded  # torch keeps it: vLLM could not wake without its cache being emptied
    other = moved(policy)
    sampler.load(other)
    assert gap(other, sampler) < 2e-2 < gap(policy, sampler)
    sampler.load(policy)
    assert gap(policy, sampler) < 2e-2


def test_the_same_seed_samples_the_same_tokens(policy: Policy, sampler: VllmSampler) -> None:
    """Without a seed for each request, too: vLLM then draws them itself."""
    for seeds in ((), tuple(range(48))):
        once, twice, other = (
            [one.token_ids for _, one in sorted(sampler.sample(PROMPTS, Draw(2, 12, 1.0, seed, seeds=seeds)),
                                                key=lambda pair: pair[0])]
            for seed in (1, 1, 2)
        )  # fmt: skip
        assert once == twice
        assert (once == other) is bool(seeds)


def test_it_samples_while_the_policy_learns_and_takes_new_weights_between_two_tokens(
    policy: Policy, sampler: VllmSampler
) -> None:
    learner = copy.deepcopy(policy)
    learner.begin(OptimConfig(lr=1e-5, warmup=0), steps=100)
    sampler.load(policy)
    with ThreadPoolExecutor(1) as thread:
        sampled = thread.submit(lambda: list(sampler.sample(PROMPTS, Draw(4, 200, 1.0, 1, seeds=tuple(range(96))))))
        for step in range(6):
            rows = [Row(ids[:1], ids[1:], 1.0, 0.1, [-5.0] * (len(ids) - 1)) for ids in PROMPTS if len(ids) > 1]
            learner.update(rows, PRESETS["dapo"], step=step, temperature=1.0, max_tokens=1000)
            sampler.load(learner)
        made = [one for _, one in sampled.result()]
    assert len(made) == 96
    theirs = torch.tensor(tiny.flat([one.logprobs for one in made]))
    found = policy.logprobs([Row(one.prompt_ids, one.token_ids) for one in made], temperature=1.0, max_tokens=4000)
    assert float((theirs - torch.tensor(tiny.flat(found))).abs().mean()) < 3e-2
    assert gap(learner, sampler) < 2e-2
