"""What an HLR, or a serving node through it, says on CTRL, GSUP and VTY: an answer, or an error of its own kind."""

from collections.abc import Iterator
from contextlib import suppress

from simbond_verifier.enforcement import UnknownSubscriber, gsup, ipa
from simbond_verifier.enforcement.ctrl import parse_reply
from simbond_verifier.enforcement.gsup import CancelType, Domain, GsupError, Ie, Message, MessageType
from simbond_verifier.enforcement.ipa import STREAM_OSMO, Deframer, Extension, IpaError
from simbond_verifier.enforcement.osmo_hlr import parse_info
from simbond_verifier.enforcement.vty import parse_sighting

IMSI = "901700000000001"


def seeds() -> Iterator[bytes]:
    elements = (
        (Ie.CANCEL_TYPE, bytes((CancelType.SUBSCRIPTION_WITHDRAWN,))),
        (Ie.CN_DOMAIN, bytes((Domain.PS,))),
        (Ie.SOURCE_NAME, gsup.encode_name("sgsn-1")),
    )
    message = Message(MessageType.LOCATION_CANCEL_REQUEST, IMSI, elements).encode()
    yield message
    yield ipa.frame(STREAM_OSMO, bytes((Extension.GSUP,)) + message)
    yield f"GET_REPLY 7 subscriber.by-imsi-{IMSI}.info id\t1\nnam_cs\t1\nnam_ps\t0\nsgsn_number\tsgsn-1".encode()
    yield b"ERROR 8 No such subscriber"
    yield b"id\t1\nnam_cs\t1\nnam_ps\t1\nvlr_number\tmsc-1"
    yield f"    ID: 1\n    IMSI: {IMSI}\n    IMEI: 490154203237518\n    last LU seen on PS: 5 seconds ago\n".encode()


def one(octets: bytes) -> None:
    with suppress(GsupError):
        message = gsup.decode(octets)
        assert message.imsi.isdecimal()
        _ = message.cause, message.domain, message.source, message.destination
    deframer = Deframer()
    with suppress(IpaError):
        for at in range(0, len(octets), 7):
            for _, payload in deframer.feed(octets[at : at + 7]):
                assert len(payload) <= len(octets)
    text = octets.decode("utf-8", "replace")
    parse_reply(text)
    with suppress(ValueError):
        assert parse_info(text).open <= set(Domain)
    with suppress(UnknownSubscriber, ValueError):
        seen = parse_sighting(text, IMSI)
        assert seen is None or 14 <= len(seen.imei) <= 16
