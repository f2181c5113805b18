"""The operator API over HTTP: who may do what, how it says no, and that nothing upsets it."""

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.attester import Attester
from support.field import Field, new_device
from support.server import VerifierServer

ROLES = frozenset({"feed", "station", "viewer", "technician", "operator", "admin"})
DECIDE = frozenset({"operator", "admin"})
READ = DECIDE | {"viewer"}
SITE = DECIDE | {"technician"}
LOOK = READ | SITE
ICCID = "89860012345678909990"

_WHY = {"json": {"reason": "r"}}

# Every endpoint: method, path, a request that goes through authorization and changes nothing, and who is allowed.
ENDPOINTS: list[tuple[str, str, dict[str, Any], frozenset[str]]] = [
    ("GET", "/v1/cards", {}, READ),
    ("GET", "/v1/cards/{iccid}", {}, LOOK),
    ("GET", "/v1/cards/{iccid}/history", {}, READ),
    ("GET", "/v1/cards/{iccid}/network", {}, READ),
    ("GET", "/v1/cards/{iccid}/notices", {}, READ),
    ("GET", "/v1/cards/{iccid}/case", {}, READ),
    ("GET", "/v1/cards/{iccid}/result", {}, READ),
    ("GET", "/v1/devices", {}, READ),
    ("GET", "/v1/devices/{kid}", {}, LOOK),
    ("GET", "/v1/devices/{kid}/result", {}, READ),
    ("GET", "/v1/scenarios", {}, READ),
    ("GET", "/v1/subscribers/{imsi}", {}, READ),
    ("GET", "/v1/metrics", {}, READ),
    ("GET", "/v1/notices", {}, READ),
    ("GET", "/v1/appeals", {}, LOOK),
    ("GET", "/v1/appeals/{number}", {}, LOOK),
    ("GET", "/v1/decisions", {}, READ),
    ("GET", "/v1/decisions/{number}", {}, LOOK),
    ("GET", "/v1/enforcement", {}, READ),
    ("GET", "/v1/enforcement/withheld", {}, READ),
    ("GET", "/v1/ledger/checkpoint", {}, READ),
    ("GET", "/v1/ledger/proof", {"params": {"first": 1, "second": 1}}, READ),
    ("GET", "/v1/ledger/entries/{seq}", {}, READ),
    ("GET", "/v1/ledger/export", {}, READ),
    ("POST", "/v1/devices", {"json": {"request": "00"}}, SITE),
    ("POST", "/v1/devices", {"json": {"request": "00", "allow_duplicate_imei": True}}, DECIDE),
    ("POST", "/v1/devices/import", {"content": b""}, SITE | {"station"}),
    ("POST", "/v1/stations", {"json": {"certificate": "none"}}, DECIDE),
    ("GET", "/v1/stations", {}, READ),
    ("GET", "/v1/stations/{name}", {}, READ),
    ("GET", "/v1/stations/{name}/devices", {}, READ),
    ("POST", "/v1/stations/{name}/revoke", _WHY, DECIDE),
    ("POST", "/v1/work-orders", {"json": {"iccid": "89", "technician": "t", "words": "w"}}, DECIDE),
    ("GET", "/v1/work-orders", {}, LOOK),
    ("GET", "/v1/work-orders/bundle", {}, SITE),
    ("POST", "/v1/work-orders/assess", {"json": {"result": "SB1:"}}, LOOK),
    ("GET", "/v1/work-orders/{number}", {}, LOOK),
    ("POST", "/v1/work-orders/{number}/cancel", _WHY, DECIDE),
    ("POST", "/v1/work-orders/{number}/result", {"json": {"result": "SB1:"}}, SITE),
    ("POST", "/v1/devices/{kid}/revoke", _WHY, DECIDE),
    ("POST", "/v1/devices/{kid}/imei2", {"json": {"imei2": None, "reason": "r"}}, DECIDE),
    ("POST", "/v1/observations", {"json": []}, DECIDE | {"feed"}),
    ("POST", "/v1/shadow", {"json": {}}, DECIDE),
    ("POST", "/v1/cards/import", {"content": b"iccid,imsi,scenario\n"}, DECIDE),
    ("POST", "/v1/cards/{iccid}/bind", {"json": {"device": "00" * 8}}, DECIDE),
    ("POST", "/v1/cards/{iccid}/unbind", _WHY, DECIDE),
    ("POST", "/v1/cards/{iccid}/swap", {"json": {"device": "00" * 8, "reason": "r"}}, SITE),
    ("POST", "/v1/cards/{iccid}/suspend", _WHY, DECIDE),
    ("POST", "/v1/cards/{iccid}/resume", _WHY, DECIDE),
    ("POST", "/v1/cards/{iccid}/retire", _WHY, DECIDE),
    ("POST", "/v1/cards/{iccid}/erase", _WHY, DECIDE),
    ("POST", "/v1/cards/{iccid}/recheck", _WHY, DECIDE),
    ("POST", "/v1/cards/{iccid}/recheck/confirm", _WHY, DECIDE),  # a technician, where the policy says so
    ("POST", "/v1/cards/{iccid}/appeals", {"json": {"statement": "s"}}, SITE),
    ("POST", "/v1/cards/{iccid}/sim-key", {"json": {"key": None, "reason": "r"}}, DECIDE),
    ("POST", "/v1/appeals/{number}/uphold", _WHY, DECIDE),
    ("POST", "/v1/appeals/{number}/reject", _WHY, DECIDE),
    ("POST", "/v1/appeals/{number}/withdraw", _WHY, SITE),
    ("POST", "/v1/decisions/{number}/approve", {"json": {}}, DECIDE),
    ("POST", "/v1/decisions/{number}/refuse", {"json": {}}, DECIDE),
    ("POST", "/v1/decisions/{number}/withdraw", {"json": {}}, SITE),
    ("POST", "/v1/enforcement/kill-switch", {"json": {"on": False, "reason": "r"}}, DECIDE),
    ("POST", "/v1/enforcement/rules/{rule}/start", _WHY, DECIDE),
    ("POST", "/v1/enforcement/withheld/{number}/release", _WHY, DECIDE),
    ("POST", "/v1/enforcement/withheld/{number}/dismiss", _WHY, DECIDE),
    ("POST", "/v1/enforcement/withheld/release", {"json": {"rule": "clone", "reason": "r"}}, DECIDE),
    ("POST", "/v1/enforcement/withheld/dismiss", {"json": {"rule": "clone", "reason": "r"}}, DECIDE),
]
DEVICE_PATHS = {"/v1/evidence", "/v1/evidence/batch", "/v1/challenge", "/v1/rotation"}


@pytest.fixture(scope="module")
def field(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Field]:
    with VerifierServer(tmp_path_factory.mktemp("verifier")) as server, Field(server) as made:
        yield made


def ask(field: Field, method: str, path: str, token: str | None, **more: Any) -> httpx.Response:
    headers = {} if token is None else {"authorization": f"Bearer {token}"}
    path = path.format(iccid=ICCID, kid="00" * 8, imsi="460009999999999", number=1, seq=1, rule="clone", name="line-1")
    return field.http.request(method, path, headers=headers | more.pop("headers", {}), **more)


def assert_problem(response: httpx.Response, status: int | None = None, code: str | None = None) -> dict[str, Any]:
    """A problem document (RFC 9457) with what ours always have; returns it."""
    assert response.headers["content-type"] == "application/problem+json", response.text
    problem: dict[str, Any] = response.json()
    assert {"type", "title", "status", "detail"} <= problem.keys()
    assert problem["type"].startswith("urn:simbond:problem:")
    assert problem["status"] == response.status_code == (status or response.status_code)
    assert code in (None, problem["type"].rpartition(":")[2])
    assert "Traceback" not in response.text
    return problem


# Who may


@pytest.mark.parametrize(
    ("method", "path", "request_", "allowed"), ENDPOINTS, ids=lambda v: v if isinstance(v, str) else ""
)
def test_roles(field: Field, method: str, path: str, request_: dict[str, Any], allowed: frozenset[str]) -> None:
    tables = field.dump()
    for token in (None, "x", "sbt_" + "A" * 43, field.server.token("viewer").upper()):
        problem = assert_problem(ask(field, method, path, token, **request_), 401, "token")
        assert "simbond token create" in problem["detail"]
    for role in sorted(ROLES):
        response = ask(field, method, path, field.server.token(role), **request_)
        if role not in allowed:
            assert_problem(response, 403, "role")
        else:
            assert response.status_code not in (401, 403)
    for name in ("token", "setting"):  # tokens are made on the way, and the verifier notes that it is alive
        tables.pop(name)
    assert {name: rows for name, rows in field.dump().items() if name in tables} == tables


@pytest.mark.parametrize("header", ["Basic {}", "bearer", "Bearer", "{}", "Bearer {} x", "Bearer {},{}", "Token {}"])
def test_headers_that_are_no_bearer_token(field: Field, header: str) -> None:
    value = header.format(*[field.server.token("admin")] * 2)
    assert_problem(field.http.get("/v1/cards", headers={"authorization": value}), 401, "token")


def test_the_scheme_may_be_written_in_any_case(field: Field) -> None:
    value = f"bEARER  {field.server.token('viewer')}"
    assert field.http.get("/v1/cards", headers={"authorization": value}).status_code == 200


def test_what_needs_no_token(field: Field) -> None:
    assert field.http.get("/healthz").json() == {"status": "ok"}
    assert field.http.get("/v1/openapi.json").status_code == 200


def test_the_table_of_roles_names_every_endpoint(field: Field) -> None:
    document = field.http.get("/v1/openapi.json").json()
    described = {(m.upper(), p) for p, methods in document["paths"].items() if p not in DEVICE_PATHS for m in methods}
    assert described == {(method, path) for method, path, _, _ in ENDPOINTS}


# The document


def test_the_openapi_document(field: Field) -> None:
    document = field.http.get("/v1/openapi.json").json()
    assert re.fullmatch(r"3\.1\.\d", document["openapi"])
    assert {"title", "version"} <= document["info"].keys()
    assert document["paths"].keys() >= DEVICE_PATHS
    for path, methods in document["paths"].items():
        for operation in methods.values():
            success = [status for status in operation["responses"] if status.startswith("2")]
            assert success, path
            error = operation["responses"]["default"]["content"]
            assert error["application/problem+json"]["schema"] == {"$ref": "#/components/schemas/Problem"}
            assert operation.get("security", []) == ([] if path in DEVICE_PATHS else [{"token": []}])
            declared = {p["name"] for p in operation.get("parameters", []) if p["in"] == "path"}
            assert declared == set(re.findall(r"{(\w+)}", path))
    for reference in re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(document)):
        found = document
        for step in reference.split("/"):
            found = found[step]


# How it says no


@pytest.mark.parametrize(
    ("method", "path", "more", "status", "code"),
    [
        ("GET", "/v1/cards/{iccid}", {}, 404, "card-unknown"),
        ("GET", "/v1/cards/12", {}, 422, "iccid-invalid"),
        ("GET", "/v1/cards/{iccid}/history", {}, 404, "card-unknown"),
        ("GET", "/v1/cards?state=lost", {}, 422, "request-invalid"),
        ("GET", "/v1/cards?limit=0", {}, 422, "request-invalid"),
        ("GET", "/v1/cards?limit=1001", {}, 422, "request-invalid"),
        ("GET", "/v1/devices/{kid}", {}, 404, "device-unknown"),
        ("GET", "/v1/devices/xyz", {}, 422, "kid-invalid"),
        ("GET", "/v1/devices?after=xyz", {}, 422, "kid-invalid"),
        ("GET", "/v1/subscribers/{imsi}", {}, 404, "subscriber-unknown"),
        ("GET", "/v1/subscribers/46", {}, 422, "imsi-invalid"),
        ("GET", "/v1/nothing", {}, 404, None),
        ("GET", "/", {}, 404, None),
        ("DELETE", "/v1/cards/{iccid}", {}, 405, None),
        ("POST", "/v1/cards/{iccid}/suspend", {"json": {}}, 422, "request-invalid"),
        ("POST", "/v1/cards/{iccid}/suspend", {"json": {"reason": ""}}, 422, "request-invalid"),
        ("POST", "/v1/cards/{iccid}/suspend", {"json": {"reason": "x" * 401}}, 422, "request-invalid"),
        ("POST", "/v1/cards/{iccid}/suspend", {"json": {"reason": "x", "until": 1}}, 422, "request-invalid"),
        ("POST", "/v1/cards/{iccid}/suspend", {"json": {"reason": "x"}}, 404, "card-unknown"),
        ("POST", "/v1/cards/{iccid}/suspend", {"content": b"{"}, 422, "request-invalid"),
        ("POST", "/v1/cards/{iccid}/bind", {"json": {"device": "x"}}, 422, "request-invalid"),
        ("POST", "/v1/cards/{iccid}/sim-key", {"json": {"key": "04", "reason": "x"}}, 404, "card-unknown"),
        ("POST", "/v1/cards/{iccid}/sim-key", {"json": {"key": "0" * 131, "reason": "x"}}, 422, "request-invalid"),
        ("POST", "/v1/cards/{iccid}/sim-key", {"json": {"reason": "x"}}, 422, "request-invalid"),
        ("POST", "/v1/devices", {"json": {"request": "0"}}, 422, "request-invalid"),
        ("POST", "/v1/devices", {"json": {"request": "00"}}, 422, "enrolment-request"),
        ("POST", "/v1/cards/import", {"content": b""}, 422, "csv-header"),
        ("POST", "/v1/cards/import", {"content": b"\xff\xfei\0"}, 422, "csv-encoding"),
        ("POST", "/v1/cards/import?partial=perhaps", {"content": b""}, 422, "request-invalid"),
    ],
)
def test_errors(field: Field, method: str, path: str, more: dict[str, Any], status: int, code: str | None) -> None:
    problem = assert_problem(ask(field, method, path, field.server.token(), **more), status, code)
    assert len(problem["detail"]) > 10
    assert problem["detail"].endswith((".", "!"))


def test_a_conflict_says_what_is_in_the_way(field: Field) -> None:
    device = new_device()
    field.bind(device)
    body = {"json": {"reason": "appeal"}}
    response = ask(field, "POST", f"/v1/cards/{device.iccid}/resume", field.server.token(), **body)
    assert assert_problem(response, 409, "state")["state"] == "bound"


def test_a_list_with_bad_rows(field: Field) -> None:
    good, other = new_device(), new_device()
    text = (
        f"iccid,imsi,scenario\n{good.iccid},{good.imsi},meter\n12,{other.imsi},meter\n{other.iccid},{other.imsi},tram"
    )
    tables = field.dump()
    with field.server.api() as api:
        response = ask(field, "POST", "/v1/cards/import", field.server.token(), content=text.encode())
        problem = assert_problem(response, 422, "csv-rows")
        assert [(f["line"], f["column"]) for f in problem["faults"]] == [(3, "iccid"), (4, "scenario")]
        assert all(f["problem"] for f in problem["faults"])
        assert field.dump() == tables
        report = api.post_csv("/v1/cards/import", text.encode(), partial=True)
        assert (report["imported"], report["unchanged"], len(report["faults"])) == (1, 0, 2)
        report = api.post_csv("/v1/cards/import", text.encode(), partial=True)
        assert (report["imported"], report["unchanged"], len(report["faults"])) == (0, 1, 2)


@pytest.mark.parametrize("token", [False, True])
def test_a_body_without_end_is_not_kept(field: Field, token: bool) -> None:
    """Whoever has no token must not fill the memory; who has one, neither."""
    headers = {"authorization": f"Bearer {field.server.token()}"} if token else {}
    body = (b" " * (1 << 20) for _ in range(8))
    assert_problem(field.http.post("/v1/devices", content=body, headers=headers), 413, "body-too-large")


# Whatever comes


odd = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=20))
names = st.one_of(st.sampled_from(["reason", "device", "scenario", "request", "imei", "label", "reverify"]), st.text())
documents = st.recursive(odd, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4))
segments = st.one_of(
    st.sampled_from(["cards", "devices", "subscribers", ICCID, "00" * 8, "bind", "suspend", "revoke", "history", ".."]),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
)
queries = st.dictionaries(st.sampled_from(["after", "limit", "state", "partial"]), odd, max_size=3)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(method=st.sampled_from(["GET", "POST"]), path=st.lists(segments, max_size=3), document=documents, query=queries)
def test_no_request_is_an_error_of_the_server(
    field: Field, method: str, path: list[str], document: Any, query: dict[str, Any]
) -> None:
    where = "/v1/" + "/".join(quote(segment, safe="") for segment in path)
    body = json.dumps(document).encode()
    response = ask(
        field, method, where.replace("{", "").replace("}", ""), field.server.token(), content=body, params=query
    )
    assert response.status_code < 500
    if response.status_code >= 400:
        assert_problem(response)


@pytest.mark.parametrize(
    "body",
    [
        b"\xff",
        b"\x00" * 100,
        b"[" * 50_000,
        b'{"reason": "\\ud800"}',
        b'{"\\ud800": 1}',
        b'{"reason": 1e999}',
        b'{"reason": ' + b"9" * 5000 + b"}",
        b'{"reason": "a", "reason": "\\u0000"}',
        b"null",
        b'"reason"',
    ],
)
def test_json_that_is_hard_to_swallow(field: Field, body: bytes) -> None:
    device = new_device()
    field.bind(device)
    response = ask(field, "POST", f"/v1/cards/{device.iccid}/suspend", field.server.token(), content=body)
    assert response.status_code < 500
    if response.status_code >= 400:
        assert_problem(response)
    assert field.history(device.iccid)


def test_words_come_back_as_they_were_given(field: Field) -> None:
    """Also those that a careless program would take for something else."""
    device = new_device()
    field.bind(device)
    words = "物联网卡 \x00 <script> '; DROP TABLE card; -- \u202e 🙂"
    with field.server.api() as api:
        api.post(f"/v1/cards/{device.iccid}/suspend", {"reason": words})
    line = field.history(device.iccid)[-1]
    assert (line["detail"]["reason"], line["actor"]) == (words, "admin")


def test_pages(field: Field) -> None:
    field.add(*(Attester(imei=f"35345606{n:06}0") for n in range(7)))
    with field.server.api() as api:
        everything = api.get("/v1/devices", limit=1000)["devices"]
        paged, after = [], ""
        while after is not None:
            page = api.get("/v1/devices", limit=3, after=after)
            paged += page["devices"]
            after = page["next"]
    assert paged == everything
    assert len(everything) >= 7
