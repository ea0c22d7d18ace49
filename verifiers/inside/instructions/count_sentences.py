"""Counts the sentences of a text: a rule for each mark that may end one, linear in its length. Runs inside a check box.

A sentence ends in `.`, `?` or `!` before white space or the end, closing quotes and brackets counted in, or in `。！？`
anywhere; it holds a letter or a digit. No end are the dots of titles (Dr.), initials (J. K.), abbreviations (vs.), of
the numbers of a list, and dots or a closed quotation that go on in lower case ("Go!" she said). "etc.", "Inc.", "U.S."
and their like end a sentence before a word that often begins one, such as "The". As with punkt, which IFEval counts
with, a line break alone ends nothing, so a title or a list without full stops goes into the next sentence.

What it does not do: learn abbreviations, know names that look like words ("vitamin C. Sun" is one sentence), split what
has no white space ("end.Start"), or tell quotations with several sentences in them from sentences of their own.
"""

from __future__ import annotations

import re

NEVER_ENDS = (
    "Mr Mrs Ms Mx Dr Prof St Rev Fr Hon Gen Col Maj Sgt Capt Cpt Cmdr Lt Sen Rep Gov Pres Messrs Mme Mlle "
    "vs cf viz e.g i.e E.g I.e Fig Figs fig figs approx ca Mt Ft"
)
MAY_END = (
    "etc al Inc Ltd Co Corp Jr Sr Bros Ave Blvd Rd dept Dept est Est Jan Feb Mar Apr Jun Jul Aug Sept Sep Oct Nov Dec"
)
STARTERS = (
    "The A An This That These Those There Then They He She It We You I My Our His Her Their Its But However And So "
    "In On At By For From To With When While If Although Because As After Before Since Thus Therefore Moreover Also "
    "Not No Yes What Who Why How Where"
)

CLOSERS = r"\"'”’»)\]}*_`"
LOWER = "[a-zß-öø-ÿα-ωа-я]"


def after(abbreviations: str) -> str:
    """A pattern: just behind one of them. A look behind has one width, so there is one for each length."""
    by_length: dict[int, list[str]] = {}
    for abbreviation in abbreviations.split():
        by_length.setdefault(len(abbreviation), []).append(re.escape(abbreviation))
    return "|".join(rf"(?<=\b(?:{'|'.join(group)})\.)" for group in by_length.values())


LIST_NUMBER = re.compile(r"^[ \t]*(?:[-*+>#]+[ \t]+)?(?:\d{1,3}|[A-Za-z])[.)](?=\s)", re.MULTILINE)
# Begins with its dot: the engine then skips from dot to dot. An initial is a capital alone; a letter between dots ends
# what is like U.S., a.m. or Ph.D.
NO_END = re.compile(
    rf"\.(?= )(?:{after(NEVER_ENDS)}|(?<=\bNo\.)(?= \d)"
    rf"|(?:{after(MAY_END)}|(?<=(?<![\w.])[A-Z]\.)|(?<=\.[A-Za-z]\.))(?! (?:{'|'.join(STARTERS.split())})\b))"
)
RUN = rf"[.?!…{CLOSERS}]"
# Also begins with a set of characters, to skip to. Only from the start of a run of marks and closers, else a long run
# would be tried from each of its characters.
END = re.compile(
    rf"{RUN}(?<!{RUN}{RUN})(?:(?<=[.?!…])|[{CLOSERS}]*+[.?!…]){RUN}*+(?= |$)(?!(?:(?<=\.\.)|(?<=[…\"”’»])) {LOWER})"
    rf"|[。！？｡।॥؟۔]++[{CLOSERS}」』）]*+"
)
WITH_A_WORD = re.compile(r"\w[^\n]*+")


def count_sentences(text: str) -> int:
    """How many sentences the text has; what follows the last mark counts too if it holds a word."""
    on_one_line = " ".join(LIST_NUMBER.sub("", text).split())
    return len(WITH_A_WORD.findall(END.sub("\n", NO_END.sub("", on_one_line))))
