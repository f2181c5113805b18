"""`simbond provision`: has a station vouch for devices (docs/factory.md)."""

import dataclasses
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from simbond_tools.factory.batch import Batch
from simbond_tools.factory.label import FORMATS, Format, save
from simbond_tools.factory.manifest import Manifest, read
from simbond_tools.factory.seen import identities
from simbond_tools.factory.station import Station
from simbond_tools.factory.summary import summarize
from simbond_tools.factory.unit import Outcome, Plan, Result
from simbond_tools.field.errors import AgentRefused, NoPort
from simbond_tools.field.find import find
from simbond_tools.field.line import BAUD
from simbond_tools.field.ports import candidates
from simbond_tools.i18n import N_, _

from .common import NEGATIVE, json_option, print_json, read_input
from .exit_codes import CABLE
from .provision_screen import Screen
from .serial_options import baud_option, on_a_cable, several_ports_option
from .station_options import at_a_station, opened, passphrase_option
from .translated import TranslatedCommand


@click.command(
    cls=TranslatedCommand,
    help=N_("Has a factory station vouch for the devices on its ports, and prints their labels."),
)
@click.option(
    "--station",
    "folder",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help=N_("The station's folder; see 'simbond stations create'."),
)
@several_ports_option(N_("A port; may be given several times."))
@baud_option(N_("Speed of the consoles."))
@click.option("--next", "plugged", is_flag=True, help=N_("Whatever is plugged in from now on."))
@click.option(
    "--units", type=click.IntRange(min=1), help=N_("Unit after unit on these ports, until there were so many.")
)
@click.option("--manifest", metavar="FILE|-", help=N_("Which cards are in which order, CSV or JSON."))
@click.option("--order", metavar="NAME", help=N_("The order that is made now."))
@click.option(
    "--seen", multiple=True, metavar="FILE", help=N_("Earlier manifests and logs: no card or IMEI of theirs again.")
)
@click.option(
    "--labels", type=click.Path(path_type=Path, file_okay=False), help=N_("Folder to write a label of each unit to.")
)
@click.option("--label-format", type=click.Choice(FORMATS), default="svg", show_default=True, help=N_("Of the labels."))
@click.option("--no-qr", is_flag=True, help=N_("Draw no QR code on the terminal."))
@passphrase_option
@json_option
def provision(
    folder: Path,
    ports: tuple[str, ...],
    baud: int | None,
    plugged: bool,
    units: int | None,
    manifest: str | None,
    order: str | None,
    seen: tuple[str, ...],
    labels: Path | None,
    label_format: Format,
    no_qr: bool,
    passphrase: str | None,
    as_json: bool,
) -> None:
    if plugged and ports:
        raise click.UsageError("Give either --port or --next.")
    with at_a_station():
        plan = Plan(None if manifest is None else read(read_input(manifest)), order, baud or BAUD)
        with opened(folder, passphrase) as station:
            for source in seen:
                station.also_seen(identities(read_input(source)), source)
            with on_a_cable():
                chosen = ports if ports or plugged else (_only_port(baud),)
            with Screen(station, quiet=as_json, code=not no_qr and len(chosen) == 1 and units is None) as screen:
                batch = Batch(station, plan, units=units, told=screen.told, done=_done(screen, labels, label_format))
                try:
                    results = _run(batch, chosen, plugged, units)
                finally:
                    batch.stop()
                    expected, made = _progress(station, plan.manifest)
                    screen.summary(batch.results, expected, made)
            if as_json:
                print_json(_document(station, results, expected, made))
    sys.exit(_exit_code(results))


def _done(screen: Screen, labels: Path | None, form: Format) -> Callable[[Result], None]:
    def done(result: Result) -> None:
        label = result.as_label()
        path = None if labels is None or label is None else save(label, labels, form)
        screen.done(result, label, path)

    return done


def _run(batch: Batch, ports: Sequence[str], plugged: bool, units: int | None) -> list[Result]:
    if plugged:
        return batch.plugged(lambda: [candidate.url for candidate in candidates()])
    return batch.once(ports) if units is None else batch.jigs(ports)


def _only_port(baud: int | None) -> str:
    """Raises FieldError."""
    found = find(None, baud)
    if found.kind != "agent":
        sentence = _("No agent was found on any port ({port}: {why}); name one by --port.")
        raise NoPort(sentence.format(port=found.url, why=found.why))
    return found.url


def _exit_code(results: list[Result]) -> int:
    """0: all are endorsed. Where a single unit could not even be asked, the cable's own code."""
    stopped = [result for result in results if result.outcome is Outcome.STOPPED]
    if not stopped:
        return 0
    if len(results) > 1 or stopped[0].code == AgentRefused.code:
        return NEGATIVE
    return CABLE.get(stopped[0].code, NEGATIVE)


def _progress(station: Station, manifest: Manifest | None) -> tuple[int | None, int]:
    """Cards in the manifest, and how many of them this station is done with."""
    if manifest is None:
        return None, 0
    return len(manifest), sum(station.has_card(iccid) for iccid in manifest.units)


def _document(station: Station, results: list[Result], expected: int | None, made: int) -> dict[str, Any]:
    found = summarize(results)
    manifest = None if expected is None else {"cards": expected, "done": made}
    return {
        "station": station.name,
        "entries": len(station),
        "units": [dataclasses.asdict(result) | {"seconds": round(result.seconds, 3)} for result in results],
        "summary": found._asdict() | {"yield": found.yield_},
        "manifest": manifest,
    }
