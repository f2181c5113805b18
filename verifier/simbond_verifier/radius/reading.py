"""What a gateway's packet says about a card. Pure."""

import re
import string
from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import quote_from_bytes, unquote_to_bytes

from simbond_agent import identity

from ..observation import Observation, Place, Use
from ..policy import ImsiFrom
from . import imeisv, plmn, uli
from .packet import Request

SOURCE = "radius"

_AHEAD_S = 60.0
"""Of our clock: what a gateway dates later than this was seen now."""
_APN_CHARACTERS = 100
_SESSION_CHARACTERS = 200
_USER_NAME_CHARACTERS = 253
_PLAIN = string.punctuation.replace("%", "")
# The operator identifier that a visited network appends (TS 23.003 clause 9.1).
_OPERATOR = re.compile(r"\.mnc\d{2,3}\.mcc\d{3}\.gprs$")
# The digit before the IMSI says how it authenticates (TS 23.003 clause 19.3.2).
_NAI = re.compile(r"(?:[0168](?=\d{15}@))?(\d{15})(?:@.*)?")


class Session(NamedTuple):
    """A session at a gateway; what tells it from others is empty where the gateway did not say."""

    id: str
    """Acct-Session-Id, as `storable`."""
    user_name: str = ""
    """User-Name, as `storable`."""
    address: str = ""
    """Framed-IP-Address."""
    seconds: int | None = None
    """Acct-Session-Time: how long it has run."""


def read_observation(request: Request, sources: Iterable[ImsiFrom], now: float) -> Observation | None:
    """The card, its device and its place; None when the packet names no card in any of the sources."""
    imsi = _imsi(request, sources)
    if imsi is None:
        return None
    sv = request.octets("3GPP-IMEISV")
    return Observation(
        imsi,
        made_at(request, now),
        SOURCE,
        None if sv is None else imeisv.read(sv),
        _place(request),
        _apn(request),
        Use.DATA,
    )


def read_session(request: Request) -> Session | None:
    """None without the Acct-Session-Id that every accounting packet must have (RFC 2866 section 5.5)."""
    session = storable(request.octets("Acct-Session-Id"), _SESSION_CHARACTERS)
    if not session:
        return None
    user_name = storable(request.octets("User-Name"), _USER_NAME_CHARACTERS)
    address = request.text("Framed-IP-Address") or ""
    return Session(session, user_name, address, request.number("Acct-Session-Time"))


def is_dated(request: Request) -> bool:
    """Whether the packet says when it was made."""
    return request.number("Event-Timestamp") is not None


def storable(value: bytes | None, characters: int) -> str:
    """Octets, which may be any, as text that every database takes and `octets` turns back; empty where that is longer
    than the column."""
    text = quote_from_bytes(value or b"", safe=_PLAIN)
    return text if len(text) <= characters else ""


def octets(stored: str) -> bytes:
    """The opposite of `storable`."""
    return unquote_to_bytes(stored)


def _imsi(request: Request, sources: Iterable[ImsiFrom]) -> str | None:
    for source in sources:
        text = _ascii(request.octets(_ATTRIBUTES[source]))
        matched = _NAI.fullmatch(text) if source is ImsiFrom.USER_NAME else None
        found: str | None = identity.imsi(matched[1] if matched else text)
        if found is not None:
            return found
    return None


_ATTRIBUTES = {
    ImsiFrom.IMSI_3GPP: "3GPP-IMSI",
    ImsiFrom.USER_NAME: "User-Name",
    ImsiFrom.CALLING_STATION_ID: "Calling-Station-Id",
}


def made_at(request: Request, now: float) -> float:
    """Event-Timestamp (RFC 2869 section 5.3), or now less Acct-Delay-Time."""
    stamp = request.number("Event-Timestamp")
    if stamp is not None:
        return now if stamp > now + _AHEAD_S else float(stamp)
    return max(now - (request.number("Acct-Delay-Time") or 0), 0.0)


def _place(request: Request) -> Place:
    place = uli.read(request.octets("3GPP-User-Location-Info") or b"")
    if place.plmn is None:
        return Place(plmn.from_text(_ascii(request.octets("3GPP-SGSN-MCC-MNC"))))
    return place


def _apn(request: Request) -> str | None:
    """Called-Station-Id is the access point name (TS 29.061 clause 16.4), whose case does not count."""
    name = _OPERATOR.sub("", _ascii(request.octets("Called-Station-Id")).lower())
    return name[:_APN_CHARACTERS] if name.isprintable() and name else None


def _ascii(value: bytes | None) -> str:
    return (value or b"").rstrip(b"\0").decode("ascii", "replace")
