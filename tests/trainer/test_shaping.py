"""Rewards from scores, and dynamic sampling without a model: numbers worked by hand."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence

import pytest

from benchmarks import ProblemError
from trainer.config.learning import Shaping
from trainer.dynamic import fill, has_spread, next_count
from trainer.mixture import Mixture, Source
from trainer.prompts import count_long, describe_long, without_long
from trainer.rollout import Rollout
from trainer.shaping import is_learned_from, overlong_punishment, rewards_of
from trainer.types import Completion, Group
from verifiers import Problem, Status, Verdict


def group(scores: Sequence[float | None], lengths: Sequence[int] | None = None, *, name: str = "p") -> Group:
    """A group with these scores (None: unjudged); a completion of 10 tokens or more was cut off."""
    status = {None: Status.UNJUDGED, 1.0: Status.CORRECT}
    completions = [
        Completion([1], [2] * length, [0.0] * length, "", "length" if length >= 10 else "stop", 0, 0.0)
        for length in lengths or [1] * len(scores)
    ]
    verdicts = [Verdict(status.get(score, Status.WRONG), score) for score in scores]
    return Group(Problem(name, "", "math", {}), completions, verdicts)


# ---- rewards


@pytest.mark.parametrize(
    ("length", "punishment"),
    [(1, 0.0), (16384, 0.0), (17408, -0.25), (18432, -0.5), (20479, -4095 / 4096), (20480, -1.0), (30000, -1.0)],
)
def test_soft_overlong_punishment_as_dapo_has_it(length: int, punishment: float) -> None:
    """L_max = 20480 and L_cache = 4096: 16384 tokens are free of it, and 1024 more cost a quarter."""
    assert overlong_punishment(length, limit=20480, cache=4096) == punishment


def test_soft_rewards_are_scores_less_the_punishment_and_nan_where_unjudged() -> None:
    shaping = Shaping(overlong="soft", length_cache=4)
    groups = [group([1.0, 1.0, 0.0, None], [6, 7, 10, 10]), group([0.5, 1.0], [9, 3])]
    first, second = rewards_of(groups, shaping, max_new_tokens=10)
    assert first[:3] == [1.0, 0.75, -1.0]
    assert math.isnan(first[3])
    assert second == [-0.25, 1.0]
    early = Shaping(overlong="soft", length_cache=2, length_limit=8)
    assert rewards_of([group([1.0, 1.0, 1.0], [6, 7, 9])], early, max_new_tokens=10) == [[1.0, 0.5, 0.0]]


@pytest.mark.parametrize("overlong", ["keep", "mask"])
def test_without_punishment_the_reward_is_the_score(overlong: str) -> None:
    groups = [group([1.0, 0.25], [3, 10]), group([0.0, 1.0], [10, 10])]
    shaping = Shaping.model_validate({"overlong": overlong})
    assert rewards_of(groups, shaping, max_new_tokens=10) == [[1.0, 0.25], [0.0, 1.0]]


def test_only_masking_leaves_a_completion_that_was_cut_off_out_of_the_loss() -> None:
    ended, cut = group([1.0, 0.0], [3, 10]).completions
    for overlong, learned in {"keep": [True, True], "mask": [True, False], "soft": [True, True]}.items():
        shaping = Shaping.model_validate({"overlong": overlong, **({"length_cache": 4} if overlong == "soft" else {})})
        assert [is_learned_from(ended, shaping), is_learned_from(cut, shaping)] == learned, overlong


# ---- dynamic sampling


def serve(spreads: Sequence[bool]) -> tuple[Callable[[int, int], Rollout], list[int]]:
    """A sampler of groups with and without spread, in this order over and over, and the counts it was asked for."""
    asked: list[int] = []
    stream = enumerate(itertools.cycle(spreads))

    def sample(count: int, number: int) -> Rollout:
        assert number == len(asked), "rounds are numbered from 0"
        asked.append(count)
        some = itertools.islice(stream, count)
        groups = [group([1.0, 0.0 if is_spread else 1.0], name=f"{number}") for number, is_spread in some]
        return Rollout(groups, sample_seconds=0.5, judge_seconds=0.25)

    return sample, asked


def names(groups: Sequence[Group]) -> list[str]:
    return [one.problem.id for one in groups]


def test_what_has_spread() -> None:
    assert has_spread(group([1.0, 0.0]))
    assert has_spread(group([0.5, 0.25, None]))
    assert not has_spread(group([0.0, 0.0]))
    assert not has_spread(group([1.0, None]))
    assert not has_spread(group([None, None]))
    assert not has_spread(group([1.0, 1.0], [3, 10])), "lengths, and so soft rewards, may differ"


def test_a_batch_full_of_groups_with_spread_takes_one_round() -> None:
    sample, asked = serve([True])
    filled = fill(sample, wanted=4, max_rounds=5)
    assert (names(filled.groups), filled.dropped, asked) == (["0", "1", "2", "3"], [], [4])
    assert filled.figures == {"dynamic/rounds": 1, "dynamic/dropped_groups": 0, "dynamic/missing_groups": 0}


def test_further_rounds_follow_the_share_kept_so_far_and_surplus_is_dropped() -> None:
    # Of 8 groups 2 have spread (a quarter): 6 are missing, and 24 more problems should hold them. These hold 12; the
    # first six are kept, in order, and the other 6 with spread are dropped with the 18 without.
    sample, asked = serve([True, False, False, False, True, False, False, False] + [True, False] * 12)
    filled = fill(sample, wanted=8, max_rounds=4)
    assert asked == [8, 24]
    assert names(filled.groups) == ["0", "4", "8", "10", "12", "14", "16", "18"]
    assert len(filled.dropped) == 24
    assert sum(has_spread(one) for one in filled.dropped) == 6
    assert filled.figures == {"dynamic/rounds": 2, "dynamic/dropped_groups": 24, "dynamic/missing_groups": 0}
    assert (filled.sample_seconds, filled.judge_seconds) == (1.0, 0.5)


def test_after_the_last_round_there_may_be_fewer_and_never_more_is_asked_for_than_the_rounds_allow() -> None:
    sample, asked = serve([False] * 9 + [True])  # the second round is asked for before anything is known
    filled = fill(sample, wanted=4, max_rounds=3)
    assert asked == [4, 4, 4]
    assert (names(filled.groups), len(filled.dropped), filled.figures["dynamic/rounds"]) == (["9"], 11, 3)
    sample, asked = serve([True] + [False] * 99)  # 1 of 10: 90 should be enough for the other 9; 40 are allowed
    filled = fill(sample, wanted=10, max_rounds=5)
    assert asked == [10, 40]
    assert (names(filled.groups), len(filled.dropped), filled.figures["dynamic/rounds"]) == (["0"], 49, 2)


def test_one_round_keeps_what_has_spread() -> None:
    sample, asked = serve([True, False])
    filled = fill(sample, wanted=4, max_rounds=1)
    assert (names(filled.groups), names(filled.dropped), asked) == (["0", "2"], ["1", "3"], [4])


def test_the_number_to_ask_for() -> None:
    assert next_count(8, 8, 8, limit=80) == 0
    assert next_count(8, 9, 9, limit=80) == 0
    assert next_count(8, 4, 8, limit=80) == 8
    assert next_count(8, 7, 9, limit=80) == 2  # 1 missing at a share of 7/9
    assert next_count(8, 0, 8, limit=80) == 8
    assert next_count(8, 1, 8, limit=40) == 32
    assert next_count(8, 1, 40, limit=40) == 0


# ---- prompts that are too long


def test_long_prompts_are_counted_by_doublings_of_the_limit() -> None:
    assert count_long([1, 80], 80) == {}
    assert count_long([80, 81, 160, 161, 320, 321, 5000], 80) == {
        "81-160": 2,
        "161-320": 2,
        "321-640": 1,
        "2561-5120": 1,
    }
    assert count_long([3, 4, 5, 9], 2) == {"3-4": 2, "5-8": 1, "9-16": 1}


def test_long_prompts_are_dropped_or_refused_in_one_line() -> None:
    assert describe_long([10, 80], 80, "refuse") == ""
    line = "3 of 5 prompts have more than 80 tokens"
    assert describe_long([10, 20, 90, 100, 200], 80, "drop") == f"{line}: left out (2 of 81-160, 1 of 161-320)"
    with pytest.raises(
        ProblemError, match=f"data: {line} .2 of 81-160, 1 of 161-320.: raise max_prompt_tokens, or set"
    ):
        describe_long([10, 20, 90, 100, 200], 80, "refuse")


def test_a_source_that_is_left_with_no_problem_is_refused_by_name() -> None:
    a, b = (Source(name, "1", 1.0, tuple(Problem(f"{name}{n}", "", "math", {}) for n in range(2))) for name in "ab")
    lengths = {"a0": 81, "a1": 80, "b0": 7, "b1": 90}
    fitting = without_long(Mixture((a, b)), lengths, 80)
    assert [problem.id for problem in fitting.problems] == ["a1", "b0"]
    with pytest.raises(
        ProblemError, match="every prompt of a has more than max_prompt_tokens = 79; the shortest has 80"
    ):
        without_long(Mixture((a, b)), lengths, 79)
