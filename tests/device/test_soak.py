"""Attestations by the thousand with faults at random: no leak, no missed swap, no wrong identity.

SIMBOND_SOAK: how many Evidence to take in; `make soak` takes 10 000. SIMBOND_SOAK_SEED repeats another run's faults.
"""

import os
import random
import statistics
import time
from collections import deque
from pathlib import Path

import pytest

from simbond_agent.claims import IMEI, TRAY_EMPTY, unpack_digits
from simbond_tools.agent_process import AgentProcess
from simbond_tools.emulator import Card, Modem
from support.device_server import DeviceServer, Received, Reply

PROGRAM = Path(__file__).parent / "programs" / "soaking.py"
COUNT = int(os.environ.get("SIMBOND_SOAK", "200"))
SEED = int(os.environ.get("SIMBOND_SOAK_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 32)
CARDS = [Card(iccid=f"8986001234567890{n:03}", imsi=f"46000123456{n:04}") for n in range(5)]
PATIENCE_S = 90
WARM = 20  # Evidence, until every file that is loaded late, and every kind of event, has been there once
NOISE_OCTETS = 4096
"""What MicroPython's event loop may hold of finished tasks when a quarter ends (about 1.2 KB for each modem restart
since the last URC). A leak grows with COUNT: what was found leaked 3.7 KB a restart."""


class Soak:
    """The hands that pull and put cards, break things, and mend them; and the eyes on what the server gets."""

    def __init__(self, process: AgentProcess, server: DeviceServer, modem: Modem) -> None:
        self.process = process
        self.server = server
        self.modem = modem
        self.random = random.Random(SEED)
        self.story: list[str | None] = [modem.card and modem.card.iccid]  # what was in the tray, in order
        self.chapter = 0  # of the story, as far as the Evidence tells it
        self.taken = 0
        self.said: dict[tuple[int, int], list[object]] = {}
        self.last = (0, -1)
        self.broken: deque[tuple[int, int]] = deque(maxlen=5)
        self.tail: deque[object] = deque(maxlen=20)

    def evidence(self) -> Received:
        try:
            received = self.server.evidence(timeout_s=PATIENCE_S)
        except AssertionError:
            raise AssertionError(f"silent, {self.said_last()}") from None
        self.taken += 1
        self.tail.append((received.bootcount, received.uptime, received.iccid, received.flags, received.late))
        counter = (received.bootcount, received.uptime)
        # What was taken once may come again, as it was; nothing else goes back.
        assert self.said.setdefault(counter, received.binding) == received.binding
        assert counter == self.last or counter > self.last
        self.last = counter
        assert unpack_digits(received.binding[IMEI] or b"") in (self.modem.imei[:14], "")
        if received.iccid or received.flags & TRAY_EMPTY:
            assert received.iccid in self.story[self.chapter :], f"{received.iccid} after {self.story[self.chapter :]}"
            self.chapter += self.story[self.chapter :].index(received.iccid)
        return received

    def said_last(self) -> str:
        events = [event for event in self.process.drained() if event["event"] not in ("heap", "attested")]
        return f"after {self.taken}: {[*self.tail]}; {events[-30:]}; {self.modem.armed_faults}; {self.broken}"

    def swap(self) -> None:
        """Another card, or none; which the server must be told before the next one."""
        if self.modem.card:
            self.modem.remove()
            self.story.append(None)
        if self.random.random() < 0.7:
            card = self.random.choice([c for c in CARDS if c.iccid not in self.story[-2:]])
            self.modem.insert(card)
            self.story.append(card.iccid)
        self.expect_the_truth()

    def expect_the_truth(self) -> None:
        end = time.monotonic() + PATIENCE_S
        now = self.story[-1]
        while True:
            received = self.evidence()
            if received.iccid == now and not received.late and (now or received.flags & TRAY_EMPTY):
                return
            assert time.monotonic() < end, f"{now} was never told of, {self.said_last()}"

    def break_something(self) -> None:
        kind = self.random.randrange(10)
        self.broken.append((self.taken, kind))
        match kind:
            case 0:
                self.modem.fault("silence", self.random.randrange(1, 3))
            case 1:
                self.modem.fault("garbage", self.random.randrange(1, 20))
            case 2:
                self.modem.fault("error", self.random.randrange(1, 10), self.random.choice([None, 13, 14, 100]))
            case 3:
                self.modem.fault("late-urc", self.random.randrange(1, 20), self.random.choice(URCS))
            case 4:
                self.modem.fault(self.random.choice(["echo", "cr-only", "ok-first"]), self.random.randrange(1, 30))
            case 5:
                self.modem.fault("bytewise", 3, 0.001)
            case 6:
                self.modem.fault("reset", 1)
            case 7:
                self.server.replies.extend([Reply(self.random.choice([429, 500, 503]))])
            case 8:
                self.server.replies.extend([Reply(lost=True)] * self.random.randrange(1, 3))
            case 9:
                self.server.stop()
                time.sleep(self.random.random())
                self.server.start()


URCS = ["RING", '+CREG: 1,"74C6","0F043B67",7', "+CPIN: READY", "+QIND: SMS DONE", '+CMTI: "SM",1']


@pytest.mark.timeout(300 + 2 * COUNT)
def test_soak(agent, server, modem, plain_rom):
    print(f"SIMBOND_SOAK_SEED={SEED}")
    server.interval_s = 5
    process = agent(program=PROGRAM, rom=plain_rom)
    server.enrol(process.wait_for("enrolment")["request"])
    soak = Soak(process, server, modem)
    while soak.taken < COUNT:
        chance = soak.random.random()
        if chance < 0.05 and soak.taken < COUNT / 2:
            process.restart()
            soak.expect_the_truth()
        elif chance < 0.3:
            soak.swap()
        elif chance < 0.6:
            soak.break_something()
        soak.evidence()
    modem.clear_faults()
    server.replies.clear()
    soak.expect_the_truth()
    process.stop()
    assert process.noise == []
    start = max(n for n, event in enumerate(process.drained()) if event["event"] == "start")
    free = [event["free"] for event in process.events[start:] if event["event"] == "heap"][WARM:]
    quarter = len(free) // 4
    print(f"free heap: {free[:quarter]} ... {free[-quarter:]}")
    assert statistics.median(free[-quarter:]) >= statistics.median(free[:quarter]) - NOISE_OCTETS
