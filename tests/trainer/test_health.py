"""Each named warning fires where its fault is real, names what was seen, and no healthy run raises any."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy
import pyarrow.parquet
import pytest
import tiny

from trainer.config.run import RunConfig
from trainer.config.watch import HealthConfig, WarningName
from trainer.health import RULES, Health, HealthWarning, severest
from trainer.loop import train
from trainer.pattern import Pattern, pattern_of
from trainer.record import RunDirectory, read_lines
from trainer.sampler import PlainSampler
from trainer.settings import ConfigError, validated
from trainer.types import Completion, Group
from verifiers import Problem, Status, Verdict

RECORDED = Path(__file__).parents[1] / "data" / "recorded_runs.jsonl"
"""Metrics and patterns of real runs: the quickstart with three seeds, and one with a wrong learning rate."""
NOTHING = Pattern(
    repeated=0.0, repeated_text="", stuck=0.0, concentrated=0.0, concentrated_answer="", working={"math": 100.0}
)
Step = tuple[int, dict[str, float], Pattern]


def warnings_of(steps: Sequence[Step], config: HealthConfig = HealthConfig()) -> list[HealthWarning]:  # noqa: B008
    health = Health(config, held_out=150)
    return [warning for step in steps for warning in health.watch(*step)]


def recorded(name: str) -> list[Step]:
    lines = [line for line in read_lines(RECORDED) if line["run"] == name]
    assert lines, name
    return [(line["step"], line["metrics"], Pattern(**line["pattern"])) for line in lines]


def noise(seed: int, *, steps: int = 60, completions: int = 256) -> list[Step]:
    """A run on which nothing changes but by chance, as small as one of 32 problems x 8 and held-out sets of 150."""
    rng = numpy.random.default_rng(seed)

    def share(probability: float, count: int = completions) -> float:
        return float(rng.binomial(count, probability) / count)

    made = []
    for step in range(steps):
        score = share(0.5, completions // 4)  # a group's completions rise and fall together
        metrics = {
            "score/mean": score,
            "score/math": score,
            "entropy": float(rng.lognormal(-0.7, 0.2)),
            "truncated/rate": share(0.05),
            "grad_norm": float(rng.lognormal(-1, 0.5)),
            "loss": float(rng.normal(0, 0.1)),
            "kl/sampler": float(rng.lognormal(-7, 1)),
            "unjudged/rate": share(0.002),
            "advantage/zero_groups": share(0.3, 32),
        }
        if step % 5 == 4:
            metrics["eval/held_out"] = share(0.5, 150)
        pattern = replace(NOTHING, repeated=share(0.05), working={"math": float(rng.normal(100, 10))})
        made.append((step, metrics, pattern))
    return made


# Healthy runs.


@pytest.mark.parametrize("name", ["quickstart seed 1", "quickstart seed 2", "quickstart seed 3"])
@pytest.mark.parametrize("window", [5, 10])
def test_no_warning_on_recorded_runs_that_learned(name: str, window: int) -> None:
    steps = recorded(name)
    first, last = (numpy.mean([metrics["score/mean"] for _, metrics, _ in part]) for part in (steps[:3], steps[-10:]))
    assert len(steps) == 110 and last > first + 0.25, "these runs learned"
    assert not warnings_of(steps, HealthConfig(window=window))


@pytest.mark.parametrize("completions", [32, 256])
def test_no_warning_on_noise(completions: int) -> None:
    runs = [noise(seed, steps=200, completions=completions) for seed in range(20)]
    assert not [warning for run in runs for warning in warnings_of(run)]


# Faults put into a healthy run from step 30 on; `since` counts from there.

Fault = Callable[[int, dict[str, float], Pattern], Pattern]


def metric(name: str, change: Callable[[float, int], float]) -> Fault:
    def fault(since: int, metrics: dict[str, float], pattern: Pattern) -> Pattern:
        if name in metrics:
            metrics[name] = change(metrics[name], since)
        return pattern

    return fault


def both(*faults: Fault) -> Fault:
    def fault(since: int, metrics: dict[str, float], pattern: Pattern) -> Pattern:
        for one in faults:
            pattern = one(since, metrics, pattern)
        return pattern

    return fault


def shape(**changes: Any) -> Fault:
    return lambda since, metrics, pattern: replace(pattern, **changes)


score_up = both(*(metric(name, lambda value, since: min(1.0, value + 0.3)) for name in ("score/mean", "score/math")))
FAULTS: list[tuple[WarningName, Fault, str]] = [
    ("non_finite", metric("loss", lambda value, since: float("nan")), "loss is nan at step 30"),
    ("non_finite", metric("grad_norm", lambda value, since: float("inf")), "grad_norm is inf at step 30"),
    ("score_collapse", metric("score/mean", lambda value, since: value * max(0.2, 1 - 0.1 * since)), "go back"),
    ("entropy_collapse", metric("entropy", lambda value, since: 0.04 * value), r"at a score of 0\.[45]"),
    ("truncation_rising", metric("truncated/rate", lambda value, since: min(1.0, value + 0.05 * since)), "cut off"),
    (
        "reward_up_held_out_down",
        both(score_up, metric("eval/held_out", lambda value, since: value - 0.3)),
        "held-out held_out is 0.2",
    ),
    ("identical_completions", shape(repeated=0.8, repeated_text="I am sure."), "80% .* now 'I am sure.'"),
    ("identical_completions", shape(stuck=0.6), "60% of the groups are one and the same failing text"),
    ("score_without_working", both(score_up, shape(working={"math": 12.0})), "math completions have 12 characters"),
    ("answer_concentrated", shape(concentrated=0.7, concentrated_answer="42"), "70% of the score .* now '42'"),
    ("gradient_spike", metric("grad_norm", lambda value, since: 50 if since == 0 else value), "grad_norm is 50 at"),
    ("kl_drift", metric("kl/sampler", lambda value, since: 0.2), r"kl/sampler is 0\.[12] nats"),
    ("unjudged_rising", metric("unjudged/rate", lambda value, since: value + 0.06), "could not be judged"),
    ("zero_groups", metric("advantage/zero_groups", lambda value, since: 1.0), "100% of the groups have no spread"),
]


def broken(fault: Fault, seed: int = 0) -> list[Step]:
    made = noise(seed)
    return [
        (step, metrics, fault(step - 30, metrics, pattern) if step >= 30 else pattern)
        for step, metrics, pattern in made
    ]


@pytest.mark.parametrize(("name", "fault", "said"), FAULTS)
def test_each_fault_raises_its_own_warning_and_no_other(name: WarningName, fault: Fault, said: str) -> None:
    for seed in range(3):
        found = warnings_of(broken(fault, seed))
        assert {warning.name for warning in found} == {name}
        assert 30 <= found[0].step <= 50, "seen within two windows"
        assert found[0].action == ("stop" if name == "non_finite" else "warn")
        assert "\n" not in found[0].message
    first = warnings_of(broken(fault, 0))[0]
    assert re.search(said, first.message), first.message


def test_every_warning_has_a_rule_a_threshold_and_a_fault_that_raises_it() -> None:
    names = set(get_args(WarningName))
    assert set(RULES) == names == {name for name, _, _ in FAULTS}
    assert names - set(HealthConfig.model_fields) == {"non_finite"}


@pytest.mark.parametrize(("name", "fault", "said"), FAULTS)
def test_after_a_resume_at_any_step_the_warnings_are_the_same(name: WarningName, fault: Fault, said: str) -> None:
    steps, config = broken(fault), HealthConfig(repeat=7)
    health = Health(config, held_out=150)
    found = []
    for step in steps:
        health = Health.from_state(config, json.loads(json.dumps(health.state(), allow_nan=False)), held_out=150)
        found += health.watch(*step)
    assert found == warnings_of(steps, config)
    assert len(json.dumps(health.state())) < 10_000


def test_a_state_is_not_changed_by_the_health_that_goes_on_from_it() -> None:
    steps = noise(0)
    health = Health(HealthConfig(), held_out=150)
    for step in steps[:5]:
        health.watch(*step)
    state = health.state()
    before = json.dumps(state)
    other = Health.from_state(HealthConfig(), state, held_out=150)
    for step in steps[5:]:
        other.watch(*step)
        health.watch(*step)
    assert json.dumps(state) == before
    assert other.state() == health.state()


def test_low_entropy_is_no_collapse_once_the_problems_are_solved() -> None:
    low = metric("entropy", lambda value, since: 0.04 * value)
    solved = both(low, metric("score/mean", lambda value, since: 0.97))
    assert {warning.name for warning in warnings_of(broken(low))} == {"entropy_collapse"}
    assert not warnings_of(broken(solved))


def test_shorter_working_is_no_fault_unless_the_score_rose_and_there_was_working_to_lose() -> None:
    assert not warnings_of(broken(shape(working={"math": 12.0})))
    terse = [
        (step, metrics, replace(pattern, working={"math": pattern.working["math"] / 20}))
        for step, metrics, pattern in broken(both(score_up, shape(working={"math": 12.0})))
    ]
    assert not warnings_of(terse)


def test_a_step_that_lacks_a_figure_raises_no_warning_for_it() -> None:
    high = broken(metric("kl/sampler", lambda value, since: 0.2))
    steps = [
        (step, {name: value for name, value in metrics.items() if step < 45 or name != "kl/sampler"}, pattern)
        for step, metrics, pattern in high
    ]
    found = warnings_of(steps, HealthConfig(repeat=1))
    assert found[-1].name == "kl_drift" and found[-1].step == 44


def test_a_warning_that_holds_on_is_repeated_after_that_many_steps() -> None:
    steps = broken(shape(concentrated=0.9))
    found = [warning.step for warning in warnings_of(steps, HealthConfig(repeat=8))]
    assert found == [35, 43, 51, 59]


def test_a_loss_that_is_not_finite_never_passes_in_silence() -> None:
    found = warnings_of(broken(metric("loss", lambda value, since: float("nan"))))
    assert [(warning.step, warning.action) for warning in found] == [(step, "stop") for step in range(30, 60)]


def test_actions_are_set_by_name() -> None:
    steps = broken(both(shape(concentrated=0.9), metric("kl/sampler", lambda value, since: 0.2)))
    silent = HealthConfig(actions={"answer_concentrated": "ignore", "kl_drift": "pause"})
    assert {(warning.name, warning.action) for warning in warnings_of(steps, silent)} == {("kl_drift", "pause")}


def test_the_severest_of_several_is_acted_on() -> None:
    actions = {"answer_concentrated": "stop", "kl_drift": "pause"}
    fault = both(
        shape(concentrated=0.9, stuck=0.9), metric("kl/sampler", lambda value, since: 0.2 if since >= 0 else value)
    )
    found = warnings_of(
        [(step, *rest) for step, *rest in broken(fault)][25:], HealthConfig.model_validate({"actions": actions})
    )
    worst = severest(found)
    assert worst is not None and worst.name == "answer_concentrated"
    assert severest([]) is None


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("health.actions={non_finite = 'ignore'}", "health: actions.non_finite always stops"),
        ("health.actions={entropy_colapse = 'stop'}", "health.actions.entropy_colapse"),
        ("health.actions={kl_drift = 'shout'}", "'ignore', 'warn', 'pause' or 'stop'; found 'shout'"),
        ("health.kl_drfit=1", "did you mean kl_drift?"),
    ],
)
def test_a_mistake_in_the_settings_is_one_line(tmp_path: Path, override: str, said: str) -> None:
    values = tiny.config(tmp_path).model_dump(mode="json", exclude={"health"})
    with pytest.raises(ConfigError) as caught:
        validated(RunConfig, "own.toml", values, [override])
    assert said in str(caught.value) and "\n" not in str(caught.value)


# Patterns, counted by hand.


def group(identity: str, answers: Sequence[tuple[str, str | None, float | None]], gold: str = "") -> Group:
    """Texts with their answers and scores; nothing else of a completion matters to a pattern."""
    statuses = {1.0: Status.CORRECT, None: Status.UNJUDGED}
    completions = [Completion([1], [1], [0.0], text, "stop", 0, 0.0) for text, _, _ in answers]
    verdicts = [Verdict(statuses.get(score, Status.WRONG), score, answer) for _, answer, score in answers]
    return Group(Problem(identity, "?", "math", {"answer": gold or identity}), completions, verdicts)


def test_texts_are_repeated_when_a_quarter_of_the_problems_share_them() -> None:
    one, two = [("a", "a", 0.0), ("b", "b", 0.0)], [("a", "a", 0.0), ("c", "c", 0.0)]
    other = [("d", "d", 0.0), ("e", "e", 0.0)]
    found = pattern_of([group("1", one), group("2", one), group("3", two), group("4", other)])
    assert (found.repeated, found.repeated_text) == (3 / 8, "a")  # b is of two problems only
    many = [group(str(n), [(f"{n}", None, 0.0)]) for n in range(13)]
    assert pattern_of([group("a", one), group("b", one), group("c", two), *many]).repeated == 0  # 3 of 16 problems


def test_a_group_is_stuck_on_one_text_that_fails() -> None:
    failing, solved = [("a", "a", 0.0)] * 10, [("a", "a", 1.0)] * 10
    nearly = [("a", "a", 0.0)] * 9 + [("b", "b", 1.0)]
    varied = [("a", "a", 0.0)] * 8 + [("b", "b", 0.0), ("c", "c", 0.0)]
    unjudged = [("a", None, None)] * 10
    groups = [group(str(n), answers) for n, answers in enumerate([failing, solved, nearly, varied, unjudged])]
    assert pattern_of(groups).stuck == 2 / 5


def test_one_answer_on_problems_with_different_golds_is_concentrated_and_a_shared_gold_is_not() -> None:
    fooled = [group(str(n), [("so 7", "7", 1.0), ("so 8", "8", 0.5), ("so 7", "7", 0.0)]) for n in range(3)]
    found = pattern_of(fooled)
    assert (found.concentrated, found.concentrated_answer) == (3 / 4.5, "7")
    right = [group(str(n), [("so 7", "7", 1.0)], gold="7") for n in range(5)]
    assert pattern_of(right).concentrated == 0
    assert pattern_of(fooled[:2]).concentrated == 0
    unread = [group(str(n), [("yes", None, 1.0)]) for n in range(3)]
    assert pattern_of(unread).concentrated_answer == "yes"


def test_working_is_what_stands_beside_the_answer_and_its_markup() -> None:
    texts = [
        "<think>7+4=11\n11-3=8</think>\\boxed{8}",
        "<think></think>\\boxed{8}",
        "So\n```python\n8\n```\nyes",
        "8 or 8",
    ]
    lengths = [13, 0, 9, 4]  # "7+4=11\n11-3=8", "", "So\n\n\n\nyes", "8 or"
    for text, length in zip(texts, lengths, strict=True):
        assert pattern_of([group("1", [(text, "8", 1.0)] * 4)]).working == {"math": length}, text
    assert pattern_of([group("1", [(texts[0], "8", 1.0)] * 3 + [(texts[0], "9", 0.0)] * 9)]).working == {}


# Real runs of a tiny model, each with a real fault.


class Judged:
    """Scores a completion by a function of its text and its problem; the answer is the last digit."""

    sandbox_description = "none"

    def __init__(self, score: Callable[[Problem, str], float | None]) -> None:
        self._score = score

    def submit(self, problem: Problem, completion: str) -> Future[Verdict]:
        score = self._score(problem, completion)
        status = {1.0: Status.CORRECT, None: Status.UNJUDGED}.get(score, Status.WRONG)
        return tiny.ready(Verdict(status, score, last_digit(completion)))


def last_digit(text: str) -> str | None:
    return next((character for character in reversed(text) if character.isdigit()), None)


def is_even(problem: Problem, text: str) -> float:
    return float(len(text) % 2 == 0)


def run_of(folder: Path, score: Callable[[Problem, str], float | None], **changes: Any) -> list[HealthWarning]:
    """The warnings of a run of a tiny model that learns from these scores."""
    defaults = {
        "steps": 14,
        "problems": 6,
        "sampling": {"sampler": "plain", "group": 8, "max_new_tokens": 8},
        "checkpoints": {"every": 100},
        "eval": None,
        "max_unjudged": 1,
    }
    config = tiny.config(folder, **{**defaults, **changes})
    with RunDirectory.open(folder / "runs", config, "") as run:
        train(config, run, Judged(score), lambda policy, _: PlainSampler(policy))
    return warnings_of(list(steps_of(run.path, folder)), HealthConfig(window=5))


def steps_of(run: Path, data: Path) -> Iterator[Step]:
    """What a run left behind, as its health saw it."""
    specs = {row["id"]: row["spec"] for row in read_lines(data / "train.jsonl")}
    for metrics in read_lines(run / "metrics.jsonl"):
        step = metrics.pop("step")
        rows = pyarrow.parquet.read_table(run / "rollouts" / f"step-{step:06d}.parquet").to_pylist()
        yield step, metrics, pattern_of(list(groups_of(rows, specs)))


def groups_of(rows: Sequence[Mapping[str, Any]], specs: Mapping[str, Any]) -> Iterator[Group]:
    for identity in dict.fromkeys(row["problem_id"] for row in rows):
        own = [row for row in rows if row["problem_id"] == identity]
        completions = [Completion([], [], [], row["completion"], row["finish"], 0, 0.0) for row in own]
        verdicts = [Verdict(Status(row["status"]), row["score"], row["answer"]) for row in own]
        yield Group(Problem(identity, "?", own[0]["verifier"], specs[identity]), completions, verdicts)


def test_a_healthy_tiny_run_raises_no_warning(tmp_path: Path) -> None:
    assert not run_of(tmp_path, is_even)


def test_a_verifier_that_pays_one_answer_everywhere_is_named(tmp_path: Path) -> None:
    found = run_of(tmp_path, lambda problem, text: float(last_digit(text) == "6"), optim={"lr": 1e-2, "warmup": 1})
    assert found[0].name == "answer_concentrated" and "now '6'" in found[0].message


def test_a_verifier_that_pays_everything_leaves_nothing_to_learn(tmp_path: Path) -> None:
    found = run_of(tmp_path, lambda problem, text: 1.0, steps=5)
    assert [warning.name for warning in found] == ["zero_groups"] and "too easy" in found[0].message


def test_boxes_that_die_in_the_midst_of_a_run_are_noticed(tmp_path: Path) -> None:
    judged: list[str] = []

    def ever_fewer(problem: Problem, text: str) -> float | None:
        judged.append(text)
        return None if len(judged) > 6 * 48 and len(judged) % 10 == 0 else is_even(problem, text)

    found = run_of(tmp_path, ever_fewer)
    assert [warning.name for warning in found] == ["unjudged_rising"]


def test_many_updates_at_a_high_rate_on_the_same_samples_drift_from_the_sampler(tmp_path: Path) -> None:
    def has_digits(problem: Problem, text: str) -> float:
        return float(sum(character.isdigit() for character in text) >= 2)

    found = run_of(tmp_path, has_digits, steps=6, minibatches=6, optim={"lr": 0.06, "warmup": 1})
    assert "kl_drift" in [warning.name for warning in found]


def test_a_reward_that_is_gamed_while_held_out_falls_is_named(tmp_path: Path) -> None:
    def gamed(problem: Problem, text: str) -> float:
        is_six = last_digit(text) == "6"
        return float(is_six if problem.id in training else not is_six)

    config = tiny.config(tmp_path)
    training = {row["id"] for row in read_lines(tmp_path / "train.jsonl")}
    evaluation = {**config.eval.model_dump(), "samples": 1, "every": 2, "greedy": False} if config.eval else None
    found = run_of(tmp_path, gamed, steps=20, eval=evaluation, optim={"lr": 1e-2, "warmup": 1})
    assert {warning.name for warning in found} == {"answer_concentrated", "reward_up_held_out_down"}


def test_a_learning_rate_that_grows_too_high_is_noticed_in_a_recorded_run() -> None:
    steps = recorded("wrong learning rate")
    assert steps[5][1]["score/mean"] > 0.6 and steps[-1][1]["score/mean"] < 0.1, "it learned, then it was destroyed"
    [warning, *later] = warnings_of(steps)
    assert warning.name == "score_collapse" and warning.step < 20, warning
    assert {other.name for other in later} <= {"score_collapse", "zero_groups", "truncation_rising"}
