"""The agent's small parts under CPython; the whole runs under MicroPython in tests/device."""

import json

import pytest

from simbond_agent import clock
from simbond_agent.agent import Agent
from simbond_agent.backoff import Backoff
from simbond_agent.clock import Uptime
from simbond_agent.status import Reporter, masked


def test_uptime_goes_on_when_the_port_s_counter_wraps(monkeypatch):
    period = 1 << 30  # MicroPython on 32 bits
    now = [period - 1500]
    monkeypatch.setattr(clock, "ticks_ms", lambda: now[0] % period)
    monkeypatch.setattr(clock, "ticks_diff", lambda a, b: (a - b + period // 2) % period - period // 2)
    uptime = Uptime()
    seconds = []
    for _ in range(4):
        now[0] += 5 * 24 * 3600 * 1000
        seconds.append(uptime.seconds())
    assert seconds == [n * 5 * 24 * 3600 for n in range(1, 5)]


def test_back_off_doubles_within_bounds_and_starts_again():
    backoff = Backoff()
    steps = [backoff.next() for _ in range(14)]
    for n, step in enumerate(steps):
        whole = min(2 * 2**n, 900)
        assert whole / 2 <= step <= whole
    backoff.reset()
    assert backoff.next() <= 2


def test_back_off_is_never_shorter_than_asked_for():
    assert Backoff().next(120) >= 121


def test_a_fleet_does_not_come_back_at_once():
    assert len({Backoff().next() for _ in range(50)}) > 10


@pytest.mark.parametrize(("digits", "shown"), [("460049012345678", "***********5678"), ("5678", "5678"), (None, None)])
def test_masked(digits, shown):
    assert masked(digits) == shown


def test_events_are_json_lines_and_the_last_of_each_kind_is_kept():
    lines = []
    report = Reporter(lines.append)
    report.event("waiting", seconds=5)
    report.event("waiting", seconds=7)
    report.line("enrolment", {"request": "00"})
    assert [json.loads(line)["event"] for line in lines] == ["waiting", "waiting", "enrolment"]
    assert report.last == {"waiting": {"event": "waiting", "seconds": 7}}


def test_an_incomplete_board_is_named():
    class Board:
        url = "https://verifier.example"

    with pytest.raises(ValueError, match="board file lacks at_stream"):
        Agent(Board)
