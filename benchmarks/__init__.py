"""Problem sets by name; how scores add up."""

from benchmarks.catalog import installed, load
from benchmarks.metrics import (
    Comparison,
    Estimate,
    clustered_mean,
    compare,
    majority_at_k,
    mean_by_tag,
    mean_majority_at_k,
    mean_pass_at_k,
    mean_score,
    mean_share,
    paired_difference,
    pass_at_k,
    sign_test,
    standard_error,
    wilson,
)
from benchmarks.soundness import screened
from benchmarks.types import ProblemError, ProblemSet, ProblemSource

__all__ = [
    "Comparison",
    "Estimate",
    "ProblemError",
    "ProblemSet",
    "ProblemSource",
    "clustered_mean",
    "compare",
    "installed",
    "load",
    "majority_at_k",
    "mean_by_tag",
    "mean_majority_at_k",
    "mean_pass_at_k",
    "mean_score",
    "mean_share",
    "paired_difference",
    "pass_at_k",
    "screened",
    "sign_test",
    "standard_error",
    "wilson",
]
