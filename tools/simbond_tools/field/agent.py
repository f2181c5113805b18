"""The agent on a cable, looked for and spoken with."""

from collections.abc import Iterator
from contextlib import contextmanager

from simbond_tools.i18n import N_, _

from .console import Console
from .errors import NoAgent
from .find import find
from .line import Recorder, open_line

_NEXT = {
    "modem": N_("The agent speaks on the board's own console: plug the cable in there, or name that port by --port."),
    "micropython": N_("Run 'simbond doctor --restart', which says why the agent does not run."),
}
_NEXT_ELSE = N_("Run 'simbond doctor', which says what is wrong.")


@contextmanager
def agent_on_cable(port: str | None, baud: int | None, transcript: Recorder | None = None) -> Iterator[Console]:
    """The console of the agent at port, or else of the first one that is found; the line is open for so long.

    transcript: gets what goes over the line. Raises NoAgent, and what find() and open_line() raise.
    """
    found = find(port, baud, wanted=("agent",))
    if found.kind != "agent":
        told = _("No agent answers on {port}: {why}.").format(port=found.url, why=found.why)
        raise NoAgent(f"{told} {_(_NEXT.get(found.kind, _NEXT_ELSE))}")
    with open_line(found.url, found.baud, transcript=transcript) as line:
        yield Console(line)
