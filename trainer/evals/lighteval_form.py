"""The report of an eval in lighteval's result form.

FOLDER/results/MODEL/results_TIME.json and FOLDER/details/MODEL/TIME/details_TASK_TIME.parquet, as in
lighteval/logging/ and its `Doc` and `ModelResponse` at 3fd15266. What an Assay report does not know (times, tokens, the
commit of their code) is null or empty. Hashes are of the same texts but by SHA-256: they tell whether two exports are
alike, and are not lighteval's own.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow
import pyarrow.parquet

from trainer.evals.metrics import (
    PerProblem,
    digest,
    error,
    mean,
    metrics,
    num_examples,
    of_problem,
    origin,
    prompt_text,
    sampling_of,
    utf8,
    write_json,
)
from trainer.evals.stored_report import Report, model_name


def write(report: Report, folder: Path, stamp: str) -> list[Path]:
    """Write both files."""
    each = max([1, *(len(problem["samples"]) for problem in report["problems"])])
    values = metrics(report, lambda k: f"pass@k:k={k}&n={each}", lambda k: f"maj@n:n={k}")
    task = f"{report['name']}|{num_examples(report)}"
    model = "/".join(part for part in PurePosixPath(model_name(report)).parts if part not in ("/", ".", ".."))
    results = write_json(folder / "results" / model / f"results_{stamp}.json", _results(report, values, task))
    details = folder / "details" / model / stamp / f"details_{task}_{stamp}.parquet"
    details.parent.mkdir(parents=True, exist_ok=True)
    rows = [_detail(report, values, task, number) for number in range(len(report["problems"]))]
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows, schema=_schema(values)), details)
    return [results, details]


def _results(report: Report, values: PerProblem, task: str) -> dict[str, Any]:
    sampling, model = sampling_of(report), model_name(report)
    found: dict[str, float | None] = {}
    for name, per_problem in values.items():
        found[name] = mean(per_problem)
        if (one := error(per_problem)) is not None:
            found[f"{name}_stderr"] = one
    limit = report.get("eval", {}).get("max_problems")
    generation = {key: sampling.get(key) for key in ("temperature", "top_p", "max_new_tokens", "seed")}
    count = len(report["problems"])
    texts = [sample["completion"] for problem in report["problems"] for sample in problem["samples"]]
    summary = {
        "hashes": {
            "hash_examples": _joined_hash([prompt_text(problem) for problem in report["problems"]]),
            "hash_full_prompts": "", "hash_input_tokens": "", "hash_cont_tokens": _joined_hash(texts),
        },
        "truncated": 0, "non_truncated": count, "padded": 0, "non_padded": count,
    }  # fmt: skip
    return {
        "config_general": {
            "lighteval_sha": "?", "num_fewshot_seeds": 1, "max_samples": limit, "job_id": "", "start_time": None,
            "end_time": None, "total_evaluation_time_secondes": None,
            "model_config": {"model_name": model, "generation_parameters": generation}, "model_name": model,
        },
        "results": {task: found, "all": found},
        "versions": {task: report["version"]},
        "config_tasks": {task: {
            "name": report["name"], "hf_repo": None, "hf_subset": None, "metrics": list(values),
            "num_fewshots": num_examples(report), "generation_size": sampling.get("max_new_tokens"),
            "stop_sequence": list(sampling.get("stop") or ()), "num_samples": [sampling.get("count", 1)],
            "original_num_docs": count, "effective_num_docs": count, "version": report["version"],
        }},
        "summary_tasks": {task: summary},
        "summary_general": summary,
        "assay": origin(report),
    }  # fmt: skip


def _detail(report: Report, values: PerProblem, task: str, number: int) -> dict[str, Any]:
    """One row: their `Doc`, `ModelResponse` and the metrics of one problem."""
    problem, sampling = report["problems"][number], sampling_of(report)
    return {
        "doc": {
            "query": utf8(prompt_text(problem)),
            "choices": [utf8(problem["gold"])] if problem.get("gold") else [],
            "gold_index": 0,
            "instruction": sampling.get("system") or None,
            "specific": {"verifier": problem["verifier"], "tags": json.dumps(problem["tags"])},
            "id": problem["id"],
            "task_name": task,
            "fewshot_samples": [],
            "sampling_methods": ["GENERATIVE"],
            "generation_size": sampling.get("max_new_tokens"),
            "stop_sequences": list(sampling.get("stop") or ()),
            "use_logits": False,
            "num_samples": len(problem["samples"]),
        },
        "metric": of_problem(values, number),
        "model_response": {
            "input": utf8(prompt_text(problem)),
            "input_tokens": [],
            "text": [utf8(sample["completion"]) for sample in problem["samples"]],
            "output_tokens": [],
            "text_post_processed": [utf8(sample["answer"] or "") for sample in problem["samples"]],
            "reasonings": [],
            "logprobs": [],
            "argmax_logits_eq_gold": [],
            "truncated_tokens_count": 0,
            "padded_tokens_count": 0,
        },
    }


def _schema(values: PerProblem) -> pyarrow.Schema:
    text, number, texts = pyarrow.string(), pyarrow.int64(), pyarrow.list_(pyarrow.string())
    doc = {
        "query": text, "choices": texts, "gold_index": number, "instruction": text, "images": pyarrow.null(),
        "specific": pyarrow.struct({"verifier": text, "tags": text}.items()), "unconditioned_query": text,
        "original_query": text, "id": text, "task_name": text, "fewshot_samples": texts, "sampling_methods": texts,
        "fewshot_sorting_class": text, "generation_size": number, "stop_sequences": texts,
        "use_logits": pyarrow.bool_(), "num_samples": number, "generation_grammar": pyarrow.null(),
    }  # fmt: skip
    numbers = pyarrow.list_(number)
    response = {
        "input": text, "input_tokens": numbers, "text": texts, "output_tokens": pyarrow.list_(numbers),
        "text_post_processed": texts, "reasonings": texts, "logprobs": pyarrow.list_(pyarrow.float64()),
        "argmax_logits_eq_gold": pyarrow.list_(pyarrow.bool_()), "logits": pyarrow.null(),
        "unconditioned_logprobs": pyarrow.null(), "truncated_tokens_count": number, "padded_tokens_count": number,
    }  # fmt: skip
    metric = dict.fromkeys(values, pyarrow.float64())
    return pyarrow.schema(
        {"doc": pyarrow.struct(doc.items()), "metric": pyarrow.struct(metric.items()),
         "model_response": pyarrow.struct(response.items())}.items()
    )  # fmt: skip


def _joined_hash(texts: Sequence[str]) -> str:
    """Of the sorted hashes of the texts."""
    return digest("".join(sorted(map(digest, texts))))[:16]
