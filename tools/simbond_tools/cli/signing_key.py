"""`simbond signing-key`: the verifier's own keys, on the machine that holds the database (docs/results.md)."""

from time import time
from typing import Any

import click

from simbond_verifier.store import fleet_events, signing_keys

from . import keys
from .common import (
    NOT_FOUND,
    REFUSED,
    Failure,
    database_option,
    json_option,
    print_fields,
    print_json,
    print_table,
    say,
    when,
)
from .remote import kid_argument
from .store import opened

_ACTOR = "command line"


@click.group()
def signing_key() -> None:
    """Lists, shows, rotates and withdraws the keys that the verifier signs with."""


@signing_key.command("list")
@database_option
@json_option
def list_keys(db: str, as_json: bool) -> None:
    """Lists the published keys, the one that signs first."""
    with opened(db) as database, database.read() as connection:
        found = signing_keys.Keyring().published(connection)
    if as_json:
        print_json({"keys": [_document(published) for published in found]})
    else:
        rows = [(p.key.kid.hex(), when(p.since), when(p.until)) for p in found]
        print_table(("key", "since", "until"), rows)


@signing_key.command()
@kid_argument
@click.option("--pem", "as_pem", is_flag=True, help="Nothing but the public key in PEM, to be given to auditors.")
@database_option
@json_option
def show(kid: str, as_pem: bool, db: str, as_json: bool) -> None:
    """Shows one published key, as 'ledger verify' and 'case verify' take it."""
    with opened(db) as database, database.read() as connection:
        published = signing_keys.Keyring().published(connection)
    found = next((p for p in published if p.key.kid.hex() == kid), None)
    if found is None:
        detail = f"No key {kid} is published; 'simbond signing-key list' shows those that are."
        raise Failure("key-unknown", detail, exit_code=NOT_FOUND)
    pem = keys.pem(found.key.point)
    if as_json:
        print_json(_document(found) | {"pem": pem})
    elif as_pem:
        click.echo(pem, nl=False)
    else:
        since, until = when(found.since), when(found.until) or "it signs now"
        print_fields([("key", kid), ("since", since), ("until", until), ("point", found.key.point.hex())])
        click.echo(pem, nl=False)


def _document(published: signing_keys.Published) -> dict[str, Any]:
    key = published.key
    return {"kid": key.kid.hex(), "point": key.point.hex(), "since": published.since, "until": published.until}


@signing_key.command()
@database_option
@json_option
def rotate(db: str, as_json: bool) -> None:
    """Makes a new key to sign with; the old one stays published, and its private half is gone."""
    with opened(db) as database, database.write() as connection:
        now = time()
        kid = signing_keys.rotate(connection, now).signing.kid.hex()
        fleet_events.record(connection, "signing-key-rotated", at=now, actor=_ACTOR, kid=kid)
    if as_json:
        print_json({"kid": kid})
    else:
        say(f"The verifier signs with {kid} now.")


@signing_key.command()
@kid_argument
@click.option("--reason", required=True, help="Kept in the history.")
@database_option
@json_option
def withdraw(kid: str, reason: str, db: str, as_json: bool) -> None:
    """Publishes an old key no longer, because somebody else may have it."""
    try:
        with opened(db) as database, database.write() as connection:
            signing_keys.withdraw(connection, bytes.fromhex(kid))
            fleet_events.record(connection, "signing-key-withdrawn", at=time(), actor=_ACTOR, kid=kid, reason=reason)
    except signing_keys.KeyNotFound as e:
        raise Failure("key-unknown", f"{e}.", exit_code=REFUSED) from None
    if as_json:
        print_json({"kid": kid, "withdrawn": True})
    else:
        say(f"Withdrew {kid}.")
