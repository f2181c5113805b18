"""`simbond ledger`: what the verifier knew, did and why, fetched from it and checked without it."""

import sys
from typing import Any

import click

from simbond_verifier.ledger import checkpoint
from simbond_verifier.ledger.audit import Report, audit
from simbond_verifier.ledger.checkpoint import BadCheckpoint, Checkpoint

from . import files
from .common import (
    LOCAL,
    NEGATIVE,
    UNREACHABLE,
    USAGE,
    Failure,
    complain,
    json_option,
    print_fields,
    print_json,
    read_input,
    say,
    when,
)
from .keys import verifiers_key_option
from .remote import Server, server_options


@click.group()
def ledger() -> None:
    """Exports the ledger, and checks an export."""


@ledger.command()
@click.argument("file")
@server_options()
@json_option
def export(file: str, server: Server, as_json: bool) -> None:
    """Writes everything that the verifier has committed, signed, into FILE."""
    with server.connect() as api:
        octets = files.write(file, api.download("/v1/ledger/export"))
    if as_json:
        print_json({"file": file, "octets": octets})
    else:
        say(f"{octets} octets are in {file}; 'simbond ledger verify {file} --key KEY' checks them.")


@ledger.command("checkpoint")
@click.argument("file")
@server_options()
@json_option
def keep_checkpoint(file: str, server: Server, as_json: bool) -> None:
    """Writes a signed checkpoint of the ledger as it is now into FILE.

    Keep it where the verifier's people cannot reach it: with it, a ledger that was rewritten later is found out.
    """
    with server.connect() as api:
        head = api.get("/v1/ledger/checkpoint", fresh="true")
        try:
            message = bytes.fromhex(head["message"])
        except (ValueError, TypeError):
            raise Failure("answer", "The verifier gave no checkpoint; check --url.", exit_code=UNREACHABLE) from None
    files.write(file, [message])
    if as_json:
        print_json(dict(head))
    else:
        say(f"{file} covers {head['size']} entries of {head['origin']}, signed at {when(head['at'])}.")


@ledger.command()
@click.argument("file")
@verifiers_key_option
@click.option("--since", metavar="CHECKPOINT_FILE", help="A checkpoint that was kept: the export must continue it.")
@json_option
def verify(file: str, points: tuple[bytes, ...], since: str | None, as_json: bool) -> None:
    """Checks an export against the verifier's public key; asks nobody.

    Exit code 1: the export is not what was signed, and standard error says where.
    """
    older = None if since is None else _kept(since, points)
    try:
        with open(file, "rb") as stream:
            report = audit(stream, points, older)
    except OSError as e:
        raise Failure("file", f"Cannot read {file}: {e.strerror or e}.", exit_code=LOCAL) from None
    if as_json:
        print_json(_document(report))
    else:
        _print(report, older)
    if not report.good:
        sys.exit(NEGATIVE)


def _kept(since: str, points: tuple[bytes, ...]) -> Checkpoint:
    try:
        return checkpoint.verify(read_input(since), points)
    except BadCheckpoint as e:
        raise Failure("checkpoint", f"{since} is not to be compared with: {e}.", exit_code=USAGE) from None


def _document(report: Report) -> dict[str, Any]:
    last = report.last
    return {
        "good": report.good,
        "origin": report.origin,
        "entries": report.entries,
        "deleted": dict(report.deleted),
        "checkpoints": report.checkpoints,
        "last": None if last is None else last._asdict() | {"root": last.root.hex()},
        "rolled_back": report.rolled_back,
        "findings": report.findings,
    }


def _print(report: Report, older: Checkpoint | None) -> None:
    last = report.last
    if report.good:
        say("The ledger is as it was signed.")
    elif report.rolled_back is not None and len(report.findings) == 1:
        say("The ledger was ROLLED BACK to a backup; what it holds now is as it was signed.")
    else:
        say("The ledger is NOT as it was signed.")
    print_fields(
        [
            ("ledger", report.origin),
            ("entries", report.entries),
            ("deleted", ", ".join(f"{n} of {kind}" for kind, n in sorted(report.deleted.items()))),
            ("checkpoints", f"{report.checkpoints} good"),
            ("newest", last and f"{last.size} entries, signed at {when(last.at)}, root {last.root.hex()}"),
            ("continues", older and report.good and f"the checkpoint of {older.size} entries of {when(older.at)}"),
        ]
    )
    for finding in report.findings:
        complain(f"- {finding}")
