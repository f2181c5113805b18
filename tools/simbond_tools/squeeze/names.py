"""Gives short names to what only the package names: MicroPython keeps each name in flash and in the heap."""

import ast
import builtins
import keyword
import string
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator
from itertools import product
from pathlib import PurePath

from .offered import is_offered
from .package import Package, words
from .scopes import FUNCTIONS, Scope, Variable, definitions

_RESERVED = {*keyword.kwlist, *dir(builtins)}


def shorten(trees: dict[PurePath, ast.Module]) -> None:
    """Renames, in place: variables of modules, variables of functions, and private attributes.

    What is mentioned in a string, or passed by keyword, keeps its name; so does a module's variable that is looked up
    on anything but the module's own name, and what makers may use.
    """
    _Shortener(trees).shorten()


class _Shortener:
    """said: what is known by its name, to getattr() and to those who call by keyword. groups: the variables of modules
    that are one, by the one that the others are imported from. owned: those of them that only the package names."""

    def __init__(self, trees: dict[PurePath, ast.Module]) -> None:
        self._package = Package(trees)
        nodes = [node for tree in trees.values() for node in ast.walk(tree)]
        self._said = set[str]().union(*(words(tree) for tree in trees.values()))
        self._said.update(node.arg for node in nodes if isinstance(node, ast.keyword) and node.arg)
        modules = self._package.modules.values()
        self._scopes = [scope for module in modules for scope in module.scope.inner()]
        self._definitions = definitions(self._scopes)
        self._groups = self._grouped()
        self._owned = {v for v in self._groups if not self._is_known(v)}
        self._attributes = self._private_attributes(nodes)
        self._kept_parameters = {scope: set(self._known_parameters(scope)) for scope in self._scopes}

    def shorten(self) -> None:
        self._rename_globals()
        self._rename_attributes()
        for scope in self._scopes:
            if not scope.is_module and not scope.is_class:
                self._rename_locals(scope)
        self._rename_imports()

    def _grouped(self) -> dict[Variable, list[Variable]]:
        groups: dict[Variable, list[Variable]] = defaultdict(list)
        for module in self._package.modules.values():
            for variable in module.scope.variables.values():
                origin = self._package.origin(variable)
                groups[origin if isinstance(origin, Variable) else variable].append(variable)
        return groups

    def _is_known(self, variable: Variable) -> bool:
        name = variable.name
        return (
            name in self._said
            or name in self._package.attributes
            or name.startswith("__")
            or is_offered(self._package.module_of[variable.scope].path, name)
            # An import under its own name: that is in the file anyway.
            or any(isinstance(node, ast.alias) and node.asname is None for node in variable.bindings)
        )

    def _private_attributes(self, nodes: list[ast.AST]) -> set[str]:
        """Attributes that begin with one underscore, that a class of the package has or that are assigned to."""
        defined = {name for scope in self._scopes if scope.is_class for name in scope.variables}
        defined |= {node.attr for node in nodes if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)}
        objects = [module for module in self._package.modules.values() if module.is_object]
        variables = {name for module in objects for name in module.scope.variables}
        known = self._said | (variables & self._package.attributes)
        return {name for name in defined - known if name[0] == "_" and name[:2] != "__"}

    def _known_parameters(self, scope: Scope) -> Iterator[Variable]:
        parameters = [v for v in scope.variables.values() if v.is_parameter]
        own_affair = self._is_called_by_position(scope)
        for i, parameter in enumerate(parameters):
            is_self = i == 0 and scope.parent is not None and scope.parent.is_class
            if parameter.name in self._said or not (own_affair or is_self):
                yield parameter

    def _is_called_by_position(self, scope: Scope) -> bool:
        """Whether only the package and MicroPython call the function: what they pass by keyword is known otherwise."""
        node, parent = scope.node, scope.parent
        if not isinstance(node, FUNCTIONS) or parent is None:
            return True
        if parent.is_class:
            if node.name == "__init__":
                return self._definitions[id(parent.node)] in self._owned
            return node.name in self._attributes or node.name.startswith("__")
        return not parent.is_module or self._definitions[id(node)] in self._owned

    def _rename_globals(self) -> None:
        """One name for all variables of a group, the shortest for those that are mentioned most."""
        of = self._package.module_of
        taken = {
            scope: scope.unknown | {v.name for inner in scope.inner() for v in self._kept_parameters[inner]}
            for scope in of
        }
        for origin, group in self._groups.items():
            if origin not in self._owned:
                for variable in group:
                    taken[variable.scope].add(variable.name)
        mentions = {origin: sum(len(v.mentions) for v in self._groups[origin]) for origin in self._owned}
        for origin in sorted(self._owned, key=lambda v: (-mentions[v], of[v.scope].path, v.name)):
            group = self._groups[origin]
            name = next(_short(set[str]().union(*(taken[v.scope] for v in group))))
            for variable in group:
                taken[variable.scope].add(name)
                variable.rename(name)

    def _rename_attributes(self) -> None:
        counted: Counter[str] = Counter()
        others = set(self._said)
        places: dict[str, list[ast.Attribute]] = defaultdict(list)
        for module in self._package.modules.values():
            for node in self._package.lookups(module):
                if node.attr in self._attributes:
                    places[node.attr].append(node)
        variables = [v for scope in self._scopes if scope.is_class for v in scope.variables.values()]
        for scope in self._scopes:
            if scope.is_class:  # what a class body mentions, its own names must not hide
                others |= {v.name for v in scope.direct if v.name not in self._attributes}
        others |= self._package.attributes - self._attributes
        counted.update({name: len(nodes) for name, nodes in places.items()})
        counted.update(v.name for v in variables if v.name in self._attributes)
        names = dict(zip(sorted(counted, key=lambda name: (-counted[name], name)), _short(others), strict=False))
        for name, nodes in places.items():
            for node in nodes:
                node.attr = names[name]
        for variable in variables:
            variable.rename(names.get(variable.name, variable.name))

    def _rename_locals(self, scope: Scope) -> None:
        kept = {v for inner in scope.inner() for v in self._kept_parameters[inner]}
        names = _short(scope.module().unknown | {v.name for v in kept | scope.free})
        for variable in sorted(scope.variables.values(), key=lambda v: not v.is_parameter):
            if variable not in kept:
                variable.rename(next(names))

    def _rename_imports(self) -> None:
        for module in self._package.modules.values():
            for each in module.imports:
                if isinstance(each.source, Variable):
                    each.alias.name = each.source.name
                    each.alias.asname = each.variable.name if each.variable.name != each.source.name else None
            for _, node, member in module.members:
                node.attr = member.name


def _short(avoided: Collection[str]) -> Iterator[str]:
    for length in (1, 2, 3):
        for letters in product(string.ascii_letters, repeat=length):
            name = "".join(letters)
            if name not in avoided and name not in _RESERVED:
                yield name
