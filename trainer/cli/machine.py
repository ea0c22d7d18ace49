"""What there is on this machine: `assay sandbox`, `assay list` and `assay doctor`."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from trainer.cli.ending import DONE, FOUND_FAILURES, MACHINE_LACKS, USER_MISTAKE, Failure
from trainer.cli.flags import Verbs, add_sandbox, add_verb
from trainer.cli.screen import say

if TYPE_CHECKING:
    from sandbox import Finding as BoxFinding
    from sandbox import SandboxConfig


def add_to(verbs: Verbs) -> None:
    command = add_verb(verbs, "sandbox", _sandbox, "build the sandbox, check it, list and remove what is left of it")
    command.add_argument("action", choices=("build", "doctor", "ls", "prune"))
    add_sandbox(command)

    add_verb(verbs, "list", _list, "installed verifiers, benchmarks, protocols and recipes, with where each comes from")
    add_verb(verbs, "doctor", _doctor, "what this machine has and lacks, and what to type")


def _sandbox(arguments: argparse.Namespace) -> int:
    import sandbox

    if arguments.action == "build":
        say(f"sandbox: {sandbox.prepare(arguments.sandbox, say) or 'a bare process needs nothing'}")
        return DONE
    if arguments.action == "doctor":
        if arguments.sandbox == "process":
            raise Failure(
                USER_MISTAKE, "sandbox doctor: a bare process isolates nothing, so the attacks would hit this machine"
            )
        findings = asyncio.run(_check_box(sandbox.SandboxConfig(kind=arguments.sandbox)))
        for finding in findings:
            say(f"{'ok ' if finding.passed else 'NO '} {finding.name:24} {finding.seen}")
        return DONE if all(finding.passed for finding in findings) else FOUND_FAILURES
    leftovers = sandbox.list_leftovers() if arguments.action == "ls" else sandbox.prune_leftovers()
    if not leftovers:
        say("no box is running, and none was left behind" if arguments.action == "ls" else "nothing was left behind")
    for leftover in leftovers:
        state = "removed" if arguments.action == "prune" else "live" if leftover.is_live else "left behind"
        say(f"{state:12} {leftover.kind:10} {leftover.name}  of {leftover.owner}")
    return DONE


async def _check_box(config: SandboxConfig) -> Sequence[BoxFinding]:
    from sandbox import Pool, check_pool

    async with Pool(config) as pool:
        say(f"sandbox: {pool.description}")
        for wall, promise in pool.promises.items():
            say(f"    {wall:24} {promise}")
        return await check_pool(pool)


def _list(arguments: argparse.Namespace) -> int:
    import benchmarks
    import verifiers
    from trainer.config.recipe import recipes
    from trainer.evals.protocol import named

    for plugin in verifiers.installed():
        trouble = f"   BROKEN: {plugin.error}" if plugin.error else ""
        print(f"verifier   {plugin.name:16} {plugin.origin}{trouble}")
    for name, origin in benchmarks.installed().items():
        print(f"benchmark  {name:16} {origin}")
    for kind, files in (("protocol", named()), ("recipe", recipes())):
        for name, path in files.items():
            first = path.read_text(encoding="utf-8").splitlines()[0].removeprefix("# ")
            print(f"{kind:10} {name:16} {first}")
    return FOUND_FAILURES if any(plugin.error for plugin in verifiers.installed()) else DONE


def _doctor(arguments: argparse.Namespace) -> int:
    from trainer.doctor import examine

    findings = examine()
    for finding in findings:
        print(f"{'ok ' if finding.is_well else 'NO '} {finding.what:12} {finding.seen}")
        if not finding.is_well and finding.remedy:
            print(f"    {'':12} {finding.remedy}")
    missing = [finding.what for finding in findings if not finding.is_well and finding.is_needed]
    if missing:
        raise Failure(MACHINE_LACKS, f"training needs: {', '.join(missing)}; see above for what to type")
    return DONE
