"""`simbond probe`: what is on the cable, in plain words."""

from pathlib import Path
from typing import Any

import click

from simbond_tools.field import words
from simbond_tools.field.asking import Found
from simbond_tools.field.find import best, search
from simbond_tools.field.line import Recorder
from simbond_tools.field.session import Session
from simbond_tools.i18n import N_, _

from .common import USAGE, Failure, complain, json_option, print_json
from .exit_codes import CABLE
from .progress import doing
from .rows import print_rows
from .serial_options import on_a_cable, port_options, recorded
from .translated import TranslatedCommand
from .watching import watch

_SPEAKS = ("modem", "agent", "micropython")


@click.command(
    cls=TranslatedCommand,
    help=N_(
        "Says what is on the cable: which module or agent, which card, where it is registered and how good the signal "
        "is. Without --port, the likeliest port on which a modem or the agent answers is taken. Nothing is sent but "
        "harmless lines, and settings that are changed for reading are put back."
    ),
)
@port_options
@click.option("--watch", "watched", is_flag=True, help=N_("Go on until Ctrl-C, and show what changes."))
@click.option(
    "--interval",
    type=click.FloatRange(0.1, 3600),
    default=2.0,
    show_default=True,
    help=N_("Seconds between two looks with --watch."),
)
@click.option("--unredacted", is_flag=True, help=N_("Leave identities and keys in the transcript as they are."))
@json_option
def probe(
    port: str | None,
    baud: int | None,
    transcript: Path | None,
    watched: bool,
    interval: float,
    unredacted: bool,
    as_json: bool,
) -> None:
    if unredacted:
        _warn(transcript)
    with on_a_cable(), recorded(transcript, unredacted=unredacted) as recorder:
        found, seen = _find(port, baud, recorder)
        with Session(found, transcript=recorder) as session:
            document = _document(found, seen) | session.read()
            if watched:
                watch(document, session.read, _rows, interval, as_json=as_json)
            elif as_json:
                print_json(document)
            else:
                print_rows(_rows(document))


def _warn(transcript: Path | None) -> None:
    if transcript is None:
        raise Failure(
            "usage", _("--unredacted says how to write a transcript: name it by --transcript."), exit_code=USAGE
        )
    complain(
        _("{path} will hold identities and keys as they are: it is personal data, and secret.").format(path=transcript)
    )


def _find(port: str | None, baud: int | None, recorder: Recorder | None) -> tuple[Found, list[Found]]:
    """The port to read, and every port that was asked on the way. Raises Failure where nobody known answers."""
    with doing(_("Looking for the device ...")):
        seen = search(port, baud, transcript=recorder)
    found = best(seen)
    if found.kind in _SPEAKS:
        return found, seen
    code = "port-busy" if found.kind == "busy" else "no-answer"
    raise Failure(
        code,
        _("Neither a modem nor the agent answers. Check power and cable, or name another port by --port."),
        exit_code=CABLE[code],
        faults=[{"at": one.url, "problem": one.why} for one in seen],
    )


def _document(found: Found, seen: list[Found]) -> dict[str, Any]:
    asked = [{"port": one.url, "kind": one.kind, "why": one.why} for one in seen]
    return {"port": found.url, "baud": found.baud, "kind": found.kind, "why": found.why, "asked": asked}


def _rows(document: dict[str, Any]) -> list[words.Row]:
    head = [(_("Port"), f"{document['port']}: {_(words.KIND[document['kind']])}")]
    if "modem" in document:
        return head + words.of_modem(document["modem"])
    if "agent" in document:
        return head + words.of_agent(document["agent"])
    return [*head, (_("Next"), _("install the agent: simbond flash"))]
