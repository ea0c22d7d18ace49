"""IFEval's constraints: each kind right and wrong by hand, strictly and loosely, on hostile text, from broken specs."""

from __future__ import annotations

import ast
from typing import Any

import pytest

from tests.verifiers.conftest import problem, rows, shared_data
from verifiers import Router, SpecError, Status, examine, report
from verifiers.instructions import KINDS, MAX_LOOSE_TEXT, MAX_TEXT, InstructionsVerifier

AT_LEAST, LESS_THAN = "at least", "less than"
ENGLISH = "the quick brown fox jumps over the lazy dog and then goes home to sleep"

# id, kwargs, texts that meet the constraint, texts that do not
KINDS_BY_HAND: list[tuple[str, dict[str, Any], list[str], list[str]]] = [
    (
        "keywords:existence",
        {"keywords": ["mom", "C++"]},
        ["Mom writes c++.", "momentum in C++"],
        ["mom writes C+", "C++ alone"],
    ),
    ("keywords:frequency", {"keyword": "war", "frequency": 2, "relation": AT_LEAST}, ["War, warm."], ["war and peace"]),
    ("keywords:frequency", {"keyword": "war", "frequency": 1, "relation": LESS_THAN}, ["peace"], ["warm"]),
    ("keywords:frequency", {"keyword": "a.c", "frequency": 1, "relation": AT_LEAST}, ["A.C"], ["abc"]),
    (
        "keywords:forbidden_words",
        {"forbidden_words": ["rock", "no way", "c++"]},
        ["rocks and noway", "crockery", "c+", "xc++", "rock_n_roll"],
        ["Rock!", "No way.", "in C++."],
    ),
    (
        "keywords:letter_frequency",
        {"letter": "Q", "let_frequency": 2, "let_relation": AT_LEAST},
        ["Quick queen"],
        ["quick"],
    ),
    (
        "keywords:letter_frequency",
        {"letter": "#", "let_frequency": 4, "let_relation": AT_LEAST},
        ["#a #b #c #d"],
        ["#a #b #c"],
    ),
    (
        "keywords:letter_frequency",
        {"letter": "e", "let_frequency": 1, "let_relation": LESS_THAN},
        ["no such thing as that", "123"],
        ["There"],
    ),
    (
        "language:response_language",
        {"language": "hi"},
        ["मुझे हिंदी में लिखना अच्छा लगता है और मैं रोज़ पढ़ता हूँ।"],
        [ENGLISH, "OK", "माझे नाव राम आहे आणि मी पुण्यात राहतो.", "12345", "!?"],
    ),
    (
        "language:response_language",
        {"language": "en"},
        [ENGLISH.upper(), "Hello"],
        ["Ich gehe heute nach Hause.", "42"],
    ),
    (
        "length_constraints:number_sentences",
        {"num_sentences": 3, "relation": AT_LEAST},
        ["Dr. Who came. He saw! He left?"],
        ["Dr. Who came. He saw.", "! ! !"],
    ),
    (
        "length_constraints:number_sentences",
        {"num_sentences": 3, "relation": LESS_THAN},
        ["It cost 3.50, e.g. for tea. Done.", "1. Tea\n2. Milk\n3. Sugar"],
        ["One. Two. Three."],
    ),
    (
        "length_constraints:number_paragraphs",
        {"num_paragraphs": 2},
        ["one\n***\ntwo", "***\none *** two\n***"],
        ["one\n\ntwo", "one *** two *** three", "one ***\n*** two"],
    ),
    (
        "length_constraints:number_words",
        {"num_words": 3, "relation": AT_LEAST},
        ["one two three", "well-known fact", "don't go"],
        ["one two", "one - two"],
    ),
    (
        "length_constraints:number_words",
        {"num_words": 3, "relation": LESS_THAN},
        ["one two", "..."],
        ["one two three"],
    ),
    ("length_constraints:number_words", {"num_words": 0, "relation": AT_LEAST}, ["..."], []),
    (
        "length_constraints:number_words",
        {"num_words": 4, "relation": LESS_THAN},
        ["नमस्ते मेरी दुनिया"],
        ["यह मेरी नई दुनिया"],
    ),
    ("keywords:forbidden_words", {"forbidden_words": ["नमस"]}, ["नमस्ते दुनिया"], ["नमस दुनिया"]),
    (
        "length_constraints:nth_paragraph_first_word",
        {"num_paragraphs": 2, "nth_paragraph": 2, "first_word": "Haha"},
        ["a\n\nhaha, b", 'a\n\n\n\n"Haha!" b', "a\n\nHaha: b", "a\n\nHaha's b"],
        ["a\n\nb haha", "a\nhaha", "a\n\nhaha\n\nc", "a\n\nhahaha", "a\n\nha!ha", "haha\n\na"],
    ),
    (
        "length_constraints:nth_paragraph_first_word",
        {"num_paragraphs": 1, "nth_paragraph": 1, "first_word": "don't"},
        ["Don't go."],
        ["do not go"],
    ),
    (
        "detectable_content:number_placeholders",
        {"num_placeholders": 2},
        ["[name] lives at [address].", "[[a]] [b]"],
        ["[name] lives at [address", "[name\n] [address]", "[[a]]"],
    ),
    (
        "detectable_content:postscript",
        {"postscript_marker": "P.P.S"},
        ["Bye.\np. p. s. more", "Bye. P.P.S. more"],
        ["Bye.\nP.S. more", "Bye. PPS more"],
    ),
    ("detectable_content:postscript", {"postscript_marker": "P.S."}, ["Bye.\nP.S. more", "p. s. x"], ["Bye. PS more"]),
    ("detectable_content:postscript", {"postscript_marker": "N.B."}, ["n.b. more"], ["naby more"]),
    (
        "detectable_format:number_bullet_lists",
        {"num_bullets": 2},
        ["* a\n* b", "- a\n  - b\n**bold**", "Two:\n\n* a\n- b"],
        ["* a", "* a\n* b\n* c", "1. a\n2. b", "**a**\n**b**"],
    ),
    ("detectable_format:number_bullet_lists", {"num_bullets": 0}, ["none"], ["* one"]),
    (
        "detectable_format:constrained_response",
        {},
        ["My answer is yes.", "I think: My answer is maybe."],
        ["Yes.", "my answer is yes.", "My answer is yes"],
    ),
    (
        "detectable_format:number_highlighted_sections",
        {"num_highlights": 2},
        ["*a* and *b*", "**a** and *b*", "**a** **b**"],
        ["*a*", "*a and\nb*", "**** **", "* a\n* b"],
    ),
    (
        "detectable_format:multiple_sections",
        {"section_spliter": "Day", "num_sections": 2},
        ["Day 1\nup\nDay 2\ndown", "Day1 Day2"],
        ["Day 1\nup", "day 1 day 2", "Day one, Day two"],
    ),
    ("detectable_format:multiple_sections", {"section_spliter": "(+)", "num_sections": 1}, ["(+) 1 a"], ["(( 1 a"]),
    (
        "detectable_format:json_format",
        {},
        ['{"a": 1}', "```json\n[1]\n```", "```\n[1]\n```", "1" * 5000],
        ['{"a": 1', "{'a': 1}", "Here: {}", "[NaN]", "[" * 100_000, "```json\n{}\n```\nDone."],
    ),
    (
        "detectable_format:title",
        {},
        ["<<a song>>\nla la", "la <<a>> la"],
        ["<a song>", "<<>>", "<< >>", "<<a\nsong>>", ">>a<<", "<<<>>>"],
    ),
    (
        "combination:two_responses",
        {},
        ["yes\n******\nno", "******\nyes ****** no\n******"],
        ["yes", "yes ****** yes", "a ****** b ****** c", "a ****** ****** b", "yes *** no"],
    ),
    (
        "combination:repeat_prompt",
        {"prompt_to_repeat": "Write a haiku. "},
        ["write a haiku. Moon", "Write a haiku."],
        ["Sure! Write a haiku. Moon", "Write a haiku"],
    ),
    (
        "startend:end_checker",
        {"end_phrase": "Any other questions?"},
        ["Yes. any other questions?", '"Yes. Any other questions?"'],
        ["Any other questions? No.", "Any other question?"],
    ),
    ("startend:quotation", {}, ['"yes"', '"a" and "b"'], ['"yes', "'yes'", '"', "“yes”"]),
    (
        "change_case:capital_word_frequency",
        {"capital_frequency": 2, "capital_relation": AT_LEAST},
        ["STOP and GO", "WELL-KNOWN NASA's", "**STOP** (GO)", "I am A"],
        ["Stop AND go", "WELL-KNOWN", "DON'T", "123 !"],
    ),
    (
        "change_case:capital_word_frequency",
        {"capital_frequency": 2, "capital_relation": LESS_THAN},
        ["DON'T stop", "no"],
        ["AND/OR or XOR"],
    ),
    (
        "change_case:english_capital",
        {},
        [ENGLISH.upper(), "YES!"],
        [ENGLISH, ENGLISH.upper() + " a", "DER HUND LIEGT IM GARTEN UND SCHLÄFT SEIT GESTERN", "123"],
    ),
    (
        "change_case:english_lowercase",
        {},
        [ENGLISH, "no. 7 is fine, thanks"],
        [ENGLISH.upper(), ENGLISH + " A", "der hund liegt im garten und schläft seit gestern", "123"],
    ),
    ("punctuation:no_comma", {}, ["No comma; none."], ["One, comma", "一，二", "واحد، اثنان"]),
]


def judged(router: Router, cases: list[tuple[dict[str, Any], str]]) -> list[float | None]:
    return [verdict.score for verdict in router.judge([(problem("instructions", spec), text) for spec, text in cases])]


def only(kind: str, kwargs: dict[str, Any], **others: Any) -> dict[str, Any]:
    return {"constraints": [{"id": kind, "kwargs": kwargs}], **others}


def test_every_kind_is_right_and_wrong_as_by_hand(router: Router) -> None:
    assert {kind for kind, *_ in KINDS_BY_HAND} == set(KINDS), "a kind without a case"
    cases = [
        (only(kind, kwargs), text, score)
        for kind, kwargs, right, wrong in KINDS_BY_HAND
        for score, texts in ((1.0, right), (0.0, wrong))
        for text in texts
    ]
    scores = judged(router, [(spec, text) for spec, text, _ in cases])
    missed = [
        f"{spec['constraints']} {text[:80]!r} scored {got}"
        for (spec, text, score), got in zip(cases, scores, strict=True)
        if got != score
    ]
    assert not missed, "\n" + "\n".join(missed)


@pytest.mark.parametrize(
    ("kind", "kwargs", "text", "strictly", "loosely"),
    [
        ("detectable_format:json_format", {}, "Here you are:\n{}", 0.0, 1.0),
        ("detectable_format:json_format", {}, "{}\nAnything else?", 0.0, 1.0),
        ("detectable_format:json_format", {}, "Sure.\n{}\nDone.", 0.0, 1.0),
        ("detectable_format:json_format", {}, "Sure.\nYes.\n{}\nDone.", 0.0, 0.0),
        ("startend:quotation", {}, '**"yes"**', 0.0, 1.0),
        ("startend:end_checker", {"end_phrase": "The end."}, "*The end.*\nGoodbye", 0.0, 1.0),
        ("punctuation:no_comma", {}, "Sure, here:\nno comma", 0.0, 1.0),
        ("punctuation:no_comma", {}, "one, line", 0.0, 0.0),
        ("combination:repeat_prompt", {"prompt_to_repeat": "Sing."}, "Okay!\nSing.\nLa", 0.0, 1.0),
        ("length_constraints:number_words", {"num_words": 2, "relation": LESS_THAN}, "one\ntwo", 0.0, 1.0),
        ("detectable_format:number_highlighted_sections", {"num_highlights": 1}, "*a*", 1.0, 1.0),
    ],
)
def test_loose_is_the_best_of_eight_rewrites(
    kind: str, kwargs: dict[str, Any], text: str, strictly: float, loosely: float, router: Router
) -> None:
    cases = [(only(kind, kwargs), text), (only(kind, kwargs, strict=False), text)]
    assert judged(router, cases) == [strictly, loosely]


def test_loosely_each_constraint_has_a_rewrite_of_its_own(router: Router) -> None:
    constraints = [
        {"id": "detectable_format:json_format"},
        {"id": "startend:end_checker", "kwargs": {"end_phrase": "Bye."}},
    ]
    [verdict] = router.judge(
        [(problem("instructions", {"constraints": constraints, "strict": False}), "Sure.\n{}\nBye.")]
    )
    assert verdict.score == 1.0, verdict
    assert [stage.get("rewrite") for stage in verdict.trace] == ["without the first and last line", None]


SENTENCES = [
    ("xx,x. xx,x! xx/x. x{x}x? x.", 5),
    ("xx,x! xxxx. x(x)x?", 3),
    ("One. Two", 2),
    ("Dr. Smith met Mr. J. K. Jones at 3.5 p.m. on Main St. yesterday.", 1),
    ("He lives in the U.S. He works for Acme Inc. The firm is small.", 3),
    ("Apples, pears, etc. are fruit, e.g. these, i.e. those.", 1),
    ("It costs $3.50. That is cheap!", 2),
    ('"Stop!" she said. "Why?" he asked.', 2),
    ('He said "no." Then he left.', 2),
    ("Wait... what? Well... Then no.", 3),
    ("1. Buy milk.\n2. Buy eggs.\n3. Go home.", 3),
    ("Title\n\nFirst sentence. Second one.", 2),
    ("- one\n- two\n- three", 1),
    ("Really?! Yes!!! No...", 3),
    ("**Bold.** _Next._ (In brackets.) Last.", 4),
    ("今天天气很好。我们去公园吧！好吗？", 3),
    ("यह पहला वाक्य है। यह दूसरा है।", 2),
    ("Visit www.example.com. It is at example.org/a.b?c=d today.", 2),
    ("No. 5 is alive. No. That is all.", 3),
    ("Ph.D. students work. Do they?", 2),
    ("We scored 5. They scored 6. Who am I? I am I. You too.", 5),
]


def test_sentences_are_counted_as_by_hand(router: Router) -> None:
    kind = "length_constraints:number_sentences"
    specs = [only(kind, {"num_sentences": 99, "relation": LESS_THAN})] * len(SENTENCES)
    pairs = [(problem("instructions", spec), text) for spec, (text, _) in zip(specs, SENTENCES, strict=True)]
    counted = [str(verdict.trace[0]["result"]).split()[1] for verdict in router.judge(pairs)]
    wrong = [(text, number) for (text, wanted), number in zip(SENTENCES, counted, strict=True) if number != str(wanted)]
    assert not wrong


LANGUAGES = {
    "de": "Heute ist das Wetter schön, und wir gehen mit den Kindern in den Park.",
    "es": "Hoy hace buen tiempo y vamos con los niños al parque a jugar.",
    "pt": "Hoje o tempo está bom e vamos com as crianças ao parque para brincar.",
    "ru": "Сегодня хорошая погода, и мы идём с детьми в парк.",
    "uk": "Сьогодні гарна погода, і ми йдемо з дітьми до парку.",
    "ar": "الطقس جميل اليوم وسنذهب مع الأطفال إلى الحديقة",
    "fa": "امروز هوا خوب است و ما با بچه‌ها به پارک می‌رویم",
    "ur": "آج موسم اچھا ہے اور ہم بچوں کے ساتھ پارک جا رہے ہیں",
    "mr": "आज हवामान छान आहे आणि आम्ही मुलांसोबत बागेत जात आहोत.",
    "ne": "आज मौसम राम्रो छ र हामी केटाकेटीहरूसँग पार्क जाँदैछौं।",
    "bn": "আজ আবহাওয়া ভালো এবং আমরা বাচ্চাদের নিয়ে পার্কে যাচ্ছি।",
    "kn": "ಇಂದು ಹವಾಮಾನ ಚೆನ್ನಾಗಿದೆ ಮತ್ತು ನಾವು ಮಕ್ಕಳೊಂದಿಗೆ ಉದ್ಯಾನವನಕ್ಕೆ ಹೋಗುತ್ತಿದ್ದೇವೆ.",
    "pa": "ਅੱਜ ਮੌਸਮ ਚੰਗਾ ਹੈ ਅਤੇ ਅਸੀਂ ਬੱਚਿਆਂ ਨਾਲ ਪਾਰਕ ਜਾ ਰਹੇ ਹਾਂ।",
    "sw": "Leo hali ya hewa ni nzuri na tunakwenda na watoto kwenye bustani.",
    "vi": "Hôm nay thời tiết đẹp và chúng tôi đi công viên với các con.",
    "th": "วันนี้อากาศดีและเราจะไปสวนสาธารณะกับเด็ก ๆ",
    "ko": "오늘은 날씨가 좋아서 아이들과 함께 공원에 갑니다.",
    "ja": "今日は天気がいいので、子供たちと公園に行きます。",
    "zh-cn": "今天天气很好，我们和孩子们一起去公园，这是个好主意。",
    "zh-tw": "今天天氣很好，我們和孩子們一起去公園，這是個好主意。",
}


def test_languages_are_told_apart(router: Router) -> None:
    pairs = [(wanted, written) for wanted in LANGUAGES for written in LANGUAGES]
    scores = judged(
        router, [(only("language:response_language", {"language": wanted}), LANGUAGES[code]) for wanted, code in pairs]
    )
    wrong = [pair for pair, score in zip(pairs, scores, strict=True) if score != (pair[0] == pair[1])]
    assert not wrong


def test_a_verdict_says_of_each_constraint_what_was_counted(router: Router) -> None:
    spec = {
        "constraints": [
            {"id": "keywords:frequency", "kwargs": {"keyword": "a", "frequency": 2, "relation": AT_LEAST}},
            {"id": "punctuation:no_comma", "kwargs": {}},
            {"id": "keywords:frequency", "kwargs": {"keyword": "z", "frequency": 2, "relation": AT_LEAST}},
        ]
    }
    plain, partial = router.judge(
        [(problem("instructions", spec | credit), "banana") for credit in ({}, {"partial_credit": True})]
    )
    assert (plain.status, plain.score) == (Status.WRONG, 0.0)
    assert (partial.status, partial.score) == (Status.WRONG, pytest.approx(2 / 3))
    assert (plain.answer, plain.detail) == (
        "'banana'",
        "2 of 3 met; keywords:frequency 2: 0 times 'z', at least 2 wanted",
    )
    assert plain.parts == {"keywords:frequency": 1.0, "punctuation:no_comma": 1.0, "keywords:frequency 2": 0.0}
    assert [stage["result"] for stage in plain.trace] == [
        "met: 3 times 'a', at least 2 wanted",
        "met: 0 commas",
        "not met: 0 times 'z', at least 2 wanted",
    ]


@pytest.mark.parametrize("completion", ["", " \n", "<think>My answer is yes.", "<think>My answer is yes.</think>\n"])
def test_nothing_in_the_final_part_is_no_answer(completion: str, router: Router) -> None:
    spec = {"constraints": [{"id": "punctuation:no_comma"}], "strict": False}
    [verdict] = router.judge([(problem("instructions", spec), completion)])
    assert (verdict.status, verdict.score) == (Status.NO_ANSWER, 0.0)


HOSTILE = [
    *(
        "a",
        "word 17 ",
        "\n",
        " \n",
        "*",
        "* ",
        "a*\n",
        "* a.",
        "[",
        "[]",
        "<",
        "<<>",
        "...",
        ". ",
        "....a",
        "A. ",
        "e.g. ",
    ),
    *('!" ', "1.\n", "P.P.", "***", "{", "中。", "İ", "A' ", "\u0301", "-\n", "a\n\n", "SECTION ", '"', "``", "a.a."),
]
HEAVIEST = {
    "length_constraints:number_sentences": {"num_sentences": MAX_TEXT, "relation": AT_LEAST},
    "change_case:english_capital": {},
    "keywords:forbidden_words": {"forbidden_words": ["aa", "a a a a a b", "e.g"]},
}
WORST_FOR_ITS_PATTERN = {
    "keywords:existence": "a",
    "length_constraints:number_paragraphs": "** ",
    "length_constraints:number_words": "a ",
    "length_constraints:nth_paragraph_first_word": "a\n\n",
    "detectable_content:number_placeholders": "[",
    "detectable_content:postscript": "P. P.",
    "detectable_format:number_bullet_lists": "\n",
    "detectable_format:number_highlighted_sections": "*a\n",
    "detectable_format:multiple_sections": "Day ",
    "detectable_format:json_format": "[",
    "detectable_format:title": "<<",
    "combination:two_responses": "****** ",
    "change_case:capital_word_frequency": "a' ",
}
"""What would take long if a pattern went back and forth."""


def judged_in_time(constraints: dict[str, dict[str, Any]], piece: str, length: int, router: Router) -> None:
    """A text of that length, made of the piece, is judged within two seconds."""
    text = f"x\n{(piece * length)[: length - 4]}\nx"
    spec = {
        "constraints": [{"id": kind, "kwargs": kwargs} for kind, kwargs in constraints.items()],
        "strict": length > MAX_LOOSE_TEXT,
    }
    [verdict] = router.judge([(problem("instructions", spec), text)])
    assert verdict.status is Status.WRONG, f"{piece!r}: {verdict.status} {verdict.detail}"
    assert verdict.seconds < 2, f"{piece!r}: {verdict.seconds} s"


@pytest.mark.parametrize("length", [MAX_TEXT, MAX_LOOSE_TEXT])
def test_the_longest_hostile_texts_are_judged_within_two_seconds(length: int, router: Router) -> None:
    for piece in HOSTILE:
        judged_in_time(HEAVIEST, piece, length, router)


def test_no_pattern_goes_back_and_forth(router: Router) -> None:
    kwargs = {kind: kwargs for kind, kwargs, *_ in reversed(KINDS_BY_HAND)}
    for kind, piece in WORST_FOR_ITS_PATTERN.items():
        never = {"startend:end_checker": {"end_phrase": "never"}}
        judged_in_time({kind: kwargs[kind]} | never, piece, MAX_TEXT, router)


@pytest.mark.parametrize(("strict", "most"), [(True, MAX_TEXT), (False, MAX_LOOSE_TEXT)])
def test_a_long_answer_is_read_to_its_end_and_a_longer_one_is_wrong(strict: bool, most: int, router: Router) -> None:
    spec = only("startend:end_checker", {"end_phrase": "the end"}, strict=strict)
    at_most, too_long = "a" * (most - 8) + " the end", "a" * (most - 7) + " the end"
    assert judged(router, [(spec, at_most), (spec, too_long)]) == [1.0, 0.0]


def test_every_prompt_of_ifeval_has_constraints_that_can_be_judged(router: Router) -> None:
    prompts = rows(shared_data("ifeval_input.jsonl"))
    specs = [
        {"constraints": [{"id": kind, "kwargs": kwargs} for kind, kwargs in zip(*named, strict=True)], "strict": False}
        for named in ((row["instruction_id_list"], row["kwargs"]) for row in prompts)
    ]
    assert (len(specs), sum(len(spec["constraints"]) for spec in specs)) == (541, 834)
    router.check(problem("instructions", spec, str(row["key"])) for spec, row in zip(specs, prompts, strict=True))
    verdicts = router.judge([(problem("instructions", spec), "No.") for spec in specs])
    assert {verdict.status for verdict in verdicts} <= {Status.WRONG, Status.CORRECT}


def test_kwargs_that_are_none_are_as_absent() -> None:
    kwargs = {"num_words": 0, "relation": AT_LEAST, "keywords": None, "num_bullets": None, "language": None}
    InstructionsVerifier().check_spec(only("length_constraints:number_words", kwargs))


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({}, ["constraints", "missing"]),
        ({"constraints": []}, ["constraints", "[]", "at least 1"]),
        ({"constraints": [{"kwargs": {}}]}, ["constraints[0].id", "missing"]),
        (only("length_constraints:number_word", {}), ["constraints[0].id", "did you mean", ":number_words'"]),
        (only("x", {}), ["constraints[0].id", "'x'", "keywords:existence, "]),
        (only("startend:quotation", {}, strict="yes"), ["strict", "'yes'", "boolean"]),
        (only("startend:quotation", {"n": 1}), ["constraints[0].kwargs.n", "no such field", "takes none"]),
        (
            only("length_constraints:number_words", {"num_words": 3}),
            ["constraints[0].kwargs.relation", "missing", "'num_words'"],
        ),
        (
            only("length_constraints:number_words", {"num_words": 3, "relation": "at most"}),
            ["constraints[0].kwargs.relation", "'at most'", "'less than' or 'at least'"],
        ),
        (
            only("length_constraints:number_words", {"num_words": "3", "relation": AT_LEAST}),
            ["constraints[0].kwargs.num_words", "'3'", "integer"],
        ),
        (
            only("length_constraints:number_words", {"num_words": -1, "relation": AT_LEAST}),
            ["constraints[0].kwargs.num_words", "-1", "greater than or equal to 0"],
        ),
        (
            only("length_constraints:number_words", {"num_words": None, "relation": AT_LEAST}),
            ["constraints[0].kwargs.num_words", "missing"],
        ),
        (only("keywords:existence", {"keywords": []}), ["constraints[0].kwargs.keywords", "[]", "at least 1"]),
        (only("keywords:existence", {"keywords": ["a", " "]}), ["constraints[0].kwargs.keywords[1]", "' '"]),
        (
            only("keywords:letter_frequency", {"letter": "ab", "let_frequency": 1, "let_relation": AT_LEAST}),
            ["constraints[0].kwargs.letter", "'ab'", "at most 1"],
        ),
        (only("language:response_language", {"language": "xx"}), ["kwargs.language", "'xx'", "zh-cn"]),
        (
            only(
                "length_constraints:nth_paragraph_first_word",
                {"num_paragraphs": 2, "nth_paragraph": 3, "first_word": "a"},
            ),
            ["constraints[0].kwargs.nth_paragraph", "3", "at most num_paragraphs, 2"],
        ),
        (
            {"constraints": [{"id": "punctuation:no_comma"}] * 2 + [{"id": "combination:repeat_prompt"}]},
            ["constraints[2].kwargs.prompt_to_repeat", "missing"],
        ),
    ],
)
def test_a_broken_constraint_is_named(spec: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(SpecError) as caught:
        InstructionsVerifier().check_spec(spec)
    message = str(caught.value)
    assert "\n" not in message
    assert [word for word in words if word not in message] == [], message


def test_it_conforms(router: Router) -> None:
    findings = examine("instructions", router)
    assert all(finding.is_right for finding in findings), "\n" + report(findings)


def test_the_box_has_a_rule_for_each_kind() -> None:
    """Read from the file: what is in the box is not imported here."""
    rules = ast.parse(InstructionsVerifier.inside[-1].read_text())
    table = next(node for node in rules.body if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == "RULES")
    assert isinstance(table.value, ast.Dict)
    assert [ast.literal_eval(key) for key in table.value.keys if key] == list(KINDS)
