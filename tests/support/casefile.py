"""A card's life from its import to its suspension and back, on a desk's store, and the case file of it."""

import io
from typing import Any

from sqlalchemy import insert, select

from simbond_verifier import fleet
from simbond_verifier.casefile import bundle, case
from simbond_verifier.casefile.case import Case
from simbond_verifier.casefile.check import Checked, check
from simbond_verifier.signing_key import SigningKey
from simbond_verifier.store import casefile, scenarios_seen
from simbond_verifier.store.schema import command, readback

from .attester import Attester
from .ledger import signed
from .verifier import SCENARIO, Desk

OUTSIDE = bytes.fromhex("64f02074962f04546761")
"""A cell of another network than the scenario's: suspends."""


def answered(desk: Desk, **says: str) -> None:
    """The network answers every command that it has not answered: what it was told, unless stated by access."""
    with desk.database.write() as connection:
        done = set(connection.execute(select(readback.c.command_id)).scalars())
        for row in connection.execute(select(command)).all():
            if row.id not in done:
                said = says.get(row.access, row.access)
                connection.execute(insert(readback).values(at=desk.now, command_id=row.id, target="hlr", said=said))


def suspended(desk: Desk, device: Attester) -> None:
    """A card that its bound device's own Evidence suspends, and that an operator lets back."""
    with desk.database.write() as connection:
        scenarios_seen.note(connection, {"meter": SCENARIO}, at=desk.now)
    desk.bind(device)
    desk.attest(device)
    inside, device.cell = device.cell, OUTSIDE
    desk.now += 60
    desk.attest(device)
    answered(desk)
    device.cell = inside
    desk.now += 60
    desk.do(fleet.resume, device.iccid, reason="ticket 7", reverify=False, scenarios=desk.scenarios, actor="olga")
    answered(desk)


def exported(desk: Desk, iccid: str, key: SigningKey) -> bytes:
    """The case file of a card, of everything that is there now."""
    signed(desk, key)
    with desk.database.read() as connection:
        found = casefile.find(connection, iccid)
        assert found is not None
        return casefile.export(connection, found, key, desk.now)


def opened(octets: bytes, key: SigningKey) -> Case:
    return case.read(bundle.read(io.BytesIO(octets), [key.public.point])[bundle.CONTENT])


def checked(found: Case, key: SigningKey) -> Checked:
    return check(found, [key.public.point])


def with_item(found: Case, number: int, **changes: Any) -> Case:
    """The case with one of its entries changed."""
    items = list(found.items)
    items[number] = items[number]._replace(**changes)
    return found._replace(items=items)
