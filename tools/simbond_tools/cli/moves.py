"""`simbond cards bind`, `unbind` and `swap`: which device a card belongs to."""

import click

from simbond_verifier.lifecycle import State

from .common import json_option, print_json, say
from .decisions import waits
from .remote import Server, iccid_argument, kid, reason_option, server_options
from .words import next_step

_device_option = click.option(
    "--device", callback=kid, required=True, help="Key id of an enrolled device; see 'simbond devices list'."
)
_force_option = click.option(
    "--force", is_flag=True, help="Also where the card has moved as often as its scenario allows; takes two persons."
)


@click.command()
@iccid_argument
@_device_option
@click.option("--scenario", help="Another scenario than the imported one.")
@_force_option
@click.option("--reason", default="", help="Why, in your words; kept in the card's history.")
@server_options()
@json_option
def bind(
    iccid: str, device: str, scenario: str | None, force: bool, reason: str, server: Server, as_json: bool
) -> None:
    """Binds a card to an enrolled device in a scenario."""
    if force and not reason:
        raise click.UsageError("--force takes a --reason.")
    with server.connect() as api:
        order = {"device": device, "scenario": scenario, "force": force, "reason": reason}
        card = api.post(f"/v1/cards/{iccid}/bind", order)
        if as_json:
            print_json(card)
            return
        if waits(card):
            return
        say(f"Card {iccid} is {card['state']}: device {device}, scenario {card['scenario']}.")
        if card["state"] != State.BOUND:
            say(f"Next: {next_step(card)}")


@click.command()
@iccid_argument
@reason_option
@server_options()
@json_option
def unbind(iccid: str, reason: str, server: Server, as_json: bool) -> None:
    """Takes a card from its device, which is free for another card then."""
    with server.connect() as api:
        card = api.post(f"/v1/cards/{iccid}/unbind", {"reason": reason})
        if as_json:
            print_json(card)
        elif not waits(card):
            say(f"Card {iccid} is {card['state']}; it has no device.")


@click.command()
@iccid_argument
@_device_option
@_force_option
@reason_option
@server_options()
@json_option
def swap(iccid: str, device: str, force: bool, reason: str, server: Server, as_json: bool) -> None:
    """Announces that a card goes to another device. Once another person approves, move the card: the new device's
    first affirming evidence closes the swap."""
    with server.connect() as api:
        asked = api.post(f"/v1/cards/{iccid}/swap", {"device": device, "force": force, "reason": reason})
        if as_json:
            print_json(asked)
        else:
            waits(asked)
