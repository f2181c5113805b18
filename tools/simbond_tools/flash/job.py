"""What boards shall get, who hears how they come along, and what is said of each in the end."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from simbond_tools.field.console import Event

from .needs import Part
from .survey import Survey


class Progress(Protocol):
    """Hears how a board comes along. What its methods raise ends the job; the board is then as after any other cut."""

    def doing(self, what: str, octets: int = 0) -> None:
        """Something else begins. octets: how many it is going to write."""

    def written(self, octets: int) -> None:
        """So many octets more are on the board."""

    def waiting(self) -> None:
        """The board lets us wait: called several times a second."""


@dataclass(frozen=True)
class Job:
    """What boards shall get.

    given: the maker's files by name (contents.maker_files); empty: those on the board stay. parts: besides those that
    the board file asks for. plain: see contents.agent. romfs: whether the agent goes into the board's ROMFS partition;
    None: where the heap is small, or it is there already. replace_romfs: even where that holds other files. dry: only
    looks. start_s: how long the agent may take to start. back_s: how long an unplugged board is waited for.
    """

    given: Mapping[str, bytes] = field(default_factory=dict)
    parts: tuple[str, ...] = ()
    plain: bool = False
    romfs: bool | None = None
    replace_romfs: bool = False
    dry: bool = False
    start_s: float = 60.0
    back_s: float = 60.0


@dataclass
class Report:
    """What a board is, and what was done to it (or is to be done, where the job was dry).

    place: the agent's folder. hints: sentences for whoever flashes. started: the agent's event "start".
    """

    port: str
    survey: Survey
    is_compiled: bool = True
    place: str = ""
    hints: list[str] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    written: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    unchanged: int = 0
    octets: int = 0
    started: Event | None = None
