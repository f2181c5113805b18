"""Makes the agent's source smaller before it is compiled; what it does stays the same (docs/adr/squeezed-builds.md).

MicroPython keeps the name of every variable of a module and of every attribute and parameter, in flash once in each
file, and in the heap once. So constants are put where they are used, what no file mentions is left out, the
modules of the core become one, and names that only the package uses become short.
"""

import ast
from collections.abc import Iterable
from pathlib import PurePath

from .bundle import bundle
from .constants import drop_unmentioned, inline
from .names import shorten
from .scopes import SqueezeError

__all__ = ["ENTRY", "SqueezeError", "squeeze"]

ENTRY = PurePath("agent.py")
"""The module that the others of the core are put into."""

_ROOT = PurePath("__init__.py")


def squeeze(sources: dict[PurePath, str], core: Iterable[PurePath] = (), name: str = "") -> dict[PurePath, str]:
    """The sources of a whole package, smaller.

    Paths are relative to the package, which is called name. core: the modules that are always there together; most of
    them are put into ENTRY, and there is no such path any more in the result. That is the same for the same package, so
    that its files may be built apart from each other. Raises SqueezeError.
    """
    trees = {path: ast.parse(source) for path, source in sources.items()}
    for tree in trees.values():
        _drop_docstrings(tree)
    inline(trees)
    drop_unmentioned(trees)
    merged = set(core) - {_ROOT}
    if merged:
        trees = bundle(trees, merged, ENTRY, name)
        drop_unmentioned(trees)  # names that differ from each other leave more of them unmentioned
    shorten(trees)
    return {path: ast.unparse(tree) + "\n" for path, tree in trees.items()}


def _drop_docstrings(tree: ast.Module) -> None:
    for node in ast.walk(tree):
        match node:
            case ast.Module(body=[ast.Expr(ast.Constant(str())), *rest]):
                node.body = rest
            case (
                ast.ClassDef(body=[ast.Expr(ast.Constant(str())), *rest])
                | ast.FunctionDef(body=[ast.Expr(ast.Constant(str())), *rest])
                | ast.AsyncFunctionDef(body=[ast.Expr(ast.Constant(str())), *rest])
            ):
                node.body = rest or [ast.Pass()]
