"""Backup under load, and back into a world that went on: real databases, a real HLR."""

import json
import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from simbond_tools.hlr import PrivateHlr
from support import needs
from support.attester import Attester
from support.field import Field, eventually, new_device
from support.hlr import recorded
from support.server import VerifierServer, simbond

LOCAL = 7


@pytest.fixture
def hlr() -> Iterator[PrivateHlr]:
    needs.program("osmo-hlr", package="osmo-hlr")
    with PrivateHlr() as running:
        yield running


def restore(server: VerifierServer, file: Path, *options: str) -> Any:
    done = simbond("restore", str(file), "--db", str(server.db), "--json", *options)
    document = json.loads(done.stdout)
    del document["schema"]
    return done.returncode, document


def decide(field: Field, device: Attester, what: str, **more: Any) -> None:
    with field.server.api() as api:
        api.post(f"/v1/cards/{device.iccid}/{what}", {"reason": "drill", **more})


def is_carried_out(field: Field, *devices: Attester) -> bool:
    commands = [field.card(device.iccid)["enforcement"] for device in devices]
    return all(command is None or command["outcome"] == "confirmed" for command in commands)


class Load(threading.Thread):
    """Attests until it is told to stop; keeps what was acknowledged."""

    def __init__(self, server: VerifierServer, devices: list[Attester]) -> None:
        super().__init__(daemon=True)
        self.acknowledged: list[bytes] = []
        self.stopping = threading.Event()
        self._server, self._devices = server, devices

    def run(self) -> None:
        with Field(self._server) as own:
            while not self.stopping.is_set():
                for device in self._devices:
                    message = device.evidence(own.nonce(device))
                    if own.send(message).tier == 2:
                        self.acknowledged.append(message)


def test_a_backup_under_load_is_put_back_into_a_world_that_went_on(store: str, tmp_path: Path, hlr: PrivateHlr) -> None:
    suspended_later, lifted_later, steady = fleet = [new_device() for _ in range(3)]
    loaders = [new_device() for _ in range(4)]
    for number, device in enumerate([*fleet, *loaders]):
        hlr.add_subscriber(str(device.imsi), f"4670123456{number}")
    file = tmp_path / "simbond.backup"
    with VerifierServer(tmp_path, target=hlr.url) as server, Field(server) as field:
        field.bind(*fleet, *loaders)
        decide(field, lifted_later, "suspend")
        eventually(lambda: is_carried_out(field, lifted_later))

        load = Load(server, loaders)
        load.start()
        eventually(lambda: len(load.acknowledged) > 10)
        before = list(load.acknowledged)
        done = simbond("backup", str(file), "--db", str(server.db), "--json")
        assert json.loads(done.stdout).items() >= {"file": str(file), "octets": file.stat().st_size}.items()
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        known = len(load.acknowledged)
        eventually(lambda: len(load.acknowledged) > known + 10)
        load.stopping.set()
        load.join(90)

        decide(field, suspended_later, "suspend")
        decide(field, lifted_later, "resume", reverify=False)
        captured = steady.evidence(field.nonce(steady))
        assert field.send(captured).verdict == (2, [])
        eventually(lambda: is_carried_out(field, suspended_later, lifted_later))
        assert recorded(hlr, fleet) == ["barred", "allowed", "allowed"]

        assert restore(server, file, "--overwrite")[0] == LOCAL, "not while a verifier works on it"
        server.stop()
        code, refused = restore(server, file)
        assert (code, "--overwrite" in refused["error"]["detail"]) == (LOCAL, True)
        assert restore(server, file, "--overwrite") == (0, {"file": str(file), "restored": True})
        server.start()

        kept = {bytes(row[0]) for row in field.rows("SELECT message FROM evidence")}
        assert kept.issuperset(before), "what was acknowledged before the backup is in it"
        assert captured not in kept

        eventually(lambda: field.rows("SELECT 1 FROM setting WHERE name = 'reconciled-to'") == [])
        eventually(lambda: is_carried_out(field, *fleet))
        assert [field.state(d.iccid)[1] for d in fleet] == recorded(hlr, fleet) == ["allowed", "barred", "allowed"]
        kinds = [[event["kind"] for event in field.history(device.iccid)] for device in fleet]
        assert [("restored-differs" in kind) for kind in kinds] == [True, True, False]
        assert field.rows("SELECT count(*) FROM event WHERE kind = 'restored'") == [(1,)]

        assert field.send(captured).reasons == ["nonce-wrong"], "what was captured since does not count again"
        assert field.attest(steady).verdict == (2, [])
        server.stop()
        server.start()
        assert field.rows("SELECT count(*) FROM event WHERE kind = 'restored'") == [(1,)], "once"


def test_restore_into_nothing_makes_the_database(tmp_path: Path) -> None:
    with VerifierServer(tmp_path) as server, Field(server) as field:
        meter = new_device()
        field.bind(meter)
        server.simbond("backup", str(tmp_path / "b"), "--db", str(server.db))
        server.stop()
        (tmp_path / "there").mkdir()
        there = VerifierServer(tmp_path / "there")
        assert restore(there, tmp_path / "b")[0] == 0
        assert stat.S_IMODE(os.stat(there.db).st_mode) == 0o600
        with there, Field(there) as field:
            assert field.attest(meter).verdict == (2, [])


def test_who_kept_a_checkpoint_is_told_of_the_restore(tmp_path: Path) -> None:
    """The ledger goes on under its name, and says itself from where on it is another one."""
    early, late, export = (str(tmp_path / name) for name in ("early.cbor", "late.cbor", "all.ledger"))
    with VerifierServer(tmp_path) as server, Field(server) as field:
        meter = new_device()
        field.bind(meter)
        server.simbond("ledger", "checkpoint", early)
        server.simbond("backup", str(tmp_path / "b"), "--db", str(server.db))
        field.attest(meter)
        server.simbond("ledger", "checkpoint", late)
        server.stop()
        assert restore(server, tmp_path / "b", "--overwrite")[0] == 0
        server.start()
        for _ in range(5):
            field.attest(meter)
        server.simbond("ledger", "export", export)
        keys = json.loads(simbond("signing-key", "list", "--db", str(server.db), "--json").stdout)["keys"]

    def verify(since: str, *more: str) -> Any:
        return simbond("ledger", "verify", export, "--key", keys[0]["point"], "--since", since, *more)

    assert verify(early).returncode == 0
    told, document = verify(late), json.loads(verify(late, "--json").stdout)
    assert (told.returncode, document["good"]) == (1, False)
    assert "The ledger was ROLLED BACK to a backup" in told.stdout
    assert f"from a backup with {document['rolled_back']} of them" in told.stderr


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"hello", "no backup"),
        (b"SQLite format 3\0" + bytes(5000), "not copied"),
        (b"PGDMP" + bytes(100), "taken from PostgreSQL"),
    ],
)
def test_what_is_no_backup_is_refused_and_nothing_is_touched(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "b").write_bytes(content)
    done = simbond("restore", str(tmp_path / "b"), "--db", str(tmp_path / "new.db"), "--json")
    assert done.returncode == LOCAL
    assert words in json.loads(done.stdout)["error"]["detail"]
    assert not (tmp_path / "new.db").exists()


def test_a_backup_takes_the_place_of_another_one_only_by_force(tmp_path: Path) -> None:
    db, file = ["--db", str(tmp_path / "simbond.db")], tmp_path / "backup"
    simbond("token", "create", "--name", "x", "--role", "viewer", *db)
    file.write_text("the only backup there is")

    refused = simbond("backup", str(file), *db)

    assert refused.returncode == 7
    assert "--force" in refused.stderr
    assert file.read_text() == "the only backup there is"
    assert simbond("backup", str(file), "--force", *db).returncode == 0
    assert file.read_bytes().startswith(b"SQLite")
