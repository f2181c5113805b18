"""`simbond decisions`: what one person asked for and another decides."""

from typing import Any

import click

from .common import ROW_NUMBER, json_option, print_fields, print_json, print_table, say, when
from .listing import fetch, limit_option, tell_more
from .remote import Server, server_options

_OUTCOMES = ("open", "approved", "refused", "withdrawn", "lapsed")

number_argument = click.argument("number", type=ROW_NUMBER)
words_option = click.option("--words", default="", help="Why, in your words; kept with the decision.")


@click.group()
def decisions() -> None:
    """Shows what waits for a second person, and decides it."""


def waits(document: dict[str, Any]) -> bool:
    """Whether an answer is not what was ordered, but what has to be approved first; tells so."""
    if "asked_by" not in document:
        return False
    say(f"It takes another person: decision {document['id']} waits until {when(document['expires_at'])}.")
    say(f"Next, somebody else: simbond decisions approve {document['id']}")
    return True


@decisions.command("list")
@click.option("--outcome", type=click.Choice([*_OUTCOMES, "all"]), default="open", show_default=True)
@limit_option
@server_options()
@json_option
def list_decisions(outcome: str, limit: int | None, server: Server, as_json: bool) -> None:
    """Lists what was asked for, oldest first."""
    query = {} if outcome == "all" else {"outcome": outcome}
    with server.connect() as api:
        found, more = fetch(api, "/v1/decisions", "decisions", limit=limit, as_json=as_json, **query)
        if as_json:
            print_json({"decisions": found, "more": more})
            return
        print_table(("number", "what", "card", "device", "asked by", "until", "outcome", "reason"), map(_row, found))
        tell_more(more)


def _row(found: dict[str, Any]) -> tuple[object, ...]:
    about = found["iccid"] or found["detail"].get("rule")
    until = when(found["expires_at"])
    who = found["asked_by"]
    return found["id"], found["kind"], about, found["device"], who, until, found["outcome"], found["reason"]


@decisions.command()
@number_argument
@server_options()
@json_option
def show(number: int, server: Server, as_json: bool) -> None:
    """Shows one of them."""
    with server.connect() as api:
        _tell(api.get(f"/v1/decisions/{number}"), as_json)


@decisions.command()
@number_argument
@words_option
@server_options()
@json_option
def approve(number: int, words: str, server: Server, as_json: bool) -> None:
    """Agrees to what another person asked for, and has it carried out."""
    with server.connect() as api:
        _tell(api.post(f"/v1/decisions/{number}/approve", {"words": words}), as_json)


@decisions.command()
@number_argument
@words_option
@server_options()
@json_option
def refuse(number: int, words: str, server: Server, as_json: bool) -> None:
    """Disagrees with what another person asked for."""
    with server.connect() as api:
        _tell(api.post(f"/v1/decisions/{number}/refuse", {"words": words}), as_json)


@decisions.command()
@number_argument
@server_options()
@json_option
def withdraw(number: int, server: Server, as_json: bool) -> None:
    """Takes back what you asked for yourself."""
    with server.connect() as api:
        _tell(api.post(f"/v1/decisions/{number}/withdraw"), as_json)


def _tell(found: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    detail = ", ".join(f"{name} {value}" for name, value in found["detail"].items() if value not in (None, False))
    fields = [
        ("number", found["id"]),
        ("what", found["kind"]),
        ("card", found["iccid"]),
        ("device", found["device"]),
        ("detail", detail),
        ("reason", found["reason"]),
        ("asked", f"{when(found['asked_at'])} by {found['asked_by']}, until {when(found['expires_at'])}"),
        ("outcome", found["outcome"]),
        ("decided", found["decided_by"] and f"{when(found['decided_at'])} by {found['decided_by']}"),
        ("words", found["words"]),
    ]
    print_fields(fields)
