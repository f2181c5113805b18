"""The file itself: a zip of three members, whose hashes the verifier signed."""

import zipfile
import zlib
from collections.abc import Iterable, Mapping
from hashlib import sha256
from io import BytesIO
from typing import IO

from ..ledger import cbor, cose
from ..ledger.cbor import Malformed
from ..signing_key import SigningKey

CONTENT = "case.cbor"
PAGE = "index.html"
MANIFEST = "manifest.cbor"
TYPE = "application/simbond-case+cbor"
MEMBER_OCTETS = 64 << 20
"""No member is larger when it is unpacked."""
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # what others may need to unpack has no limit
_MOMENT = (1980, 1, 1, 0, 0, 0)


class BadBundle(ValueError):
    """The file is no case file, or was altered; the message says how."""


def write(members: Mapping[str, bytes], key: SigningKey) -> bytes:
    """The file. members: CONTENT and PAGE."""
    manifest = key.sign1(
        cbor.dumps({name: sha256(octets).digest() for name, octets in members.items()}), {cose.TYP: TYPE}
    )
    file = BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as made:
        for name, octets in {**members, MANIFEST: manifest}.items():
            made.writestr(zipfile.ZipInfo(name, _MOMENT), octets, zipfile.ZIP_DEFLATED)
    return file.getvalue()


def read(file: IO[bytes], points: Iterable[bytes]) -> dict[str, bytes]:
    """CONTENT and PAGE, as one of the keys signed them. Nothing is unpacked to a disk, and nothing beyond these names
    is looked at. Raises BadBundle."""
    try:
        with zipfile.ZipFile(file) as found:
            names = [info.filename for info in found.infolist()]
            if sorted(names) != sorted((CONTENT, PAGE, MANIFEST)):
                raise BadBundle(f"it does not hold {CONTENT}, {PAGE} and {MANIFEST}, and nothing else")
            if any(info.compress_type not in _METHODS for info in found.infolist()):
                raise BadBundle("it is packed in another way than simbond packs it")
            members = {name: _member(found, name) for name in names}
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError, ValueError) as e:
        if isinstance(e, BadBundle):
            raise
        raise BadBundle(f"it is no case file, or damaged ({e})") from None
    _check(members, members.pop(MANIFEST), points)
    return members


def _member(found: zipfile.ZipFile, name: str) -> bytes:
    with found.open(name) as stream:
        octets = stream.read(MEMBER_OCTETS + 1)
    if len(octets) > MEMBER_OCTETS:
        raise BadBundle(f"{name} in it is larger than {MEMBER_OCTETS >> 20} MiB: not a case file")
    return octets


def _check(members: dict[str, bytes], manifest: bytes, points: Iterable[bytes]) -> None:
    try:
        signed = cose.read(manifest)
        hashes = cbor.loads(signed.payload or b"")
    except Malformed as e:
        raise BadBundle(f"{MANIFEST} is {e}") from None
    if signed.protected.get(cose.TYP) != TYPE or not signed.is_signed_by(points):
        raise BadBundle(f"{MANIFEST} is not signed by the given key: somebody else made this file, or altered it")
    for name, octets in members.items():
        if type(hashes) is not dict or hashes.get(name) != sha256(octets).digest():
            raise BadBundle(f"{name} was altered: it is not what the verifier signed")
