"""Makes the agent's source smaller before it is compiled; what it does stays the same (docs/adr/squeezed-builds.md).

MicroPython keeps the name of every global and attribute in flash, once in each file. So integer constants are put where
they are used, what no file mentions is left out, and names that begin with an underscore become short.
"""

import ast
import string
from collections import Counter
from itertools import product
from pathlib import PurePath
from typing import Any

# What a maker's own files may import stays, whether the agent uses it or not.
_OFFERED = {"__init__", "agent", "posix", "console", "quecpython"}
_OFFERED_NAMES = {"KEY_SOFTWARE", "KEY_ENCRYPTED_FLASH", "KEY_SECURE_ELEMENT", "KEY_SIM"}


def squeeze(sources: dict[PurePath, str]) -> dict[PurePath, str]:
    """The sources of a whole package, smaller. Paths are relative to the package; the result is the same for the same
    package, so that its files may be built apart from each other."""
    trees = {path: ast.parse(source) for path, source in sources.items()}
    constants = {path: _constants(tree) for path, tree in trees.items()}
    stems = Counter(path.stem for path in trees)
    by_module = {path.stem: found for path, found in constants.items() if stems[path.stem] == 1}
    for path, tree in trees.items():
        _Inline(constants[path], by_module).visit(tree)
    while _drop_unmentioned(trees):
        pass
    short = _short_names(trees)
    return {path: ast.unparse(_Rename(short).visit(tree)) + "\n" for path, tree in trees.items()}


def _constants(tree: ast.Module) -> dict[str, int]:
    """Names that a module binds once, to an integer."""
    bound = Counter(
        node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    )
    found: dict[str, int] = {}
    for statement in tree.body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if bound[name] == 1:
                try:
                    number = eval(compile(ast.Expression(value), "", "eval"), {"__builtins__": {}}, dict(found))  # noqa: S307
                except Exception:  # noqa: BLE001, S112 - whatever it is, it is no constant expression
                    continue
                if type(number) is int:
                    found[name] = number
    return found


class _Inline(ast.NodeTransformer):
    """Puts constants in the place of NAME and of module.NAME."""

    def __init__(self, own: dict[str, int], by_module: dict[str, dict[str, int]]) -> None:
        self._own = own
        self._by_module = by_module

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return _constant(node, self._own.get(node.id))

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        match node.value:
            case ast.Name(id=module):
                return _constant(node, self._by_module.get(module, {}).get(node.attr))
        self.generic_visit(node)
        return node


def _constant(node: ast.Name | ast.Attribute, value: int | None) -> ast.expr:
    return ast.Constant(value) if value is not None and isinstance(node.ctx, ast.Load) else node


def _drop_unmentioned(trees: dict[PurePath, ast.Module]) -> bool:
    """Leaves out what a module defines and no statement but the definition mentions. Whether anything went."""
    mentions: Counter[str] = Counter()
    for tree in trees.values():
        for statement in tree.body:
            mentions.update(_mentioned(statement) - {_defined(statement)})
    dropped = False
    for path, tree in trees.items():
        kept = [
            statement
            for statement in tree.body
            if not (name := _defined(statement)) or mentions[name] or _is_offered(path.stem, name)
        ]
        dropped |= len(kept) < len(tree.body)
        tree.body = kept
    return dropped


def _is_offered(module: str, name: str) -> bool:
    return name in _OFFERED_NAMES or (module in _OFFERED and name[0] != "_")


def _defined(statement: ast.stmt) -> str | None:
    match statement:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
            return name
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


def _short_names(trees: dict[PurePath, ast.Module]) -> dict[str, str]:
    """A short name for each private one, the shortest for those that are in most files."""
    used: Counter[str] = Counter()
    taken: set[str] = set()
    for tree in trees.values():
        names = {value for node in ast.walk(tree) for value in _identifiers(node)}
        modules = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
        used.update(name for name in names - modules if name[0] == "_" and name[1:2] not in ("", "_"))
        taken |= names
    letters = string.ascii_letters
    short = ("_" + "".join(pair) for length in (1, 2) for pair in product(letters, repeat=length))
    free = (name for name in short if name not in taken)
    return dict(zip(sorted(used, key=lambda name: (-used[name], name)), free, strict=False))


_FIELDS = ("id", "attr", "name", "arg", "asname")


def _identifiers(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Global | ast.Nonlocal):
        return node.names
    return [value for field in _FIELDS if isinstance(value := getattr(node, field, None), str)]


class _Rename(ast.NodeTransformer):
    def __init__(self, names: dict[str, str]) -> None:
        self._names = names

    def generic_visit(self, node: ast.AST) -> Any:
        if isinstance(node, ast.Global | ast.Nonlocal):
            node.names = [self._names.get(name, name) for name in node.names]
        for field in _FIELDS:
            value = getattr(node, field, None)
            if isinstance(value, str):
                setattr(node, field, self._names.get(value, value))
        return super().generic_visit(node)
