"""`simbond devices`: enrol devices, look at them, revoke their keys."""

from typing import Any

import click

from .common import json_option, print_fields, print_json, print_table, say, when
from .decisions import waits
from .listing import fetch, limit_option, tell_more
from .messages import from_argument
from .remote import Server, kid_argument, reason_option, server_options
from .station_log import import_log
from .words import tier


@click.group()
def devices() -> None:
    """Enrols devices, shows them and revokes their keys."""


@devices.command()
@click.option(
    "--request",
    required=True,
    metavar="HEX|@FILE|-",
    help="The device's enrolment request, as its agent prints it: hex, a file, or standard input.",
)
@click.option("--imei", help="What the label says; refused when the device says otherwise.")
@click.option("--imei2", help="Of its second slot, where it has one.")
@click.option("--label", default="", help="Your name for it.")
@click.option("--allow-duplicate-imei", is_flag=True, help="The batch really shares one IMEI. Takes an operator.")
@server_options()
@json_option
def enrol(
    request: str,
    imei: str | None,
    imei2: str | None,
    label: str,
    allow_duplicate_imei: bool,
    server: Server,
    as_json: bool,
) -> None:
    """Registers a device's key with its IMEI. The request proves that the device holds the key."""
    order = {
        "request": from_argument(request).hex(),
        "imei": imei,
        "imei2": imei2,
        "label": label,
        "allow_duplicate_imei": allow_duplicate_imei,
    }
    with server.connect() as api:
        device = api.post("/v1/devices", order)
        if as_json:
            print_json(device)
            return
        say(f"Device {device['kid']} is enrolled, IMEI {device['imei']}.")
        if device["card"] is None:
            say(f"Next, bind a card to it: simbond cards bind ICCID --device {device['kid']}")


@devices.command("list")
@limit_option
@server_options()
@json_option
def list_devices(limit: int | None, server: Server, as_json: bool) -> None:
    """Lists the devices in the order of their key ids."""
    with server.connect() as api:
        found, more = fetch(api, "/v1/devices", "devices", limit=limit, as_json=as_json)
        if as_json:
            print_json({"devices": found, "more": more})
            return
        print_table(("key id", "IMEI", "card", "last seen", "verdict", "rotated", "label"), map(_row, found))
        tell_more(more)


def _row(device: dict[str, Any]) -> tuple[object, ...]:
    seen = when(device["seen_at"]) or "never"
    verdict = "key revoked" if device["revoked_at"] else tier(device["tier"])
    return device["kid"], device["imei"], device["card"], seen, verdict, when(device["rotated_at"]), device["label"]


@devices.command()
@kid_argument
@server_options()
@json_option
def show(kid: str, server: Server, as_json: bool) -> None:
    """Shows one device with its public key."""
    with server.connect() as api:
        device = api.get(f"/v1/devices/{kid}")
        if as_json:
            print_json(device)
            return
        fields = [
            ("key id", device["kid"]),
            ("IMEI", f"{device['imei']} (without its check digit)"),
            ("second IMEI", device["imei2"]),
            ("label", device["label"]),
            ("bound cards" if len(device["cards"]) > 1 else "bound card", ", ".join(device["cards"]) or "none"),
            ("reports card", device["holds"]),
            ("enrolled", f"{when(device['enrolled_at'])} by {device['enrolled_by']}"),
            ("endorsed", _endorsed(device["endorsement"])),
            ("rotated", _rotated(device["retired_key"])),
            ("revoked", when(device["revoked_at"])),
            ("last seen", when(device["seen_at"]) or "never"),
            ("last verdict", tier(device["tier"])),
            ("refuted claims", device["refuted"] or None),
            ("public key", device["point"]),
        ]
        print_fields(fields)


def _endorsed(by: dict[str, Any] | None) -> str | None:
    if by is None:
        return None
    doubt = "" if by["trusted"] else "; NOT TRUSTED: the station is revoked"
    return f"{when(by['at'])} by station {by['station']}, entry {by['entry']}{doubt}"


def _rotated(retired: dict[str, Any] | None) -> str | None:
    if retired is None:
        return None
    text = f"{when(retired['at'])}, from key {retired['kid']}"
    if retired["used_at"]:
        text += f", which signed again at {when(retired['used_at'])}: revoke this key if its device did not order that"
    return text


@devices.command()
@kid_argument
@reason_option
@server_options()
@json_option
def revoke(kid: str, reason: str, server: Server, as_json: bool) -> None:
    """Revokes a device's key: its evidence counts for nothing from now on."""
    with server.connect() as api:
        device = api.post(f"/v1/devices/{kid}/revoke", {"reason": reason})
        if as_json:
            print_json(device)
            return
        say(f"The key of device {kid} is revoked.")
        if device["card"] is not None:
            say(f"Next, bind its card to another device: simbond cards bind {device['card']} --device KID")


@devices.command("second-slot")
@kid_argument
@click.option("--imei2", metavar="IMEI", help="Of the second slot.")
@click.option("--none", "none", is_flag=True, help="It has no second slot.")
@reason_option
@server_options()
@json_option
def second_slot(kid: str, imei2: str | None, none: bool, reason: str, server: Server, as_json: bool) -> None:
    """States the IMEI of a device's second slot: a card that the network sees there is at home."""
    if (imei2 is None) is not none:
        raise click.UsageError("Give either --imei2 or --none.")
    with server.connect() as api:
        device = api.post(f"/v1/devices/{kid}/imei2", {"imei2": imei2, "reason": reason})
        if as_json:
            print_json(device)
            return
        if waits(device):
            return
        say(f"Device {device['kid']} has the second IMEI {device['imei2'] or 'none'}.")


devices.add_command(import_log)
