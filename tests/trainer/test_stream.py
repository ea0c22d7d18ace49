"""Looking ahead: no completion is staler than allowed, and what is sampled ahead survives a kill."""

from __future__ import annotations

import copy
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

import pytest
import tiny
import torch
from test_checkpoint import ending
from test_run import DiesAt, rollouts, run

from trainer.canary import WeightMismatch
from trainer.checkpoint import Progress, latest
from trainer.checksum import checksum
from trainer.chooser import NothingLeft
from trainer.config.run import RunConfig
from trainer.policy import Policy
from trainer.record import read_lines
from trainer.rollout import Abandoned, roll_out
from trainer.sampler import Draw, PlainSampler
from trainer.session import RunStopped
from trainer.types import Completion
from verifiers import Problem, Status, Verdict


class OwnWeights(PlainSampler):
    """The plain sampler on a copy of the policy, as an engine has one; it can sample while the policy learns.

    One thing at a time: what it is asked for meanwhile waits for a whole batch, where an engine's waits for a token.
    """

    def __init__(self, policy: Policy) -> None:
        super().__init__(copy.deepcopy(policy))
        self._lock = threading.Lock()

    def sample(self, prompts: Sequence[Sequence[int]], draw: Draw) -> Iterator[tuple[int, Completion]]:
        with self._lock:
            made = list(super().sample(prompts, draw))
        return iter(made)

    def logprobs(self, sequences: Sequence[Sequence[int]]) -> list[list[float]]:
        with self._lock:
            return super().logprobs(sequences)

    def load(self, policy: Policy) -> str:
        with self._lock:
            self._policy.model.load_state_dict(policy.model.state_dict())
            self._policy.version = policy.version
            return checksum(self._policy.weights())


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


def test_what_fails_far_ahead_fails_the_step_that_wants_it(tmp_path: Path) -> None:
    """The third step cannot be judged: the two before it are learned from, recorded and saved."""
    with pytest.raises(SystemExit, match="killed"):
        run(config(tmp_path, 2), tmp_path / "runs", DiesAt(17), make=own)
    folder = tmp_path / "runs/tiny"
    assert [line["step"] for line in read_lines(folder / "metrics.jsonl")] == [0, 1]
    assert (folder / "checkpoints/000002").is_dir()


class Slow(OwnWeights):
    """Needs half a second more for what it is asked."""

    def sample(self, prompts: Sequence[Sequence[int]], draw: Draw) -> Iterator[tuple[int, Completion]]:
        time.sleep(0.5)
        return super().sample(prompts, draw)


def test_waiting_for_the_sampler_is_not_counted_as_bringing_it_weights(tmp_path: Path) -> None:
    def slow(policy: Policy, folder: Path) -> Slow:
        return Slow(policy)

    run(config(tmp_path, 1, steps=2), tmp_path / "runs", make=slow)
    first, last = read_lines(tmp_path / "runs/tiny/metrics.jsonl")
    assert first["time/update"] + first["time/wait"] > 0.4, first
    assert last["time/wait"] < 0.1, last


def test_a_run_in_little_memory_ends_as_one_in_small_micro_batches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Imitation, the canary and learning run out of memory one by one, and each goes on."""
    load = Policy.load

    def roomy(policy: Policy, folder: Path) -> OwnWeights:
        return OwnWeights(load(str(folder), dtype="float32"))

    run(config(tmp_path, 0, micro_batch_tokens=128), tmp_path / "small", make=own)
    monkeypatch.setattr(Policy, "load", lambda *given, **named: tiny.with_little_memory(load(*given, **named), 128))
    run(config(tmp_path, 0, micro_batch_tokens=512), tmp_path / "short", make=roomy)
    assert capsys.readouterr().out.count("out of memory with micro-batches of 256 tokens: once more with 128") == 3
    assert ending(tmp_path / "short/tiny") == ending(tmp_path / "small/tiny")


class Broken(tiny.LengthJudge):
    """Its box is gone after so many calls."""

    def __init__(self, calls: int) -> None:
        self._left = calls

    def submit(self, problem: Problem, completion: str) -> Future[Verdict]:
        self._left -= 1
        if self._left >= 0:
            return super().submit(problem, completion)
        return tiny.ready(Verdict(Status.UNJUDGED, None, detail="the box is gone"))


@pytest.mark.parametrize("staleness", [0, 1, 2])
def test_a_run_goes_on_once_its_box_is_there_again(tmp_path: Path, staleness: int) -> None:
    """What could not be judged is not kept for the next process."""
    settings = config(tmp_path, staleness)
    with pytest.raises(RunStopped, match="8 of 8 completions could not be judged"):
        run(settings, tmp_path / "broken", Broken(16), make=own)
    run(settings, tmp_path / "broken", make=own)
    if staleness < 2:
        run(settings, tmp_path / "whole", make=own)
        assert ending(tmp_path / "broken/tiny") == ending(tmp_path / "whole/tiny")


@pytest.mark.parametrize("staleness", [0, 1, 2])
def test_a_run_with_nothing_left_to_learn_from_stops_with_all_that_it_learned_saved(
    tmp_path: Path, staleness: int
) -> None:
    source = {"name": "jsonl", "path": str(tmp_path / "train.jsonl"), "max_problems": 6}
    rates = {"visits": 1, "completions": 4, "easiest": 0.1, "hardest": 0.05}  # one visit tells of any
    settings = config(tmp_path, staleness, data=source, curriculum=rates, checkpoints={"every": 20})
    for _ in range(2):
        with pytest.raises(NothingLeft):
            run(settings, tmp_path / "runs", make=own)
        assert len(read_lines(tmp_path / "runs/tiny/metrics.jsonl")) == 3
        assert latest(tmp_path / "runs/tiny/checkpoints") == (
            tmp_path / "runs/tiny/checkpoints/000003",
            Progress(stages=1, step=3),
        )


class Cool(OwnWeights):
    """Samples at another temperature than it was asked for."""

    def sample(self, prompts: Sequence[Sequence[int]], draw: Draw) -> Iterator[tuple[int, Completion]]:
        return super().sample(prompts, replace(draw, temperature=0.5 * draw.temperature))


class Poisoned(OwnWeights):
    """One weight is another one after the second update, by far less than log-probs would show."""

    def load(self, policy: Policy) -> str:
        arrived = super().load(policy)
        if policy.version < 2:
            return arrived
        weight = next(iter(self._policy.model.parameters())).data
        weight[0, 0] = torch.nextafter(weight[0, 0], torch.tensor(1.0))
        return checksum(self._policy.weights())


def test_a_poisoned_weight_transfer_stops_the_run(tmp_path: Path) -> None:
    def poisoned(policy: Policy, folder: Path) -> Poisoned:
        return Poisoned(policy)

    with pytest.raises(WeightMismatch, match=r"weight update 2: .*damaged on the way"):
        run(config(tmp_path, 0), tmp_path / "runs", make=poisoned)
    assert len(versions(tmp_path / "runs/tiny")) == 1


def test_a_reference_that_is_renewed_survives_a_kill(tmp_path: Path) -> None:
    objective = {"preset": "grpo", "kl_coef": 0.5, "reference_every": 2}
    settings = config(tmp_path, 0, steps=7, objective=objective)
    run(settings, tmp_path / "whole", make=own)
    divergences = [line["kl/reference"] for line in read_lines(tmp_path / "whole/tiny/metrics.jsonl")]
    assert [value == pytest.approx(0, abs=1e-9) for value in divergences[::2]] == [True] * 4, "it is the policy then"
    assert min(divergences[1::2]) > 1e-9
    with pytest.raises(SystemExit, match="killed"):
        run(settings, tmp_path / "killed", DiesAt(8 * 4 + 3), make=own)  # in step 5; renewed after 2 and 4
    run(settings, tmp_path / "killed", make=own)
    assert ending(tmp_path / "killed/tiny") == ending(tmp_path / "whole/tiny")


class CoolLater(OwnWeights):
    """From the third update on."""

    def sample(self, prompts: Sequence[Sequence[int]], draw: Draw) -> Iterator[tuple[int, Completion]]:
        is_cool = self._policy.version >= 3
        return super().sample(prompts, replace(draw, temperature=0.5 * draw.temperature) if is_cool else draw)


@pytest.mark.parametrize("staleness", [1, 2])
def test_a_temperature_that_goes_wrong_stops_a_run_that_looks_ahead(tmp_path: Path, staleness: int) -> None:
    def cool(policy: Policy, folder: Path) -> CoolLater:
        return CoolLater(policy)

    with pytest.raises(WeightMismatch, match=r"policy 3 .*another temperature"):
        run(config(tmp_path, staleness), tmp_path / "runs", make=cool)
    assert len(versions(tmp_path / "runs/tiny")) == 2


@pytest.mark.parametrize("staleness", [0, 1, 2])
def test_a_wrong_temperature_stops_the_run_before_it_learns(tmp_path: Path, staleness: int) -> None:
    def cool(policy: Policy, folder: Path) -> Cool:
        return Cool(policy)

    with pytest.raises(WeightMismatch, match="another temperature"):
        run(config(tmp_path, staleness), tmp_path / "runs", make=cool)
    assert not versions(tmp_path / "runs/tiny")


def test_the_plain_sampler_cannot_look_ahead(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cannot look ahead"):
        tiny.config(tmp_path, sampling={"sampler": "plain", "max_staleness": 1})


class Silent(tiny.LengthJudge):
    """Never comes to a verdict."""

    def submit(self, problem: Problem, completion: str) -> Future[Verdict]:
        return Future()


def test_a_run_that_is_over_waits_for_no_verdict() -> None:
    over, policy = threading.Event(), tiny.policy()
    threading.Timer(0.1, over.set).start()
    with pytest.raises(Abandoned):
        roll_out([Problem("a", "", "math", {})], [[5, 6]], PlainSampler(policy), Silent(), Draw(2, 4, 1.0, 0),
                 is_over=over.is_set)  # fmt: skip
