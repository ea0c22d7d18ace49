"""Every mistake in a run's settings is one line that says where, what was found and what would be right."""

from pathlib import Path

import pytest

from trainer.config.recipe import read_config, recipes
from trainer.config.run import RunConfig
from trainer.evals.config import read_evals
from trainer.settings import ConfigError

GOOD = """
steps = 1
[model]
path = "some/model"
[data]
name = "jsonl"
"""


def written(folder: Path, text: str) -> str:
    path = folder / "run.toml"
    path.write_text(text)
    return str(path)


def test_a_file_names_its_run_and_overrides_win(tmp_path: Path) -> None:
    config, text = read_config(written(tmp_path, GOOD), ["optim.lr=3e-6", "data.path=x.jsonl", "sandbox.kind=process"])
    assert (config.name, config.optim.lr, config.data[0].path) == ("run", 3e-6, "x.jsonl")
    assert config.sandbox.kind == "process"
    assert text == GOOD


@pytest.mark.parametrize("recipe", sorted(recipes()))
def test_shipped_recipes_are_valid_and_say_what_they_are_in_their_first_line(recipe: str) -> None:
    _, text = read_config(recipe)
    assert text.startswith("# "), text.splitlines()[0]


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["optim.learning_rate=1"], "run.toml: optim.learning_rate: no such setting; [optim] has lr, muon_lr"),
        (["optim.lrr=1"], "did you mean lr?"),
        (["stepz=3"], "run.toml: stepz: no such setting; [top level] has"),
        (["steps=many"], "run.toml: steps: Input should be a valid integer"),
        (["steps=-1"], "run.toml: steps: Input should be greater than or equal to 0; found -1"),
        (["sampling.group=1"], "sampling.group: Input should be greater than or equal to 2; found 1"),
        (["sandbox.kind=dokcer"], "sandbox.kind: Input should be 'auto', 'docker', 'bubblewrap' or 'process'"),
        (["model.fresh.hidden=128"], "model: give either path"),
        (["problems=32", "minibatches=5"], "minibatches: 5 does not divide problems = 32"),
        (["objective.preset=rloo", "problems=32", "minibatches=2"], "minibatches: rloo holds the ratio at 1"),
        (
            ["objective.preset=rloo", "problems=32", "minibatches=2", "objective.correction=token_truncate"],
            "for what an older policy sampled; use 1 minibatch, or another preset",
        ),
        (["objective.preset=rloo", "sampling.max_staleness=1"], "use 0, another preset, or objective.correction"),
        (["sampling.sleep=true", "sampling.sampler=plain"], "sampling: sleep: the plain sampler is the trained model"),
        (["sampling.sleep=true", "sampling.max_staleness=1"], "sampling: sleep: with max_staleness the sampler works"),
        (["optim.lr=inf"], "optim.lr: Input should be a finite number; found inf"),
        (["optim.betas=[0.9, nan]"], "optim.betas.1: Input should be a finite number; found nan"),
        (["optim.betas=[0.9, 1.0]"], "optim.betas.1: Input should be less than 1; found 1.0"),
        (["model.fresh.heads=3"], "run.toml: model.fresh: hidden 128 is not a multiple of 2 x heads = 6"),
        (["model.fresh.hidden=36", "model.fresh.heads=12"], "hidden 36 is not a multiple of 2 x heads = 24"),
        (["model.fresh.key_value_heads=3"], "run.toml: model.fresh: heads 4 is not a multiple of key_value_heads 3"),
        (["model.lora.rank=4", "optim.muon_lr=1e-3"], "run.toml: optim.muon_lr: Muon is for the model's own matrices"),
        (["seed=4294967296"], "seed: Input should be less than or equal to 4294967295"),
        (["sandbox.slots=0"], "sandbox.slots: Input should be greater than or equal to 1; found 0"),
        (["model=5"], "model: should be a table; found 5"),
        (["optim="], "optim: should be a table; found ''"),
        (["health.actions.tired=stop"], "health.actions.tired: Input should be 'non_finite'"),
        (["optim"], "an override looks like key=value"),
        (["steps.x=1"], "steps is a single value, not a table"),
    ],
)
def test_a_mistake_is_one_line(tmp_path: Path, overrides: list[str], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_config(written(tmp_path, GOOD), overrides)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


MIXED = """
steps = 1
[model]
path = "some/model"
[[data]]
name = "gsm8k"
weight = 0.7
[[data]]
name = "jsonl"
path = "own.jsonl"
"""


def test_several_tables_of_problems_are_mixed_by_weight(tmp_path: Path) -> None:
    config, _ = read_config(written(tmp_path, MIXED), ["data.1.weight=0.3"])
    assert [(source.name, source.weight) for source in config.data] == [("gsm8k", 0.7), ("jsonl", 0.3)]
    assert RunConfig.model_validate(config.model_dump(mode="json")) == config


def test_one_table_of_problems_is_stored_as_one(tmp_path: Path) -> None:
    config, _ = read_config(written(tmp_path, GOOD))
    stored = config.model_dump(mode="json")
    assert stored["data"]["name"] == "jsonl"
    assert RunConfig.model_validate(stored) == config


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["data.1.nmae=x"], "run.toml: data.1.nmae: no such setting; [data.1] has name,"),
        (["data.0.weight=0"], "data.0.weight: Input should be greater than 0; found 0"),
        (["data.0.name=jsonl", "data.0.path=own.jsonl"], "data.1: the same problems as in a table before it"),
    ],
)
def test_a_mistake_in_one_of_several_tables_names_it(tmp_path: Path, overrides: list[str], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_config(written(tmp_path, MIXED), overrides)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["data.nmae=x"], "run.toml: data.nmae: no such setting; [data] has name,"),
        (["data.seed=-1"], "run.toml: data.seed: Input should be greater than or equal to 0; found -1"),
        (["data=[]"], "run.toml: data: Tuple should have at least 1 item"),
        (["curriculum.hardest=0.9"], "curriculum: hardest = 0.9 is not below easiest = 0.9: every problem would be"),
        (["curriculum.readmit_after=2"], "curriculum: readmit_after: without hardest no problem is left out"),
        (["curriculum.target=0.95"], "curriculum: target = 0.95 is not between hardest and easiest"),
        (["curriculum.target=0.2", "curriculum.hardest=0.25"], "curriculum: target = 0.2 is not between"),
        (["curriculum.visits=1", "sampling.group=8"], "1 visits x sampling.group = 8 never make 16 completions"),
        (["dynamic.max_rounds=0"], "dynamic.max_rounds: Input should be greater than or equal to 1; found 0"),
        (["shaping.overlong=soft"], 'shaping: overlong = "soft" needs length_cache'),
        (["shaping.length_cache=64"], 'shaping: length_limit and length_cache do nothing with overlong = "keep"'),
        (
            ["shaping.overlong=soft", "shaping.length_cache=64", "shaping.length_limit=2048"],
            "shaping.length_limit: 2048 is above sampling.max_new_tokens = 1024",
        ),
        (
            ["shaping.overlong=soft", "shaping.length_cache=2000"],
            "shaping.length_cache: 2000 is above the limit of 1024 tokens",
        ),
        (["long_prompts=cut"], "long_prompts: Input should be 'drop' or 'refuse'; found 'cut'"),
    ],
)
def test_what_cannot_work_in_the_data_is_refused_with_the_reason(
    tmp_path: Path, overrides: list[str], message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        read_config(written(tmp_path, GOOD), overrides)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["base", "base"], "run.toml: sft: 'base' is the name of another checkpoint already"),
        (["start"], "run.toml: sft: 'start' is the name of another checkpoint already"),
        (["000001"], "run.toml: sft.0.name: String should match pattern"),
        (["a/../000001"], "run.toml: sft.0.name: String should match pattern"),
    ],
)
def test_a_stage_has_a_name_that_no_other_checkpoint_has(tmp_path: Path, names: list[str], message: str) -> None:
    stages = "".join(f'[[sft]]\nname = "{name}"\nsteps = 1\ndata = {{ name = "jsonl" }}\n' for name in names)
    with pytest.raises(ConfigError) as caught:
        read_config(written(tmp_path, GOOD + stages))
    assert message in str(caught.value)


def test_broken_toml_names_the_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"run.toml: not valid TOML: .*line 1"):
        read_config(written(tmp_path, "steps = \n"))


def test_a_file_in_another_encoding_is_named(tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_bytes(b"steps = 3 # \xfc\n")
    with pytest.raises(ConfigError, match=r"run.toml: not UTF-8: invalid start byte at byte 13"):
        read_config(str(tmp_path / "run.toml"))


def test_a_file_whose_name_is_no_run_s_gives_it_one(tmp_path: Path) -> None:
    (tmp_path / "my réc.toml").write_text(GOOD)
    assert read_config(str(tmp_path / "my réc.toml"))[0].name == "my-r-c"


def test_a_missing_setting_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"run.toml: data: missing; it must be set"):
        read_config(written(tmp_path, 'steps = 1\n[model]\npath = "x"\n'))


def test_an_unknown_recipe_names_those_there_are() -> None:
    with pytest.raises(ConfigError, match="quickstrat: no such recipe or file; shipped recipes: quickstart"):
        read_config("quickstrat")


def test_an_evaluation_needs_one_source_of_completions() -> None:
    with pytest.raises(ConfigError, match="eval: give either --model"):
        read_evals({"name": "math500"}, [])
    with pytest.raises(ConfigError, match="makes all n = 4 completions the same"):
        read_evals({"name": "math500", "model": "m", "n": 4}, ["temperature=0"])[0].read_protocol()


def test_what_is_no_setting_of_an_evaluation_is_asked_of_the_problem_set() -> None:
    overrides = ["window=2024-08..2025-01", "n=4", "sandbox.kind=process"]
    (config,) = read_evals({"name": "livecodebench", "model": "m"}, overrides)
    assert config.source.options == {"window": "2024-08..2025-01"}
    assert (config.n, config.sandbox.kind) == (4, "process")


def test_a_slip_in_a_setting_of_an_evaluation_is_no_option() -> None:
    with pytest.raises(ConfigError, match=r"temprature: no such setting; .* did you mean temperature"):
        read_evals({"name": "math500", "model": "m"}, ["temprature=0.6"])
