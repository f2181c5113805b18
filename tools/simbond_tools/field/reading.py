"""Everything that probe tells about a device, as one document: of a modem, or of the agent on its console."""

import secrets
from typing import Any

from simbond_verifier.envelope import open_envelope
from simbond_verifier.evidence import FIELD_NONCE_OCTETS, read_cell, read_field_claims

from .console import Console
from .modem import ModemOnLine
from .signal import quality


def read_modem(modem: ModemOnLine) -> dict[str, Any]:
    """maker, model, dialect; identity and cell with the keys of docs/modems.md; signal: see signal.quality()."""
    cell = modem.cell()
    return {
        "maker": modem.maker,
        "model": modem.model,
        "dialect": modem.name,
        "identity": modem.identity(),
        "cell": cell,
        "signal": quality(cell),
    }


def read_agent(console: Console) -> dict[str, Any]:
    """kid, status (the last event of each kind) and attests: what it signed just now over a nonce of ours.

    Raises what Console raises.
    """
    said = console.status()
    return {**said, "attests": attested(console.prove(secrets.token_bytes(FIELD_NONCE_OCTETS)))}


def attested(evidence: bytes) -> dict[str, Any]:
    """What Evidence for somebody on site claims: kid, bootcount, uptime, scenario, cell, and imei (14 digits), iccid
    and imsi where it has them. {} where it is none. The signature is not judged: that takes a key that is trusted.
    """
    try:
        claims = read_field_claims(open_envelope(evidence))
        cell = read_cell(claims.cell) if claims.cell else {}
    except ValueError:  # BadEvidence, and a cell that is none
        return {}
    found = {"imei": claims.imei, "iccid": claims.iccid, "imsi": claims.imsi}
    return {
        "kid": claims.kid.hex(),
        **{key: value for key, value in found.items() if value is not None},
        "bootcount": claims.bootcount,
        "uptime": claims.uptime,
        "scenario": claims.scenario,
        "cell": cell,
    }
