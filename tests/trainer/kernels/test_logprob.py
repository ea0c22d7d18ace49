"""Log-probs from hidden states against float64, where peers' kernels were found wrong above all."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from formulas import error, exact
from torch import Tensor, tensor

from trainer.kernels import LogProbs, linear_logprob
from trainer.kernels.row import Rows, RowStatistics, write_gradient, write_statistics

INF = float("inf")


def data(M: int, V: int, H: int, dtype: torch.dtype, device: str, spread: float = 3.0) -> tuple[Tensor, Tensor, Tensor]:
    hidden = (torch.randn(M, H, device=device) * spread).to(dtype)
    weight = (torch.randn(V, H, device=device) / math.sqrt(H)).to(dtype)
    targets = torch.randint(0, V, (M,), device=device)
    targets[: M // 3] = targets[:1]  # the same token again and again
    return hidden, weight, targets


def assert_close(got: LogProbs, want: tuple[Tensor, Tensor, Tensor], within: float = 2e-6) -> None:
    for name, value in zip(("logprob", "entropy", "logsumexp"), want, strict=True):
        assert error(getattr(got, name), value) <= within, name


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize(
    ("M", "V", "H", "T"), [(1, 17, 16, 1.0), (7, 257, 96, 0.3), (33, 517, 100, 1.0), (5, 1000, 16, 1)]
)
def test_any_shape_type_and_temperature(
    M: int, V: int, H: int, T: float, dtype: torch.dtype, backend: str, device: str
) -> None:
    hidden, weight, targets = data(M, V, H, dtype, device)
    got = linear_logprob(hidden, weight, targets, temperature=T, backend=backend)
    assert got.logprob.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    assert_close(got, exact(hidden, weight, targets, T), within=1e-14 if dtype == torch.float64 else 2e-6)


def test_a_vocabulary_of_one_token_is_certain(backend: str, device: str) -> None:
    hidden, weight, targets = data(3, 1, 16, torch.float32, device)
    got = linear_logprob(hidden, weight, targets, backend=backend)
    assert got.logprob.tolist() == got.entropy.tolist() == [0.0] * 3


def test_a_real_vocabulary(backend: str, device: str) -> None:
    hidden, weight, targets = data(4, 151_936, 32, torch.bfloat16, device)
    got = linear_logprob(hidden, weight, targets, backend=backend)
    # Absolute, as the target has it: torch's own float32 entropy is 6e-6 off relatively.
    for name, value in zip(("logprob", "entropy", "logsumexp"), exact(hidden, weight, targets), strict=True):
        assert (getattr(got, name).double() - value).abs().max() <= (2e-5 if backend == "triton" else 1e-4), name


def test_each_token_may_have_its_own_temperature(backend: str, device: str) -> None:
    hidden, weight, targets = data(13, 257, 16, torch.float32, device)
    temperature = torch.rand(13, device=device) + 0.3
    got = linear_logprob(hidden, weight, targets, temperature=temperature, chunk=5, backend=backend)
    assert_close(got, exact(hidden, weight, targets, temperature))


@pytest.mark.parametrize("offset", [1024.0, -1024.0, -65536.0])
def test_logits_far_from_zero_lose_nothing(offset: float, backend: str, device: str) -> None:
    """A running maximum that starts at 0 takes the logarithm of 0 when all logits are far below it."""
    hidden = torch.randint(-8, 9, (6, 16), device=device).float() / 4  # products are exact in float32
    weight = torch.randint(-8, 9, (300, 16), device=device).float() / 4
    hidden[:, 0], weight[:, 0] = 1, offset
    targets = torch.randint(0, 300, (6,), device=device)
    got = linear_logprob(hidden, weight, targets, backend=backend)
    want = exact(hidden, weight, targets)
    if backend == "triton":
        assert_close(got, want)
    else:
        assert_close(got, want, within=2e-6 * abs(offset))


def test_a_near_certain_token(backend: str, device: str) -> None:
    """p from 0.99 to 1 - 1e-7, whose complement a rounding to bfloat16 would lose."""
    hidden = tensor([5.0, 8.0, 12.0, 16.0, 30.0], device=device)[:, None]
    weight = torch.zeros(3, 1, device=device)
    weight[1] = 1
    got = linear_logprob(hidden, weight, torch.ones(5, dtype=torch.long, device=device), backend=backend)
    want = exact(hidden, weight, torch.ones(5, dtype=torch.long, device=device))
    torch.testing.assert_close(got.logprob.double(), want[0], atol=2e-7, rtol=1e-6)
    torch.testing.assert_close(got.entropy.double(), want[1], atol=2e-6, rtol=1e-6)


def test_an_impossible_token_takes_nothing(backend: str, device: str) -> None:
    hidden, weight, targets = data(5, 40, 16, torch.float32, device)
    bias = torch.randn(40, device=device)
    bias[7], targets[1] = -INF, 7
    got = linear_logprob(hidden, weight, targets, bias=bias, softcap=None, backend=backend)
    want = exact(hidden, weight, targets, bias=bias.double())
    assert got.logprob[1] == -INF
    rest = [0, 2, 3, 4]
    assert error(got.logprob[rest], want[0][rest]) <= 2e-6
    assert error(got.entropy, want[1]) <= 2e-6


@pytest.mark.parametrize("softcap", [5.0, 30.0])
def test_soft_capped_logits(softcap: float, backend: str, device: str) -> None:
    hidden, weight, targets = data(9, 257, 16, torch.float32, device, spread=20)
    got = linear_logprob(hidden, weight, targets, softcap=softcap, temperature=0.7, backend=backend)
    assert_close(got, exact(hidden, weight, targets, 0.7, softcap=softcap))


def test_a_padded_vocabulary_is_not_counted(backend: str, device: str) -> None:
    """Rows that pad the table counted as exp(0) once ruined rewards."""
    hidden, weight, targets = data(6, 250, 16, torch.float32, device)
    padded = torch.cat([weight, torch.full((6, 16), float("nan"), device=device)])
    got = linear_logprob(hidden, padded, targets, vocab_size=250, backend=backend)
    plain = linear_logprob(hidden, weight, targets, backend=backend)
    assert_close(got, (plain.logprob, plain.entropy, plain.logsumexp), within=1e-7)


def test_a_target_outside_the_vocabulary_is_nan_and_hurts_no_other(backend: str, device: str) -> None:
    hidden, weight, targets = data(4, 20, 16, torch.float32, device)
    outside = targets.clone()
    outside[1], outside[2] = -100, 20
    got = linear_logprob(hidden, weight, outside, backend=backend)
    assert got.logprob.isnan().tolist() == [False, True, True, False]
    assert_close(linear_logprob(hidden, weight, targets, backend=backend), exact(hidden, weight, targets))
    assert error(got.entropy, exact(hidden, weight, targets)[1]) <= 2e-6


def test_a_logit_that_is_not_a_number_is_not_lost(backend: str, device: str) -> None:
    """One broken row of the weight breaks every distribution, though nobody asks for that token."""
    hidden, weight, targets = data(4, 2050, 16, torch.float32, device)
    weight[2049] = float("nan")
    got = linear_logprob(hidden, weight, targets.clamp(max=2000), backend=backend)
    assert got.logprob.isnan().all() and got.entropy.isnan().all() and got.logsumexp.isnan().all()


def test_chunks_and_order_do_not_matter(backend: str, device: str) -> None:
    hidden, weight, targets = data(33, 100, 16, torch.float32, device)
    whole = linear_logprob(hidden, weight, targets, backend=backend)
    again = linear_logprob(hidden, weight, targets, backend=backend)
    for name in ("logprob", "entropy", "logsumexp"):
        assert torch.equal(getattr(whole, name), getattr(again, name))
    parts = linear_logprob(hidden, weight, targets, chunk=7, backend=backend)
    assert_close(parts, (whole.logprob, whole.entropy, whole.logsumexp), within=1e-6)
    order = torch.randperm(33, device=device)
    turned = linear_logprob(hidden[order], weight, targets[order], backend=backend)
    assert_close(turned, (whole.logprob[order], whole.entropy[order], whole.logsumexp[order]), within=1e-6)


def test_more_rows_than_programs(device: str) -> None:
    """Past 65,535 rows on a GPU, where a grid may have no more along its second axis."""
    rows = 540 if device == "cpu" else 70_000
    hidden, weight, targets = data(rows, 17, 16, torch.float32, device)
    got = linear_logprob(hidden, weight, targets, backend="triton")
    assert error(got.logprob, exact(hidden, weight, targets)[0]) <= 2e-6


def test_rows_past_the_reach_of_32_bits(device: str, tmp_path: Path) -> None:
    """The third row begins at element 2**31 of a file with holes, which takes no room."""
    stride, vocabulary, room = 2**30, 100, 128
    if device == "cpu":
        (tmp_path / "holes").touch()
        flat = torch.from_file(str(tmp_path / "holes"), shared=True, size=2 * stride + room)
    else:
        flat = torch.zeros(2 * stride + room, device=device)
    logits = flat.as_strided((3, vocabulary), (stride, 1))
    logits.copy_(torch.randn(3, vocabulary))
    rows = Rows(tensor([3, 99, 0], device=device), torch.ones(1, device=device), None)
    statistics = RowStatistics.empty(3, logits.dtype, logits.device)
    write_statistics(logits, rows, statistics)
    want = logits.double().log_softmax(-1)
    assert error(statistics.logprob, want[[0, 1, 2], [3, 99, 0]]) <= 2e-6
    write_gradient(logits, rows, statistics, torch.ones(3, device=device), None, logits)
    assert error(logits, torch.nn.functional.one_hot(rows.targets, vocabulary) - want.exp()) <= 2e-6


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize(("M", "V", "H", "T"), [(1, 17, 16, 1.0), (130, 300, 96, 0.3), (9, 1000, 72, None)])
def test_without_ever_writing_logits(M: int, V: int, H: int, T: float | None, dtype: torch.dtype, device: str) -> None:
    hidden, weight, targets = data(M, V, H, dtype, device)
    temperature = torch.rand(M, device=device) + 0.5 if T is None else T
    got = linear_logprob(hidden, weight, targets, temperature=temperature, form="fused", backend="triton")
    assert_close(got, exact(hidden, weight, targets, temperature))
    again = linear_logprob(hidden, weight, targets, temperature=temperature, form="fused", backend="triton")
    assert torch.equal(got.logprob, again.logprob)


@pytest.mark.parametrize("offset", [1024.0, -65536.0])
def test_without_writing_logits_far_from_zero(offset: float, device: str) -> None:
    hidden = (torch.randint(-8, 9, (6, 16), device=device).float() / 4).bfloat16()
    weight = (torch.randint(-8, 9, (300, 16), device=device).float() / 4).bfloat16()
    hidden[:, 0], weight[:, 0] = 1, offset
    targets = torch.randint(0, 300, (6,), device=device)
    targets[5] = -100
    got = linear_logprob(hidden, weight, targets, form="fused", backend="triton")
    want = exact(hidden, weight, targets)
    assert got.logprob[5].isnan()
    assert error(got.logprob[:5], want[0][:5]) <= 2e-6
    assert error(got.entropy, want[1]) <= 2e-6


def test_without_writing_logits_one_that_is_not_a_number_is_not_lost(device: str) -> None:
    hidden, weight, targets = data(4, 300, 16, torch.bfloat16, device)
    weight[299] = float("nan")
    got = linear_logprob(hidden, weight, targets.clamp(max=200), form="fused", backend="triton")
    assert got.logprob.isnan().all() and got.entropy.isnan().all() and got.logsumexp.isnan().all()


def test_no_tokens_are_no_log_probs(backend: str, device: str) -> None:
    hidden, weight, targets = data(0, 20, 16, torch.float32, device)
    assert linear_logprob(hidden, weight, targets, backend=backend).logprob.shape == (0,)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"vocab_size": 21}, "vocab_size=21: the weight has 20 rows"),
        ({"bias": torch.zeros(19)}, r"bias of \[19\]"),
        ({"form": "fused", "softcap": 30.0}, "takes neither bias nor softcap"),
        ({"softcap": 0.0}, r"softcap=0\.0"),
        ({"temperature": 0.0}, r"temperature=0\.0"),
        ({"temperature": torch.ones(3)}, "one number, or one for each of 4 tokens"),
        ({"weight": torch.zeros(20, 8)}, r"hidden \[4, 16\] and weight \[20, 8\]"),
        ({"weight": torch.zeros(20, 16).half()}, "cast one of them"),
        ({"targets": torch.zeros(4, dtype=torch.int32)}, r"torch\.int32: want \[4\] int64"),
    ],
)
def test_what_cannot_be_is_refused_by_name(changes: dict[str, Any], said: str, backend: str) -> None:
    hidden, weight, targets = data(4, 20, 16, torch.float32, "cpu")
    with pytest.raises(ValueError, match=said):
        linear_logprob(**({"hidden": hidden, "weight": weight, "targets": targets} | changes), backend=backend)
