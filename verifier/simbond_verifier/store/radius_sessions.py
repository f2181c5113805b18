"""The sessions that RADIUS clients reported and have not ended: what there is to end when a card is suspended."""

from typing import NamedTuple

from sqlalchemy import Connection, delete, insert, select, update

from .schema import card, radius_session


class Running(NamedTuple):
    """One session at one client."""

    client: str
    """The address that its accounting came from."""
    session: str
    user_name: str


def started(
    connection: Connection,
    card_id: int,
    client: str,
    session: str,
    *,
    user_name: str,
    address: str,
    at: float,
    seconds: int = 0,
) -> None:
    """Notes that a session runs, whether it was known or not: the packet that began it may have been lost. seconds:
    for how long it had run at that time."""
    values = {"card_id": card_id, "user_name": user_name, "address": address, "at": at}
    same = (radius_session.c.client == client) & (radius_session.c.session == session)
    if not connection.execute(update(radius_session).where(same).values(values)).rowcount:
        connection.execute(insert(radius_session).values(**values, client=client, session=session, since=at - seconds))


def began(connection: Connection, client: str, session: str) -> float | None:
    """Since when a session runs; None where none is known to."""
    query = select(radius_session.c.since).where(radius_session.c.client == client, radius_session.c.session == session)
    found: float | None = connection.execute(query).scalar()
    return found


def ended(connection: Connection, client: str, session: str) -> None:
    connection.execute(
        delete(radius_session).where(radius_session.c.client == client, radius_session.c.session == session)
    )


def cleared(connection: Connection, client: str, at: float) -> None:
    """Every session of a client that started anew then."""
    before = radius_session.c.since <= at
    connection.execute(delete(radius_session).where(radius_session.c.client == client, before))


def running(connection: Connection, imsi: str) -> list[Running]:
    """A card's sessions, oldest first. imsi: as in the card's row."""
    query = (
        select(radius_session.c.client, radius_session.c.session, radius_session.c.user_name)
        .join(card, card.c.id == radius_session.c.card_id)
        .where(card.c.imsi == imsi)
        .order_by(radius_session.c.id)
    )
    return [Running(*row) for row in connection.execute(query)]
