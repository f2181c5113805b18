"""Puts integer constants where they are used, and leaves out what no file mentions."""

import ast
from collections import Counter
from pathlib import PurePath

from .offered import is_offered
from .package import Package
from .scopes import FUNCTIONS, Variable


def inline(trees: dict[PurePath, ast.Module]) -> None:
    """Replaces every mention of a module's integer constants by its value, in all modules."""
    package = Package(trees)
    values: dict[Variable, int] = {}
    for module in package.modules.values():
        values.update(_constants(module.tree, module.scope.variables))
    places: dict[int, int] = {}
    for module in package.modules.values():
        for variable in (v for scope in module.scope.inner() for v in scope.variables.values()):
            origin = package.origin(variable)
            if isinstance(origin, Variable) and origin in values:
                places.update((id(node), values[origin]) for node in variable.loads)
        for _, node, member in module.members:
            origin = package.origin(member)
            if isinstance(origin, Variable) and origin in values:
                places[id(node)] = values[origin]
        for each in module.imports:
            # The last name stays: its module is to be loaded as before.
            if each.is_plain and package.origin(each.source) in values and len(each.statement.names) > 1:
                each.statement.names.remove(each.alias)
    for tree in trees.values():
        _Inline(places).visit(tree)


def _constants(tree: ast.Module, variables: dict[str, Variable]) -> dict[Variable, int]:
    """The variables that a module binds once, to an integer."""
    found: dict[str, int] = {}
    for statement in tree.body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if len(variables[name].bindings) == 1:
                try:
                    number = eval(compile(ast.Expression(value), "", "eval"), {"__builtins__": {}}, dict(found))  # noqa: S307
                except Exception:  # noqa: BLE001, S112 - whatever it is, it is no constant expression
                    continue
                if type(number) is int:
                    found[name] = number
    return {variables[name]: number for name, number in found.items()}


class _Inline(ast.NodeTransformer):
    def __init__(self, places: dict[int, int]) -> None:
        self._places = places

    def visit(self, node: ast.AST) -> ast.AST:
        if id(node) in self._places:
            return ast.Constant(self._places[id(node)])
        return super().visit(node)  # type: ignore[no-any-return]


def drop_unmentioned(trees: dict[PurePath, ast.Module]) -> None:
    """Leaves out what a module defines and no statement but the definition mentions, and what only that mentions."""
    while _drop_once(trees):
        pass


def _drop_once(trees: dict[PurePath, ast.Module]) -> bool:
    mentions: Counter[str] = Counter()
    for tree in trees.values():
        for statement in tree.body:
            mentions.update(_mentioned(statement) - {_defined(statement)})
    dropped = False
    for path, tree in trees.items():
        kept = [
            statement
            for statement in tree.body
            if not (name := _defined(statement)) or mentions[name] or is_offered(path, name)
        ]
        dropped |= len(kept) < len(tree.body)
        tree.body = kept
    return dropped


def _defined(statement: ast.stmt) -> str | None:
    if isinstance(statement, FUNCTIONS):
        return statement.name
    match statement:
        case ast.Assign(targets=[ast.Name(id=name)], value=value) if not _has_call(value):
            return name
    return None


def _has_call(value: ast.expr) -> bool:
    return any(isinstance(node, ast.Call) for node in ast.walk(value))


def _mentioned(statement: ast.stmt) -> set[str]:
    """Every name in a statement, also in strings: getattr() takes those."""
    found: set[str] = set()
    for node in ast.walk(statement):
        for _, value in ast.iter_fields(node):
            if isinstance(value, str):
                found.update(value.split("."))
    return found
