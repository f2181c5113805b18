"""The whole agent in a heap of 64 KiB as a small board has it: 32-bit words, -X heapsize=64k, code in flash, TLS."""

import pytest

from simbond_agent.claims import SIM_CHANGED, TRAY_EMPTY
from support import needs
from support.cards import OTHER_CARD


@pytest.fixture(autouse=True)
def _micropython32(monkeypatch):
    monkeypatch.setenv("MICROPYTHON", needs.micropython32())


def test_attests_and_notices_every_change_of_the_card(agent, server, modem):
    process = agent(heap="64k")
    server.enrol(process.wait_for("enrolment")["request"])
    card = modem.card
    assert server.evidence().iccid == card.iccid
    modem.remove()
    removed = server.evidence()
    assert removed.iccid is None
    assert removed.flags & TRAY_EMPTY
    modem.insert(OTHER_CARD)
    while (inserted := server.evidence()).iccid is None:
        pass
    assert inserted.iccid == OTHER_CARD.iccid
    assert inserted.flags & SIM_CHANGED
    assert not process.noise


def test_goes_on_attesting_without_running_out_of_heap(agent, server):
    server.interval_s = 5
    process = agent(heap="64k")
    server.enrol(process.wait_for("enrolment")["request"])
    for _ in range(5):
        server.evidence()
    assert not process.noise
