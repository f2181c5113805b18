"""The agent under real MicroPython, with the heap of a small board, on an emulated modem."""

import json
import os
import time

import pytest

from simbond_agent import claims
from simbond_tools.agent_process import AgentError
from simbond_tools.demo.authority import make_authority
from simbond_tools.emulator import Modem
from support.cards import CARD, OTHER_CARD
from support.damage import flipped
from support.device_server import Reply


@pytest.fixture
def enrolled(agent, server):
    """An agent that has attested once; the next Evidence is due in an hour."""
    process = agent()
    server.enrol(process.wait_for("enrolment")["request"])
    server.evidence()
    process.wait_for("waiting", why="interval")
    return process


def test_attests_at_start(agent, server, modem):
    process = agent()
    kid = server.enrol(process.wait_for("enrolment")["request"])
    received = server.evidence()
    assert received.kid == kid
    assert (received.bootcount, received.iccid, received.flags) == (1, CARD.iccid, claims.KEY_SOFTWARE)
    assert claims.unpack_digits(received.binding[claims.IMEI]) == modem.imei[:14]
    assert claims.unpack_digits(received.binding[claims.IMSI]) == CARD.imsi
    assert received.binding[claims.SCENARIO] == 260
    cell = claims.unpack_cell(received.binding[claims.CELL])
    assert (cell["plmn"], cell["tac"], cell["cell_id"]) == (modem.cell.plmn, modem.cell.tac, modem.cell.cell_id)
    event = process.wait_for("attested")
    assert (event["tier"], event["octets"] <= 160) == ("affirming", True)


def test_attests_on_the_interval_of_the_answer(agent, server):
    server.interval_s = 5
    process = agent()
    server.enrol(process.wait_for("enrolment")["request"])
    first, second = server.evidence(), server.evidence()
    assert process.wait_for("waiting", why="interval")["seconds"] == 5
    assert second.uptime - first.uptime >= 5
    assert second.bootcount == first.bootcount
    assert server.requests.count("/v1/challenge") == 1  # the nonce came with the answer


def test_a_removed_card_is_told_at_once_and_so_is_another(enrolled, server, modem):
    modem.remove()
    empty = server.evidence()
    assert (empty.iccid, empty.flags & claims.TRAY_EMPTY) == (None, claims.TRAY_EMPTY)
    modem.insert(OTHER_CARD)
    changed = server.evidence()
    assert changed.iccid == OTHER_CARD.iccid
    assert changed.flags & (claims.SIM_CHANGED | claims.TRAY_EMPTY) == claims.SIM_CHANGED
    assert (empty.uptime, changed.uptime) == tuple(sorted({empty.uptime, changed.uptime}))


def test_a_changed_card_is_flagged_until_a_verifier_has_taken_it(enrolled, server, modem):
    server.replies += [Reply(503, retry_after=3600), Reply(tier=96, reasons=("card-changed",))]
    modem.remove()
    modem.insert(OTHER_CARD)
    enrolled.wait_for("waiting", why="uplink")
    for _contraindicated_then_taken in range(2):
        enrolled.restart()
        assert server.evidence().flags & claims.SIM_CHANGED
        enrolled.wait_for("attested")
    enrolled.restart()
    assert not server.evidence().flags & claims.SIM_CHANGED


def test_another_imei_is_told_at_once_with_its_flag(enrolled, server, modem):
    modem.imei = "86100204713356"
    changed = server.evidence()
    assert changed.flags & claims.IMEI_CHANGED
    assert claims.unpack_digits(changed.binding[claims.IMEI]) == "86100204713356"


def test_a_server_of_another_authority_gets_nothing(agent, server, tmp_path):
    process = agent(ca=make_authority(tmp_path / "stranger").ca_der)
    assert "CERT" in process.wait_for("error", what="uplink")["detail"].upper()
    assert server.requests == []


def test_a_server_of_another_name_gets_nothing(agent, server, authority):
    process = agent(url=server.url.replace("localhost", "127.0.0.1"))
    process.wait_for("error", what="uplink")
    assert server.requests == []


def test_comes_back_after_the_server_does(agent, server):
    server.stop()
    process = agent()
    server.enrol(process.wait_for("enrolment")["request"])
    first = process.wait_for("waiting", why="uplink")["seconds"]
    second = process.wait_for("waiting", why="uplink")["seconds"]
    assert first <= 2
    assert second <= 4
    assert "sim" not in {event["event"] for event in process.events}  # no other card: no shorter wait
    server.start()
    kept, fresh = server.evidence(), server.evidence()
    assert (kept.late, fresh.late) == (True, False)
    assert kept.uptime < fresh.uptime
    assert server.requests.count("/v1/evidence") == 2  # trying again makes no more of it


def test_what_happened_while_the_server_was_away_is_told_in_order_after_a_power_cut_too(enrolled, server, modem):
    server.stop()
    modem.remove()
    enrolled.wait_for("stored", waiting=1)
    modem.insert(OTHER_CARD)
    enrolled.wait_for("stored", waiting=2)
    enrolled.restart()
    enrolled.wait_for("stored", waiting=3)
    server.start()
    told = [server.evidence() for _ in range(4)]
    assert [each.iccid for each in told] == [None] + 3 * [OTHER_CARD.iccid]
    assert [each.flags for each in told] == [claims.TRAY_EMPTY] + 3 * [claims.SIM_CHANGED]
    counters = [(each.bootcount, each.uptime) for each in told]
    assert counters == sorted(set(counters))
    assert told[-1].late is False
    assert [event["waiting"] for event in enrolled.events if event["event"] == "delivered"] == []
    enrolled.wait_for("attested", tier="affirming")
    assert [event["waiting"] for event in enrolled.events if event["event"] == "delivered"] == [2, 1, 0]


def test_retry_after_is_kept_even_when_the_card_changes(enrolled, server, modem):
    server.replies.append(Reply(429, retry_after=6))
    modem.remove()
    assert enrolled.wait_for("waiting", why="uplink")["seconds"] >= 6
    modem.insert(OTHER_CARD)
    refused = server.requested_at[-1]
    assert server.evidence().iccid is None
    assert server.requested_at[-1] - refused > 5
    assert server.evidence().iccid == OTHER_CARD.iccid


def test_a_refused_nonce_is_replaced_at_once(agent, server):
    server.replies.append(Reply(tier=96, reasons=("nonce-expired",)))
    process = agent()
    server.enrol(process.wait_for("enrolment")["request"])
    refused, again = server.evidence(), server.evidence()
    assert refused.nonce != again.nonce
    assert again.uptime > refused.uptime
    process.wait_for("attested", tier="affirming")
    assert "waiting" not in {event["event"] for event in process.events}


def test_answers_that_ask_for_more_at_once_are_bounded(agent, server):
    server.interval_s = 0
    process = agent()
    server.enrol(process.wait_for("enrolment")["request"])
    process.wait_for("waiting")
    assert server.requests.count("/v1/evidence") == 5


def test_every_boot_counts_and_keeps_the_key(enrolled, server):
    kid = enrolled.events[0]["kid"]
    for bootcount in (2, 3):
        enrolled.restart()
        start = enrolled.wait_for("start")
        assert (start["kid"], start["bootcount"]) == (kid, bootcount)
        assert server.evidence().bootcount == bootcount


def test_killed_at_first_start_it_comes_up_as_one_device(agent, modem, server):
    process = agent()
    kids, bootcounts = set(), [0]
    for delay_ms in range(60, 260, 20):
        time.sleep(delay_ms / 1000)
        process.restart()
    for _ in range(2):
        start = process.wait_for("start")
        kids.add(start["kid"])
        bootcounts.append(start["bootcount"])
        process.restart()
    assert len(kids) == 1
    assert bootcounts == sorted(set(bootcounts))


def test_a_damaged_key_ends_it_with_one_clear_line(enrolled, tmp_path):
    enrolled.stop()
    key = tmp_path / "state" / "key"
    key.write_bytes(flipped(key.read_bytes()))
    enrolled.restart()
    assert enrolled.wait_for_end() == 1
    assert "enrol the device again" in enrolled.events[-1]["detail"]
    assert enrolled.noise == []


def test_a_silent_modem_is_asked_again(agent, server, modem):
    modem.fault("silence", 12)
    process = agent()
    assert "TX and RX" in process.wait_for("error", what="modem")["detail"]
    process.wait_for("enrolment", timeout_s=120)


def test_identifiers_are_masked_outside_the_enrolment_request(enrolled):
    said = json.dumps([event for event in enrolled.events if event["event"] != "enrolment"])
    assert CARD.imsi[:-4] not in said
    assert CARD.iccid[:-4] not in said
    assert CARD.iccid[-4:] in said


def test_the_key_is_for_its_owner_only(enrolled, tmp_path):
    assert os.stat(tmp_path / "state" / "key").st_mode & 0o777 == 0o600


@pytest.mark.parametrize("profile", ["simcom-sim7600", "generic"])
def test_other_makes(profile, agent, server):
    with Modem(profile, card=CARD) as modem:
        process = agent(tty=modem.port)
        server.enrol(process.wait_for("enrolment")["request"])
        assert server.evidence().iccid == CARD.iccid


def test_heap_peak(agent, server):
    """The smallest heap in which it attests over TLS, to within 4 KiB; printed for the record."""
    words = 64
    patience_s = 60  # the first heap is enough; below it, a busy machine may only make the figure a worse one
    while words > 24:
        process = agent(heap=f"{words}wk")
        try:
            server.enrol(process.wait_for("enrolment", timeout_s=patience_s)["request"])
            process.wait_for("attested", timeout_s=patience_s)
        except AgentError:
            break
        finally:
            process.stop()
        words -= 4
        patience_s = 10
    print(f"attests in a heap of {words + 4} KiB for a 32-bit word; not in {words}")
    assert words < 64
