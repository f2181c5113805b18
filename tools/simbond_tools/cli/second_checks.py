"""`simbond cards recheck`, `confirm` and `notices`: second checks, and what holders of cards are told."""

from typing import Any

import click

from simbond_tools.i18n import _
from simbond_verifier import happened

from .common import json_option, print_json, say, when
from .listing import fetch, limit_option, tell_more
from .materials import material_option
from .remote import Server, iccid_argument, reason_option, server_options
from .words import language


@click.command()
@iccid_argument
@reason_option
@click.option(
    "--deadline", "deadline_s", type=click.IntRange(60, 2592000), metavar="SECONDS", help="Unless the scenario's."
)
@server_options()
@json_option
def recheck(iccid: str, reason: str, deadline_s: int | None, server: Server, as_json: bool) -> None:
    """Has a card checked again: suspended unless its device affirms it, or a person confirms it, in time."""
    with server.connect() as api:
        card = api.post(f"/v1/cards/{iccid}/recheck", {"reason": reason, "deadline_s": deadline_s})
        if as_json:
            print_json(card)
            return
        say(f"Card {iccid} is {card['state']}; unless it is affirmed, it is suspended at {when(card['deadline'])}.")


@click.command()
@iccid_argument
@reason_option
@material_option
@server_options()
@json_option
def confirm(iccid: str, reason: str, materials: list[dict[str, str]], server: Server, as_json: bool) -> None:
    """Ends a card's second check: a person has checked the card, its device and its holder."""
    with server.connect() as api:
        card = api.post(f"/v1/cards/{iccid}/recheck/confirm", {"reason": reason, "materials": materials})
        if as_json:
            print_json(card)
            return
        say(f"Card {iccid} is {card['state']}; network: {card['access']}.")


@click.command()
@iccid_argument
@limit_option
@server_options()
@json_option
def notices(iccid: str, limit: int | None, server: Server, as_json: bool) -> None:
    """Shows what a card's holder was told, oldest first, as it is delivered."""
    with server.connect() as api:
        found, more = fetch(api, f"/v1/cards/{iccid}/notices", "notices", limit=limit, as_json=as_json)
        if as_json:
            print_json({"notices": found, "more": more})
            return
        for notice in found:
            _print(notice)
        tell_more(more)


def _print(notice: dict[str, Any]) -> None:
    kind = happened.notice(notice["kind"], language())
    say(f"{when(notice['at'])}  " + _("{kind}, number {number}").format(kind=kind, number=notice["id"]))
    for line in notice["body"]["text"][language()].splitlines():
        say(f"    {line}")
