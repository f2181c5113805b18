"""Signed messages as people have them: raw octets in a file, or hex or base64 text."""

import base64
import binascii
import re

from .common import USAGE, Failure, read_input

_HEX = re.compile(rb"(0[xX])?([0-9a-fA-F]*)")
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]+={0,2}")


def from_argument(text: str) -> bytes:
    """A message given as hex or base64, as @FILE, or as "-" for standard input. Raises Failure."""
    if text == "-" or text.startswith("@"):
        return from_octets(read_input(text.removeprefix("@")))[0]
    return from_octets(text.encode(), force_text=True)[0]


def from_octets(octets: bytes, *, force_hex: bool = False, force_text: bool = False) -> tuple[bytes, str]:
    """The message in a file's octets, and how it was written: "raw", "hex" or "base64".

    A message begins with an octet above 7F, so text is never taken for one. force_hex, force_text: nothing else will
    do. Raises Failure.
    """
    text = b"".join(octets.split())
    hexadecimal = _HEX.fullmatch(text)
    if hexadecimal and (digits := hexadecimal[2]):
        if len(digits) % 2:
            raise Failure("input", "The hex text has an odd number of digits: one is missing.", exit_code=USAGE)
        return bytes.fromhex(digits.decode()), "hex"
    if force_hex:
        raise Failure("input", "This is no hex text; leave out --hex to have it detected.", exit_code=USAGE)
    if _BASE64.fullmatch(text):
        try:
            padded = text.rstrip(b"=") + b"=" * (-len(text.rstrip(b"=")) % 4)
            return base64.b64decode(padded.translate(bytes.maketrans(b"-_", b"+/"))), "base64"
        except binascii.Error as e:
            raise Failure("input", f"This is no base64 text: {e}.", exit_code=USAGE) from None
    if force_text or not text:
        raise Failure("input", "There is no message: give hex, base64, or a file by @FILE.", exit_code=USAGE)
    return octets, "raw"
