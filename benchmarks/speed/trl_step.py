"""The peer's side of `step.py`: steps of TRL's GRPOTrainer, in a process and an environment of its own.

    PEER_PYTHON benchmarks/speed/trl_step.py WORK.json

`WORK.json` is a `Work` as an object; `step.py` says what makes the work equal. What is patched, and why; nothing of it
makes TRL slower:

- TRL's own profiling contexts report to a clock of ours; the trainer itself is left as it is.
- Where transformers samples, TRL is not shown vLLM, which it would load and never use.
- vLLM is started at the precision of the work (TRL names none, and vLLM would turn these weights into bfloat16), and
  eager, as ours is: on a CPU, compiling costs a model this small more than it gives.
- vLLM's CPU layers pack their weights at load and drop what could load them again, so that the `load_weights` of TRL's
  colocate mode fails, and a tied head would keep its old packed copy. Here they stay unpacked (plain
  `torch.nn.functional.linear`), and TRL's own weight transfer is right as it stands, in the quickest way that is known:
  nothing has to be packed again. That it is right, TRL's own comparison of log-probs shows; past `MOST_DIFFERENCE` the
  program ends.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # run as a file, `sandbox.py` would pass for the room

import torch
from transformers import TrainerCallback

from benchmarks import ProblemSource, load
from benchmarks.speed.work import Step, Work
from sandbox import SandboxConfig
from verifiers import Problem, Router

MOST_DIFFERENCE = 1e-4
"""Of trainer's and sampler's log-probs, on average."""

Seconds = dict[tuple[str, str], float]
"""By the names of a context of TRL's and of the one around it, that one first."""


def main(path: str) -> int:
    work = Work(**json.loads(Path(path).read_text()))
    problems = {problem.id: problem for problem in load(ProblemSource(**work.data)).problems}
    trl = _module("trl")
    clock = Clock()
    _listen(clock)
    if work.sampler == "vllm":
        _adapt_vllm()
    else:
        _module("trl.import_utils").is_vllm_available = lambda *_, **__: False
    with Router(SandboxConfig(**work.sandbox)) as router:
        router.start()
        reward = Reward(router, [problems[name] for name in work.ids])
        trainer = trl.GRPOTrainer(
            model=work.model,
            reward_funcs=reward,
            args=trl.GRPOConfig(**settings(work)),
            train_dataset=_dataset(reward.problems),
            callbacks=[Steps(work, reward, clock)],
        )
        trainer.train()
    _refuse_stale(trainer)
    return 0


def settings(work: Work) -> dict[str, Any]:
    """Of GRPOConfig: one generation for `work.updates` optimizer steps, each on whole groups' worth of completions."""
    return {
        "output_dir": str(Path(work.out).with_suffix("")),
        "use_cpu": True,
        "bf16": False,
        "model_init_kwargs": {"dtype": "float32", "attn_implementation": "sdpa"},
        "gradient_checkpointing": False,
        "per_device_train_batch_size": work.problems * work.group // work.updates,
        "gradient_accumulation_steps": 1,
        "steps_per_generation": work.updates,
        "num_iterations": 1,
        "max_steps": work.steps * work.updates,
        "shuffle_dataset": False,
        "num_generations": work.group,
        "max_completion_length": work.max_new_tokens,
        "temperature": 1.0,
        "beta": 0.0,
        "loss_type": "dapo",
        "scale_rewards": "group",
        "epsilon": work.clip_low,
        "epsilon_high": work.clip_high,
        "optim": "adamw_torch",
        "learning_rate": work.lr,
        "lr_scheduler_type": "constant",
        "adam_beta1": work.betas[0],
        "adam_beta2": work.betas[1],
        "weight_decay": 0.0,
        "max_grad_norm": work.max_grad_norm,
        "seed": work.seed,
        "report_to": "none",
        "save_strategy": "no",
        "logging_strategy": "no",
        "disable_tqdm": True,
        "use_vllm": work.sampler == "vllm",
        "vllm_mode": "colocate",
        "generation_kwargs": {"detokenize": False} if work.sampler == "vllm" else None,
    }


class Reward:
    """TRL's reward function: our verifiers, asked for all completions at the same time."""

    __name__ = "verdicts"

    def __init__(self, router: Router, problems: Sequence[Problem]) -> None:
        self.problems = problems
        self._router = router
        self.lengths: list[int] = []
        self.scores: list[float | None] = []

    def __call__(
        self,
        completions: Sequence[Sequence[Mapping[str, str]]],
        completion_ids: Sequence[Sequence[int]],
        problem: Sequence[int],
        **_: object,
    ) -> list[float | None]:
        pairs = zip(problem, completions, strict=True)
        futures = [self._router.submit(self.problems[index], turns[0]["content"]) for index, turns in pairs]
        self.scores = [future.result().score for future in futures]
        self.lengths = [len(ids) for ids in completion_ids]
        return self.scores


class Clock:
    """Adds up what TRL's profiling contexts took."""

    def __init__(self) -> None:
        self._seconds: Seconds = defaultdict(float)
        self._open = [""]

    @contextlib.contextmanager
    def timed(self, name: str) -> Iterator[None]:
        started = time.perf_counter()
        self._open.append(name)
        try:
            yield
        finally:
            self._open.pop()
            self._seconds[self._open[-1], name] += time.perf_counter() - started

    def take(self) -> Seconds:
        """Seconds since it was last asked."""
        taken, self._seconds = self._seconds, defaultdict(float)
        return taken


class Steps(TrainerCallback):  # type: ignore[misc]  # transformers is not typed
    """Writes a line for each step of ours, which is `work.updates` steps of TRL's."""

    def __init__(self, work: Work, reward: Reward, clock: Clock) -> None:
        self._work, self._reward, self._clock = work, reward, clock
        self._began, self._learning = 0.0, 0.0

    def on_step_begin(self, *_: object, **__: object) -> None:
        self._began = time.perf_counter()

    def on_step_end(self, args: object, state: Any, *_: object, **__: object) -> None:
        self._learning += time.perf_counter() - self._began
        if state.global_step % self._work.updates:
            return
        scores = [score for score in self._reward.scores if score is not None]
        step = Step(
            end=time.time(),
            tokens=sum(self._reward.lengths),
            completions=len(self._reward.lengths),
            score=sum(scores) / len(scores),
            phases=phases(self._clock.take(), self._learning),
        )
        with Path(self._work.out).open("a") as file:
            file.write(json.dumps(asdict(step)) + "\n")
        self._learning = 0.0


def phases(seconds: Seconds, learning: float) -> dict[str, float]:
    """Of one step, from TRL's contexts and the seconds of its optimizer steps, the first of which samples, too."""

    def total(*names: str) -> float:
        return sum(spent for (_, name), spent in seconds.items() if name in names)

    return {
        "sample": total("transformers.generate", "vLLM.generate"),
        "judge": total("_calculate_rewards"),
        "logprobs": seconds.get(("_prepare_inputs", "_get_per_token_logps_and_entropies"), 0.0),
        "update": learning - total("_prepare_inputs"),
        "weights": total("sync_weights"),
    }


def _dataset(problems: Sequence[Problem]) -> Any:
    rows = []
    for index, problem in enumerate(problems):
        prompt = problem.prompt
        turns = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else [dict(one) for one in prompt]
        rows.append({"prompt": turns, "problem": index})
    return _module("datasets").Dataset.from_list(rows)


def _listen(clock: Clock) -> None:
    """Have TRL's profiling contexts report to the clock; their names begin with that of the trainer's class."""
    context = _module("trl.extras.profiling").ProfilingContext

    def enter(self: Any) -> Any:
        self.opened = clock.timed(self.name.partition(".")[2])
        self.opened.__enter__()
        return self

    def leave(self: Any, *error: Any) -> None:
        self.opened.__exit__(*error)

    context.__enter__, context.__exit__ = enter, leave


def _adapt_vllm() -> None:
    """Let TRL's colocate mode run on a CPU."""
    layers = _module("vllm.model_executor.layers.utils")
    generation = _module("trl.generation.vllm_generation")

    def keep_unpacked(layer: Any, remove_weight: bool) -> None:
        layer.cpu_linear = torch.nn.functional.linear

    layers.dispatch_cpu_unquantized_gemm = keep_unpacked
    made = generation.LLM
    generation.LLM = lambda **options: made(**options, dtype="float32", enforce_eager=True)


def _module(name: str) -> Any:
    """What only the peer's environment has."""
    return importlib.import_module(name)


def _refuse_stale(trainer: Any) -> None:
    """End the program if the sampler did not have the trainer's weights in every step."""
    key = "sampling/sampling_logp_difference/mean"
    found = [line[key] for line in trainer.state.log_history if key in line]
    if found and not max(found) <= MOST_DIFFERENCE:
        raise SystemExit(f"trainer's and sampler's log-probs differ by {max(found):.2g}: the weights did not arrive")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
