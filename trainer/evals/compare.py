"""Two evals of the same problems, compared problem by problem."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks import Comparison, Estimate, compare, mean_score, paired_difference, pass_at_k
from trainer.evals.stored_report import Report, model_name, scores, shown
from trainer.settings import ConfigError

CONDITIONS = ("protocol", "sampling", "verifiers", "sandbox", "versions")
"""Keys of a report that say how its scores were made; where they differ, more than the models may be compared."""


@dataclass(frozen=True, slots=True)
class Paired:
    """Two reports on the same problems. All differences are second minus first."""

    name: str
    version: str
    models: tuple[str, str]
    first: Estimate
    """Mean score over the problems that both judged."""
    second: Estimate
    found: Comparison
    pass_at: Mapping[int, Estimate]
    """By k: the paired difference of pass@k, at the most samples that every problem has in both."""
    conditions: Sequence[str]
    """One line for each condition under which they differ."""
    means: Mapping[str, tuple[float, float]]
    """Of each problem that both judged: its mean scores."""


def pair(first: Report, second: Report) -> Paired:
    """Compare two reports; raises `ConfigError` where they are not on the same problems."""
    name = first["name"]
    if (other := second["name"]) != name:
        raise ConfigError(f"compare: {name} and {other} are different problem sets")
    if first["version"] != second["version"]:
        raise ConfigError(
            f"compare: {name} is {first['version']} in one report and {second['version']} in the other: "
            "other problems, or another rule of judging; evaluate both on one version"
        )
    before, after = ({problem["id"]: scores(problem) for problem in report["problems"]} for report in (first, second))
    try:
        found = compare(after, before)
    except ValueError:
        only = sorted(before.keys() ^ after.keys())
        where = "first" if only[0] in before else "second"
        raise ConfigError(
            f"compare: {name}: {len(only)} problems are in one report only ({only[0]} in the {where}); "
            "evaluate both on the same ones"
        ) from None
    means = {one: (_mean(before[one]), _mean(after[one])) for one in found.changes}
    return Paired(
        name,
        first["version"],
        (model_name(first), model_name(second)),
        mean_score([before[one] for one in means]),
        mean_score([after[one] for one in means]),
        found,
        dict(_pass_differences(first, second, list(means))),
        list(_differing(first, second)),
        means,
    )


def lines(paired: Paired, first: str, second: str) -> list[str]:
    """For people: what differs, which problems changed, most changed first, and at the end what it comes to."""
    found = paired.found
    changed = sorted((name for name, change in found.changes.items() if change), key=lambda n: -abs(found.changes[n]))
    signs = f"better {found.better}   worse {found.worse}   p {found.p_value:.3g} (exact sign test)"
    return [
        f"{paired.name} {paired.version}: {first} against {second}",
        *(f"  not the same: {line}" for line in paired.conditions),
        *(f"  {_word(found.changes[n])} {n}   {_fraction(paired.means[n])}" for n in changed),
        *([f"  left out, as one of them is unjudged: {', '.join(found.left_out)}"] if found.left_out else []),
        f"  in percent, with 95 % intervals over {len(found.changes)} problems:",
        f"  {'first':12} {shown(asdict(paired.first))}   {paired.models[0]}",
        f"  {'second':12} {shown(asdict(paired.second))}   {paired.models[1]}",
        f"  {'difference':12} {_signed(found.difference)}   {signs}",
        *(f"  {f'of pass@{k}':12} {_signed(difference)}" for k, difference in paired.pass_at.items()),
    ]


def _pass_differences(first: Report, second: Report, names: Sequence[str]) -> Iterator[tuple[int, Estimate]]:
    """The paired difference of pass@k, where every one of these problems has the k > 1 judged samples in both."""
    counts = [{problem["id"]: _count(problem) for problem in report["problems"]} for report in (first, second)]
    k = min((count[name][0] for count in counts for name in names if count[name][0]), default=1)
    if k > 1:
        before, after = ([_pass_at(*count[name], k) for name in names] for count in counts)
        yield k, paired_difference(after, before)


def _pass_at(num_samples: int, num_correct: int, k: int) -> float:
    return pass_at_k(num_samples, num_correct, k) if num_samples else 0.0


def _count(problem: Mapping[str, Any]) -> tuple[int, int]:
    """Samples judged, and correct ones."""
    judged = [sample for sample in problem["samples"] if sample["score"] is not None]
    return len(judged), sum(sample["status"] == "correct" for sample in judged)


def _differing(first: Report, second: Report) -> Iterator[str]:
    for key in CONDITIONS:
        if first.get(key) and second.get(key):
            before, after = dict(_flat(first[key], key)), dict(_flat(second[key], key))
            for place in sorted(before.keys() | after.keys()):
                if before.get(place) != after.get(place):
                    yield f"{place}: {_short(before.get(place))} against {_short(after.get(place))}"
        elif first.get(key) or second.get(key):
            yield f"{key}: told by the {'first' if first.get(key) else 'second'} only"


def _flat(value: object, place: str) -> Iterator[tuple[str, object]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flat(inner, f"{place}.{key}")
    else:
        yield place, value


def _short(value: object, longest: int = 80) -> str:
    written = repr(value)
    return written if len(written) <= longest else f"{written[: longest - 3]}..."


def _mean(scores: Sequence[float]) -> float:
    return math.fsum(scores) / len(scores)


def _signed(difference: Estimate) -> str:
    return f"{100 * difference.mean:+.1f} [{100 * difference.low:+.1f}, {100 * difference.high:+.1f}]"


def _fraction(means: tuple[float, float]) -> str:
    return " -> ".join(f"{mean:.2f}".rstrip("0").rstrip(".") for mean in means)


def _word(change: float) -> str:
    return "better" if change > 0 else "worse "
