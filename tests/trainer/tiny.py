"""A model, a run and a judge that are small enough for tests and real in every part."""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path

import torch

from benchmarks.families import draw
from trainer import fresh
from trainer.config.model import FreshModel
from trainer.config.run import RunConfig
from trainer.policy import Policy
from verifiers import Problem, Status, Verdict

MODEL = FreshModel(vocabulary=320, hidden=32, layers=1, heads=1, key_value_heads=1, intermediate=64, context=256)
MODEL_AND_DATA = """[model.fresh]
vocabulary = 320
hidden = 64
layers = 1
heads = 2
key_value_heads = 1
intermediate = 64
context = 512
[data]
name = "jsonl"
path = "train.jsonl"
"""
"""Of a run that the command is given, in the folder that the problems are in."""
TEXTS = ["user\nassistant\nCompute 1+2+3.<think>1+2=3\n3+3=6</think>\\boxed{6}"] * 60


def policy(seed: int = 0, model: FreshModel = MODEL) -> Policy:
    return fresh.make(model, TEXTS, seed=seed)


def write_problems(path: Path, count: int, *, held_out: bool = False, seed: int = 0, family: str = "math") -> Path:
    """A problem file with worked completions, of one synthetic family."""
    with path.open("w") as file:
        for worked in draw(family, count, seed=seed, held_out=held_out):
            problem = worked.problem
            row = {"id": problem.id, "prompt": problem.prompt, "verifier": problem.verifier, "spec": dict(problem.spec)}
            file.write(json.dumps({**row, "completion": worked.worked}) + "\n")
    return path


def config(folder: Path, **changes: object) -> RunConfig:
    """A run of a few steps with the plain sampler."""
    train, held_out = folder / "train.jsonl", folder / "held_out.jsonl"
    if not train.exists():
        write_problems(train, 40)
        write_problems(held_out, 8, held_out=True)
    values = {
        "name": "tiny",
        "steps": 3,
        "problems": 2,
        "model": {"fresh": MODEL.model_dump()},
        "data": {"name": "jsonl", "path": str(train)},
        "sft": [{"name": "base", "steps": 3, "batch": 4, "data": {"name": "jsonl", "path": str(train)}}],
        "sampling": {"sampler": "plain", "group": 4, "max_new_tokens": 8},
        "optim": {"lr": 1e-3, "warmup": 1},
        "eval": {"data": {"name": "jsonl", "path": str(held_out)}, "samples": 2, "every": 2},
        "checkpoints": {"every": 1, "keep": 2},
        "sandbox": {"kind": "process"},
    }
    return RunConfig.model_validate({**values, **changes})


class LengthJudge:
    """Scores even lengths 1: a judge that gives groups a spread before a model has learned anything."""

    sandbox_description = "none"

    def submit(self, problem: Problem, completion: str) -> Future[Verdict]:
        is_even = len(completion) % 2 == 0
        return ready(Verdict(Status.CORRECT if is_even else Status.WRONG, float(is_even)))


def ready(verdict: Verdict) -> Future[Verdict]:
    future: Future[Verdict] = Future()
    future.set_result(verdict)
    return future


def with_little_memory(policy: Policy, tokens: int) -> Policy:
    """A policy that runs out of memory, really, when more than so many tokens go through its model at once."""

    def run_out(module: object, given: object, named: dict[str, torch.Tensor]) -> None:
        if named["input_ids"].numel() > tokens:
            torch.empty(2**50)

    policy.model.base_model.register_forward_pre_hook(run_out, with_kwargs=True)
    return policy


def flat(sequences: Sequence[Sequence[float]]) -> list[float]:
    return [value for sequence in sequences for value in sequence]
