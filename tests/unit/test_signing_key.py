"""The verifier's own keys: checked by other people's COSE and by the device's way to name keys."""

from pathlib import Path

import cbor2
import cwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pycose.keys import CoseKey
from pycose.messages import Sign1Message

from simbond_agent import cose
from simbond_verifier.signing_key import InvalidSigningKey, PublicKey, SigningKey
from simbond_verifier.store import signing_keys
from simbond_verifier.store.database import Database


@pytest.fixture(scope="module")
def key() -> SigningKey:
    return SigningKey.generate()


@pytest.fixture
def database(tmp_path: Path):
    database = Database(tmp_path / "db")
    yield database
    database.close()


def test_a_device_would_name_the_key_the_same(key: SigningKey):
    assert key.kid == cose.kid(key.public.point[1:])


def test_python_cwt_takes_the_key_and_the_signature(key: SigningKey):
    message = key.sign1(b"payload", {3: "text/plain"})
    published = cwt.COSEKey.new(key.public.cose_key())
    assert cwt.COSE.new().decode(message, published) == b"payload"
    assert cbor2.loads(cbor2.loads(message).value[0]) == {1: -7, 3: "text/plain", 4: key.kid}


def test_pycose_checks_a_detached_payload(key: SigningKey):
    carried = cbor2.loads(key.sign1(b"elsewhere", unprotected={5: b"x"}, detached=True)).value
    assert carried[2] is None
    message = Sign1Message.from_cose_obj(carried, None)
    message.key = CoseKey.from_dict(key.public.cose_key())
    assert message.verify_signature(detached_payload=b"elsewhere")
    assert not message.verify_signature(detached_payload=b"elsewhere!")


def test_the_jwk_is_the_same_key(key: SigningKey):
    jwk = key.public.jwk()
    same = cwt.COSEKey.from_jwk(jwk).to_dict()
    assert same[-2] + same[-3] == key.public.point[1:]
    assert jwk["kid"] == key.kid.hex()


@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
def test_a_pem_of_either_form_is_read(form: PrivateFormat):
    private = ec.generate_private_key(ec.SECP256R1())
    read = SigningKey.from_pem(private.private_bytes(Encoding.PEM, form, NoEncryption()))
    assert read.public.point[1:33] == private.public_key().public_numbers().x.to_bytes(32, "big")
    assert SigningKey.from_pem(read.to_pem()).kid == read.kid


@pytest.mark.parametrize(
    "pem",
    [
        b"",
        b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        ec.generate_private_key(ec.SECP384R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        ed25519.Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    ],
)
def test_any_other_pem_is_refused_with_the_way_to_make_one(pem: bytes):
    with pytest.raises(InvalidSigningKey, match="openssl ecparam"):
        SigningKey.from_pem(pem)


def test_the_key_is_made_once(database: Database):
    with database.write() as connection:
        first = signing_keys.load(connection, 10.0)
    with database.write() as connection:
        second = signing_keys.load(connection, 20.0)
    assert first.signing.kid == second.signing.kid
    assert second.published == (signing_keys.Published(first.signing.public, 10.0, None),)


def test_a_rotated_key_stays_published_until_it_is_withdrawn(database: Database):
    with database.write() as connection:
        old = signing_keys.load(connection, 10.0).signing
        new = signing_keys.rotate(connection, 20.0)
        assert new.signing.kid != old.kid
        assert [(p.key, p.since, p.until) for p in new.published] == [
            (new.signing.public, 20.0, None),
            (old.public, 10.0, 20.0),
        ]
        signing_keys.withdraw(connection, old.kid)
        assert [p.key for p in signing_keys.load(connection, 30.0).published] == [new.signing.public]


def test_the_key_that_signs_cannot_be_withdrawn(database: Database):
    with database.write() as connection:
        keys = signing_keys.load(connection, 10.0)
        with pytest.raises(signing_keys.KeyNotFound, match="rotate"):
            signing_keys.withdraw(connection, keys.signing.kid)


def test_an_operators_own_key_signs_and_is_not_stored(database: Database, key: SigningKey, tmp_path: Path):
    with database.write() as connection:
        own = signing_keys.load(connection, 10.0).signing
        given = signing_keys.load(connection, 20.0, key)
        assert given.signing is key
        assert [p.key for p in given.published] == [key.public, own.public]
        back = signing_keys.load(connection, 30.0)
        assert back.signing.kid == own.kid
        assert [(p.key, p.until) for p in back.published] == [(own.public, None), (key.public, 30.0)]
    assert not any(key.to_pem() in file.read_bytes() for file in tmp_path.iterdir())


def test_a_server_at_work_follows_a_rotation(database: Database):
    keyring = signing_keys.Keyring()
    with database.write() as connection:
        with pytest.raises(signing_keys.KeyNotFound):
            keyring.signing(connection)
        first = signing_keys.load(connection, 10.0).signing
        assert keyring.signing(connection).kid == first.kid
        second = signing_keys.rotate(connection, 20.0).signing
        assert keyring.signing(connection).kid == second.kid
        assert [p.key for p in keyring.published(connection)] == [second.public, first.public]


def test_an_unpublished_point_names_itself():
    assert len(PublicKey(b"\x04" + bytes(64)).kid) == 8
