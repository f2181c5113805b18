"""`simbond backup` and `simbond restore`, on the machine that reaches the database."""

from pathlib import Path

import click

from simbond_verifier.store import backup as backups
from simbond_verifier.store.errors import StoreError

from .common import LOCAL, Failure, database_option, json_option, print_json, say

_file = click.argument("file", type=click.Path(path_type=Path, dir_okay=False))


@click.command()
@_file
@click.option("--force", is_flag=True, help="Also where FILE is there already: it is replaced.")
@database_option
@json_option
def backup(file: Path, force: bool, db: str, as_json: bool) -> None:
    """Writes a backup of the database into FILE, while the verifier works."""
    if file.exists() and not force:
        raise Failure("file", f"{file} is there already: name another file, or replace it by --force.", exit_code=LOCAL)
    try:
        octets = backups.save(db, file)
    except StoreError as e:
        raise Failure("store", str(e), exit_code=LOCAL) from None
    if as_json:
        print_json({"file": str(file), "octets": octets})
    else:
        say(f"Wrote {file}: {octets} octets.")


@click.command()
@_file
@click.option("--overwrite", is_flag=True, help="Replace what is in the database.")
@database_option
@json_option
def restore(file: Path, overwrite: bool, db: str, as_json: bool) -> None:
    """Puts the backup in FILE in the place of the database, while no verifier works."""
    try:
        backups.restore(file, db, overwrite=overwrite)
    except StoreError as e:
        raise Failure("store", str(e), exit_code=LOCAL) from None
    if as_json:
        print_json({"file": str(file), "restored": True})
    else:
        say(f"Restored {file}. At its next start the verifier compares every card with the network.")
        say("Tokens that were revoked since the backup are in force again: see 'simbond token list'.")
