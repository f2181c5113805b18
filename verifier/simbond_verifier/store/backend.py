"""What is different between databases: one small module per kind (sqlite, postgresql) behind this interface."""

from contextlib import AbstractContextManager
from typing import Any, Protocol

from sqlalchemy import Connection, Engine


class Statements(Protocol):
    """Plain SQL with `?` for parameters, past SQLAlchemy: for what runs with every Evidence. Raises the driver's own
    errors (`Backend.errors`)."""

    def execute(self, sql: str, parameters: Any = ..., /) -> Any:
        """Runs a statement. Returns a cursor."""

    def executemany(self, sql: str, parameters: Any, /) -> Any:
        """Runs a statement once for each set of parameters; none is fine, too."""


class Backend(Protocol):
    """One database of one kind."""

    engine: Engine

    @property
    def where(self) -> str:
        """The database's name for people; never with a password."""

    @property
    def local(self) -> bool:
        """Statements take microseconds and wait for no network: they may run on the event loop's thread."""

    @property
    def errors(self) -> tuple[type[Exception], ...]:
        """What the driver raises, beside SQLAlchemy's own."""

    def prepare(self) -> None:
        """Sees that there is a database to use, before its schema is looked at. Raises StoreError."""

    def hold(self) -> None:
        """Keeps every other server off this database until `close`. Raises AlreadyServed and StoreError."""

    def altering(self, connection: Connection) -> AbstractContextManager[None]:
        """A transaction in which tables are made and changed."""

    def writer(self) -> Connection:
        """The connection of the one writer. On a database that is held, its transactions are sure to be the only
        ones: whoever loses the hold cannot commit any more."""

    def write(self) -> Connection:
        """A connection for one transaction beside the writer's: the start of a server, a command line."""

    def roll_back(self, connection: Connection) -> None:
        """Ends a transaction that failed, wherever it failed."""

    def is_gone(self, connection: Connection, error: Exception) -> bool:
        """Whether the error means that the writer's connection is lost, and its transaction with it. From then on the
        database counts as away until `writer`'s connection is back."""

    def is_mistake(self, error: Exception) -> bool:
        """Whether a reader's operational error is a statement's fault, and not the database's."""

    def is_away(self) -> bool:
        """Whether the writer's connection is lost: nobody may act on what is read then."""

    def close(self) -> None:
        """Closes every connection and lets go of the hold."""
