"""CBOR in its one deterministic encoding (RFC 8949 section 4.2.1), both ways; what strangers send is read strictly."""

import struct
from typing import Any

import cbor2

from ..strict_cbor import Other, Tagged, Undecodable, decode_all

_FLOATS = {0xF9: ">e", 0xFA: ">f", 0xFB: ">d"}


class Malformed(ValueError):
    """Octets that are not what they should be; the message says what is wrong with them."""


def dumps(value: Any) -> bytes:
    """None, booleans, integers, floats, strings, lists and maps."""
    octets: bytes = cbor2.dumps(value, canonical=True)
    return octets


def loads(octets: bytes) -> Any:
    """The one value that the octets are. Raises Malformed, also where the deterministic encoding is another one."""
    try:
        value = _plain(decode_all(octets))
    except Undecodable as e:
        raise Malformed(f"no deterministic CBOR ({e.reason})") from None
    if dumps(value) != octets:
        raise Malformed("no deterministic CBOR (not-canonical)")
    return value


def _plain(value: Any) -> Any:
    """With floats as such; the strict decoder leaves them as octets."""
    if isinstance(value, Tagged):
        raise Malformed("a CBOR tag that has no place here")
    if isinstance(value, Other):
        form = _FLOATS.get(value.octets[0])
        if form is None:
            raise Malformed("a CBOR simple value that has no place here")
        return struct.unpack(form, value.octets[1:])[0]
    if isinstance(value, list):
        return [_plain(v) for v in value]
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    return value
