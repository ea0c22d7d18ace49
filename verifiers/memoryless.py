"""Whether a call of a program's functions can leave anything behind that the next call would notice.

By a list of what is harmless: whatever is not on it, a program may use to keep something, and its calls are made apart.
"""

from __future__ import annotations

import ast
import bisect
import builtins
import cmath
import collections
import heapq
import itertools
import math
from collections.abc import Iterator, Mapping, Set

from verifiers.syntax import NOT_PYTHON, parse


def _public(*things: object) -> frozenset[str]:
    return frozenset(name for thing in things for name in dir(thing) if not name.startswith("_"))


MODULES: Mapping[str, Set[str]] = {one.__name__: _public(one) for one in (bisect, cmath, heapq, itertools, math)}
"""What they have is functions and types that keep nothing, and no way to other modules."""
NAMES: Mapping[str, Set[str]] = {
    **MODULES,
    "collections": {"Counter", "OrderedDict", "defaultdict", "deque"},
    "functools": {"cmp_to_key", "reduce"},
    "typing": {"Any", "Callable", "Deque", "DefaultDict", "Dict", "Iterable", "Iterator", "List", "Optional",
               "Sequence", "Set", "Tuple", "Union"},
}  # fmt: skip
"""What may be imported from a module by its name."""
ATTRIBUTES = _public(
    *(bool, bytearray, bytes, complex, dict, float, frozenset, int, list, range, set, str, tuple),
    *(collections.Counter, collections.OrderedDict, collections.defaultdict, collections.deque),
)
EXCEPTIONS = {name for name, one in vars(builtins).items() if isinstance(one, type) and issubclass(one, BaseException)}
BUILTINS = EXCEPTIONS | set(
    "abs all any ascii bin bool bytearray bytes callable chr complex dict divmod enumerate filter float format "
    "frozenset hash hex int isinstance issubclass iter len list map max min next oct ord pow print range repr reversed "
    "round set slice sorted str sum tuple zip".split()
)
NODES = (
    *(ast.expr_context, ast.boolop, ast.operator, ast.unaryop, ast.cmpop, ast.comprehension, ast.ExceptHandler),
    *(ast.arguments, ast.arg, ast.keyword, ast.BoolOp, ast.NamedExpr, ast.BinOp, ast.UnaryOp, ast.Lambda, ast.IfExp),
    *(ast.Dict, ast.Set, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.Compare, ast.Call),
    *(ast.Constant, ast.Attribute, ast.Subscript, ast.Starred, ast.Name, ast.List, ast.Tuple, ast.Slice),
    *(ast.JoinedStr, ast.FormattedValue, ast.Yield, ast.YieldFrom, ast.FunctionDef, ast.Return, ast.Delete),
    *(ast.Assign, ast.AugAssign, ast.AnnAssign, ast.For, ast.While, ast.If, ast.Raise, ast.Try, ast.Assert),
    *(ast.Expr, ast.Pass, ast.Break, ast.Continue, ast.Nonlocal),
)
"""What a function may consist of."""


def keeps_nothing(source: str) -> bool:
    """True only for a program of plain functions, and of classes with plain methods: no value that can change outlives
    a call, and no function has one for a default."""
    try:
        module = parse(source)
    except NOT_PYTHON:
        return False
    bound = set(_bound(module))
    classes = {node.name for node in ast.walk(module) if isinstance(node, ast.ClassDef)}
    aliases = {
        alias.asname or alias.name: alias.name
        for node in module.body
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    program = _Program(BUILTINS | bound, classes, aliases)
    hidden = bound & (vars(builtins).keys() - BUILTINS)
    return not hidden and all(program.leaves_nothing(statement) for statement in module.body)


def _bound(tree: ast.AST) -> Iterator[str]:
    """Every name that is given to something, in any scope."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()) | ast.arg(arg=name) | ast.ExceptHandler(name=str(name)):
                yield name
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.alias(name=name, asname=None) | ast.alias(asname=str(name)):
                yield name


class _Program:
    """The names that a program may use, and what they are."""

    def __init__(self, known: Set[str], classes: Set[str], modules: Mapping[str, str]) -> None:
        self._known, self._classes, self._modules = known, classes, modules

    def leaves_nothing(self, statement: ast.stmt, *, is_in_class: bool = False) -> bool:
        """Of the module's own statements, or of a class's."""
        match statement:
            case ast.Import(names=names):
                return not is_in_class and all(alias.name in MODULES for alias in names)
            case ast.ImportFrom(module=str(module), names=names, level=0):
                return not is_in_class and all(alias.name in NAMES.get(module, ()) for alias in names)
            case ast.Expr(value=ast.Constant()) | ast.Pass():
                return True
            case ast.Assign(targets=[ast.Name()], value=value):
                return _is_constant(value)
            case ast.FunctionDef(decorator_list=[], args=arguments):
                defaults = [one for one in (*arguments.defaults, *arguments.kw_defaults) if one]
                own = arguments.args[0].arg if is_in_class and arguments.args else None
                return all(map(_is_constant, defaults)) and self._is_plain(statement, own)
            case ast.ClassDef(bases=[], keywords=[], decorator_list=[], body=body):
                return not is_in_class and all(self.leaves_nothing(inner, is_in_class=True) for inner in body)
        return False

    def _is_plain(self, function: ast.FunctionDef, own: str | None) -> bool:
        """`own` is what a method calls its object, whose attributes it may set: nothing else may have that name."""
        if own is not None and list(_bound(function)).count(own) > 1:
            return False
        called = {id(node.func) for node in ast.walk(function) if isinstance(node, ast.Call)}
        nodes = (node for statement in function.body for node in ast.walk(statement))
        return all(self._is_harmless(node, own, is_called=id(node) in called) for node in nodes)

    def _is_harmless(self, node: ast.AST, own: str | None, *, is_called: bool) -> bool:
        match node:
            case ast.Name(id=name, ctx=ast.Load()) if name in self._classes:
                return is_called  # handed on, it could stand for an object
            case ast.Name(id=name, ctx=ast.Load()):
                return name in self._known
            case ast.Attribute(attr=name) if name.startswith("__"):
                return False
            case ast.Attribute(value=ast.Name(id=name)) if name == own:
                return True
            case ast.Attribute(value=ast.Name(id=name), attr=attribute, ctx=ast.Load()) if name in self._modules:
                return attribute in MODULES[self._modules[name]]
            case ast.Attribute(attr=attribute, ctx=ast.Load()):
                return attribute in ATTRIBUTES
            case ast.Attribute():
                return False
            case ast.FunctionDef():
                return not node.decorator_list
        return isinstance(node, NODES)


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
