"""Attestation Results for relying parties, and what they need to check them: the verifier's keys."""

import base64
import binascii
from typing import Annotated, Any

import cbor2
from fastapi import APIRouter, Header, Query, Request, Response
from sqlalchemy import Connection
from starlette.responses import JSONResponse

from simbond_agent import claims, identity

from .. import ear
from ..signing_key import SigningKey
from ..store import results
from ..store.signing_keys import Published
from ..trustworthiness import Bond, judge, judge_unbound
from .operator import Reads, Services, Use
from .problems import Problem

_NONCE_OCTETS = range(8, 65)  # RFC 9711 section 4.1
_KEY_SET = "application/cose-key-set"
_KEYS_S = 3600
_FORMS = {
    "application/eat+jwt": ear.JWT,
    "application/jwt": ear.JWT,
    "text/*": ear.JWT,
    "application/*": ear.JWT,
    "*/*": ear.JWT,
    "application/eat+cwt": ear.CWT,
    "application/cwt": ear.CWT,
}
"""What each media range gets; the first is the default."""

Nonce = Annotated[
    str, Query(description="The relying party's own, 8 to 64 octets in base64url: comes back as eat_nonce.")
]
Accept = Annotated[str, Header(include_in_schema=False)]
_CONTENT: dict[int | str, dict[str, Any]] = {200: {"content": {ear.JWT: {}, ear.CWT: {}}}}

router = APIRouter(prefix="/v1")
well_known = APIRouter(prefix="/.well-known", include_in_schema=False)


@router.get("/cards/{iccid}/result", tags=["results"], response_class=Response, responses=_CONTENT)
def card_result(services: Use, _: Reads, iccid: str, nonce: Nonce = "", accept: Accept = "*/*") -> Response:
    """A signed Attestation Result (EAR) on a card in its device, as JWT or CWT."""
    with services.database.read() as connection:
        bond = results.bond_of_card(connection, identity.iccid(iccid) or "")
        if bond is None:
            raise Problem(404, "card-unknown", f"Card {iccid} is not imported; see 'simbond cards import'.")
        return _answer(services, connection, [bond], nonce, accept)


@router.get("/devices/{kid}/result", tags=["results"], response_class=Response, responses=_CONTENT)
def device_result(services: Use, _: Reads, kid: str, nonce: Nonce = "", accept: Accept = "*/*") -> Response:
    """A signed Attestation Result (EAR) on a device and every card that it is bound to, as JWT or CWT."""
    with services.database.read() as connection:
        attester = results.attester_of(connection, _kid(kid))
        if attester is None:
            raise Problem(404, "device-unknown", f"No device has the key {kid}; see 'simbond devices list'.")
        bonds = results.bonds_of(connection, attester)
        if bonds:
            return _answer(services, connection, bonds, nonce, accept)
        now = services.clock()
        found = ear.of_unbound(attester, judge_unbound(attester, now), now, _nonce(nonce))
        return _signed(found, services.keyring.signing(connection), accept)


@well_known.get("/jwks.json")
def jwks(services: Use) -> Response:
    """Every key that signed or signs, as a JWK Set (RFC 7517)."""
    return _cached(JSONResponse({"keys": [published.key.jwk() for published in _published(services)]}))


@well_known.get("/cose-keys")
def cose_keys(services: Use) -> Response:
    """The same as a COSE Key Set (RFC 9052 section 7)."""
    keys = [published.key.cose_key() for published in _published(services)]
    return _cached(Response(cbor2.dumps(keys, canonical=True), media_type=_KEY_SET))


@well_known.get("/simbond/verification")
def discovery(services: Use, request: Request) -> Response:
    """What this verifier issues, where, and with which keys."""
    published = _published(services)
    base = str(request.base_url).rstrip("/")
    return _cached(
        JSONResponse(
            {
                "ear-verification-key": published[0].key.jwk(),
                "jwks_uri": f"{base}/.well-known/jwks.json",
                "cose_key_set_uri": f"{base}/.well-known/cose-keys",
                "result-media-types": [f'{form}; eat_profile="{ear.PROFILE}"' for form in (ear.JWT, ear.CWT)],
                "evidence-profiles": [claims.PROFILE],
                "api-endpoints": {"card": "/v1/cards/{iccid}/result", "device": "/v1/devices/{kid}/result"},
                "keys": [{"kid": p.key.kid.hex(), "since": p.since, "until": p.until} for p in published],
            }
        )
    )


def _answer(services: Services, connection: Connection, bonds: list[Bond], nonce: str, accept: str) -> Response:
    now = services.clock()
    judged = []
    for bond in bonds:
        scenario = services.scenarios.get(bond.scenario)
        judged.append(ear.Judged(bond, scenario, judge(bond, scenario, now)))
    found = ear.of_bonds(judged, now, _nonce(nonce))
    return _signed(found, services.keyring.signing(connection), accept)


def _signed(found: dict[str, Any], key: SigningKey, accept: str) -> Response:
    form = _negotiate(accept)
    body = ear.to_cwt(found, key) if form == ear.CWT else ear.to_jwt(found, key).encode()
    headers = {"cache-control": "no-store", "vary": "accept"}
    return Response(body, headers=headers, media_type=f'{form}; eat_profile="{ear.PROFILE}"')


def _negotiate(accept: str) -> str:
    """The form that the client likes best (RFC 9110 section 12.5.1); alike ones by their order."""
    ranges = []
    for place, item in enumerate(accept.split(",")):
        name, *parameters = (part.strip().lower() for part in item.split(";"))
        q = next((p[2:] for p in parameters if p.startswith("q=")), "1")
        try:
            weight = float(q)
        except ValueError:
            weight = 0.0
        if name in _FORMS and weight > 0:
            ranges.append((-weight, place, _FORMS[name]))
    if not ranges:
        raise Problem(406, "not-acceptable", f"A result comes as {ear.JWT} or {ear.CWT}; accept one of them.")
    return min(ranges)[2]


def _nonce(text: str) -> bytes | None:
    if not text:
        return None
    try:
        nonce = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        nonce = b""
    if len(nonce) not in _NONCE_OCTETS:
        raise Problem(422, "nonce-invalid", "A nonce has 8 to 64 octets, in base64url.")
    return nonce


def _kid(text: str) -> bytes:
    try:
        kid = bytes.fromhex(text)
    except ValueError:
        kid = b""
    if len(kid) != claims.KID_OCTETS:
        raise Problem(422, "kid-invalid", f"'{text}' is no key id: {2 * claims.KID_OCTETS} hex digits.")
    return kid


def _published(services: Services) -> tuple[Published, ...]:
    with services.database.read() as connection:
        return services.keyring.published(connection)


def _cached(response: Response) -> Response:
    response.headers["cache-control"] = f"public, max-age={_KEYS_S}"
    return response
