"""Steps are as small as asked for, gradients add up as they are, and a restored optimizer goes on bit for bit."""

from __future__ import annotations

import copy

import pytest
import tiny
import torch
from torch.utils._pytree import tree_leaves

from trainer import fresh
from trainer.batch import Row
from trainer.config.learning import OptimConfig
from trainer.policy import Policy
from trainer.preset import PRESETS

SMALL = OptimConfig(lr=1e-6, warmup=0, final=1.0, max_grad_norm=1e9)


def policy(dtype: str) -> Policy:
    return fresh.make(tiny.MODEL, tiny.TEXTS, seed=0, dtype=dtype)


def push(made: Policy, slope: float = 1.0) -> None:
    """Give every weight this gradient."""
    torch.stack([(slope * weight).sum() for weight in made.model.parameters()]).sum().backward()  # type: ignore[no-untyped-call]


def flat(made: Policy) -> torch.Tensor:
    return torch.cat([weight.float().flatten() for _, weight in made.weights()])


def learn(made: Policy, step: int) -> None:
    rows = [Row([5, 6 + step], [40, 41, 42 + index], (-1.0) ** index, 1 / 12, [-5.0] * 3) for index in range(4)]
    made.update(rows, PRESETS["dapo"], step=step, temperature=1.0, max_tokens=10)


@pytest.mark.parametrize("muon_lr", [None, 1e-6])
def test_steps_that_bfloat16_alone_would_lose_add_up(muon_lr: float | None) -> None:
    made = policy("bfloat16")
    start = flat(made)
    alone = [torch.nn.Parameter(weight.detach().clone()) for weight in made.model.parameters()]
    lost = torch.optim.AdamW(alone, lr=1e-6, weight_decay=0.0)
    optimizer = made.begin(SMALL.model_copy(update={"muon_lr": muon_lr}), steps=200)
    for step in range(200):
        push(made)
        optimizer.step(step)
        for weight in alone:
            weight.grad = torch.ones_like(weight)
        lost.step()
    is_large = start.abs() > 1e-3  # where bfloat16's neighbours are 4e-6 and more apart
    assert torch.equal(torch.cat([weight.float().flatten() for weight in alone])[is_large], start[is_large])
    if muon_lr is None:
        torch.testing.assert_close(flat(made), start - 200e-6, rtol=2**-8, atol=1e-6)
    else:
        assert (flat(made) != start)[is_large].float().mean() > 0.05
    assert all(weight.dtype == torch.bfloat16 for weight in made.model.parameters())


def test_gradients_of_micro_batches_add_up_in_float32() -> None:
    made = policy("bfloat16")
    optimizer = made.begin(SMALL, steps=1)
    push(made)
    for _ in range(64):
        push(made, 2.0**-9)  # half of the distance from 1 to the next number of bfloat16: 1 + 2**-9 is 1 there
    for parameter in optimizer.parameters:
        assert parameter.grad is not None
        assert torch.equal(parameter.grad, torch.full_like(parameter.grad, 1.125))


def test_moments_in_8_bits_take_a_quarter_and_learn_alike() -> None:
    model = tiny.MODEL.model_copy(update={"hidden": 64, "heads": 2})  # matrices of 4096 elements and more
    made = {state: tiny.policy(model=model) for state in ("float32", "8bit")}
    start = flat(made["8bit"])
    kept = {}
    for state, one in made.items():
        optimizer = one.begin(OptimConfig.model_validate({"lr": 1e-3, "warmup": 0, "state": state}), steps=10)
        for step in range(8):
            learn(one, step)
        [inner] = optimizer.state_dict()["optimizers"]
        moments = {leaf.data_ptr(): leaf for leaf in tree_leaves(inner["state"]) if torch.is_tensor(leaf) and leaf.ndim}
        kept[state] = sum(moment.numel() * moment.element_size() for moment in moments.values())
        assert kept[state] == pytest.approx(optimizer.num_bytes, abs=2 * 4 * 256), state  # the two maps of 8 bits
    assert kept["8bit"] < 0.4 * kept["float32"], kept  # small ones stay as they are
    moved = (flat(made["float32"]) - start).norm()
    assert (flat(made["8bit"]) - flat(made["float32"])).norm() < 0.1 * moved


def test_float32_weights_have_no_copies() -> None:
    made = policy("float32")
    optimizer = made.begin(SMALL, steps=1)
    assert {id(weight) for weight in optimizer.parameters} == {id(weight) for weight in made.model.parameters()}
    assert optimizer.state_dict()["masters"] == []


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("settings", [{}, {"muon_lr": 1e-3}, {"state": "8bit"}])
def test_a_restored_optimizer_goes_on_bit_for_bit(dtype: str, settings: dict[str, object]) -> None:
    made, config = policy(dtype), OptimConfig.model_validate({"lr": 1e-3, **settings})
    optimizer = made.begin(config, steps=10)
    for step in range(2):
        learn(made, step)
    other = policy(dtype)
    other.model.load_state_dict(made.model.state_dict())
    other.begin(config, steps=10).load_state_dict(copy.deepcopy(optimizer.state_dict()))
    for step in range(2, 4):
        learn(made, step)
        learn(other, step)
    assert torch.equal(flat(made), flat(other))


def test_a_new_stage_takes_over_from_the_last_ones_copies() -> None:
    """Were the first stage's hooks still there, the second's gradients would be gone."""
    made = policy("bfloat16")
    made.begin(SMALL, steps=1)
    optimizer = made.begin(OptimConfig(lr=1e-3, warmup=0), steps=1)
    push(made)
    assert optimizer.step(0) > 0


def test_muon_is_for_the_matrices_between_embedding_and_head() -> None:
    made = policy("float32")
    optimizer = made.begin(OptimConfig(lr=1e-3, muon_lr=1e-3), steps=1)
    learn(made, 0)
    shapes = [[tuple(p.shape) for p in group["params"]] for one in optimizer._optimizers for group in one.param_groups]
    head = made.model.get_input_embeddings().weight.shape
    assert tuple(head) in shapes[0] and tuple(head) not in shapes[1]
    assert all(len(shape) == 2 for shape in shapes[1]) and len(shapes[1]) == 7
