"""The modules of a package, and what they import from each other."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePath

from .scopes import FUNCTIONS, Scope, SqueezeError, Variable, definitions, resolve

_ANY_NAME = {"globals", "locals", "vars", "eval", "exec"}


@dataclass(eq=False, repr=False)
class Import:
    """One name of one `from ... import` within the package. source: the module, or the variable of one."""

    module: "Module"
    statement: ast.ImportFrom
    alias: ast.alias
    variable: Variable
    source: "Module | Variable"

    @property
    def is_plain(self) -> bool:
        """Whether the variable is the module's and has no other value."""
        return self.variable.scope.is_module and len(self.variable.bindings) == 1


@dataclass(eq=False, repr=False)
class Module:
    """members: the nodes `module.name` of other modules that mean a variable of this one. is_object: whether it is used
    in any other way than that."""

    path: PurePath
    tree: ast.Module
    scope: Scope
    imports: list[Import] = field(default_factory=list)
    members: list[tuple[Import, ast.Attribute, Variable]] = field(default_factory=list)
    is_object: bool = False

    @property
    def is_package(self) -> bool:
        return self.path.name == "__init__.py"

    @property
    def dotted(self) -> list[str]:
        """The parts of its name behind the package's."""
        return [*self.path.parent.parts, *([] if self.is_package else [self.path.stem])]


class Package:
    """modules: by path, sorted. attributes: every name that is looked up on what is no module of the package. assigned:
    the variables of modules that another module puts something else into."""

    def __init__(self, trees: dict[PurePath, ast.Module]) -> None:
        self.modules = {path: Module(path, trees[path], resolve(trees[path])) for path in sorted(trees)}
        self.module_of = {module.scope: module for module in self.modules.values()}
        for module in self.modules.values():
            if module.scope.unknown & _ANY_NAME:
                raise SqueezeError(f"{module.path} looks up variables by their names")
            module.imports = list(self._imports(module))
        self.assigned: set[Variable] = set()
        every = [each for module in self.modules.values() for each in module.imports]
        self._sources = {each.variable: each.source for each in every if len(each.variable.bindings) == 1}
        self._resolved = {id(node) for module in self.modules.values() for node in self._link(module)}
        self.attributes = {node.attr for module in self.modules.values() for node in self.lookups(module)}

    def lookups(self, module: Module) -> list[ast.Attribute]:
        """Where attributes are looked up on what is no module of the package."""
        return [n for n in ast.walk(module.tree) if isinstance(n, ast.Attribute) and id(n) not in self._resolved]

    def _imports(self, module: Module) -> Iterator[Import]:
        variables = definitions(module.scope.inner())
        for statement in ast.walk(module.tree):
            if isinstance(statement, ast.ImportFrom) and statement.level:
                folder = module.path.parents[statement.level - 1] / (statement.module or "").replace(".", "/")
                for alias in statement.names:
                    if alias.name == "*":
                        raise SqueezeError(f"{module.path} imports * from the package")
                    source = self._source(folder, alias.name)
                    if source is None:
                        raise SqueezeError(f"{module.path} imports {alias.name}, which {folder} has not")
                    yield Import(module, statement, alias, variables[id(alias)], source)

    def _source(self, folder: PurePath, name: str) -> Module | Variable | None:
        for path in (folder / f"{name}.py", folder / name / "__init__.py"):
            if path in self.modules:
                return self.modules[path]
        for path in (folder.with_suffix(".py"), folder / "__init__.py"):
            if path in self.modules and name in self.modules[path].scope.variables:
                return self.modules[path].scope.variables[name]
        return None

    def _link(self, module: Module) -> Iterator[ast.Attribute]:
        """Finds the `module.name` of what the module imports."""
        owners = {id(node.value): node for node in ast.walk(module.tree) if isinstance(node, ast.Attribute)}
        for each in module.imports:
            if not isinstance(each.source, Module):
                continue
            if len(each.variable.bindings) > 1:
                each.source.is_object = True
            for mention in each.variable.mentions:
                if mention is each.alias:
                    continue
                attribute = owners.get(id(mention))
                member = each.source.scope.variables.get(attribute.attr) if attribute else None
                if attribute and member and isinstance(attribute.ctx, ast.Load):
                    each.source.members.append((each, attribute, member))
                    yield attribute
                else:
                    each.source.is_object = True
                    if member:
                        self.assigned.add(member)

    def origin(self, source: Module | Variable) -> Module | Variable:
        """Where it was defined that a module has from another: follows imports."""
        while isinstance(source, Variable) and source in self._sources:
            source = self._sources[source]
        return source


def at_load(tree: ast.AST) -> Iterator[ast.AST]:
    """The nodes that run when a module is loaded: those outside functions."""
    for child in ast.iter_child_nodes(tree):
        yield child
        if not isinstance(child, (*FUNCTIONS, ast.Lambda)):
            yield from at_load(child)


def words(tree: ast.Module) -> set[str]:
    """What strings could name: getattr() and __import__() take such."""
    return {
        word
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        for word in node.value.split(".")
    }
