"""The JSON-Schema-Test-Suite, draft 2020-12, through the box's own reading and checking."""

from __future__ import annotations

import asyncio
import json
import tarfile
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

import pytest

from sandbox import Check, Limits, Pool, SandboxConfig, SandboxUnavailable
from tests.verifiers.conftest import shared_data
from verifiers.schema import SchemaVerifier
from verifiers.shipped import preload

ARCHIVE = "json_schema_test_suite_2020-12.tar.gz"
REMOTES = "http://localhost:1234/"
"""Where the suite's schemas expect its folder `remotes`."""
ABOUT_FORMATS = ("format", "format-assertion.json")
"""Of the optional part: `format` is an annotation in 2020-12."""


@pytest.fixture(scope="module")
def suite() -> dict[str, Any]:
    """Every JSON file of the archive by its path."""
    with tarfile.open(shared_data(ARCHIVE)) as archive:
        files = [member for member in archive if member.isfile() and member.name.endswith(".json")]
        return {member.name.partition("/")[2]: json.load(archive.extractfile(member)) for member in files}  # type: ignore[arg-type]


@pytest.mark.parametrize(("part", "total"), [("required", 1299), ("optional", 158)])
def test_the_suite_passes(suite: dict[str, Any], part: str, total: int) -> None:
    remotes = {
        REMOTES + path.removeprefix("remotes/"): document
        for path, document in suite.items()
        if path.startswith("remotes/") and not path.startswith("remotes/v1/")  # a draft that is to come
    }
    cases = list(_cases(suite, part))
    arguments = [_argument(case["schema"], test["data"], remotes) for case, test in cases]
    got = asyncio.run(_in_boxes(arguments))
    wrong = [
        f"{case['description']}: {test['description']}: {said}"
        for (case, test), said in zip(cases, got, strict=True)
        if said.get("broken") or (said.get("score") == 1.0) is not test["valid"]
    ]
    assert len(cases) == total
    assert not wrong, f"{total - len(wrong)}/{total}\n" + "\n".join(wrong)


def _cases(suite: dict[str, Any], part: str) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    for path, file in suite.items():
        folders = PurePosixPath(path).parts
        is_optional = "optional" in folders
        if folders[0] == "tests" and is_optional == (part == "optional"):
            if is_optional and not set(ABOUT_FORMATS).isdisjoint(folders):
                continue
            yield from ((case, test) for case in file for test in case["tests"])


def _argument(schema: Any, data: Any, remotes: dict[str, Any]) -> dict[str, Any]:
    argument = {"kind": "value", "format": "json", "schema": schema, "partial_credit": False, "text": json.dumps(data)}
    return argument | ({"documents": remotes} if REMOTES in json.dumps(schema) else {})


async def _in_boxes(arguments: list[dict[str, Any]]) -> list[dict[str, Any]]:
    pool = Pool(SandboxConfig(), preload=preload(SchemaVerifier.inside))
    try:
        await pool.start()
        outcomes = await asyncio.gather(
            *(pool.run(Check("verifiers.inside.schema.check", one), Limits()) for one in arguments)
        )
    except SandboxUnavailable as error:
        pytest.skip(f"neither docker nor bubblewrap: {error}")
    finally:
        await pool.close()
    return [json.loads(outcome.value) if outcome.value else {"broken": str(outcome)[:300]} for outcome in outcomes]
