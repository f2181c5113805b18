"""Network time: the date's arithmetic against CPython's own, and which dialect asks what."""

import asyncio
import sys
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simbond_agent.modem import load
from simbond_agent.modem import network_time as module
from simbond_agent.modem.base import Modem
from simbond_agent.modem.network_time import unix_time

NOON = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
moments = st.datetimes(datetime(2024, 1, 2), datetime(2069, 12, 30)).map(
    lambda moment: moment.replace(microsecond=0, tzinfo=UTC)
)


class Script:
    """A channel that knows one command."""

    def __init__(self, command, reply):
        self.known = {command: reply}

    async def command(self, command, timeout_ms=3000):
        reply = self.known.get(command, "ERROR")
        return (reply, []) if isinstance(reply, str) else ("OK", reply)


def told(dialect, command, reply):
    return asyncio.run(Modem(Script(command, reply), load(dialect), dialect).time())


@given(moments, st.integers(-96, 96))
def test_local_time_and_its_zone_give_utc(moment, quarters):
    local = moment + timedelta(minutes=15 * quarters)
    text = f'"{local:%y/%m/%d,%H:%M:%S}{quarters:+03d}"'
    if 2024 <= local.year < 2070:
        assert unix_time(text, True) == moment.timestamp()


@given(moments, st.sampled_from(["", "+32", "+32,0", "-08,1"]), st.sampled_from(["%y", "%Y"]))
def test_utc_is_utc_whatever_the_zone_says(moment, zone, year):
    assert unix_time(f'"{moment.strftime(year + "/%m/%d,%H:%M:%S")}{zone}"', False) == moment.timestamp()


@pytest.mark.parametrize(
    "text",
    [
        "",
        '""',
        '"70/01/01,00:00:10+00"',  # nobody has set it
        '"80/01/06,00:00:10+00"',
        '"04/01/01,00:00:10+00"',
        '"15/01/01,00:00:10+00"',
        '"23/12/31,23:59:59+00"',
        '"26/02/29,12:00:00+00"',
        '"26/04/31,12:00:00+00"',
        '"26/13/01,12:00:00+00"',
        '"26/00/10,12:00:00+00"',
        '"26/11/22,24:00:00+00"',
        '"26/11/22,12:60:00+00"',
        '"26/11/22,12:00:00"',  # local, but where
        '"26/11/22,12:00:00+3"',  # half a zone
        '"26/11/22,12:00:00+97"',
        '"26/11/22,12:00"',
        '"26/11/2x,12:00:00+00"',
        '"26/11/²²,12:00:00+00"',
        '"126/11/22,12:00:00+00"',
    ],
)
def test_what_is_no_time(text):
    assert unix_time(text, True) is None


def test_a_leap_day():
    assert unix_time("28/02/29,12:00:00+00", True) == datetime(2028, 2, 29, 12, tzinfo=UTC).timestamp()


@given(st.text('0123456789/:,+-" ', max_size=30), st.booleans())
def test_junk_never_raises(text, local):
    assert unix_time(text, local) is None or unix_time(text, local) > 1_700_000_000


@pytest.mark.parametrize(
    ("dialect", "command", "line"),
    [
        ("generic", "AT+CCLK?", '+CCLK: "26/11/22,20:00:00+32"'),
        ("simcom", "AT+CCLK?", '+CCLK: "26/11/22,04:00:00-32"'),
        ("ublox", "AT+CCLK?", "+CCLK: 26/11/22,20:00:00+32"),
        ("nordic", "AT+CCLK?", '+CCLK: "26/11/22,12:00:00+32"'),
        ("quectel", "AT+QLTS=1", '+QLTS: "2026/11/22,12:00:00+32,0"'),
    ],
)
def test_every_dialect_knows_whether_its_clock_is_local(dialect, command, line):
    assert told(dialect, command, [line]) == NOON.timestamp()


@pytest.mark.parametrize("dialect", ["quectel_nbiot", "onemo"])
def test_a_clock_that_may_be_either_is_not_read(dialect):
    assert told(dialect, "AT+CCLK?", ['+CCLK: "26/11/22,20:00:00+32"']) is None


@pytest.mark.parametrize("reply", ["ERROR", "+CME ERROR: 3", [], ["20"], ['+QLTS: ""'], ["+CREG: 1"]])
def test_no_time_without_the_network(reply):
    assert told("quectel", "AT+QLTS=1", reply) is None


def test_a_board_may_leave_the_file_out(monkeypatch):
    monkeypatch.setitem(sys.modules, module.__name__, None)
    assert told("generic", "AT+CCLK?", ['+CCLK: "26/11/22,20:00:00+32"']) is None
