import asyncio

import pytest

from simbond_verifier.enforcement.gsup import Domain, Ie, Message, MessageType, decode, encode_name
from simbond_verifier.enforcement.gsup_client import Cancel, GsupClient
from simbond_verifier.enforcement.target import TargetError
from support.idle_clock import run
from support.tcp_server import ipa_frame, read_frame, tcp_server

IMSI = "901700000000001"
PING, PONG = b"\x00", b"\x01"
ASK_SERIAL = b"\x04\x01\x00"


class Hlr:
    """The HLR's end of a GSUP connection: handshake, then whatever a test lets it do."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer
        self.pongs = True

    async def shake_hands(self):
        self.writer.write(ipa_frame(0xFE, ASK_SERIAL))
        stream, payload = await read_frame(self.reader)
        assert stream == 0xFE
        assert payload[0] == 0x05
        assert payload[3] == 0x00
        assert await read_frame(self.reader) == (0xFE, b"\x06")
        self.writer.write(ipa_frame(0xFE, b"\x06"))
        return payload[4:].rstrip(b"\0").decode()

    async def request(self):
        while True:
            stream, payload = await read_frame(self.reader)
            if stream == 0xEE:
                assert payload[0] == 0x05
                return decode(payload[1:])
            if payload == PING and self.pongs:
                self.writer.write(ipa_frame(0xFE, PONG))

    def send(self, kind, *ies, imsi=IMSI):
        self.writer.write(ipa_frame(0xEE, b"\x05" + Message(kind, imsi, ies).encode()))


def cancel(play, *places, wait=10.0, timeout=10.0):
    """Cancel at these (domain, node) places together, at an HLR that behaves as `play` says."""

    async def connected(reader, writer):
        hlr = Hlr(reader, writer)
        hlr.name = await hlr.shake_hands()
        await play(hlr)

    async def story():
        async with tcp_server(connected) as port:
            client = GsupClient("127.0.0.1", port, timeout=timeout)
            try:
                return await asyncio.gather(
                    *(client.cancel_location(IMSI, domain, node, wait=wait) for domain, node in places)
                )
            finally:
                await client.close()

    return run(story())


def test_request_names_who_asks_whom_and_why():
    requests = []

    async def play(hlr):
        requests.append((hlr.name, await hlr.request()))
        hlr.send(MessageType.LOCATION_CANCEL_RESULT)
        await hlr.request()

    assert cancel(play, (Domain.CS, "msc-1")) == [Cancel.CONFIRMED]
    name, request = requests[0]
    assert (request.type, request.imsi) == (MessageType.LOCATION_CANCEL_REQUEST, IMSI)
    assert request.get(Ie.CANCEL_TYPE) == b"\x01"
    assert request.domain == Domain.CS
    assert request.source == name
    assert request.get(Ie.DESTINATION_NAME) == b"msc-1\0"


@pytest.mark.parametrize(
    ("kind", "outcome"),
    [
        (MessageType.LOCATION_CANCEL_RESULT, Cancel.CONFIRMED),
        (MessageType.LOCATION_CANCEL_ERROR, Cancel.REFUSED),
        (MessageType.ROUTING_ERROR, Cancel.NOT_CONNECTED),
    ],
)
def test_answers_find_their_question(kind, outcome):
    async def play(hlr):
        await hlr.request()
        await hlr.request()
        hlr.writer.write(ipa_frame(0xEE, b"\x05"))  # no message at all
        hlr.writer.write(ipa_frame(0xEE, b"\x05\x1e\x01\x08\x09"))  # cut short
        hlr.send(kind, imsi="901700000000002")  # somebody else's
        hlr.send(MessageType.INSERT_DATA_REQUEST)
        hlr.send(kind, (Ie.SOURCE_NAME, encode_name("msc-9")))  # a node that was not asked
        hlr.send(kind, (Ie.SOURCE_NAME, encode_name("msc-1")))
        hlr.send(MessageType.LOCATION_CANCEL_RESULT, (Ie.CN_DOMAIN, bytes([Domain.PS])))
        await hlr.request()

    assert cancel(play, (Domain.PS, "sgsn-1"), (Domain.CS, "msc-1")) == [Cancel.CONFIRMED, outcome]


def test_one_node_for_both_domains():
    async def play(hlr):
        await hlr.request()
        await hlr.request()
        hlr.send(MessageType.LOCATION_CANCEL_RESULT, (Ie.SOURCE_NAME, encode_name("both")))
        hlr.send(MessageType.LOCATION_CANCEL_RESULT, (Ie.SOURCE_NAME, encode_name("both")))
        await hlr.request()

    assert cancel(play, (Domain.PS, "both"), (Domain.CS, "both")) == [Cancel.CONFIRMED, Cancel.CONFIRMED]


def test_a_silent_node_is_told_from_a_dead_connection():
    async def silent_node(hlr):
        while True:
            await hlr.request()

    async def dead_connection(hlr):
        hlr.pongs = False
        await silent_node(hlr)

    assert cancel(silent_node, (Domain.PS, "sgsn-1"), wait=0.05) == [Cancel.SENT]
    with pytest.raises(TargetError, match="does not answer a ping"):
        cancel(dead_connection, (Domain.PS, "sgsn-1"), wait=0.05, timeout=0.2)


def test_a_broken_connection_fails_the_request_and_the_next_one_has_a_new_name():
    names = []

    async def connected(reader, writer):
        hlr = Hlr(reader, writer)
        names.append(await hlr.shake_hands())
        await hlr.request()
        if len(names) > 1:
            hlr.send(MessageType.LOCATION_CANCEL_RESULT)
            await hlr.request()

    async def story():
        async with tcp_server(connected) as port:
            client = GsupClient("127.0.0.1", port, timeout=10)
            with pytest.raises(TargetError, match="lost GSUP"):
                await client.cancel_location(IMSI, Domain.PS, "sgsn-1", wait=10)
            outcome = await client.cancel_location(IMSI, Domain.PS, "sgsn-1", wait=10)
            await client.close()
            return outcome

    assert run(story()) is Cancel.CONFIRMED
    assert len(set(names)) == 2


def test_a_server_that_never_asks_who_we_are_is_not_an_hlr():
    async def connected(reader, writer):
        await reader.read()

    async def story():
        async with tcp_server(connected) as port:
            client = GsupClient("127.0.0.1", port, timeout=0.1)
            await client.cancel_location(IMSI, Domain.PS, "sgsn-1", wait=10)

    with pytest.raises(TargetError, match="cannot reach GSUP"):
        run(story())
