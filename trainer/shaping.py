"""From scores to rewards, and what is learned from completions that were cut off."""

from __future__ import annotations

from collections.abc import Sequence

from trainer.config.learning import Shaping
from trainer.types import Completion, Group


def rewards_of(groups: Sequence[Group], shaping: Shaping, *, max_new_tokens: int) -> list[list[float]]:
    """One reward for each completion: its score, with overlong = "soft" less its punishment; nan for unjudged ones."""
    if shaping.overlong != "soft":
        return [group.scores for group in groups]
    limit, cache = shaping.length_limit or max_new_tokens, shaping.length_cache
    assert cache is not None, "overlong = soft without a length_cache"
    return [
        [
            score + overlong_punishment(len(completion.token_ids), limit=limit, cache=cache)
            for completion, score in zip(group.completions, group.scores, strict=True)
        ]
        for group in groups
    ]


def overlong_punishment(length: int, *, limit: int, cache: int) -> float:
    """0 up to limit - cache tokens, then falling in a straight line to -1 at `limit`, and -1 from there on.

    DAPO's soft overlong punishment (arXiv 2503.14476, eq. 13; limit is its L_max, cache its L_cache).
    """
    return min(0.0, max(-1.0, (limit - cache - length) / cache))


def is_learned_from(completion: Completion, shaping: Shaping) -> bool:
    """False for a completion that was cut off under overlong = "mask": its tokens are in no sum and in no count of the
    loss, while its score stays in its group's baseline (DAPO, sec. 3.4: overlong filtering masks the loss)."""
    return shaping.overlong != "mask" or completion.finish == "stop"
