"""The update does not depend on how rows are cut up, and learns what it should."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path

import pytest
import tiny
import torch
from transformers import (
    CONFIG_MAPPING,
    AutoModelForCausalLM,
    Gemma2Config,
    Gemma2ForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
)

from trainer.batch import Row, pack
from trainer.config.learning import OptimConfig
from trainer.config.model import ModelConfig
from trainer.memory import Ledger
from trainer.policy import Policy, UpdateStats
from trainer.preset import PRESETS, Preset
from trainer.settings import ConfigError
from trainer.text import describe

OPTIM = OptimConfig(lr=1e-2, warmup=0)
CPU = torch.device("cpu")
DAPO = PRESETS["dapo"]


def completed(policy: Policy, prompt: list[int], completion: list[int]) -> list[float]:
    return policy.logprobs([Row(prompt, completion)], temperature=1.0, max_tokens=100)[0]


def rows(policy: Policy) -> list[Row]:
    """Rows of many lengths with old log-probs a little off the policy's; each token of the 43 weighs 1/43."""
    generator = torch.Generator().manual_seed(1)
    made = []
    for length in (3, 9, 4, 1, 12, 6):
        prompt = torch.randint(3, 250, (length,), generator=generator).tolist()
        completion = torch.randint(3, 250, (13 - length,), generator=generator).tolist()
        noise = 0.3 * torch.randn(len(completion), generator=generator)
        old = (torch.tensor(completed(policy, prompt, completion)) + noise).tolist()
        made.append(Row(prompt, completion, (-1) ** length * 0.7, weight=1 / 43, old_logprobs=old))
    return made


def updated(
    start: Policy, learned: list[Row], max_tokens: int, method: Preset = DAPO
) -> tuple[UpdateStats, torch.Tensor]:
    policy = copy.deepcopy(start)
    policy.begin(OPTIM, steps=10)
    stats = policy.update(learned, method, step=0, temperature=0.9, max_tokens=max_tokens)
    return stats, torch.cat([weight.flatten() for _, weight in policy.weights()])


@pytest.mark.parametrize("max_tokens", [1, 20, 40])
@pytest.mark.parametrize("packs", [True, False])
@pytest.mark.parametrize("name", ["dapo", "gspo"])
def test_neither_micro_batches_nor_padding_nor_order_change_anything(max_tokens: int, packs: bool, name: str) -> None:
    start = tiny.policy()
    assert start.packs
    method = replace(PRESETS[name], clip_low=0.2, clip_high=0.2)  # type: ignore[index]
    whole, weights = updated(start, rows(start), 10_000, method)
    other = copy.deepcopy(start)
    if not packs:
        other.packs = False
        other.model.set_attn_implementation("sdpa")
    parts, weights_of_parts = updated(other, rows(start)[::-1], max_tokens, method)
    for field in ("loss", "grad_norm", "entropy", "kl"):
        assert getattr(parts, field) == pytest.approx(getattr(whole, field), rel=1e-6, abs=1e-7), field
    torch.testing.assert_close(weights_of_parts, weights, atol=2e-5, rtol=1e-4)


def test_rows_without_advantage_may_be_left_out() -> None:
    start = tiny.policy()
    live = rows(start)
    idle = [Row([5, 6], [7, 8, 9], advantage=0.0, weight=1 / 43, old_logprobs=[-1.0, -1.0, -1.0])]
    with_idle, _ = updated(start, [*live, *idle], 10_000)
    without, _ = updated(start, live, 10_000)
    assert without.loss == pytest.approx(with_idle.loss, rel=1e-6)
    assert without.grad_norm == pytest.approx(with_idle.grad_norm, rel=1e-6)


def test_the_loss_is_the_token_mean_of_the_formula() -> None:
    start = tiny.policy()
    learned = rows(start)
    total, tokens = 0.0, 0
    for row in learned:
        ids = torch.tensor([[*row.prompt, *row.completion]])
        with torch.no_grad(), start.padded() as model:
            logits = model(ids).logits[0].double() / 0.9
        for at, (token, old) in enumerate(zip(row.completion, row.old_logprobs or [], strict=True)):
            logprob = torch.log_softmax(logits[len(row.prompt) - 1 + at], -1)[token].item()
            ratio = pow(2.718281828459045, logprob - old)
            total -= min(ratio * row.advantage, min(max(ratio, 0.8), 1.28) * row.advantage)
            tokens += 1
    assert tokens == 43
    stats, _ = updated(start, learned, 10_000)
    assert stats.loss == pytest.approx(total / tokens, rel=1e-5)


def test_padding_reaches_no_target() -> None:
    learned = [Row([9], [10]), Row([4, 5], [6, 7, 8])]
    [batch] = pack(learned, max_tokens=100, pad=0, device=CPU)
    assert batch.tokens.tolist() == [[4, 5, 6, 7, 8], [9, 10, 0, 0, 0]]
    assert (batch.places.tolist(), batch.targets.tolist()) == ([1, 2, 3, 5], [6, 7, 8, 10])
    assert (batch.rows, batch.cu_seqlens.tolist()) == ([1, 0], [0, 3, 4])


def test_packed_sequences_lie_one_after_another() -> None:
    learned = [Row([9], [10]), Row([4, 5], [6, 7, 8])]
    [batch] = pack(learned, max_tokens=100, pad=None, device=CPU)
    assert batch.tokens.tolist() == [[4, 5, 6, 7, 8, 9, 10]]
    assert batch.positions is not None and batch.positions.tolist() == [[0, 1, 2, 3, 4, 0, 1]]
    assert (batch.places.tolist(), batch.targets.tolist()) == ([1, 2, 3, 5], [6, 7, 8, 10])


@pytest.mark.parametrize(("pad", "sizes"), [(None, [[5, 5], [4, 4], [3]]), (0, [[5, 5], [4, 4], [3]])])
def test_a_batch_holds_no_more_tokens_than_it_may(pad: int | None, sizes: list[list[int]]) -> None:
    learned = [Row([1], [2] * (length - 1)) for length in (4, 5, 3, 5, 4)]
    batches = pack(learned, max_tokens=10, pad=pad, device=CPU)
    assert [[len(learned[index]) for index in batch.rows] for batch in batches] == sizes


def windowed(size: int) -> Qwen2ForCausalLM:
    torch.manual_seed(0)
    return Qwen2ForCausalLM(
        Qwen2Config(
            vocab_size=320, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
            num_key_value_heads=2, initializer_range=0.3, use_sliding_window=True, sliding_window=size,
            max_window_layers=1,
        )
    )  # fmt: skip


def test_sliding_windows_hold_in_packed_attention() -> None:
    start = tiny.policy()
    packed = Policy(windowed(4), start.tokenizer)
    assert packed.packs
    learned = [Row([5], list(range(40, 40 + length))) for length in (3, 30, 12, 28)]
    found = packed.logprobs(learned, temperature=1.0, max_tokens=1000)
    for row, values in zip(learned, found, strict=True):
        with torch.no_grad(), packed.padded() as model:
            logits = model(torch.tensor([[*row.prompt, *row.completion]])).logits[0, :-1]
        want = torch.log_softmax(logits, -1).gather(1, torch.tensor(row.completion)[:, None]).squeeze(1)
        torch.testing.assert_close(torch.tensor(values), want, atol=1e-5, rtol=1e-5)


def test_a_model_whose_attention_is_another_is_padded_and_still_right() -> None:
    """Gemma 2 caps its attention's scores, and its logits."""
    torch.manual_seed(0)
    config = Gemma2Config(
        vocab_size=320, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=1, head_dim=16, initializer_range=0.6, attn_logit_softcapping=0.5,
        final_logit_softcapping=2.0, sliding_window=4096,
    )  # fmt: skip
    model = Gemma2ForCausalLM(config)
    model.set_attn_implementation("eager")
    policy = Policy(model, tiny.policy().tokenizer)
    assert not policy.packs
    learned = [Row([5, 6], [40, 41, 42]), Row([7], [50, 51, 52, 53, 54, 55])]
    found = policy.logprobs(learned, temperature=0.8, max_tokens=1000)
    for row, values in zip(learned, found, strict=True):
        with torch.no_grad():
            logits = model(torch.tensor([[*row.prompt, *row.completion]])).logits[0, len(row.prompt) - 1 : -1]
        want = torch.log_softmax(logits / 0.8, -1).gather(1, torch.tensor(row.completion)[:, None]).squeeze(1)
        torch.testing.assert_close(torch.tensor(values), want, atol=1e-5, rtol=1e-5)


SMALL = {
    "vocab_size": 320, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2,
    "num_key_value_heads": 1, "initializer_range": 0.6, "max_position_embeddings": 256,
}  # fmt: skip
EXPERTS = {"num_experts": 2, "num_experts_per_tok": 1, "moe_intermediate_size": 32}
WINDOW = {"sliding_window": 8, "head_dim": 16}


@pytest.mark.parametrize(
    ("family", "packs", "settings"),
    [
        ("llama", True, {}),
        ("mistral", True, WINDOW),
        ("gemma3_text", True, {**WINDOW, "query_pre_attn_scalar": 16}),
        ("gemma2", False, {**WINDOW, "attn_logit_softcapping": 0.5}),
        # its windows are in its masks alone, of which packed attention is not told
        ("qwen2_moe", False, {**EXPERTS, "use_sliding_window": True, "sliding_window": 8, "max_window_layers": 2}),
        ("gpt_oss", False, {**WINDOW, "num_local_experts": 2, "num_experts_per_tok": 1}),
        ("bloom", False, {"n_layer": 2, "n_head": 2}),
        # its chunks are in its masks alone; and what makes its states is not where others have it
        (
            "llama4_text",
            False,
            {
                "attention_chunk_size": 8,
                "head_dim": 16,
                "num_local_experts": 2,
                "num_experts_per_tok": 1,
                "intermediate_size_mlp": 48,
                "pad_token_id": 0,
            },
        ),
    ],
)
def test_each_family_has_its_own_attention(family: str, packs: bool, settings: dict[str, int], tmp_path: Path) -> None:
    """Windows, soft caps, sinks and biases are kept, packed or not, far beyond what is tried when it is loaded."""
    torch.manual_seed(0)
    given = {**SMALL, **settings}
    model = AutoModelForCausalLM.from_config(CONFIG_MAPPING[family](**given), attn_implementation="eager")
    model.save_pretrained(tmp_path)
    tiny.policy().tokenizer.save_pretrained(tmp_path)
    policy = Policy.load(str(tmp_path), dtype="float32")
    assert policy.packs == packs
    generator = torch.Generator().manual_seed(3)
    learned = [
        Row([5, 6, 7], torch.randint(3, 250, (length,), generator=generator).tolist()) for length in (40, 37, 20, 2)
    ]
    for row, values in zip(learned, policy.logprobs(learned, temperature=1.0, max_tokens=1000), strict=True):
        with torch.no_grad():
            logits = model(torch.tensor([[*row.prompt, *row.completion]])).logits[0, 2:-1]
        want = logits.log_softmax(-1).gather(1, torch.tensor(row.completion)[:, None]).squeeze(1)
        torch.testing.assert_close(torch.tensor(values), want, atol=1e-4, rtol=1e-4)


def test_the_context_of_a_model_that_also_sees_is_that_of_its_language_model(tmp_path: Path) -> None:
    seen = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 1}
    vision = {**seen, "image_size": 28, "patch_size": 14}
    text = {**SMALL, "head_dim": 16, "pad_token_id": 0, "eos_token_id": 1, "bos_token_id": 2}
    config = CONFIG_MAPPING["gemma3"](text_config=text, vision_config=vision)
    AutoModelForCausalLM.from_config(config).save_pretrained(tmp_path)
    tiny.policy().tokenizer.save_pretrained(tmp_path)
    assert Policy.load(str(tmp_path), dtype="float32").context == describe(str(tmp_path)).context == 256


def test_a_model_that_does_not_say_how_long_its_context_is_is_refused_in_one_line() -> None:
    model = AutoModelForCausalLM.from_config(
        CONFIG_MAPPING["bloom"](vocab_size=320, n_layer=1, n_head=2, hidden_size=32)
    )
    with pytest.raises(ConfigError, match=r"this bloom .*max_position_embeddings") as caught:
        _ = Policy(model, tiny.policy().tokenizer).context
    assert "\n" not in str(caught.value)


def test_a_model_whose_logits_we_do_not_know_how_to_make_is_refused(tmp_path: Path) -> None:
    """It multiplies its logits by what other families divide theirs by."""
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(CONFIG_MAPPING["hyperclovax"](**SMALL, logits_scaling=0.5))
    model.save_pretrained(tmp_path)
    tiny.policy().tokenizer.save_pretrained(tmp_path)
    with pytest.raises(ConfigError, match="hyperclovax"):
        Policy.load(str(tmp_path), dtype="float32")


def test_an_update_makes_good_completions_likelier_and_bad_ones_rarer() -> None:
    policy = tiny.policy()
    prompt, good, bad = [5, 6], [40, 41, 42], [50, 51, 52]
    before = [sum(completed(policy, prompt, completion)) for completion in (good, bad)]
    learned = [
        Row(prompt, completion, advantage, 1 / 6, completed(policy, prompt, completion))
        for completion, advantage in ((good, 1.0), (bad, -1.0))
    ]
    policy.begin(OPTIM, steps=10)
    policy.update(learned, DAPO, step=0, temperature=1.0, max_tokens=100)
    after = [sum(completed(policy, prompt, completion)) for completion in (good, bad)]
    gained, lost = after[0] - before[0], after[1] - before[1]
    assert gained > 0.1, (before, after)
    assert gained > lost + 0.1, (before, after)


def test_imitation_is_the_mean_negative_log_likelihood() -> None:
    policy = tiny.policy()
    learned = [Row([5, 6], [40, 41, 42]), Row([7], [50])]
    values = [lp for row in learned for lp in completed(policy, list(row.prompt), list(row.completion))]
    policy.begin(OPTIM, steps=10)
    loss, _ = policy.imitate(learned, step=0, max_tokens=100)
    assert loss == pytest.approx(-sum(values) / 4, rel=1e-5)
    assert sum(completed(policy, [5, 6], [40, 41, 42])) > sum(values[:3])


def test_rates_warm_up_and_fall() -> None:
    optimizer = tiny.policy().begin(OptimConfig(lr=1.0, warmup=4, final=0.1), steps=10)
    assert [round(optimizer.factor(step), 4) for step in (0, 3, 5, 10)] == [0.25, 0.73, 0.55, 0.1]


def gradients(policy: Policy) -> tuple[float, int, dict[str, torch.Tensor]]:
    """Of one micro-batch: loss, bytes live at most, and the gradient of each weight."""
    optimizer = policy.begin(OptimConfig(lr=1e-9, warmup=0, max_grad_norm=1e9), steps=1)
    found: dict[str, torch.Tensor] = {}
    for name, weight in policy.model.named_parameters():
        weight.register_post_accumulate_grad_hook(lambda w, name=name: found.update({name: w.grad.clone()}))
    learned = [Row(list(range(5, 100)), [30 + n, 40], (-1.0) ** n, 1 / 16, [-5.0, -6.0]) for n in range(8)]
    with Ledger() as ledger:
        loss = policy.update(learned, DAPO, step=0, temperature=1.0, max_tokens=10_000).loss
    optimizer.close()
    return loss, ledger.peak, found


def test_gradient_checkpointing_changes_memory_and_nothing_else() -> None:
    """Though the model's config asks for dropout in training."""
    start = tiny.policy()
    model = windowed(64)
    model.config.attention_dropout = 0.5
    for layer in model.model.layers:
        layer.self_attn.attention_dropout = 0.5
    plain, recomputing = Policy(copy.deepcopy(model), start.tokenizer), Policy(model, start.tokenizer)
    recomputing.prepare(ModelConfig(path="", gradient_checkpointing=True), seed=1)
    loss, live, wanted = gradients(plain)
    other_loss, other_live, found = gradients(recomputing)
    assert other_loss == pytest.approx(loss, rel=1e-6)
    assert found.keys() == wanted.keys()
    for name, gradient in wanted.items():
        torch.testing.assert_close(found[name], gradient, atol=1e-7, rtol=1e-6, msg=name)
    assert other_live < 0.8 * live, (other_live, live)
    assert not any(module.training for module in recomputing.model.modules())


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_compiled_layers_do_the_same_and_are_compiled_once_for_batches_of_all_shapes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A minute: PyTorch writes C++ and has it compiled. Beside gradient checkpointing, too."""
    monkeypatch.setenv("TORCHDYNAMO_DISABLE", "0")
    start = tiny.policy()
    model = windowed(64)
    plain, compiled = Policy(copy.deepcopy(model), start.tokenizer), Policy(model, start.tokenizer)
    compiled.prepare(ModelConfig(path="", compile=True, gradient_checkpointing=True), seed=1)
    of_many_shapes = [[Row([5] * width, [7] * 9, 1.0, 1e-2, [-5.0] * 9) for width in widths]
                      for widths in ((3, 4, 90, 91), (50,), (2, 30, 31, 80, 200), (17, 18, 19))]  # fmt: skip
    for policy in (plain, compiled):
        policy.begin(OPTIM, steps=10)
    for step, learned in enumerate(of_many_shapes):
        found = [policy.update(learned, DAPO, step=step, temperature=1.0, max_tokens=10_000)
                 for policy in (plain, compiled)]  # fmt: skip
        assert found[1].loss == pytest.approx(found[0].loss, rel=1e-5)
        assert found[1].grad_norm == pytest.approx(found[0].grad_norm, rel=1e-4)
        counters = torch._dynamo.utils.counters["frames"]
        if step == 1:  # one sequence alone may be a case of its own
            compiled_so_far = counters["total"]
    assert compiled_so_far > 0
    assert counters["total"] == compiled_so_far


def test_a_missing_compiler_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="TORCHDYNAMO_DISABLE=0"):
        tiny.policy().prepare(ModelConfig(path="", compile=True), seed=1)
    monkeypatch.setenv("TORCHDYNAMO_DISABLE", "0")
    monkeypatch.setenv("CXX", "/nowhere/g++")
    with pytest.raises(ConfigError, match=r"model.compile: there is no compiler /nowhere/g\+\+"):
        tiny.policy().prepare(ModelConfig(path="", compile=True), seed=1)
