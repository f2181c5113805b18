"""What commands share that work on the verifier's database itself, on the machine that holds it."""

from collections.abc import Iterator
from contextlib import contextmanager

from simbond_verifier.refusal import NotFound, Refusal
from simbond_verifier.store.database import Database, StoreError

from .common import LOCAL, NOT_FOUND, REFUSED, Failure


@contextmanager
def opened(where: str, *, alone: bool = False) -> Iterator[Database]:
    """The database of --db; what it refuses within the block becomes a Failure. alone: no server may work on it."""
    try:
        database = Database(where, alone=alone)
        try:
            yield database
        finally:
            database.close()
    except StoreError as e:
        raise Failure("store", str(e), exit_code=LOCAL) from None
    except Refusal as e:
        exit_code = NOT_FOUND if isinstance(e, NotFound) else REFUSED
        raise Failure(e.code, str(e), exit_code=exit_code) from None
