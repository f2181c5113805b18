"""Identities at rest: sealed in the file, digits to whoever works with the database."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, text

from simbond_verifier.store import identities
from simbond_verifier.store.errors import StoreError
from simbond_verifier.store.identities import Clear, Sealed
from simbond_verifier.store.schema import card, command, evidence
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


@given(st.text(max_size=20))
def test_what_is_no_number_stays(words: str):
    if not (words.isascii() and words.isdigit()):
        assert Sealed(KEY).store(words) == words


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
