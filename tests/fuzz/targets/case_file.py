"""Case files: the zip, and the content that a lying verifier could sign. Nothing but a verdict comes of either."""

import io
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, derive_private_key

from simbond_verifier.casefile import bundle, case
from simbond_verifier.casefile.bundle import BadBundle
from simbond_verifier.casefile.page import page
from simbond_verifier.casefile.story import tell
from simbond_verifier.ledger.cbor import Malformed
from simbond_verifier.signing_key import SigningKey
from support.attester import ICCID, Attester
from support.casefile import checked, exported, suspended
from support.verifier import desk

KEY = SigningKey(derive_private_key(7, SECP256R1()))


def _made() -> bytes:
    with tempfile.TemporaryDirectory() as folder, desk(Path(folder)) as one_desk:
        suspended(one_desk, Attester())
        return exported(one_desk, ICCID, KEY)


FILE = _made()
CONTENT = bundle.read(io.BytesIO(FILE), [KEY.public.point])[bundle.CONTENT]


def seeds() -> Iterator[bytes]:
    yield FILE
    yield CONTENT
    small = io.BytesIO()
    with zipfile.ZipFile(small, "w") as made:
        for name in (bundle.CONTENT, bundle.PAGE, bundle.MANIFEST):
            made.writestr(name, b"x")
    yield small.getvalue()


def one(octets: bytes) -> None:
    with suppress(BadBundle):
        assert bundle.read(io.BytesIO(octets), [KEY.public.point])[bundle.CONTENT] == CONTENT
    with suppress(Malformed):
        found = case.read(octets)
        verdict = checked(found, KEY)
        tell(verdict)
        page(found, verdict)
