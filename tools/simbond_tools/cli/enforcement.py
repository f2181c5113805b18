"""`simbond enforcement`: whether the verifier acts by itself, and what it was kept from doing."""

from collections.abc import Callable
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from simbond_tools.client import Api
from simbond_verifier import misspelt
from simbond_verifier.reasons import EXPLAINED, Reason

from .common import ROW_NUMBER, json_option, print_json, print_table, say, when
from .decisions import waits
from .listing import fetch, limit_option, tell_more
from .remote import Server, reason_option, server_options

F = TypeVar("F", bound=Callable[..., Any])


class _Rule(click.ParamType):  # type: ignore[type-arg]  # generic in newer releases alone
    """The code of a reason. Too many to be listed in a line of help, but not for a shell to complete."""

    name = "rule"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if value not in set(Reason):
            near = misspelt.suggest("rule", value, Reason)
            where = f"there is no rule '{value}'; 'simbond enforcement status' names those that are stopped"
            self.fail(near or where, param, ctx)
        return value

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        return [CompletionItem(reason, help=EXPLAINED[reason]) for reason in Reason if reason.startswith(incomplete)]


rule_option = click.option(
    "--rule", type=_Rule(), metavar="RULE", help="Only this one, such as clone; docs/reasons.md has them all."
)


def _one_or_all(command: F) -> F:
    """What a person decides over: a NUMBER of the list, or everything of a --rule."""
    for add in (
        *(json_option, server_options(), reason_option, rule_option),
        click.argument("number", type=ROW_NUMBER, required=False),
    ):
        command = add(command)
    return command


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
    if not as_json:
        say("To start again: simbond enforcement start --reason ... Where the policy wants two persons for that, it")
        say("waits until another one approves it by 'simbond decisions approve'.")


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
@_one_or_all
def release(number: int | None, rule: str | None, reason: str, server: Server, as_json: bool) -> None:
    """Has done what was withheld: one of the list, or everything of a rule."""
    _decide("release", number, rule, reason, server, as_json)


@enforcement.command()
@_one_or_all
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
