"""What is deleted goes for good and nothing else does, and the ledger still verifies."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import insert, select

from simbond_verifier import decisions, fleet
from simbond_verifier.decisions import Decisions
from simbond_verifier.policy import Policy, Retention, TwoPersons
from simbond_verifier.refusal import Conflict
from simbond_verifier.signing_key import SigningKey
from simbond_verifier.store import cards, erasure, retention
from simbond_verifier.store.proposals import Kind
from simbond_verifier.store.schema import (
    appeal,
    card,
    command,
    entry,
    event,
    evidence,
    network,
    notice,
    observation,
    sign,
    subscriber,
)
from simbond_verifier.workers.retention import Retainer
from support.attester import Attester
from support.ledger import audited, exported, signed
from support.verifier import Desk
from support.workers import group_commit

pytestmark = pytest.mark.usefixtures("store")

KEY = SigningKey.generate()
DAY_S = 86400.0


@pytest.fixture
def device(desk: Desk) -> Attester:
    made = Attester()
    desk.bind(made)
    return made


def sweep(desk: Desk, keep: Retention) -> None:
    async def swept() -> None:
        async with group_commit(desk.database) as writer:
            await Retainer(desk.database, writer, keep, lambda: desk.now).sweep()

    asyncio.run(swept())


def kept_messages(desk: Desk) -> list[int]:
    with desk.database.read() as connection:
        query = select(evidence.c.id).where(evidence.c.message.is_not(None)).order_by(evidence.c.id)
        return list(connection.execute(query).scalars())


def observe(desk: Desk, count: int) -> None:
    with desk.database.write() as connection:
        row = {"at": desk.now, "received_at": desk.now, "card_id": 1, "source": "feed"}
        connection.execute(insert(observation), [row] * count)


def observations(desk: Desk) -> int:
    with desk.database.read() as connection:
        return len(connection.execute(select(observation.c.id)).all())


def test_old_evidence_that_led_to_nothing_loses_its_octets(desk: Desk, device: Attester):
    for _ in range(3):
        desk.attest(device)  # 1 to 3
    device.scenario = 2
    desk.attest(device)  # 4: a warning, which is an event
    device.scenario = 1
    desk.attest(device)  # 5: ends it
    signed(desk, KEY)
    desk.now += 10 * DAY_S
    desk.attest(device)  # 6: new
    sweep(desk, Retention(evidence_days=10))
    assert kept_messages(desk) == [1, 2, 3, 4, 5, 6], "nothing is older than ten days yet"
    desk.now += 1
    sweep(desk, Retention(evidence_days=10))
    assert kept_messages(desk) == [4, 5, 6]
    signed(desk, KEY)
    report = audited(exported(desk), KEY)
    assert report.good, report.findings
    assert report.deleted == {"evidence": 3}


def test_what_was_looked_at_is_not_looked_at_again(desk: Desk, device: Attester):
    for _ in range(3):
        desk.attest(device)
    desk.now += 2 * DAY_S
    sweep(desk, Retention(evidence_days=1))
    with desk.database.read() as connection:
        assert retention.find_evidence(connection, desk.now) is None
    desk.attest(device)
    desk.now += 2 * DAY_S
    with desk.database.read() as connection:
        piece = retention.find_evidence(connection, desk.now - DAY_S)
    assert piece == retention.Piece((4,), 4, more=False)


def test_a_sweep_takes_many_units(desk: Desk, device: Attester, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(retention, "AT_ONCE", 3)
    monkeypatch.setattr(retention, "_LOOKED_AT", 5)
    monkeypatch.setattr("simbond_verifier.workers.retention._PAUSE_S", 0)
    for _ in range(13):
        desk.attest(device)
    observe(desk, 8)
    desk.now += 2 * DAY_S
    sweep(desk, Retention(evidence_days=1, observation_days=1))
    assert kept_messages(desk) == []
    assert observations(desk) == 0


def test_observations_are_kept_as_long_as_the_policy_says(desk: Desk, device: Attester):
    observe(desk, 2)
    desk.now += 100 * DAY_S
    observe(desk, 1)
    desk.now += 81 * DAY_S
    sweep(desk, Retention())
    assert observations(desk) == 1
    sweep(desk, Retention(observation_days=None))
    assert observations(desk) == 1


def erase(desk: Desk, device: Attester) -> None:
    with desk.database.write() as connection:
        found = cards.by_iccid(connection, device.iccid)
        assert found is not None
        erasure.erase(connection, found, reason="asked by its holder", actor="olga", now=desk.now)


def retire(desk: Desk, device: Attester) -> None:
    desk.do(fleet.retire, device.iccid, reason="end of contract", actor="olga")
    with desk.database.write() as connection:
        connection.execute(command.update().values(outcome="confirmed", done_at=desk.now))


def test_an_erased_card_leaves_its_number_and_its_history(desk: Desk, device: Attester, tmp_path: Path):
    with desk.database.write() as connection:
        connection.execute(card.update().values(msisdn="8613900139000", customer="Wang Wei"))
    desk.attest(device)
    device.imei = "861234050000021"
    desk.attest(device)
    observe(desk, 1)
    with desk.database.write() as connection:
        at = {"card_id": 1, "at": desk.now}
        connection.execute(insert(network).values(card_id=1, imei="8612340500001301", source="feed"))
        connection.execute(insert(subscriber).values(imsi=device.imsi, access="barred", at=desk.now))
        connection.execute(insert(notice).values(**at, event_id=1, kind="suspension", body={"to": "Wang Wei"}))
        connection.execute(
            insert(appeal).values(
                card_id=1, filed_at=desk.now, due_at=desk.now, filed_by="Wang Wei", statement="I moved", materials=[]
            )
        )
    signed(desk, KEY)
    desk.attest(device)  # not in the ledger yet
    with pytest.raises(Conflict, match="retire it first"):
        erase(desk, device)
    retire(desk, device)
    with pytest.raises(Conflict, match="appeal"):
        erase(desk, device)
    with desk.database.write() as connection:
        connection.execute(appeal.update().values(outcome="rejected"))
    before = len(desk.history(device.iccid))
    erase(desk, device)
    erase(desk, device)
    found = desk.card(device.iccid)
    assert (found["state"], found["msisdn"], found["customer"]) == ("retired", "", "")
    assert [line["kind"] for line in desk.history(device.iccid)[before:]] == ["erased"]
    with desk.database.read() as connection:
        for table in (observation, network, sign, subscriber):
            assert connection.execute(select(table)).first() is None, table.name
        assert connection.execute(select(appeal.c.statement, appeal.c.filed_by)).one() == ("", "")
        salts = connection.execute(select(entry.c.kind, entry.c.salt)).all()
        assert {e.kind for e in salts if e.salt is None} == {"appeal", "event", "evidence", "notice"}
        assert [e.salt for e in salts if e.kind == "event"].count(None) == 1, "of the enrolment, which named the card"
        assert connection.execute(select(event.c.id)).all(), "decisions stay"
    assert kept_messages(desk) == []
    signed(desk, KEY)
    report = audited(exported(desk), KEY)
    assert report.good, report.findings
    with desk.database.read() as connection:
        rows = [str(tuple(row)) for table in card.metadata.sorted_tables for row in connection.execute(select(table))]
    everything = "\n".join(rows)
    for personal in (device.imsi, "8613900139000", "Wang Wei"):
        assert personal not in everything
        assert personal.encode().hex() not in everything
    assert device.iccid in everything


def test_a_card_is_not_erased_before_the_network_has_barred_it(desk: Desk, device: Attester):
    desk.do(fleet.retire, device.iccid, reason="end of contract", actor="olga")
    with pytest.raises(Conflict, match="not confirmed"):
        erase(desk, device)


def test_two_persons_erase_where_the_policy_says_so(desk: Desk, device: Attester):
    retire(desk, device)
    by = Decisions(desk.scenarios, Policy(two_persons=TwoPersons(erase=True)))
    with desk.database.write() as connection:
        order = decisions.about_card(connection, Kind.ERASE, device.iccid, reason="asked by its holder")
        asked = by.take(connection, order, actor="olga", now=desk.now)
    assert asked is not None
    assert desk.card(device.iccid)["imsi"] == device.imsi
    with desk.database.write() as connection:
        by.approve(connection, asked, words="", actor="oleg", now=desk.now)
    assert desk.card(device.iccid)["imsi"] == "erased-1"
    assert desk.history(device.iccid)[-2]["detail"]["asked_by"] == "olga"
