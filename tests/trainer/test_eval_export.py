"""Exports have the keys of the harnesses they are for, and the report's own numbers."""

from __future__ import annotations

import hashlib
import json
import math
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest
from reports import HOSTILE, problem, report, sample
from test_cli import assay, fails

from trainer.evals.export import Form, export

AT = datetime(2026, 1, 2, 3, 4, 5)
SHOWN = HOSTILE.replace("\ud800", "?")  # at half a surrogate pair, their readers stop
ERROR = 0.25
"""Of the means 0.5 and 1: sd 0.3536 / sqrt(2)."""


def exported(form: Form, folder: Path, made: dict[str, Any] | None = None) -> tuple[dict[str, Any], Path]:
    """The results, and where the samples are."""
    results, samples = export(made or report(), form, folder, AT)
    return json.loads(results.read_text()), samples


def test_lm_evaluation_harness_results(tmp_path: Path) -> None:
    got, samples = exported("lm-eval", tmp_path)
    assert samples == tmp_path / "some__model" / "samples_sums_2026-01-02T03-04-05.jsonl"
    assert (tmp_path / "some__model" / "results_2026-01-02T03-04-05.json").exists()
    assert got["results"]["sums"] == {
        "name": "sums", "alias": "sums", "sample_len": 2,
        "pass@1,none": 0.75, "pass@1_stderr,none": pytest.approx(ERROR),
        "pass@2,none": 1.0, "pass@2_stderr,none": 0.0,
        "majority@2,none": 0.75, "majority@2_stderr,none": pytest.approx(ERROR),
    }  # fmt: skip
    assert got["versions"] == {"sums": "1"} and got["n-shot"] == {"sums": 0}
    assert got["n-samples"] == {"sums": {"original": 2, "effective": 2}}
    assert got["higher_is_better"] == {"sums": {"pass@1": True, "pass@2": True, "majority@2": True}}
    assert got["configs"]["sums"]["generation_kwargs"]["temperature"] == 0.6
    assert (got["model_name"], got["model_name_sanitized"]) == ("some/model", "some__model")
    assert got["assay"]["protocol"] == report()["protocol"]
    # What `EvalResults` always has, and what simple_evaluate and the tracker add.
    assert got.keys() >= {
        "results", "group_subtasks", "configs", "versions", "n-shot", "higher_is_better", "n-samples",
        "config", "git_hash", "date", "model_source", "model_name", "model_name_sanitized", "task_hashes",
    }  # fmt: skip


def test_lm_evaluation_harness_samples(tmp_path: Path) -> None:
    rows = [json.loads(line) for line in exported("lm-eval", tmp_path)[1].read_text(encoding="utf-8").split("\n")[:-1]]
    assert [row["doc_id"] for row in rows] == [0, 1]
    first = rows[0]
    assert first["resps"] == [["so it is correct", SHOWN]] and first["filtered_resps"] == [["4", "</td>|"]]
    assert (first["target"], first["filter"], first["doc"]["id"]) == ("4", "none", "one")
    assert {name: first[name] for name in first["metrics"]} == {"pass@1": 0.5, "pass@2": 1.0, "majority@2": 0.5}
    assert first["arguments"]["gen_args_0"]["arg_0"] == "How much is one?"
    assert first["prompt_hash"] == hashlib.sha256(b"How much is one?").hexdigest()


def test_lighteval_results(tmp_path: Path) -> None:
    got, details = exported("lighteval", tmp_path)
    assert (tmp_path / "results/some/model/results_2026-01-02T03-04-05.json").exists()
    assert details == tmp_path / "details/some/model/2026-01-02T03-04-05/details_sums|0_2026-01-02T03-04-05.parquet"
    assert got.keys() >= {"config_general", "results", "versions", "config_tasks", "summary_tasks", "summary_general"}
    assert got["results"]["sums|0"] == got["results"]["all"] == {
        "pass@k:k=1&n=2": 0.75, "pass@k:k=1&n=2_stderr": pytest.approx(ERROR),
        "pass@k:k=2&n=2": 1.0, "pass@k:k=2&n=2_stderr": 0.0,
        "maj@n:n=2": 0.75, "maj@n:n=2_stderr": pytest.approx(ERROR),
    }  # fmt: skip
    assert got["versions"] == {"sums|0": "1"} and got["config_general"]["model_name"] == "some/model"
    assert got["summary_general"].keys() == {"hashes", "truncated", "non_truncated", "padded", "non_padded"}


def test_lighteval_details(tmp_path: Path) -> None:
    rows = pyarrow.parquet.read_table(exported("lighteval", tmp_path)[1]).to_pylist()
    assert [list(row) for row in rows] == [["doc", "metric", "model_response"]] * 2
    first = rows[0]
    assert (first["doc"]["query"], first["doc"]["choices"], first["doc"]["gold_index"]) == (
        "How much is one?",
        ["4"],
        0,
    )
    assert first["metric"] == {"pass@k:k=1&n=2": 0.5, "pass@k:k=2&n=2": 1.0, "maj@n:n=2": 0.5}
    assert first["model_response"]["text"] == ["so it is correct", SHOWN]
    assert json.loads(first["doc"]["specific"]["tags"]) == {"month": "2024-08", "level": "<1>|"}


def test_what_was_not_judged_has_no_metric_and_is_not_counted(tmp_path: Path) -> None:
    made = {**report(), "pass_at_k": {"1": {}}, "majority_at_k": {}, "problems": [
        problem("a", sample("unjudged")), problem("b", sample("correct")), problem("c"),
    ]}  # fmt: skip
    got, samples = exported("lm-eval", tmp_path, made)
    assert got["results"]["sums"]["pass@1,none"] == 0.5  # c has no completion: it has failed
    assert got["n-samples"]["sums"] == {"original": 3, "effective": 2}
    rows = [json.loads(line) for line in samples.read_text().splitlines()]
    assert [row["metrics"] for row in rows] == [[], ["pass@1"], ["pass@1"]]
    assert [row["filtered_resps"] for row in rows] == [["4"], ["4"], []]
    assert exported("lighteval", tmp_path, made)[0]["results"]["all"]["pass@k:k=1&n=1"] == 0.5


def test_one_problem_has_no_standard_error(tmp_path: Path) -> None:
    made = {**report(), "problems": report()["problems"][:1]}
    assert exported("lm-eval", tmp_path, made)[0]["results"]["sums"]["pass@1_stderr,none"] == "N/A"
    assert "pass@k:k=1&n=2_stderr" not in exported("lighteval", tmp_path, made)[0]["results"]["all"]


def test_a_models_path_does_not_lead_out_of_the_folder(tmp_path: Path) -> None:
    made = {**report(), "model": {"name": "../../other/model"}}
    for form in ("lm-eval", "lighteval"):
        for path in export(made, form, tmp_path / "out", AT):
            assert path.resolve().is_relative_to(tmp_path / "out") and path.exists()


def test_the_command_exports_and_refuses_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "sums.json").write_text(json.dumps(report()))
    ended = assay("eval", "export", "sums.json", "--form", "lighteval", "--out", "out", cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    written = [tmp_path / line for line in ended.stdout.splitlines()]
    assert [path.suffix for path in written] == [".json", ".parquet"] and all(path.exists() for path in written)
    assert not math.isnan(json.loads(written[0].read_text())["results"]["all"]["maj@n:n=2"])
    fails(2, "nowhere.json: cannot be read: No such file", "eval", "export", "nowhere.json", "--form", "lm-eval",
          "--out", "out", cwd=tmp_path)  # fmt: skip
