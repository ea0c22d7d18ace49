"""Completions of an OpenAI-compatible server, many requests at a time, each tried again while that may help."""

from __future__ import annotations

import http.client
import json
import os
import random
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Iterator, Sequence
from queue import SimpleQueue
from typing import Any

from trainer.evals.protocol import EvalProtocol
from trainer.evals.sources import Answer, Ask, Prompt, SourceGone
from trainer.settings import ConfigError
from verifiers import Problem

KEY = "ASSAY_ENDPOINT_KEY"
"""Environment variable with the server's key, if it wants one."""
TRIES = 8
"""For each completion, with pauses of 1, 2, 4, … seconds, a minute at most, between them: some two minutes in all."""
GONE_AFTER = 3
"""Completions in a row for which, after all tries, there was no connection: the server is down."""
TIMEOUT = 3600.0
"""Seconds without a byte from the server: a long completion comes all at once."""
TEMPORARY = frozenset({408, 409, 425, 429})
"""Besides all from 500 on."""
REFUSALS = frozenset({401, 403, 404, 405})
"""What no other request would change: the user's mistake."""

_Got = tuple[Answer, bool]
"""And whether the last try came to no connection, so that the server itself may be gone."""
_Done = SimpleQueue[tuple[Ask, _Got | BaseException]]


class Endpoint:
    """A server's completions. Its own chat template makes the prompts, and its own limits say what has room.

    In raw form its completions endpoint is asked, else the one for chats. `prefill` belongs to the template then, and
    must be empty. A completion that could not be got is `failed`, with the server's reason, and is nobody's score; once
    the server is gone for good, `complete` ends with `SourceGone`.
    """

    absence = "prompts_too_long"
    block = None

    def __init__(self, url: str, model: str, protocol: EvalProtocol, *, concurrency: int, pause: float = 1.0) -> None:
        """`pause`: seconds before the second try."""
        assert protocol.form == "raw" or not protocol.prefill, "a chat's answer cannot be begun for a server"
        self._url, self._model, self._protocol = url.rstrip("/"), model, protocol
        self._concurrency, self._pause = concurrency, pause
        self._key = os.environ.get(KEY, "")
        self._is_waiting_known = False

    def prompt(self, problem: Problem) -> Prompt:
        if self._protocol.form == "raw":
            return Prompt(self._protocol.text(problem))
        return Prompt(self._protocol.messages(problem))

    def count(self, problem: Problem) -> int:
        return self._protocol.n

    def complete(self, asks: Sequence[Ask]) -> Iterator[tuple[Ask, Answer]]:
        waiting: deque[Ask] = deque(asks)
        done: _Done = SimpleQueue()
        for _ in range(min(self._concurrency, len(asks))):  # daemons: whoever interrupts an eval need not wait for them
            threading.Thread(target=self._serve, args=(waiting, done), daemon=True).start()
        num_unreached = 0
        try:
            for _ in asks:
                ask, found = done.get()
                if isinstance(found, BaseException):
                    raise found
                answer, is_unreached = found
                num_unreached = num_unreached + 1 if is_unreached else 0
                if num_unreached == GONE_AFTER:
                    raise SourceGone(
                        f"endpoint: {self._url} is gone: {GONE_AFTER} completions in a row failed {answer.why}; start "
                        "the server again, and the same command goes on from the journal"
                    )
                yield ask, answer
        finally:
            waiting.clear()

    def _serve(self, waiting: deque[Ask], done: _Done) -> None:
        while True:
            try:
                ask = waiting.popleft()
            except IndexError:
                return
            try:
                done.put((ask, self._answer(ask)))
            except ConfigError as error:
                done.put((ask, error))
            except BaseException as error:
                done.put((ask, error))
                raise

    def _answer(self, ask: Ask) -> _Got:
        started = time.monotonic()
        for attempt in range(TRIES):
            try:
                return _read(self._post(ask), time.monotonic() - started), False
            except urllib.error.HTTPError as error:
                why, wait, is_unreached = _reason(error), _retry_after(error), False
                if error.code in REFUSALS:
                    raise ConfigError(f"endpoint: {self._url} refuses model {self._model!r}: {why}") from None
                if error.code < 500 and error.code not in TEMPORARY:
                    return Answer("", "failed", why=why), False
            except (OSError, http.client.HTTPException, ValueError, LookupError, TypeError) as error:
                # No connection, a lost one, or no answer in it.
                why, wait, is_unreached = f"{type(error).__name__}: {error}", 0.0, isinstance(error, OSError)
            if attempt < TRIES - 1:
                self._tell_once(why)
                time.sleep(max(wait, min(60.0, self._pause * 2**attempt * random.uniform(0.5, 1.5))))
        return Answer("", "failed", why=f"after {TRIES} tries: {' '.join(why.split())}"[:300]), is_unreached

    def _tell_once(self, why: str) -> None:
        """Why nothing seems to happen for the next two minutes."""
        if not self._is_waiting_known:
            self._is_waiting_known = True
            print(f"endpoint: {self._url}: {why}; trying again, up to {TRIES} times", file=sys.stderr, flush=True)

    def _post(self, ask: Ask) -> Any:
        asked = self._protocol
        body: dict[str, Any] = {
            "model": self._model,
            "temperature": asked.temperature,
            "top_p": asked.top_p,
            "max_tokens": asked.max_new_tokens,
            "seed": ask.seed,
        }
        if asked.stop:
            body["stop"] = list(asked.stop)
        path = "completions" if asked.form == "raw" else "chat/completions"
        body["prompt" if asked.form == "raw" else "messages"] = ask.prompt.sent
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {self._key}"} if self._key else {})
        request = urllib.request.Request(f"{self._url}/{path}", json.dumps(body).encode(), headers)
        with urllib.request.urlopen(request, timeout=TIMEOUT) as response:
            return json.load(response)


def _read(found: Any, seconds: float) -> Answer:
    """The answer in a response; LookupError or TypeError if there is none."""
    choice = found["choices"][0]
    said = choice.get("message") or {"content": choice.get("text")}
    text, thought = said.get("content") or "", said.get("reasoning_content") or said.get("reasoning") or ""
    if thought:
        text = f"<think>\n{thought}\n</think>\n\n{text}" if text else f"<think>\n{thought}"
    finish = choice.get("finish_reason")
    if finish not in ("stop", "length"):
        return Answer("", "failed", why=f"the server ended it with finish_reason {finish!r}")
    tokens = (found.get("usage") or {}).get("completion_tokens") or 0
    return Answer(text, finish, int(tokens), seconds)


def _reason(error: urllib.error.HTTPError) -> str:
    said = error.read(2000).decode(errors="replace")
    return " ".join(f"HTTP {error.code}: {said}".split())[:300]


def _retry_after(error: urllib.error.HTTPError) -> float:
    """Seconds that the server asks us to wait, ten minutes at most; 0 where it does not say."""
    value = error.headers.get("Retry-After", "")
    return min(600.0, float(value)) if value.replace(".", "", 1).isdigit() else 0.0
