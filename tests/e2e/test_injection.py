"""Numbers and names that are statements or paths: each is a name that nothing has, and nothing else comes of it."""

from collections.abc import Iterator
from urllib.parse import quote

import pytest

from support.field import Field, new_device
from support.server import VerifierServer

WORDS = (
    "' OR '1'='1",
    "'; DROP TABLE card; --",
    '" UNION SELECT name, hash FROM token --',
    "89860012345678900000' AND (SELECT 1 FROM token LIMIT 1) --",
    "%",
    "_" * 19,
    "../../../../etc/passwd",
    "..%2f..%2fetc%2fpasswd",
    "....//....//etc/passwd",
    "/etc/passwd",
    "C:\\windows\\win.ini",
    "simbond.db\0.html",
    "file:///etc/passwd",
)
PATHS = (
    "/v1/cards/{}",
    "/v1/cards/{}/history",
    "/v1/cards/{}/case",
    "/v1/cards/{}/result",
    "/v1/devices/{}",
    "/v1/subscribers/{}",
    "/v1/appeals/{}",
    "/v1/decisions/{}",
    "/v1/ledger/entries/{}",
    "/v1/{}",
    "/{}",
)
LISTS = (
    "/v1/cards?after={}",
    "/v1/cards?state={}",
    "/v1/devices?after={}",
    "/v1/appeals?outcome={}",
    "/v1/notices?after={}",
)


@pytest.fixture(scope="module")
def field(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Field]:
    with VerifierServer(tmp_path_factory.mktemp("verifier")) as server, Field(server) as made:
        made.bind(new_device())
        yield made


@pytest.mark.parametrize("words", WORDS)
def test_nothing_gets_into_a_statement_or_out_of_a_path(field: Field, words: str) -> None:
    headers = {"authorization": f"Bearer {field.server.token()}"}
    tables = field.dump()
    for path in PATHS:
        answer = field.http.get(path.format(quote(words, safe="")), headers=headers)
        assert 400 <= answer.status_code < 500, (path, answer.text)
        assert "root:" not in answer.text
    for path in LISTS:
        answer = field.http.get(path.format(quote(words, safe="")), headers=headers)
        assert answer.status_code < 500, (path, answer.text)
    order = field.http.post(
        "/v1/cards/import", content=f"iccid,imsi,scenario\n{words},{words},{words}", headers=headers
    )
    assert order.status_code == 422
    assert field.http.get("/v1/cards", headers={"authorization": f"Bearer {quote(words)}"}).status_code == 401
    after = field.dump()
    changed = {name for name, found in after.items() if found != tables[name]}
    assert changed <= {"setting"}, "where the verifier notes that it is alive"
