"""Many completions in, as many verdicts out, as they finish."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import dataclasses
import hashlib
import marshal
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Coroutine, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from sandbox import Preload, SandboxConfig, SandboxError, SandboxUnavailable, SlotsError
from verifiers import plugins
from verifiers.base import Boxes, Verifier
from verifiers.figures import Figures, Tally
from verifiers.service import Services
from verifiers.shipped import are_ours, preload
from verifiers.turns import FairPool, Turns, asker
from verifiers.types import Problem, SpecError, Status, Verdict
from verifiers.watch import Watch, Watched

MAX_IN_FLIGHT = 64
"""Completions being judged at a time; the boxes themselves are fewer, and queue what they are given."""

MAX_WAITING = 8192
"""Completions submitted and not yet judged; who submits another waits."""

CACHE_BYTES = 64 * 2**20
"""Memory for the outcomes of equal jobs, in each pool."""

CLOSE_SECONDS = 30.0
"""How long closing waits for boxes to go."""

MAX_COMPLAINTS = 10
"""Broken problems that `check` names."""


T = TypeVar("T")


class Router:
    """Sends each completion to its problem's verifier, and owns the boxes they use.

    Thread-safe. Boxes start with `start`, or with the first completion that needs one. Close it, or use `with`: boxes
    outlive neither. Completions still in flight when it closes are cancelled.

    - **Bounded**: `max_in_flight` completions are judged at a time, a few more where many verifiers are asked, and of
      each asynchronous verifier `concurrency` besides. `submit` waits while `max_waiting` are unfinished; `stream`
      reads its pairs only as far ahead as they are judged.
    - **Fair**: a verifier takes all turns while no other asks, and an equal share of them, at the router and at the
      boxes, as soon as others do (`turns.py`).
    - **Once**: completions that are equal, of one problem and in flight at the same time, are judged once, and what
      runs in boxes runs once for equal answers; neither if `cache_bytes` is 0.
    """

    def __init__(
        self,
        sandbox: SandboxConfig | None = None,
        *,
        max_in_flight: int = MAX_IN_FLIGHT,
        max_waiting: int = MAX_WAITING,
        cache_bytes: int = CACHE_BYTES,
    ) -> None:
        self._sandbox = sandbox or SandboxConfig()
        self._cache_bytes = cache_bytes
        self._max_in_flight, self._max_waiting = max_in_flight, max_waiting
        self._verifiers: dict[str, Verifier | SpecError] = {}
        self._lock = threading.RLock()
        self._has_room = threading.Condition()
        self._num_waiting = 0
        self._tasks: set[asyncio.Task[Any]] = set()
        self._flights: dict[_Key, _Flight] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._boxes: Boxes | None = None
        self._own_checks: dict[tuple[Path, ...], FairPool] = {}
        self._turns = Turns(max_in_flight)
        self._service_turns: dict[str, asyncio.Semaphore] = {}
        self._tallies: dict[str, Tally] = {}
        self._watch = Watch()
        self._is_closed = False

    def __enter__(self) -> Router:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def start(self) -> None:
        """Bring the boxes up now, or raise `SandboxUnavailable`."""
        with self._lock:
            boxes = self._running()
            starting = [self._call(pool.start()) for pool in (boxes.programs, boxes.checks)]
        for future in starting:
            future.result()

    def check(self, problems: Iterable[Problem]) -> None:
        """Raise one `SpecError` that names the problems whose verifier or spec is broken. Call it before a run.

        Equal specs are checked once, and what only a box can tell is asked of many at a time; boxes that fail are no
        fault of a spec, and raise `SandboxError`.
        """
        if complaints := self._complaints(problems):
            raise SpecError(_all_complaints(complaints))

    def unsound(self, problems: Iterable[Problem]) -> dict[str, str]:
        """Problem id to what is wrong with it, of those that `check` would name: for sets that come as they are."""
        complaints = self._complaints(problems)
        return {problem.id: message for message, asked in complaints.items() for problem in asked.problems}

    def _complaints(self, problems: Iterable[Problem]) -> dict[str, _Asked]:
        """What is wrong, in one line each, with all problems of which it is true."""
        complaints: dict[str, _Asked] = {}
        probing: list[tuple[_Asked, concurrent.futures.Future[None]]] = []
        try:
            for asked in _distinct(problems):
                problem = asked.problem
                with _complaint(asked, complaints):
                    verifier = self._verifier(problem.verifier)
                    verifier.check_spec(problem.spec)
                    if type(verifier).check_in_box is not Verifier.check_in_box:
                        with self._lock:
                            self._running()
                            probing.append((asked, self._call(self._check_in_box(verifier, problem.spec))))
            for asked, future in probing:
                with _complaint(asked, complaints):
                    future.result()
        finally:
            for _, future in probing:
                future.cancel()
        return complaints

    def submit(self, problem: Problem, completion: str) -> concurrent.futures.Future[Verdict]:
        """Judge one completion in the background. The future gives a verdict, UNJUDGED if need be, or is cancelled.

        Waits, with the thread that calls it, while `max_waiting` completions are unfinished.
        """
        with self._has_room:
            self._has_room.wait_for(lambda: self._num_waiting < self._max_waiting or self._is_closed)
            self._num_waiting += 1
        try:
            with self._lock:
                self._running()
                future = self._call(self._judge(problem, completion))
        except RuntimeError:
            self._leave()
            raise
        future.add_done_callback(lambda _: self._leave())
        return future

    def stream(self, pairs: Iterable[tuple[Problem, str]]) -> Iterator[Verdict]:
        """Verdicts in the order of `pairs`, which is read only as far ahead as completions are judged at a time."""
        waiting: deque[concurrent.futures.Future[Verdict]] = deque()
        try:
            for problem, completion in pairs:
                waiting.append(self.submit(problem, completion))
                if len(waiting) >= self._window(problem.verifier):
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()

    def judge(self, pairs: Iterable[tuple[Problem, str]]) -> list[Verdict]:
        """All verdicts, in the order of `pairs`."""
        return list(self.stream(pairs))

    def figures(self) -> dict[str, Figures]:
        """Latencies and failures of each verifier that was asked, by name."""
        return {name: tally.figures() for name, tally in sorted(self._tallies.copy().items())}

    @property
    def sandbox_description(self) -> str:
        """Which box runs the programs, and why that one; of use once they are up."""
        programs = self._running().programs
        return f"{programs.description} ({programs.reason})"

    @property
    def sandbox_image(self) -> str:
        """Digest of what is in the boxes; empty for bare processes, and before they are up."""
        return self._running().programs.image

    def close(self) -> None:
        """End what is in flight and every box. Twice is harmless."""
        with self._lock:
            loop, thread, boxes = self._loop, self._thread, self._boxes
            self._loop = self._thread = None  # not the boxes: what is in flight uses them until it is cancelled
            self._is_closed = True
        with self._has_room:
            self._has_room.notify_all()
        self._watch.close()
        if loop is None or thread is None or boxes is None:
            return
        closing = asyncio.run_coroutine_threadsafe(self._shut(boxes), loop)
        try:
            closing.result(CLOSE_SECONDS)
        except concurrent.futures.TimeoutError:
            closing.cancel()
        finally:
            loop.call_soon_threadsafe(loop.stop)
            thread.join(CLOSE_SECONDS)
            if not thread.is_alive():
                loop.close()

    async def _judge(self, problem: Problem, completion: str) -> Verdict:
        """One submitted completion: joins an equal one that is in flight, if there is any."""
        # Half a surrogate pair cannot be written anywhere; whatever it was, it is no part of a right answer.
        text = completion.encode(errors="replace").decode()
        if not self._cache_bytes:
            return await self._task(self._judged(problem, text))
        key = problem.id, problem.verifier, id(problem.spec), text  # the flight holds the spec, so its id stays its own
        flight = self._flights.get(key)
        if flight is None:
            flight = self._flights[key] = _Flight(self._task(self._judged(problem, text)))
            flight.task.add_done_callback(lambda _, flight=flight: self._land(key, flight))  # type: ignore[misc]
        flight.num_waiting += 1
        try:
            return await asyncio.shield(flight.task)
        finally:
            flight.num_waiting -= 1
            if not flight.num_waiting:
                self._land(key, flight)
                flight.task.cancel()

    def _land(self, key: _Key, flight: _Flight) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]

    async def _judged(self, problem: Problem, text: str) -> Verdict:
        verdict, is_spec_broken = await self._verdict(problem.verifier, problem.spec, text)
        return (
            dataclasses.replace(verdict, detail=f"problem {problem.id}: {verdict.detail}")
            if is_spec_broken
            else verdict
        )

    async def _verdict(self, name: str, spec: Mapping[str, Any], text: str) -> tuple[Verdict, bool]:
        """The verdict, and whether it is UNJUDGED because the spec is broken. Whatever a plugin raises ends here."""
        is_spec_broken = False
        tally = self._tally(name)
        started = time.monotonic()
        try:
            verifier = self._verifier(name)
            async with self._turn(verifier):
                started = time.monotonic()
                tally.num_in_flight += 1
                try:
                    said: object = await self._watched(verifier, verifier.judge(spec, text, self._boxes_of(verifier)))
                finally:
                    tally.num_in_flight -= 1
            if isinstance(said, Verdict):
                verdict = said
            else:
                verdict = _unjudged(f"verifier {name} returned {type(said).__name__}; should be a Verdict")
        except SpecError as error:
            verdict, is_spec_broken = _unjudged(str(error)), True
        except SlotsError:  # the user's mistake, whatever the completion
            raise
        except SandboxUnavailable as error:
            verdict = _unjudged(f"no box: {error}")
        except Exception as error:  # noqa: BLE001 - a plugin may raise anything, and the run goes on
            verdict = _unjudged(f"verifier {name} raised {type(error).__name__}: {error}")
        tally.count(verdict, time.monotonic() - started)
        return verdict, is_spec_broken

    async def _check_in_box(self, verifier: Verifier, spec: Mapping[str, Any]) -> None:
        async with self._turn(verifier):
            await self._watched(verifier, verifier.check_in_box(spec, self._boxes_of(verifier)))

    def _watched(self, verifier: Verifier, coroutine: Coroutine[Any, Any, T]) -> Watched[T]:
        return Watched(coroutine, verifier.name, self._tally(verifier.name), self._watch)

    def _tally(self, name: str) -> Tally:
        return self._tallies.setdefault(name, Tally())

    @contextlib.asynccontextmanager
    async def _turn(self, verifier: Verifier) -> AsyncIterator[None]:
        """Until it is `verifier`'s turn; what it asks of the boxes is then asked in its name."""
        if verifier.is_composed:
            yield
            return
        if verifier.is_asynchronous:
            line = self._service_turns.setdefault(verifier.name, asyncio.Semaphore(verifier.concurrency))
            turn: contextlib.AbstractAsyncContextManager[None] = line
        else:
            turn = self._turns.turn(verifier.name)
        async with turn:
            before = asker.set(verifier.name)
            try:
                yield
            finally:
                asker.reset(before)

    def _boxes_of(self, verifier: Verifier) -> Boxes:
        """Ours share their check boxes. Those of others have boxes of their own: what does not load there is theirs."""
        assert self._boxes is not None, "_running was called"
        inside = tuple(verifier.inside)
        if are_ours(inside):
            return self._boxes
        if inside not in self._own_checks:
            self._own_checks[inside] = FairPool(self._sandbox, preload=preload(inside), cache_bytes=self._cache_bytes)
        return dataclasses.replace(self._boxes, checks=self._own_checks[inside])

    def _verifier(self, name: str) -> Verifier:
        if name not in self._verifiers:
            try:
                self._verifiers[name] = plugins.load(name)
            except SpecError as error:
                self._verifiers[name] = error
        found = self._verifiers[name]
        if isinstance(found, SpecError):
            raise type(found)(str(found))
        return found

    def _window(self, name: str) -> int:
        """How far `stream` reads ahead: as many as are judged at a time, and as many that wait."""
        found = self._verifiers.get(name)
        is_asynchronous = isinstance(found, Verifier) and found.is_asynchronous
        return 2 * max(self._max_in_flight, found.concurrency if isinstance(found, Verifier) and is_asynchronous else 0)

    def _leave(self) -> None:
        with self._has_room:
            self._num_waiting -= 1
            self._has_room.notify()

    def _running(self) -> Boxes:
        """The boxes, and the thread whose loop they belong to. None of them is up yet."""
        with self._lock:
            if self._is_closed:
                raise RuntimeError("this Router is closed")
            if self._boxes is None:
                self._boxes = _boxes(self._sandbox, self._cache_bytes, _Others(self))
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=self._loop.run_forever, name="assay-router", daemon=True)
                self._thread.start()
                self._watch.start()
            return self._boxes

    def _call(self, coroutine: Coroutine[Any, Any, T]) -> concurrent.futures.Future[T]:
        assert self._loop is not None, "_running was called"
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    def _task(self, coroutine: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """One that `close` ends."""
        task = asyncio.ensure_future(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _shut(self, boxes: Boxes) -> None:
        """Cancel what is being judged, then close the pools, each even if another fails."""
        judging = list(self._tasks)
        for task in judging:
            task.cancel()
        await asyncio.gather(*judging, return_exceptions=True)
        closing = [place.close() for place in (boxes.programs, boxes.checks, boxes.plugins, boxes.services)]
        closing += [pool.close() for pool in self._own_checks.values()]
        await asyncio.gather(*closing, return_exceptions=True)


_Key = tuple[str, str, int, str]


@dataclass(slots=True)
class _Flight:
    """A completion being judged, for all who wait for its verdict."""

    task: asyncio.Task[Verdict]
    num_waiting: int = 0


@dataclass(frozen=True, slots=True)
class _Others:
    """The router's other verifiers, for one that is composed of them."""

    router: Router

    async def judge(self, verifier: str, spec: Mapping[str, Any], completion: str) -> Verdict:
        verdict, _ = await self.router._verdict(verifier, spec, completion)
        return verdict

    async def check(self, verifier: str, spec: Mapping[str, Any]) -> None:
        await self.router._check_in_box(self.router._verifier(verifier), spec)


@dataclass(slots=True)
class _Asked:
    """Problems with an equal spec, of which the first is checked for all."""

    index: int
    problems: list[Problem]

    @property
    def problem(self) -> Problem:
        return self.problems[0]

    @property
    def num_equal(self) -> int:
        return len(self.problems)


def _distinct(problems: Iterable[Problem]) -> list[_Asked]:
    """One problem for each verifier and content of a spec, in order."""
    found: dict[object, _Asked] = {}
    for index, problem in enumerate(problems):
        try:
            plain = marshal.dumps(dict(problem.spec), 2)  # the version that takes no note of shared objects
            content: object = hashlib.sha256(plain).digest()  # tests may be large
        except ValueError:  # more than plain values
            content = index
        found.setdefault((problem.verifier, content), _Asked(index, [])).problems.append(problem)
    return list(found.values())


@contextlib.contextmanager
def _complaint(asked: _Asked, complaints: dict[str, _Asked]) -> Iterator[None]:
    """Take down what is wrong with a problem; equal complaints count together."""
    try:
        yield
        return
    except SpecError as error:
        message = str(error)
    except SandboxError:
        raise
    except plugins.ERRORS as error:  # a plugin's own, stumbling over a spec that it did not expect
        message = f"verifier {asked.problem.verifier} raised {type(error).__name__}: {error}"
    known = complaints.setdefault(" ".join(message.splitlines()), asked)
    if known is not asked:
        known.problems += asked.problems


def _all_complaints(complaints: Mapping[str, _Asked]) -> str:
    """One line: the first problems in their order, with what is wrong, and how many more."""
    ordered = sorted(complaints.items(), key=lambda pair: pair[1].index)
    lines = [
        f"{asked.problem.described}{f' and {asked.num_equal - 1} more' * (asked.num_equal > 1)}: {message}"
        for message, asked in ordered[:MAX_COMPLAINTS]
    ]
    if left := sum(asked.num_equal for _, asked in ordered[MAX_COMPLAINTS:]):
        lines.append(f"and {left} more problems")
    return "; ".join(lines)


def _unjudged(why: str) -> Verdict:
    return Verdict(Status.UNJUDGED, None, detail=" ".join(why.split())[:300])


def _boxes(sandbox: SandboxConfig, cache_bytes: int, others: _Others) -> Boxes:
    kinds = [plugin.verifier for plugin in plugins.installed() if plugin.verifier]
    inside = dict.fromkeys(path for kind in kinds for path in kind.inside if are_ours([path]))
    processes = SandboxConfig(kind="process", slots=sandbox.slots)
    return Boxes(
        programs=FairPool(sandbox, cache_bytes=cache_bytes),
        checks=FairPool(sandbox, preload=preload(inside), cache_bytes=cache_bytes),
        plugins=FairPool(processes, preload=[Preload("verifiers.plugins")]),
        services=Services(),
        others=others,
    )
