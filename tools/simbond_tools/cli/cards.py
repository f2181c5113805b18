"""`simbond cards`: import, look at, bind, suspend and resume cards."""

import sys
from collections.abc import Callable
from typing import Any

import click

from simbond_tools.client import Api
from simbond_tools.i18n import _
from simbond_verifier.lifecycle import State

from . import keys
from .common import (
    NEGATIVE,
    complain,
    json_option,
    print_faults,
    print_fields,
    print_json,
    print_table,
    read_input,
    say,
    when,
)
from .confirmation import await_confirmation, wait_option
from .decisions import waits
from .listing import fetch, limit_option, tell_more
from .moves import bind, swap, unbind
from .remote import Server, iccid_argument, reason_option, server_options
from .second_checks import confirm, notices, recheck
from .words import against, because, carried_out, in_check, language, next_step, seen, timeline


@click.group()
def cards() -> None:
    """Imports, shows, binds, suspends and resumes cards."""


for command in (bind, unbind, swap, recheck, confirm, notices):
    cards.add_command(command)


@cards.command("import")
@click.argument("source", metavar="FILE|-")
@click.option("--partial", is_flag=True, help="Import the good rows where others are bad.")
@server_options()
@json_option
def import_cards(source: str, partial: bool, server: Server, as_json: bool) -> None:
    """Imports a card list: CSV with a header (docs/api.md). With a bad row, nothing is imported.

    A row that is there already, alike in every column, is left alone: an interrupted import is simply repeated.
    """
    text = read_input(source)
    with server.connect() as api:
        report = api.post_csv("/v1/cards/import", text, partial=partial)
        if as_json:
            print_json(report)
            return
        left_out = len({fault.get("line") for fault in report["faults"]})
        told = f"{report['imported']} imported, {report['unchanged']} there already"
        say(f"{told}, {left_out} left out." if left_out else f"{told}.")
        if left_out:
            complain("Left out, for what is wrong with them; correct these rows and import them again:")
            print_faults(report["faults"])


@cards.command("list")
@click.option("--state", type=click.Choice([s.value for s in State]), help="Only cards in this state.")
@limit_option
@server_options()
@json_option
def list_cards(state: str | None, limit: int | None, server: Server, as_json: bool) -> None:
    """Lists the cards in the order of their ICCID. IMSI and MSISDN: 'show', or --json."""
    with server.connect() as api:
        found, more = fetch(api, "/v1/cards", "cards", limit=limit, as_json=as_json, state=state)
        if as_json:
            print_json({"cards": found, "more": more})
            return
        print_table(("ICCID", "state", "network", "scenario", "IMEI", "customer", "since"), map(_row, found))
        tell_more(more)


def _row(card: dict[str, Any]) -> tuple[object, ...]:
    imei = card["device"]["imei"] if card["device"] else None
    return card["iccid"], card["state"], card["access"], card["scenario"], imei, card["customer"], when(card["since"])


@cards.command()
@iccid_argument
@server_options()
@json_option
def show(iccid: str, server: Server, as_json: bool) -> None:
    """Shows one card, what the network was last told about it, and what to do next."""
    with server.connect() as api:
        card = api.get(f"/v1/cards/{iccid}")
        if as_json:
            print_json(card)
            return
        device = card["device"]
        accused = f"another device claims this card since {when(card['accused_at'])}" if card["accused_at"] else None
        fields = [
            ("ICCID", card["iccid"]),
            ("IMSI", card["imsi"]),
            ("MSISDN", card["msisdn"]),
            (_("customer"), card["customer"]),
            (_("scenario"), card["scenario"]),
            (_("state"), f"{card['state']} since {when(card['since'])}"),
            (_("because"), because(card["because"], language())),
            (_("network"), f"{card['access']}; {carried_out(card['enforcement'])}"),
            (_("device"), device and f"{device['kid']} (IMEI {device['imei']})"),
            (_("swap"), _announced(card["swap"])),
            (_("SIM key"), card["sim_key"] or "none registered"),
            (_("accused"), accused),
            (_("second check") if in_check(card) else _("re-verification"), _until(card["deadline"])),
            (_("next"), next_step(card)),
        ]
        print_fields(fields)


def _until(deadline: float | None) -> str:
    return "" if deadline is None else f"open; unless it is passed, the card is suspended at {when(deadline)}"


def _announced(swap: dict[str, Any] | None) -> str | None:
    if swap is None:
        return None
    return f"to device {swap['device']}, which has to attest the card by {when(swap['until'])}"


@cards.command("sim-key")
@iccid_argument
@click.option("--key", metavar=keys.METAVAR, callback=keys.from_option, help="The public key of the card's SIM.")
@click.option("--remove", is_flag=True, help="Its SIM signs nothing any more.")
@reason_option
@server_options()
@json_option
def sim_key(iccid: str, key: bytes | None, remove: bool, reason: str, server: Server, as_json: bool) -> None:
    """Registers the key with which a card's SIM signs beside its device, or removes it."""
    if (key is None) is not remove:
        raise click.UsageError("Give either --key or --remove.")
    with server.connect() as api:
        order = {"key": None if key is None else key.hex(), "reason": reason}
        card = api.post(f"/v1/cards/{iccid}/sim-key", order)
        if as_json:
            print_json(card)
            return
        say(f"Card {iccid} has {'a' if card['sim_key'] else 'no'} SIM key.")


@cards.command()
@iccid_argument
@reason_option
@wait_option
@server_options()
@json_option
def suspend(iccid: str, reason: str, wait_s: float | None, server: Server, as_json: bool) -> None:
    """Bars a card from the network until it is resumed, or its device affirms it."""
    _decide(server, lambda api: api.post(f"/v1/cards/{iccid}/suspend", {"reason": reason}), wait_s, as_json)


@cards.command()
@iccid_argument
@reason_option
@click.option("--without-reverification", is_flag=True, help="Lift the suspension for good, without new evidence.")
@wait_option
@server_options()
@json_option
def resume(
    iccid: str, reason: str, without_reverification: bool, wait_s: float | None, server: Server, as_json: bool
) -> None:
    """Lets a suspended card into the network again; its device has to attest before the scenario's deadline."""
    order = {"reason": reason, "reverify": not without_reverification}
    _decide(server, lambda api: api.post(f"/v1/cards/{iccid}/resume", order), wait_s, as_json)


@cards.command()
@iccid_argument
@reason_option
@wait_option
@server_options()
@json_option
def retire(iccid: str, reason: str, wait_s: float | None, server: Server, as_json: bool) -> None:
    """Takes a card out of use: barred, free of its device, and never to come back."""
    _decide(server, lambda api: api.post(f"/v1/cards/{iccid}/retire", {"reason": reason}), wait_s, as_json)


@cards.command()
@iccid_argument
@reason_option
@server_options()
@json_option
def erase(iccid: str, reason: str, server: Server, as_json: bool) -> None:
    """Deletes what is personal about a retired card: IMSI, MSISDN, customer, evidence, observations, appeals."""
    _decide(server, lambda api: api.post(f"/v1/cards/{iccid}/erase", {"reason": reason}), None, as_json)


def _decide(server: Server, order: Callable[[Api], dict[str, Any]], wait_s: float | None, as_json: bool) -> None:
    """Gives an order about a card, waits for the network if asked to, and says how it stands."""
    with server.connect() as api:
        card = order(api)
        if not as_json and waits(card):
            return
        if "asked_by" in card:
            print_json(card)
            return
        wanted = card["access"]
        confirmed = True
        if wait_s is not None:
            card, confirmed = await_confirmation(api, card, wait_s)
        if as_json:
            print_json(card)
        else:
            how = carried_out(card["enforcement"])
            say(f"Card {card['iccid']} is {card['state']}; network: {card['access']}, {how}.")
            if card["deadline"]:
                say(f"Its device has to attest by {when(card['deadline'])}.")
    if confirmed:
        return
    if not as_json:
        overtaken = card["access"] != wanted
        complain("Another order came between." if overtaken else f"The network has not confirmed within {wait_s:g} s.")
    sys.exit(NEGATIVE)


@cards.command()
@iccid_argument
@server_options()
@json_option
def history(iccid: str, server: Server, as_json: bool) -> None:
    """Tells everything that happened to a card, oldest first: when, what, by whom, why, and what the network did."""
    with server.connect() as api:
        document = api.get(f"/v1/cards/{iccid}/history")
        if as_json:
            print_json(document)
            return
        for line in timeline(document["history"], language()):
            say(line)


@cards.command()
@iccid_argument
@server_options()
@json_option
def signs(iccid: str, server: Server, as_json: bool) -> None:
    """Tells what networks last saw of a card, and what speaks or spoke against it."""
    with server.connect() as api:
        found = api.get(f"/v1/cards/{iccid}/network", lang=language())
        if as_json:
            print_json(found)
            return
        view = found["network"]
        if view is None:
            say("No network has reported this card.")
        else:
            print_fields(seen(view))
        for line in against(found["signs"], language()):
            say(line)
