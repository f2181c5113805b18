"""`simbond swap`: an approved change of card or device, carried out on site."""

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from functools import partial
from pathlib import Path
from time import time

import click

from simbond_tools.field.agent import agent_on_cable
from simbond_tools.field.console import Console
from simbond_tools.field.errors import FieldError
from simbond_tools.i18n import N_, _
from simbond_tools.onsite import swap_file, swapping
from simbond_tools.onsite.bundle import Bundle, WorkOrder, open_bundle
from simbond_tools.onsite.fetching import fetch
from simbond_tools.onsite.swap import Outcome, Step, Swap, go_without_old, new_device
from simbond_tools.onsite.swap_words import first
from simbond_tools.onsite.swapping import Look

from .common import NEGATIVE, ROW_NUMBER, USAGE, Failure, json_option, print_json
from .onsite_options import CONNECT_S, folder_option, on_site
from .onsite_screen import print_handed, print_sentence
from .remote import Server, server_options
from .serial_options import on_a_cable, port_options, recorded
from .swap_enrolment import hand_in
from .swap_screen import print_look, print_order, swap_document
from .translated import TranslatedCommand
from .uploading import handed_document, try_upload

_Connect = Callable[[], AbstractContextManager[Console]]
"""Connects to the agent that is on the cable now. Raises FieldError."""


@click.command(
    cls=TranslatedCommand,
    help=N_(
        "Carries out an approved swap of a card or a device: shows the order, has the old pair and then the new pair "
        "prove itself on the cable, keeps the result, and uploads it as soon as there is a network and a token. "
        "Interrupted at any moment, the same command goes on where it was."
    ),
)
@click.argument("number", type=ROW_NUMBER, required=False)
@port_options
@folder_option
@click.option("--old-gone", is_flag=True, help=N_("The old device is broken or gone and cannot be checked."))
@click.option(
    "--enrol", is_flag=True, help=N_("The device on the cable is new: take its enrolment request, and send it.")
)
@server_options(token_required=False)
@json_option
def swap(
    number: int | None,
    port: str | None,
    baud: int | None,
    transcript: Path | None,
    folder: Path,
    old_gone: bool,
    enrol: bool,
    server: Server,
    as_json: bool,
) -> None:
    if enrol and old_gone:
        raise Failure("usage", _("--enrol and --old-gone are for different devices."), exit_code=USAGE)
    with on_site(), recorded(transcript) as recorder:
        connect = partial(agent_on_cable, port, baud, recorder)
        if enrol:
            with on_a_cable(), connect() as console:
                request = console.enrolment()
            code = hand_in(folder, request, server, as_json)
        else:
            bundle = _newest(folder, server)
            order = swapping.choose(folder, bundle, number)
            state = swap_file.read(folder, order)
            if old_gone:
                state = go_without_old(state)
                swap_file.write(folder, order, state)
            if not as_json:
                print_order(order, state)
            state, look = _looked(folder, bundle, order, state, connect, as_json)
            _report(folder, order, state, look, server, as_json)
            code = 0 if state.step is Step.DONE else NEGATIVE
    sys.exit(code)


def _newest(folder: Path, server: Server) -> Bundle:
    """The work orders; anew where there is a network, for an order may have been withdrawn."""
    if server.token:
        try:
            with server.connect(CONNECT_S) as api:
                return fetch(folder, api).bundle
        except Failure as e:
            if e.code != "unreachable":
                raise
    return open_bundle(folder, time())


def _looked(
    folder: Path, bundle: Bundle, order: WorkOrder, state: Swap, connect: _Connect, as_json: bool
) -> tuple[Swap, Look]:
    """A look at the device on the cable; where somebody sits at a terminal, as many as it takes."""
    if state.step is Step.DONE:
        return state, Look(Outcome.ALREADY_DONE, reported=_reported_later(order, connect))
    if not as_json and sys.stdin.isatty() and sys.stdout.isatty():
        return _talk(folder, bundle, order, state, connect)
    with on_a_cable(), connect() as console:
        return swapping.look(folder, bundle, order, state, console)


def _talk(folder: Path, bundle: Bundle, order: WorkOrder, state: Swap, connect: _Connect) -> tuple[Swap, Look]:
    """One look after the other, until it is done; the technician says when the cable is where it belongs."""
    print_sentence(first(order, state))
    print_sentence(_("Ctrl-C stops; the same command goes on later."))
    while True:
        _wait_for_enter()
        try:
            with connect() as console:
                state, look = swapping.look(folder, bundle, order, state, console)
        except FieldError as e:
            print_sentence(str(e))
            continue
        if state.step is Step.DONE:
            return state, look
        print_look(order, look)


def _wait_for_enter() -> None:
    try:
        click.prompt(_("Press Enter when it is plugged in"), "", show_default=False)
    except click.Abort:
        click.echo()  # what is said of it begins a line
        raise


def _reported_later(order: WorkOrder, connect: _Connect) -> bool:
    """Has the device report after an interruption, where the new device is still on the cable."""
    with suppress(FieldError), connect() as console:
        return console.status()["kid"] == new_device(order).hex() and swapping.report(console)
    return False


def _report(folder: Path, order: WorkOrder, state: Swap, look: Look, server: Server, as_json: bool) -> None:
    """Hands in what waits, and says what came of it all."""
    handed, problem = try_upload(folder, server)
    waits_in = look.kept if look.kept and look.kept.exists() else None
    if as_json:
        print_json(swap_document(order, state, look, waits_in, problem) | handed_document(handed))
        return
    print_look(order, look)
    if look.reported:
        print_sentence(_("The device has reported to the verifier."))
    print_handed(handed)
    if waits_in:
        print_sentence(_("The result is kept in {path}.").format(path=waits_in))
        print_sentence(_("Not uploaded yet: {why}").format(why=problem))
