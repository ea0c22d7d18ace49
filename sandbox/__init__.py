"""An untrusted program in, an outcome out."""

from sandbox.doctor import Finding
from sandbox.doctor import check as check_pool
from sandbox.image import build as build_image
from sandbox.image import image_name, prepare, tree_path
from sandbox.image import tree as build_tree
from sandbox.languages import LANGUAGES
from sandbox.leftovers import IN_MEMORY, Leftover, owned_folder
from sandbox.leftovers import ls as list_leftovers
from sandbox.leftovers import prune as prune_leftovers
from sandbox.pool import Pool, SlotsError
from sandbox.relay import Examination, examine
from sandbox.types import (
    Box,
    Build,
    Call,
    Check,
    Ending,
    Job,
    Limits,
    Outcome,
    Preload,
    Program,
    Returned,
    SandboxConfig,
    SandboxError,
    SandboxKind,
    SandboxUnavailable,
    Serve,
)

__all__ = [
    "IN_MEMORY",
    "LANGUAGES",
    "Box",
    "Build",
    "Call",
    "Check",
    "Ending",
    "Examination",
    "Finding",
    "Job",
    "Leftover",
    "Limits",
    "Outcome",
    "Pool",
    "Preload",
    "Program",
    "Returned",
    "SandboxConfig",
    "SandboxError",
    "SandboxKind",
    "SandboxUnavailable",
    "Serve",
    "SlotsError",
    "build_image",
    "build_tree",
    "check_pool",
    "examine",
    "image_name",
    "list_leftovers",
    "owned_folder",
    "prepare",
    "prune_leftovers",
    "tree_path",
]
