"""Reading Python while others read some: an interpreter's own confusion is nobody's syntax error."""

from __future__ import annotations

import ast
import gc
from collections.abc import Iterator

import pytest

from verifiers.syntax import parse

TEXT = "\n".join(f"def f{n}(x):\n    return [x + {n}, (x * {n}, {{'a': x}})]" for n in range(100))


@pytest.fixture
def eager_collector() -> Iterator[None]:
    before = gc.get_threshold()
    gc.set_threshold(50, 1, 1)
    yield
    gc.set_threshold(*before)


class Reader:
    """Garbage that reads Python when it is collected: as another thread might, in the middle of a tree."""

    num_read = 0

    def __init__(self) -> None:
        self.me = self

    def __del__(self) -> None:
        Reader.num_read += 1
        ast.parse("x = [1, (2, 3)]")


@pytest.mark.usefixtures("eager_collector")
def test_a_tree_made_in_the_middle_of_another_spoils_neither() -> None:
    for _ in range(20):
        Reader()
        assert len(parse(TEXT).body) == 100
    assert Reader.num_read, "nothing was read in between"


def test_what_is_no_python_still_is_none() -> None:
    with pytest.raises(SyntaxError):
        parse("def (")
