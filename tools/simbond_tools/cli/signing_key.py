"""`simbond signing-key`: the verifier's own keys, on the machine that holds the database (docs/results.md)."""

from time import time

import click

from simbond_verifier.store import fleet_events, signing_keys

from .common import REFUSED, Failure, database_option, json_option, print_json, print_table, say, when
from .store import opened

_ACTOR = "command line"


@click.group()
def signing_key() -> None:
    """Lists, rotates and withdraws the keys that the verifier signs with."""


@signing_key.command("list")
@database_option
@json_option
def list_keys(db: str, as_json: bool) -> None:
    """Lists the published keys, the one that signs first."""
    with opened(db) as database, database.read() as connection:
        found = signing_keys.Keyring().published(connection)
    if as_json:
        keys = [{"kid": p.key.kid.hex(), "point": p.key.point.hex(), "since": p.since, "until": p.until} for p in found]
        print_json({"keys": keys})
    else:
        rows = [(p.key.kid.hex(), when(p.since), when(p.until)) for p in found]
        print_table(("key", "since", "until"), rows)


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
@click.argument("kid")
@click.option("--reason", required=True, help="Kept in the history.")
@database_option
@json_option
def withdraw(kid: str, reason: str, db: str, as_json: bool) -> None:
    """Publishes an old key no longer, because somebody else may have it."""
    try:
        with opened(db) as database, database.write() as connection:
            signing_keys.withdraw(connection, bytes.fromhex(kid))
            fleet_events.record(connection, "signing-key-withdrawn", at=time(), actor=_ACTOR, kid=kid, reason=reason)
    except (ValueError, signing_keys.KeyNotFound) as e:
        raise Failure("key-unknown", f"{e}.", exit_code=REFUSED) from None
    if as_json:
        print_json({"kid": kid, "withdrawn": True})
    else:
        say(f"Withdrew {kid}.")
