"""The whole HTTP API, asked by schemathesis as its own document describes it: never a fault of the verifier's own, and
never an answer that the document does not know.

SIMBOND_API_EXAMPLES: requests to an endpoint by one kind of caller (2 unless told; hundreds for a night).
"""

import os
from collections.abc import Iterator
from pathlib import Path
from time import time

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import APIOperation, Case, GenerationMode
from schemathesis.checks import load_all_checks, not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance

from simbond_verifier.policy import TwoPersons
from simbond_verifier.reasons import Reason
from support.field import Field, new_device
from support.server import VerifierServer
from support.stations import Station

EXAMPLES = int(os.environ.get("SIMBOND_API_EXAMPLES", "2"))
CALLERS = (None, "feed", "station", "viewer", "technician", "operator", "admin")
CHECKS = [not_a_server_error, content_type_conformance, response_schema_conformance]
TWO_PERSONS = "[two_persons]\n" + "".join(
    f"{name} = true\n" for name, field in TwoPersons.model_fields.items() if field.annotation is bool
)

load_all_checks()
_HEADER = st.sampled_from([b"iccid,imsi,scenario\n", b"scenario;imsi;iccid;msisdn\n", b""])
for _media_type in ("application/eat+cwt", "application/cbor-seq", "application/octet-stream", "application/cose"):
    schemathesis.openapi.media_type(_media_type, st.binary(max_size=600))
schemathesis.openapi.media_type(
    "application/x-ndjson",
    st.lists(st.binary(max_size=60) | st.just(b'{"imsi": "460001234567890", "at": 1.8e9, "imei": null}')).map(
        b"\n".join
    ),
)
schemathesis.openapi.media_type("text/csv", st.builds(bytes.__add__, _HEADER, st.binary(max_size=200)))


class Site:
    """A verifier with something of everything, whose numbers a request may name."""

    def __init__(self, field: Field) -> None:
        devices = [new_device() for _ in range(6)]
        field.bind(*devices)
        self.field = field
        self.tokens = {caller: field.server.token(caller) for caller in CALLERS if caller is not None}
        for device in devices[:2]:
            field.attest(device)
        line = Station(at=time())
        with field.server.api("operator") as api:
            api.post("/v1/stations", {"certificate": line.pem.decode()})
            api.post_log("/v1/devices/import", line.endorse(new_device()))
            for device in devices[:3]:
                api.post(f"/v1/cards/{device.iccid}/suspend", {"reason": "found on a roof"})
                api.post(f"/v1/cards/{device.iccid}/appeals", {"statement": "it is a meter"})
            api.post(f"/v1/cards/{devices[3].iccid}/recheck", {"reason": "twice a year"})
        self.numbers = {
            "iccid": [device.iccid for device in devices],
            "kid": [device.kid.hex() for device in devices],
            "imsi": [device.imsi for device in devices],
            "rule": [str(reason) for reason in Reason],
            "number": list(range(1, 8)),
            "seq": list(range(8)),
            "name": ["line-1"],
        }

    def ask(self, case: Case, caller: str | None, named: dict[str, object]) -> None:
        """Sends it, and holds the answer against the document. named: numbers in place of those made up."""
        case.path_parameters.update(named)
        headers = {} if caller is None else {"authorization": f"Bearer {self.tokens[caller]}"}
        response = case.call(base_url=self.field.server.url, headers=headers)
        case.validate_response(response, checks=CHECKS)
        if response.status_code >= 400:
            assert response.headers["content-type"] == ["application/problem+json"], response.text


@pytest.fixture(scope="module", params=["", TWO_PERSONS], ids=["one person", "two persons"])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder: Path = tmp_path_factory.mktemp("fuzzed")
    policy = folder / "policy.toml"
    policy.write_text(request.param)
    with VerifierServer(folder, options=["--policy", str(policy)]) as server, Field(server) as field:
        yield Site(field)
        assert [line for line in field.log() if line.get("level") in ("error", "critical")] == []


@pytest.mark.timeout(180 + 60 * EXAMPLES)
def test_what_the_document_describes(site: Site) -> None:
    schema = schemathesis.openapi.from_dict(httpx.get(f"{site.field.server.url}/v1/openapi.json").json())
    operations = [found.ok() for found in schema.get_all_operations()]
    assert len(operations) > 50
    for operation in operations:
        for caller in CALLERS:
            examine(site, operation, caller)


def examine(site: Site, operation: APIOperation, caller: str | None) -> None:
    """Requests to one endpoint by one caller; half of them name what there is."""
    named = [name for name in site.numbers if f"{{{name}}}" in operation.path]
    cases = st.one_of(operation.as_strategy(generation_mode=mode) for mode in GenerationMode)
    known = st.fixed_dictionaries({name: st.sampled_from(site.numbers[name]) for name in named})

    @settings(
        max_examples=EXAMPLES * (3 if caller == "admin" else 1),
        database=None,
        derandomize="SIMBOND_API_EXAMPLES" not in os.environ,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases, known=known, use=st.booleans())
    def run(case: Case, known: dict[str, object], use: bool) -> None:
        site.ask(case, caller, known if use else {})

    run()
