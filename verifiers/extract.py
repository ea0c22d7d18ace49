"""Where in a completion the answer is: pure functions on text, linear in its length."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

from verifiers.fences import Block
from verifiers.fences import blocks as blocks_of
from verifiers.syntax import NOT_PYTHON, parse

MAX_PARSED_PROGRAM = 100_000
"""Characters; an unfenced completion longer than this is not tried as a program."""

_NEAR = 400
"""Characters before an expression in which what it is an alternative to is looked for."""
_TAIL = 20_000
"""Characters at the end in which markers and last expressions are looked for."""


@dataclass(frozen=True, slots=True)
class Found:
    """An answer and how it was found."""

    text: str
    method: str
    """box, boxes, answer element, whole text, marker, last expression, last number; of code: fence, open fence,
    element, whole text."""
    parts: tuple[str, ...] = ()
    """Of boxes: the content of each, without repetitions."""
    span: tuple[int, int] | None = None
    """Of a mathematical answer: where in the final part it is, with its box or marker."""


def final_part(completion: str) -> str:
    """What comes after the last `</think>`, without the chat tokens that a sampler may leave at the end.

    A thought that was never closed has no final part, and ends the one before it.
    """
    _, _, tail = completion.rpartition("</think>")
    tail = tail.partition("<think>")[0]
    return re.split(r"<\|(?:im_start|im_end|endoftext|eot_id|end)\|>", tail, maxsplit=1)[0].strip()


def boxes(text: str) -> list[tuple[int, int, str]]:
    r"""Every closed `\boxed{…}` or `\fbox{…}` that is in no other, as (start, end, content)."""
    found: list[tuple[int, int, str]] = []
    opened: list[re.Match[str]] = []
    if not _OPEN_BOX.search(text):
        return found
    for token in _BRACE.finditer(text):
        if token[0].endswith("{") and token[0] != "\\{":
            opened.append(token)
        elif token[0] == "}" and opened:
            opening = opened.pop()
            if opening[0] == "{":
                continue
            while found and found[-1][0] > opening.start():
                found.pop()
            found.append((opening.start(), token.end(), text[opening.end() : token.start()].strip()))
    return found


def math_answer(text: str) -> Found | None:
    """The answer in a final part: the last boxes, an `<answer>` element, a marker, the last expression or number.

    Boxes offered together ("1 and 2", each boxed) are one answer, joined by commas. A last box that is not closed was
    cut off, and leaves nothing: \\boxed{7 may have been about to be 72.
    """
    grouped = _last_boxes(text)
    behind = grouped[-1][1] if grouped else 0
    if bare := list(_BARE_BOX.finditer(text, behind)):
        return Found(bare[-1][1], "box", (bare[-1][1],), bare[-1].span())
    if _OPEN_BOX.search(text, behind):
        return None
    if grouped:
        distinct = tuple(dict.fromkeys(content for _, _, content in grouped))
        method = "box" if len(distinct) == 1 else "boxes"
        return Found(", ".join(distinct), method, distinct, (grouped[0][0], grouped[-1][1]))
    if elements := list(_ANSWER_ELEMENT.finditer(text)):
        inner = elements[-1][1].strip()
        return Found(inner, "answer element", span=elements[-1].span())
    if (_BARE_ANSWER.fullmatch(text) and "__" not in text) or _BARE_CHOICE.fullmatch(text):
        return Found(text.strip("*"), "whole text", span=(0, len(text)))
    cut = max(0, len(text) - _TAIL)
    found = _after_marker(text[cut:]) or _last_expression(text[cut:])
    return replace(found, span=(found.span[0] + cut, found.span[1] + cut)) if found and found.span else found


def gold_answer(text: str) -> str:
    """The answer in a gold, which may be bare, boxed, or a whole solution in prose."""
    stripped = text.strip()
    if "\\boxed" in stripped or "<answer>" in stripped or "####" in stripped:
        found = math_answer(stripped)
        return found.text if found else stripped
    if len(stripped) > 160 and len(stripped.split(None, 8)) > 8 and (found := math_answer(stripped)):
        return found.text
    return stripped


def fenced(text: str) -> Iterator[tuple[str, str, bool]]:
    """Every fenced block as (label, content, is_closed), in order."""
    return ((block.label, block.text, block.is_closed) for block in blocks_of(text))


def code_answer(text: str, labels: Collection[str], *, is_python: bool = True) -> Found | None:
    """The program in a final part: the last fenced block in a language of `labels`, else the last without a label; all
    of a text that is a program itself.

    Where no closing fence says that it is whole, Python has to parse. A block that is cut off leaves the one before it
    to be the last, and so does a session with an interpreter's prompts; of blocks without a label, one that does
    nothing (an output, say) leaves it to another.
    """
    if _acts(text, is_python):
        return Found(text, "whole text")
    found = [block for block in _code_blocks(text, labels, is_python) if not _PROMPTS.match(block.text)]
    ours = [block for block in found if block.language in labels]
    if not ours:
        bare = [block for block in found if not block.label]
        ours = [block for block in bare if _acts(block.text, is_python)] or [block for block in bare if block.is_closed]
    if ours and not ours[-1].is_closed and not (_is_program(ours[-1].text) if is_python else len(ours) == 1):
        ours.pop()
    if ours:
        return Found(ours[-1].text, "fence" if ours[-1].is_closed else "open fence")
    elements = [] if found else _PROGRAM_ELEMENT.findall(text)
    return Found(elements[-1], "element") if elements and _acts(elements[-1], is_python) else None


def _code_blocks(text: str, labels: Collection[str], is_python: bool) -> Iterator[Block]:
    """All that hold something, also those in a block of Markdown."""

    def goes_on(block: Block) -> bool:
        return (block.language in labels or not block.label) and _ends_in_a_string(block.text)

    for block in blocks_of(text, goes_on) if is_python else blocks_of(text):
        is_markdown = block.language in ("markdown", "md") or (not block.label and _FENCED.match(block.text))
        inner = list(blocks_of(block.text)) if is_markdown else []
        for one in inner or [block]:
            if one.text.strip():
                yield replace(one, is_closed=block.is_closed)


def labelled_answer(text: str, labels: Collection[str]) -> Found | None:
    """The data in a final part: the last closed fence with one of `labels` ("" is none), else the whole text.

    Nothing is repaired: a fence that is not closed, or has another label, is text like any other.
    """
    closed = [block.text for block in blocks_of(text) if block.is_closed and block.language in labels]
    if closed:
        return Found(closed[-1].strip(), "fence")
    return Found(text.strip(), "whole text") if text.strip() else None


_OPEN_BOX = re.compile(r"\\(?:boxed|fbox)\s{0,3}\{")
_BRACE = re.compile(r"\\(?:boxed|fbox)\s{0,3}\{|\\[{}]|[{}]")
_ANSWER_ELEMENT = re.compile(r"<answer>((?:(?!<answer>).)*?)</answer>", re.DOTALL | re.IGNORECASE)
_MARKER = re.compile(
    r"(?:answers?|réponse|(?:correct|right|best) (?:option|choice))\s*(?:\w{1,20}\s){0,6}?"
    r"(?:is|are|est|would be|=)\b\s*:?"
    r"|\banswer\s*\**\s*:|\bfinal answer\s*\**[ \t]*(?=\n)|^[ \t]*A:|####|答案(?:是|为|：|:)",
    re.IGNORECASE | re.M,
)
_FENCED = re.compile(r"\s*(?:```|~~~)\w")
_PROMPTS = re.compile(r"\s*>>> ")
_PROGRAM_ELEMENT = re.compile(
    r"(?:\[PYTHON\]|<answer>)[ \t]*\n?((?:(?!\[PYTHON\]|<answer>).)*?)(?:\[/PYTHON\]|</answer>)", re.DOTALL
)
_HEAD = re.compile(
    r"\s*(?:#\s*(?:include|define|pragma)\b|//|/\*|['\"]use strict|\(|(?:using|template|struct|class|int|const|let|var|"
    r"function|async|import|require|process|console)\b)"
)
_FOOT = re.compile(r"(?:[;})]|\*/|//[^\n]*)\s*$")
"""How programs in C++ and JavaScript begin and end."""
_NUMBER = re.compile(
    r"(?<![\w.])[-+−]?(?:\d{1,9}[ ](?=\d{1,9}/\d))?(?:\d{1,3}(?:[ ,]\d{3})+(?!\d)|\d+)?"
    r"(?:[.,]?\d+)?(?:\s*/\s*\d+)?(?:[eE][-+]?\d+)?\s*(?:\\?%)?"
)
_SEGMENT = re.compile(
    r"\$\$(.{1,2000}?)\$\$|\\\[(.{1,2000}?)\\\]|\\\((.{1,2000}?)\\\)|(?<![\\\d])\$((?:\\.|[^$\n\\]){1,400})\$",
    re.DOTALL,
)
_MAX_GROUPED = 64


def _last_boxes(text: str) -> list[tuple[int, int, str]]:
    """The last box, with those before it that are offered together with it."""
    found = boxes(text)[-_MAX_GROUPED:]
    group = found[-1:]
    for box in reversed(found[:-1]):
        if not _are_joined(text[box[1] : group[0][0]]):
            break
        group.insert(0, box)
    return group


def _are_joined(between: str) -> bool:
    """Whether two boxes with this text between them are one answer ("and", "or", a comma, nothing)."""
    if len(between) > 60 or _TURN.search(between):
        return False
    words = re.sub(r"\\[a-zA-Z]+|[^\w\s,;]|_\w", " ", between)
    return not words.strip() or bool(re.search(r"[,;]|\b(?:and|or)\b", words))


def _after_marker(text: str) -> Found | None:
    """What follows the last marker: its mathematics if it has some, else the rest of its sentence."""
    matches = list(_MARKER.finditer(text))
    if not matches:
        return None
    start = matches[-1].start()
    rest = text[matches[-1].end() :].lstrip(" \t*:`\n")
    clause = _CLAUSE_END.split(rest, maxsplit=1)[0].strip(' *"`').removesuffix("\\")
    if denied := re.match(r"not\s.{1,100}?\bbut\s+(?:rather\s+)?", clause):
        clause = rest = clause[denied.end() :]
    span = (start, start + len(matches[-1][0]) + len(clause))
    segment = _SEGMENT.match(rest)
    if segment and _GOES_ON.search(clause, segment.end()) and not re.search(r"[^\W\d_]{3,}", clause[segment.end() :]):
        return Found(clause.rstrip(".,;"), "marker", span=span)
    if segment and len(clause) <= segment.end() + 12 and not _OFFERS.search(clause):
        return Found(next(group for group in segment.groups() if group is not None).strip(), "marker", span=span)
    if segment and _REMARK.fullmatch(clause, segment.end()) and not _OFFERS.search(clause):
        return Found(next(group for group in segment.groups() if group is not None).strip(), "marker", span=span)
    if len(re.findall(r"[^\W\d_]{2,}", _COMMAND.sub(" ", clause))) > 2 and not _OFFERS.search(clause):
        found = _last_expression(clause)
        return replace(found, method="marker", span=span) if found else Found(clause.rstrip(".,;"), "marker", span=span)
    return Found(clause.rstrip(".,;"), "marker", span=span) if clause.rstrip(".,;") else None


def _last_expression(text: str, alternatives: int = 4) -> Found | None:
    """The last `$…$` that says something, or the last number, whichever ends later; with what it is an alternative to:
    "5 or 6" is both."""
    found = _last_alone(text)
    if found is None or found.span is None or not alternatives:
        return found
    cut = max(0, found.span[0] - _NEAR)
    near = text[cut : found.span[0]]
    offered = _OFFERED.search(near)
    before = _last_expression(near[: offered.start()], alternatives - 1) if offered else None
    if before is None or before.span is None:
        return found
    return Found(f"{before.text} or {found.text}", found.method, span=(before.span[0] + cut, found.span[1]))


def _last_alone(text: str) -> Found | None:
    segments = [match for match in _SEGMENT.finditer(text) if _says_something(match, text)]
    numbers = [match for match in _NUMBER.finditer(text) if re.search(r"\d", match[0]) and "__" not in text]
    segment, number = segments[-1] if segments else None, numbers[-1] if numbers else None
    if segment and (number is None or segment.end() >= number.end()):
        content = next(group for group in segment.groups() if group is not None)
        return Found(content.strip(), "last expression", span=segment.span())
    if group := _GROUP_AT_END.search(text):
        return Found(group[1], "last expression", span=group.span(1))
    if relation := _RELATION.search(text):
        return Found(relation[0].strip(), "last expression", span=relation.span())
    return Found(number[0].strip(), "last number", span=number.span()) if number else None


def _says_something(segment: re.Match[str], text: str) -> bool:
    """Whether a formula is more than a name: it has a number or a relation in it, or ends the text as what is found."""
    if re.search(r"[\d\\=<>]", segment[0]):
        return True
    is_last = len(text) - segment.end() <= 8 and re.fullmatch(r"[\s.*]*", text[segment.end() :])
    return bool(is_last and _FINDS.search(text[max(0, segment.start() - 40) : segment.start()]))


_BARE_BOX = re.compile(r"\\(?:boxed|fbox)\s*([^\s{}$\\,;]{1,64}?)(?=[\s$,;]|\.?(?:\s|$)|\\[\])])")
_TURN = re.compile(
    r"[.!?]\s|\n\s*\n|\b(?:no|not|then|wait|but|so|is|hence|thus|mean|actually|rather|instead|correct\w*|sorry|oops|therefore)\b",
    re.I,
)
"""Words after which another box is another thought, not another part of the answer."""
_CLAUSE_END = re.compile(
    r"\n|(?<!\\)[.?](?:\s|$)(?![^{}\n]{0,40}\})|(?<!\\)!(?=\s|$)(?!\s*[-+*/=^\\])|,?\s+(?:not|rather than|instead of)\s"
    r"|,?\s\(?(?:because|since|as|which)\s|(?:,\s)?I hope"
)
_REMARK = re.compile(r"\s*\([^()$\d\\]*\)[\s.*]*")
"""Prose in brackets behind a formula."""
_FINDS = re.compile(
    r"(?:\b(?:is|are|be|get|gets|obtain|obtains|gives?|yields?|equals?|have|becomes|to|found|as)|:|\*\*|^|\n)\s*$"
)
_COMMAND = re.compile(r"\\(?:begin|end|text|textbf|mathrm|mbox)\s*\{[^{}]*\}|\\[a-zA-Z]+")
"""What is set by LaTeX, which is no prose."""
_GOES_ON = re.compile(r"[\d$^_=+*/|!%]|\\[(\[]|(?<!\w)[a-zA-Z](?!\w)")
"""Mathematics behind a formula: another formula, or what makes it another one."""
_OFFERS = re.compile(r"\b(?:or|and|not)\b")
_OFFERED = re.compile(
    r"(?<=[\w$)\]}])\s*,?\s*\bor\s+(?:maybe\s+|perhaps\s+|possibly\s+|even\s+)?(?:\w\s*=\s*)?[$\\(]{0,3}$"
)
_BARE_ANSWER = re.compile(r"(?=\D{0,64}[\d\\½⅓⅔¼¾π∞])[^\s$#<>]{1,64}")
"""An answer and nothing else: no white space, and something of mathematics."""
_BARE_CHOICE = re.compile(r"\*{0,2}\(?[A-J]\)?\.?\*{0,2}")
_GROUP_AT_END = re.compile(r"(?<![\w)\]])([(\[][^()\[\]\n]{1,100},[^()\[\]\n]{1,100}[)\]])[\s.*]{0,10}$")
_RELATION = re.compile(r"\b[a-z]\s*(?:<=|>=|!=|<|>|=)\s*[-\d][\w./^*+-]*\.?$")


def _acts(text: str, is_python: bool) -> bool:
    """Whether it is a program that does something: no lone value, no prose."""
    if not is_python:
        return bool(_HEAD.match(text) and _FOOT.search(text[-_TAIL:]))
    program = _parsed(text)
    return program is not None and not all(
        isinstance(node, ast.Expr) and isinstance(node.value, _VALUES) for node in program.body
    )


_VALUES = (ast.Constant, ast.Name, ast.Tuple, ast.List, ast.Dict, ast.Set, ast.UnaryOp, ast.Compare, ast.BinOp)


def _is_program(text: str) -> bool:
    return bool(text.strip()) and _parsed(text) is not None


def _parsed(text: str) -> ast.Module | None:
    if len(text) > MAX_PARSED_PROGRAM:
        return None
    try:
        return parse(text)
    except NOT_PYTHON:
        return None


def _ends_in_a_string(text: str) -> bool:
    if len(text) > MAX_PARSED_PROGRAM or not ('"""' in text or "'''" in text):
        return False
    try:
        parse(text)
    except SyntaxError as error:
        return error.msg.startswith("unterminated triple-quoted")
    except (ValueError, RecursionError, MemoryError):
        return False
    return False
