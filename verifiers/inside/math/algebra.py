"""Math-Verify's LaTeX grammar, for formulas that ours does not know: integrals, limits, logic. Its "equal" is doubted.

No string of an answer reaches `eval`, `parse_expr` or `sympify`: only the LaTeX path of the library is used.
"""

from __future__ import annotations

import logging
from typing import Any

from latex2sympy2_extended.math_normalization import NormalizationConfig
from math_verify import LatexExtractionConfig, verify
from math_verify import parse as parse_latex
from sympy import Basic, Expr, I, MatrixBase, N

from verifiers.inside.math.text import MAX_LENGTH
from verifiers.inside.math.tree import MAX_NESTING, TooLarge

logging.disable(logging.CRITICAL)

MAX_DIGITS = 256
MAX_LATEX = 1000
"""Characters: its grammar is slower than ours by a thousand."""


def read_latex(text: str) -> Basic | MatrixBase | None:
    """What the library makes of a cleaned text; None if nothing."""
    _refuse_large(text)
    values = parse_latex("\\boxed{" + text + "}", [_LATEX], fallback_mode="no_fallback", parsing_timeout=None)
    value = values[0] if values else None
    if isinstance(value, Expr):
        return value.subs({symbol: I for symbol in value.free_symbols if symbol.name == "i"})
    return value


def same_latex(gold: str, answer: str) -> bool | None:
    """Whether two texts are equal by the library, and by their numbers; None if the gold is nothing to it."""
    try:
        wanted = read_latex(gold)
    except _ERRORS:
        return None
    if wanted is None:
        return None
    try:
        given = read_latex(answer)
        if given is None or not verify(wanted, given, timeout_seconds=None, float_rounding=12):
            return False
        return not _is_doubtful(wanted, given)
    except _ERRORS:
        return False


def _is_doubtful(gold: Any, answer: Any) -> bool:
    """Whether two numbers called equal differ in their first digits: the library rounds tiny ones away."""
    if not all(isinstance(value, Expr) and value.is_number for value in (gold, answer)):
        return False
    size = max(abs(N(gold, 30)), abs(N(answer, 30)))
    return bool(size != 0 and abs(N(gold - answer, 30)) > size * 1e-12)


def _refuse_large(text: str) -> None:
    if len(text) > min(MAX_LATEX, MAX_LENGTH):
        raise TooLarge(f"longer than {MAX_LATEX} characters")
    depth = deepest = digits = 0
    for char in text:
        depth += (char in "([{") - (char in ")]}")
        deepest = max(deepest, depth)
        digits = digits + 1 if char.isdigit() else 0
        if digits > MAX_DIGITS or deepest > MAX_NESTING // 2:
            raise TooLarge("too many digits or too deep")


_ERRORS = (
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
        basic_latex=True, units=False, malformed_operators=True, nits=True, boxed="last", equations=False
    ),
)
