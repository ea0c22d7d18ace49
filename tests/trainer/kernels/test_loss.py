"""Every preset against its paper's formula, its gradient against autograd's, its metrics against numbers worked out."""

from __future__ import annotations

import math
from dataclasses import fields, replace
from typing import Any

import pytest
import torch
from formulas import PAPERS, error, paper_loss
from torch import Tensor, tensor

from trainer.kernels import PRESETS, PolicyLoss, Preset, policy_loss

LENGTHS = [5, 1, 300, 0, 700, 40, 3]
NAN = float("nan")


def cumulative(lengths: list[int], device: str) -> Tensor:
    return tensor([0, *lengths], device=device).cumsum(0).int()


def batch(device: str, lengths: list[int] = LENGTHS, dtype: torch.dtype = torch.float32) -> dict[str, Tensor]:
    """Advantages are one number a sequence, one of them 0; what does not count is nan."""
    total = sum(lengths)
    values = torch.randn(4, total, dtype=dtype, device=device)
    mask = torch.rand(total, device=device) < 0.7
    mask[6:8] = True
    mask[-3:] = False  # a whole sequence that does not count
    advantage = torch.randn(len(lengths), device=device, dtype=dtype)
    advantage[0] = 0
    data = {
        "logprob": -2 * values[0].abs(),
        "old_logprob": -2 * values[0].abs() + 0.3 * values[1],
        "advantage": advantage.repeat_interleave(tensor(lengths, device=device)),
        "ref_logprob": -2 * values[0].abs() + 0.3 * values[2],
        "importance": values[3].exp(),
    }
    data = {name: value.where(mask, NAN) for name, value in data.items()}
    return data | {"mask": mask, "cu_seqlens": cumulative(lengths, device)}


def run(data: dict[str, Tensor], backend: str, **options: Any) -> tuple[PolicyLoss, Tensor]:
    """The result, and the gradient by logprob."""
    logprob = data["logprob"].clone().requires_grad_()
    result = policy_loss(**(data | {"logprob": logprob}), backend=backend, **options)
    result.loss.backward()
    assert logprob.grad is not None
    return result, logprob.grad


@pytest.mark.parametrize("name", PAPERS)
@pytest.mark.parametrize("extras", ["bare", "importance", "reference"])
def test_a_preset_is_its_papers_formula(name: str, extras: str, backend: str, device: str) -> None:
    data = batch(device)
    if name == "gspo":
        data["old_logprob"] = data["logprob"] + 1e-3 * (data["old_logprob"] - data["logprob"])
    if extras != "importance" or name == "gspo":  # a weight that differs from token to token has no sequence form
        del data["importance"]
    if extras != "reference":
        del data["ref_logprob"]
    normalizer = 7 * 700.0 if name == "dr_grpo" else None
    got, gradient = run(data, backend, preset=name, normalizer=normalizer)
    exact = data["logprob"].double().cpu().requires_grad_()
    want = paper_loss(
        name, exact, data["old_logprob"].cpu(), data["advantage"].cpu(), data["mask"].cpu(), LENGTHS,
        ref=data.get("ref_logprob", torch.empty(0)).cpu() if "ref_logprob" in data else None,
        importance=data.get("importance"), normalizer=normalizer,
    )  # fmt: skip
    want.backward()
    assert exact.grad is not None
    assert abs(got.loss.item() - want.item()) <= 2e-6 * max(1, abs(want.item()))
    assert error(gradient, exact.grad) <= 2e-6
    assert not gradient[~data["mask"]].any()


@pytest.mark.parametrize("kl", ["k1", "k2", "k3"])
@pytest.mark.parametrize("distance", [1e-5, 1e-3, 0.1, 0.4999, 0.5, 3.0])
def test_divergence_is_exact_however_small(kl: Any, distance: float, backend: str, device: str) -> None:
    # exp(d) - 1 - d in float32 is 270 times too large at d = 1e-5.
    d = distance * tensor([1.0, -1.0, 0.5], device=device)
    data = {name: torch.zeros(3, device=device) for name in ("logprob", "old_logprob", "advantage")}
    data |= {"mask": torch.ones(3, device=device, dtype=torch.bool), "cu_seqlens": cumulative([3], device)}
    preset = replace(PRESETS["dapo"], kl=kl, kl_coef=1.0)
    got, gradient = run(data | {"ref_logprob": d}, backend, preset=preset, normalizer=1)
    exact = d.double()
    value, slope = {
        "k1": (-exact, torch.ones_like(exact)),
        "k2": (exact**2 / 2, -exact),
        "k3": (torch.expm1(exact) - exact, -torch.expm1(exact)),
    }[kl]
    assert error(got.loss, value.sum()) <= 2e-6
    assert error(got.kl_ref, value.sum()) <= 2e-6
    assert error(gradient, slope) <= 2e-6


def worked_example(device: str) -> dict[str, Tensor]:
    """Ratios 1/2, 1, 2, 5, 1/2 with advantages -1, 1, 1, -1, 1; the sixth token does not count."""
    ratio = tensor([0.5, 1.0, 2.0, 5.0, 0.5, NAN], dtype=torch.float64, device=device)
    return {
        "logprob": ratio.log() - 1,
        "old_logprob": torch.full_like(ratio, -1),
        "advantage": tensor([-1, 1, 1, -1, 1, NAN], dtype=torch.float64, device=device),
        "mask": tensor([True] * 5 + [False], device=device),
        "cu_seqlens": cumulative([2, 4], device),
    }


def test_clipping_worked_by_hand(backend: str, device: str) -> None:
    # min(r A, clip(r) A): -0.8 (low bound), 1, 1.28 (high bound), -5, 0.5; the dual clip makes -5 into -3.
    data = worked_example(device)
    got, gradient = run(data, backend, preset="dapo")
    assert got.loss.item() == pytest.approx(-(-0.8 + 1 + 1.28 - 5 + 0.5) / 5, abs=1e-6)
    torch.testing.assert_close(gradient.cpu(), tensor([0, -1, 0, 5, -0.5, 0]).double() / 5, atol=1e-6, rtol=0)
    assert (int(got.clipped_low), int(got.clipped_high), int(got.clipped_dual)) == (1, 1, 0)
    dual, gradient = run(data, backend, preset=replace(PRESETS["dapo"], dual_clip=3.0))
    assert dual.loss.item() == pytest.approx(-(-0.8 + 1 + 1.28 - 3 + 0.5) / 5, abs=1e-6)
    assert gradient[3] == 0
    assert int(dual.clipped_dual) == 1


def test_metrics_worked_by_hand(backend: str, device: str) -> None:
    data = worked_example(device)
    data["importance"] = tensor([1, 2, 3, 1, 1, NAN], dtype=torch.float64, device=device)
    got, _ = run(data, backend, preset="dapo", entropy=tensor([1.0, 2, 3, 4, 5, NAN], device=device).double())
    logs = [math.log(ratio) for ratio in (0.5, 1, 2, 5, 0.5)]
    squares = sum(x * x / 2 for x in logs)
    want = {
        "tokens": 5, "sequences": 2, "ratio": 9, "ratio_max": 5, "kl_1": -sum(logs), "kl_2": squares,
        "kl_3": 9 - 5 - sum(logs), "kl_ref": 0, "entropy": 15, "importance": 8, "importance_square": 16,
        "importance_capped": 1, "clipped_low": 1, "clipped_high": 1, "clipped_dual": 0,
    }  # fmt: skip
    assert {name: pytest.approx(value, rel=1e-9) for name, value in want.items()} == {
        name: float(getattr(got, name)) for name in want
    }


@pytest.mark.parametrize("name", PRESETS)
def test_on_policy_the_ratio_is_exactly_1_and_the_gradient_the_policy_gradient(
    name: Any, backend: str, device: str
) -> None:
    data = batch(device)
    del data["ref_logprob"], data["importance"]
    data["old_logprob"] = data["logprob"]
    preset = replace(PRESETS[name], average="token")
    got, gradient = run(data, backend, preset=preset, normalizer=1)
    assert torch.equal(gradient, -data["advantage"].where(data["mask"], 0.0))
    assert float(got.ratio) == float(got.tokens) == int(data["mask"].sum())
    assert float(got.ratio_max) == 1 and float(got.kl_3) == 0 and float(got.clipped_low) == 0


def full(name: str) -> Preset:
    preset = PRESETS[name]  # type: ignore[index]
    dual = 2.0 if preset.surrogate == "clipped" else None
    average = "sequence_sum" if preset.average == "constant" else preset.average
    return replace(preset, kl_coef=0.1, entropy_coef=0.02, dual_clip=dual, average=average)


@pytest.mark.parametrize(("name", "kl"), [("grpo", "k1"), ("dapo", "k2"), ("gspo", "k3")])
def test_gradients_pass_the_numerical_check(name: str, kl: Any, backend: str, device: str) -> None:
    lengths = [3, 1, 4]
    ratio = 1 + torch.tensor([0.1, -0.11, 0.7, -0.4, 3.1, -0.15, 0.05, 0.9], device=device).double()  # none at a bound
    logprob = (-torch.rand(8, device=device).double()).requires_grad_()
    entropy = torch.rand(8, device=device).double().requires_grad_()
    ref = logprob.detach() + 0.3 * torch.randn(8, device=device).double()
    advantage = tensor([1.0, -1.5, 0.7], device=device).double().repeat_interleave(tensor(lengths, device=device))
    old, mask = logprob.detach() - ratio.log(), tensor([1, 1, 1, 1, 1, 0, 1, 1], device=device).bool()
    preset = replace(full(name), kl=kl)

    def loss(logprob: Tensor, entropy: Tensor) -> Tensor:
        return policy_loss(
            logprob, old, advantage, mask, cumulative(lengths, device), preset=preset, ref_logprob=ref, entropy=entropy,
            backend=backend,
        ).loss  # fmt: skip

    assert torch.autograd.gradcheck(loss, (logprob, entropy))


@pytest.mark.parametrize("name", PRESETS)
def test_both_backends_agree_on_everything(name: str, device: str) -> None:
    data = batch(device, dtype=torch.float64)
    data["entropy"] = torch.rand_like(data["advantage"]).where(data["mask"], NAN)
    (one, by_kernel), (two, by_reference) = (
        run(data, backend, preset=full(name)) for backend in ("triton", "reference")
    )
    assert error(by_kernel, by_reference) <= 1e-7  # a coefficient reaches a kernel as float32
    for field in fields(PolicyLoss)[:16]:
        assert error(getattr(one, field.name), getattr(two, field.name)) <= 1e-7, field.name


@pytest.mark.parametrize("name", PRESETS)
def test_packing_and_order_do_not_matter(name: str, backend: str, device: str) -> None:
    """The whole batch, its sequences in another order, and two batches under one normalizer."""
    data = batch(device)
    whole, gradient = run(data, backend, preset=full(name), normalizer=100.0, entropy=data["importance"])
    columns = {key: value.split(LENGTHS) for key, value in data.items() if key != "cu_seqlens"}

    def part(sequences: list[int]) -> tuple[PolicyLoss, list[Tensor]]:
        lengths = [LENGTHS[s] for s in sequences]
        taken = {key: torch.cat([value[s] for s in sequences]) for key, value in columns.items()}
        taken["cu_seqlens"] = cumulative(lengths, device)
        result, found = run(taken, backend, preset=full(name), normalizer=100.0, entropy=taken["importance"])
        return result, list(found.split(lengths))

    turned, pieces = part([4, 2, 6, 0, 3, 5, 1])
    by_sequence = dict(zip([4, 2, 6, 0, 3, 5, 1], pieces, strict=True))
    assert torch.equal(torch.cat([by_sequence[s] for s in range(7)]), gradient)
    torch.testing.assert_close(turned.loss, whole.loss, atol=1e-7, rtol=1e-6)
    (one, a), (two, b) = part([0, 1, 2]), part([3, 4, 5, 6])
    assert torch.equal(torch.cat(a + b), gradient)
    torch.testing.assert_close(one.loss + two.loss, whole.loss, atol=1e-7, rtol=1e-6)


def test_equal_input_gives_equal_bits(backend: str, device: str) -> None:
    data = batch(device)
    (one, a), (two, b) = (run(data, backend, preset="grpo") for _ in range(2))
    assert torch.equal(one.loss, two.loss) and torch.equal(a, b)


def test_long_sequences_and_more_tokens_than_16_bits_count(device: str) -> None:
    lengths = [70_000, 3]
    data = batch(device, lengths)
    del data["importance"], data["ref_logprob"]
    (one, by_kernel), (two, by_reference) = (run(data, backend, preset="grpo") for backend in ("triton", "reference"))
    assert error(by_kernel, by_reference) <= 2e-6
    assert error(one.loss, two.loss) <= 2e-6


@pytest.mark.parametrize("name", ["dapo", "cispo"])
def test_a_huge_ratio_stays_finite_where_the_formula_does(name: Any, backend: str, device: str) -> None:
    """exp(200) is infinite in float32: with advantage 0 or a bound, neither loss nor gradient may be nan."""
    data = {
        "logprob": torch.zeros(3, device=device),
        "old_logprob": tensor([-200.0, -200.0, 200.0], device=device),
        "advantage": tensor([0.0, 1.0, 1.0], device=device),
        "mask": torch.ones(3, device=device, dtype=torch.bool),
        "cu_seqlens": cumulative([3], device),
    }
    got, gradient = run(data, backend, preset=name)
    assert got.loss.isfinite() and gradient.isfinite().all()
    assert gradient[0] == 0


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("field", ["logprob", "old_logprob", "advantage", "importance"])
def test_what_is_not_a_number_is_not_lost(name: Any, field: str, backend: str, device: str) -> None:
    """A GPU's minimum of nan and 2 is 2: a weight that is nan would count twice, a ratio that is nan as a bound."""
    data = worked_example(device)
    data["importance"] = torch.ones_like(data["logprob"])
    data[field][1] = NAN
    got, gradient = run(data, backend, preset=name, normalizer=1.0)
    assert got.loss.isnan()
    if field != "logprob" or PRESETS[name].surrogate == "clipped":  # of a weight times logprob the slope is the weight
        assert gradient[1].isnan()


def test_an_infinite_ratio_of_a_sequence_is_clipped(backend: str, device: str) -> None:
    """Its mean log-ratio is infinite. With an advantage of 1 the gain is 1 + 4e-4, and there is nothing to learn."""
    data = {
        "logprob": tensor([-1.0, -2.0], device=device),
        "old_logprob": tensor([-1.0, -math.inf], device=device),
        "advantage": torch.ones(2, device=device),
        "mask": torch.ones(2, device=device, dtype=torch.bool),
        "cu_seqlens": cumulative([2], device),
    }
    got, gradient = run(data, backend, preset="gspo")
    assert got.loss.item() == pytest.approx(-1.0004, abs=1e-6)
    assert gradient.tolist() == [0, 0]


def test_nothing_that_counts_is_no_loss(backend: str, device: str) -> None:
    data = batch(device)
    data["mask"] = torch.zeros_like(data["mask"])
    got, gradient = run(data, backend, preset="dapo")
    assert got.loss.item() == 0 and not gradient.any() and float(got.tokens) == 0


def test_half_precision_log_probs_are_computed_in_float32(backend: str, device: str) -> None:
    data = batch(device)
    half = data | {"logprob": data["logprob"].bfloat16()}
    got, gradient = run(half, backend, preset="grpo")
    upcast, exact = run(half | {"logprob": half["logprob"].float()}, backend, preset="grpo")
    assert got.loss == upcast.loss and got.loss.dtype == torch.float32
    torch.testing.assert_close(gradient, exact.bfloat16())


def test_what_cannot_be_is_refused_by_name(device: str) -> None:
    data = batch(device)
    with pytest.raises(ValueError, match="preset='ppo': there are grpo, dr_grpo, dapo"):
        policy_loss(**data, preset="ppo")
    with pytest.raises(ValueError, match="'constant' divides by sequences x longest completion"):
        policy_loss(**data, preset="dr_grpo")
    with pytest.raises(ValueError, match=r"entropy_coef=0\.1: pass the tokens' `entropy`"):
        policy_loss(**data, preset=replace(PRESETS["dapo"], entropy_coef=0.1))
    with pytest.raises(ValueError, match="dual_clip=3"):
        replace(PRESETS["cispo"], dual_clip=3.0)
    with pytest.raises(ValueError, match=r"clip_low=-0\.1"):
        replace(PRESETS["dapo"], clip_low=-0.1)
