"""Which problem codes the source can produce, read from its syntax trees: every `Problem(...)`, and what its code is.

A code that is no constant is followed: through names of modules, parameters (to all calls), local variables,
conditional expressions, and attributes (to what the room's classes put there).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

Expression = ast.expr
Function = ast.FunctionDef
CODE = re.compile(r"[a-z]+(_[a-z]+)*")
DEPTH = 6
"""Steps from `Problem(...)` to the constant; more than that nobody can follow either."""


@dataclass(frozen=True)
class Use:
    """One place that makes a Problem, and the codes that it can have; none: it cannot be seen."""

    place: str
    codes: frozenset[str]
    remedied: bool
    """It says what to do."""


def uses(package: Path) -> list[Use]:
    """Every `Problem(...)` of the package, and every `replace(problem, code=...)`."""
    sources = Sources(
        {
            ".".join(path.relative_to(package.parent).with_suffix("").parts): ast.parse(
                path.read_text(encoding="utf-8")
            )
            for path in sorted(package.rglob("*.py"))
        }
    )
    return [
        Use(
            f"{module}:{call.lineno}",
            frozenset(filter(CODE.fullmatch, sources.values(code, Scope(module, function)))),
            remedied=any(given(call, "remedy", 4)) or name == "replace",
        )
        for module, tree in sources.modules.items()
        for name, position in (("Problem", 0), ("replace", None))
        for call, function in calls(tree, name)
        for code in given(call, "code", position)
    ]


@dataclass(frozen=True)
class Scope:
    """Where an expression stands."""

    module: str
    function: Function | None

    @property
    def room(self) -> str:
        return self.module.rpartition(".")[0]


class Sources:
    def __init__(self, modules: Mapping[str, ast.Module]) -> None:
        self.modules = modules

    def values(self, expression: Expression, scope: Scope, depth: int = DEPTH) -> Iterator[str]:
        """Texts that the expression can be."""
        if depth == 0:
            return
        match expression:
            case ast.Constant(value=str(text)):
                yield text
            case ast.IfExp(body=one, orelse=other):
                yield from self.values(one, scope, depth - 1)
                yield from self.values(other, scope, depth - 1)
            case ast.BoolOp(values=several):
                for one in several:
                    yield from self.values(one, scope, depth - 1)
            case ast.Name(id=name):
                yield from self._named(name, scope, depth - 1)
            case ast.Attribute(attr=name):
                for found, where in self._attributes(name, scope.room):
                    yield from self.values(found, where, depth - 1)

    def _named(self, name: str, scope: Scope, depth: int) -> Iterator[str]:
        function = scope.function
        if function is not None:
            for value in assigned(function, name):
                yield from self.values(value, scope, depth)
            yield from self._passed(name, function, scope, depth)
        tree = self.modules[scope.module]
        for value in assigned(tree, name):
            yield from self.values(value, Scope(scope.module, None), depth)
        for node in tree.body:
            if isinstance(node, ast.ImportFrom) and node.module and node.module in self.modules:
                for alias in node.names:
                    if name == (alias.asname or alias.name):
                        yield from self._named(alias.name, Scope(node.module, None), depth)

    def _passed(self, name: str, function: Function, scope: Scope, depth: int) -> Iterator[str]:
        """What callers give for a parameter: those in the module for a private function, else those in the room."""
        home = scope.module if function.name.startswith("_") else scope.room
        names = [argument.arg for argument in (*function.args.posonlyargs, *function.args.args)]
        everything = [*names, *(argument.arg for argument in function.args.kwonlyargs)]
        if name not in everything:
            return
        position = names.index(name) - (names[0] == "self") if name in names else None
        for module, tree in self.modules.items():
            for call, caller in calls(tree, function.name) if module.startswith(home) else ():
                for value in given(call, name, position):
                    yield from self.values(value, Scope(module, caller), depth)

    def _attributes(self, name: str, room: str) -> Iterator[tuple[Expression, Scope]]:
        """What the room's classes have there: a class's constant, or what their makers give for a field."""
        for module, tree in self.modules.items():
            if not module.startswith(room):
                continue
            for node in ast.walk(tree):
                if isinstance(node, ast.ClassDef):
                    fields = [one.target.id for one in node.body if is_field(one)]  # type: ignore[attr-defined]
                    yield from ((v, Scope(module, None)) for v in assigned(node, name))
                    if name in fields:
                        yield from self._made(node.name, name, fields.index(name), room)

    def _made(
        self, kind: str, name: str, position: int, room: str
    ) -> Iterator[tuple[Expression, Scope]]:
        for module, tree in self.modules.items():
            if module.startswith(room):
                for call, caller in calls(tree, kind):
                    yield from ((v, Scope(module, caller)) for v in given(call, name, position))


def is_field(node: ast.stmt) -> bool:
    return isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)


def calls(tree: ast.AST, name: str) -> Iterator[tuple[ast.Call, Function | None]]:
    """Calls of that name, of a function or a method, each with the innermost function that it stands in."""

    def walk(
        node: ast.AST, function: Function | None
    ) -> Iterator[tuple[ast.Call, Function | None]]:
        if isinstance(node, ast.Call):
            called = node.func
            if (isinstance(called, ast.Name) and called.id == name) or (
                isinstance(called, ast.Attribute) and called.attr == name
            ):
                yield node, function
        inner = node if isinstance(node, ast.FunctionDef) else function
        for child in ast.iter_child_nodes(node):
            yield from walk(child, inner)

    yield from walk(tree, None)


def given(call: ast.Call, name: str, position: int | None) -> Iterator[Expression]:
    """The argument, by name or by place."""
    if position is not None and position < len(call.args):
        yield call.args[position]
    yield from (keyword.value for keyword in call.keywords if keyword.arg == name)


def assigned(scope: ast.Module | ast.ClassDef | Function, name: str) -> Iterator[Expression]:
    """What the scope itself gives the name, one by one or in a row."""
    for node in ast.walk(scope) if isinstance(scope, ast.FunctionDef) else scope.body:
        if isinstance(node, ast.AnnAssign) and node.value is not None:
            if isinstance(node.target, ast.Name) and node.target.id == name:
                yield node.value
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                yield from _bound(target, node.value, name)


def _bound(target: Expression, value: Expression, name: str) -> Iterator[Expression]:
    if isinstance(target, ast.Name) and target.id == name:
        yield value
    elif isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        for one, its_value in zip(target.elts, value.elts, strict=False):
            yield from _bound(one, its_value, name)
