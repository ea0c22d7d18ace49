"""One step of learning, by every preset, against the papers' formulas in float64; however its tokens are cut up."""

from __future__ import annotations

import copy
import os
import statistics
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import tiny
import torch
from torch import Tensor

from trainer.batch import Row, merged
from trainer.config.run import RunConfig
from trainer.learn import Learned, Learner
from trainer.objective import totals_of, weights_of
from trainer.out_of_memory import OutOfMemory
from trainer.policy import Policy
from trainer.preset import PRESETS
from trainer.rollout import Rollout
from trainer.types import Completion, Group
from trainer.world import World
from verifiers import Problem, Status, Verdict

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/trainer/kernels"))
from formulas import paper_loss  # noqa: E402 - the kernels' tests have the papers' formulas

NAN = float("nan")
SCORES = [[1.0, 0.0, 0.0, 1.0], [0.5, 0.25, NAN, 1.0], [1.0, 1.0, 1.0, 1.0], [0.0, 0.0, 0.0, 1.0]]
"""Four groups; one completion could not be judged, and one group has no spread."""
LONGEST = 12


def perturbed(policy: Policy, scale: float, seed: int) -> Policy:
    other = copy.deepcopy(policy)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in other.model.parameters():
            parameter.add_(scale * torch.randn(parameter.shape, generator=generator))
    return other


def start() -> Policy:
    """In float64: a loss is a small difference of large sums, in which float32 would leave five digits."""
    policy = perturbed(tiny.policy(), 0.15, 5)
    policy.model.double()
    return policy


def sampled() -> list[Group]:
    """Completions of many lengths with log-probs that are a little off the policy's, as an older policy's are."""
    policy, generator = start(), torch.Generator().manual_seed(2)
    groups = []
    for number, scores in enumerate(SCORES):
        prompt = torch.randint(3, 250, (2 + 3 * number,), generator=generator).tolist()
        completions = []
        for _ in scores:
            length = int(torch.randint(1, LONGEST + 1, (1,), generator=generator))
            ids = torch.randint(3, 250, (length,), generator=generator).tolist()
            logits = logits_of(policy, prompt, ids, 0.9)
            exact = logits.log_softmax(-1).gather(1, torch.tensor(ids)[:, None]).squeeze(1)
            noise = 0.25 * torch.randn(length, generator=generator)
            completions.append(Completion(prompt, ids, (exact + noise).float().tolist(), "", "stop", 0, 0.0))
        verdicts = [verdict(score) for score in scores]
        groups.append(Group(Problem(str(number), "", "math", {}), completions, verdicts))
    return groups


def verdict(score: float) -> Verdict:
    if score != score:
        return Verdict(Status.UNJUDGED, None, detail="lost")
    return Verdict(Status.CORRECT if score == 1 else Status.WRONG, score)


def logits_of(policy: Policy, prompt: list[int], ids: list[int], temperature: float) -> Tensor:
    """[tokens, V] float64, by a model in float64, sequence by sequence."""
    with policy.padded() as model:
        logits: Tensor = model(torch.tensor([[*prompt, *ids]])).logits[0, len(prompt) - 1 : -1].double()
    return logits / temperature


def config(folder: Path, **changes: object) -> RunConfig:
    sampling = {"sampler": "plain", "group": 4, "max_new_tokens": LONGEST, "temperature": 0.9}
    return tiny.config(folder, problems=4, sampling=sampling, **changes)


def learned(
    settings: RunConfig, groups: list[Group], reference: Policy | None = None, world: World | None = None
) -> tuple[Policy, Learned]:
    policy = start()
    policy.begin(settings.optim, steps=10)
    learner = Learner(settings, policy, reference, world or World())
    return policy, learner.learn(Rollout(groups, 0.0, 0.0), 0)


def paper_advantages(name: str) -> list[list[float]]:
    """Worked group by group in Python's own floats, by the formulas as the papers print them."""
    everything = [score for scores in SCORES for score in scores if score == score]
    assert len(everything) == 15
    centred = []
    for scores in SCORES:
        judged = [score for score in scores if score == score]
        mean = statistics.fmean(judged)
        centred.append([score - mean for score in scores])
    found = []
    for scores, values in zip(SCORES, centred, strict=True):
        judged = [score for score in scores if score == score]
        if name == "dr_grpo":
            scale = 1.0
        elif name == "rloo":
            scale = (len(judged) - 1) / len(judged)
        elif name == "reinforce_pp":
            scale = statistics.stdev([value for group in centred for value in group if value == value])
        else:
            scale = statistics.stdev(judged) or 1.0
        found.append([value / scale if value == value else 0.0 for value in values])
    return found


@dataclass
class Paper:
    loss: Tensor
    norm: float


def by_the_paper(name: str, groups: list[Group], reference: Policy | None) -> Paper:
    """Loss and gradient norm of one whole step, in float64 from the first layer on."""
    policy = start()
    logprob, old, ref, advantage, lengths = [], [], [], [], []
    for group, values in zip(groups, paper_advantages(name), strict=True):
        for made, verdict, value in zip(group.completions, group.verdicts, values, strict=True):
            if verdict.score is None:
                continue
            ids = torch.tensor(made.token_ids)[:, None]
            logits = logits_of(policy, list(made.prompt_ids), list(made.token_ids), 0.9)
            logprob.append(logits.log_softmax(-1).gather(1, ids).squeeze(1))
            old.append(torch.tensor(made.logprobs, dtype=torch.float64))
            advantage.append(torch.full((len(ids),), value, dtype=torch.float64))
            lengths.append(len(ids))
            if reference is not None:
                with torch.no_grad():
                    logits = logits_of(reference, list(made.prompt_ids), list(made.token_ids), 0.9)
                ref.append(logits.log_softmax(-1).gather(1, ids).squeeze(1))
    tokens = sum(lengths)
    loss = paper_loss(
        name, torch.cat(logprob), torch.cat(old), torch.cat(advantage), torch.ones(tokens).bool(), lengths,
        ref=torch.cat(ref) if ref else None,
        normalizer=len(lengths) * LONGEST if name == "dr_grpo" else None,
    )  # fmt: skip
    loss.backward()  # type: ignore[no-untyped-call]
    squares = [float(p.grad.square().sum()) for p in policy.model.parameters() if p.grad is not None]
    return Paper(loss.detach(), sum(squares) ** 0.5)


@pytest.mark.parametrize("name", PRESETS)
def test_a_step_is_what_the_paper_says(name: str, tmp_path: Path) -> None:
    groups = sampled()
    reference = perturbed(start(), 0.05, 9) if name == "grpo" else None
    want = by_the_paper(name, groups, copy.deepcopy(reference))
    _, found = learned(config(tmp_path, objective={"preset": name}), groups, reference)
    [update] = found.updates
    flat = [value for part in paper_advantages(name) for value in part]
    assert [value for part in found.advantages for value in part] == pytest.approx(flat, rel=1e-6, abs=1e-7)
    # Advantages and weights are float32: 1e-8 of the terms, which are of size 1 and nearly cancel.
    assert update.loss == pytest.approx(float(want.loss), rel=1e-6, abs=1e-8)
    assert update.grad_norm == pytest.approx(want.norm, rel=1e-6)


@pytest.mark.parametrize("name", ["grpo", "gspo", "dr_grpo"])
def test_micro_batches_change_nothing(name: str, tmp_path: Path) -> None:
    groups, reference = sampled(), perturbed(start(), 0.05, 9) if name == "grpo" else None
    _, whole = learned(config(tmp_path, objective={"preset": name}), groups, reference)
    for tokens in (16, 50):
        _, parts = learned(config(tmp_path, objective={"preset": name}, micro_batch_tokens=tokens), groups, reference)
        assert parts.updates[0].loss == pytest.approx(whole.updates[0].loss, rel=1e-6)
        assert parts.updates[0].grad_norm == pytest.approx(whole.updates[0].grad_norm, rel=1e-6)


@pytest.mark.parametrize("name", ["dapo", "gspo", "grpo"])
def test_equal_completions_are_learned_from_at_once_as_if_one_by_one(name: str, tmp_path: Path) -> None:
    """Three of a group are the same, down to the rounding of their log-probs; two of them have one score."""
    groups, reference = sampled(), perturbed(start(), 0.05, 9) if name == "grpo" else None
    first = groups[0].completions[0]
    near, far = ([value + shift for value in first.logprobs] for shift in (2e-6, 0.1))
    made = [first, replace(first, logprobs=far), replace(first, logprobs=near), replace(first, logprobs=near)]
    groups[0] = replace(groups[0], completions=made)
    settings = config(tmp_path, objective={"preset": name})
    policy, one_by_one = start(), start()
    policy.begin(settings.optim, steps=10)
    found = Learner(settings, policy, reference, World()).learn(Rollout(groups, 0.0, 0.0), 0)
    rows = [
        Row(made.prompt_ids, made.token_ids, advantage, 1.0, made.logprobs)
        for group, values in zip(groups, found.advantages, strict=True)
        for made, advantage in zip(group.completions, values, strict=True)
    ]
    weights = weights_of_all(groups, settings)
    one_by_one.begin(settings.optim, steps=10)
    method = settings.objective.method
    apart = [replace(row, weight=weight) for row, weight in zip(rows, weights, strict=True) if weight]
    if reference is not None:
        refs = reference.logprobs(apart, temperature=0.9, max_tokens=1000)
        apart = [replace(row, ref_logprobs=ref) for row, ref in zip(apart, refs, strict=True)]
    else:
        apart = [row for row in apart if row.advantage]
    want = one_by_one.update(apart, method, step=0, temperature=0.9, max_tokens=1000)
    for field in ("loss", "grad_norm", "entropy", "kl", "kl_ref", "clip_low", "clip_high"):
        assert getattr(found.updates[0], field) == pytest.approx(getattr(want, field), rel=1e-5, abs=1e-7), field
    assert len(merged(apart)) == len(apart) - 1


def test_equal_completions_that_weigh_differently_stay_apart() -> None:
    """Corrected, they have the trainer's old log-probs, which are alike; they weigh by the sampler's, which are not."""
    row = Row([5], [6, 7], 0.5, 0.25, old_logprobs=[-1.0, -2.0], importance=[1.0, 0.8])
    same, other = replace(row, importance=[1.0 + 1e-7, 0.8]), replace(row, importance=[1.0, 1.6])
    kept = merged([row, other, same])
    assert [(one.importance, one.weight, one.count) for one in kept] == [([1.0, 0.8], 0.5, 2), ([1.0, 1.6], 0.25, 1)]


def weights_of_all(groups: list[Group], settings: RunConfig) -> list[float]:
    lengths = [
        [0 if made.score is None else len(one.token_ids) for one, made in zip(g.completions, g.verdicts, strict=True)]
        for g in groups
    ]
    average = settings.objective.method.average
    weights = weights_of(lengths, average, longest=LONGEST, totals=totals_of(lengths))
    return [weight for part in weights for weight in part]


def test_minibatches_are_whole_groups_and_a_step_each(tmp_path: Path) -> None:
    groups = sampled()
    _, found = learned(config(tmp_path, minibatches=2), groups)
    assert len(found.updates) == 2
    _, first = learned(config(tmp_path), groups[:2])
    assert found.updates[0].loss == pytest.approx(first.updates[0].loss, rel=1e-6)


@pytest.mark.parametrize("correction", ["none", "sequence_mask"])
def test_fewer_groups_than_minibatches_are_an_update_each(correction: str, tmp_path: Path) -> None:
    """Dynamic sampling may find few groups, or none."""
    groups, settings = sampled(), config(tmp_path, minibatches=4, objective={"correction": correction})
    assert [len(learned(settings, groups[:count])[1].updates) for count in (0, 1, 2)] == [0, 1, 2]


def test_weights_never_move_twice_for_want_of_memory(tmp_path: Path) -> None:
    """Memory runs out behind the first optimizer's step: done again, that step would be taken twice."""
    settings = config(tmp_path, optim={"lr": 1e-3, "muon_lr": 1e-3})
    policy, taken = start(), []

    def run_out(*_: object) -> None:
        taken.append(1)
        raise torch.OutOfMemoryError("CUDA out of memory")

    policy.begin(settings.optim, steps=10)._optimizers[0].register_step_post_hook(run_out)
    with pytest.raises(OutOfMemory, match="optimizer"):
        Learner(settings, policy, None, World()).learn(Rollout(sampled(), 0.0, 0.0), 0)
    assert taken == [1]


@pytest.mark.parametrize("objective", [{"preset": "grpo"}, {"correction": "token_truncate"}, {"preset": "dapo"}])
def test_all_that_learning_puts_through_a_model_is_done_again_in_less_memory(
    objective: dict[str, str], tmp_path: Path
) -> None:
    """The old policy's log-probs, the reference's, and the update; memory is short from the first of them on."""
    settings, groups, said = config(tmp_path, objective=objective), sampled(), []
    reference = perturbed(start(), 0.05, 9) if objective.get("preset") == "grpo" else None
    _, want = learned(settings.model_copy(update={"micro_batch_tokens": 32}), groups, reference)
    policy = tiny.with_little_memory(start(), 40)
    policy.begin(settings.optim, steps=10)
    learner = Learner(settings.model_copy(update={"micro_batch_tokens": 256}), policy, reference, World(), said.append)
    if reference:
        tiny.with_little_memory(reference, 40)
    found = learner.learn(Rollout(groups, 0.0, 0.0), 0)
    assert learner.micro_batches.tokens == 32
    assert [line.split("once more")[0] for line in said] == [
        f"out of memory with micro-batches of {tokens} tokens: " for tokens in (256, 128, 64)
    ]
    assert (found.updates, found.mismatch) == (want.updates, want.mismatch)


def test_a_step_without_spread_learns_nothing(tmp_path: Path) -> None:
    policy, found = learned(config(tmp_path), [sampled()[2]])
    assert not found.updates
    assert policy.version == 1
    for (_, before), (_, after) in zip(start().weights(), policy.weights(), strict=True):
        assert torch.equal(before, after)


def test_corrected_tokens_weigh_the_trainers_ratio_to_the_sampler(tmp_path: Path) -> None:
    """With old log-probs of its own the ratio is 1: the loss is minus the mean of advantage times weight."""
    groups = sampled()
    objective = {"correction": "token_truncate", "correction_bounds": [0.5, 1.2]}
    _, found = learned(config(tmp_path, objective=objective), groups)
    policy, total, tokens, weights = start(), 0.0, 0, []
    for group, values in zip(groups, found.advantages, strict=True):
        for made, verdict, advantage in zip(group.completions, group.verdicts, values, strict=True):
            ids = torch.tensor(made.token_ids)[:, None]
            with torch.no_grad():
                logits = logits_of(policy, list(made.prompt_ids), list(made.token_ids), 0.9)
            ratio = (
                (logits.log_softmax(-1).gather(1, ids).squeeze(1) - torch.tensor(made.logprobs)).exp().clamp(max=1.2)
            )
            weights += ratio.tolist()
            if verdict.score is not None:
                total -= advantage * float(ratio.sum())
                tokens += len(ids)
    assert found.updates[0].loss == pytest.approx(total / tokens, rel=1e-5)
    assert found.updates[0].kl == pytest.approx(0, abs=1e-9)
    assert found.mismatch["importance/mean"] == pytest.approx(sum(weights) / len(weights), rel=1e-5)
    assert found.mismatch["importance/bounded"] == pytest.approx(weights.count(max(weights)) / len(weights), abs=1e-6)


def test_a_divergence_in_the_reward_changes_the_advantages(tmp_path: Path) -> None:
    groups, reference = sampled(), perturbed(start(), 0.05, 9)
    _, found = learned(config(tmp_path, objective={"preset": "rloo", "kl_coef": 0.1}), groups, reference)
    made = groups[0].completions[1]
    with torch.no_grad():
        logits = logits_of(reference, list(made.prompt_ids), list(made.token_ids), 0.9)
    theirs = logits.log_softmax(-1).gather(1, torch.tensor(made.token_ids)[:, None]).sum()
    assert found.rewards[0][1] == pytest.approx(0.0 - 0.1 * (sum(made.logprobs) - float(theirs)), rel=1e-4)
    assert any(found.advantages[2]), "equal scores, and other divergences"


CUTS = {"dapo": 2, "grpo": 1, "gspo": 3, "reinforce_pp": 2, "dr_grpo": 0}
"""How many of the four groups the first rank has."""


@dataclass(frozen=True)
class CutWorld(World):
    """Two ranks that share out groups unevenly."""

    cut: int = 0

    def share(self, count: int) -> slice:
        return slice(self.cut, count) if self.rank else slice(0, self.cut)


RANK = """
import sys
sys.path[:0] = ["tests/trainer"]
from pathlib import Path
import torch.distributed
import test_learn

torch.set_num_threads(1)
torch.distributed.init_process_group("gloo", rank=int(sys.argv[1]), world_size=2, init_method=f"file://{sys.argv[2]}/meet")
folder = Path(sys.argv[2]) / sys.argv[1]
folder.mkdir()
for name, cut in test_learn.CUTS.items():
    world = test_learn.CutWorld(2, int(sys.argv[1]), cut)
    reference = test_learn.perturbed(test_learn.start(), 0.05, 9) if name == "grpo" else None
    settings = test_learn.config(folder, objective={"preset": name})
    _, found = test_learn.learned(settings, test_learn.sampled(), reference, world)
    [update] = found.updates
    print(name, update.loss, update.grad_norm, *test_learn.tiny.flat(found.advantages), flush=True)
torch.distributed.barrier()
torch.distributed.destroy_process_group()
"""


def test_two_ranks_learn_what_one_does(tmp_path: Path) -> None:
    """Groups are shared out unevenly; the sums of both ranks are those of the whole."""
    environment = os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'tests/trainer'}", "OMP_NUM_THREADS": "1"}
    ranks = [
        subprocess.Popen([sys.executable, "-c", RANK, str(rank), str(tmp_path)], cwd=ROOT, env=environment,
                         stdout=subprocess.PIPE, text=True)
        for rank in (0, 1)
    ]  # fmt: skip
    outputs = [rank.communicate(timeout=180)[0] for rank in ranks]
    assert [rank.returncode for rank in ranks] == [0, 0]
    assert outputs[0] == outputs[1]
    for line in outputs[0].splitlines():
        name, loss, norm, *advantages = line.split()
        reference = perturbed(start(), 0.05, 9) if name == "grpo" else None
        _, whole = learned(config(tmp_path, objective={"preset": name}), sampled(), reference)
        assert float(loss) == pytest.approx(whole.updates[0].loss, rel=1e-6, abs=1e-9), name
        assert float(norm) == pytest.approx(whole.updates[0].grad_norm, rel=1e-6), name
        assert [float(advantage) for advantage in advantages] == tiny.flat(whole.advantages), name
    assert len(outputs[0].splitlines()) == len(CUTS)
