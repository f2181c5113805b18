"""What of the agent a board needs: the core, and the parts that it uses (a dialect, an uplink, a signer ...).

One rule: the core is what the agent's loop and the generic dialect import when they are loaded, directly or not. Every
other file that no such file imports is a part, named like the file; a folder that the core does not load is one part,
named like the folder. A part brings along what it imports, at any time, beyond the core.
"""

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

import simbond_agent

SOURCE = Path(simbond_agent.__file__).parent
"""The folder of the agent's package; paths of files are given relative to it."""

_ROOTS = ("__init__.py", "agent.py", "modem/generic.py")


class UnknownPartError(Exception):
    """There is no part of that name. The text names those that there are."""


def core() -> list[Path]:
    """The files that every board carries, sorted."""
    return sorted(_closure((Path(root) for root in _ROOTS), set(), lazy=False))


def parts() -> dict[str, list[Path]]:
    """The files that each part adds to the core, sorted, by the part's name. Raises ValueError for two of one name."""
    carried = set(core())
    others = {path.relative_to(SOURCE) for path in SOURCE.rglob("*.py")} - carried
    shared = {to for path in others for to in _imported(path, lazy=True) if to.parent == path.parent}
    found: dict[str, list[Path]] = {}
    for path in sorted(others):
        folder = path.parent if path.parent / "__init__.py" in others else None
        if path.name != "__init__.py" and (folder or path in shared):
            continue
        name = folder.name if folder else path.stem
        if name in found:
            raise ValueError(f"two parts are called {name}")
        files = [other for other in others if folder in other.parents] if folder else [path]
        found[name] = sorted(_closure(files, carried, lazy=True))
    return found


def files_of(names: Iterable[str]) -> list[Path]:
    """The core and the named parts, sorted. Raises UnknownPartError."""
    known = parts()
    files = set(core())
    for name in names:
        if name not in known:
            raise UnknownPartError(f"there is no part {name}; there are {', '.join(sorted(known))}")
        files.update(known[name])
    return sorted(files)


def _closure(files: Iterable[Path], carried: set[Path], *, lazy: bool) -> set[Path]:
    """The files and what they import, but for what is carried anyway."""
    found: set[Path] = set()
    todo = list(files)
    while todo:
        path = todo.pop()
        if path not in found and path not in carried:
            found.add(path)
            todo += _imported(path, lazy=lazy)
            todo += [folder / "__init__.py" for folder in path.parents]
    return found


def _imported(path: Path, *, lazy: bool) -> Iterator[Path]:
    """The files of the package that one of it imports; lazy: also those that it imports inside a function."""
    for node in _statements(ast.parse((SOURCE / path).read_text()), lazy=lazy):
        if isinstance(node, ast.ImportFrom) and node.level:
            target = path.parents[node.level - 1] / (node.module or "").replace(".", "/")
            if (SOURCE / target).is_dir():
                yield target / "__init__.py"
                yield from (t for alias in node.names if (SOURCE / (t := target / f"{alias.name}.py")).is_file())
            else:
                yield target.with_suffix(".py")


def _statements(node: ast.AST, *, lazy: bool) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        yield child
        if lazy or not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _statements(child, lazy=lazy)
