"""The database file: who may read it, whether its schema is the code's, what is said when it is unusable."""

import os
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, insert, inspect, select

from simbond_verifier.reasons import Tier
from simbond_verifier.store.database import Database, StoreError
from simbond_verifier.store.schema import metadata, setting
from support.attester import ICCID, Attester
from support.stores import place
from support.verifier import desk as make_desk


@pytest.fixture
def empty(store: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path | str]:
    """A database with nothing in it, not even tables."""
    if store == "sqlite":
        yield tmp_path / "new.db"
    else:
        server = request.getfixturevalue("postgres")
        url = server.new_database()
        yield url
        server.drop(url)


def test_the_migrations_make_the_schema_that_the_code_uses(empty: Path | str) -> None:
    database = Database(empty)
    with database.read() as migrated:
        assert compare_metadata(MigrationContext.configure(migrated, opts={"compare_type": True}), metadata) == []
        found = schema(migrated)
    with database.altering() as config:
        connection = config.attributes["connection"]
        metadata.drop_all(connection)
        metadata.create_all(connection)
        assert found == schema(connection)
    database.close()


def test_a_database_of_the_first_version_is_brought_up_to_date_with_what_is_in_it(store: str, tmp_path: Path) -> None:
    with make_desk(tmp_path) as desk:
        meter = Attester()
        desk.bind(meter)
        with desk.database.altering() as config:
            command.downgrade(config, "0001")
    with make_desk(tmp_path) as desk:
        assert desk.card(ICCID)["sim_key"] is None
        assert desk.attest(meter).tier is Tier.AFFIRMING
        assert desk.rotate(meter, meter.successor()).tier is Tier.AFFIRMING


def schema(connection: Connection) -> dict[str, Any]:
    """Columns and indexes of every table, with what alembic does not compare on SQLite: defaults, partial indexes."""
    found = inspect(connection)
    tables = {
        name: sorted(str(column) for column in found.get_columns(name))
        for name in found.get_table_names()
        if name != "alembic_version"
    }
    indexes = connection.exec_driver_sql(
        "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'"
        if connection.dialect.name == "postgresql"
        else "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
    )
    return tables | {name: " ".join(sql.split()) for name, sql in indexes if "alembic" not in name}


def test_what_is_written_is_there_at_the_next_start(store: str, tmp_path: Path) -> None:
    for _ in range(2):
        database = Database(place(tmp_path / "kept.db"))
        with database.write() as connection:
            names = list(connection.execute(select(setting.c.name)).scalars())
            connection.execute(insert(setting).values(name=f"n{len(names)}", value=b"1"))
        database.close()
    assert names == ["n0"]


def test_a_block_that_fails_writes_nothing(store: str, tmp_path: Path) -> None:
    database = Database(place(tmp_path / "kept.db"))

    def fail() -> None:
        with database.write() as connection:
            connection.execute(insert(setting).values(name="n", value=b"1"))
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    with database.read() as connection:
        assert connection.execute(select(setting.c.name)).first() is None
    database.close()


def test_nobody_else_on_the_machine_reads_it(tmp_path: Path) -> None:
    """Neither the file nor what SQLite keeps beside it while it is open: evidence, keys of nonces, customers."""
    before = os.umask(0o022)
    try:
        database = Database(tmp_path / "test.db")
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}
        database.close()
    finally:
        os.umask(before)
    assert modes == {"test.db": 0o600, "test.db-wal": 0o600, "test.db-shm": 0o600}


def test_a_file_that_was_open_to_others_is_closed_to_them(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    Database(path).close()
    path.chmod(0o644)
    database = Database(path)
    assert {stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()} == {0o600}
    database.close()


def test_a_folder_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no directory; create it or choose another with --db"):
        Database(tmp_path / "nowhere" / "simbond.db")


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("This is not a database, and must not become one. " * 50)
    before = path.read_bytes()
    with pytest.raises(StoreError, match=r"notes\.txt cannot be used: file is not a database"):
        Database(path)
    assert path.read_bytes() == before


def test_a_folder_in_place_of_a_file(tmp_path: Path) -> None:
    before = tmp_path.stat().st_mode
    with pytest.raises(StoreError, match="is a directory; name a file in it"):
        Database(tmp_path)
    assert tmp_path.stat().st_mode == before


def test_a_database_of_another_program(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE card (name TEXT)")
    other.close()
    with pytest.raises(StoreError, match="cannot be used"):
        Database(path)


def test_a_database_of_a_newer_simbond(tmp_path: Path) -> None:
    path = tmp_path / "newer.db"
    Database(path).close()
    newer = sqlite3.connect(path, isolation_level=None)
    newer.execute("UPDATE alembic_version SET version_num = '9999'")
    newer.close()
    with pytest.raises(StoreError, match=r"cannot be used.*9999.*newer simbond"):
        Database(path)


def test_a_damaged_database(tmp_path: Path) -> None:
    path = tmp_path / "damaged.db"
    Database(path).close()
    octets = bytearray(path.read_bytes())
    octets[100:4096] = bytes(3996)
    path.write_bytes(octets)
    with pytest.raises(StoreError, match="cannot be used"):
        Database(path)
