"""What stands in brackets, bars and environments: tuples, intervals, sets, moduli, matrices, lists of cases."""

from __future__ import annotations

from verifiers.inside.math.cursor import Cursor
from verifiers.inside.math.tokens import Token
from verifiers.inside.math.tree import Bracket, Items, Matrix, Node, Relation, Unreadable

_CLOSERS = {")": ")", "]": "]", "\\}": "\\}", "\\rangle": ")", "}": "}", "\\rbrack": "]", "\\rbrace": "\\}"}
OPENERS = {"(": "(", "[": "[", "\\{": "\\{", "\\langle": "(", "{": "{", "\\lbrack": "[", "\\lbrace": "\\{"}

_ALIGNED = frozenset("aligned align align* gathered split".split())
_CONDITIONALS = frozenset({"if", "for", "when", "where"})


class Brackets(Cursor):
    def bracket(self, opening: str) -> Node:
        opened = OPENERS.get(opening, opening)
        if self.at("\\}", "}", ")", "]"):
            closing = self.take().text
            if _CLOSERS[closing] != {"(": ")", "[": "]", "\\{": "\\}", "{": "}"}.get(opened):
                raise Unreadable(f"{opening} closed by {closing}")
            return Bracket(opened, _CLOSERS[closing], ())
        stops = frozenset({"}"} if opened == "{" else {")", "]", "\\}", "\\rangle", "\\rbrack", "\\rbrace", "|"})
        bars, self.bars = self.bars, int(opened == "\\{")  # in a set `|` may be "such that"
        inner = self.items(stops if opened in ("\\{",) else stops - {"|"})
        if opened == "\\{" and self.at("|"):
            self.take()
            self.bars = 0
            condition = self.items(stops - {"|"})
            inner = self.apply("such that", inner, condition)
        self.bars = bars
        token = self.take()
        closing = _CLOSERS.get(token.text, "")
        pairs = {"(": ")]", "[": ")]", "\\{": "\\}", "{": "}"}
        if not closing or closing not in pairs[opened]:
            raise Unreadable(f"{opening} closed by {token.text}")
        items = inner.items if isinstance(inner, Items) else (inner,)
        if opened == "{" and isinstance(inner, Items) and self.position > 0:
            return Bracket("{", "}", items)
        if len(items) == 1 and (opened, closing) in (("(", ")"), ("{", "}")):
            return items[0]
        if len(items) == 1 and (opened, closing) == ("[", "]") and not isinstance(items[0], Relation):
            return Bracket("[", "]", items)
        self.count()
        return Bracket(opened, closing, items)

    def between_bars(self, closing: str) -> Node:
        self.bars += 1
        inner = self.items(frozenset({closing}))
        self.expect(closing)
        self.bars -= 1
        return self.apply("abs", inner)

    def environment(self) -> Node:
        """A matrix or an array; `vmatrix` is its determinant, `cases` and `aligned` are lists."""
        kind = self.group_name()
        if kind == "array" and self.at("{"):
            while not self.at("}"):
                if self.take().kind == "end":
                    raise Unreadable("an array that does not end")
            self.take()
        if kind in _ALIGNED:
            self.drop_alignment()
        rows: list[tuple[Node, ...]] = []
        row: list[Node] = []
        stop = frozenset({"&", "\\\\", "\\end", "end"})
        while True:
            if self.at("\\hline"):
                self.take()
                continue
            while kind == "cases" and row and self.here.kind == "text" and self.here.text in _CONDITIONALS:
                self.take()
            if not self.at("&", "\\\\", "\\end"):
                row.append(self.items(stop))
            if self.at("&"):
                self.take()
            elif self.at("\\\\"):
                self.take()
                if row:
                    rows.append(tuple(row))
                row = []
            elif self.at("\\end"):
                self.take()
                if row:
                    rows.append(tuple(row))
                break
            else:
                raise Unreadable(f"{self.here.text!r} in {kind}")
        if self.group_name() != kind or not rows:
            raise Unreadable(f"{kind} that does not end")
        if kind == "cases" or kind in _ALIGNED:
            # A value and its condition belong together: they are a pair.
            lines = tuple(line[0] if len(line) == 1 else Bracket("(", ")", line) for line in rows)
            return Items(lines, (";",) * (len(lines) - 1)) if len(lines) > 1 else lines[0]
        if len({len(line) for line in rows}) != 1:
            raise Unreadable("a matrix with rows of several lengths")
        matrix = Matrix(tuple(rows))
        return self.apply("det", matrix) if kind == "vmatrix" else matrix

    def drop_alignment(self) -> None:
        """Without the signs `&` of this environment, which say nothing here."""
        depth = 0
        kept: list[Token] = []
        for index in range(self.position, len(self.tokens)):
            text = self.tokens[index].text
            depth += (text == "\\begin") - (text == "\\end")
            if depth < 0:
                self.tokens[self.position : index] = kept
                return
            if text != "&" or depth:
                kept.append(self.tokens[index])

    def group_name(self) -> str:
        self.expect("{")
        name = ""
        while not self.at("}"):
            token = self.take()
            if token.kind == "end":
                raise Unreadable("an environment without a name")
            name += token.text
        self.take()
        return name
