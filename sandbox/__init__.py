"""An untrusted program in, an outcome out."""

from sandbox.pool import Pool
from sandbox.types import (
    Box,
    Call,
    Check,
    Ending,
    Job,
    Limits,
    Outcome,
    Preload,
    Program,
    SandboxConfig,
    SandboxError,
    SandboxUnavailable,
)

__all__ = [
    "Box",
    "Call",
    "Check",
    "Ending",
    "Job",
    "Limits",
    "Outcome",
    "Pool",
    "Preload",
    "Program",
    "SandboxConfig",
    "SandboxError",
    "SandboxUnavailable",
]
