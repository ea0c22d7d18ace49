"""A completion in, a verdict out."""

from verifiers.base import Boxes, Example, Verifier
from verifiers.router import Router
from verifiers.types import Message, Problem, SpecError, Status, Verdict

__all__ = ["Boxes", "Example", "Message", "Problem", "Router", "SpecError", "Status", "Verdict", "Verifier"]
