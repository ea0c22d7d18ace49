"""The router itself: threads, turns, figures, checks before a run, closing, the face."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import CancelledError, ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar

import pytest

from sandbox import SandboxConfig, SandboxUnavailable
from tests.verifiers.conftest import problem
from verifiers import Boxes, Example, Problem, Router, SpecError, Status, Verdict, Verifier
from verifiers.figures import Tally
from verifiers.watch import Watch, Watched

SLEEPER = "```python\nimport time\ntime.sleep(60)\n```"
SLEEPY = {"kind": "stdio", "tests": [{"stdin": "", "stdout": ""}], "time_limit": 60}


def test_submit_from_many_threads(router: Router) -> None:
    def one(number: int) -> Verdict:
        return router.submit(problem("math", {"answer": "7"}), rf"\boxed{{{number}}}").result()

    with ThreadPoolExecutor(8) as threads:
        verdicts = list(threads.map(one, range(40)))
    assert [number for number, verdict in enumerate(verdicts) if verdict.score == 1.0] == [7]


def test_the_box_and_why_it_was_chosen(router: Router) -> None:
    assert any(kind in router.sandbox_description for kind in ("docker", "bubblewrap")), router.sandbox_description


def test_closing_with_work_in_flight_does_not_hang() -> None:
    router = Router(SandboxConfig(kind="process", slots=1))
    with router:
        futures = [router.submit(problem("hangs for ever", {}), "")]
        futures += [router.submit(problem("code", SLEEPY), SLEEPER) for _ in range(5)]
        time.sleep(0.5)
        before = time.monotonic()
    assert time.monotonic() - before < 20
    assert all(future.done() for future in futures)
    with pytest.raises(CancelledError):
        futures[-1].result(0)
    router.close()
    with pytest.raises(RuntimeError, match="closed"):
        router.submit(problem("math", {"answer": "7"}), "7")


def test_boxes_that_cannot_be_had_are_said_at_the_start_and_unjudged_after() -> None:
    with Router(SandboxConfig(kind="docker", image="no-such-image-anywhere:1")) as router:
        with pytest.raises(SandboxUnavailable):
            router.start()
        [verdict] = router.judge([(problem("code", SLEEPY), SLEEPER)])
    assert verdict.score is None
    assert "no box" in verdict.detail


def test_closing_what_never_ran() -> None:
    Router().close()


def test_pairs_are_read_only_as_far_as_needed(router: Router) -> None:
    num_read = 0

    def pairs():  # type: ignore[no-untyped-def]
        nonlocal num_read
        for _ in range(10_000):
            num_read += 1
            yield problem("math", {"answer": "7"}), "7"

    verdicts = router.stream(pairs())
    assert next(verdicts).score == 1.0
    assert num_read <= 200
    verdicts.close()  # type: ignore[attr-defined]


def test_the_face_is_light_and_whole() -> None:
    heavy = {"torch", "transformers", "vllm", "sympy", "math_verify", "numpy", "jsonschema_rs"}
    code = (
        f"import sys, verifiers; print(sorted({heavy!r} & set(sys.modules)));"
        "print([n for n in verifiers.__all__ if not hasattr(verifiers, n)])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["[]", "[]"]


# ---- turns, figures and checks, seen with verifiers that say what is asked of them


class Slow(Verifier):
    """Takes `spec["seconds"]`, and knows how many it was asked at a time."""

    name = "slow"
    num_asked: ClassVar[int] = 0
    at_once: ClassVar[Counter[str]] = Counter()
    most: ClassVar[int] = 0
    checked: ClassVar[list[Any]] = []
    examples = (Example({}, "", 1.0),)

    def check_spec(self, spec: Mapping[str, Any]) -> None:
        type(self).checked.append(spec["seconds"])
        if spec["seconds"] < 0:
            raise SpecError(f"seconds: found {spec['seconds']}; should be 0 or more")

    async def check_in_box(self, spec: Mapping[str, Any], boxes: Boxes) -> None:
        await asyncio.sleep(0.01)
        if spec["seconds"] > 1000:
            raise SpecError("seconds: found too many")
        if spec["seconds"] == 999:
            raise SandboxUnavailable("the box is gone")

    async def judge(self, spec: Mapping[str, Any], completion: str, boxes: Boxes) -> Verdict:
        Slow.num_asked += 1
        Slow.at_once[self.name] += 1
        Slow.most = max(Slow.most, Slow.at_once.total())
        await asyncio.sleep(spec["seconds"])
        if completion == "hold the loop":
            time.sleep(0.3)
        Slow.at_once[self.name] -= 1
        if completion.startswith("raise"):
            raise RuntimeError("as asked" if completion == "raise" else "otherwise")
        return Verdict(Status.CORRECT, 1.0)


class Quick(Slow):
    name = "quick"


@pytest.fixture
def verifiers_that_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = tmp_path / "waiting-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: waiting\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[assay.verifiers]\nslow = {__name__}:Slow\nquick = {__name__}:Quick\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    Slow.num_asked = Slow.most = 0
    Slow.at_once.clear()
    Slow.checked.clear()
    return


def bare(**settings: Any) -> Router:
    return Router(SandboxConfig(kind="process"), **settings)


def test_a_flood_of_one_kind_does_not_hold_up_another(verifiers_that_wait: None) -> None:
    flood, other = problem("slow", {"seconds": 0.5}), problem("quick", {"seconds": 0.01})
    with bare(max_in_flight=16) as router:
        slow = [router.submit(flood, str(n)) for n in range(320)]
        time.sleep(0.2)
        before = time.monotonic()
        quick = [router.submit(other, str(n)) for n in range(40)]
        assert {future.result(60).score for future in quick} == {1.0}
        assert time.monotonic() - before < 5, "320 of 0.5 s, 16 at a time, take 10 s"
        assert sum(future.done() for future in slow) < 200
        for future in slow:
            future.cancel()


def test_one_kind_alone_has_all_the_turns_and_no_more(verifiers_that_wait: None) -> None:
    with bare(max_in_flight=10) as router:
        before = time.monotonic()
        router.judge([(problem("slow", {"seconds": 0.2}), str(n)) for n in range(50)])
        assert time.monotonic() - before < 5
    assert Slow.most == 10


def test_equal_completions_of_one_problem_in_flight_are_judged_once(verifiers_that_wait: None) -> None:
    one = problem("slow", {"seconds": 0.2})
    with bare() as router:
        assert {verdict.score for verdict in router.judge([(one, "same")] * 30)} == {1.0}
        assert Slow.num_asked == 1
        router.judge([(one, "same"), (problem("slow", {"seconds": 0.2}), "same"), (one, "other")])
        assert Slow.num_asked == 4
    with bare(cache_bytes=0) as router:
        router.judge([(one, "same")] * 30)
    assert Slow.num_asked == 34


def test_who_gives_up_does_not_take_the_verdict_from_the_others(verifiers_that_wait: None) -> None:
    one = problem("slow", {"seconds": 0.5})
    with bare() as router:
        first, second = router.submit(one, "same"), router.submit(one, "same")
        time.sleep(0.1)
        first.cancel()
        assert second.result(10).score == 1.0
        assert Slow.num_asked == 1
        alone = router.submit(one, "alone")
        time.sleep(0.1)
        alone.cancel()
        time.sleep(0.1)
        assert router.figures()["slow"].num_in_flight == 0


def test_who_submits_too_many_waits(verifiers_that_wait: None) -> None:
    done = threading.Event()
    with bare(max_in_flight=4, max_waiting=8) as router:

        def submit_all() -> None:
            for number in range(24):
                router.submit(problem("slow", {"seconds": 0.2}), str(number))
            done.set()

        submitting = threading.Thread(target=submit_all)
        submitting.start()
        time.sleep(0.1)
        assert not done.is_set()
        submitting.join(20)
        assert done.is_set()
    assert Slow.num_asked >= 16


def test_a_submit_that_waits_ends_when_the_router_is_closed(verifiers_that_wait: None) -> None:
    router = bare(max_in_flight=1, max_waiting=1)
    router.submit(problem("slow", {"seconds": 30}), "")
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(router.submit, problem("slow", {"seconds": 0}), "")
        time.sleep(0.1)
        router.close()
        with pytest.raises((RuntimeError, CancelledError)):
            waiting.result(10).result(10)


def test_figures_of_each_verifier(verifiers_that_wait: None) -> None:
    texts = ["raise", "raise", "raise otherwise", "", "hold the loop"]
    with bare() as router:
        router.judge([(problem("slow", {"seconds": 0.05}), text) for text in texts])
        router.judge([(problem("quick", {"seconds": 0.0}), "")])
        figures = router.figures()
    slow = figures["slow"]
    assert slow.by_status == {Status.UNJUDGED: 3, Status.CORRECT: 2}
    assert slow.unjudged_rate == 0.6
    assert next(iter(slow.reasons.items())) == ("verifier slow raised RuntimeError: as asked", 2)
    assert 0.05 <= slow.p50_seconds <= slow.p99_seconds <= slow.max_seconds < 5
    assert 0.3 <= slow.held_loop_seconds < 3 > figures["quick"].held_loop_seconds
    assert figures["quick"].num_judged == 1


def test_ten_thousand_problems_are_checked_soon_and_equal_specs_once(verifiers_that_wait: None) -> None:
    problems = [Problem(f"p{n}", "", "slow", {"seconds": n % 5}) for n in range(10_000)]
    problems += [Problem(f"m{n}", "", "schema", {"schema": {"const": n}}) for n in range(200)]
    before = time.monotonic()
    with bare() as router:
        router.check(problems)
    assert time.monotonic() - before < 60
    assert sorted(Slow.checked) == [0, 1, 2, 3, 4]


def test_all_broken_problems_are_named_up_to_ten(verifiers_that_wait: None) -> None:
    problems = [Problem(f"p{n}", "", "slow", {"seconds": [-1, 1, 2000, -2][n % 4]}) for n in range(8)]
    problems += [Problem("odd", "", "slow", {}), Problem("absent", "", "slwo", {})]
    problems += [Problem(f"q{n}", "", "quick", {"seconds": -10 - n}) for n in range(12)]
    with bare() as router, pytest.raises(SpecError) as caught:
        router.check(problems)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(
        "problem p0 and 1 more: seconds: found -1; should be 0 or more; "
        "problem p2 and 1 more: seconds: found too many; "
        "problem p3 and 1 more: seconds: found -2; should be 0 or more; "
        "problem odd: verifier slow raised KeyError: 'seconds'; "
        "problem absent: verifier: 'slwo' is not installed"
    ), message
    assert message.count("problem q") == 5
    assert message.endswith("; and 7 more problems")


def test_a_broken_problem_is_named_with_its_place_where_that_is_known() -> None:
    spec: dict[str, Any] = {"kind": "stdio", "tests": []}
    with bare() as router, pytest.raises(SpecError) as caught:
        router.check(
            [
                Problem("sum", "", "math", {"answr": "3"}, place="own.jsonl:4"),
                Problem("own.jsonl:7", "", "code", spec, place="own.jsonl:7"),
                Problem("far", "", "maths", {}),
            ]
        )
    sums, code, far = str(caught.value).split("; problem ")
    assert sums.startswith("own.jsonl:4: problem sum: answr: no such field"), sums
    assert code.startswith("own.jsonl:7: ") and code.endswith("tests is empty; kind stdio needs it"), code
    assert far.startswith("far: verifier: 'maths' is not installed") and far.endswith("; did you mean math?"), far


def test_a_part_that_stumbles_over_its_spec_is_named_by_its_path(verifiers_that_wait: None) -> None:
    parts = [{"verifier": "slow", "spec": {"seconds": 1}}, {"verifier": "slow", "spec": {}}]
    with (
        bare() as router,
        pytest.raises(SpecError, match=r"problem p: parts\[1\]\.spec: verifier slow raised KeyError"),
    ):
        router.check([problem("all", {"parts": parts})])
    with bare() as router, pytest.raises(SpecError, match=r"problem p: parts\[0\]\.spec\.seconds: found too many"):
        router.check([problem("all", {"parts": [{"verifier": "slow", "spec": {"seconds": 2000}}]})])


def test_a_box_that_fails_is_no_fault_of_a_spec(verifiers_that_wait: None) -> None:
    with bare() as router, pytest.raises(SandboxUnavailable, match="the box is gone"):
        router.check([problem("slow", {"seconds": 999})])


def test_who_does_not_let_go_of_the_loop_is_named(caplog: pytest.LogCaptureFixture) -> None:
    watch, tally = Watch(warn_seconds=0.2), Tally()
    watch.start()

    async def judge() -> float:
        await asyncio.sleep(0.01)
        time.sleep(0.6)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.05):
                await asyncio.sleep(10)
        return 1.0

    async def call() -> float:
        return await Watched(judge(), "stubborn", tally, watch)

    assert asyncio.run(call()) == 1.0
    watch.close()
    assert 0.6 <= tally.held_loop_seconds < 3
    assert [record.getMessage().split(" has ")[0] for record in caplog.records] == ["the verifier stubborn"]
    assert watch.holder is None
