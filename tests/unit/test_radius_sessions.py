"""Ending and restricting running sessions: what a gateway hears, and what its answers lead to."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from pyrad import packet

from simbond_verifier.enforcement.target import Outcome, TargetError
from simbond_verifier.radius import dynamic
from simbond_verifier.radius.packet import Ask, Code
from simbond_verifier.radius.sessions import Told
from simbond_verifier.radius.target import Disconnecting
from simbond_verifier.store.errors import StoreUnavailable
from simbond_verifier.store.radius_sessions import running, started
from support.attester import IMSI, Attester
from support.nas import DICTIONARY, SECRET, nas
from support.ports import free_port
from support.radius import booth
from support.verifier import NOW, desk

GONE, REFUSED, UNSUPPORTED = 503, 501, 405


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """A gateway that is away is waited for less long; one that is there has time enough on a busy machine."""
    monkeypatch.setattr(dynamic, "REPEATED_AFTER_S", (0.1, 0.2, 10.0))


@pytest.fixture
def olga(tmp_path):
    with desk(tmp_path) as made:
        made.bind(Attester())
        yield made


def run_session(olga, *names, client="127.0.0.1", user_name="meter%40pudong"):
    with olga.database.write() as connection:
        for name in names:
            started(connection, 1, client, name, user_name=user_name, address="", at=NOW)


def left(olga):
    with olga.database.read() as connection:
        return [one.session for one in running(connection, IMSI)]


@asynccontextmanager
async def at_gateway(olga, tmp_path, **client):
    async with nas() as (gateway, port), booth(olga, tmp_path, client={"coa_port": port, **client}) as made:
        yield gateway, made.service.sessions


def play(olga, tmp_path, story, **client):
    """Runs story(gateway, sessions)."""

    async def run():
        async with at_gateway(olga, tmp_path, **client) as (gateway, sessions):
            return await story(gateway, sessions)

    return asyncio.run(run())


@pytest.mark.usefixtures("store")
def test_every_session_of_the_card_is_ended(olga, tmp_path):
    run_session(olga, "s-1", "s%002")

    async def story(gateway, sessions):
        return await sessions.end(IMSI), gateway.requests

    told, requests = play(olga, tmp_path, story)
    assert told == Told(2)
    assert left(olga) == []
    assert sorted(one["Acct-Session-Id"][0] for one in requests) == ["s\x002", "s-1"]
    for one in requests:
        assert one.code == packet.DisconnectRequest
        assert (one["3GPP-IMSI"], one["User-Name"]) == ([IMSI], ["meter@pudong"])
        assert one["Event-Timestamp"] == [int(NOW)]


def test_a_session_that_is_gone_already_is_ended(olga, tmp_path):
    run_session(olga, "s-1")

    async def story(gateway, sessions):
        gateway.refuse(packet.DisconnectRequest, GONE)
        return await sessions.end(IMSI)

    assert play(olga, tmp_path, story) == Told(1)
    assert left(olga) == []


def test_a_refusal_is_a_failure_that_says_why(olga, tmp_path):
    run_session(olga, "s-1")

    async def story(gateway, sessions):
        gateway.refuse(packet.DisconnectRequest, REFUSED)
        return await sessions.end(IMSI)

    told = play(olga, tmp_path, story)
    assert (told.done, told.failures) == (0, ("127.0.0.1 refused to end a session (Error-Cause 501)",))
    assert left(olga) == ["s-1"]


def test_a_lost_packet_is_sent_again_as_it_was(olga, tmp_path):
    run_session(olga, "s-1")

    async def story(gateway, sessions):
        gateway.deaf = 2
        return await sessions.end(IMSI), gateway.copies, len(gateway.requests)

    assert play(olga, tmp_path, story) == (Told(1), 3, 1)


def test_a_gateway_that_is_away_is_a_failure(olga, tmp_path, monkeypatch):
    monkeypatch.setattr(dynamic, "REPEATED_AFTER_S", (0.01, 0.01))
    run_session(olga, "s-1")

    async def story(_gateway, sessions):
        return await sessions.end(IMSI)

    port = free_port()
    told = play(olga, tmp_path, story, coa_port=port)
    assert told.failures == (f"127.0.0.1 did not answer on port {port}",)
    assert left(olga) == ["s-1"]


def test_a_gateway_that_takes_no_requests_is_not_asked(olga, tmp_path):
    run_session(olga, "s-1")

    async def story(gateway, sessions):
        return await sessions.end(IMSI), gateway.requests

    assert play(olga, tmp_path, story, disconnect=False) == (Told(0, left=1), [])


def test_a_gateway_that_left_the_policy_is_not_asked(olga, tmp_path):
    run_session(olga, "s-1", client="192.0.2.1")

    async def story(_gateway, sessions):
        return await sessions.end(IMSI)

    assert play(olga, tmp_path, story) == Told(0, left=1)


def test_a_store_that_is_away_is_a_failure(olga, tmp_path, monkeypatch):
    run_session(olga, "s-1")

    async def story(_gateway, sessions):
        monkeypatch.setattr(olga.database, "read", away)
        return await sessions.end(IMSI)

    assert play(olga, tmp_path, story) == Told(0, failures=("the sessions cannot be read: gone",))


def away():
    raise StoreUnavailable("gone")


def test_a_session_is_put_behind_the_filter(olga, tmp_path):
    run_session(olga, "s-1")

    async def story(gateway, sessions):
        return await sessions.restrict(IMSI, "attestation-only"), gateway.requests

    told, (request,) = play(olga, tmp_path, story)
    assert told == Told(1)
    assert (request.code, request["Filter-Id"]) == (packet.CoARequest, ["attestation-only"])
    assert left(olga) == ["s-1"]


def test_a_gateway_that_cannot_change_a_session_is_asked_to_end_it(olga, tmp_path):
    run_session(olga, "s-1")

    async def story(gateway, sessions):
        gateway.refuse(packet.CoARequest, UNSUPPORTED)
        return await sessions.restrict(IMSI, "attestation-only"), [one.code for one in gateway.requests]

    assert play(olga, tmp_path, story) == (Told(1), [packet.CoARequest, packet.DisconnectRequest])
    assert left(olga) == []


@pytest.mark.parametrize(("cause", "failures", "kept"), [(GONE, 0, []), (REFUSED, 1, ["s-1"])])
def test_other_refusals_to_change_a_session(olga, tmp_path, cause, failures, kept):
    run_session(olga, "s-1")

    async def story(gateway, sessions):
        gateway.refuse(packet.CoARequest, cause)
        return await sessions.restrict(IMSI, "attestation-only")

    assert len(play(olga, tmp_path, story).failures) == failures
    assert left(olga) == kept


@pytest.mark.parametrize("secret", [SECRET, b"a secret of somebody else"], ids=["another's answer", "forged"])
def test_only_the_answer_to_the_request_counts(secret):
    ask = Ask(Code.DISCONNECT_REQUEST, SECRET, {"Acct-Session-Id": b"1"})
    request = packet.CoAPacket(packet=ask.datagram, secret=secret, dict=DICTIONARY)
    if secret == SECRET:
        request.authenticator = bytes(16)
    assert ask.answer(request.CreateReply().ReplyPacket()) is None
    assert ask.answer(b"") is None
    assert ask.answer(ask.datagram) is None


class Inner:
    """A target that is told, and raises what it is given."""

    name = "inner"

    def __init__(self, error=None):
        self.error = error
        self.done = []

    def _do(self, what):
        if self.error:
            raise self.error
        self.done.append(what)
        return Outcome(f"{what} done")

    async def suspend(self, imsi):
        return self._do(("suspend", imsi))

    async def restrict(self, imsi):
        return self._do(("restrict", imsi))

    async def resume(self, imsi):
        return self._do(("resume", imsi))


class Reached:
    """Gateways that answer as told, after the inner target acted."""

    def __init__(self, inner, told):
        self.inner = inner
        self.told = told
        self.done = []

    async def end(self, imsi):
        assert self.inner.done
        self.done.append(("end", imsi))
        return self.told

    async def restrict(self, imsi, filter_id):
        assert self.inner.done
        self.done.append(("restrict", imsi, filter_id))
        return self.told


def carry_out(method, told, error=None):
    inner = Inner(error)
    gateways = Reached(inner, told)
    outcome = asyncio.run(getattr(Disconnecting(inner, gateways, "narrow"), method)(IMSI))
    return outcome, gateways.done


@pytest.mark.parametrize(
    ("method", "asked"),
    [("suspend", ("end", IMSI)), ("resume", ("end", IMSI)), ("restrict", ("restrict", IMSI, "narrow"))],
)
def test_a_target_sees_to_running_sessions_after_it_acted(method, asked):
    outcome, done = carry_out(method, Told(2))
    assert done == [asked]
    assert outcome.complete
    assert "RADIUS sessions" in outcome.detail


def test_a_gateway_that_was_not_told_leaves_the_outcome_incomplete():
    outcome, _ = carry_out("suspend", Told(1, failures=("10.0.0.1 did not answer on port 3799",)))
    assert not outcome.complete
    assert outcome.detail.endswith("10.0.0.1 did not answer on port 3799")


def test_a_gateway_that_takes_no_requests_is_not_asked_for_ever():
    outcome, _ = carry_out("suspend", Told(0, left=1))
    assert outcome.complete


def test_sessions_are_left_alone_where_the_target_failed():
    with pytest.raises(TargetError):
        carry_out("suspend", Told(0), TargetError("away"))
