"""An adapter learns alone, is what it says it is wherever it goes, and a run with one resumes bit for bit."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import nullcontext
from pathlib import Path

import pytest
import tiny
import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from trainer.batch import Row
from trainer.canary import Canary, WeightMismatch
from trainer.config.learning import OptimConfig
from trainer.config.model import Lora, ModelConfig
from trainer.loop import train
from trainer.memory import Ledger, Shape, of_update
from trainer.out_of_memory import MicroBatches
from trainer.policy import Policy
from trainer.preset import PRESETS
from trainer.record import RunDirectory, read_lines
from trainer.sampler import Draw, PlainSampler
from trainer.settings import ConfigError
from trainer.vllm_sampler import VllmSampler
from verifiers import Problem, Verdict

MODEL = tiny.MODEL.model_copy(update={"hidden": 64, "heads": 2, "layers": 2})
LORA = Lora(rank=4, alpha=8.0)
ROWS = [Row([5, 6, 7], [40 + n, 41, 42], (-1.0) ** n, 1 / 12, [-5.0] * 3) for n in range(4)]
OPTIM = OptimConfig(lr=3e-2, warmup=0)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model's folder."""
    folder: Path = tmp_path_factory.mktemp("base")
    tiny.policy(model=MODEL).save(folder)
    return folder


def adapted(base: Path, dtype: str = "float32", **settings: object) -> Policy:
    config = ModelConfig(path=str(base), lora=LORA, **settings)  # type: ignore[arg-type]
    return Policy.load(str(base), dtype=dtype).prepare(config, seed=1)


def learn(policy: Policy, steps: int = 3) -> Policy:
    policy.begin(OPTIM, steps=steps)
    for step in range(steps):
        policy.update(ROWS, PRESETS["dapo"], step=step, temperature=1.0, max_tokens=20)
    policy.version += steps
    return policy


def logprobs(policy: Policy) -> torch.Tensor:
    return torch.tensor(policy.logprobs(ROWS, temperature=1.0, max_tokens=100))


def test_an_adapter_alone_learns_and_its_base_stays_what_it_was(base: Path) -> None:
    plain = Policy.load(str(base), dtype="float32")
    policy = adapted(base)
    torch.testing.assert_close(logprobs(policy), logprobs(plain), rtol=0, atol=0)
    assert torch.equal(logprobs(policy.base()), logprobs(policy)), "the divergence from the base is 0 at the start"
    learn(policy)
    assert (logprobs(policy) - logprobs(plain)).abs().max() > 0.05
    assert torch.equal(logprobs(policy.base()), logprobs(plain)), "the base moved"
    assert (logprobs(policy) - logprobs(plain)).abs().max() > 0.05, "the adapter stayed off"
    trained = {name for name, weight in policy.model.named_parameters() if weight.requires_grad}
    assert trained and all(".lora_" in name for name in trained)
    assert len(trained) == 2 * 7 * 2, "two matrices for each of seven layers in two blocks"


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_an_adapter_takes_few_bytes_as_forecast(base: Path, dtype: str) -> None:
    policy = adapted(base, dtype)
    optimizer = policy.begin(OPTIM, steps=1)
    assert {weight.dtype for weight in policy.model.parameters()} == {getattr(torch, dtype)}
    with Ledger() as ledger:
        policy.update([Row([1] * 30, [2] * 30)] * 16, PRESETS["dapo"], step=0, temperature=1.0, max_tokens=8 * 60)
    settings = ModelConfig(path=str(base), lora=LORA, dtype=dtype)  # type: ignore[arg-type]
    config = Policy.load(str(base), dtype=dtype).model.config
    forecast = of_update(config, settings, OPTIM, Shape(8, 60, 8 * 30), device="cpu")
    number = sum(weight.numel() for weight in optimizer.parameters)
    assert (forecast.gradients, forecast.optimizer) == (4 * number, (8 if dtype == "float32" else 12) * number)
    assert forecast.activations + forecast.head == pytest.approx(ledger.peak - forecast.gradients, rel=0.15)


def test_gradient_checkpointing_reaches_adapters(base: Path) -> None:
    found = [learn(adapted(base, gradient_checkpointing=on), 1) for on in (False, True)]
    torch.testing.assert_close(logprobs(found[1]), logprobs(found[0]), rtol=1e-6, atol=1e-6)


def test_a_merged_folder_does_the_same_and_the_adapter_is_in_pefts_form(base: Path, tmp_path: Path) -> None:
    policy = learn(adapted(base))
    policy.save(tmp_path)
    merged = Policy.load(str(tmp_path), dtype="float32")
    torch.testing.assert_close(logprobs(merged), logprobs(policy), rtol=1e-5, atol=1e-5)
    stored = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), tmp_path / "adapter")
    ids = torch.tensor([[5, 6, 7, 40, 41]])
    with torch.no_grad(), merged.padded() as model:
        torch.testing.assert_close(stored(ids).logits, model(ids).logits, rtol=1e-4, atol=1e-5)


def test_a_stored_adapter_comes_back_bit_for_bit(base: Path, tmp_path: Path) -> None:
    policy, other = learn(adapted(base)), adapted(base)
    assert policy.adapter is not None and other.adapter is not None
    policy.adapter.write(tmp_path, policy.model.state_dict())
    other.adapter.read(tmp_path)
    assert torch.equal(logprobs(other), logprobs(policy))


@pytest.fixture(scope="module")
def vllm_sampler(base: Path) -> Iterator[VllmSampler]:
    codec = Policy.load(str(base), dtype="float32").codec
    sampler = VllmSampler(
        base,
        codec,
        dtype="float32",
        context=256,
        max_sequences=32,
        longest=256,
        gpu_memory=0.2,
        cpu_cache_gib=1,
        seed=0,
        lora_rank=LORA.rank,
    )
    yield sampler
    sampler.close()


def test_an_adapter_is_loaded_into_a_running_vllm(base: Path, vllm_sampler: VllmSampler) -> None:
    policy = adapted(base)
    canary = Canary(
        policy,
        vllm_sampler,
        [[5, 6, 7], [8, 9]],
        temperature=1.0,
        tolerance=1e-4,
        micro_batches=MicroBatches(1000, print),
    )
    for _ in range(3):
        assert canary.compare_weights(vllm_sampler.load(policy)) < 1e-5
        _, completion = next(iter(vllm_sampler.sample([[5, 6, 7]], Draw(1, 12, 1.0, 0))))
        assert completion.version == policy.version
        [again] = policy.logprobs([Row([5, 6, 7], completion.token_ids)], temperature=1.0, max_tokens=100)
        assert completion.logprobs == pytest.approx(again, abs=1e-4)
        learn(policy)
        with pytest.raises(WeightMismatch):
            canary.compare_weights()


def test_what_is_sampled_with_an_adapter_is_sampled_with_it_to_the_end(base: Path, vllm_sampler: VllmSampler) -> None:
    """While newer ones come, more than vLLM keeps at a time; those that nobody samples with are removed."""
    first, draw = learn(adapted(base), 2), Draw(6, 120, 1.0, 0)
    vllm_sampler.load(first)
    sampled = vllm_sampler.sample([[5, 6, 7]], draw)
    made = [next(sampled)[1]]
    newer = adapted(base)
    canary = Canary(
        newer, vllm_sampler, [[5, 6, 7]], temperature=1.0, tolerance=1e-4, micro_batches=MicroBatches(1000, print)
    )
    for _ in range(3):
        vllm_sampler.load(learn(newer, 3))
        assert len(vllm_sampler._adapters) == 2
    canary.compare_weights()
    made += [completion for _, completion in sampled]
    rows = [Row([5, 6, 7], one.token_ids) for one in made]
    assert max(map(len, rows)) > len(rows[0]) > 4, "the rest was sampled after newer adapters came"
    for one, again in zip(made, first.logprobs(rows, temperature=1.0, max_tokens=1000), strict=True):
        assert one.version == first.version
        assert one.logprobs == pytest.approx(again, abs=1e-4)
    vllm_sampler.load(newer)
    assert vllm_sampler._place and len(list(vllm_sampler._place.iterdir())) == 1


class DiesAt(tiny.LengthJudge):
    """Is killed in the middle of a step, as far as the run can tell."""

    def __init__(self, calls: int) -> None:
        self._left = calls

    def submit(self, problem: Problem, completion: str) -> Future[Verdict]:
        self._left -= 1
        if self._left < 0:
            raise SystemExit("killed")
        return super().submit(problem, completion)


def test_a_killed_run_with_an_adapter_goes_on_bit_for_bit(base: Path, tmp_path: Path) -> None:
    config = tiny.config(
        tmp_path,
        model={"path": str(base), "lora": LORA.model_dump()},
        sft=[],
        steps=3,
        objective={"kl_coef": 0.1, "kl": "k3"},
        optim={"lr": 1e-2, "warmup": 1},
        eval=None,
    )
    for root, judges in (("whole", [tiny.LengthJudge()]), ("killed", [DiesAt(20), tiny.LengthJudge()])):
        for judge in judges:
            killed = pytest.raises(SystemExit, match="killed") if isinstance(judge, DiesAt) else nullcontext()
            with killed, RunDirectory.open(tmp_path / root, config, "") as run:
                train(config, run, judge, lambda policy, folder: PlainSampler(policy))
    one, other = (tmp_path / root / "tiny/checkpoints/000003" for root in ("whole", "killed"))
    names = {str(path.relative_to(one)) for path in one.rglob("*.safetensors")}
    assert names == {"model.safetensors", "adapter/adapter_model.safetensors"}
    for name in names:
        assert (one / name).read_bytes() == (other / name).read_bytes(), name
    start = load_file(tmp_path / "whole/tiny/checkpoints/start/model.safetensors")
    assert any(not torch.equal(start[name], value) for name, value in load_file(one / "model.safetensors").items())
    metrics = read_lines(tmp_path / "whole/tiny/metrics.jsonl")
    assert metrics[0]["kl/reference"] == pytest.approx(0, abs=1e-7) and metrics[2]["kl/reference"] > 1e-6, metrics


def test_a_target_that_is_none_is_one_line(base: Path) -> None:
    for targets, message in ((("q_porj",), "q_porj"), (("lm_head",), "the head"), (("embed_tokens",), "linear layers")):
        config = ModelConfig(path=str(base), lora=Lora(targets=targets))
        with pytest.raises(ConfigError, match=message) as caught:
            Policy.load(str(base), dtype="float32").prepare(config, seed=1)
        assert "\n" not in str(caught.value)
