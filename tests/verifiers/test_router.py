"""The router itself: threads, closing, the face."""

from __future__ import annotations

import subprocess
import sys
import time
from concurrent.futures import CancelledError, ThreadPoolExecutor

import pytest

from sandbox import SandboxConfig, SandboxUnavailable
from tests.verifiers.conftest import problem
from verifiers import Router, Verdict

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
