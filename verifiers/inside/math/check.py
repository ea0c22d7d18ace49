"""Compares an answer with golds as mathematics, in stages that can be shown. Runs inside a check box.

No time limits here: the process is killed from outside. What may be large is refused before it is worked out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from verifiers.inside.math.algebra import same_latex
from verifiers.inside.math.decisions import NOWHERE, Decision, Rules
from verifiers.inside.math.equal import compare
from verifiers.inside.math.reading import read, readings, without_name
from verifiers.inside.math.text import MAX_LENGTH, clean, is_negated, segments, squeezed, words
from verifiers.inside.math.tokens import is_formula
from verifiers.inside.math.tree import TooLarge
from verifiers.inside.math.values import Clock, Collection, Scalar, Value, Words, kind


@dataclass(frozen=True, slots=True)
class Reading:
    """One text as the box understands it."""

    text: str
    """Cleaned."""
    value: Value | None
    why: str = ""
    """Why there is no value."""

    @property
    def type(self) -> str:
        return kind(self.value) if self.value is not None else f"unreadable: {self.why}"


def check(argument: dict[str, Any]) -> dict[str, Any]:
    """{"golds", "answers": the boxes offered, "policy", "tolerance"} -> {"right", "rule", "bad_gold", "trace"}.

    Without "answers" the golds alone are looked at: "bad_gold" is the first that cannot be read, with the reason.
    """
    rules = Rules(**argument["policy"], tolerance=_tolerance(argument["tolerance"]))
    golds = [understand(gold) for gold in argument["golds"]]
    for index, (raw, gold) in enumerate(zip(argument["golds"], golds, strict=True)):
        if gold.value is None and not _is_latex(gold):
            said = {"index": index, "gold": raw[:200], "why": gold.why}
            return {"right": False, "rule": "bad gold", "bad_gold": said, "trace": []}
    if "answers" not in argument:
        return {"right": True, "rule": "readable", "bad_gold": None, "trace": []}
    offered: Sequence[str] = argument["answers"]
    decision, gold, answer = Decision(False, "different"), golds[0], understand(", ".join(offered))
    for gold in golds:
        decision, answer = judge(gold, offered, rules)
        if decision.is_equal:
            break
    trace = [
        {
            "stage": "parsing",
            "result": f"gold: {gold.type}; answer: {answer.type}",
            "gold": gold.text[:200],
            "answer": answer.text[:200],
        },
        {"stage": "comparison", "result": f"{'equal' if decision.is_equal else 'not equal'}: {decision.rule}"},
    ]
    return {"right": decision.is_equal, "rule": decision.rule, "bad_gold": None, "trace": trace}


def judge(gold: Reading, offered: Sequence[str], rules: Rules) -> tuple[Decision, Reading]:
    """One gold against what was offered as one answer, perhaps in several boxes."""
    whole = understand(", ".join(offered))
    decision = decide(gold, whole, rules)
    if not decision.is_equal and isinstance(gold.value, Collection) and _THOUSANDS.fullmatch(offered[0].strip()):
        # A gold that is several numbers makes 81,256 several numbers, too.
        several = understand(offered[0].replace(",", ", "))
        again = decide(gold, several, rules)
        return (again, several) if again.is_equal else (decision, whole)
    if decision.is_equal or len(offered) < 2:
        return decision, whole
    # The same value in several boxes is one answer.
    each = [decide(gold, understand(part), rules) for part in offered]
    return (Decision(True, each[0].rule), whole) if all(one.is_equal for one in each) else (decision, whole)


def decide(gold: Reading, answer: Reading, rules: Rules) -> Decision:
    same = squeezed(gold.text) == squeezed(answer.text)
    if same and rules.reduced == "any":
        return Decision(True, "the same text")
    if isinstance(gold.value, Words):
        if rules.case == "exact":
            return Decision(_exact_words(gold.text) == _exact_words(answer.text), "words in their case")
        if words(gold.text) and words(gold.text) == words(answer.text):
            return Decision(True, "the same words")
    if gold.value is None or (answer.value is None and not any(readings(answer.text))):
        return _by_library(gold, answer)
    decision = _compared(gold.value, answer.value, rules) if answer.value else Decision(False, answer.why)
    if decision.rule == NOWHERE:
        return _by_library(gold, answer)
    if decision.is_equal or not isinstance(without_name(gold.value), Scalar | Clock):
        return decision if decision.is_equal else _with_gold_read_again(gold, answer, rules) or decision
    # A gold that is one number makes 3,5 one number too.
    for other in readings(answer.text):
        again = _read(other)
        if again.value is not None and not isinstance(again.value, Collection):
            second = _compared(gold.value, again.value, rules)
            if second.is_equal:
                return second
    return decision


def _with_gold_read_again(gold: Reading, answer: Reading, rules: Rules) -> Decision | None:
    """A gold such as 1,22 may be a list or one number: two digits and more behind its only comma."""
    if not re.fullmatch(r"-?(?:0,\d+|\d+,(?:\d\d|\d{4,}))", gold.text):
        return None
    for other in readings(gold.text):
        again, given = _read(other), _read(other) if answer.text == gold.text else answer
        if again.value is not None and given.value is not None:
            found = _compared(again.value, given.value, rules)
            if found.is_equal:
                return found
    return None


def understand(raw: str) -> Reading:
    """A text as it stands; failing that, the formulas in its prose."""
    if len(raw) > 4 * MAX_LENGTH:
        return Reading(raw[:MAX_LENGTH], None, f"longer than {MAX_LENGTH} characters")
    reading = _read(clean(raw))
    if reading.value is not None and not isinstance(reading.value, Words):
        return reading
    inside, around = segments(raw)
    if inside and not is_negated(around) and _only_names(around):
        unit = " \\%" if re.search(r"%|percent|pct", around, re.I) else ""
        joined = _read(clean(", ".join(inside)) + unit)
        if joined.value is not None:
            return joined
    if (wrapped := _WRAPPED.fullmatch(raw.strip())) and (re.search(r"\d", wrapped[1]) or is_formula(wrapped[1])):
        inner = _read(clean(wrapped[1]))
        if inner.value is not None and not isinstance(inner.value, Words):
            return inner
    if (said := _SAID.search(clean(raw))) and not is_negated(raw[: said.start()]):
        again = _read(said["answer"])
        if again.value is not None:
            return again
    return reading


def _read(text: str) -> Reading:
    try:
        return Reading(text, read(text))
    except _ERRORS as error:
        return Reading(text, None, str(error) or type(error).__name__)


def _compared(gold: Value, answer: Value, rules: Rules) -> Decision:
    try:
        return compare(gold, answer, rules)
    except _ERRORS as error:
        return Decision(False, f"cannot be compared: {str(error) or type(error).__name__}")


def _by_library(gold: Reading, answer: Reading) -> Decision:
    """The last resort, for golds that our grammar does not know: integrals, limits, logic.

    Against any other gold such an answer is a question: who is asked for an integral may not hand it back.
    """
    if gold.value is not None:
        return Decision(False, f"the answer cannot be read: {answer.why}" if answer.why else NOWHERE)
    if _has_relation(answer.text) and not _has_relation(gold.text):
        return Decision(False, "a relation where a value is asked for")
    try:
        same = same_latex(gold.text, answer.text)
    except TooLarge as error:
        return Decision(False, f"cannot be compared: {error}")
    if same is None:
        return Decision(False, f"cannot be compared: {gold.why or answer.why}")
    return Decision(same, "equal by Math-Verify" if same else "different by Math-Verify")


def _is_latex(reading: Reading) -> bool:
    """Whether a text that is not in our grammar may be in the library's: whole, with commands, and not too large."""
    if not re.search(r"\\[a-zA-Z]", reading.text) or len(reading.text) > 1000:
        return False
    depth = 0
    for token in re.findall(r"\\.|[{}]", reading.text, re.DOTALL):
        depth += (token == "{") - (token == "}")
        if depth < 0:
            return False
    return depth == 0 and bool(_LIBRARY.search(reading.text))


def _has_relation(text: str) -> bool:
    """Whether it says that things are equal, or less; the library reads only the end of that."""
    before = ""
    while before != text:
        before, text = text, re.sub(r"\{[^{}]*\}", " ", text)
    return bool(re.search(r"[=<>]|\\(?:le|ge|leq|geq|ne|neq|approx|sim|equiv)(?![a-z])", text))


def _only_names(around: str) -> bool:
    """Whether the prose around formulas does no more than name them: no mathematics of its own, no second thoughts."""
    plain = re.sub(r"\\(?:text\w*|mathrm|mbox|quad|qquad|left|right|[,;: ])(?![a-z])|\\%|[{}]|\w[-'’]\w", " ", around)
    return len(plain.split()) <= 60 and not _OWN_MATHEMATICS.search(plain) and not _SECOND_THOUGHTS.search(plain)


def _exact_words(text: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"\\[a-zA-Z]+|[{}$]", " ", text)).strip()


def _tolerance(value: float | None) -> Fraction | None:
    return None if value is None else Fraction(value)


_ERRORS = (ArithmeticError, NotImplementedError, RecursionError, ValueError)
"""What an answer that makes no sense, or is too much, brings about in a reader or a number: golds are read before a
run, so it is then the answer's. Anything else is a fault of ours: UNJUDGED."""
_LIBRARY = re.compile(
    r"\\(?:i{1,3}nt|oint|lim|sum|prod|land|lor|wedge|vee|neg|lnot|forall|exists|iff|implies|partial)(?![a-z])"
)
"""What the library is asked about. It is too generous for anything else: to it a tuple is its square."""
_OWN_MATHEMATICS = re.compile(r"[\d\\^_=<>+*/|!~&#-]|\b[b-z]\b")
_SECOND_THOUGHTS = re.compile(
    r"\b(?:maybe|perhaps|possibly|probably|alternatively|either|unless|otherwise|unsure|guess|could|might|may)\b", re.I
)
_THOUSANDS = re.compile(r"[$\s]*\d{1,3}(?:,\d{3})+[$\s]*")
_WRAPPED = re.compile(r"\\(?:text|textbf|textit|textrm|mathrm|mbox)\s*\{((?:[^{}]|\{[^{}]*\})*)\}")
_SAID = re.compile(
    r"(?i)(?:answer is|réponse est|result is|solution is|est|is)\s*:?\s+(?P<answer>[^.]{1,300}?)"
    r"(?:,?\s(?:non|not|and not)\s[^.]*)?\.?\s*$"
)


def warm_up() -> None:
    """Read and compare once, so that every fork has the tables of the grammars and the modules of the algebra."""
    rules = Rules()
    for gold, answer in (
        (r"\sec^2 x", r"1+\tan^2 x"),
        ("0<f(x)<1", "(0,1)"),
        (r"\frac{1}{3}", "0.34"),
        ("x^2/4 + y^2/3 = 1", "x^2/16 + y^2/12 = 1/4"),
        ("x y = 1", "y = 1/x"),
        (r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", r"\begin{pmatrix}1&2\\3&\frac{5}{2}\end{pmatrix}"),
        (r"\sqrt{2}+e^{i\pi}", r"\{\sqrt{3}-1, 2\}"),
        (r"\int_0^1 x dx", r"\int_0^1 y dy"),
    ):
        judge(understand(gold), [answer], rules)


warm_up()
