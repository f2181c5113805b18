"""`simbond appeals`: files, shows and decides appeals (docs/appeals.md)."""

import sys
from typing import Any

import click

from .common import NEGATIVE, complain, json_option, print_fields, print_json, print_table, say, when
from .confirmation import await_confirmation, wait_option
from .listing import fetch, limit_option, tell_more
from .materials import material_option
from .remote import Server, iccid_argument, reason_option, server_options
from .words import carried_out

number_argument = click.argument("number", type=click.IntRange(min=1))


@click.group()
def appeals() -> None:
    """Files, shows and decides appeals of cards' holders."""


@appeals.command("file")
@iccid_argument
@click.option("--statement", required=True, help="What the holder says, in the holder's words.")
@material_option
@server_options()
@json_option
def file_appeal(iccid: str, statement: str, materials: list[dict[str, str]], server: Server, as_json: bool) -> None:
    """Files an appeal on behalf of a card's holder."""
    with server.connect() as api:
        appeal = api.post(f"/v1/cards/{iccid}/appeals", {"statement": statement, "materials": materials})
        if as_json:
            print_json(appeal)
            return
        say(f"Appeal {appeal['id']} is filed; somebody else has to decide it by {when(appeal['due_at'])}.")


@appeals.command("list")
@click.option("--outcome", type=click.Choice(["open", "upheld", "rejected", "withdrawn"]), help="Only these.")
@click.option("--overdue", is_flag=True, help="Only those that should have been decided by now.")
@limit_option
@server_options()
@json_option
def list_appeals(outcome: str | None, overdue: bool, limit: int | None, server: Server, as_json: bool) -> None:
    """Lists appeals in the order in which they were filed."""
    with server.connect() as api:
        found, more = fetch(
            api, "/v1/appeals", "appeals", limit=limit, as_json=as_json, outcome=outcome, overdue=overdue or None
        )
        if as_json:
            print_json({"appeals": found, "more": more})
            return
        columns = ("number", "ICCID", "outcome", "filed", "by", "due", "decided by")
        print_table(columns, map(_row, found))
        tell_more(more)


def _row(appeal: dict[str, Any]) -> tuple[object, ...]:
    filed, due = when(appeal["filed_at"]), when(appeal["due_at"])
    return (
        appeal["id"], appeal["iccid"], appeal["outcome"], filed, appeal["filed_by"], due, appeal["decided_by"]
    )  # fmt: skip


@appeals.command()
@number_argument
@server_options()
@json_option
def show(number: int, server: Server, as_json: bool) -> None:
    """Shows one appeal. Why the card is where it is: 'simbond cards history'."""
    with server.connect() as api:
        appeal = api.get(f"/v1/appeals/{number}")
        if as_json:
            print_json(appeal)
            return
        decided = appeal["decided_by"] and f"{when(appeal['decided_at'])} by {appeal['decided_by']}: {appeal['words']}"
        fields = [
            ("card", appeal["iccid"]),
            ("outcome", appeal["outcome"]),
            ("notice", appeal["notice_id"]),
            ("filed", f"{when(appeal['filed_at'])} by {appeal['filed_by']}"),
            ("due", when(appeal["due_at"])),
            ("statement", appeal["statement"]),
            *((f"material {n}", f"{m['name']} (SHA-256 {m['sha256']})") for n, m in enumerate(appeal["materials"], 1)),
            ("decided", decided),
        ]
        print_fields(fields)


@appeals.command()
@number_argument
@reason_option
@wait_option
@server_options()
@json_option
def uphold(number: int, reason: str, wait_s: float | None, server: Server, as_json: bool) -> None:
    """The holder is right: whatever burdens the card is lifted at once."""
    with server.connect() as api:
        appeal = api.post(f"/v1/appeals/{number}/uphold", {"reason": reason})
        card = api.get(f"/v1/cards/{appeal['iccid']}")
        confirmed = True
        if wait_s is not None:
            card, confirmed = await_confirmation(api, card, wait_s)
        if as_json:
            print_json(appeal)
        else:
            how = carried_out(card["enforcement"])
            say(
                f"Appeal {number} is upheld. Card {card['iccid']} is {card['state']}; network: {card['access']}, {how}."
            )
    if not confirmed:
        if not as_json:
            complain(f"The network has not confirmed within {wait_s:g} s.")
        sys.exit(NEGATIVE)


@appeals.command()
@number_argument
@reason_option
@server_options()
@json_option
def reject(number: int, reason: str, server: Server, as_json: bool) -> None:
    """The holder is not right, and is told why in these words."""
    _close(server, number, "reject", reason, as_json)


@appeals.command()
@number_argument
@reason_option
@server_options()
@json_option
def withdraw(number: int, reason: str, server: Server, as_json: bool) -> None:
    """The holder does not want it any more."""
    _close(server, number, "withdraw", reason, as_json)


def _close(server: Server, number: int, how: str, reason: str, as_json: bool) -> None:
    with server.connect() as api:
        appeal = api.post(f"/v1/appeals/{number}/{how}", {"reason": reason})
        if as_json:
            print_json(appeal)
            return
        say(f"Appeal {number} is {appeal['outcome']}; card {appeal['iccid']} stays as it is.")
