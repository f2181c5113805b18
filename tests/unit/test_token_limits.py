"""How often the operator API may be asked, and that no request to it holds up the event loop."""

import asyncio
import threading
from typing import Any

import httpx
import pytest

from simbond_verifier.api.app import create_app
from simbond_verifier.api.operator import Services
from simbond_verifier.metrics import Metrics
from simbond_verifier.policy import Limits, Policy
from simbond_verifier.store import tokens
from simbond_verifier.store.tokens import Role
from support.attester import ICCID, Attester
from support.verifier import Desk
from support.workers import group_commit

pytestmark = pytest.mark.usefixtures("store")

SLOW = {"token_per_s": 0.01, "token_burst": 3, "wrong_token_per_s": 0.01, "wrong_token_burst": 3}
SOMEWHERE, LOOPBACK = "192.0.2.7", "127.0.0.1"


class Operators:
    """Ask a verifier from some address."""

    def __init__(self, desk: Desk, **limits: Any) -> None:
        self.desk = desk
        self.policy = Policy(limits=Limits(**limits))

    def token(self, name: str) -> str:
        with self.desk.database.write() as connection:
            return tokens.create(connection, name, Role.ADMIN, self.desk.now)

    def ask(self, *asked: tuple[str, str, str, Any], address: str = SOMEWHERE) -> list[httpx.Response]:
        """(Token, method, path, body) each, one after the other."""

        async def ask() -> list[httpx.Response]:
            desk = self.desk
            async with group_commit(desk.database) as writer:
                services = Services(
                    desk.database, writer, desk.scenarios, None, Metrics(), None, lambda: None,  # type: ignore[arg-type]
                    lambda: desk.now, policy=self.policy,
                )  # fmt: skip
                transport = httpx.ASGITransport(create_app(services), client=(address, 1))
                async with httpx.AsyncClient(transport=transport, base_url="http://verifier.example") as client:
                    return [
                        await client.request(method, path, json=body, headers={"authorization": f"Bearer {token}"})
                        for token, method, path, body in asked
                    ]

        return asyncio.run(ask())


def codes(answers: list[httpx.Response]) -> list[int]:
    return [answer.status_code for answer in answers]


def test_a_token_has_a_rate(desk: Desk) -> None:
    at = Operators(desk, **SLOW)
    olga, oleg = at.token("olga"), at.token("oleg")
    answers = at.ask(*[(olga, "GET", "/v1/scenarios", None)] * 4, (oleg, "GET", "/v1/scenarios", None))

    assert codes(answers) == [200, 200, 200, 429, 200]
    assert answers[3].json()["type"].endswith(":token-rate")
    assert 0 < int(answers[3].headers["retry-after"]) <= 100


def test_who_guesses_waits_and_who_has_a_token_does_not(desk: Desk) -> None:
    """Also where both are behind one address."""
    at = Operators(desk, **SLOW)
    olga = at.token("olga")
    guesses = [(f"sbt_{n}", "GET", "/v1/scenarios", None) for n in range(5)]
    mine = (olga, "GET", "/v1/scenarios", None)
    answers = at.ask(mine, *guesses, mine)

    assert codes(answers) == [200, 401, 401, 401, 429, 429, 200]
    assert answers[4].json()["type"].endswith(":address-rate")
    assert "retry-after" in answers[4].headers


def test_an_exempt_address_stands_for_many(desk: Desk) -> None:
    at = Operators(desk, **SLOW)

    assert codes(at.ask(*[("", "GET", "/v1/scenarios", None)] * 5, address=LOOPBACK)) == [401] * 5


def test_no_request_waits_for_a_database_elsewhere_on_the_event_loop(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Evidence is taken on that loop: whatever an operator asks must not stop it."""
    meter = Attester()
    desk.bind(meter)
    at = Operators(desk)
    olga, oleg = at.token("olga"), at.token("oleg")
    monkeypatch.setattr(desk.database.backend, "local", False)
    by: list[threading.Thread] = []
    read = desk.database.read

    def noted() -> Any:
        by.append(threading.current_thread())
        return read()

    monkeypatch.setattr(desk.database, "read", noted)
    why, card = {"reason": "because"}, f"/v1/cards/{ICCID}"
    answers = at.ask(
        (olga, "GET", card, None),
        (olga, "POST", f"{card}/recheck", why),
        (olga, "POST", f"{card}/appeals", {"statement": "no", "materials": []}),
        (olga, "POST", "/v1/appeals/1/withdraw", why),
        (oleg, "POST", f"{card}/suspend", why),
        (oleg, "POST", f"{card}/resume", why | {"reverify": False}),
        (oleg, "POST", "/v1/enforcement/kill-switch", why | {"on": True}),
        (oleg, "POST", "/v1/enforcement/kill-switch", why | {"on": False}),
        (olga, "POST", "/v1/decisions/1/approve", {"words": ""}),
        (olga, "POST", f"/v1/devices/{meter.kid.hex()}/imei2", why | {"imei2": None}),
        (olga, "GET", "/v1/ledger/checkpoint", None),
    )

    assert codes(answers) == [200, 200, 201, 409, 200, 200, 200, 202, 200, 200, 404], [
        answer.text for answer in answers
    ]
    assert by
    assert threading.main_thread() not in by
