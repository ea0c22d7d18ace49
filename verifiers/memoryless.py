"""Whether a call of a program's functions can leave anything behind that the next call would notice."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator

from verifiers.syntax import NOT_PYTHON, parse

STATELESS_MODULES = {
    *("bisect", "cmath", "collections", "fractions", "functools", "heapq", "itertools", "math", "operator", "re"),
    *("statistics", "string", "typing"),
}
STATEFUL_BUILTINS = {
    *("breakpoint", "compile", "delattr", "eval", "exec", "getattr", "globals", "id", "input", "locals", "open"),
    *("setattr", "super", "type", "vars", "__import__", "__builtins__", "__build_class__"),
}
HARMLESS_BUILTINS = vars(builtins).keys() - STATEFUL_BUILTINS
REFUSED = (ast.AsyncFunctionDef, ast.ClassDef, ast.Global, ast.Import, ast.ImportFrom, ast.Await)
"""Inside a function."""


def keeps_nothing(source: str) -> bool:
    """True only for a program of plain functions, or of classes with plain methods of which each call has an object of
    its own: no mutable value outlives a call, and no function has one for a default.

    It need not see through a program that hides what it keeps: who answers True to that loses nothing but the candidate
    another chance.
    """
    try:
        module = parse(source)
        known = HARMLESS_BUILTINS | set(_bound(module))
        return not STATEFUL_BUILTINS & known and all(_leaves_nothing(node, known) for node in module.body)
    except NOT_PYTHON:
        return False


def _bound(module: ast.Module) -> Iterator[str]:
    """Every name that the program gives to something, in any scope."""
    for node in ast.walk(module):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name) | ast.ExceptHandler(name=str(name)):
                yield name
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.alias(name=name, asname=None):
                yield name.partition(".")[0]
            case ast.alias(asname=str(name)):
                yield name


def _leaves_nothing(statement: ast.stmt, known: set[str], *, is_in_class: bool = False) -> bool:
    match statement:
        case ast.Import(names=names):
            return all(alias.name in STATELESS_MODULES for alias in names)
        case ast.ImportFrom(module=module, names=names):
            return module in STATELESS_MODULES | {"__future__"} and names[0].name != "*"
        case ast.Expr(value=ast.Constant()) | ast.Pass():
            return True
        case ast.Assign(targets=[ast.Name()], value=value):
            return _is_constant(value)
        case ast.FunctionDef():
            return _is_plain(statement, known, is_method=is_in_class)
        case ast.ClassDef(bases=[], keywords=[], decorator_list=[], body=body):
            return all(_leaves_nothing(inner, known, is_in_class=True) for inner in body)
    return False


def _is_plain(function: ast.FunctionDef, known: set[str], *, is_method: bool) -> bool:
    arguments = function.args
    defaults = [default for default in (*arguments.defaults, *arguments.kw_defaults) if default]
    own = arguments.args[0].arg if is_method and arguments.args else None
    return (
        not function.decorator_list
        and all(map(_is_constant, defaults))
        and all(_is_harmless(node, own, known) for statement in function.body for node in ast.walk(statement))
    )


def _is_harmless(node: ast.AST, own: str | None, known: set[str]) -> bool:
    """Inside a function; `own` is what a method calls its object, whose attributes it may set."""
    match node:
        case ast.Name(id=name, ctx=ast.Load()):
            return name in known
        case ast.Attribute(attr=name, ctx=ast.Load()):
            return not name.startswith("__")
        case ast.Attribute(value=ast.Name(id=name)):
            return name == own
        case ast.FunctionDef():
            return not node.decorator_list
    return not isinstance(node, (*REFUSED, ast.Attribute))


def _is_constant(value: ast.expr) -> bool:
    """A value that nothing can change."""
    match value:
        case ast.Constant():
            return True
        case ast.UnaryOp(operand=operand):
            return _is_constant(operand)
        case ast.BinOp(left=left, right=right):
            return _is_constant(left) and _is_constant(right)
        case ast.Call(func=ast.Name(id="float" | "int"), args=items, keywords=[]) | ast.Tuple(elts=items):
            return all(map(_is_constant, items))
    return False
