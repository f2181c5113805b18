"""Two verifiers on one database: one works, the other does not; and when the first loses the database, it is over."""

import json
import subprocess
from pathlib import Path

import psycopg
import pytest

from support.field import Field, eventually, new_device
from support.server import SIMBOND, VerifierServer

LOCAL = 7
_HOLDERS = """
SELECT pid FROM pg_locks JOIN pg_database ON pg_database.oid = database
WHERE locktype = 'advisory' AND granted AND datname = current_database()
"""


def command(server: VerifierServer, *options: str) -> list[str]:
    scenarios = str(server.log.parent / "scenarios")
    return [*SIMBOND, "serve", "--json", "--port", "0", "--db", str(server.db), "--scenarios", scenarios, *options]


def test_the_second_says_why_it_does_not_start(store: str, tmp_path: Path) -> None:
    with VerifierServer(tmp_path) as server, Field(server) as field:
        done = subprocess.run(command(server), capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == LOCAL, done.stderr
        assert "Another 'simbond serve' works on" in json.loads(done.stdout)["error"]["detail"]
        meter = new_device()
        field.bind(meter)
        assert field.attest(meter).verdict == (2, [])


def test_a_standby_takes_over_and_knows_what_the_first_knew(store: str, tmp_path: Path) -> None:
    with VerifierServer(tmp_path) as first, Field(first) as field:
        meter = new_device()
        field.bind(meter)
        nonce = field.attest(meter).nonce
        (tmp_path / "second").mkdir()
        second = VerifierServer(tmp_path / "second", db=first.db, options=["--standby"])
        second.launch()
        try:
            eventually(lambda: "stands by" in second.log.read_text())
            first.kill()
            second.listening()
            with Field(second) as there:
                assert there.attest(meter, nonce).verdict == (2, [])
        finally:
            second.stop()


@pytest.mark.parametrize("store", ["postgresql"], indirect=True)
def test_whose_connection_is_cut_gets_it_back_where_nobody_else_has_it(store: str, tmp_path: Path) -> None:
    with VerifierServer(tmp_path) as server, Field(server) as field:
        meter = new_device()
        field.bind(meter)
        (before,) = cut(server)
        eventually(lambda: [holder for holder in field.rows(_HOLDERS) if holder != before])
        assert field.attest(meter).verdict == (2, [])


@pytest.mark.parametrize("store", ["postgresql"], indirect=True)
def test_who_finds_the_database_taken_ends_at_once(store: str, tmp_path: Path) -> None:
    with VerifierServer(tmp_path) as server, Field(server) as field:
        meter = new_device()
        field.bind(meter)
        message = meter.evidence(field.nonce(meter))
        lock = (
            "SELECT pg_advisory_lock((classid::bigint << 32) | objid::bigint) FROM pg_locks WHERE locktype = 'advisory'"
        )
        with psycopg.connect(str(server.db), autocommit=True) as other:
            # Whoever waits for a lock gets it before anybody who tries.
            waiting = subprocess.Popen(
                ["psql", "-qAt", str(server.db), "-c", lock, "-c", "SELECT pg_sleep(600)"], stdout=subprocess.DEVNULL
            )
            eventually(lambda: other.execute("SELECT 1 FROM pg_locks WHERE NOT granted").fetchone())
            cut(server)
            assert server.exit_code(60) == LOCAL
            waiting.terminate()
            waiting.wait(60)
        assert "Another 'simbond serve'" in server.log.read_text()
        kept = [row[0] for row in field.rows("SELECT message FROM evidence")]
        assert message not in kept


def cut(server: VerifierServer) -> list[tuple[int]]:
    """Ends the session that holds the database, as an administrator or a fail-over may. Returns its number."""
    with psycopg.connect(str(server.db), autocommit=True) as other:
        holders = other.execute(_HOLDERS).fetchall()
        other.execute("SELECT pg_terminate_backend(%s)", holders[0])
    return holders
