"""LiveCodeBench's rows: which are asked for, what their tests mean, and what becomes of broken and hostile ones."""

from __future__ import annotations

import base64
import json
import pickle
import zlib
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from benchmarks import ProblemError, ProblemSet, ProblemSource, load, wilson
from benchmarks.livecodebench import COUNTS, FILES, files_of
from benchmarks.livecodebench_rows import PRELUDE
from benchmarks.private_tests import decode
from benchmarks.window import Window
from tests.benchmarks.test_sets import shared

STDIN = {"input": "1 2\n", "output": "3\n", "testtype": "stdin"}
CALL = {"input": '[1, 2]\n"ab"', "output": "true", "testtype": "functional"}
ROW: dict[str, Any] = {
    "question_id": "abc001_a",
    "question_title": "Sum",
    "question_content": "Add them.",
    "platform": "atcoder",
    "contest_id": "abc001",
    "contest_date": "2024-08-03T00:00:00",
    "starter_code": "",
    "difficulty": "easy",
    "public_test_cases": json.dumps([STDIN]),
    "private_test_cases": "[]",
    "metadata": "{}",
}


class Harmful:
    """What a hostile row would have a reader run: it leaves a file."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.mark,)


def encoded(value: object) -> str:
    return base64.b64encode(zlib.compress(pickle.dumps(value))).decode()


def written(folder: Path, *rows: dict[str, Any], name: str = "own.jsonl") -> str:
    (folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(folder / name)


def loaded(path: str, **options: str) -> ProblemSet:
    return load(ProblemSource(name="livecodebench", path=path, options=options))


def test_public_and_private_tests_become_one_spec(tmp_path: Path) -> None:
    private = [STDIN | {"input": "5 5\n", "output": "10\n"}]
    for code in (encoded(json.dumps(private)), json.dumps(private)):
        (problem,) = loaded(written(tmp_path, ROW | {"private_test_cases": code})).problems
        assert (problem.id, problem.verifier) == ("abc001_a", "code")
        assert problem.spec["tests"] == [{"stdin": "1 2\n", "stdout": "3\n"}, {"stdin": "5 5\n", "stdout": "10\n"}]
        assert (problem.spec["kind"], problem.spec["compare"]) == ("stdio", "tokens")
        assert problem.spec["time_limit"] == 6.0
        assert problem.tags == {"date": "2024-08-03", "month": "2024-08", "difficulty": "easy", "platform": "atcoder"}
        assert "Add them." in problem.prompt and "from stdin" in problem.prompt
    (public,) = loaded(written(tmp_path, ROW | {"private_test_cases": code}), tests="public").problems
    assert len(public.spec["tests"]) == 1


def test_a_functional_input_has_one_json_value_a_line(tmp_path: Path) -> None:
    row = ROW | {"public_test_cases": json.dumps([CALL]), "metadata": '{"func_name": "f"}', "starter_code": "class S:"}
    (problem,) = loaded(written(tmp_path, row)).problems
    assert problem.spec["tests"] == [{"args": [[1, 2], "ab"], "expected": True}]
    assert (problem.spec["kind"], problem.spec["entry_point"]) == ("function", "f")
    assert "```python\nclass S:\n```" in problem.prompt


def test_two_rules_judge_and_the_first_one_scores(tmp_path: Path) -> None:
    path = written(tmp_path, ROW)
    found = loaded(path)
    (ours,), (theirs,) = found.problems, found.second_opinions["official"].values()
    assert found.rule == "strict" and list(found.second_opinions) == ["official"]
    assert (ours.verifier, ours.spec["compare"], ours.spec["tolerance"]) == ("code", "tokens", 1e-6)
    assert (theirs.id, theirs.prompt, theirs.tags) == (ours.id, ours.prompt, ours.tags)
    assert theirs.verifier == "livecodebench"
    assert theirs.spec == {
        "tests": [{"input": "1 2\n", "output": "3\n"}],
        "function": "",
        "prelude": PRELUDE,
        "time_limit": 6,
        "grader": "2025-01",
    }
    turned, alone = loaded(path, rule="official, strict"), loaded(path, rule="official")
    assert turned.problems == alone.problems == (theirs,)
    assert turned.second_opinions == {"strict": {ours.id: ours}} and not alone.second_opinions
    assert turned.version == alone.version != found.version and alone.version.endswith("rule=official")


def test_a_hostile_pickle_is_named_and_never_run_and_the_other_rows_stay(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    hostile = ROW | {"question_id": "evil", "private_test_cases": encoded(Harmful(mark))}
    found = loaded(written(tmp_path, ROW, hostile, ROW | {"question_id": "abc001_b"}))
    assert [problem.id for problem in found.problems] == ["abc001_a", "abc001_b"]
    (line,) = found.left_out
    assert line.startswith("own.jsonl:2: evil: private_test_cases: a pickle that is more than one text")
    assert not mark.exists()
    pickle.loads(pickle.dumps(Harmful(mark)))
    assert mark.exists(), "the row was not hostile, so this test says nothing"


def test_the_shared_hostile_row_is_refused_and_named() -> None:
    with pytest.raises(ProblemError, match=r"lcb_evil_pickle.jsonl:1: evil: private_test_cases: .*'system'"):
        loaded(shared("lcb_evil_pickle.jsonl"))


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_text_pickled_by_any_protocol_is_read(protocol: int) -> None:
    for text in ('["é\\n"]', json.dumps(["x" * 300]), json.dumps(["\U0001f600" * 70_000], ensure_ascii=False)):
        packed = zlib.compress(pickle.dumps(text, protocol=protocol))
        assert decode(base64.b64encode(packed).decode()) == json.loads(text)


@pytest.mark.parametrize(
    ("pickled", "message"),
    [
        (pickle.dumps(["[]"]), "more than one text, with EMPTY_LIST"),
        (pickle.dumps(5), "more than one text, with BININT1 '5'"),
        (pickle.dumps(b"[]"), "more than one text, with SHORT_BINBYTES"),
        (pickle.dumps(("a", "b")), "with SHORT_BINUNICODE 'b' after 'a'"),
        (pickle.dumps(Path), "with SHORT_BINUNICODE"),
        (pickle.dumps(Path, protocol=1), "with GLOBAL 'pathlib"),
        (b"\x80\x04Ppersistent\n.", "with PERSID 'persistent'"),
        (b"\x80\x04.", "holds no text"),
        (pickle.dumps("[]") + b"x", "bytes after its end"),
        (pickle.dumps("[]")[:-1], "pickle exhausted before seeing STOP"),
        (b"\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\x7f.", "bytes in a unicodestring8"),
        (b"", "pickle exhausted"),
        (pickle.dumps("{"), "not JSON: Expecting property name"),
        (pickle.dumps("[" * 100_000), "not JSON: maximum recursion depth"),
    ],
)
def test_what_is_not_one_pickled_text_of_json_is_refused(pickled: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=r"^[^\n]*$") as caught:
        decode(base64.b64encode(zlib.compress(pickled)).decode())
    assert message in str(caught.value)


def test_a_few_bytes_cannot_become_gigabytes() -> None:
    bomb = base64.b64encode(zlib.compress(b"\0" * 2_000_000)).decode()
    with pytest.raises(ValueError, match="more than 1000000 bytes when decompressed"):
        decode(bomb, max_bytes=1_000_000)
    with pytest.raises(ValueError, match="ends too early"):
        decode(base64.b64encode(zlib.compress(pickle.dumps("[]"))[:-6]).decode())
    with pytest.raises(ValueError, match="not zlib data"):
        decode(base64.b64encode(b"no").decode())
    with pytest.raises(ValueError, match="neither JSON nor base64"):
        decode("?")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"contest_date": "soon"}, "contest_date: found 'soon', expected a date such as 2024-08-01"),
        ({"difficulty": "brutal"}, "difficulty: found 'brutal', expected easy, medium, hard"),
        ({"platform": "x"}, "platform: found 'x', expected leetcode, atcoder, codeforces"),
        ({"public_test_cases": "[]"}, "testtype: found no tests, expected one type"),
        ({"public_test_cases": "{}"}, "public_test_cases: found a dict, expected a list"),
        ({"public_test_cases": "[3]"}, "public_test_cases[0]: found a int, expected an object"),
        ({"public_test_cases": '[{"input": "1"}]'}, "public_test_cases[0]: output: found nothing, expected text"),
        ({"public_test_cases": json.dumps([STDIN | {"testtype": "x"}])}, "expected stdin or functional"),
        ({"public_test_cases": json.dumps([STDIN | {"input": "\ud800"}])}, "half a surrogate pair"),
        ({"public_test_cases": json.dumps([STDIN, CALL])}, "testtype: found functional and stdin"),
        ({"public_test_cases": json.dumps([CALL])}, "metadata: no func_name"),
        ({"public_test_cases": json.dumps([CALL]), "metadata": "3"}, "metadata: no func_name"),
        (
            {"public_test_cases": json.dumps([CALL | {"input": "x"}]), "metadata": '{"func_name": "f"}'},
            "public_test_cases[0]: not JSON, one value",
        ),
        ({"private_test_cases": None}, "private_test_cases: found nothing, expected text"),
        ({"question_id": None}, "question_id: found nothing, expected text"),
        ({"question_id": "abc001_b"}, "question_id: another row has it, too"),
    ],
)
def test_a_broken_row_is_left_out_and_named_in_one_line(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    found = loaded(written(tmp_path, ROW | {"question_id": "abc001_b"}, ROW | change))
    assert [problem.id for problem in found.problems] == ["abc001_b"]
    (line,) = found.left_out
    assert line.startswith("own.jsonl:2: ") and message in line and "\n" not in line


@pytest.mark.parametrize(
    ("release", "first", "last"),
    [("release_v1", 1, 1), ("release_v5", 1, 5), ("release_latest", 1, 6), ("v3", 3, 3), ("v2_v4", 2, 4)],
)
def test_releases_and_slices_are_files(release: str, first: int, last: int) -> None:
    assert files_of(release) == FILES[first - 1 : last]


def test_a_folder_with_the_releases_files_serves_instead_of_the_hub(tmp_path: Path) -> None:
    for number, file in enumerate(FILES):
        written(tmp_path, ROW | {"question_id": f"q{number}"}, name=file)
    found = loaded(str(tmp_path), release="v2_v4")
    assert [problem.id for problem in found.problems] == ["q1", "q2", "q3"]
    assert found.version == "2 v2_v4 rule=strict"
    assert found.notes == (f"3 rows; v2_v4 has {COUNTS[3] - COUNTS[0]}",)
    (tmp_path / FILES[5]).unlink()
    with pytest.raises(ProblemError, match=r"test6.jsonl: no such file"):
        loaded(str(tmp_path))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"window": "2024-13.."}, "window: found '2024-13..', expected FIRST..LAST"),
        ({"window": "2025-01..2024-08"}, "window: found '2025-01..2024-08', which ends before it begins"),
        ({"windw": "2024-08"}, "windw: no such option; it has release, window"),
        ({"release": "v3_v2"}, "release: found 'v3_v2', expected release_v1 to release_v6"),
        ({"release": "release_v1"}, "release: found 'release_v1', but"),
        ({"rule": "lax"}, "rule: found 'lax', expected strict, official, official-2025-05, with"),
        ({"rule": "official,official"}, "rule: found 'official' twice"),
        ({"platform": "atcoder,topcoder"}, "platform: found 'topcoder', expected leetcode, atcoder, codeforces"),
        ({"window": "2023-01"}, "no problems in"),
    ],
)
def test_what_cannot_be_asked_for_is_said_in_one_line(tmp_path: Path, options: dict[str, str], message: str) -> None:
    with pytest.raises(ProblemError, match=r"^livecodebench: [^\n]*$") as caught:
        loaded(written(tmp_path, ROW), **options)
    assert message in str(caught.value)


def test_both_ends_of_a_window_are_in_it() -> None:
    months, days = Window.read("2024-08..2024-09"), Window.read("2024-08-01..2024-09-30")
    assert months == days and str(months) == "2024-08-01..2024-09-30"
    assert date(2024, 8, 1) in months and date(2024, 9, 30) in months
    assert date(2024, 7, 31) not in months and date(2024, 10, 1) not in months
    assert date(2024, 2, 29) in Window.read("2024-02")
    assert date(1999, 1, 1) in Window.read("..2024-02") and date(2999, 1, 1) in Window.read("2024-02..")


def test_filters_are_counted_on_the_first_release() -> None:
    path = shared("lcb_v1_400.jsonl")
    whole = loaded(path)
    assert len(whole.problems) == COUNTS[0] and not whole.left_out
    parts = [loaded(path, difficulty=level) for level in ("easy", "medium", "hard")]
    assert [len(part.problems) for part in parts] == [142, 168, 90]
    assert len(loaded(path, difficulty="hard, easy").problems) == 232
    platforms = {"atcoder": 210, "leetcode": 181, "codeforces": 9}
    assert {name: len(loaded(path, platform=name).problems) for name in platforms} == platforms
    known_broken = [problem for problem in whole.problems if "errata" in problem.tags]
    assert len(loaded(path, errata="drop").problems) == 400 - len(known_broken)
    assert len(known_broken) == 10
    tested = [len(problem.spec["tests"]) for problem in whole.problems]
    public = [len(problem.spec["tests"]) for problem in loaded(path, tests="public").problems]
    assert sum(public) == 1043 and sum(before > after for before, after in zip(tested, public, strict=True)) == 134


def test_official_verdicts_add_up_to_the_published_scores() -> None:
    """o1-mini on release_v5, and on DeepSeek-R1's window of 279 problems (arXiv 2501.12948)."""
    answers = [json.loads(line) for line in Path(shared("lcb_completions_o1mini.jsonl")).read_text().splitlines()]
    whole = wilson(sum(answer["graded"] for answer in answers), len(answers))
    assert (len(answers), sum(answer["graded"] for answer in answers)) == (880, 602)
    assert whole.mean == pytest.approx(0.6841, abs=5e-5)
    window = Window.read("2024-08..2025-01")
    within = [answer for answer in answers if date.fromisoformat(answer["contest_date"][:10]) in window]
    levels = [answer["difficulty"] for answer in within]
    assert [levels.count(level) for level in ("easy", "medium", "hard")] == [67, 89, 123]
    score = wilson(sum(answer["graded"] for answer in within), len(within))
    assert (score.mean, score.low, score.high) == pytest.approx((145 / 279, 0.461, 0.578), abs=5e-4)
