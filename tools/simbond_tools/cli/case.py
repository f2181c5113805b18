"""`simbond case`: everything about one card, for whoever has to judge it without trusting the server."""

import sys

import click

from simbond_tools.i18n import _
from simbond_verifier.casefile import bundle, case
from simbond_verifier.casefile.bundle import BadBundle
from simbond_verifier.casefile.check import Checked, check
from simbond_verifier.casefile.story import tell
from simbond_verifier.ledger.cbor import Malformed
from simbond_verifier.words import Language

from . import files
from .common import LOCAL, NEGATIVE, Failure, complain, json_option, print_fields, print_json, print_table, say, when
from .keys import verifiers_key_option
from .remote import Server, iccid_argument, server_options
from .words import language


@click.group("case")
def case_group() -> None:
    """Exports a card's case, and checks one."""


@case_group.command()
@iccid_argument
@click.argument("file")
@server_options()
@json_option
def export(iccid: str, file: str, server: Server, as_json: bool) -> None:
    """Writes the case of a card into FILE, a zip with a page to read and the proof of it."""
    with server.connect() as api:
        octets = files.write(file, api.download(f"/v1/cards/{iccid}/case"))
    if as_json:
        print_json({"file": file, "octets": octets})
    else:
        say(f"{octets} octets are in {file}; 'simbond case verify {file} --key KEY' checks them.")


@case_group.command()
@click.argument("file")
@verifiers_key_option
@json_option
def verify(file: str, points: tuple[bytes, ...], as_json: bool) -> None:
    """Checks a case file and tells its story; asks nobody.

    Exit code 1: something in it is not proved, and standard error says what.
    """
    found, checked = _checked(file, points)
    if as_json:
        print_json(_document(found, checked))
    else:
        _print(found, checked)
    if checked.doubts:
        sys.exit(NEGATIVE)


def _checked(file: str, points: tuple[bytes, ...]) -> tuple[case.Case, Checked]:
    try:
        with open(file, "rb") as stream:
            members = bundle.read(stream, points)
        found = case.read(members[bundle.CONTENT])
    except OSError as e:
        raise Failure("file", f"Cannot read {file}: {e.strerror or e}.", exit_code=LOCAL) from None
    except BadBundle as e:
        raise Failure("case-invalid", f"{file} proves nothing: {e}.", exit_code=NEGATIVE) from None
    except Malformed as e:
        raise Failure("case-invalid", f"{file} proves nothing: {bundle.CONTENT} is {e}.", exit_code=NEGATIVE) from None
    return found, check(found, points)


def _document(found: case.Case, checked: Checked) -> dict[str, object]:
    head = checked.head
    return {
        "proved": not checked.doubts,
        "iccid": found.iccid,
        "at": found.at,
        "ledger": None if head is None else head._asdict() | {"root": head.root.hex()},
        "doubts": checked.doubts,
        "notes": checked.notes,
        "story": [line._asdict() for line in tell(checked)],
    }


def _print(found: case.Case, checked: Checked) -> None:
    head = checked.head
    say(_("This case is NOT wholly proved.") if checked.doubts else _("Everything in this case is proved."))
    ledger = _("{origin}, {size} entries, signed at {moment}")
    signed = _("{number} signed by devices whose enrolment is here")
    print_fields(
        [
            (_("card"), found.iccid),
            (_("exported"), when(found.at)),
            (_("ledger"), head and ledger.format(origin=head.origin, size=head.size, moment=when(head.at))),
            (_("evidence"), signed.format(number=len(checked.claims))),
        ]
    )
    chinese = language() is Language.ZH
    lines = [(when(line.at), line.seq, line.zh if chinese else line.en) for line in tell(checked)]
    print_table(["UTC", "#", _("what")], lines)
    for note in checked.notes:
        say(_("Note: {note}").format(note=note))
    for doubt in checked.doubts:
        complain(f"- {doubt}")
