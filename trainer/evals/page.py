"""One self-contained HTML page of problems, completions and verdicts: of an eval, or of a step of a run."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MAX_BYTES = 60_000_000
"""Of all completions on one page; a browser opens it in a second. Beyond that each is shortened."""
SHORTEST = 2_000
"""Characters of a completion that are always shown."""


@dataclass(frozen=True, slots=True)
class Table:
    """A small table for people, in Markdown and in HTML alike."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""
    """What a reader must know, below it."""


def page(
    title: str,
    about: Sequence[str],
    tables: Sequence[Table],
    pictures: Sequence[str],
    problems: Sequence[Mapping[str, Any]],
) -> str:
    """The whole page, in ASCII: it loads nothing, and runs only its own script, whatever a completion holds.

    `pictures` are SVG elements, taken as they are. A problem is {"id", "verifier", "tags", "prompt"?, "gold"? (text),
    "samples"}, a sample {"completion", "finish", "tokens", "status", "score", "answer", "detail", "parts"?, "trace"?,
    "other_verdicts"?: {rule: {"status", "score", "detail"}}}; whatever else a sample has is shown by its name.
    """
    room = _room(problems)
    template = (Path(__file__).parent / "page.html").read_text(encoding="utf-8")
    head = [
        f"<h1>{text(title)}</h1>",
        '<div class="about">',
        *(f"<p>{text(line)}</p>" for line in about),
        "</div>",
        '<div class="tables">',
        *(f"<section>{part}</section>" for part in [*map(_table, tables), *pictures]),
        "</div>",
    ]
    filled = {
        "policy": _policy(template),
        "title": text(title),
        "head": "\n".join(head),
        "data": _data([_problem(problem, room) for problem in problems]),
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda match: filled[match[1]], template)


def text(value: str) -> str:
    """As HTML that shows just this text; in ASCII, so that half a surrogate pair can be written to a file."""
    return html.escape(value).encode("ascii", "xmlcharrefreplace").decode("ascii")


def _table(table: Table) -> str:
    header = "".join(f"<th>{text(cell)}</th>" for cell in table.header)
    rows = ["".join(f"<td>{text(cell)}</td>" for cell in row) for row in table.rows]
    lines = "".join(f"<tr>{cells}</tr>\n" for cells in [header, *rows])
    note = f'<p class="note">{text(table.note)}</p>' if table.note else ""
    return f'<h2>{text(table.title)}</h2><div class="scroll"><table>{lines}</table></div>{note}'


def _policy(template: str) -> str:
    """A content security policy that lets the page's own script run, known by its hash, and loads nothing."""
    (script,) = re.findall(r"<script>(.*?)</script>", template, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"


def _data(problems: Sequence[Mapping[str, Any]]) -> str:
    """As JSON that no HTML parser finds a tag or a comment in."""
    written = json.dumps(problems, allow_nan=False)
    return written.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _problem(problem: Mapping[str, Any], room: int) -> dict[str, Any]:
    """What the page shows of it, with completions of at most `room` characters."""
    samples = [{**sample, "completion": shortened(sample["completion"], room)} for sample in problem["samples"]]
    shown = {key: problem[key] for key in ("id", "verifier", "tags")}
    texts = {"prompt": _prompt(problem.get("prompt", "")), "gold": problem.get("gold") or ""}
    return {**shown, **texts, "samples": samples}


def _prompt(prompt: str | Sequence[Mapping[str, str]]) -> str:
    """A prompt of messages as one text, each under its role."""
    if isinstance(prompt, str):
        return prompt
    return "\n\n".join(f"[{message['role']}]\n{message['content']}" for message in prompt)


def _room(problems: Sequence[Mapping[str, Any]]) -> int:
    """Characters of a completion that fit on the page; all of the longest one, where all do."""
    completions = [sample["completion"] for problem in problems for sample in problem["samples"]]
    lengths = [len(completion) for completion in completions]
    num_bytes = sum(len(json.dumps(completion)) for completion in completions)
    if num_bytes <= MAX_BYTES:
        return max(lengths, default=0)
    return max(SHORTEST, MAX_BYTES * sum(lengths) // num_bytes // len(lengths))


def shortened(completion: str, room: int) -> str:
    """Its two ends, where it is longer than `room` characters: an answer stands at the end."""
    if len(completion) <= room:
        return completion
    start, end = completion[: room // 2], completion[len(completion) - room + room // 2 :]
    return f"{start}\n[... {len(completion) - room} characters are not on this page ...]\n{end}"
