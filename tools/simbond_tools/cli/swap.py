"""`simbond swap`: an approved change of card or device, carried out on site."""

import sys
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path
from time import time
from typing import Any

import click

from simbond_tools.check_digit import whole_imei
from simbond_tools.field.agent import agent_on_cable
from simbond_tools.field.console import Console
from simbond_tools.field.errors import FieldError
from simbond_tools.field.line import Recorder
from simbond_tools.i18n import N_, _
from simbond_tools.onsite import checking, enrolments, results, swap_file
from simbond_tools.onsite.bundle import Bundle, Kind, WorkOrder, open_bundle
from simbond_tools.onsite.errors import NotInOrders
from simbond_tools.onsite.fetching import fetch
from simbond_tools.onsite.swap import Old, Outcome, Step, Swap, advance, go_without_old, new_device
from simbond_tools.onsite.swap_words import first, said, then
from simbond_verifier.work_orders.finding import Judgement
from simbond_verifier.work_orders.proof import to_text

from .common import NEGATIVE, ROW_NUMBER, USAGE, Failure, json_option, print_json, when
from .onsite_options import CONNECT_S, folder_option, on_site
from .onsite_screen import print_handed, print_sentence
from .remote import Server, server_options
from .rows import print_rows
from .serial_options import on_a_cable, port_options, recorded
from .translated import TranslatedCommand
from .uploading import handed_document, try_upload

_HOURS = 24
_REPORTS = 4
_REPORT_S = 20.0

_OLD = {
    Old.SEEN: N_("checked"),
    Old.GONE: N_("not checked: gone"),
    Old.UNSEEN: N_("not checked: the new one was there first"),
    Old.NONE: N_("there is none"),
}


@dataclass(frozen=True)
class _Cable:
    """Where the device is looked for."""

    port: str | None
    baud: int | None
    recorder: Recorder | None

    def agent(self) -> AbstractContextManager[Console]:
        """The agent that is there now. Raises FieldError."""
        return agent_on_cable(self.port, self.baud, self.recorder)


@dataclass
class _Look:
    """One look at the device on the cable: what it proved, and what of it was kept."""

    outcome: Outcome
    judged: Judgement | None = None
    result: str | None = None
    kept: Path | None = None
    reported: bool = False
    """The device has reported to the verifier since."""

    @property
    def found(self) -> str | None:
        """The card that was seen."""
        return self.judged.evidence.iccid if self.judged and self.judged.evidence else None


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
        cable = _Cable(port, baud, recorder)
        if enrol:
            _enrol(folder, cable, server, as_json)
            return
        bundle = _newest(folder, server)
        order = _choose(folder, bundle, number)
        state = swap_file.read(folder, order)
        if old_gone:
            state = go_without_old(state)
            swap_file.write(folder, order, state)
        is_talk = not as_json and sys.stdin.isatty() and sys.stdout.isatty()
        if not as_json:
            _print(order, state)
        look = _Look(Outcome.ALREADY_DONE)
        if state.step is Step.DONE:
            look.reported = _reported_later(order, cable)
        else:
            take = _talk if is_talk else _look
            state, look = take(folder, bundle, order, state, cable)
        _report(folder, order, state, look, server, as_json)
    sys.exit(0 if state.step is Step.DONE else NEGATIVE)


def _newest(folder: Path, server: Server) -> Bundle:
    """The work orders; anew where there is a network, for an order may have been withdrawn."""
    if server.token:
        try:
            with server.connect(CONNECT_S) as api:
                return fetch(folder, api, _HOURS).bundle
        except Failure as e:
            if e.code != "unreachable":
                raise
    return open_bundle(folder, time())


def _choose(folder: Path, bundle: Bundle, number: int | None) -> WorkOrder:
    orders = [order for order in bundle.orders if order.kind is Kind.SWAP]
    if number is None and len(orders) == 1:
        return orders[0]
    for order in orders:
        if order.number == number:
            return order
    if number is not None and swap_file.was_begun(folder, number):
        raise NotInOrders(
            _(
                "Work order {number} is closed, withdrawn or over. If the card is in its new device and that has "
                "reported, all is done. Else put the card back where it was, and ask the office."
            ).format(number=number)
        )
    if not orders:
        raise NotInOrders(_("There is no swap among your work orders. Fetch them again, or ask the office."))
    raise NotInOrders(
        _("Say which swap: 'simbond swap NUMBER'. You have: {orders}.").format(
            orders=", ".join(f"{order.number} ({order.ticket.iccid})" for order in orders)
        )
    )


def _wait_for_enter() -> None:
    try:
        click.prompt(_("Press Enter when it is plugged in"), "", show_default=False)
    except click.Abort:
        click.echo()  # what is said of it begins a line
        raise


def _talk(folder: Path, bundle: Bundle, order: WorkOrder, state: Swap, cable: _Cable) -> tuple[Swap, _Look]:
    """One look after the other, until it is done; the technician says when the cable is where it belongs."""
    print_sentence(first(order, state))
    print_sentence(_("Ctrl-C stops; the same command goes on later."))
    while True:
        _wait_for_enter()
        try:
            state, look = _look(folder, bundle, order, state, cable)
        except Failure as e:
            print_sentence(e.detail)
            continue
        if state.step is Step.DONE:
            return state, look
        _say(order, look)


def _look(folder: Path, bundle: Bundle, order: WorkOrder, state: Swap, cable: _Cable) -> tuple[Swap, _Look]:
    """Has the device on the cable prove what it holds. The result is on the disk before the step is."""
    with on_a_cable(), cable.agent() as console:
        proof = checking.prove(console, order)
        judged = checking.appraise(folder, bundle, proof, time())
        state, outcome = advance(order, state, judged, {device.kid: device for device in bundle.devices})
        look = _Look(outcome, judged)
        if outcome is Outcome.DONE:
            look.result, look.kept = to_text(proof), results.keep(folder, order.number, proof)
        swap_file.write(folder, order, state)
        if outcome is Outcome.DONE:
            look.reported = _reported(console)
    return state, look


def _reported(console: Console) -> bool:
    """Has the device report to the verifier, which closes the swap, and waits for it a little. A device that has just
    held another card needs two: the verifier takes the first as what a swap explains, and the second as free of signs.
    """
    with suppress(FieldError):
        for _attempt in range(_REPORTS):
            console.attest()
            event = console.wait_for("attested", "stored", "error", timeout_s=_REPORT_S)
            if event["event"] != "attested":
                return False
            if event.get("tier") == "affirming" and not event.get("reasons"):
                return True
    return False


def _reported_later(order: WorkOrder, cable: _Cable) -> bool:
    """The same after an interruption, where the new device is still on the cable."""
    with suppress(FieldError), cable.agent() as console:
        return console.status()["kid"] == new_device(order).hex() and _reported(console)
    return False


def _report(folder: Path, order: WorkOrder, state: Swap, look: _Look, server: Server, as_json: bool) -> None:
    handed, problem = try_upload(folder, server)
    kept = look.kept if look.kept and look.kept.exists() else None
    if as_json:
        print_json(_document(order, state, look, kept, problem) | handed_document(handed))
        return
    _say(order, look)
    if look.reported:
        print_sentence(_("The device has reported to the verifier."))
    print_handed(handed)
    if kept:
        print_sentence(_("The result is kept in {path}.").format(path=kept))
        print_sentence(_("Not uploaded yet: {why}").format(why=problem))


def _document(order: WorkOrder, state: Swap, look: _Look, kept: Path | None, problem: str | None) -> dict[str, Any]:
    about = {"number": order.number, "iccid": order.ticket.iccid, "imei": order.ticket.imei, "words": order.words}
    return {
        "order": about | {"decision": order.decision, "replaces": order.replaces},
        "step": state.step,
        "old": state.old,
        "outcome": look.outcome,
        "said": said(look.outcome, order, look.found),
        "next": then(look.outcome, order, look.found),
        "found": look.found,
        "device": look.judged.kid.hex() if look.judged and look.judged.kid else None,
        "result": look.result,
        "kept": str(kept) if kept else None,
        "problem": problem,
        "reported": look.reported,
    }


def _enrol(folder: Path, cable: _Cable, server: Server, as_json: bool) -> None:
    """Takes the enrolment request of a device that the verifier does not know, and sends what waits."""
    with on_a_cable(), cable.agent() as console:
        request = console.enrolment()
    kid = enrolments.keep(folder, request)
    enrolled: list[str] = []
    refused: list[tuple[str, str]] = []
    problem: str | None = _("without a token (--token) nobody is asked; the next 'simbond swap --enrol' sends it.")
    if server.token:
        try:
            with server.connect(CONNECT_S) as api:
                enrolled, refused = enrolments.send(folder, api)
                problem = None
        except Failure as e:
            problem = e.detail
    if as_json:
        documents = [{"device": other, "detail": why} for other, why in refused]
        print_json({"device": kid, "enrolled": enrolled, "refused": documents, "problem": problem})
    else:
        print_sentence(
            _("The device's key is {kid}; give that to the office, which asks for the swap anew.").format(kid=kid)
        )
        for other in enrolled:
            print_sentence(_("Enrolled: device {kid}.").format(kid=other))
        for other, why in refused:
            print_sentence(_("The verifier refuses device {kid}: {why}").format(kid=other, why=why))
        if problem:
            print_sentence(_("The request is kept. Not sent yet: {why}").format(why=problem))
    sys.exit(NEGATIVE if refused else 0)


def _say(order: WorkOrder, look: _Look) -> None:
    print_sentence(said(look.outcome, order, look.found))
    if next_step := then(look.outcome, order, look.found):
        print_sentence(next_step)


def _print(order: WorkOrder, state: Swap) -> None:
    ticket = order.ticket
    print_rows(
        (
            (_("work order"), f"{order.number}: {order.words}"),
            (_("approved by decision"), order.decision),
            (_("card"), ticket.iccid),
            (_("into device"), f"IMEI {whole_imei(ticket.imei)}"),
            (_("which loses card"), order.replaces),
            (_("valid until"), when(ticket.expires)),
            (_("old pair"), _(_OLD[state.old]) if state.old else _("to be checked")),
        )
    )
