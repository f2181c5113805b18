"""The agent's console (agent/README.md#console), from the other end of the cable."""

import json
import time
from collections import deque
from itertools import count
from typing import Any

from simbond_tools.i18n import _
from simbond_verifier.evidence import FIELD_NONCE_OCTETS

from .agent_words import in_words
from .errors import AgentRefused, NoAgent
from .line import Line

_READ = 4096
_LINE_MAX = 16384  # what the agent says of itself is some 2 KiB; what is longer than this is noise
_EVENTS_MAX = 1000  # whoever talks without end fills no memory
_STATUS_S = 2.5  # an agent in a TLS handshake answers after it
_STATUS_TRIES = 3
_HANDSHAKE_S = 30.0  # it was heard just before, and does not answer as long as its own handshake goes on
_WORK_S = 60.0  # it may wait 20 s for the card, and for an attestation that is under way

Event = dict[str, Any]


class Console:
    """Asks the agent on an open line. events: what it said in between, in order; of very much, the last.

    Every method raises NoAgent when nothing answers in time, AgentRefused with what the agent says when it cannot do
    what was asked, and Unplugged.
    """

    def __init__(self, line: Line) -> None:
        self.events: deque[Event] = deque(maxlen=_EVENTS_MAX)
        self._line = line
        self._partial = b""
        self._ids = count(1)

    def status(self, timeout_s: float = _STATUS_S, tries: int = _STATUS_TRIES) -> dict[str, Any]:
        """{"status": the last event of each kind, "kid": key identifier in hex, or None}. What is of another form
        counts as not said."""
        for attempt in range(tries):
            try:
                reply = self._ask("status", timeout_s)
            except NoAgent:
                if attempt + 1 == tries:
                    raise
            else:
                kid = reply.get("kid")
                return {"status": _events(reply.get("status")), "kid": kid if isinstance(kid, str) else None}
        raise AssertionError("tries is to be one at least")

    def prove(self, nonce: bytes) -> bytes:
        """Evidence (COSE_Sign1) over a nonce of 16 octets, which no verifier takes for an answer to its own."""
        if len(nonce) != FIELD_NONCE_OCTETS:
            raise ValueError(f"a nonce for the console has {FIELD_NONCE_OCTETS} octets")
        return self._octets(self._ask("prove", _WORK_S, nonce=nonce.hex()), "evidence")

    def look(self) -> dict[str, Any]:
        """What modem and board say now; keys as in agent/README.md. An agent of before refuses."""
        return self._ask("look", _WORK_S)

    def enrolment(self) -> bytes:
        """The enrolment request (COSE_Sign1). It holds IMSI and ICCID in clear."""
        return self._octets(self._ask("enrolment", _WORK_S), "request")

    def attest(self) -> None:
        """Has it attest now; what comes of it is the event "attested", "stored" or "error" in time."""
        self._ask("attest", _HANDSHAKE_S)

    def rotate(self) -> None:
        """Has it take a new key; what comes of it is the event "rotation" in time."""
        self._ask("rotate", _HANDSHAKE_S)

    def wait_for(self, *names: str, timeout_s: float = _WORK_S) -> Event:
        """The next event with one of these names. Raises NoAgent when none comes in time."""
        deadline = time.monotonic() + timeout_s
        while (event := self._next(deadline)) is not None:
            self.events.append(event)
            if event["event"] in names:
                return event
        raise NoAgent(_("The agent on {port} has not reported in time.").format(port=self._line.url))

    def _ask(self, do: str, timeout_s: float, **more: str) -> Event:
        number = next(self._ids)
        # The empty line ends what may stand half-written on the console: it is no part of ours then.
        request = json.dumps({"do": do, "id": number, **more}, separators=(",", ":"))
        self._line.write(b"\r" + request.encode() + b"\r")
        deadline = time.monotonic() + timeout_s
        while (event := self._next(deadline)) is not None:
            if event["event"] != "reply":
                self.events.append(event)
            elif event.get("id") == number:
                if "error" in event:
                    raise AgentRefused(in_words(event.get("code"), event["error"]))
                return event
        raise NoAgent(
            _(
                "Nothing on {port} answers as the simbond agent. Is this the board's console, is the agent running, "
                "and has its board the part 'console'?"
            ).format(port=self._line.url)
        )

    @staticmethod
    def _octets(reply: Event, key: str) -> bytes:
        try:
            return bytes.fromhex(reply[key])
        except (KeyError, TypeError, ValueError):
            raise AgentRefused(_("The agent's answer is damaged; try again.")) from None

    def _next(self, deadline: float) -> Event | None:
        """The next event on the line, or None after the deadline; lines that are none are passed over."""
        while True:
            while b"\n" in self._partial:
                text, _newline, self._partial = self._partial.partition(b"\n")
                if len(text) <= _LINE_MAX and (event := parse_event(text)) is not None:
                    return event
            if len(self._partial) > _LINE_MAX:
                self._partial = b""
            if time.monotonic() >= deadline:
                return None
            self._partial += self._line.read(_READ, max(0.0, deadline - time.monotonic())).replace(b"\r", b"\n")


def _events(said: object) -> dict[str, Event]:
    told = said if isinstance(said, dict) else {}
    return {name: event for name, event in told.items() if isinstance(event, dict)}


def parse_event(text: bytes) -> Event | None:
    """The event that a line holds, perhaps with noise in front of it; None when it holds none."""
    start = text.find(b"{")
    if start < 0:
        return None
    try:
        event = json.loads(text[start:])
    except (ValueError, RecursionError):
        return None
    return event if isinstance(event, dict) and isinstance(event.get("event"), str) else None
