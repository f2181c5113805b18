"""Results, keys and sealed identities of a verifier as it is started by its operator."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import cbor2
import httpx
import pytest

from support.attester import Attester
from support.operator import Operator
from support.server import VerifierServer

KEY = bytes(range(64)).hex()


@pytest.fixture(name="folder", scope="module")
def _folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("results")


@pytest.fixture(name="server", scope="module")
def _server(folder: Path) -> Iterator[VerifierServer]:
    key = folder / "identity.key"
    key.write_text(KEY)
    with VerifierServer(folder, options=["--identity-key", str(key)]) as server:
        yield server


@pytest.fixture(name="device", scope="module")
def _device(server: VerifierServer) -> Attester:
    device = Operator(server).bound()
    with httpx.Client(base_url=server.url) as client:
        nonce = cbor2.loads(client.post("/v1/challenge", content=device.kid).content)[10]
        assert client.post("/v1/evidence", content=device.evidence(nonce)).status_code == 200
    return device


def result(server: VerifierServer, device: Attester) -> httpx.Response:
    headers = {"authorization": f"Bearer {server.token('viewer')}"}
    return httpx.get(f"{server.url}/v1/cards/{device.iccid}/result", headers=headers)


def kid_of(response: httpx.Response) -> str:
    head = response.text.split(".")[0]
    return json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))["kid"]


def test_a_relying_party_finds_keys_and_results(server: VerifierServer, device: Attester) -> None:
    found = httpx.get(f"{server.url}/.well-known/simbond/verification").json()
    keys = httpx.get(found["jwks_uri"]).json()["keys"]
    response = result(server, device)
    assert response.status_code == 200
    assert kid_of(response) == keys[0]["kid"] == found["keys"][0]["kid"]


def test_a_key_that_is_rotated_beside_the_server_signs_at_once(server: VerifierServer, device: Attester) -> None:
    before = kid_of(result(server, device))
    operator = Operator(server)
    new = operator.json("signing-key", "rotate", "--db", str(server.db))["kid"]
    assert new != before
    assert kid_of(result(server, device)) == new
    listed = [key["kid"] for key in operator.json("signing-key", "list", "--db", str(server.db))["keys"]]
    assert listed == [new, before]
    assert operator.error(4, "signing-key", "withdraw", new, "--reason", "x", "--db", str(server.db)) == "key-unknown"
    operator.ok("signing-key", "withdraw", before, "--reason", "stolen", "--db", str(server.db))
    keys = httpx.get(f"{server.url}/.well-known/jwks.json").json()["keys"]
    assert [key["kid"] for key in keys] == [new]


def test_the_subscriber_is_in_no_file_and_in_no_log(server: VerifierServer, device: Attester, folder: Path) -> None:
    assert device.imsi is not None
    with server.api() as api:
        assert api.get(f"/v1/cards/{device.iccid}")["imsi"] == device.imsi
        api.post(f"/v1/cards/{device.iccid}/suspend", {"reason": "test"})
        assert api.get(f"/v1/subscribers/{device.imsi}")["access"] in ("allowed", "barred")
    for file in folder.glob("*.db*"):
        octets = file.read_bytes()
        assert device.imsi.encode() not in octets
        assert bytes.fromhex(device.imsi + "F") not in octets
    assert device.imsi not in server.log.read_text()


def test_a_database_is_opened_and_sealed_from_the_command_line(server: VerifierServer, device: Attester) -> None:
    operator = Operator(server)
    key = str(server.db.parent / "identity.key")
    assert operator.error(7, "identities", "decrypt", "--identity-key", key, "--db", str(server.db)) == "store"
    server.stop()
    try:
        rows = operator.json("identities", "decrypt", "--identity-key", key, "--db", str(server.db))["rows"]
        assert rows["card"] == 1
        assert device.imsi is not None
        assert device.imsi.encode() in server.db.read_bytes()
        operator.ok("identities", "encrypt", "--identity-key", key, "--db", str(server.db))
        assert device.imsi.encode() not in server.db.read_bytes()
    finally:
        server.start()
    with server.api() as api:
        assert api.get(f"/v1/cards/{device.iccid}")["imsi"] == device.imsi
