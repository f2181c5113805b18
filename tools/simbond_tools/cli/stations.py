"""`simbond stations`: makes factory stations, and says whose word counts (docs/factory.md)."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from simbond_tools.factory import station as factory
from simbond_tools.i18n import N_, _

from .common import json_option, print_json, print_table, read_input, say, when
from .listing import fetch, limit_option, tell_more
from .remote import Server, reason_option, server_options
from .station_options import at_a_station, passphrase_option, read_passphrase
from .translated import TranslatedCommand

_name = click.argument("name", metavar="NAME")
_since = click.option(
    "--from",
    "since",
    type=click.DateTime(("%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%SZ")),
    metavar="TIME",
    help=N_("UTC, such as 2026-11-20 or 2026-11-20T08:00."),
)


@click.group()
def stations() -> None:
    """Makes factory stations; registers, lists and revokes them."""


@stations.command(cls=TranslatedCommand, help=N_("Makes a station in FOLDER: its key, and a certificate to register."))
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--name", required=True, help=N_("Its name: letters, digits, dots, dashes, underscores."))
@click.option("--days", type=click.IntRange(1, 1100), default=365, show_default=True, help=N_("How long it is valid."))
@passphrase_option
@json_option
def create(folder: Path, name: str, days: int, passphrase: str | None, as_json: bool) -> None:
    with at_a_station():
        made = factory.create(folder, name, days=days, passphrase=read_passphrase(passphrase))
    path, kid = str(folder / factory.CERTIFICATE), made.kid.hex()
    if as_json:
        print_json({"name": name, "kid": kid, "certificate": path})
        return
    say(_("Station {name} is made. Its key {kid} stays in {folder}.").format(name=name, kid=kid, folder=folder))
    say(_("Next, give its certificate to an operator: simbond stations register --cert {path}").format(path=path))


@stations.command()
@click.option("--cert", required=True, metavar="FILE|-", help="The station's certificate, PEM.")
@click.option("--per-day", type=click.IntRange(1, 1_000_000), help="Enrol at most so many devices a day (UTC).")
@server_options()
@json_option
def register(cert: str, per_day: int | None, server: Server, as_json: bool) -> None:
    """Has a station's word enrol devices. The same certificate again changes --per-day."""
    certificate = read_input(cert).decode("utf-8", "replace")
    with server.connect() as api:
        station = api.post("/v1/stations", {"certificate": certificate, "per_day": per_day})
        if as_json:
            print_json(station)
            return
        say(f"Station {station['name']} is registered until {when(station['not_after'])}, key {station['kid']}.")
        say("Compare the key with what the station's own people read to you: whoever holds it enrols devices.")


@stations.command("list")
@limit_option
@server_options()
@json_option
def list_stations(limit: int | None, server: Server, as_json: bool) -> None:
    """Lists the stations in the order of their names."""
    with server.connect() as api:
        found, more = fetch(api, "/v1/stations", "stations", limit=limit, as_json=as_json)
        if as_json:
            print_json({"stations": found, "more": more})
            return
        print_table(("station", "devices", "last import", "valid until", "revoked"), map(_row, found))
        tell_more(more)


def _row(station: dict[str, Any]) -> tuple[object, ...]:
    until, revoked = when(station["not_after"]), when(station["revoked_at"])
    return station["name"], station["devices"], when(station["imported_at"]) or "never", until, revoked


@stations.command()
@_name
@_since
@limit_option
@server_options()
@json_option
def devices(name: str, since: datetime | None, limit: int | None, server: Server, as_json: bool) -> None:
    """Lists the devices that a station endorsed, in the order of its log. --from: endorsed or handed in since then."""
    with server.connect() as api:
        _print_devices(api, name, _moment(since), limit, as_json)


@stations.command()
@_name
@reason_option
@_since
@click.option("--with-devices", is_flag=True, help="Revoke the keys of the devices that it endorsed since then, too.")
@server_options()
@json_option
def revoke(name: str, reason: str, since: datetime | None, with_devices: bool, server: Server, as_json: bool) -> None:
    """Ends a station: nothing of it is imported any more.

    --from says since when its word is not trusted: lists what it endorsed or handed in since then.
    """
    moment = _moment(since)
    if with_devices and moment is None:
        raise click.UsageError("--with-devices takes --from: since when?")
    order = {"reason": reason, "since": moment, "devices": with_devices}
    with server.connect() as api:
        station = api.post(f"/v1/stations/{name}/revoke", order, hours=1)
        suspect = [] if moment is None else list(api.pages(f"/v1/stations/{name}/devices", "devices", since=moment))
        if as_json:
            print_json(station | {"suspect": suspect})
            return
        say(f"Station {name} is revoked; what it has not handed in yet will not be imported.")
        if moment is None:
            return
        say(f"{len(suspect)} devices were endorsed or handed in since {when(moment)}:")
        _print_table(suspect)
        if suspect and not with_devices:
            say(
                "They are still enrolled. Look at them, and revoke those that are not yours: simbond devices revoke KID"
            )


def _print_devices(api: Any, name: str, since: float | None, limit: int | None, as_json: bool) -> None:
    path = f"/v1/stations/{name}/devices"
    found, more = fetch(api, path, "devices", limit=limit, as_json=as_json, since=since)
    if as_json:
        print_json({"devices": found, "more": more})
        return
    _print_table(found)
    tell_more(more)


def _print_table(found: list[dict[str, Any]]) -> None:
    rows = (
        (each["seq"], each["kid"], each["imei"], each["card"], when(each["at"]), when(each["revoked_at"]))
        for each in found
    )
    print_table(("entry", "key id", "IMEI", "card", "endorsed", "revoked"), rows)


def _moment(since: datetime | None) -> float | None:
    return None if since is None else since.replace(tzinfo=UTC).timestamp()
