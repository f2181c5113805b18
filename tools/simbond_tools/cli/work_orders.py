"""`simbond work-orders`: operators send technicians to cards; technicians fetch what they need to work offline."""

from pathlib import Path
from typing import Any

import click

from simbond_tools.i18n import N_, _, ngettext
from simbond_tools.onsite.fetching import HOURS
from simbond_tools.onsite.fetching import fetch as fetch_into
from simbond_tools.onsite.upload import upload

from .common import ROW_NUMBER, json_option, print_fields, print_json, print_table, say, when
from .listing import fetch as fetch_pages
from .listing import limit_option, tell_more
from .onsite_options import folder_option, on_site
from .onsite_screen import print_handed, print_sentence
from .remote import Server, iccid_argument, kid, reason_option, server_options
from .translated import TranslatedCommand
from .uploading import handed_document

number_argument = click.argument("number", type=ROW_NUMBER)
_COLUMNS = ("number", "kind", "technician", "iccid", "outcome", "words")


@click.group("work-orders")
def work_orders() -> None:
    """What technicians do on site: check a bond, carry out an approved swap."""


@work_orders.command()
@iccid_argument
@click.option("--technician", required=True, metavar="NAME", help="The name of the technician's token.")
@click.option("--words", required=True, help="For the technician: where, and what to look at. Kept in the history.")
@click.option("--kind", type=click.Choice(["check", "swap"]), default="check", show_default=True)
@click.option("--decision", type=ROW_NUMBER, metavar="NUMBER", help="swap: what allowed it.")
@click.option("--days", type=click.IntRange(1, 90), default=7, show_default=True, help="How long the order stands.")
@server_options()
@json_option
def create(
    iccid: str,
    technician: str,
    words: str,
    kind: str,
    decision: int | None,
    days: int,
    server: Server,
    as_json: bool,
) -> None:
    """Sends a technician to a card."""
    order = {"iccid": iccid, "technician": technician, "words": words, "kind": kind, "decision": decision}
    with server.connect() as api:
        made = api.post("/v1/work-orders", order | {"expires_s": days * 86400})
        if as_json:
            print_json(made)
            return
        say(f"Work order {made['number']} for {technician}: {kind} card {iccid}, until {when(made['expires_at'])}.")


@work_orders.command("list")
@click.option("--technician", metavar="NAME", help="Only of this technician.")
@click.option("--open", "open_only", is_flag=True, help="Only what is to be done.")
@limit_option
@server_options()
@json_option
def list_(technician: str | None, open_only: bool, limit: int | None, server: Server, as_json: bool) -> None:
    """Work orders in the order in which they were made; a technician sees their own."""
    query: dict[str, Any] = {"technician": technician, "open": open_only or None}
    with server.connect() as api:
        found, more = fetch_pages(api, "/v1/work-orders", "orders", limit=limit, as_json=as_json, **query)
        if as_json:
            print_json({"orders": found, "more": more})
            return
        print_table(_COLUMNS, ([order[column] for column in _COLUMNS] for order in found))
        tell_more(more)


@work_orders.command()
@number_argument
@server_options()
@json_option
def show(number: int, server: Server, as_json: bool) -> None:
    """One work order, and what devices proved for it."""
    with server.connect() as api:
        found = api.get(f"/v1/work-orders/{number}")
        if as_json:
            print_json(found)
            return
        _print(found)


@work_orders.command()
@number_argument
@reason_option
@server_options()
@json_option
def cancel(number: int, reason: str, server: Server, as_json: bool) -> None:
    """Takes an open work order back: its results count no more."""
    with server.connect() as api:
        found = api.post(f"/v1/work-orders/{number}/cancel", {"reason": reason})
        if as_json:
            print_json(found)
            return
        say(f"Work order {number} is {found['outcome']}.")


@work_orders.command(
    cls=TranslatedCommand,
    help=N_(
        "Fetches your open work orders, so that you can check devices where there is no network, and hands in results "
        "that wait."
    ),
)
@click.option(
    "--hours",
    type=click.IntRange(1, 168),
    default=HOURS,
    show_default=True,
    help=N_("How long you can check with them."),
)
@click.option(
    "--accept-key",
    metavar="KID",
    callback=lambda context, option, value: None if value is None else bytes.fromhex(kid(context, option, value)),
    help=N_("Trust this new key of the verifier, which the office has confirmed."),
)
@folder_option
@server_options()
@json_option
def fetch(hours: int, accept_key: bytes | None, folder: Path, server: Server, as_json: bool) -> None:
    with server.connect() as api, on_site():
        handed = upload(folder, api)
        fetched = fetch_into(folder, api, hours, accept_key)
    bundle = fetched.bundle
    if as_json:
        orders = [
            {"number": order.number, "kind": order.kind, "iccid": order.ticket.iccid, "words": order.words}
            for order in bundle.orders
        ]
        key = {"kid": fetched.signer.kid.hex(), "learnt": fetched.learnt}
        print_json(
            {"folder": str(folder), "expires": bundle.expires, "orders": orders, "key": key} | handed_document(handed)
        )
        return
    print_handed(handed)
    if fetched.learnt:
        print_sentence(
            _("The verifier's key is {kid}; from now on only what it signs counts. The office can confirm it.").format(
                kid=fetched.signer.kid.hex()
            )
        )
    if bundle.orders:
        print_table(
            (_("number"), _("kind"), _("card"), _("words")),
            ((order.number, order.kind, order.ticket.iccid, order.words) for order in bundle.orders),
        )
    number = len(bundle.orders)
    told = ngettext(
        "{number} work order for {technician}, until {when}.",
        "{number} work orders for {technician}, until {when}.",
        number,
    )
    print_sentence(told.format(number=number, technician=bundle.technician, when=when(bundle.expires)))


def _print(order: dict[str, Any]) -> None:
    print_fields(
        (
            ("number", order["number"]),
            ("kind", order["kind"]),
            ("technician", order["technician"]),
            ("card", order["iccid"]),
            ("goes to", order["device"]),
            ("decision", order["decision"]),
            ("words", order["words"]),
            ("made", f"{when(order['made_at'])} by {order['made_by']}"),
            ("until", when(order["expires_at"])),
            ("outcome", order["outcome"]),
            ("closed", order["closed_at"] and f"{when(order['closed_at'])} by {order['closed_by']}"),
        )
    )
    for result in order["results"]:
        say(
            f"{when(result['at'])}  {result['finding']}, signed by {result['device'] or 'nobody'} before "
            f"{when(result['signed_before'])}, uploaded by {result['uploaded_by']}"
        )
