"""The agent's small parts under CPython; the whole runs under MicroPython in tests/device."""

import asyncio
import json
from types import SimpleNamespace

import pytest

from simbond_agent import claims, clock
from simbond_agent import port as port_module
from simbond_agent.agent import Agent
from simbond_agent.backoff import Backoff
from simbond_agent.clock import Uptime
from simbond_agent.status import Reporter, masked
from support.tasks import ended


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


@pytest.mark.parametrize("scenario", ["water-meter", "1", 65536, -1, None])
def test_a_scenario_that_is_no_number_of_one_is_refused(scenario):
    board = SimpleNamespace(at_stream=None, url="http://127.0.0.1:1", state_dir="state", scenario=scenario)
    with pytest.raises(ValueError, match="scenario is to be a number"):
        Agent(board)


def test_who_asks_for_an_attestation_does_not_end_the_back_off(tmp_path):
    """Asked while the modem is away, the agent would else try again without a pause, for ever."""
    events = []

    def unplugged():
        raise OSError("no such port")

    board = SimpleNamespace(
        at_stream=unplugged,
        url="http://127.0.0.1:1",
        state_dir=str(tmp_path / "state"),
        scenario=1,
        sim_poll_s=0,
        log=lambda line: events.append(json.loads(line)),
    )

    async def story():
        agent = Agent(board)
        running = asyncio.create_task(agent.run())
        agent.attest_now()
        await asyncio.sleep(0.9)  # the first wait is of a second or more
        await ended(running)

    asyncio.run(story())
    assert [event["event"] for event in events] == ["start", "error", "waiting"]


def test_the_enrolment_request_comes_also_when_the_first_look_at_the_modem_fails(monkeypatch, tmp_path):
    answers = [{}, {"imei": "861234050000010", "sim": "absent"}]

    class Modem:
        async def setup(self):
            pass

        async def identity(self):
            return answers.pop(0) if len(answers) > 1 else answers[0]

        async def cell(self):
            return None

    class Channel:
        def __init__(self, *_):
            pass

        def attach(self, *_):
            pass

        def close(self):
            pass

    class Board:
        url = "http://127.0.0.1:1"
        state_dir = str(tmp_path / "state")
        scenario = 1
        sim_poll_s = 0.01
        lines: asyncio.Queue

        @staticmethod
        def at_stream():
            return None

        @staticmethod
        def log(line):
            Board.lines.put_nowait(json.loads(line))

    async def probe(_channel):
        return Modem()

    async def until_enrolment():
        Board.lines = asyncio.Queue()
        running = asyncio.create_task(Agent(Board).run())
        seen = []
        while "enrolment" not in seen:
            seen.append((await asyncio.wait_for(Board.lines.get(), 20))["event"])
        await ended(running)
        return seen

    monkeypatch.setattr(port_module, "probe", probe)
    monkeypatch.setattr(port_module, "Channel", Channel)
    monkeypatch.setattr(asyncio, "StreamReader", lambda _stream: None)
    assert asyncio.run(until_enrolment())[:2] == ["start", "error"]


KNOWN = {"iccid": "89860012345678901237", "imei": "861234050000010", "eid": "89086030202200000024000012345678"}
OTHER_ICCID = "89860012345678901245"


@pytest.mark.parametrize(
    ("change", "flags"),
    [
        ({}, 0),
        ({"iccid": OTHER_ICCID}, claims.SIM_CHANGED | claims.SAME_HARDWARE),  # another profile of the same eSIM
        ({"iccid": OTHER_ICCID, "eid": KNOWN["eid"][:-1] + "0"}, claims.SIM_CHANGED),
        ({"iccid": OTHER_ICCID, "eid": None}, claims.SIM_CHANGED),
        ({"imei": "861234050000028", "imei2": KNOWN["imei"]}, claims.IMEI_CHANGED | claims.SAME_HARDWARE),
        ({"imei": "861234050000028"}, claims.IMEI_CHANGED),
        ({"imei": "861234050000028", "iccid": OTHER_ICCID}, claims.IMEI_CHANGED | claims.SIM_CHANGED),
        ({"iccid_mismatch": True}, claims.ICCID_MISMATCH),
        ({"iccid": None, "sim": "absent"}, claims.TRAY_EMPTY),
    ],
)
def test_what_the_flags_make_of_a_change(change, flags):
    class Board:
        at_stream = url = state_dir = None
        scenario = 1

    class Acknowledged:
        iccid, imei, eid = KNOWN["iccid"], KNOWN["imei"], KNOWN["eid"]

    agent = Agent(Board)
    agent._keystore = Acknowledged
    assert agent._flags({**KNOWN, "sim": "ready", **change}) == flags
