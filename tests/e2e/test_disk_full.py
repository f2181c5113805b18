"""A disk that is full under load: refusals with a time to come back, nothing acknowledged lost, and on it goes."""

import resource
from pathlib import Path

from support.field import Field, eventually, new_device
from support.server import VerifierServer


def test_a_full_disk(tmp_path: Path) -> None:
    with VerifierServer(tmp_path) as server, Field(server) as field:
        meter, other = new_device(), new_device()
        field.bind(meter, other)
        nonce = field.nonce(meter)
        acknowledged, refused = [], []

        def attest() -> int:
            message = meter.evidence(nonce)
            response = field.post("/v1/evidence", message)
            if response.status_code == 200:
                acknowledged.append(message)
            else:
                refused.append((response.status_code, response.headers["retry-after"]))
            return response.status_code

        for _ in range(20):
            assert attest() == 200
        log = Path(f"{server.db}-wal")
        limits = resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (log.stat().st_size, resource.RLIM_INFINITY))
        eventually(lambda: attest() != 200)
        assert [attest() for _ in range(5)] == [503] * 5
        with server.api() as api:
            assert api.get(f"/v1/cards/{meter.iccid}")["state"] == "bound", "reading works"
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, limits)
        eventually(lambda: attest() == 200)

        assert set(refused) == {(503, "30")}
        server.kill()
        server.start()
        kept = [row[0] for row in field.rows("SELECT message FROM evidence")]
        assert set(kept).issuperset(acknowledged)
        assert len(kept) == len(set(kept))
        assert field.rows("PRAGMA integrity_check") == [("ok",)]
