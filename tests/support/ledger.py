"""A ledger on a desk's store: made, signed and exported as the verifier does it, and tampered with."""

import io
from collections.abc import Callable, Iterable, Sequence

import cbor2

from simbond_verifier.ledger.audit import Report, audit
from simbond_verifier.ledger.checkpoint import Checkpoint
from simbond_verifier.signing_key import SigningKey
from simbond_verifier.store import ledger

from .verifier import Desk


def sequenced(desk: Desk) -> int:
    """Makes entries of everything that is committed. Returns the ledger's size."""
    with desk.database.write() as connection:
        while ledger.sequence(connection):
            pass
        return ledger.size(connection)


def signed(desk: Desk, key: SigningKey) -> Checkpoint:
    """The same, and signs it."""
    sequenced(desk)
    with desk.database.write() as connection:
        head = ledger.sign(connection, key, desk.now)
    assert head is not None
    return head


def exported(desk: Desk) -> bytes:
    with desk.database.read() as connection:
        return b"".join(ledger.exported(connection))


def audited(octets: bytes, key: SigningKey, since: Checkpoint | None = None) -> Report:
    return audit(io.BytesIO(octets), [key.public.point], since)


def records(octets: bytes) -> list[bytes]:
    """The records of an export, its header first."""
    stream = io.BytesIO(octets)
    decoder = cbor2.CBORDecoder(stream)
    found = []
    while stream.tell() < len(octets):
        found.append(decoder.decode())
    return found


def written(all_records: Iterable[bytes]) -> bytes:
    return b"".join(cbor2.dumps(record) for record in all_records)


def changed(octets: bytes, change: Callable[[list[list[object]]], Sequence[list[object]]]) -> bytes:
    """An export whose entries somebody changed; header and checkpoints stay at their places in the file."""
    found = records(octets)
    places = [n for n, record in enumerate(found) if n and not record.startswith(b"\xd2")]
    entries = change([cbor2.loads(found[n]) for n in places])
    last = found[places[-1] + 1 :]
    middle = [found[n] for n in range(1, places[-1]) if found[n].startswith(b"\xd2")]
    assert not middle, "only for an export with one checkpoint"
    return written([found[0], *(cbor2.dumps(e) for e in entries), *last])
