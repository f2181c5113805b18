"""Codes of the verifier in words for people. A code from a newer verifier is shown as it is."""

from typing import Any

from simbond_tools import i18n
from simbond_tools.i18n import N_, _
from simbond_verifier import facts_in_words, happened
from simbond_verifier.lifecycle import State
from simbond_verifier.reasons import Reason, Tier
from simbond_verifier.words import Language, explain

from .common import when

_NEXT = {
    State.STOCK: N_("bind it: simbond cards bind {iccid} --device KID"),
    State.WARNED: N_("see why: simbond cards history {iccid}; affirming evidence of its device ends the warning"),
    State.SUSPENDED: N_(
        "see why: simbond cards history {iccid}; then put it into its device, which attests, "
        "or: simbond cards resume {iccid} --reason ..."
    ),
    State.REVERIFYING: N_("its device has to attest; wait, or: simbond cards history {iccid}"),
}
_CHECK = N_("have its device attest, or check it yourself and then: simbond cards confirm {iccid} --reason ...")
"""Where a second check is open."""


def language() -> Language:
    """The language in force, for the verifier's words."""
    return Language(i18n.language())


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
        return _("nothing had to be told")
    if command["outcome"] == "confirmed":
        but = f"; {command['error']}" if command["error"] else ""
        return _("confirmed after {ms} ms").format(ms=command["ms"]) + but
    if command["outcome"] == "superseded":
        return _("superseded by a later order before it was confirmed")
    if not command["attempts"]:
        return _("not confirmed yet")
    tried = _("not confirmed after {attempts} attempts ({error}); it is tried again")
    return tried.format(attempts=command["attempts"], error=command["error"])


def next_step(card: dict[str, Any]) -> str:
    """What an operator does next about a card; empty when nothing is to be done."""
    template = _CHECK if in_check(card) else _NEXT.get(card["state"], "")
    return _(template).format(iccid=card["iccid"])


def in_check(card: dict[str, Any]) -> bool:
    """Whether a second check of a card is open: it stays in use until its deadline."""
    return card["state"] == State.WARNED and card["deadline"] is not None


def because(found: dict[str, Any] | None, language: Language = Language.EN) -> str:
    """What brought a card into its state, in one line."""
    if found is None:
        return ""
    told = [happened.happened(found["kind"], language), *(reason(code, language) for code in found["reasons"])]
    return " ".join([*told, *([f"'{found['words']}'"] if found["words"] else [])])


def timeline(history: list[dict[str, Any]], language: Language = Language.EN) -> list[str]:
    """A card's history as lines: when and what; below that, by whom, the state after it, why, and what followed."""
    lines = []
    for event in history:
        lines.append(f"{when(event['at'])}  {happened.happened(event['kind'], language)}")
        lines += [f"    {line}" for line in _circumstances(event, language)]
    return lines


def _circumstances(event: dict[str, Any], language: Language) -> list[str]:
    by, state = happened.actor(event["actor"], language), happened.state(event["state"], language)
    access = happened.access(event["access"], language)
    told = _("by {actor}; since then: {state}, {access}").format(actor=by, state=state, access=access)
    lines = [told, *(reason(code, language) for code in event["reasons"])]
    lines += [fact.line(language) for fact in facts_in_words.told(event["detail"], language)]
    if event["device"] is not None:
        lines.append(_("device: {kid}").format(kid=event["device"]))
    if event["evidence"] is not None:
        received = when(event["evidence_at"])
        lines.append(_("evidence: {number}, received {moment}").format(number=event["evidence"], moment=received))
    command = event["enforcement"]
    if command is not None:
        wanted = happened.access(command["access"], language)
        how = carried_out(command) + _since_evidence(event)
        lines.append(_("network told '{access}': {how}").format(access=wanted, how=how))
    return lines


def _since_evidence(event: dict[str, Any]) -> str:
    done_at, evidence_at = event["enforcement"]["done_at"], event["evidence_at"]
    if event["enforcement"]["outcome"] != "confirmed" or evidence_at is None:
        return ""
    return _(", {ms} ms after the evidence came in").format(ms=f"{(done_at - evidence_at) * 1000:.1f}")


def seen(view: dict[str, Any]) -> list[tuple[str, object]]:
    """What networks last saw of a card, as names and values."""
    place = [f"{name} {view[name]}" for name in ("plmn", "area", "cell", "lat", "lon") if view[name] is not None]
    return [
        ("IMEI", view["imei"] and f"{view['imei']}, {when(view['imei_at'])}"),
        ("place", place and f"{', '.join(place)}, {when(view['place_at'])}"),
        ("last seen", when(view["traffic_at"])),
        ("source", view["source"]),
    ]


def against(signs: list[dict[str, Any]], language: Language = Language.EN) -> list[str]:
    """Signs against a card as lines: since when, what, how often; below that, what was seen."""
    lines = []
    for sign in signs:
        lines.append(f"{when(sign['first_at'])}  {sign['words']} ({sign['reason']})")
        often = _("{times} times until {moment}, from {source}")
        often = often.format(times=sign["times"], moment=when(sign["last_at"]), source=sign["source"])
        if sign["cleared_at"] is not None:
            often += _(", over since {moment}").format(moment=when(sign["cleared_at"]))
        lines.append(f"    {often}")
        lines += [f"    {fact.line(language)}" for fact in facts_in_words.told(sign["facts"], language)]
    return lines
