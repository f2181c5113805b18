"""Puts constants where they are used, and leaves out what no file mentions."""

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import PurePath

from .offered import is_offered
from .package import Module, Package
from .scopes import FUNCTIONS, Variable

_INTERNED = 10  # MicroPython keeps a text of so many octets once in a file (MICROPY_ALLOC_PARSE_INTERN_STRING_LEN)

_Value = int | str
_Mention = tuple[Module, ast.AST]
"""Where it stands, and the node."""


def inline(trees: dict[PurePath, ast.Module]) -> None:
    """Replaces every mention of a module's constants by its value, in all modules.

    Those are whole numbers, short texts, and longer ones that no module mentions twice: each mention of such a one has
    its own octets.
    """
    package = Package(trees)
    values: dict[Variable, _Value] = {}
    for module in package.modules.values():
        constants = _constants(module.tree, module.scope.variables)
        values.update({variable: value for variable, value in constants.items() if variable not in package.assigned})
    mentions: dict[Variable, list[_Mention]] = {variable: [] for variable in values}
    for variable, mention in _mentions(package):
        if variable in values:
            mentions[variable].append(mention)
    values = {variable: value for variable, value in values.items() if _is_worth_it(value, mentions[variable])}
    places = {id(node): value for variable, value in values.items() for _, node in mentions[variable]}
    for each in (each for module in package.modules.values() for each in module.imports):
        # The last name stays: its module is to be loaded as before.
        if each.is_plain and package.origin(each.source) in values and len(each.statement.names) > 1:
            each.statement.names.remove(each.alias)
    for tree in trees.values():
        _Inline(places).visit(tree)


def _mentions(package: Package) -> Iterator[tuple[Variable, _Mention]]:
    """Where variables are read, each under the one that it has its value from."""
    for module in package.modules.values():
        for variable in (v for scope in module.scope.inner() for v in scope.variables.values()):
            origin = package.origin(variable)
            if isinstance(origin, Variable):
                yield from ((origin, (module, node)) for node in variable.loads)
        for each, node, member in module.members:
            origin = package.origin(member)
            if isinstance(origin, Variable):
                yield origin, (each.module, node)


def _is_worth_it(value: _Value, mentions: list[_Mention]) -> bool:
    in_each = Counter(id(module) for module, _ in mentions)
    return isinstance(value, int) or len(value) <= _INTERNED or all(number == 1 for number in in_each.values())


def _constants(tree: ast.Module, variables: dict[str, Variable]) -> dict[Variable, _Value]:
    """The variables that a module binds once, to a whole number or a text."""
    found: dict[str, _Value] = {}
    for statement in tree.body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if len(variables[name].bindings) == 1:
                try:
                    constant = eval(compile(ast.Expression(value), "", "eval"), {"__builtins__": {}}, dict(found))  # noqa: S307
                except Exception:  # noqa: BLE001, S112 - whatever it is, it is no constant expression
                    continue
                if type(constant) in (int, str):
                    found[name] = constant
    return {variables[name]: constant for name, constant in found.items()}


class _Inline(ast.NodeTransformer):
    def __init__(self, places: dict[int, _Value]) -> None:
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
