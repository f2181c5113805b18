"""Which scenario texts the verifier has weighed by, and since when: without them nobody can follow a verdict later."""

import json
from collections.abc import Mapping
from hashlib import sha256

from sqlalchemy import Connection, select

from ..event_kinds import SCENARIO_LOADED
from . import fleet_events
from .database import upsert
from .schema import setting

_SEEN = "scenarios-seen"


def note(connection: Connection, texts: Mapping[str, str], *, at: float, actor: str = "verifier") -> list[str]:
    """Records every scenario whose text is not the one that was loaded last: at the start of a server, or when one is
    switched on. texts: the files by the scenarios' names. Returns the names of those that changed."""
    seen = _seen(connection)
    changed = []
    for name, text in sorted(texts.items()):
        digest = sha256(text.encode()).hexdigest()
        versions = seen.setdefault(name, [])
        if versions and versions[-1][0] == digest:
            continue
        event_id = fleet_events.record(
            connection, SCENARIO_LOADED, at=at, actor=actor, scenario=name, sha256=digest, text=text
        )
        versions.append((digest, event_id))
        changed.append(name)
    if changed:
        upsert(connection, setting, {"name": _SEEN}, {"value": json.dumps(seen).encode()})
    return changed


def events_of(connection: Connection, name: str) -> list[int]:
    """The events that recorded a scenario's texts, oldest first."""
    return [event_id for _, event_id in _seen(connection).get(name, [])]


def _seen(connection: Connection) -> dict[str, list[tuple[str, int]]]:
    value = connection.execute(select(setting.c.value).where(setting.c.name == _SEEN)).scalar()
    return {} if value is None else json.loads(value)
