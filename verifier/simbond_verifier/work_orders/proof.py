"""A proof: a ticket and the Evidence that answers it, which is all that anybody needs who has the verifier's key. As
octets for the verifier, as text of capitals and digits for files and QR codes (base45, RFC 9285)."""

from hashlib import sha256
from typing import NamedTuple

import cbor2

from ..envelope import open_envelope
from ..ledger import cbor, cose
from .ticket import NotGenuine

PREFIX = "SB1:"
MAX_CHARACTERS = 4096
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
_VALUES = {character: value for value, character in enumerate(_ALPHABET)}


class Proof(NamedTuple):
    """Both as COSE_Sign1; nothing of it is checked."""

    ticket: bytes
    evidence: bytes


def to_octets(proof: Proof) -> bytes:
    """As docs/work-orders.cddl has it."""
    return cbor.dumps(list(proof))


def to_text(proof: Proof) -> str:
    """The proof as one line of the characters that a QR code packs two into eleven bits."""
    return PREFIX + base45(to_octets(proof))


def from_text(text: str) -> Proof:
    """The proof in a text, whatever white space stands around it. Raises NotGenuine."""
    line = text.strip("\r\n\t\0 ")
    if not line.startswith(PREFIX) or len(line) > MAX_CHARACTERS:
        raise NotGenuine(f"no result of a check: one begins with {PREFIX}")
    try:
        octets = from_base45(line[len(PREFIX) :])
    except ValueError:
        raise NotGenuine("a result that is damaged or cut off") from None
    return from_octets(octets)


def from_octets(octets: bytes) -> Proof:
    """What to_octets made. Raises NotGenuine."""
    try:
        found = cbor.loads(octets)
    except ValueError:
        raise NotGenuine("a result that is damaged or cut off") from None
    match found:
        case [bytes(ticket), bytes(evidence)]:
            return Proof(ticket, evidence)
    raise NotGenuine("a result of another form")


def without_statement(proof: Proof) -> Proof:
    """The same without what the SIM signed, which the device's own signature does not need: it fits into a smaller
    QR code."""
    try:
        message = cose.read(proof.evidence)
    except cbor.Malformed:
        return proof
    bare = cbor2.CBORTag(18, [message.head, {}, message.payload, message.signature])
    return proof._replace(evidence=cbor.dumps(bare))


def digest(proof: Proof) -> bytes:
    """Names what the device signed, whoever hands it in and in whatever form: SHA-256. Raises BadEvidence."""
    return sha256(open_envelope(proof.evidence).to_be_signed).digest()


def base45(octets: bytes) -> str:
    """RFC 9285 section 4."""
    out = []
    for start in range(0, len(octets), 2):
        pair = octets[start : start + 2]
        number = int.from_bytes(pair, "big")
        for _ in range(len(pair) + 1):
            number, digit = divmod(number, 45)
            out.append(_ALPHABET[digit])
    return "".join(out)


def from_base45(text: str) -> bytes:
    """Raises ValueError for a text that no octets have (RFC 9285 section 6)."""
    out = bytearray()
    for start in range(0, len(text), 3):
        part = text[start : start + 3]
        try:
            number = sum(_VALUES[character] * 45**place for place, character in enumerate(part))
        except KeyError:
            raise ValueError("a character that base45 has not") from None
        if len(part) == 1 or number >= 1 << 8 * (len(part) - 1):
            raise ValueError("no base45")
        out += number.to_bytes(len(part) - 1, "big")
    return bytes(out)
