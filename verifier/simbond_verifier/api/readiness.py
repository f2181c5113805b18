"""GET /readyz: whether messages sent here now would be taken, and what follows from them carried out
(docs/operations.md). No token: it says nothing about cards."""

from collections.abc import Callable, Sequence
from time import monotonic, time

from sqlalchemy import func, select

from ..store.database import Database
from ..store.group_commit import GroupCommit, StoreUnavailable
from ..store.schema import command
from ..workers.keeper import Keeper

_COMMIT_S = 45.0
"""The deadlines' beat is written every 15 s, whatever else happens."""
_STUCK_S = 120.0


class Readiness:
    """Asks database, outbox and workers; not oftener than every second, whoever asks."""

    def __init__(
        self,
        database: Database,
        writer: GroupCommit,
        keeper: Keeper,
        clock: Callable[[], float] = time,
        since: Callable[[], float] = monotonic,
        *,
        warnings: Sequence[str] = (),
    ) -> None:
        """warnings: what is missing and keeps nobody from sending messages here."""
        self.warnings = list(warnings)
        self._database = database
        self._writer = writer
        self._keeper = keeper
        self._clock = clock
        self._since = since
        self._asked_at = float("-inf")
        self._found: dict[str, str] = {}

    async def checks(self) -> dict[str, str]:
        """What was looked at: "ok", or what is wrong and where to look."""
        now = self._since()
        if now - self._asked_at >= 1:
            self._asked_at = now
            outbox = await self._outbox()
            self._found = {"database": self._database_state(now), "outbox": outbox, "workers": self._work()}
        return self._found

    def _database_state(self, now: float) -> str:
        age_s = now - self._writer.committed_at
        if age_s <= _COMMIT_S:
            return "ok"
        return f"nothing was written for {age_s:.0f} s: is the disk full, the database away? The log says"

    async def _outbox(self) -> str:
        """A target that is away does not count: its commands are put off, and taking Evidence goes on."""
        overdue = select(func.min(command.c.next_at)).where(command.c.outcome == "pending")
        try:
            oldest = await self._database.ask(lambda connection: connection.execute(overdue).scalar())
        except StoreUnavailable as e:
            return f"the database does not answer: {e}"
        if oldest is None or self._clock() - oldest <= _STUCK_S:
            return "ok"
        return f"a command is due for {self._clock() - oldest:.0f} s, and was not tried: does the target's call hang?"

    def _work(self) -> str:
        failing = self._keeper.failing()
        return f"failing: {', '.join(failing)}; the log says why" if failing else "ok"
