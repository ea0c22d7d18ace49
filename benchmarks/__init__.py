"""Problem sets by name; how scores add up."""

from benchmarks.catalog import installed, load
from benchmarks.metrics import Estimate, clustered_mean, paired_difference, pass_at_k, wilson
from benchmarks.types import ProblemError, ProblemSet, ProblemSource

__all__ = [
    "Estimate",
    "ProblemError",
    "ProblemSet",
    "ProblemSource",
    "clustered_mean",
    "installed",
    "load",
    "paired_difference",
    "pass_at_k",
    "wilson",
]
