"""The command as a user types it: exit codes, and one line for each mistake."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
import tiny

from benchmarks import ProblemSet
from trainer.cli.main import main
from trainer.evals.sources import read_completions
from trainer.settings import ConfigError

ROOT = Path(__file__).parents[2]


def assay(*arguments: str, cwd: Path, environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "assay", *arguments]
    settings = {**os.environ, "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1", **(environment or {})}
    return subprocess.run(command, cwd=cwd, env=settings, capture_output=True, text=True, timeout=240, check=False)


def fails(code: int, message: str, *arguments: str, cwd: Path, environment: Mapping[str, str] | None = None) -> None:
    """The command ends with this code and exactly one line on stderr, which has this message in it."""
    ended = assay(*arguments, cwd=cwd, environment=environment)
    assert ended.returncode == code, ended.stderr
    assert message in ended.stderr, ended.stderr
    assert len(ended.stderr.strip().splitlines()) == 1, ended.stderr


RECIPE = (
    f"""
steps = 2
problems = 2
{tiny.MODEL_AND_DATA}"""
    + """[[sft]]
name = "base"
steps = 3
batch = 4
data = { name = "jsonl", path = "train.jsonl" }
[sampling]
group = 4
max_new_tokens = 16
[eval]
data = { name = "jsonl", path = "held_out.jsonl" }
samples = 2
[checkpoints]
every = 1
"""
)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with a recipe and its problems."""
    (tmp_path / "own.toml").write_text(RECIPE)
    tiny.write_problems(tmp_path / "train.jsonl", 20)
    tiny.write_problems(tmp_path / "held_out.jsonl", 5, held_out=True)
    return tmp_path


def test_an_unknown_setting(place: Path) -> None:
    fails(2, "own.toml: optim.learning_rate: no such setting", "train", "own.toml", "optim.learning_rate=1", cwd=place)


def test_a_wrong_type(place: Path) -> None:
    fails(2, "own.toml: steps: Input should be a valid integer", "train", "own.toml", "steps=many", cwd=place)


def test_a_missing_recipe(place: Path) -> None:
    fails(2, "nowhere.toml: no such recipe or file", "train", "nowhere.toml", cwd=place)


def test_a_missing_model(place: Path) -> None:
    recipe = (place / "own.toml").read_text().split("[model.fresh]")[0] + '[model]\npath = "./nowhere"\n'
    (place / "own.toml").write_text(recipe + '[data]\nname = "jsonl"\npath = "train.jsonl"\n')
    fails(2, "model: cannot load './nowhere'", "train", "own.toml", "sandbox.kind=process", cwd=place)


def test_a_missing_model_of_an_evaluation(place: Path) -> None:
    arguments = ("eval", "jsonl", "--model", "./nowhere", "data=held_out.jsonl", "sandbox.kind=process")
    fails(2, "model: cannot load './nowhere'", *arguments, cwd=place)


def test_a_broken_problem_line(place: Path) -> None:
    with (place / "train.jsonl").open("a") as file:
        file.write("{broken\n")
    fails(2, "train.jsonl:21: not JSON", "train", "own.toml", cwd=place)


def test_a_broken_spec(place: Path) -> None:
    with (place / "train.jsonl").open("a") as file:
        file.write(json.dumps({"id": "x", "prompt": "?", "verifier": "code", "spec": {"kind": "stdoi"}}) + "\n")
    fails(2, "problem x: ", "train", "own.toml", cwd=place)


def test_an_unknown_verifier(place: Path) -> None:
    with (place / "train.jsonl").open("a") as file:
        file.write(json.dumps({"id": "x", "prompt": "?", "verifier": "maths", "spec": {}}) + "\n")
    fails(2, "verifier: 'maths' is not installed; installed are", "train", "own.toml", cwd=place)


def test_docker_was_asked_for_and_no_engine_answers(place: Path) -> None:
    environment = {"DOCKER_HOST": f"unix://{place}/no-engine.sock"}
    arguments = ("train", "own.toml", "sandbox.kind=docker")
    fails(3, f"no Docker engine answers at DOCKER_HOST=unix://{place}", *arguments, cwd=place, environment=environment)
    build = ("sandbox", "build", "--sandbox", "docker")
    fails(3, "start that one, or type: unset DOCKER_HOST", *build, cwd=place, environment=environment)
    nothing = {"PATH": "/nowhere", "DOCKER_HOST": ""}
    fails(3, "no Docker engine answers; type: apt-get install docker.io", *build, cwd=place, environment=nothing)


def test_an_unknown_problem_set(place: Path) -> None:
    fails(2, "math5000: no such problem set", "eval", "math5000", "--model", "x", cwd=place)


def test_an_evaluation_of_nothing(place: Path) -> None:
    fails(2, "give either --model", "eval", "jsonl", "data=held_out.jsonl", cwd=place)


def test_verify_without_a_target(place: Path) -> None:
    fails(2, "--file needs --out", "verify", "--file", "train.jsonl", cwd=place)


def test_verify_without_a_name(place: Path) -> None:
    fails(2, "name a verifier", "verify", cwd=place)


def test_verify_of_an_unknown_verifier(place: Path) -> None:
    fails(2, "'maths' is not installed", "verify", "maths", "--sandbox", "process", cwd=place)


def test_verify_of_a_missing_file(place: Path) -> None:
    fails(2, "nowhere.jsonl: no such file", "verify", "--file", "nowhere.jsonl", "--out", "out.jsonl", cwd=place)


def test_verify_to_no_folder_or_onto_what_is_judged(place: Path) -> None:
    words = ("verify", "--file", "train.jsonl", "--out")
    fails(2, "no/out.jsonl: there is no folder no to write it to", *words, "no/out.jsonl", cwd=place)
    fails(2, "train.jsonl: --out is the file to judge, and would be lost", *words, f"{place}/train.jsonl", cwd=place)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("", "no command given; there are train, sft,"),
        ("trian", "trian: no such command; there are train, sft,"),
        ("trian", "did you mean train?"),
        ("--fast", "the following arguments are required: COMMAND; see assay --help"),
        ("train", "train: the following arguments are required: RECIPE_OR_TOML; see assay train --help"),
        ("train own.toml --steps=3", "train: --steps=3: no such flag; a setting is written key=value, without dashes"),
        ("view a b", "view: b: one argument too many; see assay view --help"),
        ("eval compare a", "eval compare: the following arguments are required: B.json; see assay eval compare"),
        ("eval math500 --n many", "argument --n: invalid int value: 'many'"),
        ("sandbox fly", "invalid choice: 'fly' (choose from 'build', 'doctor', 'ls', 'prune')"),
        ("verify --file a --out b --jobs 0", "argument --jobs: found '0'; should be a whole number from 1"),
    ],
)
def test_a_command_that_cannot_be_read_is_one_line(
    words: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words.split())
    said = capsys.readouterr()
    assert (ended.value.code, said.out) == (2, "")
    assert message in said.err and said.err.startswith("assay: ") and said.err.count("\n") == 1, said.err


@pytest.mark.parametrize(("words", "first"), [("help", "usage: assay "), ("help eval compare", "usage: assay eval c")])
def test_help_is_a_word_too(words: str, first: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words.split())
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith(first)


def test_a_reader_who_has_seen_enough_gets_no_traceback(place: Path) -> None:
    command = f"{sys.executable} -m assay list | head -1; echo ${{PIPESTATUS[0]}}"
    settings = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}  # each line is a write that can fail
    ended = subprocess.run(["bash", "-c", command], cwd=place, env=settings, capture_output=True, text=True, check=True)
    assert ended.stderr == ""
    assert ended.stdout.splitlines()[-1] in ("141", "0"), "0 where all was written before the reader left"


def test_a_terminal_without_our_letters_gets_others(place: Path) -> None:
    ended = assay("eval", "--help", cwd=place, environment={"PYTHONIOENCODING": "ascii"})
    assert ended.returncode == 0 and "aime24.n=64, ?" in " ".join(ended.stdout.split()), ended.stderr


def test_a_place_that_cannot_be_written_is_one_line(place: Path) -> None:
    for name in ("runs", "assay-mine"):
        (place / name).write_text("a file, where a folder is to be made")
    fails(3, "runs/own: cannot be written: Not a directory", "train", "own.toml", "sandbox.kind=process", cwd=place)


def test_a_report_never_goes_over_a_file_that_is_none(place: Path) -> None:
    problem = json.loads((place / "held_out.jsonl").read_text().splitlines()[0])
    (place / "stored.jsonl").write_text(json.dumps({"id": problem["id"], "completion": "1"}) + "\n")
    arguments = ("eval", "jsonl", "data=held_out.jsonl", "--completions", "stored.jsonl", "sandbox.kind=process")
    fails(2, "--out own.toml: is a file, and no report", *arguments, "--out", "own.toml", cwd=place)
    assert (place / "own.toml").read_text() == RECIPE
    ended = assay(*arguments, "--out", "reports", cwd=place)
    assert ended.returncode == 0, ended.stderr
    assert (place / "reports/held_out.json").is_file()
    ended = assay(*arguments, "--out", "reports", cwd=place)
    assert "held_out: 1 of 1 completions are in the journal" in ended.stderr, "nothing was done, and that is said"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "stored.jsonl: there is none in it"),
        ("x", "stored.jsonl:1: not JSON: Expecting value at column 1"),
        ('{"id": "a"}', 'stored.jsonl:1: found the fields id; expected {"id": "…", "completion": "…"}'),
        ("[]", "stored.jsonl:1: found a list; expected"),
        ('{"id": "a", "completion": 3}', "stored.jsonl:1: found the fields id, completion; expected"),
    ],
)
def test_a_broken_line_of_stored_completions_is_named(text: str, message: str, place: Path) -> None:
    (place / "stored.jsonl").write_text(text)
    with pytest.raises(ConfigError) as caught:
        read_completions(place / "stored.jsonl", ProblemSet("held_out", "1", ()))
    assert message in str(caught.value)


def test_an_interrupted_command_promises_only_what_it_keeps(place: Path) -> None:
    command = [sys.executable, "-m", "assay", "verify", "math", "--sandbox", "process"]
    settings = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, cwd=place, env=settings, stderr=subprocess.PIPE, text=True) as process:
        while not any(path.read_text() for path in Path(f"/proc/{process.pid}/task").glob("*/children")):  # a box
            assert process.poll() is None
        process.terminate()
        _, errors = process.communicate()
    assert (process.returncode, errors) == (128 + signal.SIGTERM, "assay: interrupted\n")


def test_a_run_that_is_none_names_those_there_are(place: Path) -> None:
    (place / "runs/one").mkdir(parents=True)
    (place / "runs/one/config.json").write_text("{}")
    fails(2, "two: no such run; runs/ has one", "view", "two", cwd=place)
    fails(2, "two: no such run; runs/ has one", "verify", "--run", "two", cwd=place)


def test_a_file_of_problems_in_place_of_a_set(place: Path) -> None:
    fails(2, "(on the command line: jsonl data=train.jsonl)", "eval", "train.jsonl", "--model", "x", cwd=place)


def test_verify_runs_a_verifiers_own_examples(place: Path) -> None:
    ended = assay("verify", "math", "--sandbox", "process", cwd=place)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_list_names_everything_with_its_origin(place: Path) -> None:
    ended = assay("list", cwd=place)
    assert ended.returncode == 0, ended.stderr
    lines = [line.split()[:3] for line in ended.stdout.splitlines()]
    for kind, name in (("verifier", "code"), ("verifier", "math"), ("verifier", "schema"), ("benchmark", "math500")):
        assert [kind, name, "assay"] in lines, ended.stdout
    assert any(line[:2] == ["recipe", "quickstart"] for line in lines), ended.stdout
    assert "DeepSeek-R1 was evaluated: arXiv 2501.12948" in ended.stdout.partition("protocol   deepseek-r1")[2]


def test_doctor_says_what_this_machine_has(place: Path) -> None:
    ended = assay("doctor", cwd=place)
    assert ended.returncode in (0, 3), ended.stderr
    for what in ("python", "machine", "torch", "vllm", "gpu", "docker", "bubblewrap"):
        assert f" {what} " in ended.stdout, ended.stdout


def test_sft_then_train_then_eval_with_vllm_and_a_killed_run_resumes(place: Path) -> None:
    """The whole command line once, on real parts; the process box is asked for by name to be quick."""
    ended = assay("sft", "own.toml", "sandbox.kind=process", cwd=place)
    assert ended.returncode == 0, ended.stderr
    assert (place / "runs/own/checkpoints/base/model.safetensors").exists()
    ended = assay("train", "own.toml", "sandbox.kind=process", cwd=place)
    assert ended.returncode == 0, ended.stderr
    assert "resuming from runs/own/checkpoints/base" in ended.stdout
    assert "step 2/2" in ended.stdout
    summary = json.loads((place / "runs/own/summary.json").read_text())
    assert summary["sampler"].startswith("vllm ")
    model = "runs/own/checkpoints/000002"
    options = ("data=held_out.jsonl", "max_new_tokens=16", "sandbox.kind=process", "cpu_cache_gib=1")
    ended = assay("eval", "jsonl", "--model", model, "--n", "2", "--max-problems", "3", *options, cwd=place)
    assert ended.returncode == 0, ended.stderr
    report = json.loads((place / "runs/eval/held_out.json").read_text())
    assert [len(problem["samples"]) for problem in report["problems"]] == [2, 2, 2]


def test_stored_completions_are_judged_by_the_same_verifiers(place: Path) -> None:
    rows = [json.loads(line) for line in (place / "held_out.jsonl").read_text().splitlines()]
    lines = [{"id": row["id"], "completion": row["completion"]} for row in rows]
    lines[0]["completion"] = "\\boxed{-1}"
    del lines[1]  # a problem without a completion scores 0 and is counted
    (place / "stored.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    options = ("data=held_out.jsonl", "sandbox.kind=process", "--out", "report.json")
    ended = assay("eval", "jsonl", "--completions", "stored.jsonl", *options, cwd=place)
    assert ended.returncode == 0, ended.stderr
    assert json.loads((place / "report.json").read_text())["score"]["mean"] == pytest.approx(0.6)
    assert "without_completion 1  problems 5" in ended.stdout


def test_a_prompt_longer_than_the_context_scores_zero_and_is_counted(place: Path) -> None:
    tiny.policy(model=tiny.MODEL.model_copy(update={"hidden": 64, "heads": 2})).save(place / "model")
    with (place / "held_out.jsonl").open("a") as file:
        long = {"id": "long", "prompt": "1+" * 300, "verifier": "math", "spec": {"answer": "1"}, "completion": ""}
        file.write(json.dumps(long) + "\n")
    options = ("data=held_out.jsonl", "max_new_tokens=16", "sandbox.kind=process", "cpu_cache_gib=1")
    ended = assay("eval", "jsonl", "--model", "model", *options, cwd=place)
    assert ended.returncode == 0, ended.stderr
    assert "prompts_too_long 1  problems 6" in ended.stdout
