"""`simbond identities`: seals subscribers and Evidence in a database that is there already (docs/privacy.md)."""

from collections.abc import Callable
from pathlib import Path

import click

from simbond_verifier.store import identities as at_rest
from simbond_verifier.store import sealing
from simbond_verifier.store.database import Database
from simbond_verifier.store.identities import Sealed

from .common import database_option, json_option, print_json, say
from .store import opened

_key_option = click.option(
    "--identity-key",
    "key",
    type=click.Path(path_type=Path),
    required=True,
    help="File with 128 hexadecimal digits: openssl rand -hex 64.",
)


@click.group()
def identities() -> None:
    """Seals the identities in the verifier's database, or opens them."""


@identities.command()
@_key_option
@database_option
@json_option
def encrypt(key: Path, db: str, as_json: bool) -> None:
    """Seals every IMSI, MSISDN and message of a device; start the server with the same key from then on."""
    _rewrite(sealing.seal, key, db, as_json, "sealed")


@identities.command()
@_key_option
@database_option
@json_option
def decrypt(key: Path, db: str, as_json: bool) -> None:
    """Opens all of them, so that the server needs no key, or another one can be taken."""
    _rewrite(sealing.unseal, key, db, as_json, "opened")


def _rewrite(
    rewrite: Callable[[Database, Sealed, Callable[[str, int], None]], None],
    key: Path,
    db: str,
    as_json: bool,
    done: str,
) -> None:
    rows: dict[str, int] = {}
    with opened(db, alone=True) as database:
        rewrite(database, at_rest.read_key(key), rows.__setitem__)
        sealing.compact(database)
    if as_json:
        print_json({"rows": rows})
    else:
        for name, count in rows.items():
            say(f"{name}: {count} rows {done}")
