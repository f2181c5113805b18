"""The agent's loop against a modem and an uplink that are played: what happens between its steps."""

import asyncio
import json
import os
import sys

import pytest

from simbond_agent import agent as agent_module
from simbond_agent import cbor, claims, codes
from simbond_agent import port as port_module
from simbond_agent.agent import Agent
from simbond_agent.uplink import UplinkError
from support.tasks import ended

CARD = {"imei": "861234050000010", "sim": "ready", "iccid": "89860012345678901237"}
OTHER_CARD = {**CARD, "iccid": "89860012345678901245"}
NONCE = bytes(range(16))


class Channel:
    closed = False

    def close(self):
        self.closed = True


class Modem:
    name = "played"

    def __init__(self, bench, channel):
        self.channel = channel
        self._bench = bench

    async def setup(self): ...

    async def identity(self):
        return dict(self._bench.card)

    async def cell(self):
        return None

    def sim_urc(self, line): ...


class Bench:
    """A board with an agent. card: what the modem reports. sent: (kind, whether the modem that has it is the open one).
    events: what the agent logged. on_send(kind): played before the answer; it may raise, or return
    what is to be awaited. answer: tier and reasons of what
    is answered to a kind, affirming unless set."""

    sim_poll_s = 0.01
    scenario = 1

    def __init__(self, monkeypatch, folder, url):
        self.url = url
        self.state_dir = str(folder / "state")
        self.card = CARD
        self.sent = []
        self.events = []
        self.answer = {}
        self.on_send = lambda kind: None
        self.agent = None
        monkeypatch.setattr(port_module, "probe", self._probe)
        monkeypatch.setattr(agent_module, "open_uplink", lambda _board, _kid, modem=None: Uplink(self, modem))

    def at_transport(self, urc):
        self.urc = urc
        return Channel()

    def log(self, line):
        self.events.append(json.loads(line))

    async def _probe(self, channel):
        return Modem(self, channel)

    def seen(self, name):
        return [event for event in self.events if event["event"] == name]

    async def until(self, name, count=1):
        async with asyncio.timeout(20):
            while len(self.seen(name)) < count:  # noqa: ASYNC110 - simpler than a condition
                await asyncio.sleep(0.01)
        return self.seen(name)[count - 1]

    def play(self, story):
        """Runs the agent beside the story, a coroutine function."""

        async def both():
            self.agent = Agent(self)
            running = asyncio.create_task(self.agent.run())
            try:
                await story()
            finally:
                await ended(running)

        asyncio.run(both())


class Uplink:
    def __init__(self, bench, modem):
        self._bench = bench
        self.attach(modem)

    def attach(self, modem):
        self._modem = modem

    async def send(self, kind, message):
        bench = self._bench
        bench.sent.append((kind, self._modem is None or not self._modem.channel.closed))
        await asyncio.sleep(0)
        meanwhile = bench.on_send(kind)
        if meanwhile:
            await meanwhile
        tier, reasons = bench.answer.get(kind, (2, []))
        return cbor.encode({1: tier, 2: reasons, 4: 60, 10: os.urandom(8)})

    async def close(self): ...


@pytest.fixture
def bench(monkeypatch, tmp_path):
    return Bench(monkeypatch, tmp_path, "http://played")


@pytest.fixture
def native(monkeypatch, tmp_path):
    return Bench(monkeypatch, tmp_path, "modem+http://played")


def test_a_modem_that_restarts_within_a_round_carries_the_rest_of_it(native):
    """Else two would read one port: the channel to the modem as it was, and the one to the modem as it is."""

    def restart(kind):
        if kind == "challenge":
            native.urc("RDY")

    native.on_send = restart
    native.play(lambda: native.until("attested"))
    assert native.sent == [("challenge", True), ("evidence", True)]


@pytest.mark.parametrize("which", ["bench", "native"])
def test_after_a_rotation_it_goes_on_with_the_next_key_at_once(which, request):
    bench = request.getfixturevalue(which)

    async def story():
        await bench.until("attested")
        bench.agent.rotate_key()
        await bench.until("attested", 2)

    bench.play(story)
    assert [kind for kind, _ in bench.sent] == ["challenge", "evidence", "rotation", "evidence"]
    assert not bench.seen("error")


def test_a_rotation_whose_answers_were_all_lost_is_found_out_without_a_restart(bench):
    taken = []

    def lost(kind):
        if kind == "rotation" and len(taken) < 3:
            taken.append(kind)
            bench.answer["evidence"] = (96, ["key-revoked"])
            raise UplinkError(codes.NO_ANSWER, "")

    async def story():
        await bench.until("attested")
        bench.on_send = lost
        first = bench.agent.kid()
        bench.agent.rotate_key()
        revoked = await bench.until("attested", 2)
        assert revoked["reasons"] == ["key-revoked"]
        bench.answer.clear()
        bench.agent.attest_now()
        assert (await bench.until("rotation"))["kid"] != first

    bench.play(story)


def test_proving_another_card_on_site_does_not_keep_it_from_the_verifier(bench):
    async def story():
        await bench.until("attested")
        await bench.until("waiting")
        bench.card = OTHER_CARD
        await bench.agent.prove(NONCE)
        await bench.until("attested", 2)

    bench.play(story)
    assert bench.seen("sim")


def test_what_is_proved_while_evidence_is_on_its_way_is_not_what_the_verifier_took(bench):
    def swap(kind):
        if kind == "evidence" and bench.card is CARD and bench.seen("attested"):
            bench.card = OTHER_CARD
            return bench.agent.prove(NONCE)

    async def story():
        await bench.until("attested")
        bench.on_send = swap
        bench.agent.attest_now()
        assert (await bench.until("attested", 2))["iccid"].endswith(CARD["iccid"][-4:])
        assert (await bench.until("attested", 3))["flags"] & claims.SIM_CHANGED

    bench.play(story)


def test_a_board_without_the_part_for_rotation_is_told_so_and_goes_on(bench, monkeypatch):
    monkeypatch.setitem(sys.modules, "simbond_agent.rotation", None)

    async def story():
        await bench.until("attested")
        with pytest.raises(ImportError):
            bench.agent.rotate_key()
        bench.agent.attest_now()
        await bench.until("attested", 2)

    bench.play(story)
