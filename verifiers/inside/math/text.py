"""One spelling for answers that are only written differently: Unicode, LaTeX spacing and wrappers, separators, dollars.

Pure functions on text, linear in its length. Nothing here decides what an answer means.
"""

from __future__ import annotations

import re
import unicodedata

MAX_LENGTH = 4096
"""Characters of one answer that are looked at; a longer one is not read."""


def clean(text: str) -> str:
    """`text` in the spelling that `grammar.py` reads: ASCII and LaTeX commands, no math delimiters, no spacing
    commands, integers without separators; `\\dollar` for a dollar sign that means money."""
    text = _unicode(text)
    for pattern, spelled in _REPAIRS:
        text = pattern.sub(spelled, text)
    text = _dollars(_without_type(unboxed(text)))
    for pattern, replacement in _REWRITES:
        text = pattern.sub(replacement, text)
    text = _thousands(text).strip()
    return _TRAILING.sub("", text).strip()


def squeezed(text: str) -> str:
    """For telling whether two cleaned texts are the same but for white space and invisible commands.

    White space between digits stays: 3 1/2 is not 31/2.
    """
    text = re.sub(r"(?<=[\d.])\s+(?=[\d.])", "~", text)
    return re.sub(r"\s+|\\left|\\right|\\(?:text|mathrm|textbf)\s*(?=\{)", "", text).replace("{}", "")


def words(text: str) -> tuple[str, ...]:
    """The words and numbers of prose, case folded, without articles; empty for anything with an operator in it."""
    inner = _WRAPPED.sub(r" \1 ", text)
    inner = re.sub(r"\\[,;:! ]|[~$]|\\(?:quad)\b", " ", inner)
    if re.search(r"[\\^_=<>+*/{}|\[\]]", inner) or not re.search(r"[^\W\d_]", inner):
        return ()
    found = re.findall(r"[^\W_]+(?:\.\d+)?", inner.replace("'", "").replace("’", "").casefold())
    kept = tuple(word for word in found if word not in ("a", "an", "the"))
    return kept or tuple(found)


def unwrapped(text: str) -> str:
    """A text without the commands that only say in which type it is set, its white space single."""
    bare = _UPRIGHT.sub(r" \1 ", text)
    bare = re.sub(r"\\[,;: ]|~|\\quad", " ", bare)
    return re.sub(r"\s+", " ", bare).strip(" .,*")


def segments(text: str) -> tuple[list[str], str]:
    """The formulas between math delimiters in a text that is not cleaned, and the text around them."""
    found = [next(filter(None, groups)) for groups in _SEGMENT.findall(text)]
    return found, _SEGMENT.sub(" ", text)


def is_negated(text: str) -> bool:
    """Whether prose denies something: what it names is then not what it offers."""
    return bool(re.search(r"\b(?:not|no|never|neither|nor|non|cannot|isn|wrong|incorrect|except)\b|n't\b", text, re.I))


def unboxed(text: str) -> str:
    r"""Every `\boxed{…}` replaced by its content, and kept apart: two boxes side by side are not one number."""
    if "\\boxed" not in text and "\\fbox" not in text:
        return text
    kept: list[str] = []
    opened: list[bool] = []
    position = 0
    for token in re.finditer(r"\\(?:boxed|fbox)\s{0,3}\{|\\[{}]|[{}]", text):
        kept.append(text[position : token.start()])
        position = token.end()
        if token[0] in ("\\{", "\\}"):
            kept.append(token[0])
        elif token[0].endswith("{"):
            opened.append(len(token[0]) > 1)
            kept.append(" " if opened[-1] else "{")
        else:
            kept.append(" " if opened and opened.pop() else "}")
    return "".join(kept) + text[position:]


def _without_type(text: str) -> str:
    """`\\mathbf{…}` around all of it says nothing of what it is."""
    while opening := _TYPE.match(text):
        depth = 1
        for brace in re.finditer(r"\\.|[{}]", text[opening.end() :]):
            depth += (brace[0] == "{") - (brace[0] == "}")
            if not depth:
                break
        else:
            return text
        end = opening.end() + brace.start()
        if text[end + 1 :].strip(" .$"):
            return text
        text = text[: opening.start("command")] + text[opening.end() : end] + text[end + 1 :]
    return text


def _unicode(text: str) -> str:
    """ASCII and commands for every character that has them."""
    if text.isascii():
        return text
    text = _RAISED_FRACTION.sub(
        lambda match: unicodedata.normalize("NFKC", f"\\frac{{{match[1]}}}{{{match[2]}}}"), text
    )
    text = _OVERLINED.sub(lambda match: f"\\overline{{{re.sub('[^0-9]', '', match[0])}}}", text)
    text = _DOTTED.sub(r"\\dot{\1}", text)
    out: list[str] = []
    raised = ""
    for char in unicodedata.normalize("NFC", text):
        script = _SCRIPTS.get(char)
        kind = script[0] if script else ""
        if raised and kind != raised:
            out.append("}")
        if script:
            out.append(script[1] if kind == raised else f"{kind}{{{script[1]}")
        else:
            out.append(_plain(char))
        raised = kind
    return "".join(out) + ("}" if raised else "")


def _plain(char: str) -> str:
    if char.isascii():
        return char
    if (spelled := _UNICODE.get(char)) is not None:
        return spelled
    if char.isdecimal():
        return str(unicodedata.decimal(char))
    if unicodedata.combining(char) == 1:  # a stroke through what is no longer meant
        return char
    if unicodedata.category(char) in ("Cf", "Mn", "Cc"):  # invisible: joiners, marks of direction, variation selectors
        return ""
    if unicodedata.category(char) == "Zs":
        return " "
    folded = unicodedata.normalize("NFKC", char)
    if "⁄" in folded:
        return "\\frac{{{}}}{{{}}}".format(*folded.split("⁄"))
    return folded if folded.isascii() or len(folded) == 1 else char


def _dollars(text: str) -> str:
    r"""`\$`, and a lone `$` at a number, as `\dollar`; math delimiters as spaces."""
    text = text.replace("\\$", "\\dollar ")
    text = re.sub(r"\$\$|\\\[(?!\d+(?:pt|em|ex|mm|cm)\])|(?<!\\)\\\]|\\\(|\\\)", " ", text)
    if text.count("$") == 1:
        text = re.sub(r"\$(?=\s*[\d.])|(?<=\d)\$", r"\\dollar ", text)
    return text.replace("$", " ")


def _thousands(text: str) -> str:
    """Integers without separators. A bare comma separates thousands only outside brackets: (1,234) is a point."""
    text = _SPACED_THOUSANDS.sub(lambda match: re.sub(r"[^\d]", "", match[0]), text)
    out: list[str] = []
    depth = position = 0
    for token in _NUMBER_OR_BRACKET.finditer(text):
        if token[0][-1] in "([{":
            depth += 1
        elif token[0][-1] in ")]}":
            depth -= 1
        elif depth <= 0:
            out += [text[position : token.start()], token[0].replace(",", "")]
            position = token.end()
    return "".join(out) + text[position:]


def _bracketed(opening: str, inside: str, closing: str) -> str:
    """An interval with brackets turned outward, ]0, 1[, in the brackets of the other convention."""
    if opening != "]" and closing != "[":
        return opening + inside + closing
    return f"{'(' if opening == ']' else opening}{inside}{')' if closing == '[' else closing}"


_SCRIPTS = {char: ("^", plain) for char, plain in zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁽⁾ⁿⁱˣʸ", "0123456789+-()nixy", strict=True)} | {
    char: ("_", plain) for char, plain in zip("₀₁₂₃₄₅₆₇₈₉₊₋₍₎ₙₓᵢₖ", "0123456789+-()nxik", strict=True)
}
_OVERLINED = re.compile("(?:[0-9][\u0304\u0305])+")
_DOTTED = re.compile("([0-9])\u0307")
_RAISED_FRACTION = re.compile(r"([⁰¹²³⁴-⁹]{1,20})[⁄∕/]([₀-₉]{1,20})")
_GREEK = (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi o pi rho varsigma sigma tau upsilon phi "
    "chi psi omega"
)
_UNICODE = {
    "−": "-", "–": "-", "—": "-", "‐": "-", "‑": "-", "﹣": "-", "－": "-", "×": "\\times ",
    "·": "\\cdot ", "⋅": "\\cdot ",
    "∙": "\\cdot ", "•": "\\cdot ", "÷": "/", "∕": "/", "⁄": "/", "√": "\\sqrt ", "∛": "\\sqrt[3]", "∜": "\\sqrt[4]",
    "∞": "\\infty ", "≤": "\\le ", "≥": "\\ge ", "⩽": "\\le ", "⩾": "\\ge ", "≠": "\\ne ",
    "≈": "\\approx ", "≅": "\\cong ",
    "°": "^\\circ ", "º": "^\\circ ", "˚": "^\\circ ", "∪": "\\cup ", "∩": "\\cap ", "∈": "\\in ", "∉": "\\notin ",
    "∖": "\\setminus ", "±": "\\pm ", "∓": "\\mp ", "∅": "\\emptyset ", "ℝ": "\\mathbb{R}", "ℤ": "\\mathbb{Z}",
    "ℕ": "\\mathbb{N}", "ℚ": "\\mathbb{Q}", "ℂ": "\\mathbb{C}", "′": "'", "″": "''", "’": "'", "‘": "'",
    "“": '"', "”": '"',
    "；": ";", "，": ",", "。": ".", "：": ":", "∶": ":", "⟨": "\\langle ", "⟩": "\\rangle ", "〈": "\\langle ",
    "〉": "\\rangle ", "∠": "\\angle ", "△": "\\triangle ", "⌊": "\\lfloor ", "⌋": "\\rfloor ", "⌈": "\\lceil ",
    "⌉": "\\rceil ", "∑": "\\sum ", "∏": "\\prod ", "∫": "\\int ", "→": "\\to ", "⇒": "\\implies ", "≡": "\\equiv ",
    "∧": "\\land ", "∨": "\\lor ", "ϕ": "\\phi ", "ϵ": "\\epsilon ", "ϑ": "\\theta ", "…": "\\ldots ", "€": "\\euro ",
    "£": "\\pound ", "¥": "\\yen ", "￥": "\\yen ", "¢": "\\cent ", "％": "\\%", "‰": "\\permille ", "⊂": "\\subset ",
    "⊆": "\\subseteq ", "∂": "\\partial ", "′′": "''", "﹐": ",", "、": ",",
} | {chr(ord("α") + index): f"\\{name} " for index, name in enumerate(_GREEK.split())} | {
    chr(ord("Α") + index): f"\\{name.capitalize()} " for index, name in enumerate(_GREEK.split())
    if name in ("gamma", "delta", "theta", "lambda", "xi", "pi", "sigma", "upsilon", "phi", "psi", "omega")
}  # fmt: skip
_SEGMENT = re.compile(r"\$\$(.+?)\$\$|\\\[(.+?)\\\]|\\\((.+?)\\\)|(?<!\\)\$([^$]+?)(?<!\\)\$", re.DOTALL)
_WRAPPED = re.compile(r"\\(?:text|textbf|textit|textrm|textsc|mathrm|mathbf|mbox|textnormal)\s*\{([^{}]*)\}")
_TYPE = re.compile(
    r"[\s$]*(?P<command>\\(?:mathbf|boldsymbol|bm|mathit|mathsf|mathnormal|pmb|underline|ensuremath)\s*\{)"
)
_UPRIGHT = re.compile(r"\\(?:text|textbf|textit|textrm|mathrm|mathbf|mbox|textnormal|rm|bf)\s*\{([^{}]*)\}")
_TRAILING = re.compile(r"(?:\\[,;:! ]|[\s.,;:]|\\(?=\s*$))+$")
_SPACED_THOUSANDS = re.compile(
    r"(?<![\d._^])[1-9]\d{0,2}(?:(?:\s?\{\s?,\s?\}|(?:,\s{0,2})?\\[,!;: ]|~|'| (?!\d+/))\s{0,2}\d{3}(?!\d))+(?!\d)"
)
_NUMBER_OR_BRACKET = re.compile(r"(?<![\d.])(?<![^\\],)[1-9]\d{0,2}(?:,\d{3})+(?!\d|,\d)|\\[{}]|[(\[\])]")
_COMMANDS = (
    "left|right|frac|dfrac|tfrac|sqrt|cdot|times|pi|infty|le|ge|leq|geq|lt|gt|ne|neq|cup|cap|in|pm|mp|text|mathrm|boxed|"
    "sin|cos|tan|sec|csc|cot|ln|log|circ|theta|alpha|beta|overline|begin|end|binom|approx|quad|mathbb|emptyset"
)
_REPAIRS = (
    # What a JSON or Python string made of \f, \b, \v and of a doubled backslash.
    (re.compile("\x0c"), r"\\f"),
    (re.compile("\x08"), r"\\b"),
    (re.compile("\x0b"), r"\\v"),
    (re.compile(rf"(?<!\\)\\\\(?=(?:{_COMMANDS})(?![a-zA-Z]))"), r"\\"),
    (re.compile(r"\\text\s*\{\s*\\?\$\s*\}"), r"\\$"),
    (re.compile(r"\\n(?=\s|\\|\d|$)|\\n(?=\\n)"), " "),
)
_REWRITES = (
    (re.compile(r"\\(?:left|right)\s*\."), " "),
    (re.compile(r"\\(?:color|textcolor)\s*\{[^{}]*\}"), " "),
    (re.compile(r"\\text\s*\{\s*(?:about|approximately|approx\.?|roughly|around|exactly)\s*\}"), " "),
    (re.compile(r"(?<![a-zA-Z\\])(?:about|approximately|approx\.|roughly|around|exactly)(?=\s)"), " "),
    (re.compile(r"(?<=\d)\s*(?:\\text\s*\{\s*to\s*\}|\bto\b)\s*(?=\d)"), ":"),
    (re.compile(r"(?<=[\d,;])\s*\.{3,}"), r"\\ldots "),
    (re.compile(r"([\[\](])([^\[\]()]{1,99}[,;][^\[\]()]{1,99})([\[\])])"), lambda match: _bracketed(*match.groups())),
    (re.compile(r"\\(?:displaystyle|textstyle|limits|nolimits|(?:left|right|[bB]igg?[lrm]?)(?![a-z]))"), " "),
    (re.compile(r",\s*\\!\s*(?=\d{3})"), "{,}"),
    (re.compile(r"\\[!/]|\\(?:phantom|hspace|vspace|label|tag)\*?\s*\{[^{}]*\}|\\phantom\s*[^{}\\\s]"), ""),
    (re.compile(r"\\(?:null|hfill|nonumber|notag|checkmark|large|Large|LARGE|huge|Huge|small)(?![a-zA-Z])"), ""),
    (re.compile(r"[.,;]\s*(?=\\end(?![a-zA-Z]))"), ""),
    (re.compile(r"(?<=\d)\s*\^\s*\{\s*(th|st|rd)\s*\}"), r"\\text{\1}"),
    (re.compile(r"\\\\\s*\[\s*-?[\d.]+\s*(?:pt|em|ex|mm|cm)\s*\]|\\cr(?![a-z])"), r"\\\\"),
    (re.compile(r"\s*\^\s*(?:\{\s*((?:\\prime\s*)+)\}|(\\prime)(?![a-z]))"), lambda match: "'" * match[0].count("p")),
    (re.compile(r"\\(?:dfrac|tfrac|cfrac)(?![a-z])"), r"\\frac"),
    (re.compile(r"\\(?:dbinom|tbinom)(?![a-z])"), r"\\binom"),
    (re.compile(r"(?:\\(?:text|mbox)\s*)?\{\s*:\s*\}"), ":"),
    (re.compile(r"\{\s*\.\s*\}|\{\\cdot\}"), lambda match: "." if "." in match[0] else "\\cdot "),
    (re.compile(r"<="), r"\\le "),
    (re.compile(r">="), r"\\ge "),
    (re.compile(r"!=|=/="), r"\\ne "),
    (re.compile(r"^\s*\*\*((?:(?!\*\*).)+)\*\*\s*$"), r"\1"),
    (re.compile(r"\*\*"), "^"),
    (re.compile(r"(?<=\\\{)(\s*[a-z]\s*)\\mid(?![a-z])"), r"\1|"),
    (re.compile(r"\+/-|\+-(?=\s*\d|\s*\\)|(?<=\s)\+-(?=\s*[a-z(])"), r"\\pm "),
    (re.compile(r"(?<=[)\]}])\s*U\s*(?=[(\[{\\])"), r"\\cup "),
    (re.compile(r"<->|->"), r"\\to "),
    (re.compile(r"(?<!\\)%|\\(?:percent|permil)(?![a-z])"), r"\\%"),
    (re.compile(r"\b(?:percentage|percent|pct)\b"), r"\\%"),
    (re.compile(r"\\text\s*\{\s*\\%\s*\}"), r"\\%"),
    (re.compile(r"(?i)^\s*\*{0,2}(?:(?:so|thus|hence),?\s+)?(?:the\s+)?(?:final\s+)?answer\s*(?:is|:)\s*"), ""),
    (re.compile(r"\\(?:qquad|quad|enspace|thinspace)"), r"\\quad "),
)  # fmt: skip
