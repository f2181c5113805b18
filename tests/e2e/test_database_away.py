"""The database goes away under load and comes back: refusals with a time to come back, nothing acknowledged lost."""

import threading
import time
from pathlib import Path

from support.attester import Attester
from support.field import Field, eventually, new_device
from support.postgres import PostgresServer
from support.server import VerifierServer

AWAY_S = 2.0


class Sender(threading.Thread):
    """Attests until it is told to stop, as a device does: again where it is told to."""

    def __init__(self, server: VerifierServer, devices: list[Attester]) -> None:
        super().__init__(daemon=True)
        self.acknowledged: list[bytes] = []
        self.refused: list[tuple[int, str | None]] = []
        self.stopping = threading.Event()
        self._server, self._devices = server, devices

    def run(self) -> None:
        with Field(self._server) as own:
            nonces = {device.kid: own.nonce(device) for device in self._devices}
            while not self.stopping.is_set():
                for device in self._devices:
                    message = device.evidence(nonces[device.kid])
                    response = own.post("/v1/evidence", message)
                    if response.status_code == 200:
                        self.acknowledged.append(message)
                    else:
                        self.refused.append((response.status_code, response.headers.get("retry-after")))


def test_a_database_server_that_goes_away_under_load(tmp_path: Path) -> None:
    with PostgresServer() as postgres:  # not the one that other tests use
        db = postgres.new_database()
        with VerifierServer(tmp_path, db=db) as server, Field(server) as field:
            fleets = [[new_device() for _ in range(3)] for _ in range(4)]
            field.bind(*(device for fleet in fleets for device in fleet))
            senders = [Sender(server, fleet) for fleet in fleets]
            for sender in senders:
                sender.start()
            eventually(lambda: all(len(s.acknowledged) > 5 for s in senders))

            postgres.stop()
            eventually(lambda: all(s.refused for s in senders))  # each has heard what it was still to hear
            before = [len(sender.acknowledged) for sender in senders]
            eventually(lambda: all(len(s.refused) > 3 for s in senders))
            assert field.http.get("/healthz").status_code == 200, "it lives"
            time.sleep(AWAY_S)
            assert [len(sender.acknowledged) for sender in senders] == before, "nothing is acknowledged meanwhile"
            postgres.start()

            eventually(lambda: all(len(s.acknowledged) > n + 5 for s, n in zip(senders, before, strict=True)))
            for sender in senders:
                sender.stopping.set()
                sender.join(60)
            assert {refused for s in senders for refused in s.refused} == {(503, "30")}
            kept = [bytes(row[0]) for row in field.rows("SELECT message FROM evidence")]
            assert set(kept).issuperset(m for s in senders for m in s.acknowledged)
            assert len(kept) == len(set(kept)), "nothing counts twice"
            assert "Traceback" not in server.log.read_text()
