"""Reads XML as data: elements and attributes, no document type, no entities of its own."""

from __future__ import annotations

from typing import Any
from xml.parsers import expat

from verifiers.inside.schema.untyped import MAX_DEPTH, MAX_VALUES, Elements, Text, Unreadable, one_line, within_bounds


def read(text: str) -> Any:
    """The content of the root element, with its texts and repeated elements left open; or `Unreadable`.

    The wire form: the root element is the value itself, whatever its name. An element with elements or attributes in
    it is an object, with a property for each name; elements of one name are an array, in their order. An element with
    text alone is a scalar that the schema types; white space around it counts in strings only. Where the schema wants
    an array, its items are the elements of that name, or the elements of one other name inside a single one
    (`<tags><tag>a</tag><tag>b</tag></tags>`); an empty element is an empty string, array or object, or null, as the
    schema has it. Text beside elements or attributes is refused; namespaces are not looked into, and their
    declarations are no content.
    """
    builder = _Builder()
    parser = expat.ParserCreate("utf-8")
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = _refuse_doctype
    parser.buffer_text = True
    parser.buffer_size = 1 << 16
    try:
        parser.Parse(text.encode(errors="surrogatepass"), True)
    except expat.ExpatError as error:
        raise Unreadable(one_line(error)) from error
    return within_bounds(builder.root)


def _refuse_doctype(*_: Any) -> None:
    raise Unreadable("a document type declaration")


class _Builder:
    """Elements become values as they end."""

    def __init__(self) -> None:
        self.root: Any = None
        self._open: list[tuple[str, dict[str, Any], list[str]]] = []
        self._num_elements = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._num_elements += 1 + len(attributes)
        if len(self._open) >= MAX_DEPTH:
            raise Unreadable(f"nested deeper than {MAX_DEPTH}")
        if self._num_elements > MAX_VALUES:
            raise Unreadable(f"more than {MAX_VALUES} values")
        content = {key: Text(text) for key, text in attributes.items() if not (key + ":").startswith("xmlns:")}
        self._open.append((name, content, []))

    def data(self, text: str) -> None:
        if self._open:
            self._open[-1][2].append(text)

    def end(self, name: str) -> None:
        _, content, texts = self._open.pop()
        text = "".join(texts)
        if content and text.strip():
            raise Unreadable(f"text beside elements or attributes in <{one_line(name, 60)}>")
        value = content or Text(text)
        if not self._open:
            self.root = value
            return
        siblings = self._open[-1][1]
        same = siblings.setdefault(name, Elements())
        if not isinstance(same, Elements):
            raise Unreadable(f"{one_line(name, 60)!r} is an attribute and an element")
        same.append(value)
