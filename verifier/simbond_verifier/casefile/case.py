"""What a case file holds, and how it is written and read. Reading checks forms only; `check` tells what is proved."""

from typing import Any, NamedTuple

from ..ledger import cbor
from ..ledger.cbor import Malformed
from ..ledger.merkle import HASH_OCTETS

FORMAT = "simbond-case"
VERSION = 2
_POINT_OCTETS = 65
_MEMBERS = [str, float, bytes, bytes, list, list, dict]


class Item(NamedTuple):
    """One entry of the ledger with its receipt of inclusion."""

    seq: int
    leaf: bytes
    body: bytes | None
    """None: the row's content was deleted."""
    receipt: bytes
    kind: str
    """What it is a row of, and which; of a deleted row nothing vouches for that."""
    row_id: int


class Case(NamedTuple):
    """The case of one card."""

    iccid: str
    at: float
    """When it was exported, seconds since the epoch."""
    key: bytes
    """The verifier's public key, uncompressed; only somebody else can say that it is the right one."""
    checkpoint: bytes
    items: list[Item]
    """In order of their sequence numbers."""
    proofs: list[bytes]
    """What devices answered on site, each with its ticket (docs/work-orders.cddl); entries name them by hashes."""
    stated: dict[str, Any]
    """What the verifier says of the card besides, and the ledger does not prove: names of customers, appeals' words."""

    def encoded(self) -> bytes:
        return cbor.dumps([FORMAT, VERSION, *self[:4], [list(item) for item in self.items], self.proofs, self.stated])


def read(octets: bytes) -> Case:
    """Raises Malformed."""
    parts = cbor.loads(octets)
    if type(parts) is not list or parts[:1] != [FORMAT]:
        raise Malformed("no case file's content")
    if parts[1:2] != [VERSION]:
        raise Malformed("a case of another version; check it with the simbond that wrote it, or a newer one")
    if [type(part) for part in parts[2:]] != _MEMBERS or len(parts[4]) != _POINT_OCTETS:
        raise Malformed("a case with other members than it should have")
    _, _, iccid, at, key, checkpoint, items, proofs, stated = parts
    if any(type(proof) is not bytes for proof in proofs):
        raise Malformed("a case with an answer on site that is none")
    return Case(iccid, at, key, checkpoint, [_item(item) for item in items], proofs, stated)


def _item(parts: Any) -> Item:
    types = [type(part) for part in parts] if type(parts) is list else []
    bare = [int, bytes, type(None), bytes, str, int]
    if types not in ([int, bytes, bytes, bytes, str, int], bare) or len(parts[1]) != HASH_OCTETS:
        raise Malformed("a case with an entry that is none")
    return Item(*parts)
