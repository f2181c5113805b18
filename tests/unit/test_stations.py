"""Stations, and the import of their logs: nothing twice, nothing half, nothing on a word that does not count."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from simbond_verifier import fleet
from simbond_verifier.event_kinds import STATION_REGISTERED
from simbond_verifier.fleet import endorsed, stations
from simbond_verifier.refusal import Conflict, Invalid, NotFound, Refusal
from simbond_verifier.store import erasure
from simbond_verifier.store.schema import command, device, endorsement, event
from support.attester import Attester
from support.damage import flipped
from support.stations import Station
from support.verifier import NOW, Desk
from support.verifier import desk as make_desk

pytestmark = pytest.mark.usefixtures("store")

DAY = 86400


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with make_desk(tmp_path) as made:
        yield made


@pytest.fixture
def line(desk: Desk) -> Station:
    made = Station(at=desk.now)
    register(desk, made)
    return made


def devices(number: int) -> list[Attester]:
    return [Attester(imei=f"8612340500{n:04}0", iccid=f"898600123456789{n:05}") for n in range(number)]


def register(desk: Desk, line: Station, **more: Any) -> None:
    desk.do(stations.register, line.pem.decode(), **({"per_day": None, "actor": "olga"} | more))


def revoke(desk: Desk, line: Station, since: float | None = None) -> None:
    desk.do(stations.revoke, line.certificate.name, since=since, reason="stolen", actor="olga")


def hand_in(desk: Desk, log: bytes) -> list[endorsed.Row]:
    with desk.database.read() as connection:
        checked = fleet.check_log(connection, log, desk.now)
    rows: list[endorsed.Row] = desk.do(fleet.import_entries, checked.entries, actor="line-token")
    return rows


def outcomes(rows: list[endorsed.Row]) -> list[str]:
    return [row.code or row.outcome.value for row in rows]


def refusal(desk: Desk, log: bytes) -> str:
    with pytest.raises(Refusal) as refused:
        hand_in(desk, log)
    return refused.value.code


def enrolled(desk: Desk) -> set[bytes]:
    with desk.database.read() as connection:
        return set(connection.execute(select(device.c.kid)).scalars())


def test_what_a_station_endorsed_is_enrolled_once(desk: Desk, line: Station) -> None:
    made = devices(3)
    log = line.endorse_all(made)

    assert outcomes(hand_in(desk, log)) == ["enrolled"] * 3
    assert enrolled(desk) == {each.kid for each in made}
    assert outcomes(hand_in(desk, log)) == ["known"] * 3
    with desk.database.read() as connection:
        shown = fleet.show_device(connection, made[1].kid.hex())
        told = connection.execute(select(event.c.detail).where(event.c.kind == "device-endorsed")).scalars().all()
    assert shown["enrolled_by"] == "line-token"
    assert shown["endorsement"] == {"station": "line-1", "entry": 2, "at": NOW, "received_at": NOW, "trusted": True}
    assert [each["said"] for each in told] == [entry.hex() for entry in line.log]


def test_a_log_that_has_grown_is_imported_from_its_beginning_or_from_where_it_was(desk: Desk, line: Station) -> None:
    made = devices(4)
    hand_in(desk, line.endorse_all(made[:2]))

    assert outcomes(hand_in(desk, line.endorse_all(made[2:3]))) == ["known", "known", "enrolled"]
    assert outcomes(hand_in(desk, line.endorse(made[3]))) == ["enrolled"]


def test_label_order_and_second_imei_come_along(desk: Desk, line: Station) -> None:
    (made,) = devices(1)
    hand_in(desk, line.endorse(made, label="meter 7", imei2="35824005111111", order="PO-1"))
    with desk.database.read() as connection:
        shown = fleet.show_device(connection, made.kid.hex())
    assert (shown["label"], shown["imei2"]) == ("meter 7", "35824005111111")


def test_a_bad_unit_stops_no_other(desk: Desk, line: Station) -> None:
    first, second, third = devices(3)
    twin = replace(second, imei=first.imei)
    nameless = replace(second, imei="")
    log = line.endorse_all([first, twin, nameless, third]) + line.endorse(b"\x00")

    assert outcomes(hand_in(desk, log)) == [
        "enrolled",
        "imei-enrolled",
        "imei-missing",
        "enrolled",
        "enrolment-request",
    ]
    assert enrolled(desk) == {first.kid, third.kid}


def test_what_was_refused_is_tried_again(desk: Desk, line: Station) -> None:
    first, second = devices(2)
    twin = replace(second, imei=first.imei)
    log = line.endorse_all([first, twin])
    hand_in(desk, log)
    desk.do(fleet.revoke, first.kid.hex(), reason="scrapped", actor="olga")

    assert outcomes(hand_in(desk, log)) == ["known", "enrolled"]


def test_a_device_that_a_technician_enrolled_before_is_known(desk: Desk, line: Station) -> None:
    (made,) = devices(1)
    desk.add(made)

    assert outcomes(hand_in(desk, line.endorse(made))) == ["known"]


@pytest.mark.parametrize("left_out", range(3))
def test_a_removed_entry_is_found_and_nothing_imported(desk: Desk, line: Station, left_out: int) -> None:
    line.endorse_all(devices(4))
    del line.log[left_out]

    assert refusal(desk, b"".join(line.log)) == ("log-gap" if left_out == 0 else "log-broken")
    assert enrolled(desk) == set()


def test_reordered_altered_and_foreign_entries_are_found(desk: Desk, line: Station) -> None:
    one, two, three = devices(3)
    line.endorse_all([one, two, three])
    thief = Station(at=NOW)
    thief.certificate, thief.last, thief.key.kid = line.certificate, line.last, line.key.kid

    assert refusal(desk, line.log[0] + line.log[2] + line.log[1]) == "log-broken"
    assert refusal(desk, line.log[0] + flipped(line.log[1])) == "log-broken"
    assert refusal(desk, b"".join(line.log) + thief.endorse(one)) == "log-broken"
    assert refusal(desk, b"".join(line.log)[:-1]) == "log-malformed"
    assert refusal(desk, b"") == "log-malformed"
    assert refusal(desk, b"no log") == "log-malformed"
    other = Station("line-2", at=NOW)
    register(desk, other)
    assert refusal(desk, line.log[0] + other.endorse(one)) == "log-malformed"
    assert enrolled(desk) == set()


def test_a_log_that_goes_on_in_two_ways_is_a_fork(desk: Desk, line: Station) -> None:
    one, two, three = devices(3)
    line.endorse(one)
    before = line.last
    hand_in(desk, line.endorse_all([two]))
    line.last = before
    fork = line.endorse(three)

    assert refusal(desk, line.log[0] + fork) == "log-forked"
    assert refusal(desk, fork) == "log-forked"
    assert three.kid not in enrolled(desk)


def test_a_fork_that_comes_meanwhile_is_found_when_it_is_written(desk: Desk, line: Station) -> None:
    one, two = devices(2)
    before = line.last
    first = line.endorse(one)
    line.last = before
    with desk.database.read() as connection:
        checked = fleet.check_log(connection, line.endorse(two), desk.now)
    hand_in(desk, first)
    with pytest.raises(Conflict, match="two different entries"):
        desk.do(fleet.import_entries, checked.entries, actor="line-token")


def test_who_is_not_registered_has_no_say(desk: Desk) -> None:
    assert refusal(desk, Station(at=NOW).endorse(devices(1)[0])) == "station-unknown"


def test_a_revoked_station_has_no_say_whatever_time_it_states(desk: Desk, line: Station) -> None:
    one, two = devices(2)
    hand_in(desk, line.endorse(one))
    line.endorse(two)
    desk.now += 60
    revoke(desk, line)

    assert refusal(desk, b"".join(line.log)) == "station-revoked"
    assert enrolled(desk) == {one.kid}
    with pytest.raises(Conflict, match="revoked"):
        register(desk, line)


def test_a_station_that_is_revoked_between_check_and_import_has_no_say(desk: Desk, line: Station) -> None:
    with desk.database.read() as connection:
        checked = fleet.check_log(connection, line.endorse(devices(1)[0]), desk.now)
    revoke(desk, line)
    with pytest.raises(Conflict, match="revoked"):
        desk.do(fleet.import_entries, checked.entries, actor="line-token")


def test_what_is_doubtful_goes_by_either_clock(desk: Desk, line: Station) -> None:
    """A thief backdates, so what came in late is doubtful, too; what came in before the theft is not."""
    early, backdated, late = devices(3)
    hand_in(desk, line.endorse(early))
    backdated_entry = line.endorse(backdated)
    desk.now += DAY
    line.now += DAY
    hand_in(desk, backdated_entry + line.endorse(late))
    revoke(desk, line, since=NOW + DAY / 2)

    with desk.database.read() as connection:
        found = stations.endorsed_devices(connection, "line-1", since=NOW + DAY / 2, after=0, limit=10)
        trusted = [fleet.show_device(connection, each.kid.hex())["endorsement"]["trusted"] for each in (early, late)]
    assert [each["kid"] for each in found] == [backdated.kid.hex(), late.kid.hex()]
    assert trusted == [True, False]


def test_the_moment_of_a_theft_may_be_moved_back_and_never_on(desk: Desk, line: Station) -> None:
    for since in (NOW + 20, None, NOW + 10, NOW + 30):
        revoke(desk, line, since)
    with desk.database.read() as connection:
        assert stations.show_station(connection, "line-1")["distrusted_from"] == NOW + 10


def test_it_counts_while_its_certificate_is_valid(desk: Desk) -> None:
    line = Station(at=NOW, days=1)
    register(desk, line)
    in_time, too_late = devices(2)
    line.endorse(in_time)
    line.now += DAY + 1
    line.endorse(too_late)
    desk.now += 2 * DAY

    assert outcomes(hand_in(desk, b"".join(line.log))) == ["enrolled", "certificate-expired"]
    desk.now += 40 * DAY
    assert refusal(desk, b"".join(line.log)) == "certificate-expired"
    with pytest.raises(Conflict, match="expired"):
        register(desk, Station("line-2", at=NOW, days=1))


def test_no_entry_is_of_the_future(desk: Desk, line: Station) -> None:
    line.now += 3600
    log = line.endorse_all(devices(1))

    assert outcomes(hand_in(desk, log)) == ["station-clock"]
    desk.now += 3600
    assert outcomes(hand_in(desk, log)) == ["enrolled"]


def test_a_station_may_enrol_so_many_a_day(desk: Desk) -> None:
    line = Station(at=NOW)
    register(desk, line, per_day=2)
    log = line.endorse_all(devices(3))
    line.now += DAY
    log = line.endorse_all([Attester(imei="861234051111110")])
    desk.now += DAY

    assert outcomes(hand_in(desk, log)) == ["enrolled", "enrolled", "station-quota", "enrolled"]
    assert outcomes(hand_in(desk, log)) == ["known", "known", "station-quota", "known"]
    register(desk, line, per_day=3)
    assert outcomes(hand_in(desk, log)) == ["known", "known", "enrolled", "known"]


def test_registering_again_changes_nothing_and_another_certificate_needs_another_name(
    desk: Desk, line: Station
) -> None:
    register(desk, line)
    with pytest.raises(Conflict, match="name"):
        register(desk, Station("line-1", at=NOW))
    with pytest.raises(Invalid, match="PEM"):
        desk.do(stations.register, "nothing", per_day=None, actor="olga")
    with pytest.raises(NotFound), desk.database.read() as connection:
        stations.show_station(connection, "line-9")
    with desk.database.read() as connection:
        shown = stations.list_stations(connection, after="", limit=10)
        kept = connection.execute(select(event.c.kind).where(event.c.kind == STATION_REGISTERED)).all()
    assert [each["name"] for each in shown] == ["line-1"]
    assert len(kept) == 1


def test_erasing_a_card_erases_what_a_station_said_of_it(desk: Desk, line: Station) -> None:
    made = Attester()
    assert made.iccid is not None
    assert made.imsi is not None
    hand_in(desk, line.endorse(made))
    desk.stock((made.iccid, made.imsi))
    desk.do(fleet.bind, made.iccid, made.kid.hex(), scenario=None, scenarios=desk.scenarios, actor="olga")
    with desk.database.read() as connection:
        before = connection.execute(select(event.c.detail).where(event.c.kind == "device-endorsed")).scalar_one()
    assert made.binding()[2].hex() in before["said"]  # type: ignore[attr-defined]
    _erase(desk, made.iccid)
    with desk.database.read() as connection:
        after = connection.execute(select(event.c.detail).where(event.c.kind == "device-endorsed")).scalar_one()
        assert connection.execute(select(endorsement.c.seq)).scalar_one() == 1
    assert "said" not in after


def _erase(desk: Desk, iccid: str) -> None:
    desk.do(fleet.retire, iccid, reason="scrapped", actor="olga")
    with desk.database.write() as connection:
        connection.execute(update(command).values(outcome="confirmed"))
        found = fleet.lookup.find_card(connection, iccid)
        erasure.erase(connection, found, reason="asked by its holder", actor="olga", now=desk.now)


def test_a_signature_that_was_written_in_its_second_way_is_no_other_entry(desk: Desk, line: Station) -> None:
    """Whoever carries a log can do that, and would have the station called a fork."""
    one, two, three = devices(3)
    line.endorse_all([one, two])
    last = line.log[1]
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    twin = last[:-32] + (order - int.from_bytes(last[-32:])).to_bytes(32)

    assert outcomes(hand_in(desk, line.log[0] + twin)) == ["enrolled"] * 2
    line.endorse(three)
    assert outcomes(hand_in(desk, b"".join(line.log))) == ["known", "known", "enrolled"]


def test_a_stolen_station_does_not_drag_the_devices_of_others_along(desk: Desk, line: Station) -> None:
    by_hand, by_another, own = devices(3)
    another = Station("line-2", at=NOW)
    register(desk, another)
    desk.add(by_hand)
    hand_in(desk, another.endorse(by_another))
    desk.now += DAY
    line.now += DAY
    assert outcomes(hand_in(desk, line.endorse_all([by_hand, by_another, own]))) == ["known", "known", "enrolled"]
    revoke(desk, line, since=NOW + DAY)

    with desk.database.read() as connection:
        found = stations.endorsed_devices(connection, "line-1", since=NOW + DAY, after=0, limit=10)
        vouched = [fleet.show_device(connection, each.kid.hex())["endorsement"] for each in (by_hand, by_another)]
    assert [each["kid"] for each in found] == [own.kid.hex()]
    assert [each and (each["station"], each["trusted"]) for each in vouched] == [None, ("line-2", True)]
