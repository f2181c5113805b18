"""`simbond signing-key show`: the public key as an auditor's tools read it."""

import json

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from simbond_tools.cli import keys
from simbond_verifier.signing_key import SigningKey
from simbond_verifier.store import signing_keys
from simbond_verifier.store.database import Database
from support.server import simbond


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, SigningKey]:
    file = str(tmp_path_factory.mktemp("store") / "simbond.db")
    database = Database(file)
    with database.write() as connection:
        key = signing_keys.load(connection, 1795000000.0).signing
    database.close()
    return file, key


def test_pem_is_what_other_programs_read(db: tuple[str, SigningKey]) -> None:
    file, key = db
    done = simbond("signing-key", "show", key.kid.hex(), "--pem", "--db", file)

    public = load_pem_public_key(done.stdout.encode())
    assert public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint) == key.public.point


def test_a_key_is_shown_in_words_and_as_a_document(db: tuple[str, SigningKey]) -> None:
    file, key = db
    shown = simbond("signing-key", "show", key.kid.hex(), "--db", file).stdout
    document = json.loads(simbond("signing-key", "show", key.kid.hex(), "--json", "--db", file).stdout)

    assert "it signs now" in shown
    assert keys.pem(key.public.point) in shown
    assert (document["point"], document["pem"]) == (key.public.point.hex(), keys.pem(key.public.point))


@pytest.mark.parametrize(("kid", "code", "words"), [("00" * 8, 5, "signing-key list"), ("xy", 2, "16 hex digits")])
@pytest.mark.parametrize("what", [["show"], ["withdraw", "--reason", "x"]])
def test_a_key_that_is_none_is_told(
    what: list[str], kid: str, code: int, words: str, db: tuple[str, SigningKey]
) -> None:
    done = simbond("signing-key", *what, kid, "--db", db[0])

    assert done.returncode == (4 if (what[0], code) == ("withdraw", 5) else code)
    assert what[0] == "withdraw" or words in done.stderr
