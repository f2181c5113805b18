"""`simbond token`: bearer tokens, made on the machine that holds the database."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import time

import click

from simbond_verifier.refusal import NotFound, Refusal
from simbond_verifier.store import tokens
from simbond_verifier.store.database import Database, StoreError
from simbond_verifier.store.tokens import Role

from .common import LOCAL, NOT_FOUND, REFUSED, Failure, database_option, json_option, print_json, print_table, when


@click.group()
def token() -> None:
    """Makes, lists and revokes the tokens of operators."""


@token.command()
@click.option("--name", required=True, help="Whom it is for; appears in every card's history.")
@click.option("--role", type=click.Choice([r.value for r in Role]), required=True)
@database_option
@json_option
def create(name: str, role: str, db: str, as_json: bool) -> None:
    """Makes a token and prints it, once."""
    with _database(db) as database, database.write() as connection:
        secret = tokens.create(connection, name, Role(role), time())
    if as_json:
        print_json({"name": name, "role": role, "token": secret})
    else:
        click.echo(secret)


@token.command("list")
@database_option
@json_option
def list_tokens(db: str, as_json: bool) -> None:
    """Lists the tokens; the secrets themselves are not kept."""
    with _database(db) as database, database.read() as connection:
        found = tokens.list_all(connection)
    if as_json:
        print_json({"tokens": found})
    else:
        rows = [(t["name"], t["role"], when(t["created_at"]), when(t["revoked_at"])) for t in found]
        print_table(("name", "role", "created", "revoked"), rows)


@token.command()
@click.argument("name")
@database_option
@json_option
def revoke(name: str, db: str, as_json: bool) -> None:
    """Ends a token at once."""
    with _database(db) as database, database.write() as connection:
        tokens.revoke(connection, name, time())
    if as_json:
        print_json({"name": name, "revoked": True})
    else:
        click.echo(f"Revoked {name}.")


@contextmanager
def _database(where: str) -> Iterator[Database]:
    try:
        database = Database(where)
    except StoreError as e:
        raise Failure("store", str(e), exit_code=LOCAL) from None
    try:
        yield database
    except Refusal as e:
        exit_code = NOT_FOUND if isinstance(e, NotFound) else REFUSED
        raise Failure(e.code, str(e), exit_code=exit_code) from None
    finally:
        database.close()
