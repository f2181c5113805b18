"""Endorsements and the chain of them: what is written is read, and whatever was done to a log is found."""

import re
from pathlib import Path

import cbor2
import pycddl
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from simbond_verifier import endorsement, station
from simbond_verifier.endorsement import BadEndorsement, BrokenLog
from simbond_verifier.envelope import BadEvidence
from support.attester import ICCID, IMEI, IMSI, Attester
from support.damage import with_bit_flipped
from support.stations import Station
from support.verifier import NOW

DOCS = Path(__file__).parents[2] / "docs"
CDDL = (DOCS / "endorsement.cddl").read_text("utf-8") + (DOCS / "evidence.cddl").read_text("utf-8")
DEVICES = [Attester(imei=f"8612340500{n:04}0", iccid=f"898600123456789{n:05}") for n in range(5)]
LINE = Station(at=NOW)
LOG = [LINE.endorse(device, order="PO-1", label=f"meter {n}") for n, device in enumerate(DEVICES)]
BEGIN = endorsement.start(LINE.certificate.der)


def framing(rule: str) -> pycddl.Schema:
    # As in test_cose_vectors: the library takes a .cbor control on one array item for one on all of them.
    return pycddl.Schema(f"start = {rule}\n" + re.sub(r" \.cbor [a-z-]+", "", CDDL))


def test_what_is_written_is_read() -> None:
    entry = endorsement.read(LINE.log[0])

    assert (entry.station, entry.at, entry.seq) == ("line-1", NOW, 1)
    assert (entry.order, entry.label, entry.imei2) == ("PO-1", "meter 0", None)
    endorsement.verify(entry, LINE.certificate.point)
    unit = endorsement.read_unit(entry.request)
    assert (unit.kid, unit.point) == (DEVICES[0].kid, DEVICES[0].point)
    assert unit.imei == DEVICES[0].imei[:14]
    assert (unit.iccid, unit.imsi) == (DEVICES[0].iccid, IMSI)


def test_it_fits_the_cddl() -> None:
    message = Station(at=NOW).endorse(Attester(), imei2=IMEI[:14])
    framing("endorsement").validate_cbor(message)
    protected, _, payload, _ = cbor2.loads(message).value
    framing("endorsement-header").validate_cbor(protected)
    framing("endorsement-claims").validate_cbor(payload)
    claims = cbor2.loads(payload)
    claims[-70007][1] = bytes(31)
    with pytest.raises(pycddl.ValidationError, match="size"):
        framing("endorsement-claims").validate_cbor(cbor2.dumps(claims))


def test_a_log_is_a_chain() -> None:
    entries = endorsement.read_chain(BEGIN, LOG)

    assert [entry.seq for entry in entries] == [1, 2, 3, 4, 5]
    assert endorsement.read_chain(entries[1].link, LOG[2:])[0].seq == 3


@given(st.permutations(range(5)), st.integers(1, 5))
def test_a_removed_or_reordered_entry_is_found(order: list[int], kept: int) -> None:
    """Only the beginning of a log, in its order, passes for one: what was cut off its end was never there to see."""
    messages = [LOG[place] for place in order[:kept]]
    if order[:kept] == list(range(kept)):
        endorsement.read_chain(BEGIN, messages)
    else:
        with pytest.raises(BrokenLog, match="Entry"):
            endorsement.read_chain(BEGIN, messages)


def test_an_entry_of_another_station_with_the_same_number_is_found() -> None:
    other = Station("line-2", at=NOW)
    other.endorse(DEVICES[0])
    with pytest.raises(BrokenLog, match="behind another entry"):
        endorsement.read_chain(BEGIN, [LOG[0], other.endorse(DEVICES[1])])


def test_time_never_runs_back() -> None:
    line = Station(at=NOW)
    line.endorse(DEVICES[0])
    line.now -= 1
    with pytest.raises(ValueError, match="time runs back"):
        line.endorse(DEVICES[1])
    with pytest.raises(BrokenLog, match="earlier time"):
        endorsement.follow(line.last._replace(at=line.now + 2), _at(line, line.now))


def _at(line: Station, at: int) -> endorsement.Entry:
    said = {"station": "line-1", "request": b"", "imei2": None, "order": "", "label": ""}
    return endorsement.read(endorsement.endorse(line.key, line.last._replace(at=0), at=at, **said))  # type: ignore[arg-type]


@given(st.integers(0, 8 * len(LOG[1]) - 1))
def test_no_flipped_bit_goes_unnoticed(bit: int) -> None:
    with pytest.raises((BadEndorsement, BrokenLog)):
        _check_second(with_bit_flipped(LOG[1], bit))


def _check_second(message: bytes) -> None:
    (entry,) = endorsement.read_chain(endorsement.read(LOG[0]).link, [message])
    endorsement.verify(entry, LINE.certificate.point)


def test_another_key_signed_it() -> None:
    with pytest.raises(BadEndorsement, match="did not sign"):
        endorsement.verify(endorsement.read(LOG[0]), Attester().point)


@given(st.integers(0, len(b"".join(LOG))), st.booleans())
def test_a_log_that_was_torn_anywhere_gives_its_whole_entries(size: int, zeros: bool) -> None:
    whole, rest = endorsement.split(b"".join(LOG)[:size] + bytes(zeros))

    assert whole[: len(LOG)] == LOG[: len(whole)] or zeros
    assert not rest or endorsement.is_torn(rest)


@pytest.mark.parametrize("junk", [b"\xff\xff", b"\x5a\xff\xff\xff\xff" + bytes(5000), LOG[0]])
def test_not_everything_behind_a_log_is_a_torn_entry(junk: bytes) -> None:
    assert not endorsement.is_torn(junk)


@given(st.binary(max_size=300))
def test_octets_of_a_stranger_are_refused_and_nothing_else(junk: bytes) -> None:
    with pytest.raises(BadEndorsement):
        endorsement.read(junk)


def test_neither_evidence_nor_an_enrolment_request_passes_for_an_endorsement_nor_it_for_them() -> None:
    device = DEVICES[0]
    for message in (device.enrolment(), device.evidence(bytes(8))):
        with pytest.raises(BadEndorsement):
            endorsement.read(message)
    with pytest.raises(BadEvidence):
        endorsement.read_unit(LOG[0])


@pytest.mark.parametrize("label", ["x" * 201, "two\nlines", "\x1b[31m", "right\u202eleft"])
def test_a_label_is_one_that_can_be_printed(label: str) -> None:
    with pytest.raises(ValueError, match="printed"):
        Station(at=NOW).endorse(DEVICES[0], label=label)


@pytest.mark.parametrize(("place", "octets"), [(0, bytes(7)), (1, b"\x89" * 9), (2, b"\xff" * 8)])
def test_identities_of_a_request_are_checked(place: int, octets: bytes) -> None:
    device = Attester()
    claims = cbor2.loads(cbor2.loads(device.enrolment()).value[2])
    claims[-70001][place] = octets
    with pytest.raises(BadEvidence):
        endorsement.read_unit(device.sign(cbor2.dumps(claims, canonical=True)))


def test_a_modem_that_gives_nothing_is_a_unit_without() -> None:
    unit = endorsement.read_unit(Attester(imei="", iccid=None, imsi=None).enrolment())

    assert (unit.imei, unit.iccid, unit.imsi) == (None, None, None)
    assert endorsement.read_unit(Attester().enrolment()).iccid == ICCID


def test_a_certificate_is_read_as_it_was_issued() -> None:
    found = station.read(LINE.pem)

    assert found == LINE.certificate
    assert (found.name, found.point, found.kid) == ("line-1", LINE.key.public.point, LINE.key.kid)
    assert found.not_after - found.not_before == pytest.approx(30 * 86400 + 300)


def _pem(key: ec.EllipticCurvePrivateKey, name: str = "line-1") -> bytes:
    return station.issue(key, name, at=NOW, days=30)


def test_what_is_no_stations_certificate_is_refused() -> None:
    with pytest.raises(station.InvalidCertificate, match="PEM"):
        station.read(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    with pytest.raises(station.InvalidCertificate, match="P-256"):
        station.read(_pem(ec.generate_private_key(ec.SECP384R1())))
    for name in ("", "a b", "x" * 65, "../etc"):
        with pytest.raises(station.InvalidCertificate, match="name"):
            _pem(ec.generate_private_key(ec.SECP256R1()), name)
    with pytest.raises(station.InvalidCertificate, match="days"):
        station.issue(ec.generate_private_key(ec.SECP256R1()), "line-1", at=NOW, days=4000)
