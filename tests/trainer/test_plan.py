"""`assay plan`: arithmetic worked by hand, memory against the real thing, each mistake by its line and exit code."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import tiny
import torch
from test_cli import RECIPE, ROOT
from test_cli import fails as fails_as_a_command
from torch.utils._pytree import tree_leaves
from transformers import CONFIG_MAPPING, AutoModelForCausalLM, Qwen2Config

from trainer import fresh, memory, probe
from trainer.batch import Row
from trainer.checkpoint import HostCopy
from trainer.cli.main import main
from trainer.config.learning import OptimConfig
from trainer.config.model import ModelConfig
from trainer.config.recipe import read_config
from trainer.out_of_memory import MicroBatches, OutOfMemory
from trainer.policy import Policy
from trainer.preset import PRESETS
from trainer.record import RunDirectory
from trainer.settings import ConfigError

Fails = Callable[..., None]
"""Checks a command's exit code, and that it says one line on stderr with this message in it."""

HUGE = ("steps=1000000000", "checkpoints.keep=1000000000")
PLAIN = ("sandbox.kind=process", "sampling.sampler=plain")


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a recipe and its problems, which is the current one."""
    (tmp_path / "own.toml").write_text(RECIPE)
    tiny.write_problems(tmp_path / "train.jsonl", 20)
    tiny.write_problems(tmp_path / "held_out.jsonl", 5, held_out=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def ended(*arguments: str) -> int:
    """The exit code of the command, run in this process: loading torch for each would take most of the time."""
    try:
        return main(["plan", *arguments])
    except SystemExit as end:
        return int(str(end.code))


def planned(*arguments: str) -> dict[str, Any]:
    """What `assay plan` writes for programs; it must end well and leave nothing else behind."""
    before = sorted(Path().rglob("*"))
    assert ended(*arguments, "--json", "plan.json") == 0
    assert sorted(Path().rglob("*")) == sorted([*before, Path("plan.json")])
    found: dict[str, Any] = json.loads(Path("plan.json").read_text())
    return found


@pytest.fixture
def fails(capsys: pytest.CaptureFixture[str]) -> Fails:
    def check(code: int, message: str, *arguments: str) -> None:
        capsys.readouterr()  # what saving a model shows of its progress is not the command's
        found = ended(*arguments)
        said = capsys.readouterr().err
        assert (found, len(said.strip().splitlines())) == (code, 1), said
        assert message in said, said

    return check


def test_the_arithmetic_of_the_quickstart() -> None:
    plan = planned("quickstart", "--no-probe", "sandbox.kind=process")
    step, totals, prompts = plan["step"], plan["totals"], plan["prompts"]
    assert (step["problems"], step["group"], step["sequences"]) == (32, 16, 512)
    assert (step["updates"], step["sequences_per_update"]) == (4, 128)
    assert step["completion_tokens"] == 512 * 72
    assert step["prompt_tokens"] == round(512 * prompts["mean"])
    rows = 16384 // (prompts["longest"] + 72)  # of one micro-batch
    assert step["micro_batches_per_update"] == -(-128 // rows)
    assert totals["updates"] == 110 * 4
    assert totals["sequences"] == 56_320
    assert totals["epochs"] == 1.0  # 110 steps of 32 problems are its 3520
    assert totals["supervised_completions"] == (800 + 50) * 32
    # Full ones after each of two stages and at the end, of 900 problems, 4 sampled and 1 greedy; brief ones of 150
    # problems at steps 20, 40, 60, 80 and 100.
    assert (totals["evaluations"], totals["evaluation_sequences"]) == (3, 3 * 900 * 5 + 5 * 150)
    assert sum(counts["train"] for counts in plan["verifiers"].values()) == 3520
    assert {counts["held_out"] for counts in plan["verifiers"].values()} == {300}
    assert plan["forecast"]["fits"] and plan["forecast"]["sampler"]["cache"] == 512 * 128 * 1024


def test_settings_say_where_they_come_from() -> None:
    plan = planned("own.toml", "--no-probe", *PLAIN, "optim.lr=3e-6", "steps=2", "sft.0.optim.warmup=5")
    settings = {one["name"]: (one["value"], one["source"], one["differs"]) for one in plan["settings"]}
    assert settings["optim.lr"] == (3e-6, "override", True)
    assert settings["problems"] == (2, "file", True)
    assert settings["steps"] == (2, "override", True)
    assert settings["seed"] == (1, "default", False)
    assert settings["sft.0.batch"] == (4, "file", True)
    assert settings["sft.0.optim.warmup"] == (5, "override", False)  # the same as the default
    assert settings["sandbox.kind"] == ("process", "override", True)


def test_a_local_model_is_measured_without_its_weights(place: Path) -> None:
    policy = tiny.policy()
    policy.save(place / "model")
    (place / "model" / "model.safetensors").rename(place / "model" / "pytorch_model.bin")
    (place / "model" / "pytorch_model.bin").write_bytes(b"")  # what only a run reads
    tables = RECIPE.split("[data]")[1].split("[[sft]]")[0]
    (place / "local.toml").write_text(f'steps = 2\nproblems = 2\n[model]\npath = "./model"\n[data]{tables}')
    plan = planned("local.toml", "--no-probe", *PLAIN, "sampling.max_new_tokens=16")
    rows = [json.loads(line) for line in (place / "train.jsonl").read_text().splitlines()]
    lengths = [len(policy.codec.encode_prompt(row["prompt"])) for row in rows]
    assert (plan["prompts"]["longest"], plan["prompts"]["mean"]) == (max(lengths), sum(lengths) / 20)
    assert plan["context"] == tiny.MODEL.context
    number = sum(weight.numel() for weight in policy.model.parameters())
    update = plan["forecast"]["update"]
    assert update["parameters"] == number
    assert (update["gradients"], update["optimizer"]) == (4 * number, 2 * 4 * number)
    assert plan["forecast"]["sampler"] == {"weights": 0, "working": 0, "cache": 0, "cache_tokens": 0}


@pytest.mark.parametrize(("dtype", "muon_lr"), [("float32", None), ("float32", 1e-3), ("bfloat16", None)])
def test_an_update_on_fake_tensors_takes_what_a_real_one_takes(dtype: Any, muon_lr: float | None) -> None:
    """Byte for byte in what the optimizer keeps, and but for the indices of a batch in what is live at a time."""
    policy, optim = fresh.make(tiny.MODEL, tiny.TEXTS, seed=0, dtype=dtype), OptimConfig(lr=1e-3, muon_lr=muon_lr)
    optimizer = policy.begin(optim, steps=3)
    rows = [Row([1] * 20, [2] * 30, (-1.0) ** index, old_logprobs=[0.0] * 30) for index in range(16)]
    with memory.Ledger() as ledger:
        policy.update(rows, PRESETS["dapo"], step=0, temperature=1.0, max_tokens=8 * 50)
    shape = memory.Shape(8, 50, 8 * 30)
    forecast = memory.of_update(policy.model.config, ModelConfig(path="", dtype=dtype), optim, shape, device="cpu")
    state = optimizer.state_dict()
    moments = [value for inner in state["optimizers"] for one in inner["state"].values() for value in one.values()]
    assert forecast.optimizer == sum(4 * kept.numel() for kept in (*moments, *state["masters"]) if kept.ndim)
    copied = HostCopy().take((policy.model.state_dict(), state))
    tensors = {part.data_ptr(): part for part in tree_leaves(copied) if isinstance(part, torch.Tensor)}
    assert forecast.copy == pytest.approx(sum(part.nbytes for part in tensors.values()), rel=1e-3)
    real = ledger.peak - forecast.gradients  # which the first of the two micro-batches made
    assert forecast.activations + forecast.head == pytest.approx(real, rel=0.1)


SMALL = {
    "vocab_size": 320, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2,
    "num_key_value_heads": 1, "max_position_embeddings": 256,
}  # fmt: skip


@pytest.mark.parametrize(
    ("family", "settings"),
    [("gemma2", {"head_dim": 16, "attn_logit_softcapping": 0.5}),
     ("qwen3_moe", {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 32})],
)  # fmt: skip
def test_scores_that_are_kept_and_experts_are_in_the_forecast(family: str, settings: dict[str, int]) -> None:
    """A model that cannot be packed keeps its attention's scores; fake tensors have no products of experts."""
    model = AutoModelForCausalLM.from_config(CONFIG_MAPPING[family](**SMALL, **settings))
    policy, optim = Policy(model, tiny.policy().tokenizer), OptimConfig(lr=1e-3)
    policy.begin(optim, steps=3)
    rows = [Row([1] * 60, [2] * 90, (-1.0) ** index, old_logprobs=[0.0] * 90) for index in range(16)]
    with memory.Ledger() as ledger:
        policy.update(rows, PRESETS["dapo"], step=0, temperature=1.0, max_tokens=8 * 150)
    shape = memory.Shape(8, 150, 8 * 90)
    forecast = memory.of_update(
        model.config, ModelConfig(path="", dtype="float32"), optim, shape, device="cpu", has_reference=True
    )
    assert forecast.activations + forecast.head == pytest.approx(ledger.peak - forecast.gradients, rel=0.1)
    assert forecast.reference == forecast.weights == forecast.copy - forecast.optimizer


QWEN_7B = Qwen2Config(
    vocab_size=152064,
    hidden_size=3584,
    intermediate_size=18944,
    num_hidden_layers=28,
    num_attention_heads=28,
    num_key_value_heads=4,
    tie_word_embeddings=False,
)
"""Qwen2.5-7B."""


def test_a_model_of_seven_billion_weights_is_forecast_without_loading_it() -> None:
    layer = (3584 + 1) * (3584 + 2 * 512) + 3584**2 + 3 * 3584 * 18944 + 2 * 3584
    number = 2 * 152064 * 3584 + 28 * layer + 3584
    halves, shape = ModelConfig(path="", dtype="bfloat16"), memory.Shape(1, 2048, 1024)
    found = memory.of_update(QWEN_7B, halves, OptimConfig(), shape, device="cuda")
    assert found.parameters == number == 7_615_616_512
    assert (found.gradients, found.optimizer, found.allocator) == (4 * number, 12 * number, 0)
    recomputed = memory.of_update(
        QWEN_7B, halves.model_copy(update={"gradient_checkpointing": True}), OptimConfig(), shape, device="cuda"
    )
    assert recomputed.activations < 0.1 * found.activations
    assert recomputed.activations > 28 * 2048 * 3584 * 2, "of each layer at least its input"
    head = (4 + 2) * 152064 * 3584  # its gradient in float32, and rounded
    assert found.head == pytest.approx(head + 2 * 1024 * 3584, rel=1e-3)


def test_on_a_gpu_the_sampler_takes_its_share_and_what_is_left_of_it_is_cache() -> None:
    device = memory.Device("cuda:0 (made up)", "cuda", capacity=80 * 2**30, free=80 * 2**30)
    found = memory.of_vllm(
        QWEN_7B, dtype="bfloat16", device=device, context=4096, sequences=256, longest=4096, share=0.5, cache_gib=1
    )
    assert found.weights == 2 * 7_615_616_512
    assert found.total == 40 * 2**30
    assert found.cache_tokens == found.cache // (2 * 28 * 4 * 128 * 2)  # keys and values of 4 heads of 128 in bfloat16


def test_on_a_cpu_the_cache_is_for_the_longest_sequences_all_at_once_or_as_much_as_it_may_be() -> None:
    token = 2 * 28 * 4 * 128 * 2
    common = {"dtype": "bfloat16", "context": 4096, "sequences": 10}
    assert memory.cpu_cache(QWEN_7B, longest=1000, gib=4, **common) == 10 * 1024 * token  # in blocks of 128 tokens
    assert memory.cpu_cache(QWEN_7B, longest=4096, gib=1, **common) == 2**30
    assert memory.cpu_cache(QWEN_7B, longest=100, gib=4, **common) == (4096 + 128) * token  # one that fills the context


CHILD = """
import sys
from trainer.cli.process import prepare_process
prepare_process()
import torch
from trainer import fresh, memory, probe
from trainer.batch import Row
from trainer.checkpoint import HostCopy
from trainer.config.learning import OptimConfig
from trainer.config.model import FreshModel, ModelConfig
from trainer.preset import PRESETS

torch.set_num_threads(1)

def status(name):
    [line] = [line for line in open("/proc/self/status") if line.startswith(name)]
    return int(line.split()[1]) * 1024

def update(model, rows):
    policy = fresh.make(model, ["user\\nassistant\\n"], seed=0)
    policy.begin(OptimConfig(), steps=2)
    rows = [Row([1] * 60, [1] * 140, (-1.0) ** row, old_logprobs=[0.0] * 140) for row in range(rows)]
    copy = HostCopy()
    for step in range(2):
        policy.update(rows, PRESETS["dapo"], step=step, temperature=1.0, max_tokens=4000)
        copy.take((policy.model.state_dict(), policy.optimizer.state_dict()))
    return policy

update(FreshModel(hidden=32, layers=1, heads=1, key_value_heads=1), 4)  # what the libraries take the first time
before = status("VmRSS")
open("/proc/self/clear_refs", "w").write("5")  # the peak starts again from here
policy = update(FreshModel(hidden=256, layers=4, heads=4, key_value_heads=2, intermediate=768), 60)
real = status("VmHWM") - before
shape = memory.Shape(20, 200, 20 * 140)
print(real, memory.of_update(policy.model.config, ModelConfig(path=""), OptimConfig(), shape, device="cpu").total)
"""


def test_the_memory_forecast_is_within_30_percent_of_the_real_peak() -> None:
    command = [sys.executable, "-c", CHILD]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    real, forecast = map(int, done.stdout.split())
    assert forecast == pytest.approx(real, rel=0.3), f"forecast {forecast >> 20} MiB, real {real >> 20} MiB"


def test_a_probe_says_what_it_measured_and_what_follows() -> None:
    plan = planned("own.toml", *PLAIN)
    speed, estimate, step = plan["speed"], plan["estimate"], plan["step"]
    assert speed["sampler"].startswith("plain")
    assert (speed["sampled_sequences"], speed["learned_sequences"]) == (8, 8)  # a whole step of a model this small
    sampling = step["completion_tokens"] / speed["sample_tokens_per_second"]
    learning = (step["completion_tokens"] + step["prompt_tokens"]) / speed["learn_tokens_per_second"]
    assert estimate["step"] == pytest.approx(sampling + learning)
    assert estimate["total"] == pytest.approx(2 * estimate["step"] + estimate["supervised"] + estimate["evaluation"])


def test_held_out_problems_that_are_trained_on_are_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    assert ended("own.toml", "--no-probe", *PLAIN) == 0
    assert "held-out problems have" not in capsys.readouterr().out
    assert ended("own.toml", "--no-probe", *PLAIN, "eval.data.path=train.jsonl") == 0
    assert "20 of 20 held-out problems have the prompt of one that is trained on" in capsys.readouterr().out


def test_prompts_that_are_too_long_are_counted(place: Path, fails: Fails) -> None:
    long = {"id": "long", "prompt": "1+" * 300, "verifier": "math", "spec": {"answer": "1"}, "completion": "1"}
    for file in ("train.jsonl", "held_out.jsonl"):
        with (place / file).open("a") as lines:
            lines.write(json.dumps(long) + "\n")
    plan = planned("own.toml", "--no-probe", *PLAIN, "max_prompt_tokens=400")
    assert (plan["prompts"]["total"], plan["prompts"]["too_long"], plan["prompts"]["held_out_too_long"]) == (21, 1, 1)
    arguments = ("own.toml", "--no-probe", *PLAIN, "max_prompt_tokens=400", "long_prompts=refuse")
    fails(2, "data: 1 of 21 prompts have more than 400 tokens (1 of ", *arguments)


def test_sources_have_their_shares_and_dynamic_sampling_its_rounds(place: Path) -> None:
    tiny.write_problems(place / "other.jsonl", 10, seed=5)
    (place / "mixed.toml").write_text(
        RECIPE.replace("[data]", "[[data]]\nweight = 3").replace(
            "[[sft]]", '[[data]]\nname = "jsonl"\npath = "other.jsonl"\n[[sft]]'
        )
    )
    plan = planned("mixed.toml", "--no-probe", *PLAIN, "problems=8", "steps=5", "dynamic.max_rounds=4")
    assert plan["sources"] == [  # 40 problems are asked for: 30 of 20, and 10 of 10
        {"name": "train", "problems": 20, "share": 0.75, "epochs": 1.5},
        {"name": "other", "problems": 10, "share": 0.25, "epochs": 1.0},
    ]
    assert (plan["step"]["sequences"], plan["step"]["sampled"]) == (8 * 4, 8 * 4 * 4)
    settings = {one["name"]: one["source"] for one in plan["settings"]}
    assert (settings["data.0.weight"], settings["data.1.weight"]) == ("file", "default")
    assert settings["dynamic.max_rounds"] == "override"


MISTAKES: Sequence[tuple[str, Sequence[str]]] = [
    ("own.toml: optim.learning_rate: no such setting", ["optim.learning_rate=1"]),
    ("own.toml: sampling.group: Input should be greater than or equal to 2; found 1", ["sampling.group=1"]),
    ("nowhere: no such file", ["data.path=nowhere"]),
    ("data: every prompt of train has more than max_prompt_tokens = 1", ["max_prompt_tokens=1"]),
    ("do not fit the model's context of 512", ["sampling.max_new_tokens=500"]),
    (
        "lower micro_batch_tokens to ",
        ["model.fresh.hidden=8192", "sampling.group=512", "sampling.max_new_tokens=400", "micro_batch_tokens=1000000"],
    ),
    ("lower checkpoints.keep", HUGE),
    ("sft.base: train has no completions in style 'hasty'", ["sft.0.styles.worked=0.5", "sft.0.styles.hasty=0.5"]),
    ("model.compile: torch.compile is turned off on a CPU", ["model.compile=true"]),
    ("there is no folder nowhere", ["--json", "nowhere/plan.json"]),
]


@pytest.mark.parametrize(("message", "arguments"), MISTAKES)
def test_a_mistake_ends_here(message: str, arguments: Sequence[str], fails: Fails) -> None:
    fails(2, message, "own.toml", "--no-probe", *PLAIN, *arguments)


def test_a_cache_that_vllm_would_refuse(fails: Fails) -> None:
    arguments = ("sandbox.kind=process", "model.fresh.context=10000000")
    fails(2, "the sampler's cache of ", "own.toml", "--no-probe", *arguments)


def test_sleep_without_a_gpu(fails: Fails) -> None:
    fails(2, "sampling.sleep: needs a GPU", "own.toml", "--no-probe", "sandbox.kind=process", "sampling.sleep=true")


def test_a_missing_model(place: Path, fails: Fails) -> None:
    tables = RECIPE.split("[data]")[1].split("[[sft]]")[0]
    (place / "local.toml").write_text(f'steps = 2\n[model]\npath = "./nowhere"\n[data]{tables}')
    fails(2, "model: cannot load './nowhere'", "local.toml", *PLAIN)


def test_a_model_without_weights(place: Path, fails: Fails) -> None:
    tiny.policy().save(place / "model")
    (place / "model" / "model.safetensors").unlink()
    tables = RECIPE.split("[data]")[1].split("[[sft]]")[0]
    (place / "local.toml").write_text(f'steps = 2\n[model]\npath = "./model"\n[data]{tables}')
    arguments = ("local.toml", "--no-probe", *PLAIN, "sampling.max_new_tokens=16")
    fails(2, "model: ./model has no weights", *arguments)


def test_a_model_whose_weights_are_not_whole_or_whose_tokenizer_is_missing(place: Path, fails: Fails) -> None:
    tiny.policy().save(place / "model")
    tables = RECIPE.split("[data]")[1].split("[[sft]]")[0]
    (place / "local.toml").write_text(f'steps = 2\n[model]\npath = "model"\n[data]{tables}')
    arguments = ("local.toml", "--no-probe", *PLAIN, "sampling.max_new_tokens=16")
    assert "no chat template" not in planned(*arguments)["model"]
    (place / "plan.json").unlink()
    (place / "model" / "chat_template.jinja").unlink()
    assert "no chat template: prompts are given to it as they stand" in planned(*arguments)["model"]
    weights = place / "model" / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-1])
    fails(2, "model: model/model.safetensors: is not whole (", *arguments)
    with pytest.raises(ConfigError, match=r"model: cannot load 'model': .*incomplete"):
        Policy.load("model", dtype="float32")
    weights.write_bytes(whole)
    index = place / "model" / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"a": "model.safetensors", "b": "model-00002.safetensors"}}))
    fails(2, "model: model/model-00002.safetensors: no such file, and model.safetensors.index.json", *arguments)
    index.unlink()
    for file in (place / "model").glob("tokenizer*"):
        file.unlink()
    fails(2, "model: model has no tokenizer in it", *arguments)
    with pytest.raises(ConfigError, match="model: model has no tokenizer in it"):
        Policy.load("model", dtype="float32")


def test_a_probe_that_runs_out_of_memory_goes_on_in_smaller_micro_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "SECONDS", 1e6)  # however busy the machine is, it comes to a whole update
    config, _ = read_config("own.toml", PLAIN)
    prompts, said = [[1, 2, 3]] * config.problems, list[str]()  # rows of 3 + 16 tokens
    micro_batches = MicroBatches(4 * 19, said.append)
    little = tiny.with_little_memory(tiny.policy(), 60)
    assert probe._learning(config, little, prompts, micro_batches)[0] == config.completions
    assert said == ["out of memory with micro-batches of 76 tokens: once more with 38"]
    too_little = tiny.with_little_memory(tiny.policy(), 18)
    with pytest.raises(OutOfMemory, match="with a single row of 19 tokens"):
        probe._learning(config, too_little, prompts, micro_batches)


def test_a_broken_problem_line_and_a_broken_spec(place: Path, fails: Fails) -> None:
    broken = {"id": "x", "prompt": "?", "verifier": "code", "spec": {"kind": "stdoi"}, "completion": ""}
    with (place / "train.jsonl").open("a") as file:
        file.write(json.dumps(broken) + "\n")
    fails(2, "train.jsonl:21: problem x: ", "own.toml", "--no-probe", *PLAIN)
    with (place / "train.jsonl").open("a") as file:
        file.write("{broken\n")
    fails(2, "train.jsonl:22: not JSON", "own.toml", "--no-probe", *PLAIN)


def test_every_mistake_has_a_line_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    assert ended("own.toml", *PLAIN, "model.fresh.hidden=65536", "model.fresh.layers=20", "max_prompt_tokens=1") == 2
    said = capsys.readouterr()
    prompts, memory_, disk = said.err.splitlines()
    assert "every prompt of train has more than max_prompt_tokens = 1" in prompts
    assert "train a smaller model, or an adapter alone ([model.lora])" in memory_, "shorter completions do not help"
    assert "lower checkpoints.keep" in disk
    assert "a step" in said.out, "the page is printed all the same"


def test_a_run_directory_that_is_taken(fails: Fails) -> None:
    config, text = read_config("own.toml", PLAIN)
    with RunDirectory.open(Path("runs"), config, text):
        fails(2, "runs/own: another process is training this run", "own.toml", *PLAIN)
    start, learned = (Path(f"runs/own/checkpoints/{name}/config.json") for name in ("start", "base"))
    start.parent.mkdir()
    start.write_text("{}")
    assert ended("own.toml", "--no-probe", *PLAIN, "steps=9") == 0, "with no more than a start there is nothing to lose"
    learned.parent.mkdir()
    learned.write_text("{}")
    other = "runs/own: an unfinished run with other settings is there (steps was 2, is now 9)"
    fails(2, other, "own.toml", "--no-probe", *PLAIN, "steps=9")
    assert ended("own.toml", "--no-probe", *PLAIN) == 0


def test_vllm_that_is_missing(place: Path) -> None:
    (place / "sitecustomize.py").write_text("import sys\nsys.modules['vllm'] = None\n")
    arguments = ("plan", "own.toml", "sandbox.kind=process")
    environment = {"PYTHONPATH": f"{place}:{ROOT}"}
    fails_as_a_command(3, "vLLM is not installed: run `make setup`", *arguments, cwd=place, environment=environment)


def test_an_engine_that_does_not_answer(place: Path, fails: Fails, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{place}/no-engine.sock")
    fails(3, "no Docker engine answers", "own.toml", "sampling.sampler=plain", "sandbox.kind=docker")


def test_a_fresh_architecture_is_the_one_that_is_made() -> None:
    policy = tiny.policy()
    tokenizer = fresh.learn_tokenizer(tiny.MODEL, tiny.TEXTS)
    assert fresh.architecture(tiny.MODEL, tokenizer).to_dict() | {"dtype": None} == {
        **policy.model.config.to_dict(),
        "dtype": None,
        "architectures": None,
    }
    assert isinstance(policy, Policy) and policy.model.dtype == torch.float32
