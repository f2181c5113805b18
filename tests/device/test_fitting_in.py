"""The agent beside a maker's application, and in devices that sleep."""

import time
from pathlib import Path

import pytest

from simbond_agent.claims import TRAY_EMPTY

PROGRAMS = Path(__file__).parent / "programs"


def test_the_application_borrows_the_modem_and_nothing_comes_in_between(agent, server, modem):
    process = agent(program=PROGRAMS / "lending.py")
    server.enrol(process.wait_for("enrolment")["request"])
    first = server.evidence()
    borrowed = process.wait_for("application")
    assert borrowed["final"] == "OK"
    assert borrowed["lines"][0].startswith("+CSQ: ")
    assert borrowed["uptime"] == first.uptime  # it had to wait
    assert server.evidence().uptime > first.uptime
    modem.remove()
    assert server.evidence().flags & TRAY_EMPTY


@pytest.fixture
def sleeper(agent, server):
    process = agent(program=PROGRAMS / "sleeping.py")
    server.enrol(process.wait_for("enrolment")["request"])
    return process


def test_a_device_that_sleeps_attests_once_a_wake_and_says_how_long_to_sleep(sleeper, server):
    first = server.evidence()
    assert sleeper.wait_for("sleep")["seconds"] == 3600
    assert sleeper.wait_for_end() == 0
    sleeper.restart()
    second = server.evidence()
    assert (second.bootcount, second.late) == (first.bootcount + 1, False)
    sleeper.wait_for("sleep")
    assert server.requests.count("/v1/challenge") == 1  # the nonce outlasts the sleep


def test_a_device_that_wakes_without_a_network_keeps_its_evidence_and_sleeps_on(sleeper, server):
    server.evidence()
    sleeper.wait_for("sleep")
    server.stop()
    sleeper.restart()
    sleeper.wait_for("stored", waiting=1)
    assert 450 <= sleeper.wait_for("sleep")["seconds"] <= 900
    server.start()
    sleeper.restart()
    kept, fresh = server.evidence(), server.evidence()
    assert kept.bootcount + 1 == fresh.bootcount
    assert sleeper.wait_for("sleep")["seconds"] == 3600


def test_the_board_is_told_the_network_s_time(agent):
    told = agent(program=PROGRAMS / "clocked.py").wait_for("clock")["unix_s"]
    assert abs(told - time.time()) < 60
