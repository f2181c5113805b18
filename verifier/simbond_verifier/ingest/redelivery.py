"""Evidence that a broker delivers again, because the verifier went away before it had acknowledged it."""

from sqlalchemy import bindparam, text

from ..envelope import open_envelope
from ..reasons import Reason, Tier
from ..store.database import Database
from ..store.identities import MessageColumn
from .result import Result

# The table has no index by message. What comes again was taken a moment ago: it is not looked for further back.
_FIND = text(
    "SELECT id, tier, reasons FROM evidence WHERE message = :message"
    " AND id > (SELECT max(id) - 10000 FROM evidence) ORDER BY id DESC LIMIT 1"
).bindparams(bindparam("message", type_=MessageColumn))


async def first_result(database: Database, message: bytes) -> Result | None:
    """The verdict over this very message where it was appraised already, None where it was not.

    It is no replay: the device sent it once, and may wait for the answer. The interval is 0: what the scenario asks for
    was not kept, and the next Evidence is told it.
    """
    found = await database.ask(lambda connection: connection.execute(_FIND, {"message": message}).first())
    if found is None:
        return None
    reasons = tuple(Reason(reason) for reason in found.reasons.split(",") if reason)
    return Result(Tier(found.tier), reasons, 0, open_envelope(message).kid, found.id)
