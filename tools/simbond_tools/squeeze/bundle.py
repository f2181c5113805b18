"""Makes one module of many: what they import from each other becomes their own."""

import ast
from collections.abc import Iterable, Iterator
from pathlib import PurePath
from typing import Any

from .offered import is_offered
from .package import Import, Module, Package, at_load
from .scopes import SqueezeError, Variable


def bundle(
    trees: dict[PurePath, ast.Module], merged: Iterable[PurePath], entry: PurePath, name: str
) -> dict[PurePath, ast.Module]:
    """The package with the modules at the paths `merged` put into the one at `entry`, which is one of them.

    What makers may import from entry keeps its name. Modules that are used as objects stay what they are. name: the
    package's. Raises SqueezeError.
    """
    package = Package(trees)
    inside = {path for path in merged if not package.modules[path].is_object}
    modules = _in_order(package, [entry, *sorted(inside)], inside)
    _Bundler(package, modules, package.modules[entry], name).rewrite()
    body = [statement for module in modules for statement in module.tree.body]
    made = {path: tree for path, tree in trees.items() if path not in inside}
    made[entry] = ast.Module(list(_without_repetition(body)), [])
    return made


def _in_order(package: Package, paths: list[PurePath], inside: set[PurePath]) -> list[Module]:
    """The modules that are to be merged, each behind those that it needs when it is loaded."""
    ordered: list[Module] = []
    begun: set[Module] = set()

    def visit(module: Module) -> None:
        begun.add(module)
        for needed in _needed(package, module):
            if needed not in begun:
                visit(needed)
            elif needed not in done and not needed.is_package:
                raise SqueezeError(f"{module.path} and {needed.path} import each other")
        done.add(module)
        if module.path in inside:
            ordered.append(module)

    done: set[Module] = set()
    for path in paths:
        if package.modules[path] not in begun:
            visit(package.modules[path])
    return ordered


def _needed(package: Package, module: Module) -> Iterator[Module]:
    """What a module imports when it is loaded, in that order, with the packages around it."""
    imports = {id(each.alias): each for each in module.imports}
    for node in at_load(module.tree):
        if each := imports.get(id(node)):
            source = each.source if isinstance(each.source, Module) else package.module_of[each.source.scope]
            for folder in reversed(source.path.parents[:-1]):
                if around := package.modules.get(folder / "__init__.py"):
                    yield around
            yield source


def _without_repetition(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    seen = set()
    for statement in body:
        if isinstance(statement, ast.Import | ast.ImportFrom):
            text = ast.unparse(statement)
            if text in seen:
                continue
            seen.add(text)
        yield statement


class _Bundler:
    def __init__(self, package: Package, modules: list[Module], entry: Module, name: str) -> None:
        self._package = package
        self._modules = modules
        self._entry = entry
        self._name = name
        self._replaced: dict[int, ast.expr] = {}
        self._statements: dict[int, list[ast.stmt]] = {}

    def rewrite(self) -> None:
        self._name_apart()
        for module in self._package.modules.values():
            for each in module.imports:
                self._statements.setdefault(id(each.statement), [])
            for each in module.imports:
                self._rewrite(each)
        for module in self._package.modules.values():
            _Replace(self._replaced, self._statements).visit(module.tree)

    def _name_apart(self) -> None:
        """Gives the variables of the merged modules names that differ from each other."""
        keys = {module: _bound_by_import(module) for module in self._modules}
        for module in self._modules:
            for name, variable in module.scope.variables.items():
                if module is self._entry and name not in keys[module] and is_offered(module.path, name):
                    continue
                key = keys[module].get(name)
                if key is None or any(
                    name in other.scope.unknown or (name in other.scope.variables and keys[other].get(name) != key)
                    for other in self._modules
                ):
                    variable.rename("_".join(["", *module.dotted, name]))
            for node in ast.walk(module.tree):
                if isinstance(node, ast.Name) and node.id == "__name__":
                    self._replaced[id(node)] = ast.Constant(".".join([self._name, *module.dotted]))

    def _rewrite(self, each: Import) -> None:
        origin = self._package.origin(each.source)
        if isinstance(origin, Variable):
            home = self._package.module_of[origin.scope]
            if home in self._modules and each.module in self._modules and each.is_plain:
                each.variable.rename(origin.name)
            else:
                home = self._entry if home in self._modules else home
                self._import(each, home.dotted, origin.name, each.variable.name)
        elif origin in self._modules:
            self._dissolve(each, origin)
        else:
            self._import(each, origin.dotted[:-1], origin.dotted[-1], each.variable.name)

    def _dissolve(self, each: Import, source: Module) -> None:
        """Makes names of the `module.name` of a merged module."""
        wanted = set()
        for by, attribute, member in source.members:
            if by is each:
                origin = self._package.origin(member)
                if not isinstance(origin, Variable) or self._package.module_of[origin.scope] not in self._modules:
                    raise SqueezeError(f"{each.module.path}: import {attribute.attr} from where it is defined")
                self._replaced[id(attribute)] = ast.Name(origin.name, ast.Load())
                wanted.add(origin.name)
        if each.module not in self._modules:
            for name in sorted(wanted):
                self._import(each, self._entry.dotted, name, name)

    def _import(self, each: Import, dotted: list[str], name: str, as_name: str) -> None:
        """Has the statement import a name from the module `dotted`."""
        home = self._entry if each.module in self._modules else each.module
        alias = ast.alias(name, as_name if as_name != name else None)
        statement = ast.ImportFrom(".".join(dotted) or None, [alias], len(home.path.parent.parts) + 1)
        self._statements[id(each.statement)].append(statement)


def _bound_by_import(module: Module) -> dict[str, tuple[str, ...]]:
    """What of a module's variables it has, by one statement, from outside the package: where from, by name."""
    found: dict[str, tuple[str, ...]] = {}
    for statement in module.tree.body:
        if isinstance(statement, ast.Import) or (isinstance(statement, ast.ImportFrom) and not statement.level):
            source = statement.module or "" if isinstance(statement, ast.ImportFrom) else "import"
            for alias in statement.names:
                name = alias.asname or alias.name
                if name in module.scope.variables and len(module.scope.variables[name].bindings) == 1:
                    found[name] = (source, alias.name)
    return found


class _Replace(ast.NodeTransformer):
    """Puts other expressions, and other statements for one, in the place of those with these identities."""

    def __init__(self, expressions: dict[int, ast.expr], statements: dict[int, list[ast.stmt]]) -> None:
        self._expressions = expressions
        self._statements = statements

    def visit(self, node: ast.AST) -> Any:
        if id(node) in self._expressions:
            return self._expressions[id(node)]
        if id(node) in self._statements:
            return self._statements[id(node)]
        super().visit(node)
        if getattr(node, "body", None) == [] and not isinstance(node, ast.Module):
            node.body = [ast.Pass()]  # type: ignore[attr-defined]
        return node
