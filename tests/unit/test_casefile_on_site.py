"""What devices answered on site, and what stations vouched for, is in a card's case and proves itself there."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from simbond_verifier import fleet
from simbond_verifier.casefile.case import Case
from simbond_verifier.casefile.story import Line, tell
from simbond_verifier.fleet import stations
from simbond_verifier.policy import Policy
from simbond_verifier.signing_key import SigningKey
from simbond_verifier.store import casefile, erasure, field_results, tokens, work_bundles, work_orders
from simbond_verifier.store.schema import command, event, field_result
from simbond_verifier.store.tokens import Role
from simbond_verifier.work_orders import bundle as bundles
from simbond_verifier.work_orders.bundle import Kind
from simbond_verifier.work_orders.proof import Proof, digest, from_octets, to_octets, to_text
from support.attester import ICCID, Attester
from support.casefile import answered, checked, exported, opened, suspended
from support.damage import flipped
from support.stations import Station
from support.verifier import Desk
from support.verifier import desk as make_desk
from support.work_orders import Office, answer

pytestmark = pytest.mark.usefixtures("store")

KEY = SigningKey.generate()
DAY = 86400


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with make_desk(tmp_path) as made:
        yield made


def endorsed(desk: Desk, device: Attester) -> Station:
    """A device that a registered station vouched for."""
    line = Station(at=desk.now)
    desk.do(stations.register, line.pem.decode(), per_day=None, actor="olga")
    log = line.endorse(device, order="PO-1", label="meter 7")
    with desk.database.read() as connection:
        entries = fleet.check_log(connection, log, desk.now).entries
    desk.do(fleet.import_entries, entries, actor="line-token")
    return line


def checked_on_site(desk: Desk, device: Attester, holds: str | None = ICCID) -> Proof:
    """What the device answered to a technician, brought in."""
    desk.now += 60
    desk.do(tokens.create, "tomas", Role.TECHNICIAN)
    terms = {"kind": Kind.CHECK, "decision": None, "words": "Meter 7", "expires_s": DAY}
    number = desk.do(work_orders.make, ICCID, technician="tomas", actor="olga", **terms)
    with desk.database.read() as connection:
        sealed = work_bundles.fetch(connection, "tomas", KEY, hours=24, now=desk.now)
    (order,) = bundles.read(sealed, [KEY.public.point]).orders
    device.iccid, before = holds, device.iccid
    proof = answer(order.signed, device)
    device.iccid = before
    desk.now += 60
    keys = [KEY.public.point]
    more: dict[str, Any] = {"technician": "tomas", "policy": Policy(), "actor": "tomas"}
    desk.do(field_results.take, number, to_text(proof), keys, **more)
    return proof


def case_of(desk: Desk) -> Case:
    return opened(exported(desk, ICCID, KEY), KEY)


def lived(desk: Desk) -> tuple[Attester, Proof]:
    """A life with both."""
    device = Attester()
    endorsed(desk, device)
    suspended(desk, device)
    return device, checked_on_site(desk, device)


def doubts(found: Case) -> str:
    return "\n".join(checked(found, KEY).doubts)


def line_with(found: Case, words: str) -> Line:
    (line,) = [line for line in tell(checked(found, KEY)) if words in line.en]
    return line


def test_both_are_proved_and_told_in_both_languages(desk: Desk) -> None:
    device, proof = lived(desk)
    found = case_of(desk)

    assert (checked(found, KEY).doubts, checked(found, KEY).notes) == ([], [])
    assert [from_octets(octets) for octets in found.proofs] == [proof]
    on_site, station = line_with(found, "signed on site"), line_with(found, "vouched")
    assert f"Device {device.kid.hex()}" in on_site.en
    assert f"it holds {ICCID}" in on_site.en
    assert on_site.en.endswith("brought in by tomas): confirmed.")
    assert "现场签名" in on_site.zh
    assert on_site.zh.endswith("：核实无误。")
    assert f"Station line-1 vouched for device {device.kid.hex()}" in station.en
    assert "工位 line-1" in station.zh
    assert "背书" in station.zh


def test_another_card_found_on_site_is_told_as_such(desk: Desk) -> None:
    device = Attester()
    suspended(desk, device)
    checked_on_site(desk, device, holds=None)
    found = case_of(desk)

    assert doubts(found) == ""
    assert "it holds no card" in line_with(found, "signed on site").en
    assert "confirmed" not in line_with(found, "signed on site").en


def test_an_answer_of_a_device_that_changed_its_key_since_is_proved_by_the_key_it_had(desk: Desk) -> None:
    first = Attester()
    suspended(desk, first)
    checked_on_site(desk, first)
    desk.now += 7200
    desk.rotate(first, first.successor())

    assert doubts(case_of(desk)) == ""


def test_any_octet_of_an_answer_that_was_altered_is_found(desk: Desk) -> None:
    lived(desk)
    found = case_of(desk)
    (octets,) = found.proofs
    for at in range(0, len(octets), 7):
        assert "on site" in doubts(found._replace(proofs=[flipped(octets, at)])), at


def test_an_answer_that_is_left_out_or_put_in_is_found(desk: Desk) -> None:
    device, proof = lived(desk)
    found = case_of(desk)
    other = to_octets(answer(proof.ticket, device))

    assert "is not here" in doubts(found._replace(proofs=[]))
    assert "No entry records the answer" in doubts(found._replace(proofs=[*found.proofs, other]))


def retold(desk: Desk, kind: str, **changes: object) -> None:
    """A verifier that lies writes another event, and signs it."""
    with desk.database.write() as connection:
        row = connection.execute(select(event).where(event.c.kind == kind)).mappings().one()
        detail = dict(row["detail"]) | changes
        connection.execute(update(event).where(event.c.id == row["id"]).values(detail=detail))


def test_a_verifier_that_makes_another_card_a_confirmation_is_doubted(desk: Desk) -> None:
    device = Attester()
    suspended(desk, device)
    checked_on_site(desk, device, holds=None)
    retold(desk, "field-check", finding="confirmed")

    assert "the verifier recorded 'confirmed'" in doubts(case_of(desk))


def replaced(desk: Desk, proof: Proof) -> str:
    """The doubts about a case whose verifier recorded another proof."""
    retold(desk, "field-check", sha256=digest(proof).hex())
    with desk.database.write() as connection:
        connection.execute(update(field_result).values(digest=digest(proof), proof=to_octets(proof)))
    return doubts(case_of(desk))


def test_an_answer_to_a_work_order_by_somebody_else_proves_nothing(desk: Desk) -> None:
    device, _ = lived(desk)

    assert "not signed by a given key" in replaced(desk, answer(Office().issue(device), device))


def test_an_answer_by_a_device_that_nobody_enrolled_proves_nothing(desk: Desk) -> None:
    lived(desk)
    office, stranger = Office(), Attester()
    office.key = KEY

    assert "nobody's enrolment shows whose key" in replaced(desk, answer(office.issue(stranger), stranger))


def test_an_answer_about_another_card_or_order_proves_nothing(desk: Desk) -> None:
    device, _ = lived(desk)
    office = Office()
    office.key = KEY

    assert "the answer to work order 9" in replaced(desk, answer(office.issue(device, order=9), device))


def test_an_answer_to_another_challenge_proves_nothing(desk: Desk) -> None:
    device, proof = lived(desk)
    early = Proof(proof.ticket, device.evidence(bytes(16)))

    assert "challenge-wrong" in replaced(desk, early)


def test_what_was_erased_is_said_to_be(desk: Desk) -> None:
    lived(desk)
    desk.do(fleet.retire, ICCID, reason="scrapped", actor="olga")
    answered(desk)
    with desk.database.write() as connection:
        connection.execute(update(command).values(outcome="confirmed"))
        erasure.erase(connection, fleet.lookup.find_card(connection, ICCID), reason="asked", actor="olga", now=desk.now)
    notes = checked(case_of(desk), KEY).notes

    assert case_of(desk).proofs == []
    assert any("on site" in note and "was erased" in note for note in notes)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"station": "line-2"}, "no registration of that station is here"),
        ({"entry": 2}, "another entry"),
        ({"said": "d284"}, "does not prove it"),
        ({"said": None}, "does not prove it"),
    ],
)
def test_an_endorsement_that_was_altered_is_doubted(desk: Desk, changes: dict[str, object], why: str) -> None:
    lived(desk)
    retold(desk, "device-endorsed", **changes)

    found = case_of(desk)
    assert why in doubts(found)
    assert line_with(found, "A factory station vouched").en.endswith("Not proved.")


def test_an_endorsement_by_another_key_or_of_another_device_is_doubted(desk: Desk) -> None:
    lived(desk)
    thief = Station(at=desk.now)
    retold(desk, "device-endorsed", said=thief.endorse(Attester()).hex())
    assert "the station's key did not sign it" in doubts(case_of(desk))
    retold(desk, "station-registered", certificate=thief.certificate.der.hex())
    assert "it is about another device" in doubts(case_of(desk))


def test_an_endorsement_outside_the_certificates_validity_is_doubted(desk: Desk) -> None:
    device = Attester()
    line = endorsed(desk, device)
    suspended(desk, device)
    line.now += 31 * DAY
    retold(desk, "device-endorsed", said=line.endorse(device).hex(), entry=2)

    assert "not valid then" in doubts(case_of(desk))


def test_a_station_that_is_not_trusted_for_that_time_is_said_to_be(desk: Desk) -> None:
    device = Attester()
    endorsed(desk, device)
    suspended(desk, device)
    desk.do(stations.revoke, "line-1", since=desk.now - DAY, reason="stolen", actor="olga")
    found = checked(case_of(desk), KEY)

    assert found.doubts == []
    assert any("Station line-1" in note and "not trusted" in note for note in found.notes)


def test_what_the_checkpoint_does_not_cover_yet_is_left_for_the_next_case(desk: Desk) -> None:
    device = Attester()
    suspended(desk, device)
    exported(desk, ICCID, KEY)
    checked_on_site(desk, device)
    with desk.database.read() as connection:
        row = casefile.find(connection, ICCID)
        assert row is not None
        found = opened(casefile.export(connection, row, KEY, desk.now), KEY)

    assert (found.proofs, doubts(found)) == ([], "")
