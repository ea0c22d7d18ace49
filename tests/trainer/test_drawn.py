"""Runs whose settings are drawn at random: each ends well, and killed at any moment it ends just the same."""

from __future__ import annotations

import json
import math
import random
from functools import partial
from pathlib import Path
from typing import Any, get_args

import pytest
import tiny
from pydantic import ValidationError
from test_kill import Forked, differences, finish, has_recorded, kill_after, left_behind, record, where, write_problems
from test_run import DiesAt, run

from trainer.config.run import RunConfig
from trainer.preset import PRESETS, AdvantageMode, Average, Correction
from trainer.record import RunDirectory

MODEL = tiny.MODEL.model_copy(update={"hidden": 64, "context": 512})


def drawn(seed: int, folder: Path) -> RunConfig:
    """Settings that nobody would put together by hand; those that are refused are drawn again."""
    for name, count in (("train", 10), ("other", 3)):
        write_problems(folder / f"{name}.jsonl", count)
    write_problems(folder / "held_out.jsonl", 2, held_out=True)
    tiny.policy(model=MODEL).save(folder / "model")
    rng = random.Random(f"settings/{seed}")
    while True:
        try:
            return tiny.config(folder, **_settings(rng, folder))
        except ValidationError:
            continue


def _settings(rng: random.Random, folder: Path) -> dict[str, Any]:
    def one_of(*values: Any) -> Any:
        return rng.choice(values)

    def given(**values: Any) -> dict[str, Any]:
        return {name: value for name, value in values.items() if value is not None}

    def source(name: str, **more: Any) -> dict[str, Any]:
        return {"name": "jsonl", "path": str(folder / f"{name}.jsonl"), **more}

    def optim() -> dict[str, Any]:
        return given(
            lr=3e-3,
            muon_lr=one_of(None, 3e-3),
            state=one_of("float32", "float32", "8bit"),
            weight_decay=one_of(0.0, 0.1),
            warmup=one_of(0, 1, 5),
            max_grad_norm=one_of(0.1, 100.0),
        )

    group, minibatches, new_tokens = one_of(2, 3, 5, 8), one_of(1, 1, 2, 3), one_of(1, 4, 16)
    is_fresh, kl = one_of(True, False), one_of(("k1", "reward"), ("k2", "loss"), ("k3", "loss"))
    lora = None if is_fresh else one_of(None, {"rank": 4})
    names = ["base", "cold_start"][: rng.randint(is_fresh, 2)]
    return given(
        steps=rng.randint(0, 5),
        problems=minibatches * one_of(1, 2, 3),
        minibatches=minibatches,
        micro_batch_tokens=one_of(16, 400, 16384),
        model=given(
            fresh=MODEL.model_dump() if is_fresh else None,
            path=None if is_fresh else str(folder / "model"),
            lora=lora,
            dtype=one_of("float32", "float32", "bfloat16"),
            gradient_checkpointing=one_of(True, False),
        ),
        data=[source("train", weight=0.7), source("other", weight=0.2)][: rng.randint(1, 2)],
        curriculum=one_of(None, {"visits": 2, "completions": group, "hardest": 0.0, "readmit_after": 1, "target": 0.4}),
        dynamic=one_of(None, {"max_rounds": 3}),
        shaping=one_of({}, {"overlong": "mask"}, {"overlong": "soft", "length_cache": 3}),
        sft=[
            {"name": name, "data": source("train"), "steps": rng.randint(1, 4), "batch": one_of(1, 9), "optim": optim()}
            for name in names
        ],
        sampling={"sampler": "plain", "group": group, "max_new_tokens": new_tokens, "temperature": one_of(0.7, 1.0)},
        objective=given(
            preset=one_of(*PRESETS),
            advantage=one_of(None, *get_args(AdvantageMode)),
            average=one_of(None, *get_args(Average)),
            entropy_coef=one_of(None, 0.01),
            **one_of({}, given(kl_coef=0.05, kl=kl[0], kl_in=kl[1], reference_every=one_of(None, 2))),
            correction=one_of(*get_args(Correction)),
        ),
        optim=optim(),
        eval=given(data=source("held_out"), every=one_of(0, 1, 2), samples=one_of(1, 2), greedy=one_of(True, False)),
        checkpoints={"every": one_of(1, 2, 3), "keep": one_of(1, 2), "best": one_of(0, 1)},
        health={"window": 4, "repeat": 1, "zero_groups": one_of(0.2, 0.95)},
    )


def _unwell(folder: Path) -> list[str]:
    """What a run that has ended should not have left: figures that are no numbers, files that are not whole."""
    figures = (
        (line["step"], name, value) for line in RunDirectory(folder).read_metrics() for name, value in line.items()
    )
    odd = [f"step {step}: {name} is {value}" for step, name, value in figures if not math.isfinite(value)]
    return odd + [str(path) for path in folder.rglob("*.part")]


@pytest.mark.parametrize("seed", [1, 2])
def test_a_drawn_run_ends_well_and_killed_it_ends_the_same(seed: int, tmp_path: Path) -> None:
    config = drawn(seed, tmp_path)
    counted = DiesAt(10**6)
    run(config, tmp_path / "whole", counted)
    whole = tmp_path / "whole/tiny"
    calls = random.Random(f"calls/{seed}").randrange(10**6 - counted.left)
    with pytest.raises(SystemExit, match="killed"):
        run(config, tmp_path / "killed", DiesAt(calls))
    run(config, tmp_path / "killed")
    assert not _unwell(whole)
    assert not differences(record(whole), record(tmp_path / "killed/tiny")), f"killed after {calls} verdicts"


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_drawn_runs_killed_at_random_moments_end_as_if_they_had_not_been(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command, rng, troubles, num_kills = Forked(tmp_path), random.Random("kills"), [], 0
    folder, before = tmp_path / "runs" / "own", set(left_behind(deadline=0))
    for seed in range(20):
        config = drawn(seed, tmp_path)
        (tmp_path / "own.toml").write_text(_toml(config.model_dump(mode="json", exclude={"name"})))
        finish(tmp_path, command)
        whole, unwell, killed = record(folder), _unwell(folder), []
        folder.rename(tmp_path / "runs" / f"own-{seed}")
        for _ in range(2):
            until = partial(has_recorded, folder, rng.randint(0, config.steps))
            if kill_after(tmp_path, rng.uniform(0, 1), until=until, start=command):
                killed.append(where(folder))
            if (folder / "summary.json").exists():
                break
        if not (folder / "summary.json").exists():
            finish(tmp_path, command)
        unlike = [*unwell, *differences(whole, record(folder)), *_unwell(folder)]
        troubles += [f"draw {seed}, killed {'; '.join(killed)}: {found}" for found in unlike]
        num_kills += len(killed)
        folder.rename(tmp_path / "runs" / f"own-{seed}-killed")
        with capsys.disabled():
            print(f"\ndraw {seed}: killed {'; '.join(killed)}: {'; '.join(unlike[:3]) or 'identical'}", flush=True)
    command.close()
    assert not troubles, "\n".join(troubles)
    assert num_kills >= 10, num_kills
    assert set(left_behind()) <= before


def _toml(settings: dict[str, Any]) -> str:
    return "".join(f"{name} = {_inline(value)}\n" for name, value in settings.items() if value is not None)


def _inline(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name} = {_inline(inner)}" for name, inner in value.items() if inner is not None) + "}"
    return f"[{', '.join(map(_inline, value))}]" if isinstance(value, list) else json.dumps(value)
