"""A PostgreSQL of the tests' own: Debian's binaries, a cluster in a temporary folder, a database for each test."""

import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType

import psycopg
import pytest

from .ports import free_port

_VERSIONS = Path("/usr/lib/postgresql")
_READY_S = 60
_EMPTY = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid();
DO $$
DECLARE name text; filled boolean;
BEGIN
    SET LOCAL session_replication_role = replica;  -- foreign keys do not mind
    SET LOCAL synchronous_commit = off;
    FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version' LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM %I)', name) INTO filled;
        IF filled THEN EXECUTE format('DELETE FROM %I', name); END IF;
    END LOOP;
    PERFORM setval(format('%I', sequencename), 1, false) FROM pg_sequences
        WHERE schemaname = 'public' AND last_value IS NOT NULL;
END $$
"""


class PostgresServer:
    """Runs between `with` and its end, on a free port of loopback, with fsync as in real life. `stop` and `start` keep
    what is in it."""

    def __init__(self) -> None:
        self._programs = programs()
        self.port = 0
        self._folder = Path()
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "PostgresServer":
        self._folder = Path(tempfile.mkdtemp(prefix="simbond-postgres-"))
        self.port = free_port()
        if os.geteuid() == 0:
            shutil.chown(self._folder, "postgres", "postgres")
        order = [self._program("initdb"), "-D", self._data, "-U", "simbond", "-A", "trust", "-E", "UTF8", "--no-locale"]
        made = subprocess.run(_as_nobody_special([*order, "--no-sync"]), capture_output=True, text=True, cwd="/")
        assert made.returncode == 0, made.stderr
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, e: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()
        shutil.rmtree(self._folder)

    @property
    def _data(self) -> str:
        return str(self._folder / "data")

    def _program(self, name: str) -> str:
        return str(self._programs / name)

    def start(self) -> None:
        """Returns once it takes connections."""
        options = ["-D", self._data, "-p", str(self.port), "-k", str(self._folder), "-c", "listen_addresses=127.0.0.1"]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                _as_nobody_special([self._program("postgres"), *options]), stdout=log, stderr=log, cwd="/"
            )
        deadline = time.monotonic() + _READY_S
        while True:
            try:
                psycopg.connect(self.url("postgres")).close()
                return
            except psycopg.OperationalError:
                running = self._process.poll() is None and time.monotonic() < deadline
                assert running, (self._folder / "log").read_text()
                time.sleep(0.02)

    def stop(self) -> None:
        """Ends it at once, with everybody's connections; nothing that was committed is lost."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)  # its "fast shutdown"
            self._process.wait(60)
            self._process = None

    def url(self, database: str) -> str:
        return f"postgresql://simbond@127.0.0.1:{self.port}/{database}"

    def new_database(self, template: str = "template1") -> str:
        """URL of a fresh database, as the template is."""
        name = f"t{secrets.token_hex(6)}"
        self._order(f"CREATE DATABASE {name} TEMPLATE {template}")
        return self.url(name)

    def drop(self, url: str) -> None:
        """Removes a database, with everybody's connections to it."""
        self._order(f"DROP DATABASE {url.rpartition('/')[2]} WITH (FORCE)")

    def empty(self, url: str) -> None:
        """Removes everything that was written into a database: a tenth of what a new one takes."""
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(_EMPTY)

    def _order(self, sql: str) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(sql.encode())


def programs() -> Path:
    """The folder of the newest PostgreSQL. Missing: skipped with what to install, and on CI a failure."""
    found = sorted(_VERSIONS.glob("*/bin/postgres"), key=lambda p: int(p.parent.parent.name))
    if found:
        return found[-1].parent
    message = "PostgreSQL is not installed; on Debian: apt-get install postgresql"
    if os.environ.get("CI") == "true":
        pytest.fail(message, pytrace=False)
    pytest.skip(message)


def _as_nobody_special(command: list[str]) -> list[str]:
    """PostgreSQL refuses to run as root."""
    return (
        ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", *command]
        if os.geteuid() == 0
        else command
    )
