"""`simbond evidence`: what a message of a device says, and what it is worth."""

import sys
from typing import Any, NamedTuple

import click

from simbond_verifier.reasons import Reason

from . import keys
from .common import (
    NEGATIVE,
    UNREACHABLE,
    Failure,
    complain,
    json_option,
    print_fields,
    print_json,
    read_input,
    say,
    when,
)
from .explain import explain
from .inspection import Inspection, Kind, Verdict, inspect
from .messages import from_octets
from .remote import Server, server_options


class _Key(NamedTuple):
    """A key to verify with, and where it comes from."""

    point: bytes
    source: str
    revoked_at: float | None = None


_NO_KEY = {"device-unknown": Reason.KEY_UNKNOWN, "key-rotated": Reason.KEY_REVOKED}
"""What a verifier that no device with this key answers to makes of the message."""


@click.group()
def evidence() -> None:
    """Inspects evidence."""


@evidence.command("inspect")
@click.argument("source", metavar="FILE|-")
@click.option("--hex", "force_hex", is_flag=True, help="The file is hex text; else raw, hex and base64 are told apart.")
@click.option(
    "--key",
    "point",
    metavar=keys.METAVAR,
    callback=keys.from_option,
    help="The device's public key; see 'simbond devices show'.",
)
@server_options(token_required=False)
@json_option
def inspect_message(source: str, force_hex: bool, point: bytes | None, server: Server, as_json: bool) -> None:
    """Decodes, verifies and explains evidence; enrolment requests and verifiers' results too.

    The key to verify with is --key or, with a token, the one that the verifier has for the key id. With neither
    nothing is asked of any network. Exit code 1: a verifier would refuse the message.
    """
    message, written = from_octets(read_input(source), force_hex=force_hex)
    key = None if point is None else _Key(point, "option")
    found = inspect(message, point)
    no_key: Failure | None = None
    if key is None and server.token and found.kid and found.kind in (Kind.EVIDENCE, Kind.ROTATION):
        try:
            key = _fetch(server, found.kid)
            found = inspect(message, key.point)
        except Failure as e:
            found, no_key = _without_key(found, e)
    if as_json and no_key is None:
        print_json(_document(found, written, key))
    elif not as_json:
        _print(found, written, key)
    if no_key is not None:
        raise no_key
    if found.verdict is Verdict.BAD:
        sys.exit(NEGATIVE)


def _fetch(server: Server, kid: str) -> _Key:
    """The key that the verifier has for a key id. Raises Failure."""
    with server.connect() as api:
        device = api.get(f"/v1/devices/{kid}")
        try:
            return _Key(keys.point(device["point"]), "server", device["revoked_at"])
        except (ValueError, TypeError):
            raise Failure("answer", "The verifier gave no P-256 key; check --url.", exit_code=UNREACHABLE) from None


def _without_key(found: Inspection, failure: Failure) -> tuple[Inspection, Failure | None]:
    """What is left to say, and whether the command has failed, where the verifier gave no key."""
    if found.verdict is Verdict.BAD:
        return found, None
    if failure.code in _NO_KEY:
        return found._replace(verdict=Verdict.BAD, reason=_NO_KEY[failure.code], explanation=failure.detail), None
    return found, failure


def _document(found: Inspection, written: str, key: _Key | None) -> dict[str, Any]:
    return found._asdict() | {
        "written": written,
        "key_source": key and key.source,
        "key_revoked_at": key and key.revoked_at,
    }


def _print(found: Inspection, written: str, key: _Key | None) -> None:
    say(f"{found.kind.capitalize()}, {found.octets} octets ({written}): {found.verdict.upper()}.")
    say(f"{found.explanation} ({found.reason})" if found.reason else found.explanation)
    if key is not None and key.revoked_at is not None:
        complain(f"The key was revoked at {when(key.revoked_at)}; what it signs after that counts for nothing.")
    source = {"option": "given by --key", "server": "fetched from the verifier"}[key.source] if key else None
    lines = [("key id", f"{found.kid} ({source})" if found.kid and source else found.kid)]
    print_fields([*lines, *explain(found)])
