"""Protocols: what a model is really given, and that whatever changes it changes the digest."""

from __future__ import annotations

from pathlib import Path

import pytest
import tiny

from benchmarks import ProblemSource
from trainer.evals.config import EvalConfig, load_set, read_evals
from trainer.evals.protocol import EvalProtocol, WorkedExample, named, read_protocol
from trainer.settings import ConfigError
from trainer.text import Codec
from verifiers import Problem

PROBLEM = Problem("a", "1+1?\n\nBox it.", "math", {"answer": "2"}, statement="1+1?")


@pytest.fixture(scope="module")
def codec() -> Codec:
    return tiny.policy().codec


def protocol(**values: object) -> EvalProtocol:
    return EvalProtocol.model_validate(values)


def test_the_default_asks_as_training_does(codec: Codec) -> None:
    text, ids = protocol().encode(PROBLEM, codec)
    assert ids == codec.encode_prompt(PROBLEM.prompt)
    assert text == codec.prompt_text(PROBLEM.prompt)


def test_a_template_a_system_message_and_examples_become_turns_of_a_chat() -> None:
    asked = protocol(
        system="Be brief.", prompt="Q: {statement}\nA:", examples=[{"question": "{prompt}+2?", "answer": "4"}]
    )
    assert asked.messages(PROBLEM) == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Q: {prompt}+2?\nA:"},  # a question's own braces are no fields
        {"role": "assistant", "content": "4"},
        {"role": "user", "content": "Q: 1+1?\nA:"},
    ]


def test_raw_text_is_put_together_in_paragraphs() -> None:
    asked = protocol(
        form="raw",
        system="Sums.",
        prompt="Problem:\n{statement}\n\nSolution:",
        examples=[{"question": "2+2?", "answer": "4"}],
        prefill=" Well,",
    )
    assert asked.text(PROBLEM) == ("Sums.\n\nProblem:\n2+2?\n\nSolution: 4\n\nProblem:\n1+1?\n\nSolution: Well,")


def test_an_answer_is_begun_once(codec: Codec) -> None:
    """Not again where the chat template has begun it."""
    plain = codec.prompt_text(PROBLEM.prompt)
    assert protocol(prefill="<think>\n").encode(PROBLEM, codec)[0] == plain + "<think>\n"
    last = plain.rstrip()[-6:]
    assert protocol(prefill=f"{last}\n").encode(PROBLEM, codec)[0] == plain


def test_a_conversation_is_asked_as_it_is() -> None:
    turns = (
        {"role": "user", "content": "1+1?"},
        {"role": "assistant", "content": "3"},
        {"role": "user", "content": "?"},
    )
    problem = Problem("a", turns, "math", {"answer": "2"})  # type: ignore[arg-type]
    assert protocol(prompt="Q: {prompt}").messages(problem) == list(turns)


@pytest.mark.parametrize(
    "change",
    [
        {"prompt": "{prompt} "}, {"system": "x"}, {"prefill": "x"}, {"stop": ["x"]}, {"form": "raw"}, {"n": 2},
        {"temperature": 0.5}, {"top_p": 0.5}, {"max_new_tokens": 5}, {"examples": [{"question": "a", "answer": "b"}]},
    ],
)  # fmt: skip
def test_whatever_changes_a_protocol_changes_its_digest(change: dict[str, object]) -> None:
    changed = {"temperature": 0.0 if "n" not in change else 1.0, **change}
    plain = protocol(temperature=changed["temperature"] if "n" in change else 0.0)
    assert protocol(**changed).digest != plain.digest
    assert (protocol(**changed).sample_digest == plain.sample_digest) == ("n" in change)


def test_a_digest_is_that_of_the_canonical_json() -> None:
    """Worked out once with sha256sum: another value is another protocol, or another way of writing it down."""
    assert protocol(name="x").digest == protocol(name="y").digest
    assert protocol().digest == "f8e1a1e87ed5d046449a83796d2ffe4482ee6b887f3e80ebcc94eb3d6300bdbc"


def test_the_shipped_protocols() -> None:
    r1 = read_protocol("deepseek-r1", "math500", {})
    assert (r1.n, r1.temperature, r1.top_p, r1.max_new_tokens, r1.prefill) == (4, 0.6, 0.95, 32768, "<think>\n")
    assert read_protocol("deepseek-r1", "aime24", {}).n == 64
    assert read_protocol("deepseek-r1", "livecodebench", {}).n == 16
    lcb = read_protocol("own", "livecodebench", {})
    assert (lcb.n, lcb.temperature, lcb.top_p, lcb.max_new_tokens, lcb.stop) == (10, 0.2, 0.95, 2000, ("###",))
    assert (read_protocol("own", "math500", {}).n, read_protocol("own", "math500", {}).temperature) == (1, 0.0)
    assert set(named()) == {"deepseek-r1", "greedy", "own"}


def test_flags_come_before_a_set_s_table_and_that_before_the_protocol(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('n = 2\ntemperature = 0.7\nstop = ["Q:"]\n[sets.aime24]\nn = 8\ntop_p = 0.9\n')
    config, other = read_evals(
        {"name": "aime24,math500", "model": "m", "protocol": str(path)}, ["aime24.n=16", "temperature=0.5"]
    )
    assert [one.read_protocol().n for one in (config, other)] == [16, 2]
    made = config.read_protocol()
    assert (made.name, made.temperature, made.top_p, made.stop) == ("mine", 0.5, 0.9, ("Q:",))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("n = 2\ntemperature = 0.0\n", "mine.toml: temperature: 0 makes all n = 2 completions the same"),
        ("temprature = 0.5\n", "mine.toml: temprature: no such setting; .* did you mean temperature"),
        ('prompt = "solve it"\n', "mine.toml: prompt: has neither"),
        ('stop = [""]\n', "mine.toml: stop: an empty text"),
        ("sets = 3\n", r"mine.toml: sets: expected tables such as \[sets.math500\]"),
        ("n = \n", "mine.toml: not valid TOML"),
    ],
)
def test_a_mistake_in_a_protocol_is_one_line(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "mine.toml").write_text(text)
    with pytest.raises(ConfigError, match=message):
        read_protocol(str(tmp_path / "mine.toml"), "math500", {})


def test_an_unknown_protocol_names_those_there_are() -> None:
    with pytest.raises(
        ConfigError, match="protocol: r1: no such protocol or file; protocols: deepseek-r1, greedy, own"
    ):
        read_protocol("r1", "math500", {})


def test_one_command_has_one_engine() -> None:
    with pytest.raises(ConfigError, match="model: one command has one engine"):
        read_evals({"name": "math500,aime24", "model": "m"}, ["aime24.model=other"])
    with pytest.raises(ConfigError, match="named twice"):
        read_evals({"name": "math500,math500", "model": "m"}, [])


def write_gsm8k(path: Path, *answers: int) -> str:
    rows = [f'{{"question": "What is {one}?", "answer": "It is {one}.\\n#### {one}"}}\n' for one in answers]
    path.write_text("".join(rows))
    return str(path)


def test_examples_come_from_the_train_split_and_are_recorded(tmp_path: Path) -> None:
    config = EvalConfig(
        name="gsm8k", model="m", train_examples=2,
        data=write_gsm8k(tmp_path / "test.jsonl", 7), train_data=write_gsm8k(tmp_path / "train.jsonl", 1, 2, 3),
    )  # fmt: skip
    asked = load_set(config)
    assert asked.protocol is not None
    first, second = asked.protocol.examples
    assert first.question.startswith("What is 1?") and "\\boxed{}" in first.question  # asked as the problems are
    assert second.answer == "It is 2.\n\\boxed{2}"
    assert asked.protocol.report()["examples"][0] == {"question": first.question, "answer": first.answer}
    with pytest.raises(ConfigError, match="train_examples: asked for 4, but gsm8k has 3 worked answers"):
        load_set(config.model_copy(update={"train_examples": 4}))


def test_a_template_of_the_bare_question_needs_one(tmp_path: Path) -> None:
    (tmp_path / "bare.toml").write_text('prompt = "Answer: {statement}"\n')
    tiny.write_problems(tmp_path / "own.jsonl", 2)
    config = EvalConfig(name="jsonl", model="m", data=str(tmp_path / "own.jsonl"), protocol=str(tmp_path / "bare.toml"))
    with pytest.raises(ConfigError, match=r"protocol bare: asks for \{statement\}, which jsonl .* has not"):
        load_set(config)
    source = ProblemSource(name="gsm8k", path=write_gsm8k(tmp_path / "test.jsonl", 7))
    asked = load_set(EvalConfig(name="gsm8k", model="m", data=source.path, protocol=str(tmp_path / "bare.toml")))
    assert asked.protocol is not None
    assert asked.protocol.messages(asked.problems.problems[0])[-1]["content"] == "Answer: What is 7?"


def test_a_worked_example_has_both_halves() -> None:
    with pytest.raises(ValueError, match="answer"):
        WorkedExample.model_validate({"question": "?"})
