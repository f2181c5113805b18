"""Codes of the verifier in words for people. A code from a newer verifier is shown as it is."""

from typing import Any

from simbond_verifier.lifecycle import State
from simbond_verifier.reasons import Reason, Tier
from simbond_verifier.words import Language, explain

from .common import when

_HAPPENED = {
    "import": "imported",
    "bind": "bound",
    "affirm": "affirmed by its device",
    "alert": "alert",
    "suspend": "suspended",
    "open": "let in for re-verification",
    "lift": "measures lifted",
    "expire": "its check ran out",
    "recheck": "second check ordered",
    "restrict": "restricted",
    "reminded": "holder reminded of its check",
    "extended": "check extended: the verifier was away",
    "appeal-filed": "appeal filed",
    "appeal-upheld": "appeal upheld",
    "appeal-rejected": "appeal rejected",
    "appeal-withdrawn": "appeal withdrawn",
    "appeal-overdue": "appeal not decided in time",
    "retire": "retired",
    "withheld": "not done: the rule is stopped, or everything is; a person decides",
    "dismissed": "what was withheld is not done",
    "unbind": "taken from its device",
    "swap-opened": "another device may take it over",
    "swap-expired": "swap given up: the announced device did not attest in time",
    "decision-asked": "asked for, to be approved by another person",
    "decision-approved": "approved",
    "decision-refused": "refused",
    "decision-withdrawn": "withdrawn by whoever asked",
    "decision-lapsed": "nobody decided in time",
    "key-revoked": "key of its device revoked",
    "key-rotated": "key of its device rotated",
    "retired-key-used": "rotated key used again: its device does not know of the rotation, or somebody else ordered it",
    "sim-key-registered": "key of its SIM registered",
    "sim-key-removed": "key of its SIM removed",
    "counter-behind": "counter of its device went back",
    "restored-differs": "the network differed after a restore, and was told again",
    "erased": "what is personal about it erased",
    "accused": "claimed by another device",
    "accusation-refuted": "claim refuted by its device",
    "accusation-expired": "claim expired",
}
_NEXT = {
    State.STOCK: "bind it: simbond cards bind {iccid} --device KID",
    State.WARNED: "see why: simbond cards history {iccid}; affirming evidence of its device ends the warning",
    State.SUSPENDED: "see why: simbond cards history {iccid}; then put it into its device, which attests, "
    "or: simbond cards resume {iccid} --reason ...",
    State.REVERIFYING: "its device has to attest; wait, or: simbond cards history {iccid}",
}


def happened(kind: str) -> str:
    """What an event of a card's history was."""
    return _HAPPENED.get(kind, kind)


def reason(code: str, language: Language = Language.EN) -> str:
    """A reason code, explained."""
    try:
        return f"{explain(Reason(code), language)} ({code})"
    except ValueError:
        return code


def tier(value: int) -> str:
    try:
        return Tier(value).name.lower()
    except ValueError:
        return str(value)


def carried_out(command: dict[str, Any] | None) -> str:
    """How a command to the network went."""
    if command is None:
        return "nothing had to be told"
    if command["outcome"] == "confirmed":
        but = f"; {command['error']}" if command["error"] else ""
        return f"confirmed after {command['ms']} ms{but}"
    if command["outcome"] == "superseded":
        return "superseded by a later order before it was confirmed"
    if not command["attempts"]:
        return "not confirmed yet"
    return f"not confirmed after {command['attempts']} attempts ({command['error']}); it is tried again"


def next_step(card: dict[str, Any]) -> str:
    """What an operator does next about a card; empty when nothing is to be done."""
    template = _NEXT.get(card["state"], "")
    return template.format(iccid=card["iccid"])


def timeline(history: list[dict[str, Any]], language: Language = Language.EN) -> list[str]:
    """A card's history as lines: when, what, by whom, the state after it; below that, why and what followed."""
    lines = []
    for event in history:
        lines.append(
            f"{when(event['at'])}  {happened(event['kind'])}, by {event['actor']}: {event['state']}, {event['access']}"
        )
        lines += [f"    {line}" for line in _circumstances(event, language)]
    return lines


def _circumstances(event: dict[str, Any], language: Language) -> list[str]:
    lines = [reason(code, language) for code in event["reasons"]]
    lines += [f"{name.replace('_', ' ')}: {value}" for name, value in event["detail"].items()]
    if event["device"] is not None:
        lines.append(f"device: {event['device']}")
    if event["evidence"] is not None:
        lines.append(f"evidence: {event['evidence']}, received {when(event['evidence_at'])}")
    command = event["enforcement"]
    if command is not None:
        lines.append(f"network told '{command['access']}': {carried_out(command)}{_since_evidence(event)}")
    return lines


def _since_evidence(event: dict[str, Any]) -> str:
    done_at, evidence_at = event["enforcement"]["done_at"], event["evidence_at"]
    if event["enforcement"]["outcome"] != "confirmed" or evidence_at is None:
        return ""
    return f", {(done_at - evidence_at) * 1000:.1f} ms after the evidence came in"


def seen(view: dict[str, Any]) -> list[tuple[str, object]]:
    """What networks last saw of a card, as names and values."""
    place = [f"{name} {view[name]}" for name in ("plmn", "area", "cell", "lat", "lon") if view[name] is not None]
    return [
        ("IMEI", view["imei"] and f"{view['imei']}, {when(view['imei_at'])}"),
        ("place", place and f"{', '.join(place)}, {when(view['place_at'])}"),
        ("last seen", when(view["traffic_at"])),
        ("source", view["source"]),
    ]


def against(signs: list[dict[str, Any]]) -> list[str]:
    """Signs against a card as lines: since when, what, how often; below that, what was seen."""
    lines = []
    for sign in signs:
        over = f", over since {when(sign['cleared_at'])}" if sign["cleared_at"] is not None else ""
        lines.append(f"{when(sign['first_at'])}  {sign['words']} ({sign['reason']})")
        lines.append(f"    {sign['times']} times until {when(sign['last_at'])}, from {sign['source']}{over}")
        lines += [f"    {name.replace('_', ' ')}: {value}" for name, value in sign["facts"].items()]
    return lines
