"""Which port, and what is behind it (docs/adr/finding-a-port.md)."""

from collections.abc import Iterable, Iterator

from simbond_tools.i18n import _

from .asking import BAUDS, Found, Kind, ask
from .errors import FieldError, NoPort, PortBusy
from .line import Recorder, takes_speed
from .ports import Candidate, Rank, candidates

__all__ = ["BAUDS", "Candidate", "Found", "Kind", "Rank", "ask", "best", "candidates", "find", "search", "survey"]

# What is reported where nothing answered: rather the port that may be the right one, once somebody frees it.
_SECOND_BEST: tuple[Kind, ...] = ("modem", "agent", "micropython", "busy", "silent")


def find(
    port: str | None = None,
    baud: int | None = None,
    *,
    wanted: Iterable[Kind] = ("modem", "agent"),
    transcript: Recorder | None = None,
) -> Found:
    """The port that is named, or else the first on which one of the wanted speaks; where none does, the next best.

    Raises NoPort when there is none at all, and for a named port what asking.ask() raises.
    """
    return best(search(port, baud, wanted=wanted, transcript=transcript), wanted)


def search(
    port: str | None = None,
    baud: int | None = None,
    *,
    wanted: Iterable[Kind] = ("modem", "agent"),
    transcript: Recorder | None = None,
) -> list[Found]:
    """The same, with every port that was asked on the way, in that order."""
    if port is not None:
        return [ask(port, baud, transcript, has_speed=takes_speed(port))]
    seen = []
    for found in survey(baud):
        seen.append(found)
        if found.kind in wanted:
            break
    if not seen:
        raise NoPort(_("No serial port is plugged in. Plug the cable in, or name a port by --port."))
    return seen


def survey(baud: int | None = None, ports: Iterable[Candidate] | None = None) -> Iterator[Found]:
    """What speaks on each port of this machine, best first, as it is found out."""
    for candidate in candidates() if ports is None else ports:
        try:
            yield ask(candidate.url, baud, has_speed=candidate.has_speed)
        except PortBusy as e:
            yield Found(candidate.url, 0, "busy", str(e))
        except FieldError as e:
            yield Found(candidate.url, 0, "silent", str(e))


def best(seen: list[Found], wanted: Iterable[Kind] = ("modem", "agent")) -> Found:
    """The one to go on with, or where nobody wanted speaks, to report."""
    order = (*wanted, *_SECOND_BEST)
    return min(seen, key=lambda found: 0 if found.kind in wanted else 1 + order.index(found.kind))
