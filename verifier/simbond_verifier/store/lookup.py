"""One row by a plain statement, over and over: what every message may need before it has its turn with the writer."""

from typing import Any

from sqlalchemy import PoolProxiedConnection

from .database import Database, statements
from .errors import StoreUnavailable


class Lookup:
    """Close it before its database."""

    def __init__(self, database: Database, sql: str) -> None:
        """sql: with `?` for parameters."""
        self._database = database
        self._sql = sql
        # On a file, a connection of its own is ten times as fast as one from the pool.
        self._held: PoolProxiedConnection | None = None
        if database.backend.local:
            self._held = database.engine.raw_connection()

    async def first(self, *parameters: Any) -> Any:
        """The first row, or None. Raises StoreUnavailable."""
        if self._held is None:
            return await self._database.ask(lambda c: statements(c).execute(self._sql, parameters).fetchone())
        try:
            return self._held.cursor().execute(self._sql, parameters).fetchone()
        except self._database.backend.errors as e:
            raise StoreUnavailable(str(e)) from e

    def close(self) -> None:
        if self._held is not None:
            self._held.close()
