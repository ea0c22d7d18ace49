"""On a GPU a policy says, learns and saves what it does on a CPU."""

from __future__ import annotations

import copy
from dataclasses import astuple, replace
from pathlib import Path

import pytest
import tiny
import torch
from torch import Tensor

from trainer.attention import Packing, packed_attention
from trainer.batch import Row
from trainer.checkpoint import HostCopy
from trainer.config.learning import OptimConfig
from trainer.config.model import ModelConfig
from trainer.policy import Policy
from trainer.preset import PRESETS

MODEL = tiny.MODEL.model_copy(update={"hidden": 64, "heads": 4, "key_value_heads": 2, "layers": 2})
OPTIM = OptimConfig(lr=1e-3, warmup=0)
GPU, CPU = torch.device("cuda"), torch.device("cpu")


def rows(count: int = 24) -> list[Row]:
    """Of 9 to 40 tokens, half of them completion, old log-probs about those of a policy that knows nothing."""
    draws = torch.Generator().manual_seed(2)
    made = []
    for index in range(count):
        length = int(torch.randint(9, 41, (), generator=draws))
        ids = torch.randint(3, 250, (length,), generator=draws).tolist()
        completion = ids[length // 2 :]
        old = (-5.7 + 0.2 * torch.randn(len(completion), generator=draws)).tolist()
        made.append(Row(ids[: length // 2], completion, (-1.0) ** index, weight=1 / 300, old_logprobs=old))
    return made


def on_cpu(policy: Policy) -> Policy:
    other = copy.deepcopy(policy)
    other.model.to(CPU)
    return other


def in_halves(policy: Policy, folder: Path) -> Policy:
    policy.save(folder)
    return Policy.load(str(folder), dtype="bfloat16")


def relative(got: Tensor, want: Tensor) -> float:
    return float((got.float().cpu() - want.float().cpu()).norm() / want.float().cpu().norm())


@pytest.mark.parametrize("key_value_heads", [1, 2, 4])
@pytest.mark.parametrize("window", [None, 7])
def test_packed_halves_attend_as_in_float32_on_a_cpu(key_value_heads: int, window: int | None) -> None:
    lengths = [100, 33, 33, 5, 1]
    draws = torch.Generator().manual_seed(1)

    def heads(number: int) -> Tensor:
        return torch.randn(1, sum(lengths), number, 32, generator=draws).bfloat16()

    parts = heads(4), heads(key_value_heads), heads(key_value_heads)
    pull = torch.randn(1, sum(lengths), 4, 32, generator=draws)
    found = []
    for device, dtype in ((GPU, torch.bfloat16), (CPU, torch.float32)):
        leaves = [part.to(device, dtype).requires_grad_() for part in parts]
        query, key, value = (leaf.transpose(1, 2) for leaf in leaves)
        made, _ = packed_attention(
            torch.nn.Identity(), query, key, value, None,
            packing=Packing.of(lengths, device), scaling=0.2, sliding_window=window,
        )  # fmt: skip
        made.backward(pull.to(device, dtype))
        found.append([made.detach(), *(leaf.grad for leaf in leaves)])
    errors = [relative(got, want) for got, want in zip(*found, strict=True)]
    assert max(errors) < 1.5e-2, errors


@pytest.mark.parametrize("name", ["dapo", "gspo", "grpo", "rloo"])
def test_an_update_is_that_of_a_cpu(name: str) -> None:
    start = tiny.policy(model=MODEL)
    assert start.model.device.type == "cuda"
    method = replace(PRESETS[name], kl_coef=0.0)  # type: ignore[index]
    made = []
    for policy in (copy.deepcopy(start), on_cpu(start)):
        policy.begin(OPTIM, steps=10)
        made.append([astuple(policy.update(rows(), method, step=step, temperature=0.9, max_tokens=200))
                     for step in range(3)])  # fmt: skip
    for ours, theirs in zip(*made, strict=True):
        assert ours == pytest.approx(theirs, rel=2e-3, abs=2e-5)


def test_halves_are_packed_and_learn_about_what_float32_does(tmp_path: Path) -> None:
    start = tiny.policy(model=MODEL)
    halves = in_halves(start, tmp_path)
    assert halves.packs
    ours, theirs = (policy.logprobs(rows(), temperature=1.0, max_tokens=200) for policy in (halves, start))
    torch.testing.assert_close(torch.tensor(tiny.flat(ours)), torch.tensor(tiny.flat(theirs)), atol=0.03, rtol=0)
    norms = []
    for policy in (halves, start):
        policy.begin(OPTIM, steps=10)
        stats = policy.update(rows(), PRESETS["dapo"], step=0, temperature=1.0, max_tokens=200)
        norms.append(stats.grad_norm)
    assert norms[0] == pytest.approx(norms[1], rel=0.05)


@pytest.mark.parametrize("setting", ["gradient_checkpointing", "compile"])
def test_a_saving_of_memory_or_time_changes_nothing(setting: str, tmp_path: Path) -> None:
    plain, saving = (in_halves(tiny.policy(model=MODEL), tmp_path) for _ in range(2))
    saving.prepare(ModelConfig(path=str(tmp_path), dtype="bfloat16", **{setting: True}), seed=0)
    found = []
    for policy in (plain, saving):
        policy.begin(OPTIM, steps=10)
        found.append(policy.update(rows(), PRESETS["dapo"], step=0, temperature=1.0, max_tokens=200))
    assert astuple(found[1]) == pytest.approx(astuple(found[0]), rel=0.03, abs=1e-3)


def test_a_checkpoint_has_what_was_there_when_it_was_taken() -> None:
    weight = torch.randn(1 << 24, device=GPU)
    was, taker = weight.cpu(), HostCopy()
    taken = taker.take({"weight": weight})["weight"]
    weight.zero_()
    assert taken.is_pinned() and torch.equal(taken, was)
    again = taker.take({"weight": weight})["weight"]
    assert again.data_ptr() == taken.data_ptr() and not again.any()


@pytest.mark.parametrize(("dtype", "state"), [("float32", "float32"), ("bfloat16", "float32"), ("bfloat16", "8bit")])
def test_an_optimizer_goes_on_where_it_was_saved(dtype: str, state: str, tmp_path: Path) -> None:
    tiny.policy(model=MODEL).save(tmp_path)
    settings = OPTIM.model_copy(update={"state": state})

    def stepped(policy: Policy, step: int) -> tuple[float, ...]:
        return astuple(policy.update(rows(), PRESETS["dapo"], step=step, temperature=1.0, max_tokens=200))

    whole = Policy.load(str(tmp_path), dtype=dtype)
    whole.begin(settings, steps=10)
    stepped(whole, 0)
    assert whole.optimizer is not None
    taken = HostCopy().take((whole.optimizer.state_dict(), whole.model.state_dict()))
    torch.save(taken, tmp_path / "taken.pt")
    optimizer, weights = torch.load(tmp_path / "taken.pt", weights_only=True, map_location="cpu")
    resumed = Policy.load(str(tmp_path), dtype=dtype)
    resumed.model.load_state_dict(weights)
    resumed.begin(settings, steps=10).load_state_dict(optimizer)
    for step in (1, 2):
        assert stepped(resumed, step) == pytest.approx(stepped(whole, step), rel=5e-3, abs=1e-4)
