"""How a problem set is asked and sampled, as data: named protocols, and a user's own as a TOML file."""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, model_validator

from trainer.settings import ConfigError, Table, validated
from verifiers import Message, Problem

if TYPE_CHECKING:
    from trainer.text import Codec


class WorkedExample(Table):
    """A question with the answer that is shown to the model."""

    question: str
    answer: str


class EvalProtocol(Table):
    """How each problem is asked, and how its completions are sampled.

    In a file, `[sets.NAME]` has what is different for one problem set; `name` is the file's.
    """

    name: str = "plain"
    form: Literal["chat", "raw"] = "chat"
    """chat: in the model's chat template (where it has none: as raw); raw: plain text, for base models."""
    prompt: str = "{prompt}"
    """What is asked: {prompt} is the problem as its set words it, {statement} the bare question."""
    system: str = ""
    """The system message, or in raw form the text before all else."""
    prefill: str = ""
    """How each answer begins, where the chat template has not begun it so itself: "<think>\\n"."""
    examples: tuple[WorkedExample, ...] = ()
    """Shown before each problem: turns of a chat, or in raw form paragraphs; asked as problems are."""
    train_examples: int = Field(0, ge=0)
    """So many more examples: the first of the set's train split, with their worked answers."""
    stop: tuple[str, ...] = ()
    """A completion ends before the first of these texts, as in OpenAI's API."""
    n: int = Field(1, ge=1)
    """Completions for each problem."""
    temperature: float = Field(0.0, ge=0)
    """0: greedy. Default: 0 for one completion a problem, 1 for several."""
    top_p: float = Field(1.0, gt=0, le=1)
    max_new_tokens: int = Field(1024, ge=1)

    @model_validator(mode="before")
    @classmethod
    def _temperature(cls, values: Any) -> Any:
        if isinstance(values, dict) and values.get("temperature") is None:
            return {**values, "temperature": float(values.get("n", 1) != 1)}
        return values

    @model_validator(mode="after")
    def _makes_sense(self) -> EvalProtocol:
        if self.n > 1 and self.temperature == 0:
            raise ValueError(f"temperature: 0 makes all n = {self.n} completions the same; use n = 1 or a temperature")
        if not re.search(FIELDS, self.prompt):
            raise ValueError("prompt: has neither {prompt} nor {statement}, so it would ask nothing")
        if "" in self.stop:
            raise ValueError("stop: an empty text would end every completion at once")
        return self

    @property
    def digest(self) -> str:
        """SHA-256 of all of it but its name, as canonical JSON: equal protocols, equal digests."""
        return _digest(self.model_dump(mode="json", exclude={"name"}))

    @property
    def sample_digest(self) -> str:
        """Of what decides one sample: it does not matter how many others there are."""
        return _digest(self.model_dump(mode="json", exclude={"name", "n"}))

    @property
    def wants_statement(self) -> bool:
        return "{statement}" in self.prompt

    def report(self) -> dict[str, Any]:
        return {"hash": self.digest, **self.model_dump(mode="json")}

    def messages(self, problem: Problem) -> list[Message]:
        """The conversation that the model continues."""
        found: list[Message] = [{"role": "system", "content": self.system}] if self.system else []
        for example in self.examples:
            found.append({"role": "user", "content": self._asked(example.question, example.question)})
            found.append({"role": "assistant", "content": example.answer})
        if isinstance(problem.prompt, str):
            return [*found, {"role": "user", "content": self._asked(problem.prompt, problem.statement)}]
        return [*found, *problem.prompt]

    def text(self, problem: Problem) -> str:
        """The plain text that a base model continues, prefill included."""
        said = self.messages(problem)
        paragraphs = [message["content"] for message in said[: 1 if self.system else 0]]
        turns = said[len(paragraphs) :]
        shown = 2 * len(self.examples)
        paragraphs += [
            _joined(asked["content"], answer["content"])
            for asked, answer in zip(turns[:shown:2], turns[1:shown:2], strict=True)
        ]
        paragraphs.append("\n".join(message["content"] for message in turns[shown:]))
        return "\n\n".join(paragraphs) + self.prefill

    def encode(self, problem: Problem, codec: Codec) -> tuple[str, list[int]]:
        """The prompt as text and as tokens."""
        if self.form == "raw" or not codec.has_chat:
            text = self.text(problem)
            return text, codec.encode_text(text, is_chat=False)
        text = codec.prompt_text(self.messages(problem))
        if not text.rstrip().endswith(self.prefill.rstrip()):
            text += self.prefill
        return text, codec.encode_text(text, is_chat=True)

    def _asked(self, prompt: str, statement: str) -> str:
        fields = {"{prompt}": prompt, "{statement}": statement}
        return re.sub(FIELDS, lambda found: fields[found[0]], self.prompt)


FIELDS = r"\{prompt\}|\{statement\}"
PLAIN = EvalProtocol()
"""As problems are asked in training."""
DEFAULT = "own"


def named() -> dict[str, Path]:
    """The protocols that ship with the package, by name."""
    folder = Path(str(resources.files("trainer.evals"))) / "protocols"
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def read_protocol(which: str, problem_set: str, changes: Mapping[str, Any]) -> EvalProtocol:
    """The protocol of that name, or in that TOML file, for one problem set, with some values changed.

    Raises `ConfigError`.
    """
    path = named().get(which) or Path(which)
    if not path.is_file():
        raise ConfigError(f"protocol: {which}: no such protocol or file; protocols: {', '.join(named())}")
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path.name}: not valid TOML: {error}") from None
    sets = values.pop("sets", {})
    if not isinstance(sets, dict) or not all(isinstance(table, dict) for table in sets.values()):
        raise ConfigError(f"{path.name}: sets: expected tables such as [sets.math500]")
    if not changes:
        where = path.name
    else:
        where = f"{path.name} with {', '.join(f'{name}={value}' for name, value in changes.items())}"
    values = {"name": path.stem, **values, **sets.get(problem_set, {}), **changes}
    return validated(EvalProtocol, where, values, [])


def with_examples(protocol: EvalProtocol, worked: Sequence[tuple[Problem, str]]) -> EvalProtocol:
    """The protocol with examples of a train split in it, so that what is recorded is what was shown."""
    shown = [
        WorkedExample(question=problem.statement if protocol.wants_statement else str(problem.prompt), answer=answer)
        for problem, answer in worked
    ]
    return protocol.model_copy(update={"examples": (*protocol.examples, *shown), "train_examples": 0})


def _joined(asked: str, answer: str) -> str:
    return f"{asked}{answer}" if asked[-1:].isspace() else f"{asked} {answer}"


def _digest(values: dict[str, Any]) -> str:
    canonical = json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()
