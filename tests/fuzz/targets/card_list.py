"""Card lists: whatever comes, each row is good or has a fault that says what and where, and no card is there twice."""

from collections.abc import Iterator

from simbond_agent import identity
from simbond_verifier import card_import
from simbond_verifier.refusal import Invalid
from support.attester import ICCID, IMSI, Attester


def seeds() -> Iterator[bytes]:
    yield f"iccid,imsi,scenario\n{ICCID},{IMSI},meter\n".encode()
    header = "\ufeffICCID;IMSI;Scenario;MSISDN;Customer\r\n"
    yield f'{header}{ICCID[:-1]};{IMSI};tram;+8613800138000;"Pudong;\nWater"'.encode()
    yield f"imsi,iccid,sim_key,scenario\n{IMSI},{ICCID},{Attester().point.hex()},meter\n\n{IMSI},1,,meter".encode()


def one(octets: bytes) -> None:
    text = octets.decode("utf-8", "replace")
    try:
        rows, faults = card_import.read(text, ["meter", "tram"])
    except Invalid:
        return
    assert all(fault.problem and fault.line >= 1 for fault in faults)
    for row in rows:
        assert identity.iccid(row.iccid) == row.iccid
        assert identity.imsi(row.imsi) == row.imsi
        assert row.scenario in ("meter", "tram")
    assert len({row.iccid for row in rows}) == len({row.imsi for row in rows}) == len(rows)
    assert not {row.line for row in rows} & {fault.line for fault in faults}
