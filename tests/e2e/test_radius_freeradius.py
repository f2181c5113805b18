"""RADIUS against another implementation: FreeRADIUS' client asks and reports, FreeRADIUS' server ends sessions."""

import asyncio
import os
import re
from pathlib import Path

import pytest

from simbond_verifier.observation import Place
from simbond_verifier.policy import read
from simbond_verifier.radius.sessions import Told
from simbond_verifier.store.radius_sessions import running, started
from support import freeradius
from support.attester import IMSI, Attester
from support.radius import booth
from support.verifier import NOW, desk

RIGHT = "8612340500000112"
FOREIGN = "3599990500000112"
SIGNED = {"Message_Authenticator": "0x00"}


@pytest.fixture
def olga(tmp_path):
    with desk(tmp_path) as made:
        made.bind(Attester())
        yield made


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    with freeradius.gateway(tmp_path_factory.mktemp("gateway") / "raddb") as running_gateway:
        yield running_gateway


def say(olga, tmp_path, kind, *, port="auth", **attributes):
    """What radclient gets, and what the verifier heard."""

    async def run():
        async with booth(olga, tmp_path) as made:
            return await freeradius.radclient(tmp_path, getattr(made, port), kind, **attributes), made.seen

    return asyncio.run(run())


def test_radclient_is_let_in(olga, tmp_path):
    said, seen = say(olga, tmp_path, "auth", _3GPP_IMSI=IMSI, _3GPP_IMEISV=f'"{RIGHT}"', **SIGNED)
    assert said.code == 0, said
    assert "Received Access-Accept" in said.text
    assert "Message-Authenticator = 0x" in said.text.partition("Received")[2]
    assert [one.imei for one in seen] == [RIGHT]


def test_radclient_in_a_foreign_device_is_rejected(olga, tmp_path):
    said, _ = say(olga, tmp_path, "auth", _3GPP_IMSI=IMSI, _3GPP_IMEISV=f'"{FOREIGN}"', **SIGNED)
    assert "Received Access-Reject" in said.text
    assert 'Reply-Message = "network-imei-differs: ' in said.text


def test_radclient_is_not_answered_without_a_message_authenticator(olga, tmp_path):
    said, seen = say(olga, tmp_path, "auth", _3GPP_IMSI=IMSI)
    assert "No reply from server" in said.text
    assert seen == []


@pytest.mark.parametrize(("port", "reply"), [("auth", "Access-Accept"), ("acct", "Accounting-Response")])
def test_radclient_asks_whether_it_is_alive(olga, tmp_path, port, reply):
    said, _ = say(olga, tmp_path, "status", port=port, **SIGNED)
    assert f"Received {reply}" in said.text


def test_radclient_reports_a_session_and_where_it_is(olga, tmp_path):
    said, (seen,) = say(
        olga,
        tmp_path,
        "acct",
        port="acct",
        Acct_Status_Type="Start",
        Acct_Session_Id='"s-1"',
        _3GPP_IMSI=IMSI,
        _3GPP_User_Location_Info="0x8264f000749664f0000f046767",
        Called_Station_Id='"cmiot"',
    )
    assert "Received Accounting-Response" in said.text
    assert (seen.place.plmn, seen.place.area, seen.place.cell) == ("46000", 29846, 0xF046767)
    assert seen.apn == "cmiot"
    with olga.database.read() as connection:
        assert [one.session for one in running(connection, IMSI)] == ["s-1"]


def told(olga, tmp_path, gateway, session, act):
    """What comes of asking FreeRADIUS about a session, and whether it is still on record."""
    with olga.database.write() as connection:
        started(connection, 1, "127.0.0.1", session, user_name="meter", address="", at=NOW)

    async def run():
        async with booth(olga, tmp_path, client={"coa_port": gateway.port}) as made:
            return await act(made.service.sessions)

    result = asyncio.run(run())
    with olga.database.read() as connection:
        return result, [one.session for one in running(connection, IMSI)]


@pytest.mark.parametrize("session", ["s-1", "gone"])
def test_freeradius_ends_a_session(olga, tmp_path, gateway, session):
    assert told(olga, tmp_path, gateway, session, lambda sessions: sessions.end(IMSI)) == (Told(1), [])
    assert f'3GPP-IMSI = "{IMSI}"' in gateway.received()


def test_freeradius_may_refuse(olga, tmp_path, gateway):
    result, left = told(olga, tmp_path, gateway, "kept", lambda sessions: sessions.end(IMSI))
    assert "Error-Cause 501" in result.failures[0]
    assert left == ["kept"]


def test_freeradius_restricts_a_session(olga, tmp_path, gateway):
    restrict = told(olga, tmp_path, gateway, "s-2", lambda sessions: sessions.restrict(IMSI, "attestation-only"))
    assert restrict == (Told(1), ["s-2"])
    assert 'Filter-Id = "attestation-only"' in gateway.received()


EXAMPLE = Path(__file__).parents[2] / "examples" / "radius"


@pytest.mark.parametrize(
    ("imei", "code", "heard"), [(RIGHT, 0, ["Access-Accept", "Accounting-Response"]), (FOREIGN, 1, ["Access-Reject"])]
)
def test_the_example_plays_a_gateway(olga, tmp_path, imei, code, heard):
    freeradius.needs.program("radclient", package="freeradius-utils")

    async def run():
        async with booth(olga, tmp_path) as made:
            ports = {"AUTH_PORT": str(made.auth), "ACCT_PORT": str(made.acct)}
            process = await asyncio.create_subprocess_exec(
                EXAMPLE / "gateway.sh",
                tmp_path / "secret",
                IMSI,
                imei,
                env=os.environ | ports,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
            text, _ = await process.communicate()
            return process.returncode, text.decode(), made.seen

    ended, text, seen = asyncio.run(run())
    assert ended == code, text
    assert list(dict.fromkeys(re.findall(r"Received (\S+)", text))) == heard
    assert seen[0].place == Place("46000", 1234, 5678901)


def test_the_example_s_policy_is_one():
    (client,) = read(EXAMPLE / "policy.toml").radius.clients
    assert str(client.address) == "127.0.0.1/32"
    assert client.secret_file == EXAMPLE / "radius-secret"
