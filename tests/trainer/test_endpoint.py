"""Completions of a server that answers, refuses, is busy, dies in the middle and lies."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from tiny import LengthJudge

from benchmarks import ProblemSet
from trainer.cli.main import main
from trainer.evals.endpoint import KEY, TRIES, Endpoint
from trainer.evals.evaluate import run
from trainer.evals.protocol import EvalProtocol
from trainer.evals.sources import Answer, Ask
from trainer.sampler import Draw
from trainer.settings import ConfigError
from verifiers import Problem


class Server(ThreadingHTTPServer):
    """Answers as the name of the model asked for says, and keeps what it was sent."""

    daemon_threads = True

    def __init__(self, port: int = 0, *, stays: bool = False) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.stays = stays
        self.requests: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.tries = Counter[int]()
        self.answered = set[int]()
        self.at_once = self.most_at_once = 0
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def leave(self) -> None:
        self.shutdown()
        self.server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that has gone is no news."""


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.server.lock:
            self.server.requests.append({**body, "path": self.path})
            self.server.keys.append(self.headers["Authorization"])
            self.server.tries[body["seed"]] += 1
            attempt = self.server.tries[body["seed"]]
            self.server.at_once += 1
            self.server.most_at_once = max(self.server.most_at_once, self.server.at_once)
        try:
            getattr(self, body["model"])(body, attempt)
        finally:
            with self.server.lock:
                self.server.at_once -= 1

    def good(self, body: dict[str, Any], attempt: int) -> None:
        self.server.answered.add(body["seed"])
        said = f"seed {body['seed']}"
        kind = {"text": said} if "prompt" in body else {"message": {"role": "assistant", "content": said}}
        self.reply(200, {"choices": [{**kind, "finish_reason": "stop"}], "usage": {"completion_tokens": 7}})

    def slow(self, body: dict[str, Any], attempt: int) -> None:
        time.sleep(0.05)
        self.good(body, attempt)

    def busy_twice(self, body: dict[str, Any], attempt: int) -> None:
        if attempt <= 2:
            self.reply(429 if attempt == 1 else 503, {"error": "busy"}, {"Retry-After": "0.01"})
        else:
            self.good(body, attempt)

    def dies_once(self, body: dict[str, Any], attempt: int) -> None:
        if attempt == 1:
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b'{"choices": [')
            self.close_connection = True
        else:
            self.good(body, attempt)

    def leaves(self, body: dict[str, Any], attempt: int) -> None:
        if len(self.server.requests) <= 4 or self.server.stays:
            self.good(body, attempt)
        else:
            self.server.leave()

    def never(self, body: dict[str, Any], attempt: int) -> None:
        self.reply(500, {"error": "out of\nmemory"})

    def too_long(self, body: dict[str, Any], attempt: int) -> None:
        self.reply(400, {"error": "maximum context length is 10 tokens"})

    def unknown(self, body: dict[str, Any], attempt: int) -> None:
        self.reply(404, {"error": "no such model"})

    def filtered(self, body: dict[str, Any], attempt: int) -> None:
        self.reply(200, {"choices": [{"message": {"content": "I"}, "finish_reason": "content_filter"}]})

    def thinks(self, body: dict[str, Any], attempt: int) -> None:
        said = {"content": "It is 2.", "reasoning_content": "1+1"}
        self.reply(200, {"choices": [{"message": said, "finish_reason": "length"}]})

    def empty(self, body: dict[str, Any], attempt: int) -> None:
        self.reply(200, {"choices": []} if attempt == 1 else {"choices": [{"finish_reason": "stop", "text": None}]})

    def reply(self, code: int, body: object, headers: dict[str, str] | None = None) -> None:
        content = json.dumps(body).encode()
        self.send_response(code)
        for name, value in {"Content-Length": str(len(content)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


@contextmanager
def serving(port: int = 0, *, stays: bool = False) -> Iterator[Server]:
    with Server(port, stays=stays) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as server:
        yield server


def problem(name: str) -> Problem:
    return Problem(name, f"What is {name}?", "math", {"answer": "1"})


def answers(server: Server, model: str, count: int = 1, **protocol: Any) -> list[Answer]:
    endpoint = Endpoint(server.url, model, EvalProtocol.model_validate(protocol), concurrency=4, pause=0.001)
    asks = [Ask(0, problem("a"), endpoint.prompt(problem("a")), number, 3) for number in range(count)]
    found = {ask.number: answer for ask, answer in endpoint.complete(asks)}
    return [found[number] for number in range(count)]


def test_a_chat_is_asked_with_all_that_the_protocol_says(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY, "secret")
    (answer,) = answers(server, "good", system="Be brief.", stop=["Q:"], temperature=0.6, top_p=0.95, max_new_tokens=9)
    seed = Ask(0, problem("a"), None, 0, 3).seed  # type: ignore[arg-type]
    assert (answer.text, answer.finish, answer.tokens) == (f"seed {seed}", "stop", 7)
    assert server.requests == [
        {
            "model": "good", "path": "/v1/chat/completions", "seed": seed,
            "temperature": 0.6, "top_p": 0.95, "max_tokens": 9, "stop": ["Q:"],
            "messages": [
                {"role": "system", "content": "Be brief."}, {"role": "user", "content": "What is a?"}
            ],
        }
    ]  # fmt: skip
    assert server.keys == ["Bearer secret"]


def test_a_base_model_is_asked_for_plain_text(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(KEY, raising=False)
    (answer,) = answers(server, "good", form="raw", prefill=" Well,")
    assert answer.text.startswith("seed ")
    assert (server.requests[0]["path"], server.requests[0]["prompt"]) == ("/v1/completions", "What is a? Well,")
    assert server.keys == [None]


def test_samples_of_a_problem_have_seeds_of_their_own(server: Server) -> None:
    found = answers(server, "good", 20, n=20)
    assert len({answer.text for answer in found}) == 20


def test_no_more_requests_are_open_than_allowed(server: Server) -> None:
    answers(server, "slow", 24, n=24)
    assert 1 < server.most_at_once <= 4


@pytest.mark.parametrize(("model", "tries"), [("busy_twice", 3), ("dies_once", 2), ("empty", 2)])
def test_what_passes_is_tried_again(server: Server, model: str, tries: int) -> None:
    (answer,) = answers(server, model)
    assert answer.finish == "stop", answer
    assert len(server.requests) == tries


@pytest.mark.parametrize(
    ("model", "tries", "why"),
    [
        ("never", TRIES, 'after 8 tries: HTTP 500: {"error": "out of\\nmemory"}'),
        ("too_long", 1, "maximum context length is 10 tokens"),
        ("filtered", 1, "finish_reason 'content_filter'"),
    ],
)
def test_what_does_not_pass_has_failed_and_says_why(server: Server, model: str, tries: int, why: str) -> None:
    (answer,) = answers(server, model)
    assert (answer.finish, answer.text) == ("failed", "")
    assert why in answer.why
    assert len(server.requests) == tries


def test_a_refusal_ends_the_eval_in_one_line(server: Server) -> None:
    with pytest.raises(ConfigError, match=r"endpoint: .* refuses model 'unknown': HTTP 404: .*no such model"):
        answers(server, "unknown", 5, n=5)


def test_no_server_is_a_failure_too(server: Server) -> None:
    server.server_close()
    (answer,) = answers(server, "good")
    assert answer.finish == "failed" and "Connection refused" in answer.why


def test_thoughts_that_a_server_parts_from_the_answer_are_put_back(server: Server) -> None:
    (answer,) = answers(server, "thinks")
    assert (answer.text, answer.finish) == ("<think>\n1+1\n</think>\n\nIt is 2.", "length")


def test_a_completion_that_was_not_got_is_counted_and_has_no_score(server: Server) -> None:
    problems = ProblemSet("two", "1", (problem("a"), problem("b")))
    endpoint = Endpoint(server.url, "too_long", EvalProtocol(), concurrency=2, pause=0.001)
    found = run(problems, endpoint, LengthJudge(), Draw(1, 10, 0.0, 0))
    assert found.counts() == {"unjudged": 2, "truncated": 0, "failed": 2, "prompts_too_long": 0, "problems": 2}
    assert found.report()["score"] == {"mean": None, "low": None, "high": None}


def test_a_server_that_is_gone_ends_the_eval_and_the_same_command_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("trainer.evals.endpoint.TRIES", 2)  # a second, and not two minutes
    rows = [{"id": name, "prompt": f"{name}?", "verifier": "math", "spec": {"answer": "1"}} for name in "abcdefghijkl"]
    (tmp_path / "many.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    words = ["eval", "jsonl", f"data={tmp_path / 'many.jsonl'}", "--model", "leaves", "--out", str(tmp_path / "r.json")]
    with serving() as server:
        words += ["--endpoint", server.url, "concurrency=4", "sandbox.kind=process"]
        with pytest.raises(SystemExit) as ended:
            main(words)
    said = capsys.readouterr().err
    assert ended.value.code == 3 and len(said.splitlines()) == 2, said
    assert said.startswith(f"endpoint: {server.url}: ") and "; trying again, up to 2 times\n" in said, "while it waits"
    assert f"endpoint: {server.url} is gone: 3 completions in a row failed after 2 tries: " in said
    assert len((tmp_path / "r.journal.jsonl").read_text().splitlines()) == 4
    with serving(server.server_address[1], stays=True) as another:
        assert main(words) == 0
    asked = {request["seed"] for request in another.requests}  # by threads of the first, too, as its process goes on
    assert len(asked) == 8 and not asked & server.answered, "what is in the journal is not asked again"
