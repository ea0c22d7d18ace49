"""Tells which language a text is written in, with py3langid among the languages of IFEval. Runs inside a check box.

IFEval asks langdetect; its 55 codes are kept, zh-cn and zh-tw being told apart by the characters that only one of the
two scripts has. What it does not do: notice a few words of another language; it looks at a long text's two ends.
"""

from __future__ import annotations

import io
import lzma
import re
from array import array

import numpy as np
from py3langid.langid import MODEL_DIR, MODEL_FILE, LanguageIdentifier

CODES = (
    "af ar bg bn ca cs cy da de el en es et fa fi fr gu he hi hr hu id it ja kn ko lt lv mk ml mr ne nl no pa pl pt "
    "ro ru sk sl so sq sv sw ta te th tl tr uk ur vi zh"
)
LATIN = "af ca cs cy da de en es et fi fr hr hu id it lt lv nl no pl pt ro sk sl so sq sv sw tl tr vi"
"""Those of `CODES` that are written in Latin letters."""
MAX_END = 50_000
"""Characters looked at from the start and from the end of a text: what takes time here is its length."""
SURE = 0.5
"""A probability from which on the likeliest language is the one; below it, others nearly as likely may be meant."""
NEARLY = 0.2
"""How likely, beside the likeliest, a language of the text's script must be to be given the benefit of the doubt."""

SIMPLIFIED = re.compile(
    "[们个这来时说国为会对过还没么样开关东车马门问间见学习书长两万与专业乐买卖产亲让认识请谢谁话语读写爱听体]"
)
TRADITIONAL = re.compile(
    "[們個這來時說國為會對過還沒麼樣開關東車馬門問間見學習書長兩萬與專業樂買賣產親讓認識請謝誰話語讀寫愛聽體]"
)
LETTER = re.compile(r"[^\W\d_]")


def is_in_language(text: str, code: str) -> tuple[bool, str]:
    """Whether the text is in the language of that code, and the likeliest code. No letters are in no language."""
    if not LETTER.search(text):
        return False, "no language"
    sample = text if len(text) <= 2 * MAX_END else f"{text[:MAX_END]} {text[-MAX_END:]}"
    ranked = IDENTIFIER.rank(sample)
    likeliest, highest = ranked[0]
    probability = dict(ranked)[code.partition("-")[0]]
    is_it: bool = likeliest == code.partition("-")[0]
    if highest < SURE and probability >= NEARLY * highest:
        is_it = (code in LATIN.split()) == is_latin(sample)
    if likeliest == "zh" and code in ("zh-cn", "zh-tw"):
        likeliest = script_of_chinese(sample)
        is_it = likeliest in (code, "zh")
    return is_it, likeliest


def is_latin(text: str) -> bool:
    letters = [char for char in text if char.isalpha()]
    return 2 * sum(letter < "\u0250" or "\u1e00" <= letter < "\u1f00" for letter in letters) >= len(letters)


def script_of_chinese(text: str) -> str:
    """zh-cn, zh-tw, or zh where the text's characters are those of both."""
    simplified, traditional = len(SIMPLIFIED.findall(text)), len(TRADITIONAL.findall(text))
    if simplified == traditional:
        return "zh"
    return "zh-cn" if simplified > traditional else "zh-tw"


def load() -> LanguageIdentifier:
    """The identifier for our languages alone. Its own loader needs 65 MB of disk, more than a box has."""
    with np.load(io.BytesIO(lzma.decompress((MODEL_DIR / MODEL_FILE).read_bytes())), allow_pickle=False) as model:
        languages = model["classes"].tolist()
        ours = [column for column, language in enumerate(languages) if language in CODES.split()]
        return LanguageIdentifier(
            model["ptc"][:, ours],
            model["pc"][ours],
            [languages[column] for column in ours],
            array("I", model["nextmove"].tobytes()),
            model["out_feat"].tolist(),
            tk_row=array("H", model["nextmove_row"].tobytes()),
            norm_probs=True,
        )


IDENTIFIER = load()
"""Loaded in the box's parent, where its 0.4 s and 60 MB are paid once for all runs."""
