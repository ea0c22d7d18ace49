"""What a checkpoint holds, that it is whole or not there, that the step does not wait for it, and which are kept."""

from __future__ import annotations

import json
import math
import os
import random
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy
import pytest
import tiny
import torch
import vllm
from pydantic import ValidationError
from safetensors.torch import load_file
from test_run import DiesAt, plain, rollouts, run, timeless
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

from trainer import checkpoint
from trainer.checkpoint import PENDING_SCHEMA, CheckpointWriter, Progress, State
from trainer.config.run import RunConfig
from trainer.config.watch import Checkpoints
from trainer.disk import WriteFailed
from trainer.policy import Policy
from trainer.record import RunDirectory, read_lines
from trainer.sampler import Draw, PlainSampler
from trainer.session import Session
from trainer.settings import ConfigError
from trainer.types import Completion, Group
from verifiers import Problem, Status, Verdict


class Events(list[tuple[str, str]]):
    def __call__(self, kind: str, *, checkpoint: str) -> None:
        self.append((kind, checkpoint))


@contextmanager
def writer(folder: Path, **keep: int) -> Iterator[tuple[CheckpointWriter, Events]]:
    events = Events()
    opened = CheckpointWriter(folder, Checkpoints(**keep), events)
    yield opened, events
    opened.close()


def filled(policy: Policy, value: float) -> Policy:
    """The policy with all its weights set to one value, so that a file tells when it was copied."""
    with torch.no_grad():
        for parameter in policy.model.parameters():
            parameter.fill_(value)
    return policy


def values(folder: Path) -> set[float]:
    return {value for tensor in load_file(folder / "model.safetensors").values() for value in tensor.unique().tolist()}


def test_what_goes_in_comes_out_bit_for_bit(tmp_path: Path) -> None:
    messages = ({"role": "system", "content": "Be brief."}, {"role": "user", "content": "1+1? \u2028 \x00 é"})
    logprobs = [-0.1 - 0.2, -0.0, -1e-310, -math.inf, torch.tensor(-1 / 3).item()]
    sampled = Completion([1, 2], [7, 8, 9, 10, 3], logprobs, "2 \U0001f600\r\n", "stop", 4, 0.1 + 0.2)
    trace = [{"stage": "test 1", "result": "ok", "shown": [1, {"x": None}]}]
    judged = Verdict(Status.WRONG, 0.1 + 0.2, "\ud800", "two\nlines", 1e-9, {"a": 1 / 3, "b": 0.0}, trace)
    unjudged = Verdict(Status.UNJUDGED, None, detail="the box died")
    pending = [
        Group(
            Problem("a", messages, "all", {"parts": [{"x": 1.5}]}, {"level": "5"}), [sampled] * 2, [judged, unjudged]
        ),
        Group(Problem("b", "plain", "math", {"answer": "2"}), [], []),
    ]
    tensors = {
        "optimizer": [{"state": {0: {"m": torch.tensor([1 / 3, math.nan])}}, "betas": (0.9, 0.95), "fused": None}]
    }
    parts = {"chooser": {"position": 3, "rates": [["p", 1 / 3]]}, "health": []}
    with writer(tmp_path) as (opened, events):
        opened.save("000004", tiny.policy(), State(Progress(1, 4, 0.1 + 0.2), tensors, parts, pending))
    assert events == [("checkpoint", "000004")]
    folder, progress = checkpoint.latest(tmp_path) or pytest.fail("no checkpoint")
    assert progress == Progress(1, 4, 0.1 + 0.2)
    assert checkpoint.read_parts(folder) == parts
    assert checkpoint.read_pending(folder) == pending
    assert repr(checkpoint.read_pending(folder)) == repr(pending), "-0.0 == 0.0, so look twice"
    assert repr(checkpoint.read_tensors(folder, "optimizer")) == repr(tensors["optimizer"])
    assert checkpoint.read_tensors(folder, "reference") is None


def test_pending_groups_have_a_place_for_all_that_a_completion_has() -> None:
    stored = PENDING_SCHEMA.field("completions").type.value_type
    assert [stored.field(index).name for index in range(stored.num_fields)] == [f.name for f in fields(Completion)]


SAVES_UNTIL_KILLED = """
import os, sys
from pathlib import Path
import torch, tiny
from test_checkpoint import filled
from trainer.checkpoint import CheckpointWriter, Progress, State, latest
from trainer.config.watch import Checkpoints
torch.set_num_threads(1)
folder = Path(sys.argv[1])
for line in sys.stdin:
    child = os.fork()
    if child:
        print(child, flush=True)
        os.waitpid(child, 0)
        print("killed", flush=True)
        continue
    found = latest(folder)
    writer = CheckpointWriter(folder, Checkpoints(keep=1), lambda *_, **__: None)
    policy = tiny.policy(model=tiny.MODEL.model_copy(update={"hidden": 256, "heads": 4}))
    for step in range(found[1].step + 1 if found else 1, 10**6):
        writer.save(f"{step:06d}", filled(policy, step), State(Progress(0, step), {"optimizer": torch.tensor([step])}))
"""


def test_killed_while_it_saves_and_removes_it_leaves_the_last_whole_one(tmp_path: Path) -> None:
    """Weights, optimizer and position are of one step, whatever was being written, renamed or removed."""
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": f"{root}:{root / 'tests/trainer'}"}
    command = [sys.executable, "-c", SAVES_UNTIL_KILLED, str(tmp_path)]
    rng, steps = random.Random(0), [0]
    with subprocess.Popen(command, env=environment, bufsize=0, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdin
        assert parent.stdout
        for _ in range(6):
            parent.stdin.write(b"\n")
            child = int(parent.stdout.readline())
            while (found := checkpoint.latest(tmp_path)) is None or found[1].step <= steps[-1] + 1:
                time.sleep(0.005)
            time.sleep(rng.uniform(0, 0.1))
            os.kill(child, signal.SIGKILL)
            assert parent.stdout.readline() == b"killed\n"
            folder, progress = checkpoint.latest(tmp_path) or pytest.fail("no checkpoint")
            assert folder.name == f"{progress.step:06d}"
            assert values(folder) == {float(progress.step)}
            assert checkpoint.read_tensors(folder, "optimizer").tolist() == [progress.step]
            steps.append(progress.step)
        parent.stdin.close()


class WaitsToBeWritten:
    """A value whose writing lasts until somebody lets it go on."""

    def __init__(self) -> None:
        self.began, self.go_on = threading.Event(), threading.Event()

    def __reduce__(self) -> tuple[type[int], tuple[int]]:
        self.began.set()
        assert self.go_on.wait(60), "the step waited for its checkpoint"
        return int, (0,)


def test_the_step_does_not_wait_and_what_it_learns_meanwhile_is_not_in_the_checkpoint(tmp_path: Path) -> None:
    policy, slow = filled(tiny.policy(), 1.0), WaitsToBeWritten()
    moments = torch.ones(3)
    with writer(tmp_path) as (opened, events):
        part = {"taken": [1]}
        opened.save("000001", policy, State(Progress(0, 1), {"optimizer": [moments, slow]}, {"chooser": part}))
        assert slow.began.wait(60)
        assert not events
        assert checkpoint.latest(tmp_path) is None, "half written, and seen"
        opened.check()
        filled(policy, 2.0)
        moments.fill_(2.0)
        part["taken"].append(2)
        second = threading.Thread(target=opened.save, args=("000002", policy, State(Progress(0, 2))))
        second.start()
        second.join(0.2)
        assert second.is_alive(), "two checkpoints at once"
        slow.go_on.set()
        second.join()
    assert [name for _, name in events] == ["000001", "000002"]
    assert values(tmp_path / "000001") == {1.0}
    assert torch.load(tmp_path / "000001/resume/optimizer.pt", weights_only=False)[0].tolist() == [1.0, 1.0, 1.0]
    assert checkpoint.read_parts(tmp_path / "000001") == {"chooser": {"taken": [1]}}
    assert values(tmp_path / "000002") == {2.0}


def test_the_newest_and_the_best_are_kept_and_those_of_stages(tmp_path: Path) -> None:
    policy = tiny.policy()
    scores = {10: 0.5, 20: 0.75, 30: None, 40: 0.75, 50: math.nan, 60: 0.6, 70: None}
    (tmp_path / "mine").mkdir()  # not ours: neither found nor removed
    with writer(tmp_path, keep=2, best=2) as (opened, events):
        opened.save("start", policy, State(Progress(0, 0)))
        opened.save("2", policy, State(Progress(1, 0)))  # a stage may be called so
        for step, score in scores.items():
            opened.save(f"{step:06d}", policy, State(Progress(1, step, score)))
    assert sorted(path.name for path in tmp_path.iterdir()) == "000020 000040 000060 000070 2 mine start".split()
    removed = [name for kind, name in events if kind == "checkpoint_removed"]
    assert removed == ["000010", "000030", "000050"]
    with writer(tmp_path, keep=1, best=1) as (
        _,
        events,
    ):  # as if the process before had been killed at its last removal
        assert events == [("checkpoint_removed", "000040"), ("checkpoint_removed", "000060")]


def test_a_run_keeps_its_best_by_the_held_out_evaluation(tmp_path: Path) -> None:
    evaluation = {**tiny.config(tmp_path).eval.model_dump(mode="json"), "every": 1}  # type: ignore[union-attr]
    config = tiny.config(tmp_path, steps=6, eval=evaluation, checkpoints={"every": 1, "keep": 1, "best": 1})
    run(config, tmp_path / "runs")
    folder = tmp_path / "runs" / "tiny"
    scores = {line["step"] + 1: line["eval/held_out"] for line in read_lines(folder / "metrics.jsonl")[:-1]}
    assert len(set(scores.values())) > 1, scores
    best = max(scores, key=lambda step: (scores[step], -step))
    kept = sorted(path.name for path in (folder / "checkpoints").iterdir())
    assert kept == [*sorted({f"{best:06d}", "000006"}), "base", "start"], scores


@pytest.mark.parametrize("every", [0, 3])
def test_the_best_can_only_be_kept_of_what_is_evaluated(tmp_path: Path, every: int) -> None:
    evaluation = {**tiny.config(tmp_path).eval.model_dump(mode="json"), "every": every}  # type: ignore[union-attr]
    with pytest.raises(ValidationError, match=rf"eval.every is {every}, which must be a multiple of checkpoints.every"):
        tiny.config(tmp_path, eval=evaluation, checkpoints={"every": 2, "best": 1})


@contextmanager
def no_file_over(size: int) -> Iterator[None]:
    """A disk that is full, as far as large files can tell."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize(
    "large", ["model.safetensors", "resume/optimizer.pt", "tokenizer.json"], ids=["weights", "tensors", "tokenizer"]
)
def test_what_cannot_be_written_is_named_and_the_checkpoint_before_it_stays(tmp_path: Path, large: str) -> None:
    policy = tiny.policy()
    tensors = {"optimizer": torch.zeros(10**6)} if "optimizer" in large else {}
    with writer(tmp_path, keep=1) as (opened, events):
        opened.save("000001", filled(policy, 1.0), State(Progress(0, 1), tensors))
        opened.wait()
        size = (tmp_path / "000001" / large).stat().st_size
        with no_file_over(size - 1):
            opened.save("000002", filled(policy, 2.0), State(Progress(0, 2), tensors))
            with pytest.raises(WriteFailed, match=rf"000002/{large}: cannot be written: .*GB are free"):
                opened.wait()
        opened.check()  # it has been told: once is enough
    assert events == [("checkpoint", "000001")]
    assert [path.name for path in tmp_path.iterdir()] == ["000001"], "a part of one fills the disk"
    folder, progress = checkpoint.latest(tmp_path) or pytest.fail("no checkpoint")
    assert progress.step == 1
    assert values(folder) == {1.0}


class FillsTheDisk:
    """Judges like `LengthJudge` until no file larger than a few bytes can be written, once a checkpoint is whole."""

    sandbox_description = "none"

    def __init__(self, calls: int, size: int, whole: Path) -> None:
        self._left, self._size, self._whole = calls, size, whole

    def submit(self, problem: Problem, completion: str) -> Future[Verdict]:
        self._left -= 1
        if self._left == 0:
            while not self._whole.exists():  # it is written while the next step is sampled
                time.sleep(0.01)
            resource.setrlimit(resource.RLIMIT_FSIZE, (self._size, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
        return tiny.LengthJudge().submit(problem, completion)


def ending(folder: Path) -> tuple[Any, ...]:
    """All that must be the same in two runs that are one."""
    metrics = [timeless(line) for line in read_lines(folder / "metrics.jsonl")]
    weights = max((folder / "checkpoints").glob("[0-9]*")) / "model.safetensors"
    return (
        metrics,
        rollouts(folder),
        weights.read_bytes(),
        json.loads((folder / "summary.json").read_text()).get("stages"),
    )


# The evaluation before training takes 24 calls, a step 8; a checkpoint's largest file has 90 kB, rollouts have 15.
@pytest.mark.parametrize(("size", "named"), [(50_000, "checkpoints/000002/"), (3_000, "rollouts/step-000001.parquet")])
def test_a_run_whose_disk_is_full_ends_and_goes_on_once_there_is_room(tmp_path: Path, size: int, named: str) -> None:
    config = tiny.config(tmp_path)
    run(config, tmp_path / "whole")
    with no_file_over(2**40), pytest.raises(WriteFailed, match=rf"{named}.*: cannot be written: .* room"):
        run(config, tmp_path / "full", FillsTheDisk(33, size, tmp_path / "full/tiny/checkpoints/000001"))
    found = checkpoint.latest(tmp_path / "full/tiny/checkpoints")
    assert found is not None
    assert found[1].step == 1
    run(config, tmp_path / "full")
    assert ending(tmp_path / "full/tiny") == ending(tmp_path / "whole/tiny")


def test_a_bfloat16_model_is_one_before_and_after_it_is_resumed(tmp_path: Path) -> None:
    model = {"fresh": tiny.MODEL.model_dump(), "dtype": "bfloat16"}
    config = tiny.config(tmp_path, model=model, eval=None, optim={"lr": 1e-2, "warmup": 1})
    run(config, tmp_path / "whole")
    with pytest.raises(SystemExit, match="killed"):
        run(config, tmp_path / "killed", DiesAt(12))
    run(config, tmp_path / "killed")
    assert ending(tmp_path / "killed/tiny") == ending(tmp_path / "whole/tiny")
    for name in ("start", "base", "000003"):
        weights = load_file(tmp_path / "killed/tiny/checkpoints" / name / "model.safetensors")
        assert {tensor.dtype for tensor in weights.values()} == {torch.bfloat16}, name


def test_no_random_state_of_the_process_decides_anything(tmp_path: Path) -> None:
    config = tiny.config(tmp_path)
    run(config, tmp_path / "whole")
    with pytest.raises(SystemExit, match="killed"):
        run(config, tmp_path / "killed", DiesAt(44))
    random.seed(99)
    numpy.random.seed(99)
    torch.manual_seed(99)
    run(config, tmp_path / "killed")
    assert ending(tmp_path / "killed/tiny") == ending(tmp_path / "whole/tiny")


def test_what_the_session_carries_comes_back_as_it_was_at_the_checkpoint(tmp_path: Path) -> None:
    config = tiny.config(tmp_path, eval=None)
    carried = {"taken": 0}
    with (
        RunDirectory.open(tmp_path / "runs", config, "") as directory,
        Session(config, directory, tiny.LengthJudge(), plain) as session,
    ):
        assert session.carry("chooser", lambda: carried) is None
        carried["taken"] = 7
        session.supervise()
        carried["taken"] = 8
    with (
        RunDirectory.open(tmp_path / "runs", config, "") as directory,
        Session(config, directory, tiny.LengthJudge(), plain) as session,
    ):
        assert session.carry("chooser", lambda: carried) == {"taken": 7}
        assert session.carry("nobody", dict) is None


def old_settings(root: Path, config: RunConfig) -> Path:
    """An unfinished run of a version that had no `checkpoints.best`."""
    with RunDirectory.open(root, config, "") as directory:
        path = directory.path / "config.json"
    (directory.checkpoints / "base").mkdir()
    (directory.checkpoints / "base/config.json").touch()
    written = json.loads(path.read_text())
    assert written["checkpoints"].pop("best") == 0
    path.write_text(json.dumps(written))
    return path


def test_a_setting_that_an_earlier_version_lacked_counts_as_its_default(tmp_path: Path) -> None:
    config = tiny.config(tmp_path)
    old_settings(tmp_path / "runs", config)
    with RunDirectory.open(tmp_path / "runs", config, ""):
        pass
    other = tiny.config(tmp_path, checkpoints={"every": 1, "best": 1})
    with (
        pytest.raises(ConfigError, match=r"checkpoints.best was 0, is now 1"),
        RunDirectory.open(tmp_path / "runs", other, ""),
    ):
        pass


def test_a_setting_that_is_no_longer_known_is_named(tmp_path: Path) -> None:
    config = tiny.config(tmp_path)
    path = old_settings(tmp_path / "runs", config)
    path.write_text(json.dumps({**config.model_dump(mode="json"), "replay": 0.5}))
    with (
        pytest.raises(ConfigError, match=r"other settings .*replay was 0.5, is now None"),
        RunDirectory.open(tmp_path / "runs", config, ""),
    ):
        pass


def test_a_line_that_was_cut_off_does_not_run_into_the_next(tmp_path: Path) -> None:
    config = tiny.config(tmp_path)
    with RunDirectory.open(tmp_path, config, "") as directory:
        directory.event("start")
        with (directory.path / "events.jsonl").open("a") as file:
            file.write('{"event": "pha')
    with RunDirectory.open(tmp_path, config, "") as directory:
        directory.event("resume")
        assert [line["event"] for line in read_lines(directory.path / "events.jsonl")] == ["start", "resume"]


def test_half_a_surrogate_pair_in_an_answer_does_not_end_the_run(tmp_path: Path) -> None:
    sampled = Completion([1], [2], [-0.5], "two \ud83d", "stop", 0, 1.0)
    group = Group(
        Problem("a", "1+1?", "mine", {}), [sampled], [Verdict(Status.WRONG, 0.0, "\ud83d", "is \udfff, not é")]
    )
    with RunDirectory.open(tmp_path, tiny.config(tmp_path), "") as directory:
        directory.rollouts(0, [group], [[0.0]], [[0.0]], ["1+1?"])
        [row] = rollouts(directory.path)
    assert (row["completion"], row["answer"], row["detail"]) == ("two \\ud83d", "\\ud83d", "is \\udfff, not é")


def test_a_figure_that_is_no_number_is_null_for_others_and_nan_for_us(tmp_path: Path) -> None:
    with RunDirectory.open(tmp_path, tiny.config(tmp_path), "") as directory:
        directory.metrics(0, {"eval/held_out": math.nan, "grad_norm": math.inf, "loss": 0.5})
        directory.event("judging", verifiers={"math": {"seconds": math.nan}})
        [line] = directory.read_metrics()
        read = {name: read_lines(directory.path / f"{name}.jsonl")[0] for name in ("metrics", "events")}
    assert read["metrics"] == {"step": 0, "eval/held_out": None, "grad_norm": None, "loss": 0.5}
    assert read["events"]["verifiers"] == {"math": {"seconds": None}}
    assert math.isnan(line["eval/held_out"]) and math.isnan(line["grad_norm"]) and line["loss"] == 0.5


def test_what_was_recorded_after_the_checkpoint_is_forgotten(tmp_path: Path) -> None:
    config = tiny.config(tmp_path)
    with RunDirectory.open(tmp_path, config, "") as directory:
        for name in ("held_out-base", "held_out-000002", "held_out-000003"):
            directory.evaluation(name, {})
        for step in range(3):
            directory.metrics(step, {})
            directory.rollouts(step, [], [], [], [])
        directory.forget_after(2)
        assert [line["step"] for line in directory.read_metrics()] == [0, 1]
        left = sorted(path.name for path in directory.path.glob("[er]*/*") if path.is_file())
    assert left == ["held_out-000002.json", "held_out-base.json", "step-000000.parquet", "step-000001.parquet"]


def test_a_checkpoint_opens_in_transformers_with_all_that_is_needed_to_chat(tmp_path: Path) -> None:
    policy = tiny.policy()
    with writer(tmp_path) as (opened, _):
        opened.save("000001", policy, State(Progress(0, 1)))
    folder = tmp_path / "000001"
    model, tokenizer = AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    ids = tokenizer.apply_chat_template([{"role": "user", "content": "1+2"}], add_generation_prompt=True)["input_ids"]
    assert list(ids) == policy.codec.encode_prompt("1+2")
    with torch.no_grad():
        ours, theirs = (m(torch.tensor([ids])).logits for m in (policy.model, model))
    assert torch.equal(ours, theirs)
    assert model.lm_head.weight is model.model.embed_tokens.weight, "tied weights must stay tied"
    assert GenerationConfig.from_pretrained(folder).eos_token_id in policy.codec.stop_ids


def test_a_checkpoint_opens_in_vllm_with_its_own_tokenizer_and_chat_template(tmp_path: Path) -> None:
    policy = tiny.policy(model=tiny.MODEL.model_copy(update={"hidden": 64, "heads": 2}))
    with writer(tmp_path) as (opened, _):
        opened.save("000001", policy, State(Progress(0, 1)))
    model = vllm.LLM(
        str(tmp_path / "000001"),
        dtype="float32",
        max_model_len=128,
        enforce_eager=True,
        gpu_memory_utilization=0.1,
        disable_log_stats=True,
    )
    params = vllm.SamplingParams(temperature=0, max_tokens=6)
    [answer] = model.chat([{"role": "user", "content": "1+2"}], params, use_tqdm=False)
    model.llm_engine.engine_core.shutdown()
    prompt = policy.codec.encode_prompt("1+2")
    assert answer.prompt_token_ids == prompt
    [(_, greedy)] = PlainSampler(policy).sample([prompt], Draw(count=1, max_new_tokens=6, temperature=0, seed=0))
    assert list(answer.outputs[0].token_ids) == list(greedy.token_ids)
    assert answer.outputs[0].text == greedy.text
