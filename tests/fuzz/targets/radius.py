"""RADIUS: datagrams as they come, and the same attributes from a gateway that knows the secret."""

from collections.abc import Iterator
from contextlib import suppress
from hashlib import md5

from simbond_verifier.observation_check import AHEAD_S, Unusable, checked
from simbond_verifier.policy import ImsiFrom
from simbond_verifier.radius import reading
from simbond_verifier.radius.packet import Code, Dropped, Request, read_request
from support.nas import SECRET, START, access_request, accounting_request, status_server

NOW = 1_800_000_000.0
_HEADER = 20


def seeds() -> Iterator[bytes]:
    session = {
        "_3GPP_IMSI": "460001234567890",
        "_3GPP_IMEISV": b"8612340500000112",
        "_3GPP_User_Location_Info": bytes.fromhex("8264f000749664f0000f046761"),
        "_3GPP_SGSN_MCC_MNC": "46000",
        "Called_Station_Id": "meters.mnc000.mcc460.gprs",
        "User_Name": "0460001234567890@nai.epc.mnc000.mcc460.3gppnetwork.org",
        "Framed_IP_Address": "10.0.0.1",
        "Event_Timestamp": 1_700_000_000,
        "Acct_Session_Id": "s1",
    }
    yield bytes(access_request(**session).RequestPacket())
    yield bytes(access_request(signed=False, **session).RequestPacket())
    yield bytes(accounting_request(START, Acct_Delay_Time=5, **session).RequestPacket())
    yield bytes(status_server().RequestPacket())


def one(octets: bytes) -> None:
    with suppress(Dropped):
        _use(read_request(octets, SECRET, message_authenticator=False))
    with suppress(Dropped):
        _use(read_request(_accounting(octets[_HEADER:]), SECRET))


def _accounting(attributes: bytes) -> bytes:
    """Of a gateway that knows the secret (RFC 2866 section 3)."""
    head = bytes((Code.ACCOUNTING_REQUEST, 1)) + (_HEADER + len(attributes)).to_bytes(2, "big")
    return head + md5(head + bytes(16) + attributes + SECRET).digest() + attributes


def _use(request: Request) -> None:
    session = reading.read_session(request)
    if session is not None:
        assert reading.storable(reading.octets(session.user_name), 253) == session.user_name
    seen = reading.read_observation(request, tuple(ImsiFrom), NOW)
    if seen is not None:
        with suppress(Unusable):
            assert checked(seen, NOW).at <= NOW + AHEAD_S
    reply = Code.ACCOUNTING_RESPONSE if request.code is Code.ACCOUNTING_REQUEST else Code.ACCESS_ACCEPT
    assert len(request.reply(reply, {})) >= _HEADER
