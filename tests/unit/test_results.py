"""Attestation Results: what a relying party is told, and that it can check it with other people's libraries."""

import asyncio
import base64
import json
from pathlib import Path
from typing import Any

import cbor2
import cwt
import httpx
import pycddl
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePublicNumbers
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from simbond_verifier import ear, fleet
from simbond_verifier.api.app import create_app
from simbond_verifier.api.operator import Services
from simbond_verifier.metrics import Metrics
from simbond_verifier.scenario import parse
from simbond_verifier.store import signing_keys, tokens
from simbond_verifier.store.tokens import Role
from support.attester import Attester, Sim
from support.verifier import SCENARIO, Desk

CDDL = (Path(__file__).parents[2] / "docs" / "results.cddl").read_text("utf-8")
INTERVAL_S, TOLERANCE_S = 3600, 600


class RelyingParty:
    """Asks over HTTP with a viewer's token, and believes nothing that it did not check."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        with desk.database.write() as connection:
            signing_keys.load(connection, desk.now)
            self.token = tokens.create(connection, "relying party", Role.VIEWER, desk.now)
        services = Services(desk.database, None, desk.scenarios, None, Metrics(), None, print, lambda: desk.now)  # type: ignore[arg-type]
        self.app = create_app(services)

    def get(self, path: str, accept: str | None = None, token: str | None = None, **query: str) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://verifier.example") as client:
                headers = {"authorization": f"Bearer {self.token if token is None else token}"}
                return await client.get(path, params=query, headers=headers | ({"accept": accept} if accept else {}))

        return asyncio.run(ask())

    def jwt(self, path: str, **query: str) -> dict[str, Any]:
        response = self.get(path, ear.JWT, **query)
        assert response.status_code == 200, response.text
        assert response.headers["content-type"] == f'{ear.JWT}; eat_profile="{ear.PROFILE}"'
        keys = self.get("/.well-known/jwks.json", token="").json()["keys"]
        return checked_jwt(response.text, keys)

    def cwt(self, path: str, **query: str) -> dict[int, Any]:
        response = self.get(path, ear.CWT, **query)
        assert response.headers["content-type"] == f'{ear.CWT}; eat_profile="{ear.PROFILE}"'
        keys = cbor2.loads(self.get("/.well-known/cose-keys", token="").content)
        payload = cwt.COSE.new().decode(response.content, [cwt.COSEKey.new(key) for key in keys])
        return cbor2.loads(payload) if isinstance(payload, bytes) else payload

    def card(self, device: Attester) -> tuple[str, dict[str, Any]]:
        """Status and appraisal of a device's card."""
        found = self.jwt(f"/v1/cards/{device.iccid}/result")
        return found["ear_status"], found["submods"][device.iccid]


def checked_jwt(token: str, keys: list[dict[str, str]]) -> dict[str, Any]:
    head, payload, signature = token.split(".")
    header = json.loads(unbase64(head))
    assert (header["alg"], header["typ"]) == ("ES256", "eat+jwt")
    (key,) = (key for key in keys if key["kid"] == header["kid"])
    x, y = (int.from_bytes(unbase64(key[name]), "big") for name in ("x", "y"))
    raw = unbase64(signature)
    der = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    public = EllipticCurvePublicNumbers(x, y, SECP256R1()).public_key()
    public.verify(der, f"{head}.{payload}".encode(), ECDSA(SHA256()))
    return json.loads(unbase64(payload))


def unbase64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@pytest.fixture
def party(desk: Desk) -> RelyingParty:
    return RelyingParty(desk)


@pytest.fixture
def device(desk: Desk) -> Attester:
    made = Attester()
    desk.bind(made)
    return made


def test_a_card_in_its_device_is_affirmed_until_the_device_is_overdue(
    desk: Desk, party: RelyingParty, device: Attester
):
    nonce = desk.nonce(device)
    desk.attest(device, nonce)
    seen = desk.now
    desk.now += INTERVAL_S + TOLERANCE_S - 10
    found = party.jwt(f"/v1/cards/{device.iccid}/result")
    about = found["submods"][device.iccid]
    assert found["eat_profile"] == "tag:ietf.org,2026:rats/ear#04"
    assert found["ear_status"] == about["ear_status"] == "affirming"
    assert about["ear_trustworthiness_vector"] == {"instance-identity": 2, "configuration": 2}
    assert (found["iat"], found["exp"]) == (int(desk.now), int(seen) + INTERVAL_S + TOLERANCE_S)
    assert unbase64(about["eat_nonce"]) == nonce
    assert unbase64(about["ear_attester_claims"]["ueid"]) == b"\x03" + bytes(map(int, device.imei[:14]))
    assert about["ear_verifier_claims"]["simbond.dev/bond"] == {
        "iccid": device.iccid,
        "scenario": "meter",
        "state": "bound",
        "access": "allowed",
        "since": int(seen),
        "reasons": [],
        "device": device.kid.hex(),
        "seen": int(seen),
    }


def test_a_silent_device_affirms_nothing(desk: Desk, party: RelyingParty, device: Attester):
    assert party.card(device)[0] == "none"
    desk.attest(device)
    desk.now += INTERVAL_S + TOLERANCE_S
    status, about = party.card(device)
    assert status == "none"
    assert about["ear_trustworthiness_vector"] == {"instance-identity": 0}


def test_no_result_holds_for_more_than_an_hour(desk: Desk, party: RelyingParty, device: Attester):
    desk.attest(device)
    found = party.jwt(f"/v1/cards/{device.iccid}/result")
    assert found["exp"] == found["iat"] + 3600


@pytest.mark.usefixtures("store")
def test_a_suspended_card_is_contraindicated_though_its_device_goes_on(
    desk: Desk, party: RelyingParty, device: Attester
):
    desk.do(fleet.suspend, device.iccid, reason="fraud", actor="olga")
    desk.attest(device)
    status, about = party.card(device)
    assert status == "contraindicated"
    assert about["ear_verifier_claims"]["simbond.dev/bond"]["access"] == "barred"


def test_a_false_imei_is_an_untrustworthy_instance(desk: Desk, party: RelyingParty, device: Attester):
    device.imei = "861234050000021"
    desk.attest(device)
    status, about = party.card(device)
    assert status == "contraindicated"
    assert about["ear_trustworthiness_vector"]["instance-identity"] == 96
    assert about["ear_verifier_claims"]["simbond.dev/bond"]["reasons"] == ["imei-mismatch"]


def test_a_warning_says_which_aspect_is_in_doubt(desk: Desk, party: RelyingParty, device: Attester):
    device.scenario = 2
    desk.attest(device)
    status, about = party.card(device)
    assert status == "warning"
    assert about["ear_trustworthiness_vector"] == {"instance-identity": 2, "configuration": -33}


def test_a_revoked_key_is_contraindicated(desk: Desk, party: RelyingParty, device: Attester):
    desk.attest(device)
    desk.do(fleet.revoke, device.kid.hex(), reason="stolen", actor="olga")
    status, about = party.card(device)
    assert status == "contraindicated"
    assert about["ear_trustworthiness_vector"] == {"instance-identity": 96}


def test_a_registered_sim_that_signs_is_genuine_hardware(desk: Desk, party: RelyingParty, device: Attester):
    device.sim = Sim()
    desk.sim_key(device.iccid, device.sim)
    desk.attest(device)
    assert party.card(device)[1]["ear_trustworthiness_vector"]["hardware"] == 2
    device.sim = None
    desk.attest(device)
    assert party.card(device)[1]["ear_trustworthiness_vector"]["hardware"] == -33


def test_a_device_without_a_card_gets_no_statement(desk: Desk, party: RelyingParty):
    device = Attester()
    desk.add(device)
    desk.attest(device)
    found = party.jwt(f"/v1/devices/{device.kid.hex()}/result")
    assert found["ear_status"] == "none"
    assert found["submods"]["device"]["ear_verifier_claims"]["simbond.dev/bond"]["device"] == device.kid.hex()


def test_a_devices_result_holds_its_card(desk: Desk, party: RelyingParty, device: Attester):
    desk.attest(device)
    found = party.jwt(f"/v1/devices/{device.kid.hex()}/result")
    assert list(found["submods"]) == [device.iccid]


@pytest.mark.usefixtures("store")
def test_the_evidence_is_found_among_others(desk: Desk, party: RelyingParty, device: Attester):
    others = [Attester(imei=f"8612340500{n:04}0", iccid=None) for n in range(30, 45)]
    desk.add(*others)
    for n, other in enumerate(others):
        if n == 7:
            nonce = desk.nonce(device)
            desk.attest(device, nonce)
        desk.attest(other)
        desk.now += 40
    assert unbase64(party.card(device)[1]["eat_nonce"]) == nonce


@pytest.mark.usefixtures("store")
def test_both_forms_say_the_same_and_fit_the_cddl(desk: Desk, party: RelyingParty, device: Attester):
    desk.attest(device)
    path = f"/v1/cards/{device.iccid}/result"
    mine = base64.urlsafe_b64encode(bytes(range(16))).rstrip(b"=").decode()
    as_json, as_cbor = party.jwt(path, nonce=mine), party.cwt(path, nonce=mine)
    assert as_json["eat_nonce"] == mine
    assert as_cbor[10] == bytes(range(16))
    assert as_cbor[1000] == 2
    assert as_cbor[266][device.iccid][1001] == {0: 2, 1: 2}
    assert (
        as_cbor[266][device.iccid][1006][-70004]
        == as_json["submods"][device.iccid]["ear_verifier_claims"]["simbond.dev/bond"]
    )
    pycddl.Schema("start = ear-cbor\n" + CDDL).validate_cbor(cbor2.dumps(as_cbor))
    pycddl.Schema("start = ear-json\n" + CDDL).validate_cbor(cbor2.dumps(as_json))


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        (None, ear.JWT),
        ("application/eat+cwt", ear.CWT),
        ('application/eat+cwt; eat_profile="tag:ietf.org,2026:rats/ear#04"', ear.CWT),
        ("application/eat+jwt;q=0.5, application/cwt", ear.CWT),
        ("text/html, application/eat+cwt;q=0, */*;q=0.1", ear.JWT),
    ],
)
def test_the_client_chooses_the_form(party: RelyingParty, device: Attester, accept: str | None, form: str):
    response = party.get(f"/v1/cards/{device.iccid}/result", accept)
    assert response.headers["content-type"].startswith(form)
    assert response.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("path", "accept", "query", "status"),
    [
        ("/v1/cards/89860012345678901237/result", "text/html", {}, 406),
        ("/v1/cards/89860012345678901237/result", None, {"nonce": "AAAA"}, 422),
        ("/v1/cards/89860012345678901237/result", None, {"nonce": "!" * 20}, 422),
        ("/v1/cards/89860099999999999994/result", None, {}, 404),
        ("/v1/cards/nonsense/result", None, {}, 404),
        ("/v1/devices/0011223344556677/result", None, {}, 404),
        ("/v1/devices/zz/result", None, {}, 422),
    ],
)
def test_what_cannot_be_answered_says_why(
    party: RelyingParty, device: Attester, path: str, accept: str | None, query: dict[str, str], status: int
):
    response = party.get(path, accept, **query)
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"


def test_results_take_a_token_and_keys_do_not(party: RelyingParty, device: Attester):
    assert party.get(f"/v1/cards/{device.iccid}/result", token="").status_code == 401
    for path in ("jwks.json", "cose-keys", "simbond/verification"):
        response = party.get(f"/.well-known/{path}", token="")
        assert response.status_code == 200
        assert response.headers["cache-control"].startswith("public, max-age=")


def test_a_result_signed_before_a_rotation_can_still_be_checked(desk: Desk, party: RelyingParty, device: Attester):
    before = party.get(f"/v1/cards/{device.iccid}/result").text
    with desk.database.write() as connection:
        new = signing_keys.rotate(connection, desk.now).signing
    keys = party.get("/.well-known/jwks.json", token="").json()["keys"]
    assert keys[0]["kid"] == new.kid.hex()
    checked_jwt(before, keys)
    checked_jwt(party.get(f"/v1/cards/{device.iccid}/result").text, keys[:1])


def test_the_discovery_document_leads_to_keys_and_results(desk: Desk, party: RelyingParty, device: Attester):
    found = party.get("/.well-known/simbond/verification", token="").json()
    assert found["jwks_uri"] == "http://verifier.example/.well-known/jwks.json"
    path = found["api-endpoints"]["card"].format(iccid=device.iccid)
    checked_jwt(party.get(path).text, [found["ear-verification-key"]])


def test_the_policy_id_names_what_the_scenario_says():
    first, same = parse(SCENARIO, "one"), parse(SCENARIO, "two")
    other = parse(SCENARIO.replace("tolerance_s = 600", "tolerance_s = 601"), "three")
    assert ear.policy_id(first) == ear.policy_id(same)
    assert ear.policy_id(first) != ear.policy_id(other)
    assert ear.policy_id(first).startswith("tag:simbond.dev,2026:scenario:meter:sha-256:")
