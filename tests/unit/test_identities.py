"""Identities at rest: sealed in the file, digits to whoever works with the database."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, text

from simbond_verifier.store import identities, sealing
from simbond_verifier.store.errors import StoreError
from simbond_verifier.store.identities import Clear, Sealed
from simbond_verifier.store.schema import card, command, evidence, field_result, radius_session, subscriber, work_order
from support.attester import Attester
from support.verifier import Desk

KEY = bytes(range(64))
digits = st.text("0123456789", min_size=1, max_size=20)


@given(digits, st.binary(max_size=1024))
def test_what_is_sealed_is_read_again_and_is_nowhere_in_the_clear(number: str, message: bytes):
    sealed = Sealed(KEY)
    stored, octets = sealed.store(number), sealed.store_octets(message)
    assert (sealed.read(stored), sealed.read_octets(octets)) == (number, message)
    assert stored == Sealed(KEY).store(number), "or it could not be looked up"
    assert len(stored) <= 64
    if len(number) > 4:
        assert number not in stored


@given(digits)
def test_another_key_reads_nothing(number: str):
    with pytest.raises(StoreError, match="another key"):
        Sealed(bytes(64)).read(Sealed(KEY).store(number))
    with pytest.raises(StoreError, match="--identity-key"):
        Clear().read(Sealed(KEY).store(number))


def test_nothing_and_what_stands_for_an_erased_imsi_stay():
    assert Sealed(KEY).store("") == ""
    assert Sealed(KEY).store("erased-12") == "erased-12"
    assert Sealed(KEY).read("erased-12") == "erased-12"


def test_what_was_there_before_the_key_is_read_as_it_is():
    assert Sealed(KEY).read("460001234567890") == "460001234567890"
    assert Sealed(KEY).read_octets(b"\xd2\x84") == b"\xd2\x84"


@pytest.mark.parametrize("content", ["", "00" * 63, "zz" * 64, "\u00e9" * 128])
def test_a_key_file_that_is_none(tmp_path: Path, content: str):
    path = tmp_path / "identity.key"
    path.write_text(content, "utf-8")
    with pytest.raises(StoreError, match="openssl rand -hex 64"):
        identities.read_key(path)


def test_a_missing_key_file(tmp_path: Path):
    with pytest.raises(StoreError, match="openssl rand"):
        identities.read_key(tmp_path / "nowhere")


def test_a_key_file(tmp_path: Path):
    path = tmp_path / "identity.key"
    path.write_text(KEY.hex() + "\n")
    assert identities.read_key(path).store("123456") == Sealed(KEY).store("123456")


@pytest.mark.usefixtures("store")
def test_a_sealed_database_works_like_any_and_tells_nobody_who_the_subscriber_is(desk: Desk, tmp_path: Path):
    identities.use(desk.database.engine, Sealed(KEY))
    device = Attester()
    desk.bind(device)
    desk.attest(device)
    device.imei = "861234050000021"
    desk.attest(device)
    assert desk.card(device.iccid)["imsi"] == device.imsi
    assert desk.commands() == [(device.imsi, "barred", "pending")]
    with desk.database.read() as connection:
        found = connection.execute(select(card.c.iccid).where(card.c.imsi == device.imsi)).scalar()
        messages = connection.execute(select(evidence.c.message)).scalars().all()
        raw = [str(connection.execute(text(f"SELECT imsi FROM {name}")).scalar()) for name in ("card", "command")]
        assert connection.execute(select(command.c.imsi).where(command.c.imsi == device.imsi)).scalar() == device.imsi
    assert found == device.iccid
    assert all(message.startswith(b"\xd2\x84") for message in messages)
    assert all(text.startswith("siv1:") for text in raw)
    desk.database.close()
    octets = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert device.imsi.encode() not in octets
    assert bytes.fromhex(device.imsi + "F") not in octets, "as in its Evidence"


TABLES = ("card", "command", "event", "evidence", "field_result", "radius_session", "retired_key", "subscriber")


def lived(desk: Desk) -> Attester:
    """A device in force, and another whose card was barred."""
    first, second = Attester(), Attester("861234050000021", "89860012345678901245", "460001234567891")
    for device in (first, second):
        desk.bind(device)
        desk.attest(device)
    with desk.database.write() as connection:
        connection.execute(card.update().where(card.c.id == 1).values(msisdn="8613900139000"))
        session = {"card_id": 1, "client": "192.0.2.1", "session": "1", "since": desk.now, "at": desk.now}
        connection.execute(radius_session.insert().values(user_name=f"0{first.imsi}@example.net", **session))
        connection.execute(subscriber.insert().values(imsi=second.imsi, access="barred", at=desk.now))
        order = {"card_id": 1, "kind": "check", "technician": "tomas", "words": "", "made_by": "olga"}
        connection.execute(work_order.insert().values(made_at=desk.now, expires_at=desk.now, **order))
        proof = first.evidence(bytes(16))
        result = {"order_id": 1, "digest": bytes(32), "uploaded_by": "tomas", "finding": "confirmed", "proof": proof}
        connection.execute(field_result.insert().values(at=desk.now, signed_before=desk.now, **result))
    second.imei = "861234050000039"
    desk.attest(second)
    desk.now += 7200
    successor = first.successor()
    desk.rotate(first, successor)
    return successor


def at_rest(desk: Desk) -> str:
    """Everything in the file, as SQL has it."""
    with desk.database.read() as connection:
        names = TABLES
        return "".join(str(row) for name in names for row in connection.execute(text(f"SELECT * FROM {name}")))


@pytest.mark.usefixtures("store")
def test_a_database_in_the_clear_is_sealed_and_opened_again(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sealing, "AT_ONCE", 1)
    key = Sealed(KEY)
    device = lived(desk)
    clear = at_rest(desk)
    rows: dict[str, int] = {}
    sealing.seal(desk.database, key, rows.__setitem__)
    with desk.database.read() as connection:
        counted = {name: connection.execute(text(f"SELECT count(*) FROM {name}")).scalar_one() for name in TABLES}
    assert rows == counted
    assert min(counted.values()) > 0
    sealed = at_rest(desk)
    assert "46000123456789" not in sealed
    assert "8613900139000" not in sealed
    assert str(bytes.fromhex("460001234567890f"))[2:-1] not in sealed
    sealing.seal(desk.database, key)
    assert at_rest(desk) == sealed, "again, it changes nothing"
    identities.use(desk.database.engine, key)
    assert desk.attest(device).tier == 2
    assert desk.card(device.iccid)["msisdn"] == "8613900139000"
    with pytest.raises(StoreError, match="another key"):
        sealing.seal(desk.database, Sealed(bytes(64)))
    sealing.unseal(desk.database, key)
    identities.use(desk.database.engine, identities.CLEAR)
    assert at_rest(desk).startswith(clear[:60])
    assert desk.attest(device).tier == 2


def required(desk: Desk, codec: identities.Identities) -> None:
    with desk.database.write() as connection:
        sealing.require(connection, codec)


@pytest.mark.usefixtures("store")
def test_a_server_starts_only_with_the_key_that_its_database_needs(desk: Desk):
    key = Sealed(KEY)
    lived(desk)
    required(desk, identities.CLEAR)
    with pytest.raises(StoreError, match="not sealed yet"):
        required(desk, key)
    sealing.seal(desk.database, key)
    required(desk, key)
    with pytest.raises(StoreError, match="--identity-key"):
        required(desk, identities.CLEAR)
    with pytest.raises(StoreError, match="another key"):
        required(desk, Sealed(bytes(64)))
    sealing.unseal(desk.database, key)
    required(desk, identities.CLEAR)


@pytest.mark.usefixtures("store")
def test_a_new_database_is_sealed_from_the_start(desk: Desk):
    required(desk, Sealed(KEY))
    with pytest.raises(StoreError, match="--identity-key"):
        required(desk, identities.CLEAR)


@pytest.mark.usefixtures("store")
def test_sealing_that_was_interrupted_is_finished_before_a_server_starts(desk: Desk):
    key = Sealed(KEY)
    lived(desk)

    def power_cut(name: str, rows: int) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        sealing.seal(desk.database, key, power_cut)
    for codec in (key, identities.CLEAR):
        with pytest.raises(StoreError, match="interrupted"):
            required(desk, codec)
    sealing.seal(desk.database, key)
    required(desk, key)
