"""Whether the agent starts on a board, by what the board says."""

import re
import time

from simbond_tools.field.agent_words import in_words
from simbond_tools.field.asking import PROMPT
from simbond_tools.field.console import Event, parse_event
from simbond_tools.field.errors import FieldError
from simbond_tools.i18n import _

from .board import Board
from .job import Progress

_RAISED = re.compile(rb"[A-Za-z_.]+(Error|Exception|Exit|Interrupt)\b.*")


class NotStarted(FieldError):
    """Everything is on the board, but the agent did not start."""

    code = "not-started"


def wait_for_start(board: Board, timeout_s: float, progress: Progress) -> Event:
    """The agent's event "start", on a board whose main.py runs. Raises NotStarted with what the board said instead,
    and Unplugged."""
    deadline = time.monotonic() + timeout_s
    raised = ""
    rest = b""
    while time.monotonic() < deadline:
        progress.waiting()
        *lines, rest = (rest + board.heard(0.2)).split(b"\n")
        for line in lines:
            event = parse_event(line)
            if event and event["event"] == "start":
                return event
            if event and event["event"] == "error" and event.get("what") == "setup":
                said = in_words(event.get("code"), event.get("detail"))
                raise NotStarted(_("The agent says: {what}.").format(what=said))
            if found := _RAISED.match(line):
                raised = found[0].decode("utf-8", "replace").strip()
        if rest == PROMPT:
            raise NotStarted(_("main.py came to its end: {what}").format(what=raised or _("it starts no agent.")))
    raise NotStarted(
        _(
            "The agent has not started within {seconds} s: 'simbond doctor --restart' says why, --start-timeout gives "
            "it longer."
        ).format(seconds=int(timeout_s))
    )
