"""A running verifier and its gateways: what one sees by RADIUS, what the other decides, what is left after a kill."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from simbond_agent import claims
from support import freeradius
from support.attester import Attester
from support.field import Field, eventually, new_device
from support.freeradius import Gateway, Said
from support.nas import SECRET, START, accounting_request
from support.server import VerifierServer
from support.verifier import SCENARIO

STRICT = SCENARIO + 'network-imei-differs = "suspend"\n'
NARROW = SCENARIO + 'network-imei-differs = "restrict"\n'
FOREIGN = "3599990500000112"


class Place:
    """A verifier and how to speak RADIUS with it."""

    def __init__(self, folder: Path, coa_port: int, scenario: str) -> None:
        self.folder = folder
        (folder / "secret").write_bytes(SECRET)
        (folder / "policy.toml").write_text(
            "[radius]\nauth_port = 0\nacct_port = 0\n"
            f'[[radius.clients]]\naddress = "127.0.0.1"\nsecret_file = "secret"\ncoa_port = {coa_port}\n'
        )
        options = ("--policy", str(folder / "policy.toml"))
        self.server = VerifierServer(folder, scenarios=[scenario], options=options)

    def port(self, kind: str) -> int:
        """Where the verifier listens since its last start, by its own log; auth or acct."""
        with Field(self.server) as field:
            return int([entry for entry in field.log() if entry["event"] == "listening"][-1][f"{kind}_port"])

    def asks(self, device: Attester, imei: str | None = None) -> Said:
        """A gateway asks for a card, which it sees in its device or in another."""
        return freeradius.ask(
            self.folder, self.port("auth"), "auth", **_identities(device, imei), Message_Authenticator="0x00"
        )

    def tells(self, device: Attester, session: str, status: str = "Start", imei: str | None = None) -> None:
        """A gateway reports a session of a card."""
        said = freeradius.ask(
            self.folder,
            self.port("acct"),
            "acct",
            **_identities(device, imei),
            Acct_Status_Type=status,
            Acct_Session_Id=f'"{session}"',
        )
        assert "Received Accounting-Response" in said.text, said


def _identities(device: Attester, imei: str | None) -> dict[str, str]:
    return {"_3GPP_IMSI": str(device.imsi), "_3GPP_IMEISV": f'"{imei or device.imei[:14] + "07"}"'}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with freeradius.gateway(tmp_path_factory.mktemp("gateway") / "raddb") as running:
        yield running


@contextmanager
def at_work(folder: Path, gateway: Gateway, scenario: str = SCENARIO) -> Iterator[tuple[Place, Field, Attester]]:
    """A verifier, and a device that is bound and has attested."""
    place = Place(folder, gateway.port, scenario)
    meter = new_device()
    with place.server as server, Field(server) as field:
        field.bind(meter)
        assert field.attest(meter).reasons == []
        yield place, field, meter


def sessions(field: Field) -> list[str]:
    return [name for (name,) in field.rows("SELECT session FROM radius_session ORDER BY id")]


def test_a_card_that_evidence_suspends_loses_its_session_and_gets_no_other(tmp_path: Path, gateway: Gateway) -> None:
    with at_work(tmp_path, gateway) as (place, field, meter):
        assert "Received Access-Accept" in place.asks(meter).text
        place.tells(meter, "stolen-1")
        assert sessions(field) == ["stolen-1"]

        thief = new_device(iccid=meter.iccid, imsi=meter.imsi)
        field.add(thief)
        assert field.attest(thief).reasons == ["foreign-device-claim"]
        iccid, meter.iccid, imsi, meter.imsi = meter.iccid, None, meter.imsi, None
        meter.status = claims.TRAY_EMPTY
        assert field.attest(meter).reasons == ["tray-empty"]
        meter.iccid, meter.imsi = iccid, imsi

        assert field.state(iccid) == ("suspended", "barred")
        eventually(lambda: field.card(iccid)["enforcement"]["outcome"] == "confirmed")
        assert sessions(field) == []
        assert 'Acct-Session-Id = "stolen-1"' in gateway.received()
        assert 'Reply-Message = "card-suspended: ' in place.asks(meter).text

        with field.server.api() as api:
            api.post(f"/v1/cards/{iccid}/resume", {"reason": "found again"})
        assert "Received Access-Accept" in place.asks(meter).text


def test_the_network_s_word_bears_out_a_claim_at_the_door(tmp_path: Path, gateway: Gateway) -> None:
    """Another device claims the card, and then the gateway sees the card in that device: that is two sources."""
    with at_work(tmp_path, gateway) as (place, field, meter):
        thief = new_device(iccid=meter.iccid, imsi=meter.imsi)
        field.add(thief)
        assert field.attest(thief).reasons == ["foreign-device-claim"]
        assert field.state(meter.iccid)[1] == "allowed"

        assert 'Reply-Message = "card-suspended: ' in place.asks(meter, imei=thief.imei).text
        assert field.state(meter.iccid) == ("suspended", "barred")


def test_an_imei_that_the_network_was_told_does_not_suspend_by_itself(tmp_path: Path, gateway: Gateway) -> None:
    with at_work(tmp_path, gateway) as (place, field, meter):
        place.tells(meter, "forged-1", imei=FOREIGN)
        assert field.state(meter.iccid) == ("warned", "allowed")
        assert 'Reply-Message = "network-imei-differs: ' in place.asks(meter, imei=FOREIGN).text
        assert field.state(meter.iccid) == ("warned", "allowed")
        assert "Received Access-Accept" in place.asks(meter).text


def test_it_does_where_the_ladder_says_so(tmp_path: Path, gateway: Gateway) -> None:
    with at_work(tmp_path, gateway, STRICT) as (place, field, meter):
        place.tells(meter, "forged-2", imei=FOREIGN)
        assert field.state(meter.iccid) == ("suspended", "barred")
        eventually(lambda: not sessions(field))
        assert 'Acct-Session-Id = "forged-2"' in gateway.received()


def test_a_restricted_card_has_its_session_filtered(tmp_path: Path, gateway: Gateway) -> None:
    with at_work(tmp_path, gateway, NARROW) as (place, field, meter):
        place.tells(meter, "narrow-1")
        place.tells(meter, "narrow-1", "Interim-Update", imei=FOREIGN)
        assert field.state(meter.iccid) == ("warned", "restricted")
        eventually(lambda: field.card(meter.iccid)["enforcement"]["outcome"] == "confirmed")
        assert sessions(field) == ["narrow-1"]
        assert "Received CoA-Request" in gateway.received()
        assert 'Filter-Id = "simbond-restricted"' in place.asks(meter).text


def test_a_device_that_took_on_the_bound_imei_is_known_by_its_key(tmp_path: Path, gateway: Gateway) -> None:
    """The network cannot tell the two, and lets it in; its own word, and the silence of the bound key, can."""
    with at_work(tmp_path, gateway) as (place, field, meter):
        thief = Attester(imei=meter.imei, iccid=meter.iccid, imsi=meter.imsi)
        with field.server.api() as api:
            api.post("/v1/devices", {"request": thief.enrolment().hex(), "allow_duplicate_imei": True})
        assert "Received Access-Accept" in place.asks(thief).text
        assert field.attest(thief).reasons == ["foreign-device-claim"]


def test_a_modem_whose_imei_was_rewritten_is_known_by_its_key_and_kept_out(tmp_path: Path, gateway: Gateway) -> None:
    with at_work(tmp_path, gateway) as (place, field, meter):
        honest = meter.imei
        meter.imei = f"{FOREIGN[:14]}0"
        assert "network-imei-differs" in place.asks(meter).text
        assert field.attest(meter).reasons[0] == "imei-mismatch"
        assert field.state(meter.iccid) == ("suspended", "barred")
        meter.imei = honest
        assert "card-suspended" in place.asks(meter).text


class Reporter(threading.Thread):
    """A gateway that reports one session after the other, sends again what was not answered, and keeps what was."""

    def __init__(self, port: int, number: int, imsi: str) -> None:
        super().__init__(daemon=True)
        self.acknowledged: list[str] = []
        self.gone = threading.Event()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.settimeout(0.5)
        self._socket.connect(("127.0.0.1", port))
        self._number = number
        self._imsi = imsi

    def run(self) -> None:
        with self._socket:
            for n in range(1_000_000):
                name = f"{self._number}-{n}"
                raw = accounting_request(START, _3GPP_IMSI=self._imsi, Acct_Session_Id=name).RequestPacket()
                while not self._answered(raw):
                    if self.gone.is_set():
                        return
                self.acknowledged.append(name)

    def _answered(self, raw: bytes) -> bool:
        try:
            self._socket.send(raw)
            return self._socket.recv(4096)[:2] == bytes([5, raw[1]])
        except OSError:  # time-out, or nobody listens any more
            time.sleep(0.01)
            return False


def test_what_a_gateway_was_answered_survives_a_kill(tmp_path: Path, gateway: Gateway) -> None:
    with at_work(tmp_path, gateway) as (place, field, meter):
        total: set[str] = set()
        for round_ in range(3):
            reporters = [Reporter(place.port("acct"), 10 * round_ + n, str(meter.imsi)) for n in range(4)]
            for reporter in reporters:
                reporter.start()
            eventually(lambda reporters=reporters: all(len(one.acknowledged) > 5 for one in reporters))  # type: ignore[misc]
            place.server.kill()
            for reporter in reporters:
                reporter.gone.set()
                reporter.join(60)
                assert not reporter.is_alive()
                total |= set(reporter.acknowledged)
            place.server.start()
            assert total <= set(sessions(field))
