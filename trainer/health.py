"""Named warnings: what a run that is going wrong looks like in its figures, and how to tell it from noise."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from statistics import median, quantiles
from typing import Any

from trainer.config.watch import Action, HealthConfig, WarningName
from trainer.pattern import Pattern

_EVALUATIONS = 3
"""A held-out score is the median of this many evaluations in a row."""
_CLEAR = 3
"""Standard errors below its best from which a held-out score has fallen."""
_ENOUGH_WORKING = 10
"""Characters of working at the start, below which there was none to lose."""
_NOTABLE_SCORE = 0.1
"""A fall of the score by less is no collapse, however low it was."""


@dataclass(frozen=True, slots=True)
class HealthWarning:
    """Something that a healthy run does not show."""

    name: WarningName
    step: int
    """As in metrics.jsonl, like all steps in `message`."""
    message: str
    """One line: what was seen, over which steps, and what to do."""
    action: Action
    """Never "ignore"."""


class Health:
    """Watches a run step by step; all that it remembers is its `state`, so a resumed run warns as an unbroken one."""

    def __init__(self, config: HealthConfig, *, held_out: int) -> None:
        """`held_out`: completions that one evaluation during training scores, which bounds how sure its mean is."""
        self._config, self._held_out = config, held_out
        self._series: dict[str, _Series] = {}
        self._best: dict[str, _Best] = {}
        self._said: dict[str, int] = {}

    @classmethod
    def from_state(cls, config: HealthConfig, state: Mapping[str, Any], *, held_out: int) -> Health:
        """Go on from what `state` returned, also after a way through JSON."""
        health = cls(config, held_out=held_out)
        health._series = {name: _Series(**value) for name, value in copy.deepcopy(state["series"]).items()}
        health._best = {name: _Best(**value) for name, value in state["best"].items()}
        health._said = dict(state["said"])
        return health

    def state(self) -> dict[str, Any]:
        """A plain JSON value for the checkpoint; it does not grow with the run."""
        return {
            "series": {name: asdict(series) for name, series in self._series.items()},
            "best": {name: asdict(best) for name, best in self._best.items()},
            "said": dict(self._said),
        }

    def watch(self, step: int, metrics: Mapping[str, float], pattern: Pattern) -> list[HealthWarning]:
        """Take in a step, each once and in order; returns the warnings that are due, at most one of each name.

        A warning that holds on is due again `repeat` steps after it was given; non_finite at every step.
        """
        for name, value in {**metrics, **_figures(pattern)}.items():
            if math.isfinite(value) and name.startswith(_WATCHED):
                window = _EVALUATIONS if name.startswith("eval/") else self._config.window
                self._series.setdefault(name, _Series(window)).add(step, value)
        seen = _Seen(self._config, step, metrics, pattern, self._series, self._best, self._held_out)
        due = []
        for name, rule in RULES.items():
            action = self._config.action(name)
            if action != "ignore" and self._may_say(name, step) and (message := rule(seen)):
                self._said[name] = step
                due.append(HealthWarning(name, step, message, action))
        self._remember_best(seen)
        return due

    def _may_say(self, name: WarningName, step: int) -> bool:
        """Not again so soon; but a loss that is no number never passes in silence, also just after a resume."""
        return name == "non_finite" or step - self._said.get(name, -math.inf) >= self._config.repeat

    def _remember_best(self, seen: _Seen) -> None:
        score = seen.series("score/mean")
        for name in self._series:
            if name != "score/mean" and not name.startswith("eval/"):
                continue
            series = seen.series(name)
            if series.is_full and (name not in self._best or median(series.now) > self._best[name].value):
                training = score.now if len(score.last) > 1 else [1.0, 1.0]
                self._best[name] = _Best(
                    seen.step, median(series.now), min(series.now), median(training), _quartiles(training)[1]
                )


def severest(warnings: Sequence[HealthWarning]) -> HealthWarning | None:
    """The one to act on: stop before pause before warn."""
    return max(warnings, key=lambda warning: _SEVERITY.index(warning.action), default=None)


_SEVERITY: tuple[Action, ...] = ("ignore", "warn", "pause", "stop")


@dataclass(slots=True)
class _Series:
    """One figure: its first window, and its last with one value before it; steps that lack the figure are left out."""

    window: int
    first: list[list[float]] = field(default_factory=list)
    """[step, value] each, as in `last`."""
    last: list[list[float]] = field(default_factory=list)

    def add(self, step: int, value: float) -> None:
        if len(self.first) < self.window:
            self.first.append([step, value])
        self.last = [*self.last[-self.window :], [step, value]]

    @property
    def is_full(self) -> bool:
        return len(self.last) >= self.window

    @property
    def start(self) -> list[float]:
        return [value for _, value in self.first]

    @property
    def now(self) -> list[float]:
        return [value for _, value in self.last[-self.window :]]

    @property
    def before(self) -> list[float]:
        """The window before the newest value; less than a window while the run is young."""
        return [value for _, value in self.last[:-1]]

    @property
    def steps(self) -> str:
        return f"over steps {self.last[-self.window :][0][0]}-{self.last[-1][0]}"

    @property
    def start_steps(self) -> str:
        return f"over steps {self.first[0][0]}-{self.first[-1][0]}"

    @property
    def is_trend(self) -> bool:
        """Whether start and now are different steps."""
        return self.is_full and self.last[-self.window][0] > self.first[-1][0]

    @property
    def has_risen(self) -> bool:
        return self.is_trend and _quartiles(self.now)[0] > _quartiles(self.start)[1]

    @property
    def has_fallen(self) -> bool:
        return self.is_trend and _quartiles(self.now)[1] < _quartiles(self.start)[0]


@dataclass(frozen=True, slots=True)
class _Best:
    """The best window of a score so far."""

    step: int
    value: float
    low: float
    """The least in that window."""
    training: float
    """The training score then."""
    training_high: float
    """Its upper quartile."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a rule looks at: the newest step, and what went before."""

    config: HealthConfig
    step: int
    metrics: Mapping[str, float]
    pattern: Pattern
    known: Mapping[str, _Series]
    best: Mapping[str, _Best]
    """Without the newest step."""
    held_out: int

    def series(self, name: str) -> _Series:
        """One figure; empty when the newest step lacks it, so that no rule fires on old news."""
        series = self.known.get(name)
        return series if series and series.last[-1][0] == self.step else _Series(self.config.window)

    def names(self, prefix: str) -> list[str]:
        return sorted(name.removeprefix(prefix) for name in self.known if name.startswith(prefix))


def _non_finite(seen: _Seen) -> str | None:
    odd = [f"{name} is {seen.metrics[name]}" for name in ("loss", "grad_norm") if not _is_finite(seen.metrics, name)]
    if not odd:
        return None
    return f"{' and '.join(odd)} at step {seen.step}: lower optim.lr, or look at that step's rollouts"


def _score_collapse(seen: _Seen) -> str | None:
    series, best = seen.series("score/mean"), seen.best.get("score/mean")
    if not series.is_full or best is None:
        return None
    now = median(series.now)
    is_clear = max(series.now) < best.low and best.value - now > _NOTABLE_SCORE
    if now >= seen.config.score_collapse * best.value or not is_clear:
        return None
    return (
        f"the score is {now:.3f} {series.steps}, and was {best.value:.3f} up to step {best.step}: go back to a "
        "checkpoint from before and lower optim.lr"
    )


def _entropy_collapse(seen: _Seen) -> str | None:
    series, score = seen.series("entropy"), seen.series("score/mean")
    if not series.has_fallen or not score.is_full or median(score.now) >= seen.config.solved:
        return None
    now, start = median(series.now), median(series.start)
    if now >= seen.config.entropy_collapse * start:
        return None
    return (
        f"entropy is {now:.2g} {series.steps}, {now / start:.0%} of what it was {series.start_steps}, at a score of "
        f"{median(score.now):.3f}: little is tried any more; raise objective.clip_high or lower optim.lr"
    )


def _truncation_rising(seen: _Seen) -> str | None:
    series = seen.series("truncated/rate")
    now, start = _medians(series)
    if not series.has_risen or now - start <= seen.config.truncation_rising:
        return None
    return (
        f"{now:.0%} of the completions are cut off {series.steps}, {start:.0%} {series.start_steps}: raise "
        "sampling.max_new_tokens, or look at whether they ramble"
    )


def _reward_up_held_out_down(seen: _Seen) -> str | None:
    score = seen.series("score/mean")
    for name in seen.names("eval/"):
        series, best = seen.series(f"eval/{name}"), seen.best.get(f"eval/{name}")
        if not series.is_full or best is None or not score.is_full:
            continue
        now, training = median(series.now), median(score.now)
        is_up = _quartiles(score.now)[0] > best.training_high
        clear = _CLEAR * _error(best.value, seen.held_out)
        is_down = best.value - now > max(seen.config.reward_up_held_out_down, clear)
        if is_up and is_down:
            return (
                f"held-out {name} is {now:.3f} {series.steps}, and was {best.value:.3f} up to step {best.step}, while "
                f"the training score rose from {best.training:.3f} to {training:.3f}: the reward is being gamed or the "
                f"problems learned by heart; look at the rollouts, keep the checkpoint of step {best.step}"
            )
    return None


def _identical_completions(seen: _Seen) -> str | None:
    limit = seen.config.identical_completions
    repeated, stuck = seen.series("pattern/repeated"), seen.series("pattern/stuck")
    if repeated.is_full and median(repeated.now) >= limit:
        return (
            f"{median(repeated.now):.0%} of the completions are texts that a quarter of the problems share, word for "
            f"word, {repeated.steps}, now {_shortened(seen.pattern.repeated_text)}: the policy no longer reads the "
            "prompt; go back to a checkpoint from before and lower optim.lr"
        )
    if stuck.is_full and median(stuck.now) >= limit:
        return (
            f"{median(stuck.now):.0%} of the groups are one and the same failing text {stuck.steps}: nothing else is "
            "tried; raise sampling.temperature or objective.clip_high, or take easier problems"
        )
    return None


def _score_without_working(seen: _Seen) -> str | None:
    for verifier in seen.names("working/"):
        series, score = seen.series(f"working/{verifier}"), seen.series(f"score/{verifier}")
        now, start = _medians(series)
        is_gone = series.has_fallen and start >= _ENOUGH_WORKING and now < seen.config.score_without_working * start
        if is_gone and score.has_risen:
            return (
                f"correct {verifier} completions have {now:.0f} characters of working {series.steps}, {start:.0f} "
                f"{series.start_steps}, while {verifier}'s score rose from {median(score.start):.3f} to "
                f"{median(score.now):.3f}: look at the rollouts for answers that are guessed or leaked"
            )
    return None


def _answer_concentrated(seen: _Seen) -> str | None:
    series = seen.series("pattern/concentrated")
    if not series.is_full or median(series.now) < seen.config.answer_concentrated:
        return None
    return (
        f"{median(series.now):.0%} of the score {series.steps} goes to one answer on problems whose specs differ, now "
        f"{_shortened(seen.pattern.concentrated_answer)}: a verifier accepts what it should not"
    )


def _gradient_spike(seen: _Seen) -> str | None:
    series = seen.series("grad_norm")
    if len(series.before) < series.window or series.now[-1] <= seen.config.gradient_spike * max(series.before):
        return None
    return (
        f"grad_norm is {series.now[-1]:.3g} at step {seen.step}, and at most {max(series.before):.3g} in the "
        f"{series.window} steps before: look at that step's rollouts; if it comes again, lower optim.lr"
    )


def _kl_drift(seen: _Seen) -> str | None:
    series = seen.series("kl/sampler")
    if not series.is_full or median(series.now) <= seen.config.kl_drift:
        return None
    return (
        f"kl/sampler is {median(series.now):.2g} nats a token {series.steps}: the policy has moved far from what was "
        "sampled; lower optim.lr or the updates a step, and check that sampler and trainer use the same dtype"
    )


def _unjudged_rising(seen: _Seen) -> str | None:
    series = seen.series("unjudged/rate")
    now, start = _medians(series)
    if not series.has_risen or now - start <= seen.config.unjudged_rising:
        return None
    return (
        f"{now:.1%} of the completions could not be judged {series.steps}, {start:.1%} {series.start_steps}: the "
        "rollouts' column detail says why; assay doctor checks the box"
    )


def _zero_groups(seen: _Seen) -> str | None:
    series, score = seen.series("advantage/zero_groups"), seen.series("score/mean")
    if not series.is_full or not score.is_full or median(series.now) < seen.config.zero_groups:
        return None
    too = "easy" if median(score.now) >= 0.5 else "hard"
    return (
        f"{median(series.now):.0%} of the groups have no spread {series.steps}, at a score of {median(score.now):.3f}: "
        f"the problems are too {too}, there is next to nothing to learn from them"
    )


RULES: Mapping[WarningName, Callable[[_Seen], str | None]] = {
    "non_finite": _non_finite,
    "score_collapse": _score_collapse,
    "entropy_collapse": _entropy_collapse,
    "truncation_rising": _truncation_rising,
    "reward_up_held_out_down": _reward_up_held_out_down,
    "identical_completions": _identical_completions,
    "score_without_working": _score_without_working,
    "answer_concentrated": _answer_concentrated,
    "gradient_spike": _gradient_spike,
    "kl_drift": _kl_drift,
    "unjudged_rising": _unjudged_rising,
    "zero_groups": _zero_groups,
}
"""By name: what a rule has to say of the newest step, or None."""

_WATCHED = (
    "score/", "eval/", "pattern/", "working/",
    "entropy", "truncated/rate", "grad_norm", "kl/sampler", "unjudged/rate", "advantage/zero_groups",
)  # fmt: skip


def _figures(pattern: Pattern) -> dict[str, float]:
    return {
        "pattern/repeated": pattern.repeated,
        "pattern/stuck": pattern.stuck,
        "pattern/concentrated": pattern.concentrated,
        **{f"working/{verifier}": length for verifier, length in pattern.working.items()},
    }


def _error(share: float, count: int) -> float:
    """Standard error of a share of `count`; one right and one wrong are added, so that it is never 0."""
    smooth = (share * count + 1) / (count + 2)
    return math.sqrt(smooth * (1 - smooth) / count)


def _quartiles(values: Sequence[float]) -> tuple[float, float]:
    low, _, high = quantiles(values, n=4, method="inclusive")
    return low, high


def _medians(series: _Series) -> tuple[float, float]:
    """Now and at the start; 0 and 0 of an empty series."""
    return (median(series.now), median(series.start)) if series.last else (0.0, 0.0)


def _is_finite(metrics: Mapping[str, float], name: str) -> bool:
    return name not in metrics or math.isfinite(metrics[name])


def _shortened(text: str) -> str:
    return repr(text if len(text) <= 40 else f"{text[:40]}…")
