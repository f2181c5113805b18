"""Attestation Results as EAR (draft-ietf-rats-ear-04): one claims set, signed as a CWT or as a JWT. Pure.

A claims set is a dict by the names of the draft; octets are octets in it and tiers are Tier. Each form has its own
labels and its own way to write those (docs/results.cddl).
"""

import json
from collections.abc import Mapping
from hashlib import sha256
from importlib.metadata import version
from typing import Any, NamedTuple

import cbor2

from .reasons import Tier
from .scenario import KEY_PROTECTIONS, Scenario
from .signing_key import SigningKey, base64url
from .trustworthiness import Attester, Bond, Verdict, worst

PROFILE = "tag:ietf.org,2026:rats/ear#04"
BOND_PROFILE = "tag:simbond.dev,2026:result-1"
CWT = "application/eat+cwt"
JWT = "application/eat+jwt"
"""RFC 9782; with a parameter eat_profile."""
UNBOUND = "device"
"""The label of a device that no card is bound to; a bond's label is its card's ICCID."""
_BOND = "simbond.dev/bond"
_VERIFIER = {"developer": "https://simbond.dev", "build": f"simbond {version('simbond')}"}
_IMEI_UEID = b"\x03"  # RFC 9711 section 4.2.1.1: then 14 digits, an octet each
_TYP = 16  # RFC 9596

# CWT labels. Names mean the same at every level of a claims set; what is in a bond keeps its names.
_LABELS: dict[str, int] = {
    "exp": 4,
    "iat": 6,
    "eat_nonce": 10,
    "ueid": 256,
    "eat_profile": 265,
    "submods": 266,
    "ear_status": 1000,
    "ear_trustworthiness_vector": 1001,
    "ear_appraisal_policy_ids": 1003,
    "ear_verifier_id": 1004,
    "ear_attester_claims": 1005,
    "ear_verifier_claims": 1006,
    _BOND: -70004,
    "simbond.dev/key-protection": -70005,
    "developer": 0,
    "build": 1,
    "instance-identity": 0,
    "configuration": 1,
    "hardware": 4,
}
_OPAQUE = frozenset({"submods", _BOND})
"""Their members are labelled by text in both forms."""


class Judged(NamedTuple):
    """A bond with the verdict on it."""

    bond: Bond
    scenario: Scenario | None
    verdict: Verdict


def of_bonds(judged: list[Judged], now: float, nonce: bytes | None = None) -> dict[str, Any]:
    """The claims set on the cards of one device, or on one card. nonce: the relying party's own, 8 to 64 octets."""
    return _result({j.bond.iccid: _of_bond(j) for j in judged}, [j.verdict for j in judged], now, nonce)


def of_unbound(attester: Attester, verdict: Verdict, now: float, nonce: bytes | None = None) -> dict[str, Any]:
    """The claims set on a device that no card is bound to."""
    about = _appraisal(verdict) | _attester(attester)
    about["ear_verifier_claims"] = {_BOND: {"device": attester.kid.hex(), "reasons": _codes(verdict)}}
    return _result({UNBOUND: about}, [verdict], now, nonce)


def to_cwt(claims: Mapping[str, Any], key: SigningKey) -> bytes:
    """A CWT (RFC 8392): a tagged COSE_Sign1 over the claims in deterministic encoding."""
    return key.sign1(cbor2.dumps(_labelled(claims), canonical=True), {_TYP: CWT})


def to_jwt(claims: Mapping[str, Any], key: SigningKey) -> str:
    """A JWT (RFC 7519) in compact form."""
    header = {"alg": "ES256", "kid": key.kid.hex(), "typ": "eat+jwt"}
    signed = f"{_segment(header)}.{_segment(_plain(claims))}"
    return f"{signed}.{base64url(key.sign(signed.encode()))}"


def policy_id(scenario: Scenario) -> str:
    """Names a scenario and all that it says: another digest, other rules."""
    canonical = json.dumps(scenario.model_dump(), sort_keys=True, separators=(",", ":"), default=sorted)
    return f"tag:simbond.dev,2026:scenario:{scenario.name}:sha-256:{sha256(canonical.encode()).hexdigest()}"


def _result(
    submods: dict[str, dict[str, Any]], verdicts: list[Verdict], now: float, nonce: bytes | None
) -> dict[str, Any]:
    claims: dict[str, Any] = {
        "eat_profile": PROFILE,
        "iat": int(now),
        "exp": int(min(verdict.until for verdict in verdicts)),
        "ear_verifier_id": _VERIFIER,
        "ear_status": worst([verdict.tier for verdict in verdicts]),
        "submods": submods,
    }
    return claims if nonce is None else claims | {"eat_nonce": nonce}


def _of_bond(judged: Judged) -> dict[str, Any]:
    bond, scenario, verdict = judged
    about = _appraisal(verdict)
    if scenario is not None:
        about["ear_appraisal_policy_ids"] = [policy_id(scenario)]
    if bond.attester is not None:
        about |= _attester(bond.attester)
    about["ear_verifier_claims"] = {
        _BOND: {
            "iccid": bond.iccid,
            "scenario": bond.scenario,
            "state": bond.state.value,
            "access": bond.access.value,
            "since": int(bond.since),
            "reasons": _codes(verdict),
        }
        | ({} if bond.attester is None else {"device": bond.attester.kid.hex()})
        | ({} if bond.attester is None or bond.attester.seen_at is None else {"seen": int(bond.attester.seen_at)})
    }
    return about


def _codes(verdict: Verdict) -> list[str]:
    return [reason.value for reason in verdict.reasons]


def _appraisal(verdict: Verdict) -> dict[str, Any]:
    return {
        "eat_profile": BOND_PROFILE,
        "ear_status": verdict.tier,
        "ear_trustworthiness_vector": verdict.vector,
    }


def _attester(attester: Attester) -> dict[str, Any]:
    """What the device itself said, as far as its latest Evidence is kept."""
    evidence = attester.evidence
    if evidence is None:
        return {}
    stated: dict[str, Any] = {"simbond.dev/key-protection": KEY_PROTECTIONS[evidence.status & 3].value}
    if evidence.imei is not None:
        stated["ueid"] = _IMEI_UEID + bytes(map(int, evidence.imei))
    return {"eat_nonce": evidence.nonce, "ear_attester_claims": stated}


def _labelled(value: Any, *, opaque: bool = False) -> Any:
    """A claims set as CBOR has it. opaque: its own names stay."""
    if not isinstance(value, Mapping):
        return int(value) if isinstance(value, Tier) else value
    labels: Mapping[str, int | str] = {} if opaque else _LABELS
    return {labels.get(name, name): _labelled(inner, opaque=name in _OPAQUE) for name, inner in value.items()}


def _plain(value: Any) -> Any:
    """A claims set as JSON has it."""
    if isinstance(value, Tier):
        return value.name.lower()
    if isinstance(value, bytes):
        return base64url(value)
    return {name: _plain(inner) for name, inner in value.items()} if isinstance(value, Mapping) else value


def _segment(value: Any) -> str:
    return base64url(json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode())
