"""The ledger of a real store: complete, in order, signed; and whatever was done to an export is found and named."""

from collections.abc import Sequence
from hashlib import sha256

import cbor2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, func, insert, select, update

from simbond_verifier import fleet
from simbond_verifier.ledger import checkpoint, leaf, merkle, receipt
from simbond_verifier.ledger.checkpoint import BadCheckpoint, Checkpoint
from simbond_verifier.ledger.receipt import BadReceipt
from simbond_verifier.signing_key import SigningKey
from simbond_verifier.store import ledger, recovery
from simbond_verifier.store.schema import entry, event, evidence, readback, tile
from support.attester import Attester
from support.damage import flipped
from support.ledger import audited, changed, exported, records, sequenced, signed, written
from support.verifier import Desk

KEY = SigningKey.generate()
ANOTHER_KEY = SigningKey.generate()
POINTS = [KEY.public.point]

on_every_store = pytest.mark.usefixtures("store")


@pytest.fixture
def lived(desk: Desk) -> Desk:
    """A store with some history: a card bound, attesting, suspended."""
    device = Attester()
    desk.bind(device)
    for _ in range(5):
        desk.attest(device)
    desk.do(fleet.suspend, device.iccid, reason="found on a roof", actor="olga")
    return desk


def bulk(desk: Desk, count: int) -> None:
    """Evidence rows as if so many messages had come."""
    with desk.database.write() as connection:
        last = connection.execute(select(func.coalesce(func.max(evidence.c.id), 0))).scalar_one()
        rows = [
            {"id": last + n, "at": desk.now + n, "device_id": n % 7, "tier": 2, "reasons": "", "message": b"%d" % n}
            for n in range(1, count + 1)
        ]
        connection.execute(insert(evidence), rows)


@on_every_store
def test_every_row_is_an_entry_once_and_in_order(lived: Desk) -> None:
    size = sequenced(lived)
    again = sequenced(lived)

    with lived.database.read() as connection:
        rows = connection.execute(select(entry).order_by(entry.c.seq)).all()
        evidence_ids = list(connection.execute(select(evidence.c.id).order_by(evidence.c.id)).scalars())
        event_ids = list(connection.execute(select(event.c.id).order_by(event.c.id)).scalars())
    assert size == again
    assert [row.seq for row in rows] == list(range(size))
    assert [row.row_id for row in rows if row.kind == "evidence"] == evidence_ids
    assert [row.row_id for row in rows if row.kind == "event"] == event_ids
    assert {row.kind for row in rows} >= {"evidence", "event", "command"}


def test_what_comes_later_is_appended(lived: Desk) -> None:
    before = sequenced(lived)
    with lived.database.write() as connection:
        connection.execute(insert(readback).values(at=lived.now, command_id=1, target="hlr", said="barred"))

    assert sequenced(lived) == before + 1
    with lived.database.read() as connection:
        (last,) = ledger.entries(connection, before, 1)
    assert last.body is not None
    answered = {"card": 1, "at": lived.now, "command": 1, "target": "hlr", "said": "barred", "error": ""}
    assert leaf.read(last.body).fields == answered


@on_every_store
def test_a_leaf_is_the_hash_of_its_body_and_bodies_of_a_card_link_up(lived: Desk) -> None:
    size = sequenced(lived)
    with lived.database.read() as connection:
        entries = ledger.entries(connection, 0, size)
        card = next(e.card_id for e in entries if e.card_id)
        by_card = ledger.entries_of(connection, card_id=card)

    for found in entries:
        assert found.body is not None
        assert found.leaf == sha256(b"\x00" + found.body).digest()
    linked = [leaf.read(e.body).previous for e in by_card if e.body]
    assert linked == [None, *(e.seq for e in by_card[:-1])]
    assert by_card == [e for e in entries if e.card_id == card]


def test_the_tree_is_that_of_its_leaves_over_several_tiles(desk: Desk) -> None:
    bulk(desk, 256 * 3 + 17)
    head = signed(desk, KEY)

    frontier = merkle.Frontier()
    with desk.database.read() as connection:
        for row in connection.execute(select(entry.c.leaf).order_by(entry.c.seq)):
            frontier.append(row.leaf)
        tiles = connection.execute(select(tile.c.level, tile.c.index)).all()
    assert (head.size, head.root) == (256 * 3 + 17, frontier.root())
    assert sorted(map(tuple, tiles)) == [(1, 0), (1, 1), (1, 2)]


@pytest.mark.parametrize("batch", [1, 100, 256])
def test_tiles_are_completed_however_the_tree_grew(desk: Desk, batch: int) -> None:
    bulk(desk, 600)
    with desk.database.write() as connection:
        while ledger.sequence(connection, batch):
            pass
        stored = list(connection.execute(select(tile.c.hash).order_by(tile.c.index)).scalars())
        leaves = ledger.reader(connection)(0, 0, 512)

    assert stored == [merkle.perfect_root(leaves[:256]), merkle.perfect_root(leaves[256:])]


def test_a_checkpoint_is_signed_when_the_ledger_has_grown_and_only_then(lived: Desk) -> None:
    first = signed(lived, KEY)
    lived.now += 60
    same = signed(lived, KEY)
    lived.do(fleet.suspend, "89860012345678901237", reason="once more", actor="olga")
    bulk(lived, 1)
    later = signed(lived, KEY)

    assert same == first
    assert later.size > first.size
    with lived.database.read() as connection:
        head, message = ledger.newest_checkpoint(connection) or (None, b"")
    assert checkpoint.verify(message, POINTS) == head == later


def test_nothing_is_signed_before_there_is_an_entry(desk: Desk) -> None:
    with desk.database.write() as connection:
        assert ledger.sign(connection, KEY, desk.now) is None


def test_a_receipt_proves_an_entry_and_no_other(lived: Desk) -> None:
    head = signed(lived, KEY)
    with lived.database.read() as connection:
        entries = ledger.entries(connection, 0, head.size)
        made = list(ledger.receipts(connection, head, KEY, range(head.size)))

    for found, proof in zip(entries, made, strict=True):
        assert receipt.verify_inclusion(proof, found.leaf, POINTS) == (head.size, found.seq, head.root)
    with pytest.raises(BadReceipt, match="no given key signed"):
        receipt.verify_inclusion(made[0], entries[1].leaf, POINTS)
    with pytest.raises(BadReceipt, match="no given key signed"):
        receipt.verify_inclusion(made[0], entries[0].leaf, [ANOTHER_KEY.public.point])


def test_a_receipt_has_the_form_of_the_standard(lived: Desk) -> None:
    """RFC 9942: label 395 in the protected header, 396 outside it, -1 for inclusion, the root detached."""
    head = signed(lived, KEY)
    with lived.database.read() as connection:
        (made,) = ledger.receipts(connection, head, KEY, [1])

    message = cbor2.loads(made)
    protected, unprotected, payload, signature = message.value
    proof = cbor2.loads(unprotected[396][-1][0])
    assert message.tag == 18
    assert cbor2.loads(protected) == {1: -7, 4: KEY.kid, 395: 1}
    assert (payload, len(signature), proof[:2]) == (None, 64, [head.size, 1])


def test_a_receipt_of_consistency_proves_growth(desk: Desk) -> None:
    bulk(desk, 300)
    old = signed(desk, KEY)
    bulk(desk, 300)
    new = signed(desk, KEY)
    with desk.database.read() as connection:
        path = merkle.consistency_proof(ledger.reader(connection), old.size, new.size)
    made = receipt.Seal(KEY, new.root).consistency(old.size, new.size, path)

    assert receipt.verify_consistency(made, old.root, POINTS) == (old.size, new.size, new.root)
    with pytest.raises(BadReceipt, match="does not begin"):
        receipt.verify_consistency(made, bytes(32), POINTS)


@on_every_store
def test_an_export_is_good(lived: Desk) -> None:
    old = signed(lived, KEY)
    bulk(lived, 700)
    new = signed(lived, KEY)

    report = audited(exported(lived), KEY, since=old)

    assert (report.findings, report.entries, report.checkpoints) == ([], new.size, 2)
    assert (report.last, report.origin) == (new, new.origin)


def test_deleted_rows_are_reported_and_the_rest_stays_valid(lived: Desk) -> None:
    old = signed(lived, KEY)
    with lived.database.write() as connection:
        connection.execute(update(evidence).where(evidence.c.id <= 2).values(message=None))
        ledger.forget(connection, "evidence", [1, 2])
    report = audited(exported(lived), KEY, since=old)

    assert (report.findings, report.deleted) == ([], {"evidence": 2})
    with lived.database.read() as connection:
        salts = connection.execute(select(entry.c.salt).where(entry.c.kind == "evidence")).scalars().all()
    assert salts[:2] == [None, None]
    assert None not in salts[2:]


def the_flipped(entries: list[list[object]]) -> list[list[object]]:
    entries[3][2] = flipped(bytes(entries[3][2]))  # type: ignore[call-overload]
    return entries


def the_reworded(entries: list[list[object]]) -> list[list[object]]:
    """Another body, with its own leaf."""
    entries[3][2] = b"another"
    entries[3][1] = merkle.leaf_hash(b"another")
    return entries


def renumbered(entries: Sequence[list[object]]) -> list[list[object]]:
    return [[n, *found[1:]] for n, found in enumerate(entries)]


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        (the_flipped, "Entry 3 was altered"),
        (the_reworded, "The entries 0 to {last} are not those that were signed"),
        (lambda e: [*e[:3], *e[4:]], "Entry 3 is missing"),
        (lambda e: [*e[:2], *e[5:]], "Entries 2 to 4 are missing"),
        (lambda e: renumbered([*e[:3], *e[4:]]), "A checkpoint covers {size} entries, and {last} stand before it"),
        (lambda e: [*e[:3], e[4], e[3], *e[5:]], "Entry 3 stands where entry 5 should be"),
        (lambda e: renumbered([*e[:3], e[4], e[3], *e[5:]]), "The entries 0 to {last} are not those that were signed"),
        (
            lambda e: [*e, [len(e), bytes(32), b"more"]],
            "A checkpoint covers {size} entries, and {more} stand before it",
        ),
    ],
)
def test_what_was_done_to_an_export_is_found_and_named(lived: Desk, change: object, finding: str) -> None:
    size = signed(lived, KEY).size

    report = audited(changed(exported(lived), change), KEY)  # type: ignore[arg-type]

    assert not report.good
    assert finding.format(size=size, last=size - 1, more=size + 1) in "\n".join(report.findings)


def test_a_rewritten_tail_is_found_by_a_checkpoint_that_was_kept(lived: Desk) -> None:
    """The verifier itself rewrites: it has the key, and everything fits together."""
    kept = signed(lived, KEY)
    with lived.database.write() as connection:
        connection.execute(entry.delete())
        connection.execute(tile.delete())
        connection.exec_driver_sql("DELETE FROM checkpoint")
        connection.execute(update(event).where(event.c.kind == "suspend").values(actor="nobody"))
    signed(lived, KEY)
    rewritten = exported(lived)

    assert audited(rewritten, KEY).good
    report = audited(rewritten, KEY, since=kept)
    assert report.findings == [
        f"The ledger was rewritten: its first {kept.size} entries are not those of the older checkpoint."
    ]


def test_an_end_that_was_cut_off_is_found(lived: Desk) -> None:
    signed(lived, KEY)
    before = exported(lived)
    bulk(lived, 3)
    kept = signed(lived, KEY)

    assert audited(before, KEY).good
    assert audited(before, KEY, since=kept).findings == [
        f"The end was cut off: the older checkpoint covers {kept.size} entries."
    ]


def restored(desk: Desk, size: int, **detail: object) -> None:
    """The ledger as a backup of so many entries leaves it, and the entry that the next start writes."""
    with desk.database.write() as connection:
        for row in connection.execute(select(entry.c.kind, entry.c.row_id).where(entry.c.seq >= size)).all():
            table = {"evidence": evidence, "event": event}[row.kind]
            connection.execute(delete(table).where(table.c.id == row.row_id))
        connection.execute(delete(entry).where(entry.c.seq >= size))
        connection.exec_driver_sql(f"DELETE FROM checkpoint WHERE size > {size}")
        for statement in recovery.MARK:
            connection.exec_driver_sql(statement)
        recovery.begin(connection, desk.now)
        if detail:
            connection.execute(update(event).where(event.c.kind == "restored").values(detail=detail))


@pytest.mark.parametrize("more", [0, 50])
def test_who_saw_more_is_told_that_a_backup_was_restored(lived: Desk, more: int) -> None:
    """Whether the ledger has grown beyond what was seen by now, or not yet."""
    early = signed(lived, KEY)
    bulk(lived, 20)
    kept = signed(lived, KEY)
    lived.now += 3600
    restored(lived, early.size)
    if more:
        bulk(lived, more)
    signed(lived, KEY)
    octets = exported(lived)

    report = audited(octets, KEY, since=kept)
    assert report.rolled_back == early.size
    (finding,) = report.findings
    assert finding.startswith(f"Rolled back: the ledger that you saw had {kept.size} entries. Entry ")
    assert f"from a backup with {early.size} of them" in finding
    assert audited(octets, KEY, since=early).good


@pytest.mark.parametrize(
    "detail", [{"entries": 10**6}, {"entries": -1}, {"entries": "1"}, {"entries": None}, {"other": 1}]
)
def test_an_entry_that_cannot_explain_it_explains_nothing(lived: Desk, detail: dict[str, object]) -> None:
    early = signed(lived, KEY)
    bulk(lived, 20)
    kept = signed(lived, KEY)
    lived.now += 3600
    restored(lived, early.size, **detail)
    bulk(lived, 50)
    signed(lived, KEY)

    report = audited(exported(lived), KEY, since=kept)
    assert report.rolled_back is None
    assert "The ledger was rewritten" in report.findings[0]


def test_a_restore_from_before_the_checkpoint_explains_no_rewriting(lived: Desk) -> None:
    early = signed(lived, KEY)
    bulk(lived, 20)
    restored(lived, early.size)
    bulk(lived, 20)
    lived.now += 3600
    kept = signed(lived, KEY)
    octets = exported(lived)
    forged = kept._replace(root=bytes(32))

    assert audited(octets, KEY, since=kept).good
    assert audited(octets, KEY, since=forged).rolled_back is None


def test_entries_behind_the_last_checkpoint_are_vouched_for_by_nobody(lived: Desk) -> None:
    head = signed(lived, KEY)
    octets = written(records(exported(lived))[:-1])

    assert audited(octets, KEY).findings == [
        f"Nothing vouches for the entries 0 to {head.size - 1}: no checkpoint covers them.",
    ]


@pytest.mark.parametrize("damage", ["forged", "other key", "not signed", "another message"])
def test_a_forged_checkpoint_is_found(lived: Desk, damage: str) -> None:
    head = signed(lived, KEY)
    *others, message = records(exported(lived))
    forged = {
        "forged": flipped(message),
        "other key": head.signed(ANOTHER_KEY),
        "not signed": b"\xd2\x80",
        "another message": KEY.sign1(b"\xa0"),
    }[damage]

    report = audited(written([*others, forged]), KEY)

    assert report.findings[0].startswith(f"The checkpoint behind entry {head.size - 1} is not to be trusted")
    with pytest.raises(BadCheckpoint):
        checkpoint.verify(forged, POINTS)


def test_a_checkpoint_of_another_ledger_is_found(lived: Desk) -> None:
    signed(lived, KEY)
    octets = exported(lived)
    other = Checkpoint("simbond/other", 1, bytes(32), 1.0)

    assert "of another ledger" in audited(octets, KEY, since=other).findings[-1]


def test_damage_anywhere_is_found_and_never_a_crash(lived: Desk) -> None:
    signed(lived, KEY)
    octets = exported(lived)

    @settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.integers(0, len(octets) - 1), st.integers(1, 255))
    def check(at: int, flip: int) -> None:
        damaged = octets[:at] + bytes([octets[at] ^ flip]) + octets[at + 1 :]
        # The header's version and name are not signed; everything that is said of the ledger is.
        assert not audited(damaged, KEY).good or at < len(written(records(octets)[:1]))

    check()


def test_a_file_that_ends_anywhere_is_found(lived: Desk) -> None:
    signed(lived, KEY)
    octets = exported(lived)

    assert [n for n in range(len(octets)) if audited(octets[:n], KEY).good] == []


@given(st.binary(max_size=200))
def test_any_octets_get_a_verdict(octets: bytes) -> None:
    assert not audited(octets, KEY).good
    for verify in (
        lambda: checkpoint.verify(octets, POINTS),
        lambda: receipt.verify_inclusion(octets, bytes(32), POINTS),
        lambda: receipt.verify_consistency(octets, bytes(32), POINTS),
    ):
        with pytest.raises((BadCheckpoint, BadReceipt)):
            verify()
