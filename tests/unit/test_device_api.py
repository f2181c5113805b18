"""The device endpoints below HTTP: what a client that sends slowly, or goes away, gets."""

import asyncio
import json
from typing import Any

import pytest

from simbond_verifier.api.device import DeviceApi


def post(events: list[dict[str, Any]], *, then_silence: bool) -> tuple[int, dict[str, Any]]:
    """Status and problem document of a POST /v1/challenge whose body comes in these events."""
    sent: list[dict[str, Any]] = []

    async def receive() -> Any:
        if events:
            return events.pop(0)
        assert then_silence
        await asyncio.Event().wait()

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/v1/challenge"}
    asyncio.run(DeviceApi(None)(scope, receive, send))  # type: ignore[arg-type]
    return sent[0]["status"], json.loads(sent[1]["body"])


def test_a_body_that_never_ends_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simbond_verifier.api.device.PATIENCE_S", 0.05)
    status, problem = post([{"type": "http.request", "body": b"1", "more_body": True}], then_silence=True)
    assert (status, problem["type"]) == (408, "urn:simbond:problem:too-slow")


def test_a_client_that_goes_away_is_no_error() -> None:
    events = [{"type": "http.request", "body": b"1", "more_body": True}, {"type": "http.disconnect"}]
    status, problem = post(events, then_silence=False)
    assert (status, problem["type"]) == (400, "urn:simbond:problem:incomplete")
