"""Backups: a whole copy of the database at one moment, taken while the verifier works, and put back when it does not.

What is restored is old: see recovery.
"""

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from time import strftime

from sqlalchemy import URL, make_url, text
from sqlalchemy.exc import ProgrammingError

from .. import disk
from . import recovery
from .database import Database, backend_of
from .errors import StoreError
from .sqlite import Sqlite

_SQLITE = b"SQLite format 3\0"
_POSTGRESQL = b"PGDMP"
_CONTENT = ("card", "device", "token")
"""A database that has rows in none of these is nobody's."""


def save(where: str | Path, file: Path) -> int:
    """Writes a backup of a database that may be at work. The file is whole and on disk, or not there; an older one of
    its name is replaced then. Returns its octets. Raises StoreError."""
    backend = backend_of(where)
    backend.close()
    if not file.parent.is_dir():
        raise StoreError(f"{file.parent} is no directory; create it or choose another place for the backup")
    with _beside(file) as unfinished:
        if isinstance(backend, Sqlite):
            _copy(backend.path, unfinished)
        else:
            _run("pg_dump", where, "--format=custom", f"--file={unfinished}")
        octets = unfinished.stat().st_size
        disk.put(unfinished, file)
    return octets


def restore(file: Path, where: str | Path, *, overwrite: bool = False) -> None:
    """Puts a backup in the place of a database that no verifier works on; the database is the old one or the backup,
    never something between. overwrite: although there is something in it. Raises StoreError."""
    kind = _kind(file)
    backend = backend_of(where)
    try:
        if (kind == _SQLITE) is not isinstance(backend, Sqlite):
            made = "a file" if kind == _SQLITE else "PostgreSQL"
            raise StoreError(f"{file} was taken from {made}; give a --db of that kind")
        backend.hold()
        if isinstance(backend, Sqlite):
            _restore_file(file, backend.path, overwrite)
        else:
            _restore_server(file, str(where), overwrite)
    finally:
        backend.close()


def _kind(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            begins = opened.read(len(_SQLITE))
    except OSError as e:
        raise StoreError(f"{file} cannot be read: {e.strerror}") from None
    for kind in (_SQLITE, _POSTGRESQL):
        if begins.startswith(kind):
            return kind
    raise StoreError(f"{file} is no backup; 'simbond backup' makes them")


# Files


def _copy(source: Path, target: Path) -> None:
    """One snapshot of a file that others may write, checked, without a log beside it."""
    if not source.is_file():
        raise StoreError(f"{source} is no database; name it with --db")
    try:
        name = f"{source.resolve().as_uri()}?mode=ro"
        with closing(sqlite3.connect(name, uri=True)) as live, closing(sqlite3.connect(target)) as copy:
            live.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")
            _check(copy, source)
    except sqlite3.Error as e:
        raise StoreError(f"{source} was not copied: {e}") from e


def _check(connection: sqlite3.Connection, name: Path) -> None:
    (found,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    if found != "ok":
        raise StoreError(f"{name} is damaged ({found}); take an older backup")
    if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").fetchone() is None:
        raise StoreError(f"{name} is no database of a verifier")


def _restore_file(file: Path, path: Path, overwrite: bool) -> None:
    if not overwrite and path.exists() and not _is_empty(path):
        raise _not_empty(str(path))
    with _beside(path) as unfinished:
        _copy(file, unfinished)
        with closing(sqlite3.connect(unfinished)) as copy, copy:
            for order in recovery.MARK:
                copy.execute(order)
        Database(unfinished).close()  # brought up to date, or refused as too new
        _keep_old(path)
        disk.put(unfinished, path)


def _keep_old(path: Path) -> None:
    """What is overwritten stays beside the new one, with its log: whoever was wrong goes back."""
    old = path.with_name(f"{path.name}.{strftime('%Y%m%d-%H%M%S')}.replaced")
    for suffix in ("", "-wal", "-shm"):
        beside = path.with_name(path.name + suffix)
        if beside.exists():
            beside.replace(old.with_name(old.name + suffix))


@contextmanager
def _beside(file: Path) -> Iterator[Path]:
    """A place for a file that is not finished, on the same disk, closed to others; nothing stays there."""
    unfinished = file.with_name(f".{file.name}.{os.getpid()}")
    unfinished.touch(mode=0o600)
    try:
        yield unfinished
    except OSError as e:
        raise StoreError(f"{file} was not written: {e.strerror}") from e
    finally:
        for suffix in ("", "-wal", "-shm", "-journal"):
            unfinished.with_name(unfinished.name + suffix).unlink(missing_ok=True)


# Servers


def _restore_server(file: Path, url: str, overwrite: bool) -> None:
    """In one transaction: the script of the backup, and the mark that it is one."""
    if not overwrite and not _is_empty(url):
        raise _not_empty(_without_password(make_url(url)))
    with _beside(Path.cwd() / file.name) as script:
        _run("pg_restore", None, "--clean", "--if-exists", "--no-owner", f"--file={script}", str(file))
        orders = [f"--command={order}" for order in ("RESET search_path", *recovery.MARK)]  # the script cleared it
        strict = ("--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--single-transaction")
        _run("psql", url, *strict, f"--file={script}", *orders)


def _run(program: str, where: str | Path | None, *options: str) -> None:
    """Runs one of PostgreSQL's own programs. A password goes by the environment: a command line is public."""
    path = shutil.which(program)
    if path is None:
        raise StoreError(f"{program} is not installed; on Debian: apt-get install postgresql-client")
    environment = dict(os.environ)
    target: list[str] = []
    if where is not None:
        url = make_url(str(where))
        target = [f"--dbname={_without_password(url)}"]
        if url.password is not None:
            environment["PGPASSWORD"] = str(url.password)
    done = subprocess.run([path, *target, *options], capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        raise StoreError(f"{program}: {done.stderr.strip() or 'failed'}")


def _without_password(url: URL) -> str:
    return url.set(drivername="postgresql")._replace(password=None).render_as_string()


def _is_empty(where: str | Path) -> bool:
    """Whether a database has nothing in it that anybody would miss; one that cannot be read may have."""
    if isinstance(where, Path):
        try:
            with closing(sqlite3.connect(where)) as file:
                return not any(
                    file.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone()  # noqa: S608 - names of ours
                    for (table,) in file.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
                    if table in _CONTENT
                )
        except sqlite3.Error:
            return False
    backend = backend_of(where)
    try:
        for table in _CONTENT:
            with backend.engine.connect() as connection:
                try:
                    if connection.execute(text(f"SELECT 1 FROM {table} LIMIT 1")).first() is not None:  # noqa: S608
                        return False
                except ProgrammingError:
                    pass  # there is no such table
    finally:
        backend.close()
    return True


def _not_empty(where: str) -> StoreError:
    return StoreError(f"{where} is not empty: choose another --db, or give --overwrite to replace what is in it")
