"""3GPP-User-Location-Info and 3GPP-IMEISV: no place or device that cannot be."""

from collections.abc import Iterator

from simbond_verifier.observation import Observation, Place
from simbond_verifier.observation_check import checked
from simbond_verifier.radius import imeisv, uli

_PLMN = bytes.fromhex("64f000")


def seeds() -> Iterator[bytes]:
    for sort, octets in ((0, 4), (1, 4), (2, 3), (128, 2), (129, 4), (131, 3), (135, 5), (136, 3)):
        yield bytes((sort,)) + _PLMN + bytes(range(octets))
    for sort, area, cell in ((130, 2, 4), (132, 2, 3), (137, 3, 5)):
        yield bytes((sort,)) + _PLMN + bytes(area) + _PLMN + bytes(cell)
    yield b"8612340500000112"
    yield bytes.fromhex("6821430500001021")


def one(octets: bytes) -> None:
    place = uli.read(octets)
    assert place.plmn is not None or place == Place()
    imei = imeisv.read(octets)
    checked(Observation("460001234567890", 1.0, "fuzz", imei, place), now=2.0)  # raises where one cannot be
