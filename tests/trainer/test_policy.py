"""The update does not depend on how rows are cut up, and learns what it should."""

import copy

import pytest
import tiny
import torch

from trainer.batch import Row, pack
from trainer.config import Objective, OptimConfig
from trainer.policy import Policy, UpdateStats

OPTIM = OptimConfig(lr=1e-2, warmup=0)
CPU = torch.device("cpu")


def rows(policy: Policy) -> list[Row]:
    """Rows of many lengths with old log-probs a little off the policy's."""
    generator = torch.Generator().manual_seed(1)
    made = []
    for length in (3, 9, 4, 1, 12, 6):
        prompt = torch.randint(3, 250, (length,), generator=generator).tolist()
        completion = torch.randint(3, 250, (13 - length,), generator=generator).tolist()
        logprobs = policy.logprobs([[*prompt, *completion]])[0][len(prompt) - 1 :]
        noise = (0.3 * torch.randn(len(logprobs), generator=generator)).tolist()
        old = [value + shift for value, shift in zip(logprobs, noise, strict=True)]
        made.append(Row(prompt, completion, advantage=(-1) ** length * 0.7, old_logprobs=old))
    return made


def updated(start: Policy, learned: list[Row], max_tokens: int, **options: int) -> tuple[UpdateStats, torch.Tensor]:
    policy = copy.deepcopy(start)
    policy.begin(OPTIM, steps=10)
    stats = policy.update(learned, Objective(), step=0, temperature=0.9, max_tokens=max_tokens, **options)
    return stats, torch.cat([weight.flatten() for _, weight in policy.weights()])


@pytest.mark.parametrize("max_tokens", [1, 20, 40])
def test_micro_batches_change_nothing(max_tokens: int) -> None:
    start = tiny.policy()
    whole, weights = updated(start, rows(start), 10_000)
    parts, weights_of_parts = updated(start, rows(start), max_tokens)
    assert parts.loss == pytest.approx(whole.loss, rel=1e-5)
    assert parts.grad_norm == pytest.approx(whole.grad_norm, rel=1e-5)
    assert parts.kl == pytest.approx(whole.kl, rel=1e-4)
    torch.testing.assert_close(weights_of_parts, weights, atol=2e-5, rtol=1e-4)


def test_rows_without_advantage_may_be_left_out_if_they_are_counted() -> None:
    start = tiny.policy()
    live = rows(start)
    idle = [Row([5, 6], [7, 8, 9], advantage=0.0, old_logprobs=[-1.0, -1.0, -1.0])]
    with_idle, _ = updated(start, [*live, *idle], 10_000)
    without, _ = updated(start, live, 10_000, num_tokens=sum(len(row.completion) for row in live) + 3)
    assert without.loss == pytest.approx(with_idle.loss, rel=1e-6)
    assert without.grad_norm == pytest.approx(with_idle.grad_norm, rel=1e-6)


def test_the_loss_is_the_token_mean_of_the_formula() -> None:
    start = tiny.policy()
    learned = rows(start)
    total, tokens = 0.0, 0
    for row in learned:
        ids = torch.tensor([[*row.prompt, *row.completion]])
        with torch.no_grad():
            logits = start.model(ids).logits[0].double() / 0.9
        for at, (token, old) in enumerate(zip(row.completion, row.old_logprobs or [], strict=True)):
            logprob = torch.log_softmax(logits[len(row.prompt) - 1 + at], -1)[token].item()
            ratio = pow(2.718281828459045, logprob - old)
            total -= min(ratio * row.advantage, min(max(ratio, 0.8), 1.2) * row.advantage)
            tokens += 1
    stats, _ = updated(start, learned, 10_000)
    assert stats.loss == pytest.approx(total / tokens, rel=1e-5)


def test_padding_reaches_no_loss_and_no_target() -> None:
    learned = [Row([4, 5], [6, 7, 8]), Row([9], [10])]
    batch = pack(learned, max_tokens=100, pad=0, device=CPU)[0]
    assert batch.tokens.tolist() == [[4, 5, 6, 7, 8], [9, 10, 0, 0, 0]]
    assert batch.is_target.tolist() == [[False, True, True, True, False], [True, False, False, False, False]]


def test_an_update_makes_good_completions_likelier_and_bad_ones_rarer() -> None:
    policy = tiny.policy()
    good, bad = Row([5, 6], [40, 41, 42], 1.0), Row([5, 6], [50, 51, 52], -1.0)
    before = [sum(lp) for lp in policy.logprobs([[5, 6, 40, 41, 42], [5, 6, 50, 51, 52]])]
    policy.begin(OPTIM, steps=10)
    old = [
        Row(r.prompt, r.completion, r.advantage, policy.logprobs([[*r.prompt, *r.completion]])[0][1:])
        for r in (good, bad)
    ]
    policy.update(old, Objective(), step=0, temperature=1.0, max_tokens=100)
    after = [sum(lp) for lp in policy.logprobs([[5, 6, 40, 41, 42], [5, 6, 50, 51, 52]])]
    gained, lost = after[0] - before[0], after[1] - before[1]
    assert gained > 0.1, (before, after)
    assert gained > lost + 0.1, (before, after)


def test_rates_warm_up_and_fall() -> None:
    optimizer = tiny.policy().begin(OptimConfig(lr=1.0, warmup=4, final=0.1), steps=10)
    assert [round(optimizer.factor(step), 4) for step in (0, 3, 5, 10)] == [0.25, 0.73, 0.55, 0.1]
