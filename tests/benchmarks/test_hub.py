"""Sets from the hub: fetched once from whatever answers as the hub, then served from its cache without a network."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from tests.benchmarks.test_livecodebench import ROW as LIVECODEBENCH
from tests.benchmarks.test_named_sets import HUMANEVAL, IFEVAL, MATH, MBPP
from tests.benchmarks.test_training_sets import APPS, DAPO, DEEPSCALER, EURUS, OPENR1_CODE, OPENR1_MATH

AIME = {"id": 60, "problem": "1+1?", "answer": "002"}
GSM8K = {"question": "1+1?", "answer": "#### 2"}
MATH500 = MATH | {"answer": "2", "subject": "Algebra", "level": 2, "unique_id": "test/algebra/1.json"}
ROWS: dict[str, dict[str, Any]] = {
    "HuggingFaceH4/MATH-500/test.jsonl": MATH500,
    "HuggingFaceH4/aime_2024/data/train-00000-of-00001.parquet": AIME,
    "math-ai/aime25/test.jsonl": AIME,
    "openai/gsm8k/main/test-00000-of-00001.parquet": GSM8K,
    "EleutherAI/hendrycks_math/algebra/test-00000-of-00001.parquet": MATH,
    "EleutherAI/hendrycks_math/geometry/test-00000-of-00001.parquet": MATH | {"problem": "2+2?"},
    "openai/openai_humaneval/openai_humaneval/test-00000-of-00001.parquet": HUMANEVAL,
    "google-research-datasets/mbpp/full/test-00000-of-00001.parquet": MBPP,
    "google/IFEval/ifeval_input_data.jsonl": IFEVAL,
    "livecodebench/code_generation_lite/test.jsonl": LIVECODEBENCH,
    "livecodebench/code_generation_lite/test2.jsonl": LIVECODEBENCH | {"question_id": "abc002_a"},
    "someone/problems/own.parquet": {"q": "1+1?", "a": "2"},
    "agentica-org/DeepScaleR-Preview-Dataset/deepscaler.json": DEEPSCALER,
    "BytedTsinghua-SIA/DAPO-Math-17k/data/dapo-math-17k.parquet": DAPO,
    "open-r1/OpenR1-Math-220k/data/train-00000-of-00002.parquet": OPENR1_MATH,
    "open-r1/OpenR1-Math-220k/data/train-00001-of-00002.parquet": OPENR1_MATH | {"problem": "2+0?", "uuid": "u-2"},
    "open-r1/OpenR1-Math-220k/all/train-00000-of-00001.parquet": OPENR1_MATH,
    "open-r1/verifiable-coding-problems-python/data/train-00000-of-00001.parquet": OPENR1_CODE,
    "BAAI/TACO/ALL/train-00000-of-00001.parquet": APPS,
    "codeparrot/apps/train.jsonl": APPS,
    "PRIME-RL/Eurus-2-RL-Data/train.parquet": EURUS,
}
"""Where each set's rows are on the hub, with one row; MATH's other subjects are empty files."""
EMPTY = ("counting_and_probability", "intermediate_algebra", "number_theory", "prealgebra", "precalculus")


def contents(name: str) -> bytes | None:
    """A file of the hub, by repository and path."""
    if name.startswith("EleutherAI/hendrycks_math/") and name.split("/")[2] in EMPTY:
        table = pyarrow.Table.from_pylist([MATH])[:0]
    elif (row := ROWS.get(name)) is None:
        return None
    elif name.endswith(".jsonl"):
        return json.dumps(row).encode() + b"\n"
    elif name.endswith(".json"):
        return json.dumps([row]).encode()
    else:
        table = pyarrow.Table.from_pylist([row])
    file = io.BytesIO()
    pyarrow.parquet.write_table(table, file)
    return file.getvalue()


def listing(path: str) -> bytes:
    """What the hub says of a repository and of its files."""
    repository = "/".join(path.split("/")[3:5])
    files = [name.removeprefix(f"{repository}/") for name in ROWS if name.startswith(f"{repository}/")]
    if "/tree/" in path:
        return json.dumps([{"type": "file", "path": file, "size": 1, "oid": "0" * 40} for file in files]).encode()
    return json.dumps({"id": repository, "sha": "0" * 40, "siblings": [{"rfilename": f} for f in files]}).encode()


class Hub(BaseHTTPRequestHandler):
    """As much of the hub as a download needs."""

    def do_HEAD(self) -> None:
        self.answer()

    def do_GET(self) -> None:
        self.wfile.write(self.answer())

    def answer(self) -> bytes:
        if self.path.startswith("/api/datasets/"):
            found: bytes | None = listing(self.path.split("?")[0])
        else:
            found = contents(re.sub(r"/resolve/\w+/", "/", self.path.removeprefix("/datasets/")))
        self.send_response(404 if found is None else 200)
        body = found or b""
        self.send_header("ETag", f'"{hashlib.sha256(body).hexdigest()}"')
        self.send_header("X-Repo-Commit", "0" * 40)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        return body

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the tests say what went wrong."""


@pytest.fixture
def hub() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


ASKED: tuple[tuple[str, dict[str, Any], list[str]], ...] = (
    ("math500", {}, ["test/algebra/1.json"]),
    ("aime24", {}, ["60"]),
    ("aime25", {}, ["60"]),
    ("gsm8k", {}, ["gsm8k/test/0"]),
    ("math", {}, ["math/test/0", "math/test/1"]),
    ("humaneval", {}, ["HumanEval/0"]),
    ("mbpp", {}, ["mbpp/11"]),
    ("ifeval", {}, ["ifeval/7"]),
    ("livecodebench", {"release": "v1_v2"}, ["abc001_a", "abc002_a"]),
    (
        "table",
        {"hub": "someone/problems", "file": "own.parquet", "columns": {"prompt": "q", "answer": "a"}},
        ["own.parquet:1"],
    ),
    ("deepscaler", {}, ["deepscaler.json:1"]),
    ("dapo17k", {}, ["9a9b"]),
    ("openr1-math", {}, ["u-1", "u-2"]),
    ("openr1-code", {}, ["vcp_1"]),
    ("taco", {}, ["train-00000-of-00001.parquet:1"]),
    ("apps", {}, ["train.jsonl:1"]),
    ("eurus2-math", {}, ["train.parquet:1"]),
)


def loaded(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Ids of every set, loaded in a process whose hub cache is in `folder`."""
    program = (
        "import json, sys\nfrom benchmarks import ProblemSource, load\n"
        "for name, options in json.load(sys.stdin):\n"
        "    found = load(ProblemSource(name=name, options=options))\n"
        "    print(json.dumps([name, [problem.id for problem in found.problems]]))\n"
    )
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HUGGING"))}
    return subprocess.run(
        [sys.executable, "-c", program],
        input=json.dumps([(name, options) for name, options, _ in ASKED]),
        env={**clean, "HF_HOME": str(folder), "HF_HUB_DISABLE_PROGRESS_BARS": "1", **environment},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_every_set_is_fetched_from_a_mirror_and_then_read_without_a_network(tmp_path: Path, hub: str) -> None:
    expected = [[name, ids] for name, _, ids in ASKED]
    for environment in ({"HF_ENDPOINT": hub}, {"HF_HUB_OFFLINE": "1"}):
        ended = loaded(tmp_path, **environment)
        assert ended.returncode == 0, ended.stderr[-2000:]
        assert [json.loads(line) for line in ended.stdout.splitlines()] == expected


def test_without_a_network_and_a_cache_one_line_says_what_to_do(tmp_path: Path) -> None:
    ended = loaded(tmp_path, HF_HUB_OFFLINE="1")
    last = ended.stderr.splitlines()[-1]
    assert "math500: cannot fetch test.jsonl of HuggingFaceH4/MATH-500 from the hub" in last
    assert last.endswith("give a local file with data=PATH")
