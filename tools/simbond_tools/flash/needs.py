"""Which parts of the agent a board takes, worked out from its maker's files without running them.

board.py decides, with what it imports from files beside it (settings.py). Only what is written there counts: a value
that is computed is unknown, and asked for by --with.
"""

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

from simbond_tools import parts
from simbond_tools.field.errors import FieldError
from simbond_tools.i18n import _

BOARD = "board.py"
_AGENT = "simbond_agent"
_UNKNOWN = object()
_EXAMPLE = ".example"  # RFC 2606: nobody's


class UnclearNeeds(FieldError):
    """The maker's files do not say what the board takes, or say what cannot work."""

    code = "board-file"


@dataclass(frozen=True)
class Part:
    """A part of the agent, and why the board gets it, in words."""

    name: str
    why: str


@dataclass
class BoardFile:
    """What board.py gives to the agent. values: by name, as far as they are written out; defined: all names, with the
    file that each is in; imports: modules of the agent that the maker's own code uses, with the file that does.
    """

    values: dict[str, Any] = field(default_factory=dict)
    defined: dict[str, str] = field(default_factory=dict)
    imports: dict[str, str] = field(default_factory=dict)

    def text(self, name: str) -> str | None:
        value = self.values.get(name)
        return value if isinstance(value, str) else None


def read(sources: Mapping[str, str]) -> BoardFile:
    """The board file among a maker's sources (texts by file name). Raises UnclearNeeds."""
    read = BoardFile()
    for name in sources:
        _note_imports(_parsed(name, sources), name, read)
    if BOARD in sources:
        _note_names(BOARD, sources, read, set())
    return read


def dialects() -> set[str]:
    """The parts that are a module's dialect."""
    names = {path.stem for path in (parts.SOURCE / "modem").glob("*.py")}
    return (names & parts.parts().keys()) - {"network_time"}


def uplink_of(board: BoardFile, dialect: str | None) -> Part:
    """The uplink that url takes. Raises UnclearNeeds."""
    url = board.text("url")
    if url is None:
        raise UnclearNeeds(
            _("board.py does not say url in so many words: name the uplink, for instance by --with http.")
        )
    scheme, there, rest = url.partition("://")
    kind = scheme.removeprefix("modem+").removesuffix("s")
    if not there or kind not in ("http", "mqtt"):
        raise UnclearNeeds(
            _("url is {url!r}; it has to begin with https://, mqtts://, modem+https:// or modem+mqtts://.").format(
                url=url
            )
        )
    host = rest.partition("/")[0].partition(":")[0]
    if host.endswith(_EXAMPLE):
        raise UnclearNeeds(_("url is still the example's, {url}: write your verifier's into it.").format(url=url))
    why = _("url begins with {scheme}://").format(scheme=scheme)
    if not scheme.startswith("modem+"):
        return Part(kind, why)
    name = f"{(dialect or 'generic').partition('_')[0]}_{kind}"
    if name not in parts.parts():
        raise UnclearNeeds(
            _(
                "url begins with {scheme}://, but the agent cannot use the own {kind} stack of this modem ({dialect})."
            ).format(scheme=scheme, kind=kind.upper(), dialect=dialect or "generic")
        )
    return Part(name, why)


def others(board: BoardFile) -> Iterator[Part]:
    """What the board file takes besides dialect and uplink."""
    if board.values.get("spool") != 0:
        yield Part("spool", _("spool is not 0 in the board file"))
    for name, part in (("console", "console"), ("set_time", "network_time")):
        if name in board.defined:
            yield Part(part, _("{file} has {name}").format(file=board.defined[name], name=name))
    for module, file in board.imports.items():
        path = PurePath(module)
        for part, files in parts.parts().items():
            if part in path.parts and path.with_suffix(".py") in files:
                yield Part(part, _("{file} imports {module}").format(file=file, module=module.replace("/", ".")))


def unique(found: Iterable[Part]) -> list[Part]:
    """Each part once, for the first reason."""
    first: dict[str, Part] = {}
    for part in found:
        first.setdefault(part.name, part)
    return list(first.values())


def _parsed(name: str, sources: Mapping[str, str]) -> ast.Module:
    try:
        return ast.parse(sources[name])
    except SyntaxError as e:
        raise UnclearNeeds(
            _("{file}, line {line}, is no Python: {why}.").format(file=name, line=e.lineno, why=e.msg)
        ) from None


def _note_names(name: str, sources: Mapping[str, str], read: BoardFile, seen: set[str]) -> None:
    """The module's names, later ones over earlier ones, as an import leaves them."""
    seen.add(name)
    for node in _parsed(name, sources).body:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                _define(read, node.name, name, _UNKNOWN)
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    if isinstance(target, ast.Name):
                        _define(read, target.id, name, value)
            case ast.AnnAssign(target=ast.Name(id=target), value=ast.expr() as value):
                _define(read, target, name, value)
            case ast.ImportFrom(module=str(module), level=0, names=names) if f"{module}.py" in sources:
                if f"{module}.py" in seen:
                    continue
                beside = BoardFile()
                _note_names(f"{module}.py", sources, beside, seen)
                seen.discard(f"{module}.py")
                for alias in names:
                    wanted = beside.defined if alias.name == "*" else {alias.name} & beside.defined.keys()
                    for other in wanted:
                        shown = other if alias.name == "*" else alias.asname or other
                        read.defined[shown] = beside.defined[other]
                        read.values.pop(shown, None)
                        if other in beside.values:
                            read.values[shown] = beside.values[other]
            case ast.Import(names=names) | ast.ImportFrom(names=names):
                for alias in names:
                    _define(read, alias.asname or alias.name, name, _UNKNOWN)


def _define(read: BoardFile, name: str, file: str, value: Any) -> None:
    read.defined[name] = file
    read.values.pop(name, None)
    if value is not _UNKNOWN:
        try:
            read.values[name] = ast.literal_eval(value)
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
            return


def _note_imports(module: ast.Module, file: str, read: BoardFile) -> None:
    for node in ast.walk(module):
        found: list[str] = []
        if isinstance(node, ast.Import):
            found = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        for name in found:
            package, _dot, rest = name.partition(".")
            if package == _AGENT and rest:
                read.imports.setdefault(rest.replace(".", "/"), file)
