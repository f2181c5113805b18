"""Binds what a station endorsed: each device to the card that was in it."""

from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

from simbond_tools.client import Api, ApiProblem

_OF_THE_ROW = (404, 409, 422)
"""Refusals that say something about this card and this device; others about the token, the load, the server."""


class Binding(NamedTuple):
    """What became of one entry's card. code and detail: why it was left alone, empty where it was not."""

    bound: bool
    code: str = ""
    detail: str = ""


def bind(
    api: Api, station: str, rows: list[dict[str, Any]], told: Callable[[int, int], None] = lambda done, rows: None
) -> dict[int, Binding]:
    """Binds the cards of a report's rows, by their entries' numbers; refused devices are left out. A card is bound only
    where no device has ever had it, so what was interrupted is done again, and what a person has moved since stays.

    told: hears how many rows of how many are done. Raises ApiProblem, Unreachable; whatever was bound by then is bound.
    """
    found = {}
    wanted = [row for row in rows if row["outcome"] != "refused"]
    for done, row in enumerate(wanted, 1):
        found[row["seq"]] = _bind(api, station, row)
        told(done, len(wanted))
    return found


def count(bindings: dict[int, Binding]) -> dict[str, int]:
    """How many are bound, and how many were left."""
    found = Counter(binding.bound for binding in bindings.values())
    return {"bound": found[True], "left": found[False]}


def _bind(api: Api, station: str, row: dict[str, Any]) -> Binding:
    if row["iccid"] is None:
        return Binding(False, "no-card", "The station saw no card in it.")
    order = {"device": row["kid"], "first": True, "reason": f"Endorsed by station {station}, entry {row['seq']}."}
    try:
        api.post_again(f"/v1/cards/{row['iccid']}/bind", order)
    except ApiProblem as e:
        if e.status not in _OF_THE_ROW:
            raise
        return Binding(False, e.code, str(e))
    return Binding(True)
