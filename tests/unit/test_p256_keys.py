"""ES256 signatures checked by AWS-LC and by OpenSSL: both accept what a key signed, and nothing else."""

import sys
from hashlib import sha256
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

import simbond_verifier
from simbond_verifier import p256
from simbond_verifier.p256 import aws_lc, compress, decompress, load_key, openssl
from support.attester import Attester, raw_signature
from support.damage import flipped, with_bit_flipped

ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
FIELD = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF
DEVICE = Attester()
MESSAGE = b"a message"
DIGEST = sha256(MESSAGE).digest()

every_library = pytest.mark.parametrize("library", [aws_lc, openssl], ids=["aws_lc", "openssl"])


def raw(r: int, s: int) -> bytes:
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def signature_whose(number: slice, begins: range) -> bytes:
    """One of DEVICE's over MESSAGE: ECDSA draws a new one each time."""
    while True:
        found = raw_signature(DEVICE.key, MESSAGE)
        if found[number][0] in begins:
            return found


@every_library
@pytest.mark.parametrize("number", [slice(0, 32), slice(32, 64)], ids=["r", "s"])
@pytest.mark.parametrize("begins", [range(1), range(1, 0x80), range(0x80, 0x100)], ids=["zero", "small", "large"])
def test_signatures_of_every_length_in_der_are_accepted(library: ModuleType, number: slice, begins: range) -> None:
    signature = signature_whose(number, begins)
    key = library.Key(DEVICE.point)
    assert key.is_signature(signature, DIGEST)
    assert not key.is_signature(signature, sha256(b"another").digest())
    assert not library.Key(Attester().point).is_signature(signature, DIGEST)


@every_library
@pytest.mark.parametrize("r", [0, 1, ORDER - 1, ORDER, ORDER + 1, FIELD, (1 << 256) - 1])
@pytest.mark.parametrize("s", [0, 1, ORDER - 1, ORDER, (1 << 256) - 1])
def test_numbers_at_the_edges_are_no_signature(library: ModuleType, r: int, s: int) -> None:
    assert library.Key(DEVICE.point).is_signature(raw(r, s), DIGEST) is False


@given(st.integers(0, 511), st.booleans())
def test_both_refuse_what_differs_by_a_bit(bit: int, of_digest: bool) -> None:
    signature = raw_signature(DEVICE.key, MESSAGE)
    octets = DIGEST if of_digest else signature
    damaged = with_bit_flipped(octets, bit % (8 * len(octets)))
    asked = (signature, damaged) if of_digest else (damaged, DIGEST)
    assert not any(library.Key(DEVICE.point).is_signature(*asked) for library in (aws_lc, openssl))


@given(st.binary(min_size=64, max_size=64), st.binary(min_size=32, max_size=32))
def test_both_refuse_what_nobody_signed(signature: bytes, digest: bytes) -> None:
    assert [library.Key(DEVICE.point).is_signature(signature, digest) for library in (aws_lc, openssl)] == [
        False,
        False,
    ]


@every_library
def test_points_off_the_curve_are_no_keys(library: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(p256, "_Key", library.Key)
    good = DEVICE.point
    assert load_key(good).is_signature(raw_signature(DEVICE.key, MESSAGE), DIGEST)
    off = (flipped(good), b"\x04" + bytes(64), b"\x04" + b"\xff" * 64, bytes(65))
    other_forms = (b"", b"\0", compress(good), b"\x05" + good[1:], b"\x06" + good[1:], good[:-1], good + b"\0")
    for point in off + other_forms:
        with pytest.raises(ValueError):
            load_key(point)


def test_a_compressed_point_gives_the_whole_one() -> None:
    for _ in range(8):
        point = Attester().point
        assert decompress(compress(point)) == point
    with pytest.raises(ValueError):
        decompress(b"\x02" + b"\xff" * 32)


def test_a_machine_without_aws_lc_checks_signatures_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("simbond_verifier.p256")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(simbond_verifier, "p256", p256)  # the import below puts another there
    monkeypatch.setitem(sys.modules, "awscrt.crypto", None)
    from simbond_verifier.p256 import LIBRARY
    from simbond_verifier.p256 import load_key as load_without

    key = load_without(DEVICE.point)
    assert (LIBRARY, p256.LIBRARY) == ("OpenSSL", "AWS-LC")
    assert type(key).__module__.endswith("openssl")
    assert key.is_signature(raw_signature(DEVICE.key, MESSAGE), DIGEST)
