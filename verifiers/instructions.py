"""Judges whether an answer keeps to verifiable instructions: IFEval's 25 kinds of constraints, strictly or loosely."""

from __future__ import annotations

import difflib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, StringConstraints, ValidationInfo, field_validator

from sandbox import Check, Ending, Limits, Outcome
from verifiers.base import Boxes, Example, Verifier
from verifiers.extract import final_part
from verifiers.patience import PATIENCE_SECONDS, run_patiently
from verifiers.shipped import ours
from verifiers.spec import Spec, read_spec, shown
from verifiers.types import SpecError, Status, Verdict

CPU_SECONDS = 2.0
"""Of all the constraints of one answer; the longest takes a few tenths of a second for each."""

MAX_TEXT = 2**20
"""Characters; a longer answer is wrong."""

MAX_LOOSE_TEXT = 2**18
"""The same, judged loosely: eight texts are read then."""

LANGUAGES = (
    "af ar bg bn ca cs cy da de el en es et fa fi fr gu he hi hr hu id it ja kn ko lt lv mk ml mr ne nl no pa pl pt "
    "ro ru sk sl so sq sv sw ta te th tl tr uk ur vi zh zh-cn zh-tw"
)
"""ISO 639-1 codes, those of langdetect and zh for either script."""

Relation = Literal["less than", "at least"]
Count = Annotated[int, Field(ge=0)]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


class NoKwargs(Spec):
    """Of a constraint that says it all."""


class Keywords(Spec):
    """Each stands somewhere in the text, in any case, perhaps inside a word."""

    keywords: list[Text] = Field(min_length=1)


class KeywordFrequency(Spec):
    """How often the keyword stands in the text, in any case, also inside words."""

    keyword: Text
    frequency: Count
    relation: Relation


class ForbiddenWords(Spec):
    """None stands in the text as a word of its own, in any case."""

    forbidden_words: list[Text] = Field(min_length=1)


class LetterFrequency(Spec):
    """How often the letter, or any other one character, stands in the text, in any case."""

    letter: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1)]
    let_frequency: Count
    let_relation: Relation


class ResponseLanguage(Spec):
    """The whole text is in that language."""

    language: str

    @field_validator("language")
    @classmethod
    def _known(cls, language: str) -> str:
        if language not in LANGUAGES.split():
            raise ValueError(f"should be one of {LANGUAGES}")
        return language


class Sentences(Spec):
    """How many sentences the text has."""

    num_sentences: Count
    relation: Relation


class Words(Spec):
    """How many words the text has: runs of letters, digits and underscores."""

    num_words: Count
    relation: Relation


class Paragraphs(Spec):
    """Exactly so many paragraphs, with `***` between them."""

    num_paragraphs: Count


class NthParagraph(Spec):
    """Exactly so many paragraphs, with an empty line between them, and the first word of the nth, in any case."""

    num_paragraphs: Count
    nth_paragraph: Annotated[int, Field(ge=1)]
    """Counted from 1."""
    first_word: Text

    @field_validator("nth_paragraph")
    @classmethod
    def _among_them(cls, nth: int, others: ValidationInfo) -> int:
        if nth > others.data.get("num_paragraphs", nth):
            raise ValueError(f"should be at most num_paragraphs, {others.data['num_paragraphs']}")
        return nth


class Placeholders(Spec):
    """At least so many `[placeholders]`."""

    num_placeholders: Count


class Postscript(Spec):
    """A postscript beginning with the marker; "P.S." and "P.P.S" may be written with spaces and in any case."""

    postscript_marker: Text


class Bullets(Spec):
    """Exactly so many lines that begin with `*` or `-`."""

    num_bullets: Count


class Highlights(Spec):
    """At least so many `*highlighted*` or `**highlighted**` sections."""

    num_highlights: Count


class MultipleSections(Spec):
    """At least so many sections, each begun by the splitter and a number."""

    section_spliter: Text
    """As IFEval spells it."""
    num_sections: Count


class RepeatPrompt(Spec):
    """The text begins with it, in any case."""

    prompt_to_repeat: Text


class EndPhrase(Spec):
    """The text ends with it, in any case, closing double quotes left out."""

    end_phrase: Text


class CapitalWords(Spec):
    """How many words are in capitals; a word with hyphens is one."""

    capital_frequency: Count
    capital_relation: Relation


KINDS: Mapping[str, type[Spec]] = {
    "keywords:existence": Keywords,
    "keywords:frequency": KeywordFrequency,
    "keywords:forbidden_words": ForbiddenWords,
    "keywords:letter_frequency": LetterFrequency,
    "language:response_language": ResponseLanguage,
    "length_constraints:number_sentences": Sentences,
    "length_constraints:number_paragraphs": Paragraphs,
    "length_constraints:number_words": Words,
    "length_constraints:nth_paragraph_first_word": NthParagraph,
    "detectable_content:number_placeholders": Placeholders,
    "detectable_content:postscript": Postscript,
    "detectable_format:number_bullet_lists": Bullets,
    "detectable_format:constrained_response": NoKwargs,
    "detectable_format:number_highlighted_sections": Highlights,
    "detectable_format:multiple_sections": MultipleSections,
    "detectable_format:json_format": NoKwargs,
    "detectable_format:title": NoKwargs,
    "combination:two_responses": NoKwargs,
    "combination:repeat_prompt": RepeatPrompt,
    "startend:end_checker": EndPhrase,
    "startend:quotation": NoKwargs,
    "change_case:capital_word_frequency": CapitalWords,
    "change_case:english_capital": NoKwargs,
    "change_case:english_lowercase": NoKwargs,
    "punctuation:no_comma": NoKwargs,
}
"""IFEval's kinds of constraints and what each wants to know; `inside/instructions/check.py` has a rule for each."""


class Constraint(Spec):
    """One instruction."""

    id: str
    """A key of `KINDS`."""
    kwargs: dict[str, Any] = Field(default_factory=dict)
    """What the kind wants to know. None is as good as absent: IFEval's files name every kwarg of every kind."""


class InstructionsSpec(Spec):
    """What the answer must keep to."""

    constraints: list[Constraint] = Field(min_length=1)
    """All of them."""
    strict: bool = True
    """False: loosely, each constraint held against the text without its first line, its last line, both, and each of
    these without asterisks, too."""
    partial_credit: bool = False
    """The score is the share of constraints that are met; without it 1 if all are, else 0."""

    def checked(self) -> list[dict[str, Any]]:
        """The constraints as the box wants them, or `SpecError` naming the first that is broken."""
        return [
            {"id": constraint.id, "kwargs": _kwargs(constraint, f"constraints[{index}]")}
            for index, constraint in enumerate(self.constraints)
        ]


_AT_LEAST_FOUR_WORDS = {
    "id": "length_constraints:number_words",
    "kwargs": {"relation": "at least", "num_words": 4},
}
_TWO_BULLETS = {"id": "detectable_format:number_bullet_lists", "kwargs": {"num_bullets": 2}}
_JSON = {"id": "detectable_format:json_format"}
_FRENCH = {"id": "language:response_language", "kwargs": {"language": "fr"}}


class InstructionsVerifier(Verifier):
    """Keeps to all the instructions: 1, else 0 or the share that is met."""

    name: ClassVar[str] = "instructions"
    deadline: ClassVar[float] = PATIENCE_SECONDS
    inside: ClassVar[Sequence[Path]] = ours(
        "instructions/count_sentences",
        "instructions/identify_language",
        "instructions/check",
    )
    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            {"constraints": [_AT_LEAST_FOUR_WORDS, {"id": "startend:quotation"}]},
            '<think>A thought is no part of it.</think>"one two three four"',
            1.0,
            "two constraints, both met",
        ),
        Example(
            {"constraints": [_AT_LEAST_FOUR_WORDS, {"id": "startend:quotation"}]},
            '"one two three"',
            0.0,
            "one of two is not enough",
        ),
        Example(
            {"constraints": [_AT_LEAST_FOUR_WORDS, {"id": "startend:quotation"}], "partial_credit": True},
            '"one two three"',
            0.5,
            "one of two, for partial credit",
        ),
        Example({"constraints": [_TWO_BULLETS]}, "- red\n- green", 1.0, "exactly two bullet points"),
        Example({"constraints": [_TWO_BULLETS]}, "- red\n- green\n- blue", 0.0, "three bullet points"),
        Example({"constraints": [_JSON]}, 'Here you are:\n{"a": 1}', 0.0, "strictly, the line before is not JSON"),
        Example({"constraints": [_JSON], "strict": False}, 'Here you are:\n{"a": 1}', 1.0, "loosely, it is left out"),
        Example({"constraints": [_FRENCH]}, "Le chat dort sur le canapé et rêve de souris.", 1.0, "French"),
        Example({"constraints": [_FRENCH]}, "The cat sleeps on the sofa and dreams of mice.", 0.0, "another language"),
        Example({"constraints": [_JSON]}, "<think>{}", 0.0, "no answer after the thought"),
        Example({"constraints": [{"id": "length_constraints:words"}]}, "a b c", None, "no such constraint"),
    )

    def check_spec(self, spec: Mapping[str, Any]) -> None:
        read_spec(InstructionsSpec, spec).checked()

    async def judge(self, spec: Mapping[str, Any], completion: str, boxes: Boxes) -> Verdict:
        wanted = read_spec(InstructionsSpec, spec)
        constraints = wanted.checked()
        text = final_part(completion)
        if not text:
            return Verdict(Status.NO_ANSWER, 0.0, detail="nothing in the final part")
        most = MAX_TEXT if wanted.strict else MAX_LOOSE_TEXT
        if len(text) > most:
            return Verdict(
                Status.WRONG, 0.0, shown(text), f"an answer of {len(text)} characters; at most {most} are read"
            )
        argument = {"text": text, "constraints": constraints, "strict": wanted.strict}
        check = Check("verifiers.inside.instructions.check", argument, is_sociable=True, cpu_seconds=CPU_SECONDS)
        outcome = await run_patiently(boxes.checks, check, Limits(wall_seconds=PATIENCE_SECONDS))
        return _read(outcome, wanted, text)


def _kwargs(constraint: Constraint, where: str) -> dict[str, Any]:
    """The constraint's kwargs that say something, checked, or `SpecError` naming the place."""
    if constraint.id not in KINDS:
        near = difflib.get_close_matches(constraint.id, KINDS, n=1, cutoff=0.5)
        right = f"did you mean {near[0]!r}?" if near else f"the kinds are {', '.join(KINDS)}"
        raise SpecError(f"{where}.id: found {shown(constraint.id)}; {right}")
    kind = KINDS[constraint.id]
    given = {name: value for name, value in constraint.kwargs.items() if value is not None}
    if given and kind is NoKwargs:
        raise SpecError(f"{where}.kwargs.{next(iter(given))}: no such field; {constraint.id} takes none")
    try:
        return read_spec(kind, given).model_dump()
    except SpecError as error:
        raise SpecError(f"{where}.kwargs.{error}") from error


def _read(outcome: Outcome, wanted: InstructionsSpec, text: str) -> Verdict:
    """The verdict that the box's word stands for."""
    seconds, answer = outcome.wall_seconds, shown(text, 200)
    if outcome.ending is not Ending.EXITED or outcome.value is None:
        why = outcome.detail or outcome.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        detail = f"the check box failed: {outcome.ending.value}: {why[:200]}"
        return Verdict(Status.UNJUDGED, None, answer, detail, seconds)
    findings = dict(zip(_names(wanted.constraints), json.loads(outcome.value), strict=True))
    broken = [f"{name}: {finding['counted']}" for name, finding in findings.items() if not finding["is_met"]]
    num_met = len(findings) - len(broken)
    share = num_met / len(findings)
    score = share if wanted.partial_credit or not broken else 0.0
    return Verdict(
        Status.WRONG if broken else Status.CORRECT,
        score,
        answer,
        "; ".join([f"{num_met} of {len(findings)} met", *broken])[:500],
        seconds,
        {name: float(finding["is_met"]) for name, finding in findings.items()},
        [_stage(name, finding) for name, finding in findings.items()],
    )


def _stage(name: str, finding: dict[str, Any]) -> dict[str, Any]:
    """A finding for people: what was counted, and in which rewrite of the text where that is not the text itself."""
    counted = " ".join(finding["counted"].split())[:200]
    rewrite = {"rewrite": finding["rewrite"]} if finding["rewrite"] else {}
    return {"stage": name, "result": f"{'met' if finding['is_met'] else 'not met'}: {counted}", **rewrite}


def _names(constraints: Sequence[Constraint]) -> list[str]:
    """A name for each constraint: its id, numbered from the second of a kind on."""
    seen: Counter[str] = Counter()
    names = []
    for constraint in constraints:
        seen[constraint.id] += 1
        names.append(constraint.id if seen[constraint.id] == 1 else f"{constraint.id} {seen[constraint.id]}")
    return names
