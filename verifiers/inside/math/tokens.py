"""Text to tokens: numbers, names, commands, words and signs, each letter run decided by what it stands behind."""

from __future__ import annotations

import re
from dataclasses import dataclass

from verifiers.inside.math.tree import MAX_NODES, TooLarge

FUNCTIONS = frozenset(
    "sin cos tan cot sec csc arcsin arccos arctan arccot arcsec arccsc sinh cosh tanh coth sech csch arcsinh arccosh "
    "arctanh ln log lg exp sqrt cbrt abs floor ceil gcd lcm max min det sgn Re Im arg cis deg sign".split()
)
ALIASES = {
    "asin": "arcsin", "acos": "arccos", "atan": "arctan", "operatorname": "", "arsinh": "arcsinh", "tg": "tan",
    "ctg": "cot", "cosec": "csc", "arctg": "arctan", "cotan": "cot", "lb": "lb",
}  # fmt: skip
GREEK = frozenset(
    "alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa lambda mu nu xi rho sigma "
    "varsigma tau upsilon phi varphi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega "
    "ell hbar aleph odot".split()
)
NAMED = {
    "pi": "pi", "infty": "infinity", "infinity": "infinity", "inf": "infinity", "oo": "infinity", "varphi": "phi",
    "varepsilon": "epsilon", "vartheta": "theta", "emptyset": "emptyset", "varnothing": "emptyset", "imath": "i",
    "jmath": "j", "R": "R",
}  # fmt: skip
_TEXT_COMMANDS = frozenset("text textbf textit textrm textsc texttt mbox textnormal hbox textsf emph".split())
_FONT_COMMANDS = frozenset(
    "mathrm mathbf mathit mathsf mathcal mathbb mathfrak boldsymbol bm operatorname mathscr rm bf it".split()
)
_IGNORED = frozenset({"\\,", "\\;", "\\:", "\\ ", "~", "\\quad", "\\mathstrut", "\\strut", "\\cdots_"})
_UNITS_BY_LETTERS = frozenset(
    "mm cm km dm nm in ft yd mi kg mg lb lbs oz ml mL kL sec min hr hrs mph kph kmh km/h am pm AM PM Hz kHz kW kWh "
    "rad deg USD EUR GBP RMB usd cents cm2 m2 sq cu kJ Pa kPa mol th st nd rd".split()
)
_WORDS_LIKE_PRODUCTS = frozenset("at by is of to if".split())
"""As in e^{at} and ax + by."""
_UNITS_LIKE_FUNCTIONS = ("min", "sec", "deg")
UNIT_LETTERS = frozenset("mgshlLJNWVK")
"""Units of one letter, where they are set upright behind a number."""
_SHORT_WORDS = frozenset(
    "yes no odd even none DNE dne and or is for if red blue to of by at per men day one two six ten won all "
    "any not".split()
)

_TOKEN = re.compile(
    r"(?P<space>\s+)|(?P<num>\d+(?:\.\d+)?(?:[eE][-+]?\d{1,6}(?![\w.]))?|\.\d+(?:[eE][-+]?\d{1,6}(?!\w))?)"
    r"|(?P<cmd>\\(?:[a-zA-Z]+|.))|(?P<word>[^\W\d_]+)|(?P<dots>\.{2,})|(?P<op>.)",
    re.DOTALL,
)
_NAMES_AND_FUNCTION = re.compile(r"([a-zA-Z]{1,2})(sqrt|sin|cos|tan|log|ln|exp)")
"""As in 42xsqrt(5x)."""
_GROUP = re.compile(r"\s*\{((?:[^{}]|\{[^{}]*\})*)\}")


@dataclass(frozen=True, slots=True)
class Token:
    kind: str
    """num, cmd, name, text, join, op, dots or end."""
    text: str
    spaced: bool = False


def tokens_of(text: str) -> list[Token]:
    tokens: list[Token] = []
    position, spaced = 0, False
    while position < len(text):
        match = _TOKEN.match(text, position)
        assert match is not None, "the last alternative takes any character"
        position = match.end()
        kind, found = match.lastgroup or "op", match[0]
        if kind == "space" or found in _IGNORED:
            spaced = True
            continue
        if kind == "cmd" and found[1:] in _TEXT_COMMANDS and (group := _GROUP.match(text, position)):
            position = group.end()
            if tokens and _ends_number(tokens[-1]) and group[1].strip() in UNIT_LETTERS:
                tokens.append(Token("text", group[1].strip(), spaced))
            else:
                tokens += _words(group[1], spaced)
        elif kind == "cmd" and found[1:] in _FONT_COMMANDS:
            group = _GROUP.match(text, position)
            if group and tokens and tokens[-1].kind == "num" and group[1].strip() in UNIT_LETTERS:
                position = group.end()
                tokens.append(Token("text", group[1].strip(), spaced))
            elif group and is_formula(group[1]) and not (tokens and _ends_number(tokens[-1])):
                position = group.end()
                tokens += tokens_of(group[1])[:-1]
            elif group and found != "\\mathbb" and not re.fullmatch(r"\s*(?:[a-zA-Z]|[\d.,\s]+|\\.*)\s*", group[1]):
                position = group.end()
                inner = group[1].strip().replace("\\,", " ")
                known = ALIASES.get(inner, inner)
                if known in FUNCTIONS or known in NAMED:
                    tokens.append(Token("cmd", "\\" + known, spaced))
                else:
                    tokens += _words(group[1], spaced, upright=True)
            elif group and found != "\\mathbb" and re.fullmatch(r"\s*[a-zA-Z]\s*", group[1]):
                position = group.end()
                tokens.append(Token("name", group[1].strip(), spaced))
            elif found == "\\mathbb" and group:
                position = group.end()
                tokens.append(Token("name", "bb" + group[1].strip(), spaced))
            spaced = False
            continue
        elif kind == "word":
            tokens += _letters(found, tokens[-1] if tokens else None, spaced, text[position : position + 2])
        else:
            tokens.append(Token(kind, found, spaced))
        spaced = False
        if len(tokens) > MAX_NODES:
            raise TooLarge(f"more than {MAX_NODES} symbols")
    tokens.append(Token("end", "end"))
    return tokens


def _ends_number(token: Token) -> bool:
    """Whether what stands upright behind it may be a unit: 5 m, 10^{3} m."""
    return token.kind == "num" or token.text in ("}", ")")


def is_formula(content: str) -> bool:
    """Whether what is set in another type, in bold say, is mathematics and not words: 3\\sqrt{2}, p - q; not cm^2."""
    bare = re.sub(r"\\[a-zA-Z]+", "\\\\", content)
    return not re.search(r"[^\W\d_]{2}", bare) and bool(re.search(r"[\\=^_+*/<>|-]|\d.", bare))


def _words(inner: str, spaced: bool, *, upright: bool = False) -> list[Token]:
    """The tokens of `\\text{inner}`: a joining word, mathematics (a number, a letter in brackets), or words."""
    bare = re.sub(r"\^\{(\d)\}", r"^\1", inner).replace("\\,", " ").replace("\\ ", " ").replace("~", " ").strip()
    if not bare:
        return []
    folded = bare.strip(" ,;").casefold()
    if folded in ("and", "or", "und", "et", "ou", "and/or"):
        return [Token("join", "or" if folded in ("or", "ou") else "and", spaced)]
    if re.fullmatch(r"\(?\s*[a-zA-Z]\s*\)?|[-+\d.,\s/%()]+|[A-J](?:\s*,\s*[A-J])+", bare) and not re.fullmatch(
        r"[,.;\s]+", bare
    ):
        return tokens_of(bare)[:-1]
    known = ALIASES.get(bare, bare)
    if known in FUNCTIONS and (upright or known not in ("max", "min", "deg", "sign", "floor")):
        return [Token("cmd", "\\" + known, spaced)]
    if bare.startswith(("and ", "or ", ", and ", "; and ")):
        joined = bare.lstrip(",; ").split(" ", 1)
        return [Token("join", joined[0], spaced), *_words(joined[1], True)]
    if bare.endswith((" and", " or", ", and", ", or")):
        head, _, joiner = bare.rpartition(" ")
        return [*_words(head.rstrip(","), spaced), Token("join", joiner, True)]
    if bare.endswith(":") and re.search(r"[a-zA-Z]", bare):
        return [Token("text", bare[:-1].strip(), spaced), Token("op", ":")]
    if bare in (",", ";", "."):
        return [Token("op", bare, spaced)] if bare != "." else []
    return [Token("text", bare, spaced)]


def _is_factor(before: Token | None, spaced: bool, after: str) -> bool:
    """Whether letters stand among signs as only factors do: e^{at}, ax + by; not 5 to 3."""
    if before is None or before.text in ("(", "{"):
        return after != "" and after in ")}+-*/^="
    return before.text in ("+", "-", "*", "/", "^", "=") or (before.kind == "num" and not spaced)


def _letters(run: str, before: Token | None, spaced: bool, behind: str) -> list[Token]:
    """A run of letters as a name, a function, a unit, words, or a product of variables."""
    after = behind[:1]
    if len(run) == 1:
        is_unit = spaced and not after and before is not None and before.kind == "num" and run in UNIT_LETTERS
        return [Token("text" if is_unit else "name", run, spaced)]
    folded = run.casefold()
    known = ALIASES.get(run, run)
    follows_number = before is not None and (before.kind == "num" or before.text in ("}", ")") or before.kind == "text")
    if follows_number and run in _UNITS_LIKE_FUNCTIONS and after in ("", ".", ",", ")", "}"):
        return [Token("text", run, spaced)]
    if known in FUNCTIONS or run in GREEK or run in ("pi", "infinity", "oo", "infty", "inf"):
        return [Token("cmd", "\\" + known, spaced)]
    if folded in ("and", "or", "und", "et", "ou"):
        return [Token("join", "or" if folded in ("or", "ou") else "and", spaced)]
    if follows_number and run in _UNITS_BY_LETTERS and after not in ("(", "^" if run == "in" else "("):
        return [Token("text", run, spaced)]
    if after == "(" and (match := _NAMES_AND_FUNCTION.fullmatch(run)):
        return [*(Token("name", char, spaced) for char in match[1]), Token("cmd", "\\" + match[2])]
    if run in _WORDS_LIKE_PRODUCTS and _is_factor(before, spaced, behind.strip()[:1]):
        return [Token("name", char, spaced and index == 0) for index, char in enumerate(run)]
    if run in _SHORT_WORDS or len(run) >= 4 or not run.isascii():
        return [Token("text", run, spaced)]
    for function in ("sqrt", "sin", "cos", "tan", "log", "ln", "exp", "pi"):
        if run.startswith(function) and len(run) > len(function):
            return [Token("cmd", "\\" + function, spaced), *(Token("name", char) for char in run[len(function) :])]
    if run.endswith(("pi", "sin")):
        cut = len(run) - (2 if run.endswith("pi") else 3)
        return [*(Token("name", char, spaced) for char in run[:cut]), Token("cmd", "\\" + run[cut:])]
    return [Token("name", char, spaced and index == 0) for index, char in enumerate(run)]
