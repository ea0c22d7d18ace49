"""Samplers: right log-probs, the same tokens for the same seed, and weights that are proved to have arrived."""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import tiny
import torch

from trainer.canary import Canary, WeightMismatch
from trainer.out_of_memory import MicroBatches
from trainer.policy import Policy
from trainer.sampler import Draw, PlainSampler, Sampler, SamplerClosed
from trainer.settings import ConfigError
from trainer.types import Completion
from trainer.vllm_sampler import VllmSampler

MODEL = tiny.MODEL.model_copy(update={"hidden": 64, "heads": 2, "layers": 2})
OPTIONS: dict[str, Any] = {
    "dtype": "float32", "context": 256, "max_sequences": 32, "longest": 256,
    "gpu_memory": 0.2, "cpu_cache_gib": 1, "seed": 0,
}  # fmt: skip
PROMPTS = [[5, 6, 7], [8, 9, 10, 11, 12], [30]]


@pytest.fixture(scope="module")
def policy() -> Policy:
    return tiny.policy(model=MODEL)


@pytest.fixture(scope="module")
def vllm_sampler(policy: Policy, tmp_path_factory: pytest.TempPathFactory) -> Iterator[VllmSampler]:
    sampler = opened(policy, tmp_path_factory.mktemp("model"))
    yield sampler
    sampler.close()


def opened(policy: Policy, folder: Path) -> VllmSampler:
    policy.save(folder)
    return VllmSampler(folder, policy.codec, **OPTIONS)


@pytest.fixture(params=["plain", "vllm"])
def sampler(request: pytest.FixtureRequest, policy: Policy) -> Sampler:
    if request.param == "plain":
        return PlainSampler(policy)
    loaded: VllmSampler = request.getfixturevalue("vllm_sampler")
    loaded.load(policy)
    return loaded


def compare_weights(policy: Policy, sampler: Sampler) -> float:
    canary = Canary(
        policy, sampler, PROMPTS[:2], temperature=1.0, tolerance=1e-4, micro_batches=MicroBatches(1000, print)
    )
    return canary.compare_weights()


def drawn(sampler: Sampler, draw: Draw, prompts: Sequence[Sequence[int]] = PROMPTS) -> list[tuple[int, Completion]]:
    return sorted(sampler.sample(prompts, draw), key=lambda pair: (pair[0], list(pair[1].token_ids)))


def perturbed(policy: Policy, scale: float) -> Policy:
    other = copy.deepcopy(policy)
    other.version = policy.version + 1
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in other.model.parameters():
            parameter.add_(scale * torch.randn(parameter.shape, generator=generator).to(parameter.device))
    return other


@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_logprobs_are_those_of_the_distribution_sampled_from(
    sampler: Sampler, policy: Policy, temperature: float
) -> None:
    pairs = drawn(sampler, Draw(count=4, max_new_tokens=12, temperature=temperature, seed=1))
    assert len(pairs) == 12
    for place, completion in pairs:
        prompt = PROMPTS[place // 4]
        ids = torch.tensor([[*prompt, *completion.token_ids]], device=policy.model.device)
        with torch.no_grad():
            logits = policy.model(ids).logits[0, len(prompt) - 1 : -1].float().cpu() / temperature
        expected = torch.log_softmax(logits, -1).gather(-1, torch.tensor(completion.token_ids)[:, None]).squeeze(-1)
        torch.testing.assert_close(torch.tensor(completion.logprobs), expected, atol=2e-5, rtol=0)


def test_the_same_seed_samples_the_same_tokens_and_another_does_not(sampler: Sampler) -> None:
    draw = Draw(count=4, max_new_tokens=12, temperature=1.0, seed=1)
    once, twice = ([c.token_ids for _, c in drawn(sampler, draw)] for _ in range(2))
    other = [c.token_ids for _, c in drawn(sampler, Draw(count=4, max_new_tokens=12, temperature=1.0, seed=2))]
    assert once == twice
    assert once != other


def test_a_completion_depends_on_its_seed_and_not_on_the_batch(vllm_sampler: VllmSampler, policy: Policy) -> None:
    """Also where the prompts together are more than one batch of prefill: a request with a seed must not be cut."""
    vllm_sampler.load(policy)
    prompts = [[5 + place % 200] * 120 for place in range(300)]
    whole = dict(vllm_sampler.sample(prompts, Draw(1, 6, 1.0, 0, seeds=tuple(range(300)))))
    alone = dict(vllm_sampler.sample(prompts[150:152], Draw(1, 6, 1.0, 9, seeds=(150, 151))))
    assert [whole[150 + place].token_ids for place in (0, 1)] == [alone[place].token_ids for place in (0, 1)]
    assert len({tuple(one.token_ids) for one in whole.values()}) > 200


def test_greedy_is_the_argmax(sampler: Sampler, policy: Policy) -> None:
    _, completion = drawn(sampler, Draw(count=1, max_new_tokens=6, temperature=0.0, seed=0), [PROMPTS[1]])[0]
    ids = list(PROMPTS[1])
    for token in completion.token_ids:
        assert token == int(policy.model(torch.tensor([ids], device=policy.model.device)).logits[0, -1].argmax())
        ids.append(token)


def test_a_completion_ends_with_the_end_token_or_at_the_limit(sampler: Sampler, policy: Policy) -> None:
    pairs = drawn(sampler, Draw(count=8, max_new_tokens=40, temperature=1.0, seed=5))
    for _, completion in pairs:
        stopped = completion.token_ids[-1] in policy.codec.stop_ids
        assert completion.finish == ("stop" if stopped else "length")
        assert stopped or len(completion.token_ids) == 40
        assert not any(token in policy.codec.stop_ids for token in completion.token_ids[:-1])


def test_new_weights_arrive_whole_and_completions_carry_their_version(
    vllm_sampler: VllmSampler, policy: Policy
) -> None:
    for scale in (0.05, 0.2, 0.01):
        other = perturbed(policy, scale)
        vllm_sampler.load(other)
        assert compare_weights(other, vllm_sampler) < 1e-5
        _, completion = drawn(vllm_sampler, Draw(1, 4, 1.0, 0))[0]
        assert completion.version == other.version
    vllm_sampler.load(policy)
    assert compare_weights(policy, vllm_sampler) < 1e-5


def test_stale_weights_are_noticed(vllm_sampler: VllmSampler, policy: Policy) -> None:
    vllm_sampler.load(policy)
    with pytest.raises(WeightMismatch, match="stale"):
        compare_weights(perturbed(policy, 0.01), vllm_sampler)


def test_weights_that_are_not_numbers_are_noticed(policy: Policy) -> None:
    broken = perturbed(policy, float("nan"))
    with pytest.raises(WeightMismatch):
        compare_weights(broken, PlainSampler(broken))


@pytest.mark.skipif(torch.cuda.is_available(), reason="with a GPU it sleeps: tests/trainer/gpu/test_gpu_sampler.py")
def test_sleep_is_refused_where_there_is_no_gpu(policy: Policy, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="needs a GPU"):
        VllmSampler(
            tmp_path,
            policy.codec,
            dtype="float32",
            context=256,
            max_sequences=32,
            longest=256,
            gpu_memory=0.2,
            cpu_cache_gib=1,
            seed=0,
            sleep=True,
        )


def test_a_consumer_that_stops_early_leaves_no_request_behind(vllm_sampler: VllmSampler) -> None:
    stream = vllm_sampler.sample(PROMPTS, Draw(count=8, max_new_tokens=40, temperature=1.0, seed=5))
    next(stream)
    stream.close()  # type: ignore[attr-defined]
    assert len(drawn(vllm_sampler, Draw(count=2, max_new_tokens=4, temperature=1.0, seed=5))) == 6


def test_closing_ends_what_another_thread_samples(policy: Policy, tmp_path: Path) -> None:
    sampler, draw = opened(policy, tmp_path), Draw(count=10, max_new_tokens=200, temperature=1.0, seed=1)
    with ThreadPoolExecutor(1) as thread:
        sampled = thread.submit(lambda: list(sampler.sample(PROMPTS, draw)))
        while not sampler._engine.has_unfinished_requests():
            time.sleep(0.001)
        sampler.close()
        with pytest.raises(SamplerClosed):
            sampled.result()
    sampler.close()
