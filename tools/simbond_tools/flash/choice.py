"""Which parts a board gets, and why: what --with names, what its board file needs, and its modem's dialect."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from simbond_tools import parts
from simbond_tools.i18n import _

from . import needs
from .files import Files
from .needs import Part, UnclearNeeds
from .survey import IN_ROM, Survey, Unfit

GENERIC = "generic"


@dataclass(frozen=True)
class Maker:
    """The files that a maker gave (or that are on the board, where none did) as far as they are Python, by name."""

    sources: dict[str, str]
    board: needs.BoardFile


def maker(given: Mapping[str, bytes], files: Files, survey: Survey) -> Maker:
    """The maker's word on the board. given: files by name. Raises UnclearNeeds, BoardError, Unplugged."""
    if needs.BOARD in given:
        sources = {name: _text(name, octets) for name, octets in given.items() if name.endswith(".py")}
    else:
        names = [name for name in files.names(survey.root) if name.endswith(".py")]
        sources = {name: files.text(survey.root + name) for name in names}
    return Maker(sources, needs.read(sources))


def check(maker: Maker, given: Mapping[str, bytes], files: Files, survey: Survey) -> None:
    """Raises UnclearNeeds or Unfit for settings that cannot work."""
    state = maker.board.text("state_dir")
    if state and PurePosixPath(survey.own) in (PurePosixPath(state), *PurePosixPath(state).parents):
        raise Unfit(
            _("state_dir is {folder}, inside the agent's own: keys would go with an old agent.").format(folder=state)
        )
    ca = maker.board.text("ca")
    if (
        ca
        and PurePosixPath(ca).name not in given
        and PurePosixPath(ca).name not in files.names(str(PurePosixPath(ca).parent))
    ):
        raise UnclearNeeds(
            _("ca is {path}, which is neither given nor on the board: name your server's CA by --ca FILE.").format(
                path=ca
            )
        )


def dialect(stated: list[Part], files: Files, survey: Survey) -> Part | None:
    """The modem's dialect, as far as it is known without asking: stated, or the one on the board."""
    for part in stated:
        if part.name in needs.dialects():
            return part
    carried = {PurePosixPath(path).stem for own in (survey.own, IN_ROM) for path in files.listed(f"{own}/modem", ())}
    known = sorted(carried & needs.dialects())
    return Part(known[0], _("the dialect on the board")) if len(known) == 1 else None


def stated(names: tuple[str, ...]) -> list[Part]:
    """The parts that --with names. Raises UnclearNeeds."""
    unknown = sorted(set(names) - parts.parts().keys())
    if unknown:
        raise UnclearNeeds(
            _("There is no part {part}. There are: {parts}.").format(
                part=", ".join(unknown), parts=", ".join(sorted(parts.parts()))
            )
        )
    return [Part(name, _("named by --with")) for name in names]


def choose(stated: list[Part], dialect: Part, maker: Maker) -> list[Part]:
    """All of them. Raises UnclearNeeds."""
    found = list(stated)
    if dialect.name != GENERIC:
        found.append(dialect)
    if not any(part.name.endswith(("http", "mqtt")) for part in stated):
        found.append(needs.uplink_of(maker.board, dialect.name))
    return needs.unique([*found, *needs.others(maker.board)])


def _text(name: str, octets: bytes) -> str:
    try:
        return octets.decode()
    except UnicodeDecodeError:
        raise UnclearNeeds(_("{file} is not in UTF-8.").format(file=name)) from None
