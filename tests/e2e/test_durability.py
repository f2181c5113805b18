"""kill -9 at any moment: what was acknowledged is there at the next start, and what was decided is carried out."""

import asyncio
import os
import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from simbond_agent import claims
from simbond_tools.hlr import PrivateHlr
from simbond_verifier.enforcement import Access, from_url
from support import needs
from support.attester import Attester
from support.field import Field, eventually, new_device
from support.server import VerifierServer

ROUNDS = int(os.environ.get("SIMBOND_KILLS", "4"))
SENDERS = 6


class Card(NamedTuple):
    iccid: str
    imsi: str


class Sender(threading.Thread):
    """Attests with keys of its own until the server is gone, and keeps what was acknowledged."""

    def __init__(self, field: Field, devices: list[Attester], batches: bool) -> None:
        super().__init__(daemon=True)
        self.acknowledged: list[bytes] = []
        self._field = field
        self._devices = devices
        self._batches = batches

    def run(self) -> None:
        try:
            with Field(self._field.server) as own:
                nonces = {d.kid: own.nonce(d) for d in self._devices}
                while True:
                    messages = [d.evidence(nonces[d.kid]) for d in self._devices]
                    if self._batches:
                        answers = own.send_batch(*messages)
                        self.acknowledged += [m for m, a in zip(messages, answers, strict=True) if a.tier == 2]
                    else:
                        for message in messages:
                            if own.send(message).tier == 2:
                                self.acknowledged.append(message)
        except httpx.HTTPError:
            pass  # the server was killed


@pytest.mark.timeout(180 + 10 * ROUNDS)
def test_what_was_acknowledged_survives_a_kill(store: str, tmp_path: Path) -> None:
    chance = random.Random()
    with VerifierServer(tmp_path) as server, Field(server) as field:
        fleets = [[new_device() for _ in range(4)] for _ in range(SENDERS)]
        field.bind(*(d for fleet in fleets for d in fleet))
        for _ in range(ROUNDS):
            senders = [Sender(field, fleet, batches=n % 3 == 0) for n, fleet in enumerate(fleets)]
            for sender in senders:
                sender.start()
            eventually(lambda senders=senders: all(len(s.acknowledged) > 5 for s in senders))  # type: ignore[misc]
            time.sleep(chance.uniform(0, 0.2))
            server.kill()
            for sender in senders:
                sender.join(90)
                assert not sender.is_alive()

            server.start()

            kept = {row[0] for row in field.rows("SELECT message FROM evidence WHERE tier = 2")}
            acknowledged = [m for s in senders for m in s.acknowledged]
            assert len(acknowledged) > 5 * SENDERS
            assert kept.issuperset(acknowledged)
            if store == "sqlite":
                assert field.rows("PRAGMA integrity_check") == [("ok",)]
            assert field.rows("SELECT message FROM evidence GROUP BY message HAVING count(*) > 1") == []
            for sender in senders:
                for answer in field.send_batch(*sender.acknowledged[-8:]):
                    assert answer.reasons[0] in ("replayed", "counter-back"), "the counters survived, too"


def suspend_through_its_own_devices(field: Field) -> Card:
    """A foreign device claims a meter's card and the meter's tray is empty: decided without anybody else."""
    meter, foreign = new_device(), Attester(imei="353456060000024", imsi=None)
    field.bind(meter)
    field.add(foreign)
    foreign.iccid = meter.iccid
    assert field.attest(foreign).reasons == ["foreign-device-claim"]
    card = Card(str(meter.iccid), str(meter.imsi))
    meter.iccid, meter.imsi, meter.status = None, None, claims.TRAY_EMPTY
    assert field.attest(meter).reasons == ["tray-empty"]
    assert field.state(card.iccid) == ("suspended", "barred")
    return card


@pytest.fixture
def hlr() -> Iterator[PrivateHlr]:
    needs.program("osmo-hlr", package="osmo-hlr")
    with PrivateHlr() as running:
        yield running


async def read_back(hlr: PrivateHlr, imsi: str) -> Access:
    target = from_url(hlr.url)
    try:
        return await target.state(imsi)
    finally:
        await target.close()


def test_a_suspension_that_was_decided_and_not_confirmed_is_carried_out_after_a_kill(
    tmp_path: Path, hlr: PrivateHlr
) -> None:
    with VerifierServer(tmp_path, target=hlr.url) as server, Field(server) as field:
        hlr.stop()
        card = suspend_through_its_own_devices(field)
        enforcement = field.card(card.iccid)["enforcement"]
        assert (enforcement["access"], enforcement["outcome"]) == ("barred", "pending")
        server.kill()

        hlr.start()
        hlr.add_subscriber(card.imsi, "46701234567")
        server.start()

        eventually(lambda: field.card(card.iccid)["enforcement"]["outcome"] == "confirmed")
        assert field.history(card.iccid)[-1]["enforcement"]["outcome"] == "confirmed"
        assert asyncio.run(read_back(hlr, card.imsi)) is Access.BARRED


def test_an_hlr_that_comes_back_is_told_without_a_restart(tmp_path: Path, hlr: PrivateHlr) -> None:
    with VerifierServer(tmp_path, target=hlr.url) as server, Field(server) as field:
        hlr.stop()
        card = suspend_through_its_own_devices(field)
        failed = eventually(lambda: field.card(card.iccid)["enforcement"]["attempts"])
        assert failed >= 1
        assert hlr.host in field.card(card.iccid)["enforcement"]["error"]
        hlr.start()
        hlr.add_subscriber(card.imsi, "46701234567")
        eventually(lambda: field.card(card.iccid)["enforcement"]["outcome"] == "confirmed", seconds=60)


def test_a_kill_at_any_moment_of_a_suspension_leaves_no_half_of_it(store: str, tmp_path: Path) -> None:
    """State, history and command are one transaction: after a kill all are there or none."""
    chance = random.Random()
    with VerifierServer(tmp_path) as server, Field(server) as field:
        devices = [new_device() for _ in range(60)]
        field.bind(*devices)
        token = server.token()
        for part in (devices[:30], devices[30:]):

            def suspend(part: list[Attester] = part) -> None:
                try:
                    with Field(server) as own:
                        for device in part:
                            own.http.post(
                                f"/v1/cards/{device.iccid}/suspend",
                                json={"reason": "drill"},
                                headers={"authorization": f"Bearer {token}"},
                            )
                except httpx.HTTPError:
                    pass  # the server was killed

            thread = threading.Thread(target=suspend, daemon=True)
            thread.start()
            iccids = ",".join(f"'{device.iccid}'" for device in part)
            some = f"SELECT 1 FROM card WHERE state = 'suspended' AND iccid IN ({iccids})"
            eventually(lambda some=some: len(field.rows(some)) > 3)  # type: ignore[misc]
            time.sleep(chance.uniform(0, 0.02))
            server.kill()
            thread.join(90)
            server.start()
            suspended = set(field.rows("SELECT id FROM card WHERE state = 'suspended'"))
            assert set(field.rows("SELECT card_id FROM event WHERE kind = 'suspend'")) == suspended
            assert set(field.rows("SELECT card_id FROM command WHERE access = 'barred'")) == suspended
            eventually(lambda: field.rows("SELECT 1 FROM command WHERE outcome = 'pending'") == [])
            barred = set(field.rows("SELECT imsi FROM subscriber WHERE access = 'barred'"))
            assert barred == set(field.rows("SELECT imsi FROM card WHERE state = 'suspended'"))
