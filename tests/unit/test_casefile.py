"""A case file proves itself, and nothing that was changed, left out or made up passes."""

import io
import random
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import update

from simbond_verifier import fleet
from simbond_verifier.casefile import bundle, case
from simbond_verifier.casefile.bundle import BadBundle
from simbond_verifier.casefile.case import Case
from simbond_verifier.casefile.story import tell
from simbond_verifier.ledger.cbor import Malformed
from simbond_verifier.refusal import Conflict
from simbond_verifier.signing_key import SigningKey
from simbond_verifier.store import casefile, ledger
from simbond_verifier.store.schema import command, event, evidence, notice, readback
from support import casefile as cases
from support.attester import ICCID, Attester
from support.casefile import checked, exported, opened, suspended, with_item
from support.damage import flipped
from support.verifier import Desk
from support.verifier import desk as make_desk

KEY = SigningKey.generate()
ANOTHER_KEY = SigningKey.generate()
POINTS = [KEY.public.point]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    with make_desk(tmp_path_factory.mktemp("case")) as made:
        suspended(made, Attester())
        return exported(made, ICCID, KEY)


@pytest.fixture(scope="module")
def good(file: bytes) -> Case:
    return opened(file, KEY)


def number(found: Case, kind: str, which: int = 0) -> int:
    """Where the entry of a kind stands in the case."""
    return [n for n, item in enumerate(found.items) if item.kind == kind][which]


def test_a_case_is_proved_from_the_modems_octets_to_the_networks_answer(good: Case) -> None:
    found = checked(good, KEY)

    assert (found.doubts, found.notes) == ([], [])
    assert {item.kind for item in good.items} == {"evidence", "event", "command", "readback", "notice"}
    assert {claims.iccid for claims in found.claims.values()} == {ICCID}


def test_its_story_is_told_in_order_and_in_both_languages(good: Case) -> None:
    lines = tell(checked(good, KEY))
    english, chinese = ("\n".join(getattr(line, language) for line in lines) for language in ("en", "zh"))

    steps = ["was imported", "was enrolled", "was bound", "out-of-area", "was suspended", "network: barred", "lifted"]
    assert [english.index(step) for step in steps] == sorted(english.index(step) for step in steps)
    assert "暂停服务" in chinese
    assert "'ticket 7'" in english


def test_its_page_can_be_read_and_holds_every_message(file: bytes, good: Case) -> None:
    page = bundle.read(io.BytesIO(file), POINTS)[bundle.PAGE].decode()

    assert "NOT PROVED" not in page
    assert ICCID in page
    for fact in checked(good, KEY).facts.of("evidence"):
        assert fact.fields["message"].hex() in page


def test_words_that_people_write_are_no_markup(desk: Desk) -> None:
    suspended(desk, Attester())
    desk.do(fleet.suspend, ICCID, reason="<script>alert(1)</script>", actor="<b>olga</b>")
    cases.answered(desk)

    page = bundle.read(io.BytesIO(exported(desk, ICCID, KEY)), POINTS)[bundle.PAGE].decode()

    assert "<script>" not in page
    assert "<b>olga" not in page


def test_a_device_that_changed_its_key_is_followed(desk: Desk) -> None:
    first = Attester()
    suspended(desk, first)
    second = first.successor()
    desk.now += 7200
    desk.rotate(first, second)
    desk.attest(second)

    found = checked(opened(exported(desk, ICCID, KEY), KEY), KEY)

    assert found.doubts == []
    assert {claims.kid for claims in found.claims.values()} == {first.kid, second.kid}


def test_another_devices_claim_to_the_card_is_in_its_case(desk: Desk) -> None:
    suspended(desk, Attester())
    thief = Attester(imei="861234050000088")
    desk.add(thief)
    desk.attest(thief)

    found = checked(opened(exported(desk, ICCID, KEY), KEY), KEY)

    assert found.doubts == []
    assert thief.kid in {claims.kid for claims in found.claims.values()}


def test_evidence_that_was_deleted_is_said_to_be_and_is_no_doubt(desk: Desk) -> None:
    suspended(desk, Attester())
    cases.signed(desk, KEY)
    with desk.database.write() as connection:
        connection.execute(update(evidence).values(message=None))
        ledger.forget(connection, "evidence", [1, 2])

    found = checked(opened(exported(desk, ICCID, KEY), KEY), KEY)

    assert found.doubts == []
    assert "Evidence 2, which entry" in " ".join(found.notes)
    assert "The content of 2 rows was deleted" in " ".join(found.notes)


def test_a_card_that_nobody_has_signed_anything_about_has_no_case(desk: Desk) -> None:
    desk.stock((ICCID, "460001234567890"))
    with desk.database.read() as connection:
        found = casefile.find(connection, ICCID)
        assert found is not None
        with pytest.raises(Conflict, match="Nothing about card"):
            casefile.export(connection, found, KEY, desk.now)


@pytest.mark.parametrize("kind", ["evidence", "event", "command", "readback", "notice"])
def test_an_entry_about_the_card_that_is_left_out_is_missed(good: Case, kind: str) -> None:
    """The verifier that makes the file leaves it out, so every signature is right. Only the last cannot be missed."""
    own = [n for n, item in enumerate(good.items) if item.kind == kind and item.seq < good.items[-1].seq]
    n = own[-1]

    found = checked(good._replace(items=good.items[:n] + good.items[n + 1 :]), KEY)

    assert any("was left out" in doubt for doubt in found.doubts)


@pytest.mark.parametrize("kind", ["evidence", "event", "command", "readback", "notice"])
def test_an_entry_that_was_altered_is_found(good: Case, kind: str) -> None:
    n = number(good, kind)
    body = good.items[n].body
    assert body is not None
    found = checked(with_item(good, n, body=flipped(body)), KEY)

    assert f"Entry {good.items[n].seq} was altered: its content does not have its leaf." in found.doubts


def test_an_entry_with_another_receipt_is_not_shown_to_be_in_the_ledger(good: Case) -> None:
    found = checked(with_item(good, 3, receipt=good.items[2].receipt), KEY)

    assert any("is not shown to be in the ledger" in doubt for doubt in found.doubts)


def test_entries_in_another_order_are_found(good: Case) -> None:
    items = [good.items[1], good.items[0], *good.items[2:]]

    assert any("the order was changed" in doubt for doubt in checked(good._replace(items=items), KEY).doubts)


def test_a_checkpoint_by_another_key_is_not_trusted(good: Case) -> None:
    found = checked(good, ANOTHER_KEY)

    assert found.head is None
    assert any("The checkpoint is not to be trusted" in doubt for doubt in found.doubts)


# What a verifier that lies signs all the same: its tables say it, its ledger proves that they do.
LIES = {
    "evidence that no device signed": (
        lambda c: c.execute(update(evidence).where(evidence.c.id == 2).values(message=Attester().evidence(bytes(8)))),
        "Nobody's enrolment shows whose key",
    ),
    "evidence that was altered": (
        lambda c: c.execute(update(evidence).where(evidence.c.id == 2).values(message=b"\xd2\x84")),
        "is not what a device signed",
    ),
    "a suspension without a reason": (
        lambda c: c.execute(update(event).where(event.c.kind == "suspend").values(reasons="", detail={})),
        "no reason stands there",
    ),
    "a state that does not follow": (
        lambda c: c.execute(update(event).where(event.c.kind == "suspend").values(state="bound")),
        "does not lead from",
    ),
    "a state that there is not": (
        lambda c: c.execute(update(event).where(event.c.kind == "suspend").values(state="gone")),
        "in a state that there is not",
    ),
    "a network that does something else": (
        lambda c: c.execute(update(readback).where(readback.c.command_id == 2).values(said="barred")),
        "has not confirmed command 2",
    ),
    "a network that never answered": (
        lambda c: c.execute(readback.delete()),
        "has not confirmed command 2",
    ),
    "a command that was never given": (
        lambda c: (c.execute(readback.delete()), c.execute(command.delete())),
        "No command to the network follows",
    ),
    "a holder who was never told": (
        lambda c: c.execute(notice.delete()),
        "No notice tells the card's holder",
    ),
    "an enrolment by another key": (
        lambda c: c.execute(
            update(event).where(event.c.kind == "device-enrolled").values(detail={"request": "d284", "kid": "00"})
        ),
        "its message does not prove it",
    ),
    "a scenario's text that was changed": (
        lambda c: c.execute(
            update(event).where(event.c.kind == "scenario-loaded").values(detail={"text": "", "sha256": "00"})
        ),
        "does not have the digest beside it",
    ),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_verifier_that_lies_is_doubted(desk: Desk, lie: str) -> None:
    suspended(desk, Attester())
    change, doubt = LIES[lie]
    with desk.database.write() as connection:
        change(connection)

    found = checked(opened(exported(desk, ICCID, KEY), KEY), KEY)

    assert doubt in "\n".join(found.doubts)


def members(file: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(file)) as found:
        return {name: found.read(name) for name in found.namelist()}


def zipped(content: dict[str, bytes]) -> io.BytesIO:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as file:
        for name, octets in content.items():
            file.writestr(name, octets)
    return io.BytesIO(made.getvalue())


@pytest.mark.parametrize("name", [bundle.PAGE, bundle.CONTENT])
def test_a_member_that_was_altered_is_found(file: bytes, name: str) -> None:
    with pytest.raises(BadBundle, match=f"{name} was altered"):
        bundle.read(zipped(members(file) | {name: b"other"}), POINTS)


def test_a_file_by_somebody_else_is_refused(file: bytes) -> None:
    theirs = bundle.write({bundle.CONTENT: b"", bundle.PAGE: b""}, ANOTHER_KEY)

    with pytest.raises(BadBundle, match="not signed by the given key"):
        bundle.read(io.BytesIO(theirs), POINTS)


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "case.cbor/", "CASE.CBOR"])
def test_a_file_with_other_names_in_it_is_refused(file: bytes, name: str) -> None:
    with pytest.raises(BadBundle, match="and nothing else"):
        bundle.read(zipped(members(file) | {name: b""}), POINTS)


def test_a_bomb_is_not_unpacked(file: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle, "MEMBER_OCTETS", 1 << 20)

    with pytest.raises(BadBundle, match="larger than 1 MiB"):
        bundle.read(zipped(members(file) | {bundle.PAGE: bytes(2 << 20)}), POINTS)


def test_a_file_packed_in_another_way_is_refused(file: bytes) -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_LZMA) as other:
        for name, octets in members(file).items():
            other.writestr(name, octets)

    with pytest.raises(BadBundle, match="another way"):
        bundle.read(made, POINTS)


def test_a_file_that_ends_anywhere_is_refused(file: bytes) -> None:
    for end in random.Random(4).sample(range(len(file)), 100):
        with pytest.raises(BadBundle):
            bundle.read(io.BytesIO(file[:end]), POINTS)


@settings(max_examples=300)
@given(data=st.data())
def test_damage_anywhere_leaves_no_other_content(file: bytes, good: Case, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(file) - 1))
    damaged = flipped(file, at, data.draw(st.integers(1, 255)))
    try:
        found = bundle.read(io.BytesIO(damaged), POINTS)
    except BadBundle:
        return
    assert found[bundle.CONTENT] == good.encoded()  # what was hit was the zip's own, such as a time


@given(st.binary(max_size=300))
def test_any_octets_get_a_verdict(octets: bytes) -> None:
    with pytest.raises(BadBundle):
        bundle.read(io.BytesIO(octets), POINTS)
    with pytest.raises(Malformed):
        case.read(octets)


@settings(max_examples=300)
@given(data=st.data())
def test_content_that_was_damaged_is_doubted_or_refused_and_never_a_crash(good: Case, data: st.DataObject) -> None:
    octets = good.encoded()
    damaged = flipped(octets, data.draw(st.integers(0, len(octets) - 1)), data.draw(st.integers(1, 255)))
    try:
        found = case.read(damaged)
    except Malformed:
        return
    tell(checked(found, KEY))
