"""Where the databases of tests are: files, or databases of a PostgreSQL. Tests with the fixture `store` run on both."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import psycopg

from simbond_verifier.store.database import Database

from .postgres import PostgresServer

_places: "dict[Path, str] | None" = None
_server: PostgresServer | None = None
_asked = False
_spare: list[str] = []
"""Databases that earlier tests have left, with tables and nothing in them."""


def place(path: Path) -> Path | str:
    """The database that a test calls by this path: the file, or the URL of a database that stands for it."""
    if not _asked or _places is None or _server is None:
        return path
    if path not in _places:
        _places[path] = _spare.pop() if _spare else _server.new_database(_template(_server))
    return _places[path]


def asked_by_test(asked: bool) -> None:
    """Whether the test that begins has the fixture `store`; one between such tests has files."""
    global _asked
    _asked = asked


@contextmanager
def on_postgresql(server: PostgresServer) -> Iterator[None]:
    """Places are databases of this server until the block ends."""
    global _places, _server
    _places, _server = {}, server
    try:
        yield
    finally:
        leave(Path("/"))
        _places, _server = None, None


def leave(folder: Path) -> None:
    """Nobody needs the databases any more that were called by paths in this folder."""
    if _places is None or _server is None:
        return
    for path in [path for path in _places if path.is_relative_to(folder)]:
        _server.empty(_places[path])
        _spare.append(_places.pop(path))


def rows(where: Path | str, query: str) -> list[tuple[Any, ...]]:
    """What another process sees in a database."""
    connect: Any = psycopg.connect if isinstance(where, str) else sqlite3.connect
    connection = connect(where)
    try:
        return list(connection.execute(query).fetchall())
    finally:
        connection.close()


@cache
def _template(server: PostgresServer) -> str:
    """A database with the tables: to copy it takes a tenth of what the migrations take."""
    url = server.new_database()
    Database(url).close()
    return url.rpartition("/")[2]
