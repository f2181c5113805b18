"""`simbond enforcement`: whether the verifier acts by itself, and what it was kept from doing."""

from typing import Any

import click

from simbond_tools.client import Api
from simbond_verifier.reasons import Reason

from .common import json_option, print_json, print_table, say, when
from .decisions import waits
from .listing import fetch, limit_option, tell_more
from .remote import Server, reason_option, server_options

rule_option = click.option(
    "--rule", type=click.Choice([r.value for r in Reason]), metavar="RULE", help="Only this one."
)


@click.group()
def enforcement() -> None:
    """Stops and starts what the verifier does by itself, and decides over what it was kept from."""


@enforcement.command()
@server_options()
@json_option
def status(server: Server, as_json: bool) -> None:
    """Shows the kill switch, the rules that were stopped, and how many cards wait for a person."""
    with server.connect() as api:
        _tell(api.get("/v1/enforcement"), as_json)


@enforcement.command()
@reason_option
@server_options()
@json_option
def stop(reason: str, server: Server, as_json: bool) -> None:
    """Kill switch: from now on the verifier cuts off no card by itself. What a person orders is carried out."""
    with server.connect() as api:
        _tell(api.post("/v1/enforcement/kill-switch", {"on": True, "reason": reason}), as_json)


@enforcement.command()
@rule_option
@reason_option
@server_options()
@json_option
def start(rule: str | None, reason: str, server: Server, as_json: bool) -> None:
    """Lets the verifier act again: everything, or one rule that was stopped for cutting off too many cards."""
    with server.connect() as api:
        if rule is None:
            _tell(api.post("/v1/enforcement/kill-switch", {"on": False, "reason": reason}), as_json)
        else:
            _tell(api.post(f"/v1/enforcement/rules/{rule}/start", {"reason": reason}), as_json)


@enforcement.command()
@rule_option
@limit_option
@server_options()
@json_option
def withheld(rule: str | None, limit: int | None, server: Server, as_json: bool) -> None:
    """Lists what the verifier would have done, oldest first."""
    with server.connect() as api:
        found, more = fetch(api, "/v1/enforcement/withheld", "withheld", limit=limit, as_json=as_json, rule=rule)
        if as_json:
            print_json({"withheld": found, "more": more})
            return
        rows = ((w["id"], when(w["at"]), w["iccid"], w["rule"], w["what"]) for w in found)
        print_table(("number", "since", "card", "rule", "what"), rows)
        tell_more(more)


@enforcement.command()
@click.argument("number", type=click.IntRange(1, 2**31 - 1), required=False)
@rule_option
@reason_option
@server_options()
@json_option
def release(number: int | None, rule: str | None, reason: str, server: Server, as_json: bool) -> None:
    """Has done what was withheld: one of the list, or everything of a rule."""
    _decide("release", number, rule, reason, server, as_json)


@enforcement.command()
@click.argument("number", type=click.IntRange(1, 2**31 - 1), required=False)
@rule_option
@reason_option
@server_options()
@json_option
def dismiss(number: int | None, rule: str | None, reason: str, server: Server, as_json: bool) -> None:
    """Decides against what was withheld: one of the list, or everything of a rule. The cards stay warned."""
    _decide("dismiss", number, rule, reason, server, as_json)


def _decide(what: str, number: int | None, rule: str | None, reason: str, server: Server, as_json: bool) -> None:
    if (number is None) is (rule is None):
        raise click.UsageError("Give either a NUMBER of the list or --rule.")
    with server.connect() as api:
        _tell(_order(api, what, number, rule, reason), as_json)


def _order(api: Api, what: str, number: int | None, rule: str | None, reason: str) -> Any:
    if number is None:
        return api.post(f"/v1/enforcement/withheld/{what}", {"rule": rule, "reason": reason})
    return api.post(f"/v1/enforcement/withheld/{number}/{what}", {"reason": reason})


def _tell(state: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(state)
        return
    if waits(state):
        return
    switch = state["kill_switch"]
    if switch is None:
        say("The verifier acts by itself.")
    else:
        say(f"Everything automatic is stopped since {when(switch['at'])} by {switch['actor']}: {switch['reason']}")
    for rule in state["stopped"]:
        say(f"Rule {rule['rule']} is stopped since {when(rule['tripped_at'])}, after {rule['enforced']} cards.")
    for name, number in sorted(state["withheld"].items()):
        say(f"{number} cards of rule {name} wait for a person: simbond enforcement withheld --rule {name}")
