"""Whether a card may have a session now: the decision, which is pure, and what of the store it takes."""

from typing import NamedTuple

from sqlalchemy import Connection, select

from ..detection.equipment import is_foreign
from ..lifecycle import Access, State
from ..reasons import Reason
from ..scenario import Scenario, Step
from ..store.schema import card, device


class Subject(NamedTuple):
    """A card and the devices that it may be in."""

    state: State
    access: Access
    scenario: str
    imeis: frozenset[str]
    """First 14 digits, of its device's slots, and of the next device's while a swap is announced; none: not bound."""


class Verdict(NamedTuple):
    """reason: why not; None lets the card in, restricted to what the gateway lets through in that case or not."""

    reason: Reason | None
    restricted: bool = False


def decide(
    subject: Subject | None,
    imei: str | None,
    scenario: Scenario | None,
    *,
    reject_unknown: bool,
    reject_foreign_imei: bool,
) -> Verdict:
    """imei: 14 to 16 digits; None, which is no move of the card, where the gateway did not say."""
    if subject is None:
        return Verdict(Reason.CARD_UNKNOWN if reject_unknown else None)
    if subject.access is Access.BARRED:
        return Verdict(Reason.CARD_RETIRED if subject.state is State.RETIRED else Reason.CARD_SUSPENDED)
    if reject_foreign_imei and imei is not None and _is_foreign(subject, imei, scenario):
        return Verdict(Reason.NETWORK_IMEI_DIFFERS)
    return Verdict(None, restricted=subject.access is Access.RESTRICTED)


def _is_foreign(subject: Subject, imei: str, scenario: Scenario | None) -> bool:
    """As the rules see it. A scenario that ignores the sign ignores it here, too; without one nothing is held against
    the card."""
    if scenario is None or scenario.step(Reason.NETWORK_IMEI_DIFFERS) is Step.IGNORE:
        return False
    return is_foreign(imei, scenario, subject.imeis)


def subject(connection: Connection, imsi: str, now: float) -> Subject | None:
    """What the store says of a card; None when it was never imported. imsi: as in the card's row."""
    columns = (card.c.state, card.c.access, card.c.scenario, card.c.device_id, card.c.swap_device_id, card.c.swap_until)
    row = connection.execute(select(*columns).where(card.c.imsi == imsi)).first()
    if row is None:
        return None
    devices = [row.device_id]
    if row.swap_until is not None and row.swap_until > now:
        devices.append(row.swap_device_id)
    slots = connection.execute(select(device.c.imei, device.c.imei2).where(device.c.id.in_(devices))).all()
    # Who is not bound may be in any device, whatever swap was announced.
    imeis = frozenset(imei for slot in slots for imei in slot if imei) if row.device_id is not None else frozenset()
    return Subject(State(row.state), Access(row.access), row.scenario, imeis)
