"""Messages in base64: what is taken for text is its one spelling, and everything else stays as it came."""

from collections.abc import Iterator

from simbond_verifier.ingest import text_form
from support.attester import Attester


def seeds() -> Iterator[bytes]:
    message = Attester().evidence(bytes(8))
    yield from (message, text_form.write(message, True), b"AAECAwQFBgc=", b"", b"12345678")


def one(octets: bytes) -> None:
    message, as_text = text_form.read(octets)
    assert len(octets) <= text_form.MAX_OCTETS or not as_text
    if as_text:
        assert text_form.write(message, True) == octets
    else:
        assert message == octets
