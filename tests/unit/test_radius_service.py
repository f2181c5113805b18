"""The two ports of a verifier's RADIUS: what they answer, to whom, when, and what they do not."""

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyrad import packet

from simbond_verifier.store.group_commit import StoreUnavailable
from simbond_verifier.store.radius_sessions import running
from support.attester import IMSI, Attester
from support.nas import (
    INTERIM,
    OFF,
    ON,
    START,
    STOP,
    access_request,
    accounting_request,
    conversation,
    nas,
    status_server,
)
from support.radius import booth
from support.verifier import desk
from support.workers import settled, until

RIGHT = b"8612340500000112"
FOREIGN = b"3599990500000112"


@pytest.fixture
def olga(tmp_path):
    with desk(tmp_path) as made:
        made.bind(Attester())
        yield made


def play(olga, tmp_path, story, **options):
    """Runs story(booth) with a service at work."""

    async def run():
        async with booth(olga, tmp_path, **options) as made:
            return await story(made)

    return asyncio.run(run())


def set_access(olga, state, access):
    with olga.database.write() as connection:
        connection.exec_driver_sql(f"UPDATE card SET state = '{state}', access = '{access}'")


def sessions(olga):
    with olga.database.read() as connection:
        return [(one.client, one.session) for one in running(connection, IMSI)]


async def ask(port, request):
    async with conversation(port) as gateway:
        return await gateway.ask(request)


def admitted(olga, tmp_path, *, imei=RIGHT, imsi=IMSI, **options):
    """The reply to a card's Access-Request, and what the verifier heard."""

    async def story(booth):
        reply = await ask(booth.auth, access_request(_3GPP_IMSI=imsi, _3GPP_IMEISV=imei))
        return reply, booth.seen

    return play(olga, tmp_path, story, **options)


def test_a_card_in_its_device_gets_in(olga, tmp_path):
    reply, seen = admitted(olga, tmp_path)
    assert reply.code == packet.AccessAccept
    assert [one.imei for one in seen] == [RIGHT.decode()]


def test_the_reply_begins_with_its_message_authenticator(olga, tmp_path):
    reply, _ = admitted(olga, tmp_path)
    assert reply.raw_packet[20:22] == b"\x50\x12"


def test_a_foreign_device_is_rejected_and_reported(olga, tmp_path):
    reply, seen = admitted(olga, tmp_path, imei=FOREIGN)
    assert reply.code == packet.AccessReject
    assert reply["Reply-Message"][0].startswith("network-imei-differs: ")
    assert [one.imei for one in seen] == [FOREIGN.decode()]


def test_a_foreign_device_may_be_only_observed(olga, tmp_path):
    reply, seen = admitted(olga, tmp_path, imei=FOREIGN, reject_foreign_imei=False)
    assert (reply.code, len(seen)) == (packet.AccessAccept, 1)


def test_a_suspended_card_is_rejected(olga, tmp_path):
    set_access(olga, "suspended", "barred")
    reply, _ = admitted(olga, tmp_path)
    assert reply.code == packet.AccessReject
    assert reply["Reply-Message"][0].startswith("card-suspended: ")


def test_a_restricted_card_is_filtered(olga, tmp_path):
    set_access(olga, "warned", "restricted")
    reply, _ = admitted(olga, tmp_path, filter_id="attestation-only")
    assert (reply.code, reply["Filter-Id"]) == (packet.AccessAccept, ["attestation-only"])


@pytest.mark.parametrize(("reject", "code"), [(False, packet.AccessAccept), (True, packet.AccessReject)])
def test_an_unknown_card(olga, tmp_path, reject, code):
    reply, _ = admitted(olga, tmp_path, imsi="460009999999999", reject_unknown=reject)
    assert reply.code == code


def test_a_request_without_a_card_is_one_of_an_unknown_card(olga, tmp_path):
    async def story(booth):
        return (await ask(booth.auth, access_request(User_Name="meter"))).code, booth.seen

    assert play(olga, tmp_path, story, reject_unknown=True) == (packet.AccessReject, [])


def test_a_full_disk_keeps_no_card_out(olga, tmp_path):
    async def story(booth):
        booth.full = StoreUnavailable("disk full")
        return (await ask(booth.auth, access_request(_3GPP_IMSI=IMSI))).code

    assert play(olga, tmp_path, story) == packet.AccessAccept


def test_a_store_that_cannot_be_read_gives_no_answer(olga, tmp_path, monkeypatch):
    """What happens then is the gateway's rule for servers that are away."""

    async def story(booth):
        async with conversation(booth.auth) as gateway:
            raw = access_request(_3GPP_IMSI=IMSI).RequestPacket()
            with monkeypatch.context() as patch:
                patch.setattr(olga.database, "read", away)
                assert await gateway.silence(raw)
            assert booth.counted("dropped", cause="store-away") == 1
            gateway.transport.sendto(raw)
            async with asyncio.timeout(20):
                return (await gateway.received.get())[0]

    assert play(olga, tmp_path, story) == packet.AccessAccept


def away():
    raise StoreUnavailable("gone")


def test_proxy_state_comes_back_unchanged_and_in_order(olga, tmp_path):
    async def story(booth):
        request = access_request(_3GPP_IMSI=IMSI, Proxy_State=b"one")
        request.AddAttribute("Proxy-State", b"two")
        return (await ask(booth.auth, request))["Proxy-State"]

    assert play(olga, tmp_path, story) == [b"one", b"two"]


def test_both_ports_say_that_they_are_alive(olga, tmp_path):
    async def story(booth):
        replies = [await ask(port, status_server()) for port in (booth.auth, booth.acct)]
        return [reply.code for reply in replies]

    assert play(olga, tmp_path, story) == [packet.AccessAccept, packet.AccountingResponse]


def silent(olga, tmp_path, *datagrams, port="auth", cause, **options):
    """Sees that datagrams are answered by nothing, and counted under a cause."""

    async def story(booth):
        async with conversation(getattr(booth, port)) as gateway:
            assert await gateway.silence(*datagrams)
        assert booth.seen == []
        return booth.counted("dropped", cause=cause)

    assert play(olga, tmp_path, story, **options) == len(datagrams)


def test_an_unsigned_access_request_is_not_answered(olga, tmp_path):
    silent(olga, tmp_path, access_request(signed=False, _3GPP_IMSI=IMSI).RequestPacket(), cause="unsigned")


def test_an_unsigned_access_request_is_answered_where_the_policy_says_so(olga, tmp_path):
    async def story(booth):
        reply = await ask(booth.auth, access_request(signed=False, _3GPP_IMSI=IMSI))
        return reply.code, reply.raw_packet[20:22]

    lenient = {"require_message_authenticator": False}
    assert play(olga, tmp_path, story, client=lenient) == (packet.AccessAccept, b"\x50\x12")


def test_an_unsigned_access_request_with_a_proxy_state_never_is(olga, tmp_path):
    """Which is where Blast-RADIUS puts what makes two replies collide."""
    request = access_request(signed=False, _3GPP_IMSI=IMSI, Proxy_State=b"collision")
    lenient = {"require_message_authenticator": False}
    silent(olga, tmp_path, request.RequestPacket(), cause="unsigned", client=lenient)


WRONG = b"a secret of somebody else"


@pytest.mark.parametrize(
    ("request_", "port"),
    [
        (access_request(WRONG, _3GPP_IMSI=IMSI), "auth"),
        (status_server(WRONG), "auth"),
        (accounting_request(START, WRONG, _3GPP_IMSI=IMSI, Acct_Session_Id="1"), "acct"),
        (accounting_request(START, WRONG, _3GPP_IMSI=IMSI, Acct_Session_Id="1", signed=True), "acct"),
    ],
    ids=["access", "status", "accounting", "signed accounting"],
)
def test_who_does_not_know_the_secret_is_not_answered(olga, tmp_path, request_, port):
    silent(olga, tmp_path, request_.RequestPacket(), cause="forged", port=port)


def test_an_unsigned_status_server_is_not_answered(olga, tmp_path):
    silent(olga, tmp_path, status_server(signed=False).RequestPacket(), cause="unsigned")


def test_each_port_answers_its_own_requests_only(olga, tmp_path):
    silent(olga, tmp_path, access_request(_3GPP_IMSI=IMSI).RequestPacket(), cause="unexpected", port="acct")
    accounting = accounting_request(START, _3GPP_IMSI=IMSI, Acct_Session_Id="1")
    silent(olga, tmp_path, accounting.RequestPacket(), cause="unexpected", port="auth")


def test_a_client_that_is_not_in_the_policy_is_not_answered(olga, tmp_path):
    async def story(booth):
        async with conversation(booth.auth) as gateway:
            gateway.transport.sendto(access_request(_3GPP_IMSI=IMSI).RequestPacket())
            await until(lambda: booth.counted("dropped", cause="unknown-client"), "the packet came")
            return gateway.received.empty()

    assert play(olga, tmp_path, story, client={"address": "192.0.2.1"})


def test_a_repeated_request_gets_the_same_reply_and_counts_once(olga, tmp_path):
    async def story(booth):
        async with conversation(booth.auth) as gateway:
            raw = access_request(_3GPP_IMSI=IMSI).RequestPacket()
            gateway.transport.sendto(raw)
            first = await gateway.received.get()
            set_access(olga, "suspended", "barred")
            gateway.transport.sendto(raw)
            return first == await gateway.received.get(), len(booth.seen)

    assert play(olga, tmp_path, story) == (True, 1)


def replayed(olga, tmp_path, port, *requests, after_s=3600, forget=False):
    """What is reported, and the sessions that are left, when the first request is sent once more an hour after all of
    them, from another port. forget: the verifier was started anew meanwhile."""
    first = requests[0].RequestPacket()

    async def story(booth):
        for request in requests:
            await ask(getattr(booth, port), request)
            olga.now += 60
        olga.now += after_s
        if forget:
            return booth.seen, None
        async with conversation(getattr(booth, port)) as gateway:
            gateway.transport.sendto(first)
            await gateway.received.get()
        return booth.seen, sessions(olga)

    async def again(booth):
        async with conversation(getattr(booth, port)) as gateway:
            gateway.transport.sendto(first)
            await gateway.received.get()
        return booth.seen, sessions(olga)

    found = play(olga, tmp_path, story)
    return play(olga, tmp_path, again) if forget else found


def test_a_request_that_somebody_recorded_is_answered_and_tells_nothing(olga, tmp_path):
    """The verdict is of now; where the card was seen an hour ago says nothing of now."""
    seen, _ = replayed(olga, tmp_path, "auth", access_request(_3GPP_IMSI=IMSI, _3GPP_IMEISV=RIGHT))

    assert len(seen) == 1


@pytest.mark.parametrize("status", [START, INTERIM, STOP])
def test_an_undated_report_that_somebody_recorded_is_answered_and_counts_once(olga, tmp_path, status):
    report = {"_3GPP_IMSI": IMSI, "_3GPP_IMEISV": RIGHT, "Acct_Session_Id": "one"}
    others = [] if status == STOP else [accounting_request(STOP, **report)]
    seen, left = replayed(olga, tmp_path, "acct", accounting_request(status, **report), *others)

    assert (len(seen), left) == (1 + len(others), [])


def test_an_undated_report_of_a_session_that_is_known_is_dated_by_it_also_after_a_restart(olga, tmp_path):
    report = {"_3GPP_IMSI": IMSI, "_3GPP_IMEISV": RIGHT, "Acct_Session_Id": "one"}
    began = olga.now
    seen, left = replayed(
        olga, tmp_path, "acct",
        accounting_request(INTERIM, Acct_Session_Time=600, **report),
        accounting_request(INTERIM, Acct_Session_Time=660, **report),
        forget=True,
    )  # fmt: skip

    assert [each.at for each in seen] == [began], "when it was made: no news beside what came since"
    assert left == [("127.0.0.1", "one")]


def test_who_replays_that_a_gateway_starts_anew_ends_no_session_that_began_since(olga, tmp_path):
    """With or without a time: a session that is not known cannot be ended when its card is suspended."""
    report = {"_3GPP_IMSI": IMSI, "_3GPP_IMEISV": RIGHT, "Acct_Session_Id": "one"}
    for on in (accounting_request(ON), accounting_request(ON, Event_Timestamp=int(olga.now))):
        _, left = replayed(olga, tmp_path, "acct", on, accounting_request(START, **report))
        assert left == [("127.0.0.1", "one")]


def test_what_could_not_be_written_counts_when_it_is_sent_again(olga, tmp_path):
    async def story(booth):
        raw = accounting_request(START, _3GPP_IMSI=IMSI, Acct_Session_Id="one").RequestPacket()
        booth.full = StoreUnavailable("disk full")
        async with conversation(booth.acct) as gateway:
            assert await gateway.silence(raw)
            booth.full = None
            gateway.transport.sendto(raw)
            await gateway.received.get()
        return len(booth.seen)

    assert play(olga, tmp_path, story) == 1


def test_an_identifier_that_is_used_again_is_another_request(olga, tmp_path):
    async def story(booth):
        async with conversation(booth.auth) as gateway:
            codes = []
            for access in ("allowed", "barred"):
                set_access(olga, "suspended", access)
                request = access_request(_3GPP_IMSI=IMSI)
                request.id = 7
                codes.append((await gateway.ask(request)).code)
            return codes

    assert play(olga, tmp_path, story) == [packet.AccessAccept, packet.AccessReject]


def started(session="s-1", status=START, **more):
    return accounting_request(status, _3GPP_IMSI=IMSI, _3GPP_IMEISV=RIGHT, Acct_Session_Id=session, **more)


@pytest.mark.usefixtures("store")
def test_sessions_are_kept_from_start_to_stop(olga, tmp_path):
    async def story(booth):
        async with conversation(booth.acct) as gateway:
            kept = []
            for request in (started(), started(status=INTERIM), started("s-2", INTERIM), started(status=STOP)):
                assert (await gateway.ask(request)).code == packet.AccountingResponse
                kept.append([name for _, name in sessions(olga)])
            return kept, len(booth.seen)

    assert play(olga, tmp_path, story) == ([["s-1"], ["s-1"], ["s-1", "s-2"], ["s-2"]], 4)


@pytest.mark.parametrize("status", [ON, OFF])
def test_a_gateway_that_starts_anew_has_no_sessions(olga, tmp_path, status):
    async def story(booth):
        async with conversation(booth.acct) as gateway:
            await gateway.ask(started())
            await gateway.ask(accounting_request(status, Acct_Session_Id="boot"))

    play(olga, tmp_path, story)
    assert sessions(olga) == []


@pytest.mark.usefixtures("store")
def test_only_the_gateway_that_starts_anew_loses_its_sessions(olga, tmp_path):
    async def story(booth):
        async with conversation(booth.acct) as gateway:
            await gateway.ask(started())
            with olga.database.write() as connection:
                connection.exec_driver_sql("UPDATE radius_session SET client = '127.0.0.2'")
            await gateway.ask(accounting_request(ON, Acct_Session_Id="boot"))

    play(olga, tmp_path, story)
    assert sessions(olga) == [("127.0.0.2", "s-1")]


def test_accounting_of_a_card_that_is_not_ours_is_answered_and_forgotten(olga, tmp_path):
    async def story(booth):
        request = accounting_request(START, _3GPP_IMSI="460009999999999", Acct_Session_Id="1")
        return (await ask(booth.acct, request)).code

    assert play(olga, tmp_path, story) == packet.AccountingResponse
    assert sessions(olga) == []


def test_accounting_without_a_session_is_not_answered(olga, tmp_path):
    silent(olga, tmp_path, accounting_request(START, _3GPP_IMSI=IMSI).RequestPacket(), cause="malformed", port="acct")


def test_accounting_is_not_answered_before_it_is_on_disk(olga, tmp_path):
    async def story(booth):
        booth.full = StoreUnavailable("disk full")
        async with conversation(booth.acct) as gateway:
            raw = started().RequestPacket()
            assert await gateway.silence(raw)
            booth.full = None
            gateway.transport.sendto(raw)  # as the gateway does that was not answered
            async with asyncio.timeout(20):
                answered = await gateway.received.get()
            return answered[0], len(booth.seen)

    assert play(olga, tmp_path, story) == (packet.AccountingResponse, 1)
    assert sessions(olga) == [("127.0.0.1", "s-1")]


@pytest.mark.usefixtures("store")
def test_a_session_that_began_while_its_card_was_barred_is_ended(olga, tmp_path):
    set_access(olga, "suspended", "barred")

    async def run():
        async with nas() as (gateway, port), booth(olga, tmp_path, client={"coa_port": port}) as made:
            await ask(made.acct, started())
            await until(lambda: not sessions(olga), "the session was ended")
            return [request["Acct-Session-Id"] for request in gateway.requests]

    assert asyncio.run(run()) == [["s-1"]]


def test_a_session_of_a_card_in_use_is_left_alone(olga, tmp_path):
    async def run():
        async with nas() as (gateway, port), booth(olga, tmp_path, client={"coa_port": port}) as made:
            await ask(made.acct, started())
            await settled()
            return gateway.requests

    assert asyncio.run(run()) == []


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 200), st.binary(max_size=4)), max_size=4), st.integers(0, 200), st.booleans())
def test_a_packet_that_was_changed_on_its_way_is_not_answered(olga_at_rest, edits, length, acct):
    """Whatever is written over it and wherever it is cut: unless it is the packet itself, there is no answer, nor an
    exception."""
    booth, loop = olga_at_rest
    original = (started() if acct else access_request(_3GPP_IMSI=IMSI, _3GPP_IMEISV=RIGHT)).RequestPacket()
    changed = bytearray(original)
    for at, octets in edits:
        changed[at : at + len(octets)] = octets
    changed = changed[: max(len(changed) - length, 0)] if length % 2 else changed

    async def story():
        async with conversation(booth.acct if acct else booth.auth) as gateway:
            return await gateway.silence(bytes(changed))

    # What follows the packet's own length is padding (RFC 2865 section 3).
    same = bytes(changed[: len(original)]) == original
    assert same or loop.run_until_complete(story())
    assert booth.counted("dropped", cause="failed") == 0


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200))
def test_noise_is_not_answered(olga_at_rest, noise):
    booth, loop = olga_at_rest

    async def story():
        async with conversation(booth.auth) as gateway:
            return await gateway.silence(noise)

    assert loop.run_until_complete(story())
    assert booth.counted("dropped", cause="failed") == 0


ATTRIBUTE_TYPES = st.sampled_from([1, 4, 8, 26, 30, 31, 33, 40, 41, 44, 55, 79, 101])


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(ATTRIBUTE_TYPES, st.binary(max_size=60)), max_size=12))
def test_a_gateway_may_say_any_octets_in_any_attribute(olga_at_rest, said):
    """Proved packets with odd contents are answered or dropped for their form; nothing of them fails."""
    booth, loop = olga_at_rest

    async def story():
        request = access_request()
        for number, value in said:
            request.setdefault(number, []).append(value)
        async with conversation(booth.auth) as gateway:
            assert (await gateway.ask(request)).code in (packet.AccessAccept, packet.AccessReject)
        request = accounting_request(START)
        for number, value in said:
            request.setdefault(number, []).append(value)
        async with conversation(booth.acct) as gateway:
            gateway.transport.sendto(request.RequestPacket())
            await gateway.ask(status_server())

    loop.run_until_complete(story())
    assert booth.counted("dropped", cause="failed") == 0


@pytest.fixture(scope="module")
def olga_at_rest(tmp_path_factory):
    """One service for every example of the properties."""
    folder = tmp_path_factory.mktemp("radius")
    with desk(folder) as olga, asyncio.Runner() as runner:
        olga.bind(Attester())
        manager = booth(olga, folder)
        made = runner.run(manager.__aenter__())
        yield made, runner.get_loop()
        runner.run(manager.__aexit__(None, None, None))
