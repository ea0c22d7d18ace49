"""The fused head against the naive formula in float64: loss, both gradients, and what peers' kernels got wrong."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch
from formulas import PAPERS, error, exact, paper_loss
from torch import Tensor, tensor

from trainer.kernels import PRESETS, PolicyLoss, Preset, grpo_head, linear_logprob, loss_weights, policy_loss
from trainer.kernels.backend import configurations
from trainer.kernels.row import Rows, RowStatistics, write_gradient, write_statistics

LENGTHS = [5, 0, 9, 1, 12, 6]
NAN = float("nan")


@dataclass
class Case:
    """Arguments of grpo_head; what must not matter is nan."""

    hidden: Tensor
    weight: Tensor
    targets: Tensor
    old_logprob: Tensor
    advantage: Tensor
    mask: Tensor
    cu_seqlens: Tensor
    ref_logprob: Tensor

    def run(
        self, backend: str, preset: Any, *, scale: float = 1.0, **options: Any
    ) -> tuple[PolicyLoss, Tensor, Tensor]:
        """The result, and `scale` times the gradients by hidden and weight."""
        hidden, weight = self.hidden.clone().requires_grad_(), self.weight.clone().requires_grad_()
        normalizer = 50.0 if preset == "dr_grpo" else None
        weights = loss_weights(self.mask, self.cu_seqlens, preset=preset, normalizer=normalizer)
        got = grpo_head(
            hidden, weight, self.targets, self.old_logprob, self.advantage, weights, preset=preset,
            **({"cu_seqlens": self.cu_seqlens, "backend": backend} | options),
        )  # fmt: skip
        (scale * got.loss).backward()
        assert hidden.grad is not None and weight.grad is not None
        return got, hidden.grad, weight.grad


def case(device: str, dtype: torch.dtype = torch.float32, *, V: int = 257, H: int = 48, drift: float = 0.3) -> Case:
    M = sum(LENGTHS)
    hidden = (3 * torch.randn(M, H, device=device)).to(dtype)
    weight = (torch.randn(V, H, device=device) / math.sqrt(H)).to(dtype)
    targets = torch.randint(0, V, (M,), device=device)
    mask = torch.rand(M, device=device) < 0.8
    advantage = torch.randn(len(LENGTHS), device=device)
    advantage[2] = 0
    old_type = torch.float64 if dtype == torch.float64 else torch.float32
    logprob, _, _ = exact(hidden, weight, targets, 0.7)
    hidden[~mask] = NAN
    noise = torch.randn(2, M, device=device).where(mask, NAN)
    return Case(
        hidden, weight, targets, (logprob + drift * noise[0]).to(old_type),
        advantage.repeat_interleave(tensor(LENGTHS, device=device)), mask,
        tensor([0, *LENGTHS], device=device).cumsum(0).int(), (logprob + 0.3 * noise[1]).float(),
    )  # fmt: skip


def by_the_paper(name: str, data: Case, *, ref: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
    """Loss and gradients in float64 on the CPU, with whole logits and autograd."""
    hidden = data.hidden.double().cpu().nan_to_num().requires_grad_()
    weight = data.weight.double().cpu().requires_grad_()
    logprob = ((hidden @ weight.T) / 0.7).log_softmax(-1)[torch.arange(len(hidden)), data.targets.cpu()]
    loss = paper_loss(
        name, logprob, data.old_logprob.cpu(), data.advantage.cpu(), data.mask.cpu(), LENGTHS, ref=ref,
        normalizer=50.0 if name == "dr_grpo" else None,
    )  # fmt: skip
    loss.backward()
    assert hidden.grad is not None and weight.grad is not None
    return loss.detach(), hidden.grad, weight.grad


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", PAPERS)
def test_a_preset_is_its_papers_formula(name: str, dtype: torch.dtype, backend: str, device: str) -> None:
    data = case(device, dtype, drift=1e-3 if name == "gspo" else 0.3)
    ref = data.ref_logprob if name == "grpo" else None
    got, by_hidden, by_weight = data.run(backend, name, temperature=0.7, ref_logprob=ref, chunk=10)
    loss, want_hidden, want_weight = by_the_paper(name, data, ref=None if ref is None else ref.cpu())
    within = 1e-5 if dtype == torch.float32 else 1e-7  # weights and coefficients are float32
    assert abs(got.loss.item() - loss.item()) <= 2e-6 * max(1, abs(loss.item()))
    assert error(by_hidden, want_hidden) <= within
    assert error(by_weight, want_weight) <= within
    assert by_hidden[~data.mask].abs().sum() == 0


@pytest.mark.parametrize("name", ["dapo", "gspo", "cispo"])
def test_in_bfloat16_gradients_are_as_good_as_torchs_own(name: str, device: str) -> None:
    data = case(device, torch.bfloat16, drift=1e-3 if name == "gspo" else 0.3)
    _, by_hidden, by_weight = data.run("triton", name, temperature=0.7)
    _, want_hidden, want_weight = by_the_paper(name, data)
    hidden, weight = data.hidden.nan_to_num().requires_grad_(), data.weight.clone().requires_grad_()
    logprob = ((hidden @ weight.T).float() / 0.7).log_softmax(-1).gather(1, data.targets[:, None]).squeeze(1)
    policy_loss(
        logprob, data.old_logprob, data.advantage, data.mask, data.cu_seqlens, preset=name, backend="reference"
    ).loss.backward()  # fmt: skip
    assert hidden.grad is not None and weight.grad is not None
    allowed = 4 if device == "cpu" else 2  # the interpreter cuts off where a GPU rounds
    assert error(by_hidden, want_hidden) <= allowed * error(hidden.grad, want_hidden)
    assert error(by_weight, want_weight) <= allowed * error(weight.grad, want_weight)
    assert error(by_weight, want_weight) <= (5e-3 if device == "cpu" else 2.5e-3)


def test_the_weights_gradient_does_not_wear_off_with_the_number_of_chunks(device: str) -> None:
    """Summed in bfloat16, 128 chunks would make it three times worse than 8."""
    data = case(device, torch.bfloat16)
    _, _, want = by_the_paper("dapo", data)
    few, many = (error(data.run("triton", "dapo", temperature=0.7, chunk=chunk)[2], want) for chunk in (33, 1))
    assert many <= 1.2 * few


def full(name: str) -> Preset:
    preset = PRESETS[name]  # type: ignore[index]
    dual = 2.0 if preset.surrogate == "clipped" else None
    average = "sequence_sum" if preset.average == "constant" else preset.average
    return replace(preset, kl_coef=0.1, entropy_coef=0.02, dual_clip=dual, average=average)


@pytest.mark.parametrize("name", ["grpo", "gspo"])
def test_gradients_pass_the_numerical_check(name: str, backend: str, device: str) -> None:
    """All terms at once, with bias, soft cap and a temperature for each token; differences in float64.

    Not torch's gradcheck, which asks for the same gradient twice.
    """
    hidden, weight, bias = (
        torch.randn(*size, device=device).double().requires_grad_() for size in ((4, 2), (3, 2), (3,))
    )
    targets, cu_seqlens = tensor([0, 2, 2, 1], device=device), tensor([0, 3, 4], device=device).int()
    head: dict[str, Any] = {"softcap": 2.0, "temperature": tensor([0.7, 1.0, 2.0, 0.5], device=device).double()}
    with torch.no_grad():
        logprob = linear_logprob(hidden, weight, targets, bias=bias, **head, backend="reference").logprob
    old = logprob - tensor([0.1, 0.3, -0.4, -0.1], device=device)
    advantage = tensor([1.0, 1.0, 1.0, -2.0], device=device)

    def loss(hidden: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return grpo_head(
            hidden, weight, targets, old, advantage, tensor([0.25, 0.25, 0.25, 1.0], device=device), preset=full(name),
            ref_logprob=logprob + 0.2, cu_seqlens=cu_seqlens, bias=bias, chunk=2, backend=backend, **head,
        ).loss  # fmt: skip

    loss(hidden, weight, bias).backward()
    for values in (hidden, weight, bias):
        flat, step = values.detach().view(-1), 1e-5
        for place in range(len(flat)):
            before, sides = flat[place].item(), []
            for side in (step, -step):
                flat[place] = before + side
                sides.append(loss(hidden.detach(), weight.detach(), bias.detach()).item())
            flat[place] = before
            assert values.grad is not None
            assert values.grad.view(-1)[place].item() == pytest.approx((sides[0] - sides[1]) / (2 * step), abs=1e-7)


@pytest.mark.parametrize("name", PRESETS)
def test_it_is_the_log_prob_and_then_the_loss(name: str, backend: str, device: str) -> None:
    """Sums and rows too; the two functions apart give the same."""
    data = case(device)
    preset = full(name)
    got, _, _ = data.run(backend, preset, temperature=0.7, ref_logprob=data.ref_logprob, chunk=10)
    apart = linear_logprob(data.hidden, data.weight, data.targets, temperature=0.7, backend="reference")
    want = policy_loss(
        apart.logprob, data.old_logprob, data.advantage, data.mask, data.cu_seqlens, preset=preset,
        ref_logprob=data.ref_logprob, entropy=apart.entropy, backend="reference",
    )  # fmt: skip
    assert error(got.loss, want.loss) <= 1e-5
    for field in (
        "tokens",
        "clipped_low",
        "clipped_high",
        "clipped_dual",
        "ratio",
        "ratio_max",
        "kl_1",
        "kl_3",
        "kl_ref",
    ):
        assert error(getattr(got, field), getattr(want, field)) <= 1e-5, field
    assert error(got.entropy, want.entropy) <= 1e-5
    assert got.logprob is not None and got.token_entropy is not None
    assert error(got.logprob, apart.logprob.where(data.mask, NAN)) <= 2e-6
    assert error(got.token_entropy, apart.entropy.where(data.mask, NAN)) <= 2e-6


@pytest.mark.parametrize("name", ["grpo", "gspo"])
def test_chunks_do_not_matter(name: str, device: str) -> None:
    """A chunk smaller than a sequence makes its logits twice; gradients are the same."""
    data = case(device, torch.float64)
    one = data.run("triton", full(name), chunk=100)
    for chunk in (1, 5, 12):
        other = data.run("triton", full(name), chunk=chunk)
        assert error(other[0].loss, one[0].loss) <= 1e-12
        assert error(other[1], one[1]) <= 1e-12 and error(other[2], one[2]) <= 1e-12


def test_the_order_of_tokens_does_not_matter(device: str) -> None:
    data = case(device, torch.float64)
    order = torch.randperm(len(data.targets), device=device)
    turned = Case(
        data.hidden[order], data.weight, data.targets[order], data.old_logprob[order], data.advantage[order],
        data.mask[order], data.cu_seqlens, data.ref_logprob[order],
    )  # fmt: skip
    one, two = data.run("triton", "dapo"), turned.run("triton", "dapo")
    assert error(two[0].loss, one[0].loss) <= 1e-12
    assert error(two[1], one[1][order]) <= 1e-12 and error(two[2], one[2]) <= 1e-12


@pytest.mark.parametrize("name", PRESETS)
def test_rows_without_a_gradient_are_never_touched(name: Any, backend: str, device: str) -> None:
    """Advantage 0 and no other term: such rows may be nan, are left out, and have exactly no gradient."""
    data = case(device)
    idle = (data.advantage == 0) | ~data.mask
    data.hidden[idle], data.old_logprob[idle] = NAN, NAN
    got, by_hidden, by_weight = data.run(backend, name)
    assert int(got.tokens) == int((~idle).sum())
    assert by_hidden.isfinite().all() and by_weight.isfinite().all()
    assert by_hidden[idle].abs().sum() == 0
    assert got.logprob is not None
    assert torch.equal(got.logprob.isnan(), idle)


@pytest.mark.parametrize("name", ["grpo", "gspo"])
def test_arguments_may_be_strided(name: Any, backend: str, device: str) -> None:
    """One number for all, or every second place of a longer tensor; masks of numbers too."""
    data = case(device)
    data.advantage = torch.ones_like(data.advantage)
    want = data.run(backend, name)
    strided = replace(
        data,
        advantage=torch.ones(1, device=device).expand_as(data.advantage),
        old_logprob=data.old_logprob.repeat_interleave(2)[::2],
        targets=data.targets.repeat_interleave(2)[::2],
        hidden=data.hidden.T.contiguous().T,
        mask=data.mask.long(),
    )
    got = strided.run(backend, name)
    assert error(got[0].loss, want[0].loss) <= 1e-6
    assert error(got[1], want[1]) <= 1e-6 and error(got[2], want[2]) <= 1e-6


def test_when_no_row_has_a_gradient_the_loss_is_0(backend: str, device: str) -> None:
    data = case(device)
    data.advantage = torch.zeros_like(data.advantage)
    got, by_hidden, by_weight = data.run(backend, "dapo")
    assert got.loss.item() == 0 and not by_hidden.any() and not by_weight.any()


def test_on_policy_the_ratio_is_exactly_1(device: str) -> None:
    """Both kernels add up a row in the same order, so the log-prob is the same to the bit."""
    data = case(device)
    data.mask = torch.ones_like(data.mask)
    data.hidden, data.advantage = data.hidden.nan_to_num(), data.advantage + 3
    data.old_logprob = linear_logprob(data.hidden, data.weight, data.targets, temperature=0.7, backend="triton").logprob
    for name in ("grpo", "gspo"):
        got, _, _ = data.run("triton", name, temperature=0.7)
        assert got.ratio == got.tokens == len(data.mask) and got.ratio_max == 1
    for one, other in zip(configurations()["row_statistics"], configurations()["row_loss"], strict=True):
        assert all(one[name] == other[name] for name in ("width", "BLOCK", "num_warps"))


def test_equal_input_gives_equal_bits(backend: str, device: str) -> None:
    data = case(device)
    one, two = (data.run(backend, "grpo", chunk=10) for _ in range(2))
    assert torch.equal(one[0].loss, two[0].loss) and torch.equal(one[1], two[1]) and torch.equal(one[2], two[2])


def test_the_gradient_may_be_scaled_but_not_asked_for_twice(device: str) -> None:
    data = case(device)
    one, three = data.run("triton", "dapo"), data.run("triton", "dapo", scale=3.0)
    torch.testing.assert_close(three[2], 3 * one[2])
    hidden = data.hidden.clone().requires_grad_()
    weights = loss_weights(data.mask, data.cu_seqlens, preset="dapo")
    got = grpo_head(
        hidden, data.weight, data.targets, data.old_logprob, data.advantage, weights, preset="dapo", backend="triton"
    )  # fmt: skip
    got.loss.backward(retain_graph=True)
    with pytest.raises(RuntimeError, match="are used up; compute it again"):
        got.loss.backward()


def test_a_padded_vocabulary_has_no_gradient(backend: str, device: str) -> None:
    data = case(device)
    plain = data.run(backend, "dapo")
    data.weight = torch.cat([data.weight, torch.full((7, 48), NAN, device=device)])
    got, by_hidden, by_weight = data.run(backend, "dapo", vocab_size=257)
    assert error(by_hidden, plain[1]) <= 1e-6 and error(by_weight[:257], plain[2]) <= 1e-6
    assert error(got.loss, plain[0].loss) <= 1e-6
    assert by_weight[257:].abs().sum() == 0


def test_a_tied_head_adds_to_the_embeddings_gradient(device: str) -> None:
    data = case(device)
    gradients = {}
    for backend in ("triton", "reference"):
        table = data.weight.clone().requires_grad_()
        hidden = table[data.targets.roll(1)] * 2
        weights = loss_weights(data.mask, data.cu_seqlens, preset="dapo")
        grpo_head(
            hidden, table, data.targets, data.old_logprob, data.advantage, weights, preset="dapo", backend=backend
        ).loss.backward()  # fmt: skip
        assert table.grad is not None
        gradients[backend] = table.grad
    assert error(gradients["triton"], gradients["reference"]) <= 1e-5


def test_a_frozen_head_or_none_to_train_is_fine(device: str) -> None:
    data = case(device)
    want = data.run("reference", "grpo")
    weights = loss_weights(data.mask, data.cu_seqlens, preset="grpo")
    arguments = (data.targets, data.old_logprob, data.advantage, weights)
    hidden = data.hidden.clone().requires_grad_()
    grpo_head(hidden, data.weight, *arguments, preset="grpo", backend="triton").loss.backward()
    assert hidden.grad is not None
    assert error(hidden.grad, want[1]) <= 1e-5
    without = grpo_head(data.hidden, data.weight, *arguments, preset="grpo", backend="triton")
    assert error(without.loss, want[0].loss) <= 2e-6
    assert without.sequences.isnan()  # none were given


def test_a_near_certain_token_keeps_its_gradient(device: str) -> None:
    """p - 1 formed after p is rounded to bfloat16 is 20 % off at p = 0.99 and all of it at 0.999."""
    p = tensor([0.99, 0.999, 0.99999], dtype=torch.float64, device=device)
    logits = torch.stack([torch.zeros_like(p), (p / (1 - p)).log()], 1).float()
    rows = Rows(torch.ones(3, dtype=torch.long, device=device), torch.ones(1, device=device), None)
    statistics, out = (
        RowStatistics.empty(3, logits.dtype, logits.device),
        torch.empty(3, 2, dtype=torch.bfloat16, device=device),
    )
    write_statistics(logits, rows, statistics)
    write_gradient(logits, rows, statistics, torch.ones(3, device=device), None, out)
    torch.testing.assert_close(out[:, 1].double(), 1 - p, rtol=1e-2, atol=0)
    torch.testing.assert_close(out[:, 0].double(), p - 1, rtol=1e-2, atol=0)


def test_a_token_too_unlikely_for_float32_keeps_its_gradient(backend: str, device: str) -> None:
    """exp(-200) is 0 in float32; the gradient of its log-prob by its logit is 1."""
    hidden = torch.ones(1, 1, device=device, requires_grad=True)
    weight = tensor([[0.0], [200.0]], device=device, requires_grad=True)
    one = torch.ones(1, device=device)
    zero = torch.zeros(1, dtype=torch.long, device=device)
    grpo_head(hidden, weight, zero, -200 * one, one, one, preset="rloo", backend=backend).loss.backward()
    assert weight.grad is not None
    torch.testing.assert_close(weight.grad.cpu(), tensor([[-1.0], [1.0]]))


def test_an_impossible_token_has_no_gradient(backend: str, device: str) -> None:
    data = case(device)
    bias = torch.zeros(257, device=device)
    bias[100] = -math.inf
    data.targets[data.targets == 100] = 101
    got, by_hidden, by_weight = data.run(backend, full("dapo"), bias=bias, ref_logprob=data.ref_logprob)
    assert got.loss.isfinite() and by_hidden.isfinite().all()
    assert by_weight[100].abs().sum() == 0


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("field", ["old_logprob", "importance"])
def test_what_is_not_a_number_is_not_lost(name: Any, field: str, backend: str, device: str) -> None:
    data = case(device)
    values = {"importance": torch.ones_like(data.old_logprob), "old_logprob": data.old_logprob.clone()}
    row = int(((data.advantage != 0) & data.mask).nonzero()[0])
    values[field][row] = math.nan
    data = replace(data, old_logprob=values["old_logprob"])
    got, by_hidden, _ = data.run(backend, name, importance=values["importance"])
    assert got.loss.isnan() and by_hidden[row].isnan().all()


def test_what_cannot_be_is_refused_by_name(device: str) -> None:
    data = case(device)
    with pytest.raises(ValueError, match="cu_seqlens: a sequence ratio needs to know where sequences begin"):
        data.run("auto", "gspo", cu_seqlens=None)
    half = replace(data, hidden=data.hidden.half(), weight=data.weight.half())
    with pytest.raises(ValueError, match="hidden is float16, in which gradients of logits are 0"):
        half.run("auto", "dapo")
    with pytest.raises(ValueError, match="'constant' divides by sequences x longest completion"):
        loss_weights(data.mask, data.cu_seqlens, preset="dr_grpo")
