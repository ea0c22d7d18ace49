"""Holds a text against IFEval's 25 kinds of constraints, each a rule linear in the text. Runs inside a check box.

The rules are those of google-research/instruction_following_eval (Zhou et al. 2023, arXiv:2311.07911), also where they
are generous: a keyword may be part of a word, a line that begins with a dash is a bullet point, a postscript may stand
anywhere. They differ where the original does not do what its constraint says:
- keywords, splitters and markers are text, not regular expressions;
- the nth paragraph is counted among those that hold text, and punctuation around its first word is no part of it;
- a text without letters is in no language (there: in every one); short texts get the benefit of the doubt;
- commas are those of every script, so the comma of Arabic or Chinese does not stand in for ours;
- the vowel signs of Indic scripts are letters of their words;
- a word with an apostrophe is one word in capitals, not two (DON'T);
- NaN and Infinity are not JSON; numbers of any length are;
- sentences are counted by `count_sentences.py`, languages told by `identify_language.py`, since the data of nltk's
  punkt is not in the box and langdetect is random.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable
from typing import Any

from verifiers.inside.instructions.count_sentences import count_sentences
from verifiers.inside.instructions.identify_language import is_in_language

Finding = tuple[bool, str]
"""Whether a constraint is met, and what was counted."""

OPTIONS = ("My answer is yes.", "My answer is no.", "My answer is maybe.")
COMMAS = ",،、，﹐､︐︑՝߸᠂᠈꓾꘍꛵"
JSON_FENCE = re.compile(r"```(?:json|Json|JSON)?")
# \w leaves them out, and would count a word of Hindi several times.
MARKS = "".join(char for char in map(chr, range(0x300, 0x10000)) if unicodedata.category(char) in ("Mn", "Mc"))
LETTER = rf"[\w{MARKS}]"
WORD = re.compile(rf"{LETTER}+")
HIGHLIGHT = re.compile(r"\*[^\n*]*\*")
DOUBLE_HIGHLIGHT = re.compile(r"\*\*[^\n*]*\*\*")
DIVIDER = re.compile(r"\s?\*\*\*\s?")
# White space and the punctuation that nltk's word_tokenize splits at; what follows an apostrophe is not counted again.
CAPITAL_WORD = re.compile(r"([^\s\[\](){}<>*;:,@#$%&?!\"“”«»‘…‒–—―'’]+)(?:['’][^\s\[\](){}<>*;:,@#$%&?!\"“”«»…‒–—―]*)?")
EDGES = ".,;:?!'\"“”‘’"
"""Punctuation that may stand around the first word of a paragraph."""


def check(argument: dict[str, Any]) -> list[dict[str, Any]]:
    """{"text", "constraints": [{"id", "kwargs"}], "strict"} -> [{"is_met", "counted", "rewrite"}], one a constraint."""
    texts = {"": argument["text"]} if argument["strict"] else rewrites(argument["text"])
    return [judge(RULES[constraint["id"]], constraint["kwargs"], texts) for constraint in argument["constraints"]]


def judge(rule: Callable[..., Finding], kwargs: dict[str, Any], texts: dict[str, str]) -> dict[str, Any]:
    """What the rule says of the first text that meets it, else of the first text."""
    first = ""
    for rewrite, text in texts.items():
        is_met, counted = rule(text, **kwargs)
        if is_met:
            return {"is_met": True, "counted": counted, "rewrite": rewrite}
        first = first or counted
    return {"is_met": False, "counted": first, "rewrite": ""}


def rewrites(text: str) -> dict[str, str]:
    """The text and what loose judging makes of it, by what was left out; those that differ and are not empty."""
    lines = text.split("\n")
    cut = {
        "": text,
        "without the first line": "\n".join(lines[1:]).strip(),
        "without the last line": "\n".join(lines[:-1]).strip(),
        "without the first and last line": "\n".join(lines[1:-1]).strip(),
    }
    all_of_them = cut | {f"{name} without *".strip(): kept.replace("*", "") for name, kept in cut.items()}
    distinct: dict[str, str] = {}
    for name, kept in all_of_them.items():
        if kept.strip():
            distinct.setdefault(kept, name)
    return {name: kept for kept, name in distinct.items()}


# ---- the rules


def keywords_exist(text: str, keywords: list[str]) -> Finding:
    lowered = text.lower()
    lacking = [keyword for keyword in keywords if keyword.lower() not in lowered]
    return not lacking, f"{len(keywords) - len(lacking)} of {len(keywords)} keywords{named(lacking, 'lacking')}"


def keyword_frequency(text: str, keyword: str, frequency: int, relation: str) -> Finding:
    return compared(text.lower().count(keyword.strip().lower()), f"times {keyword!r}", relation, frequency)


def forbidden_words(text: str, forbidden_words: list[str]) -> Finding:
    lowered = text.lower()
    used = [word for word in forbidden_words if has_word(lowered, word.lower())]
    return not used, f"{len(used)} forbidden words{named(used, 'used')}"


def letter_frequency(text: str, letter: str, let_frequency: int, let_relation: str) -> Finding:
    return compared(text.lower().count(letter.lower()), f"times {letter!r}", let_relation, let_frequency)


def response_language(text: str, language: str) -> Finding:
    is_met, found = is_in_language(text, language)
    return is_met, f"{found}, {language} wanted"


def number_sentences(text: str, num_sentences: int, relation: str) -> Finding:
    return compared(count_sentences(text), "sentences", relation, num_sentences)


def number_paragraphs(text: str, num_paragraphs: int) -> Finding:
    """Paragraphs are what lies between dividers `***`; the first and the last may be empty, and then do not count."""
    pieces = [piece.strip() for piece in DIVIDER.split(text)]
    count = sum(map(bool, pieces))
    is_one_empty = not all(pieces[1:-1])
    return (
        count == num_paragraphs and not is_one_empty,
        f"{count} paragraphs{', some empty' * is_one_empty}, {num_paragraphs} wanted",
    )


def number_words(text: str, num_words: int, relation: str) -> Finding:
    return compared(len(WORD.findall(text)), "words", relation, num_words)


def nth_paragraph_first_word(text: str, num_paragraphs: int, nth_paragraph: int, first_word: str) -> Finding:
    paragraphs = [piece for piece in text.split("\n\n") if piece.strip()]
    counted = f"{len(paragraphs)} paragraphs, {num_paragraphs} wanted"
    if nth_paragraph > len(paragraphs):
        return False, counted
    word = paragraphs[nth_paragraph - 1].split(maxsplit=1)[0].lower().lstrip(EDGES)
    wanted = first_word.strip().lower()
    is_it = wanted in (re.split(r"[.,?!'\"]", word, maxsplit=1)[0], word.rstrip(EDGES))
    counted += f"; number {nth_paragraph} begins with {word[:40]!r}, {wanted!r} wanted"
    return len(paragraphs) == num_paragraphs and is_it, counted


def number_placeholders(text: str, num_placeholders: int) -> Finding:
    """Square brackets, opened and closed on one line."""
    count = 0
    for line in text.split("\n"):
        opened = line.find("[")
        while opened >= 0 and (closed := line.find("]", opened)) >= 0:
            count += 1
            opened = line.find("[", closed)
    return compared(count, "placeholders", "at least", num_placeholders)


def postscript(text: str, postscript_marker: str) -> Finding:
    marker = postscript_marker.strip()
    spaced = {"P.P.S": r"p\.\s?p\.\s?s", "P.S.": r"p\.\s?s\."}.get(marker)
    lowered = text.lower()
    is_met = marker.lower() in lowered if spaced is None else re.search(spaced, lowered) is not None
    return is_met, f"{'a' if is_met else 'no'} postscript {marker!r}"


def number_bullet_lists(text: str, num_bullets: int) -> Finding:
    """Lines that begin with a dash or with one asterisk."""
    lines = [line.lstrip() for line in text.split("\n")]
    count = sum(line.startswith(("-", "*")) and not line.startswith("**") for line in lines)
    return count == num_bullets, f"{count} bullet points, exactly {num_bullets} wanted"


def constrained_response(text: str) -> Finding:
    is_met = any(option in text for option in OPTIONS)
    return is_met, "one of the options" if is_met else "none of the options"


def number_highlighted_sections(text: str, num_highlights: int) -> Finding:
    """`*text*` and `**text**`, on one line."""
    found = HIGHLIGHT.findall(text) + DOUBLE_HIGHLIGHT.findall(text)
    count = sum(bool(highlight.strip("*").strip()) for highlight in found)
    return compared(count, "highlighted sections", "at least", num_highlights)


def multiple_sections(text: str, section_spliter: str, num_sections: int) -> Finding:
    headings = re.findall(re.escape(section_spliter.strip()) + r"\s?\d+", text)
    return compared(len(headings), f"sections by {section_spliter.strip()!r}", "at least", num_sections)


def json_format(text: str) -> Finding:
    """Nothing but JSON, in a fence or not."""
    bare = JSON_FENCE.sub("", text.strip(), count=1) if text.strip().startswith("```") else text.strip()
    try:
        json.loads(bare.removesuffix("```"), parse_int=str, parse_float=str, parse_constant=refuse_constant)
    except (ValueError, RecursionError) as error:
        return False, f"not JSON: {str(error)[:80]}"
    return True, "JSON"


def title(text: str) -> Finding:
    """`<<` and `>>` on one line, with something in between."""
    for line in text.split("\n"):
        opened, closed = line.find("<<"), line.rfind(">>")
        if 0 <= opened < closed - 2 and (found := line[opened : closed + 2].lstrip("<").rstrip(">").strip()):
            return True, f"title {found[:80]!r}"
    return False, "no title"


def two_responses(text: str) -> Finding:
    """Two responses that differ, with `******` between them and perhaps before and after."""
    pieces = [piece.strip() for piece in text.split("******")]
    responses = [piece for piece in pieces if piece]
    is_met = len(responses) == 2 and all(pieces[1:-1]) and responses[0] != responses[1]
    equal = ", equal" if len(responses) == 2 and responses[0] == responses[1] else ""
    return is_met, f"{len(responses)} responses{equal}, 2 wanted"


def repeat_prompt(text: str, prompt_to_repeat: str) -> Finding:
    is_met = text.strip().lower().startswith(prompt_to_repeat.strip().lower())
    return is_met, f"begins with {'the prompt' if is_met else repr(text.strip()[:40]) + ', not with the prompt'}"


def end_checker(text: str, end_phrase: str) -> Finding:
    """The end of the text but for white space and double quotes."""
    ending = text.strip().strip('"').lower()
    is_met = ending.endswith(end_phrase.strip().lower())
    return is_met, f"ends in {ending[-80:]!r}" + ("" if is_met else f", {end_phrase.strip()!r} wanted")


def capital_word_frequency(text: str, capital_frequency: int, capital_relation: str) -> Finding:
    """Words in capitals; one with hyphens or an apostrophe is one word, and so is "I"."""
    words = CAPITAL_WORD.findall(text.replace("--", " "))
    return compared(sum(map(str.isupper, words)), "words in capitals", capital_relation, capital_frequency)


def english_capital(text: str) -> Finding:
    is_english, language = is_in_language(text, "en")
    small = sum(map(str.islower, text))
    return text.isupper() and is_english, f"{small} lower-case letters; {language}"


def english_lowercase(text: str) -> Finding:
    is_english, language = is_in_language(text, "en")
    capitals = sum(map(str.isupper, text))
    return text.islower() and is_english, f"{capitals} capital letters; {language}"


def no_comma(text: str) -> Finding:
    count = sum(map(text.count, COMMAS))
    return count == 0, f"{count} commas"


def quotation(text: str) -> Finding:
    bare = text.strip()
    is_met = len(bare) > 1 and bare.startswith('"') and bare.endswith('"')
    return is_met, f"{'in' if is_met else 'not in'} double quotation marks"


RULES: dict[str, Callable[..., Finding]] = {
    "keywords:existence": keywords_exist,
    "keywords:frequency": keyword_frequency,
    "keywords:forbidden_words": forbidden_words,
    "keywords:letter_frequency": letter_frequency,
    "language:response_language": response_language,
    "length_constraints:number_sentences": number_sentences,
    "length_constraints:number_paragraphs": number_paragraphs,
    "length_constraints:number_words": number_words,
    "length_constraints:nth_paragraph_first_word": nth_paragraph_first_word,
    "detectable_content:number_placeholders": number_placeholders,
    "detectable_content:postscript": postscript,
    "detectable_format:number_bullet_lists": number_bullet_lists,
    "detectable_format:constrained_response": constrained_response,
    "detectable_format:number_highlighted_sections": number_highlighted_sections,
    "detectable_format:multiple_sections": multiple_sections,
    "detectable_format:json_format": json_format,
    "detectable_format:title": title,
    "combination:two_responses": two_responses,
    "combination:repeat_prompt": repeat_prompt,
    "startend:end_checker": end_checker,
    "startend:quotation": quotation,
    "change_case:capital_word_frequency": capital_word_frequency,
    "change_case:english_capital": english_capital,
    "change_case:english_lowercase": english_lowercase,
    "punctuation:no_comma": no_comma,
}


def compared(count: int, what: str, relation: str, wanted: int) -> Finding:
    is_met = count < wanted if relation == "less than" else count >= wanted
    return is_met, f"{count} {what}, {relation} {wanted} wanted"


def named(words: list[str], what: str) -> str:
    return f"; {what}: {', '.join(map(repr, words))}"[:120] if words else ""


def has_word(text: str, word: str) -> bool:
    """Whether the word stands in the text with no letter, digit or underscore beside it."""
    before = rf"(?<!{LETTER})" if WORD.match(word[0]) else ""
    behind = rf"(?!{LETTER})" if WORD.match(word[-1]) else ""
    return re.search(before + re.escape(word) + behind, text) is not None


def refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON value")
