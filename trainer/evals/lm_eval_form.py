"""The report of an eval in lm-evaluation-harness's result form.

FOLDER/MODEL/results_TIME.json and samples_TASK_TIME.jsonl, as in lm_eval/result_schema.py and
lm_eval/loggers/evaluation_tracker.py at 4e7e0d47f. What an Assay report does not know (times, the commit of their
code) is null or left out.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from trainer.evals.metrics import (
    PerProblem,
    digest,
    error,
    known,
    mean,
    metrics,
    num_examples,
    of_problem,
    origin,
    prompt_text,
    sampling_of,
    write_json,
    write_json_lines,
)
from trainer.evals.stored_report import Problem, Report, model_name

FILTER = "none"
"""A metric there is named "METRIC,FILTER"; we extract answers in the verifier, not by their filters."""


def write(report: Report, folder: Path, stamp: str, date: float) -> list[Path]:
    """Write both files; `date` in seconds since 1970."""
    values = metrics(report, lambda k: f"pass@{k}", lambda k: f"majority@{k}")
    place = folder / _sanitized(model_name(report))
    results = write_json(place / f"results_{stamp}.json", _results(report, values, date))
    rows = [_sample(report, values, number) for number in range(len(report["problems"]))]
    return [results, write_json_lines(place / f"samples_{report['name']}_{stamp}.jsonl", rows)]


def _results(report: Report, values: PerProblem, date: float) -> dict[str, Any]:
    task, sampling = report["name"], sampling_of(report)
    effective = len(known(values["pass@1"]))
    found: dict[str, Any] = {"name": task, "alias": task, "sample_len": effective}
    for name, per_problem in values.items():
        found[f"{name},{FILTER}"] = mean(per_problem)
        found[f"{name}_stderr,{FILTER}"] = "N/A" if (one := error(per_problem)) is None else one
    listed = [{"metric": name, "aggregation": "mean", "higher_is_better": True} for name in values]
    model = model_name(report)
    return {
        "results": {task: found},
        "group_subtasks": {task: []},
        "configs": {task: {
            "task": task, "output_type": "generate_until", "num_fewshot": num_examples(report),
            "repeats": sampling.get("count", sampling.get("n", 1)), "generation_kwargs": _kwargs(report),
            "metric_list": listed, "metadata": {"version": report["version"]},
        }},
        "versions": {task: report["version"]},
        "n-shot": {task: num_examples(report)},
        "higher_is_better": {task: dict.fromkeys(values, True)},
        "n-samples": {task: {"original": len(report["problems"]), "effective": effective}},
        "config": {
            "model": "assay", "model_args": f"pretrained={model}", "batch_size": None, "batch_sizes": [],
            "device": None, "use_cache": None, "limit": report.get("eval", {}).get("max_problems"),
            "bootstrap_iters": 0, "gen_kwargs": _kwargs(report), "random_seed": sampling.get("seed"),
            "numpy_seed": None, "torch_seed": None, "fewshot_seed": None,
        },
        "git_hash": None,
        "date": date,
        "task_hashes": {task: digest("".join("".join(_hashes(problem).values()) for problem in report["problems"]))},
        "model_source": "assay",
        "model_name": model,
        "model_name_sanitized": _sanitized(model),
        "system_instruction": sampling.get("system") or None,
        "assay": origin(report),
    }  # fmt: skip


def _kwargs(report: Report) -> dict[str, Any]:
    sampling = sampling_of(report)
    return {
        "until": list(sampling.get("stop") or ()),
        "do_sample": bool(sampling.get("temperature")),
        "temperature": sampling.get("temperature"),
        "top_p": sampling.get("top_p"),
        "max_gen_toks": sampling.get("max_new_tokens"),
    }


def _sample(report: Report, values: PerProblem, number: int) -> dict[str, Any]:
    problem = report["problems"][number]
    has_repeats = any(len(one["samples"]) > 1 for one in report["problems"])
    answers = [sample["answer"] or "" for sample in problem["samples"]]
    found = of_problem(values, number)
    return {
        "doc_id": number,
        "doc": _doc(problem),
        "target": problem.get("gold") or "",
        "arguments": {"gen_args_0": {"arg_0": prompt_text(problem), "arg_1": _kwargs(report)}},
        "resps": [[sample["completion"] for sample in problem["samples"]]],
        "filtered_resps": [answers] if has_repeats else answers,
        "filter": FILTER,
        "metrics": list(found),
        **_hashes(problem),
        **found,
    }


def _doc(problem: Problem) -> dict[str, Any]:
    return {"id": problem["id"], "verifier": problem["verifier"], **problem["tags"]}


def _hashes(problem: Problem) -> dict[str, str]:
    return {
        "doc_hash": digest(json.dumps(_doc(problem), indent=2, ensure_ascii=False)),
        "prompt_hash": digest(prompt_text(problem)),
        "target_hash": digest(problem.get("gold") or ""),
    }


def _sanitized(model: str) -> str:
    """Their `sanitize_model_name`."""
    return re.sub(r'["<>:/|\\?*\[\]]+', "__", model)
