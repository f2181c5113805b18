"""kill -9 again and again, at random, while devices attest, operators decide and an HLR is told: what was acknowledged
is there, no card has two commands in effect, the HLR does what was decided last, and the ledger is whole.

SIMBOND_KILLS: how often (3 unless told; 100 before a release).
"""

import json
import os
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import httpx
import pytest

from simbond_tools.hlr import PrivateHlr
from support import needs
from support.attester import Attester
from support.field import Field, eventually, new_device
from support.hlr import recorded
from support.server import VerifierServer, simbond

KILLS = int(os.environ.get("SIMBOND_KILLS", "3"))
CARDS = 6
LONGEST_LIFE_S = 0.6


class Life:
    """What goes on while the verifier lives once, and what of it was acknowledged."""

    def __init__(self, server: VerifierServer, devices: list[Attester]) -> None:
        self.evidence: list[bytes] = []
        self.lifted: Counter[str] = Counter()
        self._server = server
        self._devices = devices
        self._token = server.token("operator")
        work = (self._attest, self._decide)
        self._threads = [threading.Thread(target=self._until_it_is_gone, args=(each,), daemon=True) for each in work]
        for thread in self._threads:
            thread.start()

    def over(self) -> None:
        for thread in self._threads:
            thread.join(90)
            assert not thread.is_alive()

    def _until_it_is_gone(self, work: Callable[[Field], None]) -> None:
        try:
            with Field(self._server) as own:
                while True:
                    work(own)
        except httpx.HTTPError:
            pass  # the verifier was killed

    def _attest(self, own: Field) -> None:
        for device in self._devices:
            message = device.evidence(own.nonce(device))
            own.send(message)
            self.evidence.append(message)

    def _decide(self, own: Field) -> None:
        for device in self._devices:
            for order, more in (("suspend", {}), ("resume", {"reverify": False})):
                body = {"reason": "drill"} | more
                headers = {"authorization": f"Bearer {self._token}"}
                answer = own.http.post(f"/v1/cards/{device.iccid}/{order}", json=body, headers=headers)
                assert answer.status_code == 200, answer.text
                self.lifted[str(device.iccid)] += order == "resume"


@pytest.fixture
def hlr() -> Iterator[PrivateHlr]:
    needs.program("osmo-hlr", package="osmo-hlr")
    with PrivateHlr() as running:
        yield running


@pytest.mark.timeout(180 + 20 * KILLS)
def test_killed_again_and_again_it_keeps_its_word(tmp_path: Path, hlr: PrivateHlr) -> None:
    chance = random.Random()
    devices = [new_device() for _ in range(CARDS)]
    for number, device in enumerate(devices):
        hlr.add_subscriber(str(device.imsi), f"4670123456{number}")
    acknowledged: list[bytes] = []
    lifted: Counter[str] = Counter()
    exported = tmp_path / "all.ledger"
    with VerifierServer(tmp_path, target=hlr.url) as server, Field(server) as field:
        field.bind(*devices)
        for _ in range(KILLS):
            life = Life(server, devices)
            eventually(lambda life=life: life.evidence and life.lifted)  # type: ignore[misc]
            time.sleep(chance.uniform(0, LONGEST_LIFE_S))
            server.kill()
            life.over()
            acknowledged += life.evidence
            lifted += life.lifted
            server.start()

            kept = {bytes(row[0]) for row in field.rows("SELECT message FROM evidence")}
            assert kept.issuperset(acknowledged)
            in_effect = field.rows(
                "SELECT card_id FROM command WHERE outcome = 'pending' GROUP BY card_id HAVING count(*) > 1"
            )
            assert in_effect == [], "one command of a card at a time"
            eventually(lambda: field.rows("SELECT 1 FROM command WHERE outcome = 'pending'") == [])
            accesses = [field.state(device.iccid)[1] for device in devices]
            assert recorded(hlr, devices) == accesses
        assert field.rows("SELECT message FROM evidence GROUP BY message HAVING count(*) > 1") == []
        for device in devices:
            kinds = [e["kind"] for e in field.history(device.iccid) if e["kind"] in ("suspend", "lift")]
            assert all(one != other for one, other in pairwise(kinds)), "no decision is carried out twice"
            unanswered = kinds.count("lift") - lifted[str(device.iccid)]
            assert 0 <= unanswered <= KILLS, "all that was acknowledged is there"
        assert server.simbond("ledger", "export", str(exported)).returncode == 0
        keys = json.loads(server.simbond("signing-key", "list", "--db", str(server.db), "--json").stdout)["keys"]
    verified = simbond("ledger", "verify", str(exported), "--key", keys[0]["point"])
    assert (verified.returncode, verified.stderr) == (0, "")
