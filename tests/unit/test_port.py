"""The modem's port: what is believed of it, when it is opened anew, and who has it."""

import asyncio

import pytest

from simbond_agent import port as port_module
from simbond_agent.port import ModemError, Port, moved

CARD = {"imei": "861234050000010", "sim": "ready", "iccid": "89860012345678901237"}
ABSENT = {"imei": "861234050000010", "sim": "absent"}
BUSY = {"imei": "861234050000010", "sim": "busy"}


class Uptime:
    """Goes on by what is slept."""

    now = 0

    def seconds(self):
        return self.now


class Transport:
    closed = False

    def close(self):
        self.closed = True


class FakeModem:
    def __init__(self, says):
        self.says = says

    async def setup(self):
        pass

    async def time(self):
        return 1_800_000_000

    async def identity(self):
        return self.says.pop(0) if len(self.says) > 1 else self.says[0]

    def sim_urc(self, line):
        return "removed" if line == "+CPIN: NOT READY" else None


class Bench:
    """A Port on a modem that says one identity after the other, and the last one for ever."""

    def __init__(self, monkeypatch, *says, **board):
        self.uptime = Uptime()
        self.opened = []
        self.changes = 0
        self.transports = []
        bench = self

        class Board:
            def at_transport(self, urc):
                bench.urc = urc
                bench.transports.append(Transport())
                return bench.transports[-1]

        for name, value in board.items():
            setattr(Board, name, staticmethod(value))

        async def probe(transport):
            bench.opened.append(transport)
            return FakeModem(list(says))

        async def sleep(seconds):
            bench.uptime.now += seconds

        async def real_sleep(_seconds, sleep=asyncio.sleep):
            await sleep(0)

        monkeypatch.setattr(port_module, "probe", probe)
        monkeypatch.setattr(port_module.asyncio, "sleep", sleep)
        self.pause = real_sleep
        self.port = Port(Board(), self.uptime, self._changed)

    def _changed(self):
        self.changes += 1

    async def settled(self):
        async with self.port:
            return await self.port.settled_identity()


@pytest.mark.parametrize(
    ("says", "believed", "after_s"),
    [
        ([CARD], CARD, 0),
        ([BUSY, BUSY, CARD], CARD, 2),
        ([BUSY], BUSY, 20),
        ([ABSENT, ABSENT, CARD], CARD, 2),  # many say so while they start
        ([ABSENT], ABSENT, 5),
        ([BUSY, ABSENT], ABSENT, 5),
        ([{"sim": "ready", "iccid": CARD["iccid"]}, CARD], CARD, 1),
        ([{"imei": CARD["imei"], "sim": "ready"}, CARD], CARD, 1),
        ([{"imei": CARD["imei"], "sim": "pin"}], {"imei": CARD["imei"], "sim": "pin"}, 0),
        ([{"imei": CARD["imei"]}], {"imei": CARD["imei"]}, 20),
    ],
)
def test_what_a_modem_says_is_asked_again_until_it_is_whole(monkeypatch, says, believed, after_s):
    bench = Bench(monkeypatch, *says)
    assert asyncio.run(bench.settled()) == believed
    assert bench.uptime.now == after_s


def test_a_silent_modem_is_an_error_and_the_port_is_free_again(monkeypatch):
    bench = Bench(monkeypatch, {})

    async def twice():
        for _ in range(2):
            with pytest.raises(ModemError, match="does not answer"):
                await bench.settled()

    asyncio.run(twice())
    assert len(bench.opened) == 1


def test_a_restart_of_the_modem_has_it_set_up_anew(monkeypatch):
    bench = Bench(monkeypatch, CARD)

    async def restart():
        await bench.settled()
        bench.urc("RDY")
        await bench.settled()

    asyncio.run(restart())
    assert (len(bench.opened), bench.changes) == (2, 1)
    assert [transport.closed for transport in bench.transports] == [True, False]


def test_what_announces_another_card_has_it_looked_for_in_a_hurry(monkeypatch):
    bench = Bench(monkeypatch, CARD)

    async def announced():
        await bench.settled()
        calm = bench.port.poll_s()
        bench.urc("+CSQ: 17,99")
        bench.urc("+CPIN: NOT READY")
        return calm, bench.port.poll_s()

    assert asyncio.run(announced()) == (5, 1)
    assert bench.changes == 1


def test_the_board_is_given_the_network_s_time_and_wakes_the_modem_before_each_use(monkeypatch):
    told = []

    async def wake():
        told.append("wake")

    bench = Bench(monkeypatch, CARD, wake=wake, set_time=told.append)
    asyncio.run(bench.settled())
    asyncio.run(bench.settled())
    assert told == ["wake", 1_800_000_000, "wake"]


def test_one_at_a_time_has_the_modem(monkeypatch):
    bench = Bench(monkeypatch, CARD)
    order = []

    async def use(name):
        async with bench.port:
            order.append(name)
            await bench.pause(0)
            order.append(name)

    async def both():
        await asyncio.gather(use("a"), use("b"))

    asyncio.run(both())
    assert order in (["a", "a", "b", "b"], ["b", "b", "a", "a"])


@pytest.mark.parametrize(
    ("claimed", "identity", "is_moved"),
    [
        ({}, CARD, False),
        (CARD, CARD, False),
        (CARD, {**CARD, "iccid": "89860012345678901245"}, True),
        (CARD, {**CARD, "imei": "861234050000028"}, True),
        (CARD, ABSENT, True),
        (CARD, BUSY, False),
        (ABSENT, ABSENT, False),
        (ABSENT, CARD, True),
    ],
)
def test_moved(claimed, identity, is_moved):
    assert bool(moved(claimed, identity)) is is_moved
