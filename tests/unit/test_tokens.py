"""Bearer tokens: seen once, kept as a hash, ended at once."""

from pathlib import Path

import pytest

from simbond_verifier.refusal import Conflict, NotFound
from simbond_verifier.store import tokens
from simbond_verifier.store.tokens import Holder, Role
from support.verifier import Desk

pytestmark = pytest.mark.usefixtures("store")


def create(desk: Desk, name: str, role: Role = Role.VIEWER) -> str:
    with desk.database.write() as connection:
        return tokens.create(connection, name, role, desk.now)


def find(desk: Desk, secret: str) -> Holder | None:
    with desk.database.read() as connection:
        return tokens.find(connection, tokens.digest(secret))


@pytest.mark.parametrize("role", Role)
def test_a_token_stands_for_its_holder_and_role(desk: Desk, role: Role) -> None:
    assert find(desk, create(desk, "olga", role)) == Holder("olga", role)


def test_nobody_can_read_it_from_the_database(desk: Desk, tmp_path: Path) -> None:
    secret = create(desk, "olga")
    with desk.database.read() as connection:
        assert secret not in str(tokens.list_all(connection))
    for file in tmp_path.iterdir():
        content = file.read_bytes()
        assert secret.encode() not in content
        assert secret.removeprefix("sbt_").encode() not in content


@pytest.mark.parametrize("change", [str.upper, lambda s: s[:-1], lambda s: s + "x", lambda s: s[4:], lambda s: ""])
def test_almost_is_not_enough(desk: Desk, change) -> None:
    assert find(desk, change(create(desk, "olga"))) is None


def test_two_tokens_have_nothing_in_common(desk: Desk) -> None:
    first, second = create(desk, "olga"), create(desk, "oleg")
    assert first != second
    assert len(first) >= 4 + 43, "256 bits in base64"


def test_a_revoked_token_counts_for_nothing_and_keeps_its_name(desk: Desk) -> None:
    secret, other = create(desk, "olga"), create(desk, "oleg")
    desk.do(tokens.revoke, "olga")
    assert find(desk, secret) is None
    assert find(desk, other) is not None
    with pytest.raises(Conflict, match="'olga' already"):
        create(desk, "olga")
    with pytest.raises(NotFound, match="no token named 'olga' in force"):
        desk.do(tokens.revoke, "olga")
    with desk.database.read() as connection:
        olga, oleg = tokens.list_all(connection)
    assert olga == {"name": "olga", "role": "viewer", "created_at": desk.now, "revoked_at": desk.now}
    assert oleg["revoked_at"] is None


def test_a_token_that_was_never_made_cannot_be_revoked(desk: Desk) -> None:
    with pytest.raises(NotFound, match="nobody"):
        desk.do(tokens.revoke, "nobody")
