"""Compares an answer with golds as mathematics. Runs inside a check box, never in the host's process.

Cheap exact ways come first (text, rationals, letters, times, bases); what is left goes to Math-Verify's LaTeX grammar,
whose "equal" is then doubted numerically. No time limits here: the process is killed from outside.
"""

from __future__ import annotations

import logging
import re
import unicodedata
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from latex2sympy2_extended.math_normalization import NormalizationConfig
from math_verify import LatexExtractionConfig, parse, verify
from sympy import Basic, Expr, FiniteSet, I, MatrixBase, N, Product, Sum

logging.disable(logging.CRITICAL)

MAX_LENGTH = 4096
MAX_NESTING = 64
MAX_DIGITS = 256
MAX_EXPONENT_DIGITS = 6
MAX_PLAIN_DIGITS = 4000


class TooLarge(ValueError):
    """A text that is not handed to the algebra system; the message says why."""


def check(argument: dict[str, Any]) -> dict[str, Any]:
    """{"golds", "answer", "tolerance"} -> {"right": bool, "rule": which rule decided, "bad_gold": text or None}."""
    answer, tolerance = clean(argument["answer"]), argument["tolerance"]
    rule = "different"
    for raw in argument["golds"]:
        gold = clean(raw)
        is_equal, rule = compare(gold, answer, tolerance)
        if is_equal:
            return {"right": True, "rule": rule, "bad_gold": None}
        if rule == "bad gold":
            return {"right": False, "rule": rule, "bad_gold": raw}
    return {"right": False, "rule": rule, "bad_gold": None}


def compare(gold: str, answer: str, tolerance: float | None) -> tuple[bool, str]:
    """Whether they are equal, and the rule that decided; "bad gold" if the gold makes no sense at all."""
    if squeezed(gold) == squeezed(answer):
        return True, "same text"
    if (decided := by_kind(gold, answer)) is not None:
        return decided
    # One comma may be a decimal point; a comma on both sides is a list.
    are_lists = "," in gold and "," in answer
    exact_gold, exact_answer = (None, None) if are_lists else (rational(gold), rational(answer))
    if exact_gold is not None and exact_answer is not None:
        return rationals_equal(gold, exact_gold, answer, exact_answer, tolerance)
    if words(gold) and words(gold) == words(answer):
        return True, "same words"
    parts = gold.split(","), answer.split(",")
    if len(parts[0]) == len(parts[1]) > 1 and not re.search(r"[(\[]", gold + answer):
        pairs = zip(*parts, strict=True)
        if all(compare(one.strip(), other.strip(), tolerance)[0] for one, other in pairs):
            return True, "equal one by one"
    try:
        refuse_large(gold)
        gold_value = read(gold)
    except TooLarge as error:
        return False, f"bad gold: {error}"
    if gold_value is None:
        return (False, "different words") if words(gold) else (False, "bad gold")
    try:
        return algebraically_equal(gold, gold_value, answer, tolerance)
    except _ALGEBRA_ERRORS as error:
        # The gold was read, so it is the answer that makes no sense.
        return False, f"cannot be compared: {type(error).__name__}"


def algebraically_equal(gold: str, gold_value: Any, answer: str, tolerance: float | None) -> tuple[bool, str]:
    try:
        refuse_large(answer)
    except TooLarge as error:
        return False, str(error)
    if not chain_holds(answer):
        return False, "a chain of equals that are not"
    answer_value = read(answer)
    if answer_value is None:
        return False, "the answer cannot be read"
    if braces(gold) * braces(answer) < 0:
        return False, "a set is not a tuple"
    if tolerance is not None and (near := within(gold_value, answer_value, tolerance)) is not None:
        return near, f"tolerance {tolerance:g}"
    if is_rounded_equal(gold, answer_value):
        return True, "equal at the gold's digits"
    if not verify(gold_value, answer_value, timeout_seconds=None, float_rounding=6, allow_set_relation_comp=True):
        return False, "different"
    if is_doubtful(gold_value, answer_value):
        return False, "equal only when rounded"
    return True, "equal"


def clean(text: str) -> str:
    """One spelling of what is only written differently: Unicode, dollar signs, spaces, separators, and/or."""
    text = "".join(_UNICODE.get(char) or plain(char) for char in text[: 8 * MAX_LENGTH])
    segments = [next(filter(None, groups)) for groups in _SEGMENT.findall(text)]
    around = _SEGMENT.sub(" ", text)
    if segments and (len(segments) > 1 or len(around.strip()) > 12) and "boxed" not in text:
        unit = " \\%" if re.search(r"%|percent|pct", around, re.I) else ""
        text = ", ".join(segments) + unit
    for pattern, replacement in _REWRITES:
        text = pattern.sub(replacement, text)
    return re.sub(r"(?:[\s.,;:$]|\\(?![a-zA-Z{}|]))+$", "", text.strip())


def plain(char: str) -> str:
    """Any decimal digit or full-width form as ASCII."""
    if char.isdecimal():
        return str(unicodedata.decimal(char))
    return unicodedata.normalize("NFKC", char) if "\uff00" <= char <= "\uffef" else char


def squeezed(text: str) -> str:
    return re.sub(r"\s+|\\left|\\right|\\(?:text|mathrm|textbf)\s*(?=\{)", "", text).replace("{}", "")


def words(text: str) -> str:
    """The words of a text answer in lower case; empty for anything with mathematics in it."""
    inner = re.sub(r"\\(?:text|textbf|mathrm|mbox|textit)\s*\{([^{}]*)\}", r" \1 ", text)
    if re.search(r"[\\^_=<>0-9+*/{}]", inner):
        return ""
    return " ".join(re.findall(r"[^\W\d_]+", inner)).casefold()


def by_kind(gold: str, answer: str) -> tuple[bool, str] | None:
    """Letters, times, ratios, numbers in a base and units: kinds that the algebra system would misread."""
    if (option := _OPTION.fullmatch(gold)) and (chosen := _CHOSEN.fullmatch(unwrapped(answer))):
        return option["letter"] == chosen["letter"], "choice"
    if _TIME.fullmatch(gold) or _TIME.fullmatch(answer):
        same = [squeezed(unwrapped(side)).lower().replace(".", "") for side in (gold.partition("=")[2] or gold, answer)]
        return (True, "time or ratio") if same[0] == same[1] else (False, "time or ratio") if ":" in answer else None
    if (based := _BASED.fullmatch(gold)) and (other := _BASED.fullmatch(answer)):
        return based.groups() == other.groups(), "number in a base"
    units = unit(gold), unit(answer)
    if all(units) and units[0] != units[1]:
        return False, f"in {units[1]}, not {units[0]}"
    return None


def unwrapped(text: str) -> str:
    return re.sub(r"\\(?:text|textbf|mathrm|mbox)\s*\{([^{}]*)\}", r"\1", text).strip()


def unit(text: str) -> str:
    """The unit of a number, by its first name in `_UNITS`; empty if there is none, or one that we do not know."""
    found = re.search(r"\d\s*(?:\\(?:text|mathrm|mbox)\s*\{\s*([a-zA-Z]+)\s*\}|\s([a-zA-Z]+)$)", text)
    word = (found[1] or found[2]).lower() if found else "dollar" if text.startswith("\\$") else ""
    return _UNITS.get(word) or _UNITS.get(word.removesuffix("s"), "")


def rational(text: str) -> Fraction | None:
    """A plain number exactly: integer, decimal, fraction, mixed or scientific, percent; None for anything else."""
    text = unwrapped(_NAMED_VALUE.sub("", text)).strip()
    text = re.sub(r"(?<=\d)\s+[a-zA-Z][a-zA-Z ]*$", "", _PERCENT.sub("", text)).replace(" ", "")
    text = re.sub(r"^\((.*)\)$", r"\1", re.sub(r"^(?:\\\$|[$€£¥])|(?:\\\$|[€£¥]|\^\{?\\circ\}?)$", "", text))
    if len(text) > MAX_PLAIN_DIGITS:
        return None
    for pattern, value in _NUMBERS:
        if match := pattern.fullmatch(text):
            try:
                return value(match)
            except (ZeroDivisionError, OverflowError):
                return None
    return None


def rationals_equal(
    gold: str, gold_value: Fraction, answer: str, answer_value: Fraction, tolerance: float | None
) -> tuple[bool, str]:
    difference = abs(gold_value - answer_value)
    if tolerance is not None:
        return difference <= Fraction(tolerance) * abs(gold_value), f"tolerance {tolerance:g}"
    if difference == 0:
        return True, "equal numbers"
    are_percents = bool(_PERCENT.search(gold)), bool(_PERCENT.search(answer))
    if are_percents == (True, False) and gold_value == answer_value * 100:
        return True, "a percentage as a share"
    if are_percents == (False, True) and gold_value * 100 == answer_value:
        return True, "a share as a percentage"
    # A fraction written out as a decimal to at least six digits is the fraction; 0.67 is not 2/3.
    places = re.search(r"\.(\d{6,})", answer if "." in answer else gold)
    is_fraction = "/" in (gold + answer) or "frac" in (gold + answer)
    is_near = is_fraction and bool(places) and difference <= Fraction(1, 10 ** len(places[1])) if places else False
    return is_near, "equal at the digits written" if is_near else "different numbers"


def within(gold: Any, answer: Any, tolerance: float) -> bool | None:
    """Whether two numbers are near; None if they are not two numbers."""
    if not (is_number(gold) and is_number(answer)):
        return None
    gold_value, answer_value = N(gold, 30), N(answer, 30)
    return bool(abs(gold_value - answer_value) <= tolerance * abs(gold_value))


def is_rounded_equal(gold: str, answer_value: Any) -> bool:
    """Whether a closed form, rounded, is the decimal that the gold gives with three digits or more."""
    decimal = re.fullmatch(r"-?\d*\.(\d{3,15})", gold)
    if decimal is None or not is_number(answer_value) or answer_value.is_Float or answer_value.is_Integer:
        return False
    half_place = Fraction(1, 2 * 10 ** len(decimal[1]))
    return bool(abs(N(answer_value, 30) - N(Fraction(gold), 30)) <= N(half_place, 30))


def is_doubtful(gold: Any, answer: Any) -> bool:
    """Whether two exact numbers called equal differ in their first nine digits: Math-Verify rounds tiny ones away."""
    if not (is_number(gold) and is_number(answer)):
        return False
    size = max(abs(N(gold, 20)), abs(N(answer, 20)))
    return bool(size != 0 and abs(N(gold - answer, 20)) > size * 1e-5)


def is_number(value: Any) -> bool:
    return isinstance(value, Expr) and bool(value.is_number) and not isinstance(value, MatrixBase)


def chain_holds(answer: str) -> bool:
    """Whether the plain numbers in `a = b = c` are all the same."""
    if "," in answer or answer.count("=") < 2:
        return True
    return len({value for part in answer.split("=") if (value := rational(part.strip())) is not None}) < 2


def braces(text: str) -> int:
    """1 for a set in braces, -1 for one pair of round brackets, 0 for anything else."""
    bare = text.replace("\\left", "").replace("\\right", "").strip()
    return 1 if bare.startswith("\\{") else -1 if bare.startswith("(") and bare.count("(") == 1 and "," in bare else 0


def read(text: str) -> Basic | MatrixBase | None:
    """The text by Math-Verify's LaTeX grammar; never its plain expressions, which end in Python's `eval`."""
    spelled = _PLAIN_FUNCTION.sub(r"\\\1", _DEGREES.sub(r"\1{\\frac{\2\\pi}{180}}", text))
    values = parse("\\boxed{" + spelled + "}", [_LATEX], fallback_mode="no_fallback", parsing_timeout=None)
    value = values[0] if values else None
    if value is None and spelled.count("\\pm") == 1 and "," not in spelled:
        return read(spelled.replace("\\pm", "+") + ", " + spelled.replace("\\pm", "-"))
    if isinstance(value, FiniteSet) and len(value.args) == 0:
        return None
    if isinstance(value, Expr) and not value.has(Sum, Product):
        return value.subs({symbol: I for symbol in value.free_symbols if symbol.name == "i"})
    return value


def refuse_large(text: str) -> None:
    """Raise `TooLarge` for what only costs time to read."""
    if len(text) > MAX_LENGTH:
        raise TooLarge(f"longer than {MAX_LENGTH} characters")
    depth = deepest = 0
    for char in text:
        depth += (char in "([{") - (char in ")]}")
        deepest = max(deepest, depth)
    if deepest > MAX_NESTING:
        raise TooLarge(f"nested deeper than {MAX_NESTING}")
    if re.search(rf"\d{{{MAX_DIGITS}}}", text):
        raise TooLarge(f"a number of more than {MAX_DIGITS} digits")
    if (
        re.search(rf"\^\s*\{{?\s*-?\d{{{MAX_EXPONENT_DIGITS},}}", text)
        or len(re.findall(r"\^(?=\s*\{?\s*\d+\s*\^)", text)) > 1
    ):
        raise TooLarge("an exponent too large")


_ALGEBRA_ERRORS = (
    ArithmeticError,
    AttributeError,
    LookupError,
    NotImplementedError,
    RecursionError,
    TypeError,
    ValueError,
)
_LATEX = LatexExtractionConfig(
    boxed_match_priority=0,
    normalization_config=NormalizationConfig(
        basic_latex=True, units=True, malformed_operators=True, nits=True, boxed="last", equations=False
    ),
)
_UNICODE = {
    "−": "-", "–": "-", "×": "\\times ", "·": "\\cdot ", "÷": "/", "√": "\\sqrt ", "π": "\\pi ", "∞": "\\infty ",
    "≤": "\\le ", "≥": "\\ge ", "≠": "\\ne ", "°": "^\\circ ", "∪": "\\cup ", "∩": "\\cap ", "∈": "\\in ", "±": "\\pm ",
    "½": "\\frac{1}{2}", "⅓": "\\frac{1}{3}", "⅔": "\\frac{2}{3}", "¼": "\\frac{1}{4}", "¾": "\\frac{3}{4}",
    "²": "^{2}", "³": "^{3}", "⁴": "^{4}", "\u00a0": " ", "\u202f": " ", "\u2009": " ", "′": "'", "；": ";", "，": ",",
}  # fmt: skip
_SEGMENT = re.compile(r"\$\$(.+?)\$\$|\\\[(.+?)\\\]|\\\((.+?)\\\)|(?<!\\)\$([^$]+?)(?<!\\)\$", re.DOTALL)
_REWRITES = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"\\\\(?=(?:left|right|frac|le\b|ge\b|pi\b|sqrt|boxed))", r"\\"),
        (r"(?<!\\)\$+", ""),
        (r"\\(?:[dtc]frac)", r"\\frac"),
        (r"\\(?:displaystyle|!|limits)", ""),
        (r"(\d)\{,\}\s*(?=\d{3})", r"\1"),
        (r"(?<=\d)(?:\\[,;: ]|~| )\s*(?=\d{3}(?!\d))", ""),
        (r"(?<![\d.,(\[{;])([1-9]\d{0,2}(?:,\s?\d{3})+)(?![\d,])", lambda match: re.sub(r"[,\s]", "", match[1])),
        (r"\\(?:[,;:]|quad|qquad|ldots)|\\ ", " "),
        (r"\\text\s*\{\s*,?\s*(?:and|or)\s*\}|,?\s+(?:and|or)\s+|(?<=\))(?:and|or)(?=\()", ", "),
        (r",(?:\s*,)+", ","),
        (r"(?i)^\s*(?:the answer is|(?:la )?réponse est)\b\s*", ""),
        (r"^\s*[a-zA-Z]\s*\\in\s*", ""),
        (r"\s*(?:percentage|percent|pct)\b|(?<!\\)%", r"\\%"),
        (r"<=", r"\\le "),
        (r">=", r"\\ge "),
        (r"!=", r"\\ne "),
        (r"(?<=[\w)}])\s*\*\*\s*", "^"),
        (r"(?<=[\d)}a-z])\s*\*\s*", r"\\cdot "),
        (r"\\(?:mathrm|text)\{\s*([eid])\s*\}", r"\1"),
        (r"(\d(?:\.\d+)?)\s*(?:\\text\{)?\s*million\s*\}?", r"\1\\cdot 10^{6}"),
        (r"(\d(?:\.\d+)?)\s*(?:\\text\{)?\s*billion\s*\}?", r"\1\\cdot 10^{9}"),
    )
)
_PLAIN_FUNCTION = re.compile(r"(?<![\\a-zA-Z])(sqrt|sin|cos|tan|log|ln|pi)(?![a-zA-Z])")
_OPTION = re.compile(
    r"(?:\\(?:text|textbf|mathrm)\s*)?\{?(?P<bracket>\()?(?P<letter>[A-Z])[).:]?\}?(?:[\s:.]+(?(bracket).+|[A-Z]?[a-z]\w*.*))?",
    re.DOTALL,
)
_CHOSEN = re.compile(r"\(?(?P<letter>[A-Z])\)?[.:]?(?:\s(?!.*[,/]\s*\(?[A-Z]\b).*)?", re.DOTALL)
_TIME = re.compile(r"(?:.*=\s*)?\d{1,4}\s*:\s*\d{1,4}(?:\s*:\s*\d+)?\s*(?:\\text\{)?\s*(?:[ap]\.?m\.?)?\s*\}?", re.I)
_BASED = re.compile(r"([0-9A-F]+)_\{?(\d+)\}?")
_DEGREES = re.compile(r"(\\(?:sin|cos|tan|cot|sec|csc))\s*[{(]?\s*(\d+)\s*\^\s*\{?\\circ\}?\s*[})]?")
_UNITS = {
    name: names.split()[0]
    for names in (
        "mm millimeter millimetre", "cm centimeter centimetre", "m meter metre", "km kilometer kilometre",
        "in inch inches", "ft foot feet", "yd yard", "mi mile", "g gram", "kg kilogram", "lb pound", "oz ounce",
        "s sec second", "min minute", "h hr hour", "day", "week", "month", "year", "dollar", "cent", "euro", "yuan",
        "l liter litre", "ml milliliter millilitre", "gallon", "mph", "kph", "am", "pm",
    )
    for name in names.split()
}  # fmt: skip
_PERCENT = re.compile(r"\s*(?:\\?%|\\text\{\s*percent\s*\})\s*$")
_NAMED_VALUE = re.compile(r"^\s*[a-zA-Z]\w{0,2}\s*(?:=|\\approx)\s*")


def _signed(match: re.Match[str], value: Fraction) -> Fraction:
    return -value if match[1] == "-" else value


def _nines(fixed: str, repeated: str) -> int:
    return int((10 ** len(repeated) - 1) * 10 ** len(fixed))


_NUMBERS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], Fraction]], ...] = (
    (re.compile(r"([-+]?)(\d+)"), lambda m: _signed(m, Fraction(int(m[2])))),
    (re.compile(r"([-+]?)(\d*\.\d+|\d+\.)"), lambda m: _signed(m, Fraction("0" + m[2] + "0"))),
    (re.compile(r"([-+]?)(?=0,|\d+,(?:\d\d?|\d{4,})$)(\d+),(\d+)"), lambda m: _signed(m, Fraction(f"{m[2]}.{m[3]}"))),
    (
        re.compile(r"([-+]?)(\d*)\.(\d*)\\overline\{(\d+)\}"),
        lambda m: _signed(
            m, Fraction(int((m[2] or "0") + m[3] + m[4]) - int((m[2] or "0") + m[3]), _nines(m[3], m[4]))
        ),
    ),
    (re.compile(r"([-+]?)(\d+)/(\d+)"), lambda m: _signed(m, Fraction(int(m[2]), int(m[3])))),
    (re.compile(r"([-+]?)\\frac\{?(\d+)\}\{(\d+)\}?"), lambda m: _signed(m, Fraction(int(m[2]), int(m[3])))),
    (re.compile(r"([-+]?)\\frac(\d)(\d)"), lambda m: _signed(m, Fraction(int(m[2]), int(m[3])))),
    (
        re.compile(r"([-+]?)(\d+)\\frac\{?(\d+?)\}?\{?(\d+)\}?"),
        lambda m: _signed(m, int(m[2]) + Fraction(int(m[3]), int(m[4]))),
    ),
    (
        re.compile(r"([-+]?)(\d+(?:\.\d+)?)(?:\\times|\\cdot|[*x])10\^\{?([-+]?\d{1,4})\}?"),
        lambda m: _signed(m, Fraction(m[2]) * Fraction(10) ** int(m[3])),
    ),
    (
        re.compile(r"([-+]?)(\d+(?:\.\d+)?)[eE]([-+]?\d{1,4})"),
        lambda m: _signed(m, Fraction(m[2]) * Fraction(10) ** int(m[3])),
    ),
    (re.compile(r"([-+]?)(10)\^\{?(-?\d{1,4})\}?"), lambda m: _signed(m, Fraction(10) ** int(m[3]))),
)


def warm_up() -> None:
    """Read and compare once, so that every fork has the grammar's tables and the algebra's modules already."""
    for gold, answer in (
        (r"\sec^2 x", r"1+\tan^2 x"),
        ("0<f(x)<1", "(0,1)"),
        (r"F_n = \sum_{k=0}^{n-1} F_k", r"F_n = \sum_{k=1}^{n} F_{k-1}"),
        ("x^2/4 + y^2/3 = 1", "x^2/16 + y^2/12 = 1/4"),
        (r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", r"\begin{pmatrix}1&2\\3&\frac{5}{2}\end{pmatrix}"),
        (r"\sqrt{2}+1", r"\{\sqrt{3}-1, 2\}"),
    ):
        compare(gold, answer, None)


warm_up()
