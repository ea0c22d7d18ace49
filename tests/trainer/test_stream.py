"""Looking ahead: no completion is staler than allowed, and what is sampled ahead survives a kill."""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import tiny
from test_checkpoint import ending
from test_run import DiesAt, rollouts, run

from trainer.canary import WeightMismatch
from trainer.config import RunConfig
from trainer.policy import Policy
from trainer.sampler import Draw, PlainSampler
from trainer.types import Completion


class OwnWeights(PlainSampler):
    """The plain sampler on a copy of the policy, as an engine has one; it can sample while the policy learns."""

    def __init__(self, policy: Policy) -> None:
        super().__init__(copy.deepcopy(policy))

    def load(self, policy: Policy) -> None:
        self._policy.model.load_state_dict(policy.model.state_dict())
        self._policy.version = policy.version


def own(policy: Policy, folder: Path) -> OwnWeights:
    return OwnWeights(policy)


def config(folder: Path, staleness: int, **changes: object) -> RunConfig:
    sampling = {"group": 4, "max_new_tokens": 8, "max_staleness": staleness}
    return tiny.config(folder, **{"steps": 5, "sampling": sampling, "eval": None, **changes})


def versions(folder: Path) -> list[list[int]]:
    """By step, of its completions."""
    found: defaultdict[int, set[int]] = defaultdict(set)
    for row in rollouts(folder):
        found[row["step"]].add(row["version"])
    return [sorted(found[step]) for step in sorted(found)]


@pytest.mark.parametrize(("staleness", "expected"), [(0, [[0], [1], [2], [3], [4]]), (1, [[0], [0], [1], [2], [3]])])
def test_each_step_learns_from_the_policy_that_it_may(
    tmp_path: Path, staleness: int, expected: list[list[int]]
) -> None:
    run(config(tmp_path, staleness), tmp_path / "runs", make=own)
    assert versions(tmp_path / "runs/tiny") == expected


def test_with_more_the_sampler_runs_ahead_as_far_as_it_may_and_no_further(tmp_path: Path) -> None:
    run(config(tmp_path, 3, steps=8), tmp_path / "runs", make=own)
    found = versions(tmp_path / "runs/tiny")
    assert len(found) == 8
    assert all(step - 3 <= min(seen) and max(seen) <= step for step, seen in enumerate(found))
    assert any(min(seen) < step for step, seen in enumerate(found))


def test_without_looking_ahead_the_numbers_are_those_of_a_sampler_of_its_own(tmp_path: Path) -> None:
    run(config(tmp_path, 0), tmp_path / "own", make=own)
    run(config(tmp_path, 0), tmp_path / "plain")
    assert ending(tmp_path / "own/tiny") == ending(tmp_path / "plain/tiny")


@pytest.mark.parametrize("calls", [9, 17, 30, 36])
def test_a_killed_run_goes_on_with_what_it_had_sampled_ahead(tmp_path: Path, calls: int) -> None:
    """A step judges 8 completions; those of the next step were sampled by an older policy, which is gone."""
    run(config(tmp_path, 1), tmp_path / "whole", make=own)
    with pytest.raises(SystemExit, match="killed"):
        run(config(tmp_path, 1), tmp_path / "killed", DiesAt(calls), make=own)
    run(config(tmp_path, 1), tmp_path / "killed", make=own)
    assert versions(tmp_path / "killed/tiny") == versions(tmp_path / "whole/tiny")
    assert ending(tmp_path / "killed/tiny") == ending(tmp_path / "whole/tiny")


class Cool(OwnWeights):
    """Samples at another temperature than it was asked for."""

    def sample(self, prompts: Sequence[Sequence[int]], draw: Draw) -> Iterator[tuple[int, Completion]]:
        return super().sample(prompts, replace(draw, temperature=0.5 * draw.temperature))


def test_a_wrong_temperature_stops_the_run_before_it_learns(tmp_path: Path) -> None:
    def cool(policy: Policy, folder: Path) -> Cool:
        return Cool(policy)

    with pytest.raises(WeightMismatch, match="another temperature"):
        run(config(tmp_path, 0), tmp_path / "runs", make=cool)
    assert not versions(tmp_path / "runs/tiny")


def test_the_plain_sampler_cannot_look_ahead(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cannot look ahead"):
        tiny.config(tmp_path, sampling={"sampler": "plain", "max_staleness": 1})
