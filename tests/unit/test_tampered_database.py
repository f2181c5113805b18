"""Somebody with write access to the database, and without the signing key: what was signed does not change unseen."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from simbond_verifier.signing_key import SigningKey
from support.attester import Attester
from support.casefile import suspended
from support.ledger import audited, exported, signed
from support.verifier import Desk
from support.verifier import desk as make_desk

KEY = SigningKey.generate()


@pytest.fixture
def lived(tmp_path: Path) -> Iterator[Desk]:
    """A card that was suspended and lifted, all of it signed."""
    with make_desk(tmp_path) as desk:
        suspended(desk, Attester())
        signed(desk, KEY)
        yield desk


def tamper(desk: Desk, statement: str) -> None:
    """Beside the verifier, whose connections would watch foreign keys."""
    with closing(sqlite3.connect(str(desk.database.engine.url.database))) as connection, connection:
        assert connection.execute(statement).rowcount


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE evidence SET at = at - 86400",
        "UPDATE evidence SET message = x'd284'",
        "UPDATE event SET actor = 'bob' WHERE kind = 'lift'",
        "UPDATE event SET state = 'bound', access = 'allowed' WHERE kind = 'suspend'",
        "UPDATE event SET at = at + 60",
        "UPDATE command SET access = 'allowed' WHERE access = 'barred'",
        "UPDATE readback SET said = 'allowed' WHERE said = 'barred'",
    ],
)
def test_a_row_that_was_changed_is_found(lived: Desk, statement: str) -> None:
    tamper(lived, statement)
    report = audited(exported(lived), KEY)
    assert any("was altered" in found for found in report.findings)
    signed(lived, KEY)  # what the verifier signs later does not heal it
    assert not audited(exported(lived), KEY).good


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE entry SET leaf = zeroblob(32) WHERE seq = 2",
        "DELETE FROM entry WHERE seq = 2",
        "UPDATE entry SET salt = zeroblob(16) WHERE seq = 2",
    ],
)
def test_an_entry_that_was_changed_is_found(lived: Desk, statement: str) -> None:
    tamper(lived, statement)
    assert not audited(exported(lived), KEY).good


@pytest.mark.parametrize("kind", ["evidence", "event", "command", "readback"])
def test_a_row_that_was_removed_leaves_its_place_and_is_counted(lived: Desk, kind: str) -> None:
    """Content may go, by retention and erasure; that it went is said, and which entries it was."""
    before = audited(exported(lived), KEY)
    assert before.good
    tamper(lived, f"DELETE FROM {kind} WHERE id = (SELECT min(id) FROM {kind})")
    report = audited(exported(lived), KEY)
    assert (report.deleted[kind], report.entries) == (1, before.entries)
