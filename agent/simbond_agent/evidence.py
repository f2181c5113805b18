"""Builds Evidence and enrolment requests of the simbond profile, version 1 (docs/evidence.md)."""

from . import cbor, claims, cose


def binding(identity, cell, scenario, status):
    """The binding claim as a list: what the device and its modem say of themselves.

    identity: a dict with any of imei (14 to 16 digits, of which 14 are sent), iccid (up to 20 digits) and imsi (up to
    15 digits). cell: the serving cell as claims.pack_cell takes it, or None. scenario: its number, 16 bits. status: key
    protection and flags as in claims. Raises ValueError for what does not fit.
    """
    imei = identity.get("imei")
    if imei is not None and not 14 <= len(imei) <= 16:
        raise ValueError("IMEI has 14 to 16 digits")
    if not (0 <= scenario < 65536 and 0 <= status < 65536):
        raise ValueError("scenario has 16 bits")
    return [
        _digits(imei and imei[:14], 7),
        _digits(identity.get("iccid"), 10),
        _digits(identity.get("imsi"), 8),
        claims.pack_cell(cell) if cell else None,
        scenario,
        status,
    ]


def _digits(digits, octets):
    return claims.pack_digits(digits, octets) if digits else None


async def evidence(signer, bond, nonce, bootcount, uptime, countersign=None):
    """Evidence as a signed message.

    bond: from binding; nonce: 8 octets from the verifier; uptime in seconds; countersign: as in cose.sign1.
    """
    payload = {
        claims.NONCE: nonce,
        claims.UPTIME: uptime,
        claims.BOOTCOUNT: bootcount,
        claims.BINDING: bond,
    }
    return await cose.sign1(signer, cbor.encode(payload), countersign)


async def enrolment(signer, bond):
    """An enrolment request as a signed message: public key (cnf, RFC 8747) and binding. It proves possession."""
    payload = {
        claims.CNF: {1: cose.public_cose_key(signer.public_key)},
        claims.BINDING: bond,
    }
    return await cose.sign1(signer, cbor.encode(payload))
