"""Reports of evals as trainer/evals/evaluate.py writes them, small and with figures worked by hand, for tests."""

from __future__ import annotations

from typing import Any

HOSTILE = "</script><script>alert(1)</script><!--<script> & <img src=x onerror=alert(2)> \u2028 \ud800 {{data}}"


def sample(status: str, **more: Any) -> dict[str, Any]:
    score = {"correct": 1.0, "unjudged": None}.get(status, 0.0)
    made = {"completion": f"so it is {status}", "finish": "stop", "tokens": 10, "status": status, "score": score}
    return {**made, "answer": "4", "detail": "", "parts": {}, "trace": [], **more}


def problem(name: str, *samples: dict[str, Any], **tags: str) -> dict[str, Any]:
    made = {"id": name, "verifier": "math", "tags": tags, "prompt": f"How much is {name}?", "gold": "4"}
    return {**made, "samples": list(samples)}


def share(mean: float, low: float, high: float, **more: Any) -> dict[str, Any]:
    return {"mean": mean, "low": low, "high": high, **more}


def report() -> dict[str, Any]:
    """Two problems of two samples: one right of two, two right of two; the intervals are those of (0.5, 1), by hand:
    sd 0.3536, standard error 0.25, so 0.75 - 1.96 * 0.25 = 0.26; pass@2 is 1 of 1, Wilson for 2 of 2 is 0.342..1."""
    rule = {"math-verify": {"status": "wrong", "score": 0.0, "detail": "4.0 is not 4"}}
    problems = [
        problem(
            "one",
            sample("correct", trace=[{"stage": "extracted", "result": "4.0", "at": 7}], other_verdicts=rule),
            sample("wrong", completion=HOSTILE, answer="</td>|", detail="5 is not 4", finish="length"),
            month="2024-08", level="<1>|",
        ),
        problem("two", sample("correct"), sample("correct"), month="2024-09", level="2"),
    ]  # fmt: skip
    score = share(0.75, 0.26, 1.0)
    months = {"2024-08": share(0.5, 0.5, 0.5, problems=1), "2024-09": share(1.0, 0.207, 1.0, problems=1)}
    levels = {"2": months["2024-09"], "<1>|": months["2024-08"]}
    return {
        "format": 2,
        "eval": {"name": "sums", "model": "some/model", "n": 2},
        "protocol": {"name": "greedy", "hash": "abc123", "temperature": 0.6, "n": 2, "system": None},
        "model": {"name": "some/model", "digest": "0" * 64},
        "name": "sums", "version": "1", "left_out": ["row 7: no answer"], "notes": ["two of three"],
        "sampling": {"count": 2, "max_new_tokens": 64, "temperature": 0.6, "top_p": 1.0, "seed": 0},
        "score": score, "by_verifier": {"math": score},
        "pass_at_k": {"1": score, "2": share(1.0, 0.342, 1.0)},
        "majority_at_k": {"1": score, "2": score},
        "rates": {"no_answer": 0.0, "truncated": 0.25, "timeout": 0.0, "unjudged": 0.0, "failed": 0.0},
        "slices": {"month": months, "level": levels},
        "counts": {"correct": 3, "wrong": 1, "truncated": 1, "problems": 2}, "mean_tokens": 10.0,
        "problems": problems,
    }  # fmt: skip
