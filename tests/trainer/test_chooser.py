"""Which problems come next: the order without a curriculum, shares of sources, what pass rates leave out, resuming."""

from __future__ import annotations

import json
import math
import random
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from trainer.chooser import Chooser, NothingLeft
from trainer.config.data import Curriculum, DataSource
from trainer.curriculum import PassRates
from trainer.mixture import Mixture, Source, load_mixture, whole_weights, whose_turn
from trainer.settings import ConfigError
from verifiers import Problem

NAN = math.nan


def source(name: str, count: int, *, weight: float = 1.0, version: str = "1") -> Source:
    problems = tuple(Problem(f"{name}{number}", "", "math", {}) for number in range(count))
    return Source(name, version, weight, problems)


def chooser(*sources: Source, seed: int = 1, curriculum: Curriculum | None = None) -> Chooser:
    return Chooser(Mixture(sources), seed=seed, curriculum=curriculum)


def ids(problems: Sequence[Problem]) -> list[str]:
    return [problem.id for problem in problems]


# ---- order


def test_one_source_comes_epoch_by_epoch_each_in_an_order_of_its_own() -> None:
    taken = ids(chooser(source("p", 7)).take(21))
    epochs = [taken[:7], taken[7:14], taken[14:]]
    assert [sorted(epoch) for epoch in epochs] == [[f"p{number}" for number in range(7)]] * 3
    for number, epoch in enumerate(epochs):  # the rule that earlier runs had, written out
        assert epoch == [f"p{place}" for place in random.Random(f"1/{number}").sample(range(7), 7)]


def test_the_sequence_depends_on_the_seed_and_not_on_how_it_is_cut_into_steps() -> None:
    whole = ids(chooser(source("p", 7)).take(21))
    steps = chooser(source("p", 7))
    assert [name for _ in range(7) for name in ids(steps.take(3))] == whole
    assert ids(chooser(source("p", 7), seed=2).take(21)) != whole


def test_each_source_goes_through_epochs_of_its_own() -> None:
    taken = ids(chooser(source("a", 3), source("b", 6)).take(12))
    a = [name for name in taken if name[0] == "a"]
    b = [name for name in taken if name[0] == "b"]
    assert sorted(b) == [f"b{n}" for n in range(6)]
    assert sorted(a[:3]) == sorted(a[3:]) == ["a0", "a1", "a2"]


# ---- shares


def test_weights_become_whole_numbers() -> None:
    assert whole_weights([0.7, 0.2, 0.1]) == [7, 2, 1]
    assert whole_weights([1.0, 0.25, 3]) == [4, 1, 12]


def test_turns_worked_by_hand() -> None:
    taken, turns = [0, 0], []
    for _ in range(8):
        turn = whose_turn([3, 1], taken)
        taken[turn] += 1
        turns.append(turn)
    # Due is who would be half a turn behind (1 / (2N - 2) = 1/2): the second, with t/4 - taken, first at t = 2. But the
    # first is as well then (3 * 2/4 - 1 = 1/2), and of two with equal deadlines ((1/2 - 1/2) / weight = 0) the first
    # goes before: the second has the third turn, and after a period of 4 all comes again.
    assert turns == [0, 0, 1, 0, 0, 0, 1, 0]


@pytest.mark.parametrize("weights", [[1, 1], [0.7, 0.2, 0.1], [50, *[1] * 50], [0.9, 0.09, 0.009, 0.001], [3, 3, 1, 1]])
def test_every_source_has_its_share_to_within_tijdemans_bound_at_any_time(weights: list[float]) -> None:
    taken, bound, whole = [0] * len(weights), 1 - 1 / (2 * len(weights) - 2), whole_weights(weights)
    for turn in range(1, 1001):
        taken[whose_turn(whole, taken)] += 1
        off = [abs(weight / sum(weights) * turn - had) for weight, had in zip(weights, taken, strict=True)]
        assert max(off) <= bound + 1e-9, f"after {turn} turns {taken} is off by {max(off)}"


def test_shares_are_exact_over_a_period() -> None:
    taken = ids(chooser(source("a", 5, weight=0.7), source("b", 5, weight=0.2), source("c", 5, weight=0.1)).take(1000))
    assert Counter(name[0] for name in taken) == {"a": 700, "b": 200, "c": 100}


# ---- mixtures


def write(path: Path, names: Sequence[str]) -> DataSource:
    rows = [
        {"id": name, "prompt": f"{path.stem} {name}", "verifier": "math", "spec": {"answer": "1"}} for name in names
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return DataSource(name="jsonl", path=str(path))


def test_ids_stay_as_they_are_unless_they_clash(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    a, b = write(tmp_path / "a.jsonl", ["1", "2"]), write(tmp_path / "b.jsonl", ["2", "3"])
    c, far = write(tmp_path / "c.jsonl", ["4"]), write(tmp_path / "far" / "a.jsonl", ["1"])
    assert ids(load_mixture([a, c]).problems) == ["1", "2", "4"]
    clashing = load_mixture([a, b, far])
    assert ids(clashing.problems) == ["a/1", "a/2", "b/2", "b/3", "a-2/1"]
    assert [problem.prompt for problem in clashing.problems] == ["a 1", "a 2", "b 2", "b 3", "a 1"]
    assert [one.name for one in clashing.sources] == ["a", "b", "a-2"]


def test_no_two_sources_have_one_name(tmp_path: Path) -> None:
    sources = []
    for folder, name in (("one", "a"), ("two", "a"), ("three", "a-2")):
        (tmp_path / folder).mkdir()
        sources.append(write(tmp_path / folder / f"{name}.jsonl", ["1"]))
    mixture = load_mixture(sources)
    assert [one.name for one in mixture.sources] == ["a", "a-3", "a-2"]
    assert ids(mixture.problems) == ["a/1", "a-3/1", "a-2/1"]


def test_what_cannot_be_judged_is_left_out_of_sets_that_come_as_they_are_found(tmp_path: Path) -> None:
    path = tmp_path / "deepscaler.json"
    path.write_text(json.dumps([{"problem": f"{n}?", "answer": answer} for n, answer in enumerate("1(2")]))
    found, own = DataSource(name="deepscaler", path=str(path)), write(tmp_path / "own.jsonl", ["a", "b"])
    asked: list[str] = []

    def unsound(problems: Iterable[Problem]) -> dict[str, str]:
        asked.extend(ids(problems))
        return {problem.id: "cannot be read" for problem in problems if problem.spec["answer"] == "("}

    mixture = load_mixture([found, own], unsound)
    assert asked == ["deepscaler.json:1", "deepscaler.json:2", "deepscaler.json:3"]
    assert ids(mixture.problems) == ["deepscaler.json:1", "deepscaler.json:3", "a", "b"]
    assert mixture.sources[0].left_out == ("deepscaler.json:2: cannot be read",)
    assert ids(mixture.curated) == ["a", "b"]


# ---- curriculum


def rates(**settings: float) -> PassRates:
    return PassRates(Curriculum.model_validate({"completions": 4, "visits": 2, **settings}), seed="1")


def test_a_pass_rate_is_the_mean_of_judged_scores_over_the_last_visits() -> None:
    found = rates()
    found.observe("p", [1.0, 0.0, NAN], epoch=0)
    assert found.rate("p") is None  # two judged of the four that it takes
    found.observe("p", [NAN, NAN], epoch=1)  # no visit
    found.observe("p", [0.5, 1.0], epoch=2)
    assert found.rate("p") == (1.0 + 0.0 + 0.5 + 1.0) / 4
    found.observe("p", [0.0, 0.0, 0.25, 0.25], epoch=3)  # the first visit is forgotten
    assert found.rate("p") == (0.5 + 1.0 + 0.5) / 6


def test_problems_at_a_bound_or_beyond_it_are_left_out_and_nothing_unjudged_counts() -> None:
    found = rates(easiest=0.75, hardest=0.25)
    for name, scores in {
        "easy": [1, 1, 1, 0],
        "easy of the judged": [NAN, NAN, 1, 1, 1, 1],
        "just right": [1, 1, 0, 0],
        "hard": [1, 0, 0, 0],
        "unknown": [0, 0, 0, NAN],
    }.items():
        found.observe(name, scores, epoch=0)
    assert found.too_easy == {"easy", "easy of the judged"}
    assert set(found.too_hard) == {"hard"}
    names = ("easy", "easy of the judged", "just right", "hard", "unknown", "never seen")
    assert [found.admits(name, epoch=9) for name in names] == [False, False, True, False, True, True]


def test_a_hard_problem_comes_back_after_its_pause_and_its_new_scores_decide() -> None:
    found = rates(hardest=0.0, readmit_after=2)
    found.observe("p", [0.0] * 4, epoch=5)
    assert [found.admits("p", epoch=epoch) for epoch in (5, 6, 7, 8)] == [False, False, False, True]
    found.observe("p", [0.0] * 4, epoch=8)
    assert [found.admits("p", epoch=epoch) for epoch in (9, 10, 11)] == [False, False, True]
    found.observe("p", [1.0, 0.0, 0.0, 0.0], epoch=11)
    assert found.admits("p", epoch=12)


def test_problems_near_the_target_come_more_often() -> None:
    found = rates(target=0.5)
    found.observe("at it", [1, 1, 0, 0], epoch=0)
    found.observe("off it", [0, 0, 0, 0], epoch=0)
    times = {
        name: sum(found.admits(name, epoch=e) for e in range(1000)) for name in ("at it", "off it", "not measured")
    }
    assert times["at it"] == times["not measured"] == 1000
    assert 450 < times["off it"] < 550  # 1 - |0 - 0.5| = 0.5; three standard deviations are 47


def test_a_problem_that_became_easy_is_not_asked_for_again() -> None:
    chosen = chooser(source("p", 4), curriculum=Curriculum(completions=2))
    first = ids(chosen.take(4))
    chosen.observe(first[1], [1.0, 1.0])
    chosen.observe(first[2], [1.0, 0.5])  # 0.75
    assert chosen.figures == {"curriculum/too_easy": 1, "curriculum/too_hard": 0, "curriculum/spent_sources": 0}
    later = ids(chosen.take(9))
    assert Counter(later) == {name: 3 for name in first if name != first[1]}


def test_without_anything_left_the_reason_is_named() -> None:
    chosen = chooser(source("p", 3), curriculum=Curriculum(completions=1, hardest=0.0))
    for name, score in {"p0": 1.0, "p1": 1.0, "p2": 0.0}.items():
        chosen.observe(name, [score])
    with pytest.raises(NothingLeft, match=r"no problem is left to learn from: 2 are too easy, 1 too hard"):
        chosen.take(1)


def test_hard_problems_that_may_come_back_do_so_when_nothing_else_is_left() -> None:
    chosen = chooser(source("p", 2), curriculum=Curriculum(completions=1, hardest=0.0, readmit_after=3))
    chosen.take(2)
    chosen.observe("p0", [1.0])
    chosen.observe("p1", [0.0])
    assert ids(chosen.take(2)) == ["p1", "p1"]  # epochs 4 and 5: those between hold nothing and pass at once


def test_a_source_that_ran_out_leaves_its_share_to_the_others_by_weight() -> None:
    sources = source("a", 2, weight=4), source("b", 3, weight=2), source("c", 3, weight=1)
    chosen = chooser(*sources, curriculum=Curriculum(completions=1))
    assert Counter(name[0] for name in ids(chosen.take(7))) == {"a": 4, "b": 2, "c": 1}
    chosen.observe("a0", [1.0])
    chosen.observe("a1", [1.0])
    assert Counter(name[0] for name in ids(chosen.take(30))) == {"b": 20, "c": 10}
    assert chosen.figures["curriculum/spent_sources"] == 1


# ---- resuming


def score(name: str, round_: int) -> list[float]:
    """Some scores that are no round numbers in binary, and some that are missing."""
    drawn = random.Random(f"{name}/{round_}")
    return [drawn.choice([0.0, 0.1, 0.7, 1.0, NAN]) for _ in range(3)]


def test_a_restored_chooser_goes_on_as_the_one_that_was_never_interrupted() -> None:
    curriculum = Curriculum(completions=3, visits=2, easiest=0.8, hardest=0.1, readmit_after=1, target=0.5)
    sources = source("a", 11, weight=0.7), source("b", 5, weight=0.3)
    going, interrupted = (chooser(*sources, curriculum=curriculum) for _ in range(2))
    for step in range(60):
        problems = ids(going.take(4))
        assert ids(interrupted.take(4)) == problems
        for name in problems:
            going.observe(name, score(name, step))
            interrupted.observe(name, score(name, step))
        stored = json.dumps(interrupted.state())
        interrupted = chooser(*sources, curriculum=curriculum)
        interrupted.restore(json.loads(stored))
        assert interrupted.figures == going.figures
    assert json.dumps(going.state()) == json.dumps(interrupted.state())
    assert sum(going.figures.values()) > 0, "nothing was left out: the test showed nothing"


def test_a_source_that_has_changed_is_refused() -> None:
    state = chooser(source("a", 4)).state()
    with pytest.raises(ConfigError, match=r"a: its problems have changed .*4 usable problems, is a 1 with 5"):
        chooser(source("a", 5)).restore(state)
    with pytest.raises(ConfigError, match="a 1 with 4 usable problems, is a 2 with 4"):
        chooser(source("a", 4, version="2")).restore(state)
