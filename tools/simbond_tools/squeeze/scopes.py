"""Which variable a name means: Python's scopes, for the language that the agent is written in."""

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


class SqueezeError(Exception):
    """The source does what cannot be squeezed safely. The text says what and where."""


@dataclass(eq=False, repr=False)
class Variable:
    """One variable. mentions: the nodes that name it; bindings: those of them that give it a value."""

    name: str
    scope: "Scope"
    is_parameter: bool = False
    mentions: list[ast.AST] = field(default_factory=list)
    bindings: list[ast.AST] = field(default_factory=list)

    def rename(self, name: str) -> None:
        for node in self.mentions:
            _set_name(node, self.name, name)
        self.name = name

    @property
    def loads(self) -> list[ast.AST]:
        return [node for node in self.mentions if isinstance(getattr(node, "ctx", None), ast.Load)]


@dataclass(eq=False, repr=False)
class Scope:
    """node: the module, class, function or comprehension. outside: names that it declares global or nonlocal. direct:
    the variables that it mentions itself; free: those of scopes around it that it or a scope inside mentions. unknown,
    of a module: names that nothing in it binds.
    """

    node: ast.AST
    parent: "Scope | None" = None
    children: list["Scope"] = field(default_factory=list)
    variables: dict[str, Variable] = field(default_factory=dict)
    outside: dict[str, type[ast.AST]] = field(default_factory=dict)
    direct: set[Variable] = field(default_factory=set)
    free: set[Variable] = field(default_factory=set)
    unknown: set[str] = field(default_factory=set)

    @property
    def is_module(self) -> bool:
        return isinstance(self.node, ast.Module)

    @property
    def is_class(self) -> bool:
        return isinstance(self.node, ast.ClassDef)

    @property
    def is_comprehension(self) -> bool:
        return isinstance(self.node, _COMPREHENSIONS)

    def inner(self) -> Iterator["Scope"]:
        """This scope and those inside, outer ones first."""
        yield self
        for child in self.children:
            yield from child.inner()

    def module(self) -> "Scope":
        return self if self.parent is None else self.parent.module()


def definitions(scopes: Iterable[Scope]) -> dict[int, Variable]:
    """The variables of scopes, by the identities of the nodes that bind them."""
    return {id(node): v for scope in scopes for v in scope.variables.values() for node in v.bindings}


def resolve(tree: ast.Module) -> Scope:
    """The module's scope, with every scope inside."""
    collector = _Collector(tree)
    # What is bound elsewhere by declaration last: then it is known where.
    for scope, name, node in sorted(collector.bound, key=lambda each: each[1] in each[0].outside):
        variable = _own(scope, name)
        variable.bindings.append(node)
        variable.is_parameter |= isinstance(node, ast.arg)
        _mention(scope, variable, node)
    for scope, name, node in collector.mentioned:
        known = _visible(scope, name)
        if known:
            _mention(scope, known, node)
        else:
            collector.scope.unknown.add(name)
    return collector.scope


def _own(scope: Scope, name: str) -> Variable:
    """The variable that a binding of name in scope binds."""
    declared = scope.outside.get(name)
    if declared is ast.Global:
        scope = scope.module()
    elif declared is ast.Nonlocal:
        while scope.parent and (name in scope.outside or name not in scope.variables):
            scope = scope.parent
    return scope.variables.setdefault(name, Variable(name, scope))


def _mention(scope: Scope, variable: Variable, node: ast.AST) -> None:
    variable.mentions.append(node)
    scope.direct.add(variable)
    within: Scope | None = scope
    while within and within is not variable.scope:
        within.free.add(variable)
        within = within.parent


def _visible(scope: Scope, name: str) -> Variable | None:
    if scope.outside.get(name) is ast.Global:
        return scope.module().variables.get(name)
    looked: Scope | None = scope
    while looked:
        if name in looked.variables and (looked is scope or not looked.is_class):
            return looked.variables[name]
        looked = looked.parent
    return None


class _Collector(ast.NodeVisitor):
    """Every mention of a name, with the scope in which it stands."""

    def __init__(self, tree: ast.Module) -> None:
        self.scope = Scope(tree)
        self.bound: list[tuple[Scope, str, ast.AST]] = []
        self.mentioned: list[tuple[Scope, str, ast.AST]] = []
        self.generic_visit(tree)

    def _bind(self, name: str, node: ast.AST) -> None:
        self.bound.append((self.scope, name, node))

    def _visit_all(self, *nodes: ast.AST | None) -> None:
        for node in nodes:
            if node:
                self.visit(node)

    def _visit_inside(self, node: ast.AST, *parts: ast.AST) -> None:
        outer = self.scope
        self.scope = Scope(node, outer)
        outer.children.append(self.scope)
        self._visit_all(*parts)
        self.scope = outer

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load):
            self.mentioned.append((self.scope, node.id, node))
        else:
            self._bind(node.id, node)

    def visit_arg(self, node: ast.arg) -> None:
        self._bind(node.arg, node)

    def _visit_function(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> None:
        defaults = [default for default in (*node.args.defaults, *node.args.kw_defaults) if default]
        self._visit_all(*defaults)
        a = node.args
        arguments = [*a.posonlyargs, *a.args, *([a.vararg] if a.vararg else []), *a.kwonlyargs]
        arguments += [a.kwarg] if a.kwarg else []
        body = [node.body] if isinstance(node, ast.Lambda) else node.body
        self._visit_inside(node, *arguments, *body)

    visit_Lambda = _visit_function

    def _visit_definition(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self._bind(node.name, node)
        self._visit_all(*node.decorator_list)
        self._visit_function(node)

    visit_FunctionDef = _visit_definition
    visit_AsyncFunctionDef = _visit_definition

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._bind(node.name, node)
        self._visit_all(*node.decorator_list, *node.bases, *node.keywords)
        self._visit_inside(node, *node.body)

    def _visit_comprehension(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp) -> None:
        self.visit(node.generators[0].iter)
        results = (node.key, node.value) if isinstance(node, ast.DictComp) else (node.elt,)
        first, *more = node.generators
        self._visit_inside(node, first.target, *first.ifs, *more, *results)

    visit_ListComp = _visit_comprehension
    visit_SetComp = _visit_comprehension
    visit_DictComp = _visit_comprehension
    visit_GeneratorExp = _visit_comprehension

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        self.visit(node.value)
        outer = self.scope
        while self.scope.is_comprehension and self.scope.parent:
            self.scope = self.scope.parent
        self.visit(node.target)
        self.scope = outer

    def _visit_declaration(self, node: ast.Global | ast.Nonlocal) -> None:
        for name in node.names:
            self.scope.outside[name] = type(node)
            self.mentioned.append((self.scope, name, node))

    visit_Global = _visit_declaration
    visit_Nonlocal = _visit_declaration

    def visit_alias(self, node: ast.alias) -> None:
        if node.name != "*":
            self._bind(node.asname or node.name.split(".")[0], node)

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        if node.name:
            self._bind(node.name, node)
        self.generic_visit(node)


def _set_name(node: ast.AST, old: str, new: str) -> None:
    match node:
        case ast.Name():
            node.id = new
        case ast.Attribute():
            node.attr = new
        case ast.arg():
            node.arg = new
        case ast.alias() if "." not in node.name:
            node.asname = new if new != node.name else None
        case ast.Global() | ast.Nonlocal():
            node.names = [new if name == old else name for name in node.names]
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef() | ast.ExceptHandler():
            node.name = new
        case _:
            raise SqueezeError(f"line {getattr(node, 'lineno', '?')}: {old} cannot be called otherwise")
