"""Runs a check of ours until it has had its CPU seconds, so that no answer is wrong because the machine is busy."""

from __future__ import annotations

import signal
from dataclasses import replace

from sandbox import Check, Ending, Limits, Outcome, Pool

PATIENCE_SECONDS = 20.0
"""The deadline, by the clock, of a verifier whose checks have a second or two of CPU."""


async def run_patiently(checks: Pool, check: Check, limits: Limits) -> Outcome:
    """What came of `check`; `Ending.TIMEOUT` if and only if `check.cpu_seconds` of CPU were too few for it.

    The clock says nothing of the answer: a check that had not had its CPU when `limits.wall_seconds` were over, which
    should be many times as much, is a failure of ours, `Ending.INFRASTRUCTURE`.
    """
    assert check.cpu_seconds, "else the clock would decide"
    outcome = await checks.run(check, limits)
    if outcome.ending is Ending.SIGNAL and outcome.signal == signal.SIGXCPU:
        return replace(outcome, ending=Ending.TIMEOUT, signal=None)
    if outcome.ending is Ending.TIMEOUT:
        had = f"{outcome.cpu_seconds:.2f} s of CPU in {outcome.wall_seconds:.1f} s, and may use {check.cpu_seconds:g} s"
        return replace(outcome, ending=Ending.INFRASTRUCTURE, detail=f"the machine is too busy: the check had {had}")
    return outcome
