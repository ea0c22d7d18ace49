"""One step's groups to updates of the policy: advantages, what each token weighs, and a minibatch at a time."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, chain, pairwise

from trainer.batch import Row, merged
from trainer.config.run import RunConfig
from trainer.objective import advantages_of, divergence_of, importance_of, less_divergence, totals_of, weights_of
from trainer.out_of_memory import MicroBatches
from trainer.policy import Policy, UpdateStats
from trainer.rollout import Rollout
from trainer.shaping import is_learned_from, rewards_of
from trainer.types import Group
from trainer.world import World


@dataclass(frozen=True, slots=True)
class Learned:
    """Of one step; lists of lists are group by group, completion by completion."""

    rewards: Sequence[Sequence[float]]
    """nan where unjudged."""
    advantages: Sequence[Sequence[float]]
    updates: Sequence[UpdateStats]
    """One for each optimizer step; none when no group had a spread of rewards."""
    mismatch: dict[str, float]
    """How far the trainer was from the sampler, where that was corrected for: metrics."""

    def and_dropped(self, rewards: Sequence[Sequence[float]]) -> Learned:
        """With groups after these that nothing was learned from: their advantages are 0."""
        zeros = [[0.0] * len(part) for part in rewards]
        return replace(self, rewards=[*self.rewards, *rewards], advantages=[*self.advantages, *zeros])


class Learner:
    """The policy with what it learns by: the settings, and the reference policy if there is one."""

    def __init__(
        self,
        config: RunConfig,
        policy: Policy,
        reference: Policy | None,
        world: World,
        say: Callable[[str], None] = print,
    ) -> None:
        """`say` is told when memory runs out and the work goes on in smaller pieces."""
        self._config, self._policy, self._reference, self._world = config, policy, reference, world
        self._method = config.objective.method
        self.micro_batches = MicroBatches(config.micro_batch_tokens, say)

    def learn(self, rollout: Rollout, step: int) -> Learned:
        """Update the policy, once for each minibatch of whole groups, which the ranks share out; all have them all."""
        shaping, longest = self._config.shaping, self._config.sampling.max_new_tokens
        rewards, kept = rewards_of(rollout.sampled, shaping, max_new_tokens=longest), len(rollout.groups)
        learned = self._learn(rollout.groups, rewards[:kept], step).and_dropped(rewards[kept:])
        # Who ran out of memory goes on with less at a time, and so do all: checkpoints have one number.
        self.micro_batches.tokens = min(self._world.gathered([self.micro_batches.tokens])[0])
        return learned

    def _learn(self, groups: Sequence[Group], rewards: Sequence[Sequence[float]], step: int) -> Learned:
        """On all ranks' groups, with rewards that are nan where unjudged."""
        parts = [range(len(groups))[part] for part in slices(len(groups), self._config.minibatches)]
        parts = [part[self._world.share(len(part))] for part in parts]
        own = list(chain(*parts))
        groups, rewards = [groups[place] for place in own], [rewards[place] for place in own]
        rows = [
            [Row(made.prompt_ids, made.token_ids, old_logprobs=made.logprobs) for made in group.completions]
            for group in groups
        ]
        rows, mismatch = self._corrected(rows)
        rows, rewards = self._referred(rows, rewards)
        gathered, _ = self._world.gathered(list(zip(own, rewards, strict=True)))
        everybodys = [values for _, values in sorted(gathered, key=lambda pair: pair[0])]
        # Of the whole step, by whose deviation some methods scale.
        everybodys_advantages = advantages_of(everybodys, mode=self._method.advantage)
        advantages = [everybodys_advantages[place] for place in own]
        lengths = [
            [
                0 if math.isnan(reward) or not is_learned_from(made, self._config.shaping) else len(made.token_ids)
                for made, reward in zip(group.completions, values, strict=True)
            ]
            for group, values in zip(groups, rewards, strict=True)
        ]
        updates = []
        for start, end in pairwise([0, *accumulate(map(len, parts))]):
            updates += self._update(rows[start:end], advantages[start:end], lengths[start:end], step)
        self._policy.version = step + 1
        if (
            self._reference
            and self._config.objective.reference_every
            and not (step + 1) % self._config.objective.reference_every
        ):
            self._reference.model.load_state_dict(self._policy.model.state_dict())
        return Learned(everybodys, everybodys_advantages, updates, mismatch)

    def _update(
        self,
        rows: Sequence[Sequence[Row]],
        advantages: Sequence[Sequence[float]],
        lengths: Sequence[Sequence[int]],
        step: int,
    ) -> list[UpdateStats]:
        """One optimizer step, unless no rank has a completion to learn from."""
        totals = self._world.total(totals_of(lengths))
        longest = self._config.sampling.max_new_tokens
        weights = weights_of(lengths, self._method.average, longest=longest, totals=totals)
        by_row = zip(chain(*rows), chain(*advantages), chain(*weights), strict=True)
        weighed = [replace(row, advantage=advantage, weight=weight) for row, advantage, weight in by_row]
        # Without a divergence or an entropy bonus in the loss, a completion of advantage 0 has no gradient.
        always = bool(self._method.kl_coef and self._method.kl_in == "loss") or self._method.entropy_coef != 0
        learned = merged([row for row in weighed if row.weight and (always or row.advantage)])
        if not self._world.total([len(learned)])[0]:
            return []

        def update(max_tokens: int) -> UpdateStats:
            return self._policy.update(
                learned,
                self._method,
                step=step,
                temperature=self._config.sampling.temperature,
                max_tokens=max_tokens,
                world=self._world,
            )

        return [self.micro_batches.run(update, learned)]

    def _corrected(self, rows: list[list[Row]]) -> tuple[list[list[Row]], dict[str, float]]:
        """With the trainer's own log-probs for the sampler's, and weights that make up for the difference."""
        objective = self._config.objective
        if objective.correction == "none":
            return rows, {}
        ours = self._logprobs(self._policy, rows)
        theirs = [[row.old_logprobs or () for row in part] for part in rows]
        importance = [
            [
                importance_of(p, q, correction=objective.correction, bounds=objective.correction_bounds)
                for p, q in zip(group, sampled, strict=True)
            ]
            for group, sampled in zip(ours, theirs, strict=True)
        ]
        corrected = [
            [replace(row, old_logprobs=p, importance=w) for row, p, w in zip(*group, strict=True)]
            for group in zip(rows, ours, importance, strict=True)
        ]
        weights = list(chain(*chain(*importance)))
        at_bound = sum(weight in (0.0, objective.correction_bounds[1]) for weight in weights)
        means = {
            "kl/sampler": divergence_of(chain(*ours), chain(*theirs)),
            "importance/mean": math.fsum(weights) / max(1, len(weights)),
            "importance/bounded": at_bound / max(1, len(weights)),
        }
        return corrected, dict(zip(means, self._world.means(list(means.values()), len(weights)), strict=True))

    def _referred(
        self, rows: list[list[Row]], rewards: Sequence[Sequence[float]]
    ) -> tuple[list[list[Row]], Sequence[Sequence[float]]]:
        """With the reference policy's log-probs, for the loss or taken off the rewards."""
        method = self._method
        if not method.kl_coef:
            return rows, rewards
        assert self._reference is not None, "a divergence from a reference policy that nobody kept"
        found = self._logprobs(self._reference, rows)
        if method.kl_in == "loss":
            pairs = zip(rows, found, strict=True)
            return [
                [replace(row, ref_logprobs=q) for row, q in zip(part, values, strict=True)] for part, values in pairs
            ], rewards
        ours = [[row.old_logprobs or () for row in part] for part in rows]
        of_groups = zip(rewards, ours, found, strict=True)
        return rows, [less_divergence(values, p, q, coef=method.kl_coef) for values, p, q in of_groups]

    def _logprobs(self, policy: Policy, rows: list[list[Row]]) -> list[list[list[float]]]:
        temperature, every = self._config.sampling.temperature, list(chain(*rows))

        def logprobs(max_tokens: int) -> list[list[float]]:
            return policy.logprobs(every, temperature=temperature, max_tokens=max_tokens)

        found = iter(self.micro_batches.run(logprobs, every))
        return [[next(found) for _ in part] for part in rows]


def slices(length: int, count: int) -> list[slice]:
    """`count` neighbouring parts of about one size, some of them empty if need be: every rank has as many."""
    bounds = [length * part // count for part in range(count + 1)]
    return [slice(*pair) for pair in pairwise(bounds)]
