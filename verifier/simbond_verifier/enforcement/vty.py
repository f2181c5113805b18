"""The network's view of a card from osmo-hlr's VTY: the IMEI that the network last saw with an IMSI.

osmo-hlr stores it when a node checks the IMEI and `store-imei` is configured; CTRL does not show it. The VTY is a
telnet dialogue made for people, so this asks for one thing only and believes nothing that it does not recognise.
Source: OsmoHLR VTY reference, `show subscriber`; RFC 854 for the telnet negotiation that is stepped over.
"""

import asyncio
import re
from dataclasses import dataclass
from datetime import datetime

from .target import Sighting, TargetError, UnknownSubscriber, require_imsi

_MAX_ANSWER = 65536
_TELNET = re.compile(rb"\xff[\xfb-\xfe].|\xff[\xf0-\xfa]", re.DOTALL)
_PROMPT = re.compile(r"(?:^|\n)([\w.-]+(?:\([\w-]+\))?[>#] )$")


def parse_sighting(answer: str, imsi: str) -> Sighting | None:
    """The IMEI in the answer to `show subscriber imsi` and when a node last updated the card's location; None where it
    shows no IMEI.

    Raises UnknownSubscriber when the HLR knows no such IMSI, ValueError for an answer about anything else.
    """
    if "% No subscriber for imsi" in answer:
        raise UnknownSubscriber(f"osmo-hlr has no subscriber with IMSI {imsi}: create it there first")
    shown: dict[str, str] = {}
    for line in answer.splitlines():
        key, _, value = line.strip().partition(": ")
        if key.endswith(" number"):
            break  # from here on a serving node chose part of the text and could make it look like an IMEI
        shown.setdefault(key, value)
    if shown.get("IMSI") != imsi:
        raise ValueError(f"not an answer about IMSI {imsi}")
    imei = shown.get("IMEI", "")
    return Sighting(imei, _last_update(answer)) if re.fullmatch(r"[0-9]{14,16}", imei) else None


def _last_update(answer: str) -> float | None:
    # osmo-hlr's own lines come last, behind whatever a node's name may hold.
    latest = {}
    for domain, time in re.findall(r"^ *last LU seen on (CS|PS): (\S+)", answer, re.MULTILINE):
        latest[domain] = time
    try:
        return max((datetime.fromisoformat(time).timestamp() for time in latest.values()), default=None)
    except ValueError:
        return None


@dataclass(slots=True)
class _Session:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    prompt: str = ""

    async def greet(self) -> None:
        """Read the greeting and learn the prompt, which an operator may have renamed."""
        text = ""
        received = bytearray()
        while not (found := _PROMPT.search(text)):
            if text.endswith("Password: "):
                raise ConnectionError("it wants a password; configure `line vty` with `no login` and a private bind")
            text = await self._more(received)
        self.prompt = found[1]

    async def run(self, command: str) -> str:
        """The lines that a command prints, without its echo and the next prompt."""
        self.writer.write(command.encode() + b"\n")
        text = ""
        received = bytearray()
        while not text.endswith("\n" + self.prompt):
            text = await self._more(received)
        _echo, _, answer = text.removesuffix(self.prompt).partition("\n")
        return answer

    async def _more(self, received: bytearray) -> str:
        data = await self.reader.read(4096)
        if not data:
            raise ConnectionError("it closed the connection")
        received += data
        if len(received) > _MAX_ANSWER:
            raise ConnectionError("it sends without end: this is not osmo-hlr's VTY")
        return _TELNET.sub(b"", received).decode(errors="replace").replace("\r", "")


class VtyNetworkView:
    """A NetworkView. One dialogue on one connection, so questions of many tasks take turns."""

    def __init__(self, host: str, port: int, *, timeout: float) -> None:
        self._host = host
        self._port = port
        self._timeout = timeout
        self._turn = asyncio.Lock()
        self._session: _Session | None = None

    async def sighting(self, imsi: str) -> Sighting | None:
        """See NetworkView. osmo-hlr keeps 14 digits and shows 15: it computes the check digit."""
        command = f"show subscriber imsi {require_imsi(imsi)}"
        try:
            async with asyncio.timeout(self._timeout), self._turn:
                answer = await self._ask(command)
            return parse_sighting(answer, imsi)
        except TimeoutError:
            reason = f"no answer within {self._timeout:g} s"
        except (OSError, ValueError) as error:
            reason = str(error)
        raise TargetError(
            f"no network view from the VTY at {self._host}:{self._port}: {reason}. Is osmo-hlr's VTY bound there?"
        )

    async def close(self) -> None:
        """Drop the connection, if there is one."""
        if self._session is not None:
            self._session.writer.transport.abort()
            self._session = None

    async def _ask(self, command: str) -> str:
        if self._session is not None:
            try:
                return await self._dialogue(command)
            except ConnectionError:
                pass  # the connection was from before a restart or an idle time-out: one try on a new one
        return await self._dialogue(command)

    async def _dialogue(self, command: str) -> str:
        try:
            if self._session is None:
                self._session = _Session(*await asyncio.open_connection(self._host, self._port))
                await self._session.greet()
            return await self._session.run(command)
        except BaseException:
            await self.close()  # an answer may be half read: the next question must not get the rest of it
            raise
