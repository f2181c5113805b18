"""The ledger after kill -9 under load: every row is an entry, once, and what was signed before is its beginning."""

import json
import random
import threading
import time
from pathlib import Path

import httpx

from support.attester import Attester
from support.field import Field, eventually, new_device
from support.server import VerifierServer, simbond
from support.stores import rows

ROUNDS = 3
DEVICES = 4
KINDS = ("evidence", "event", "command", "readback", "notice", "appeal")


def test_every_row_is_an_entry_whenever_the_verifier_was_killed(tmp_path: Path) -> None:
    kept = tmp_path / "kept.cbor"
    whole = tmp_path / "all.ledger"
    devices = [new_device() for _ in range(DEVICES)]
    chance = random.Random()
    with VerifierServer(tmp_path) as server, Field(server) as field:
        field.bind(*devices)
        assert server.simbond("ledger", "checkpoint", str(kept)).returncode == 0
        for _ in range(ROUNDS):
            before = evidence(server)
            sender = threading.Thread(target=attest_until_it_is_gone, args=(server, devices), daemon=True)
            sender.start()
            eventually(lambda before=before: evidence(server) > before + 5 * DEVICES)  # type: ignore[misc]
            time.sleep(chance.uniform(0, 0.5))
            server.kill()
            sender.join(60)
            server.start()
        assert server.simbond("ledger", "export", str(whole)).returncode == 0
        keys = json.loads(server.simbond("signing-key", "list", "--db", str(server.db), "--json").stdout)["keys"]
        counts = {kind: rows(server.db, f"SELECT count(*) FROM {kind}")[0][0] for kind in KINDS}
        entered = dict(rows(server.db, "SELECT kind, count(*) FROM entry GROUP BY kind"))

    done = simbond("ledger", "verify", str(whole), "--key", keys[0]["point"], "--since", str(kept))

    assert (done.returncode, done.stderr) == (0, "")
    assert counts["evidence"] > ROUNDS * 5 * DEVICES
    assert {kind: entered.get(kind, 0) for kind in KINDS} == counts


def evidence(server: VerifierServer) -> int:
    """How many there are in the database."""
    ((count,),) = rows(server.db, "SELECT count(*) FROM evidence")
    return int(count)


def attest_until_it_is_gone(server: VerifierServer, devices: list[Attester]) -> None:
    try:
        with Field(server) as own:
            while True:
                for device in devices:
                    own.attest(device)
    except httpx.HTTPError:
        pass  # the server was killed
