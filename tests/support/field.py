"""Devices and operators in the field: what they send to a running verifier over HTTP, and what they see of it."""

import io
import itertools
import json
import re
import ssl
import time
from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import cbor2
import httpx

from simbond_verifier import freshness

from .attester import Attester
from .server import VerifierServer
from .stores import rows

TABLES = (
    "card",
    "event",
    "command",
    "accusation",
    "evidence",
    "subscriber",
    "device",
    "retired_key",
    "token",
    "setting",
)

T = TypeVar("T")

_numbers = itertools.count(1)


def new_device(**more: Any) -> Attester:
    """A device with a card, unlike every other one."""
    n = next(_numbers)
    return Attester(
        **({"imei": f"86123405{n:06}0", "iccid": f"8986001234{n:010}", "imsi": f"46000{n:010}"} | more)  # type: ignore[arg-type]
    )


class Answer(NamedTuple):
    """What a device reads."""

    tier: int
    reasons: list[str]
    interval_s: int
    nonce: bytes | None
    status: int = 200
    message_id: str | None = None

    @property
    def verdict(self) -> tuple[int, list[str]]:
        return self.tier, self.reasons


def eventually(condition: Callable[[], T], seconds: float = 60) -> T:
    """What the condition gives, as soon as that is anything; the limit is only for a test that fails anyway."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not within {seconds:g} s"
        time.sleep(0.01)
    return found


class Field:
    """A client of a verifier's device endpoints, and eyes on its operator API, log and tables."""

    def __init__(self, server: VerifierServer) -> None:
        self.server = server
        verify = ssl.create_default_context(cafile=server.ca) if server.ca else False
        self.http = httpx.Client(base_url=server.url, verify=verify, timeout=60)

    def __enter__(self) -> "Field":
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    # As a device

    def post(self, path: str, body: bytes) -> httpx.Response:
        return self.http.post(path, content=body)

    def send(self, message: bytes) -> Answer:
        response = self.post("/v1/evidence", message)
        assert response.headers["content-type"] == "application/cbor", response.text
        return _answer(response.content, response)

    def rotate(self, message: bytes) -> Answer:
        response = self.post("/v1/rotation", message)
        assert response.headers["content-type"] == "application/cbor", response.text
        return _answer(response.content, response)

    def send_batch(self, *messages: bytes) -> list[Answer]:
        response = self.post("/v1/evidence/batch", b"".join(messages))
        assert (response.status_code, response.headers["content-type"]) == (200, "application/cbor-seq"), response.text
        return [_answer(cbor2.dumps(each)) for each in sequence(response.content)]

    def nonce(self, device: Attester) -> bytes:
        """From the challenge endpoint."""
        response = self.post("/v1/challenge", device.kid)
        nonce = _answer(response.content).nonce
        assert nonce is not None
        return nonce

    def attest(self, device: Attester, nonce: bytes | None = None) -> Answer:
        return self.send(device.evidence(nonce or self.nonce(device)))

    def nonce_of(self, device: Attester, age_s: float) -> bytes:
        """As the verifier issued it some time ago; made with the key in its database."""
        secret = self.rows("SELECT value FROM setting WHERE name = 'nonce-secret'")[0][0]
        return freshness.issue(secret, device.kid, time.time() - age_s)

    # As an operator

    def add(self, *devices: Attester) -> None:
        """Enrols devices."""
        with self.server.api() as api:
            for device in devices:
                api.post("/v1/devices", {"request": device.enrolment().hex()})

    def bind(self, *devices: Attester, scenario: str = "meter") -> None:
        """Imports the devices' cards, and binds each to its device."""
        lines = [f"{d.iccid},{d.imsi},{scenario}" for d in devices]
        self.add(*devices)
        with self.server.api() as api:
            api.post_csv("/v1/cards/import", "\n".join(["iccid,imsi,scenario", *lines]).encode())
            for device in devices:
                api.post(f"/v1/cards/{device.iccid}/bind", {"device": device.kid.hex()})

    def card(self, iccid: str | None) -> dict[str, Any]:
        with self.server.api("viewer") as api:
            return dict(api.get(f"/v1/cards/{iccid}"))

    def state(self, iccid: str | None) -> tuple[str, str]:
        card = self.card(iccid)
        return card["state"], card["access"]

    def history(self, iccid: str | None) -> list[dict[str, Any]]:
        with self.server.api("viewer") as api:
            return list(api.get(f"/v1/cards/{iccid}/history")["history"])

    def metrics(self) -> Counter[str]:
        """Every counter that is not zero, by name and labels."""
        token = self.server.token("viewer")
        text = self.http.get("/v1/metrics", headers={"authorization": f"Bearer {token}"}).text
        samples = re.findall(r"^(simbond\S+) ([0-9.e+]+)$", text, re.MULTILINE)
        return Counter({name: float(value) for name, value in samples if "_created" not in name})  # type: ignore[misc]

    # As whoever has the machine

    def log(self) -> list[dict[str, Any]]:
        """The log, as far as its lines are written to their ends; every line of it is a JSON object."""
        whole, _, _ = self.server.log.read_text().rpartition("\n")
        return [json.loads(line) for line in whole.splitlines()]

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        return rows(self.server.db, query)

    def dump(self) -> dict[str, list[tuple[Any, ...]]]:
        """Everything that is in the database, but for when the verifier last noted that it is there."""
        found = {table: self.rows(f"SELECT * FROM {table}") for table in TABLES}
        return found | {"setting": self.rows("SELECT * FROM setting WHERE name <> 'heard-until'")}


def sequence(octets: bytes) -> list[Any]:
    """The items of a CBOR sequence."""
    stream, found = io.BytesIO(octets), []
    while stream.tell() < len(octets):
        found.append(cbor2.load(stream))
    return found


def _answer(octets: bytes, response: httpx.Response | None = None) -> Answer:
    fields = cbor2.loads(octets)
    status = 200 if response is None else response.status_code
    message_id = None if response is None else response.headers.get("x-message-id")
    return Answer(fields[1], fields[2], fields[4], fields.get(10), status, message_id)
