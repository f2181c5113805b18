"""Finds what a request names."""

from sqlalchemy import Connection, RowMapping, select

from simbond_agent import claims, identity

from ..appraisal import Card
from ..lifecycle import State
from ..refusal import Invalid, NotFound
from ..store import cards, retired_keys
from ..store.schema import device


def find_card(connection: Connection, iccid: str) -> Card:
    found = cards.by_iccid(connection, read_iccid(iccid))
    if found is None:
        raise no_card(iccid)
    return found


def find_device(connection: Connection, kid: str) -> RowMapping:
    found = connection.execute(select(device).where(device.c.kid == read_kid(kid))).mappings().first()
    if found is None:
        raise no_device(connection, kid)
    return found


def read_iccid(text: str) -> str:
    normal = identity.iccid(text)
    if normal is None:
        raise Invalid("iccid-invalid", f"'{text}' is no ICCID: 19 or 20 digits beginning with 89.")
    return str(normal)


def read_kid(text: str) -> bytes:
    try:
        kid = bytes.fromhex(text)
    except ValueError:
        kid = b"?"
    if len(kid) not in (0, claims.KID_OCTETS):
        raise Invalid("kid-invalid", f"'{text}' is no key id: {2 * claims.KID_OCTETS} hex digits.")
    return kid


def no_card(iccid: str) -> NotFound:
    return NotFound("card-unknown", f"Card {iccid} is not imported; see 'simbond cards import'.")


def no_device(connection: Connection, kid: str) -> NotFound:
    retired = retired_keys.find(connection, read_kid(kid))
    if retired is None:
        return NotFound("device-unknown", f"No device has the key {kid}; see 'simbond devices enrol'.")
    now = connection.execute(select(device.c.kid).where(device.c.id == retired.device_id)).scalar_one().hex()
    return NotFound("key-rotated", f"The device with the key {kid} rotated it; its key is {now} now.", kid=now)


_RESUME = "Resume it, with or without re-verification, or file an appeal."
_INSTEAD = {
    State.STOCK: "Bind it first.",
    State.WARNED: "It is in use; affirming Evidence, a confirmed second check or an upheld appeal ends the warning.",
    State.SUSPENDED: _RESUME,
    State.REVERIFYING: _RESUME,
    State.RETIRED: "A retired card stays so.",
}


def instead(state: State) -> str:
    """What may be done with a card in this state, for whoever ordered what may not."""
    return _INSTEAD.get(state, "See its history.")
