"""A CBOR decoder for what strangers send: linear in time and memory, and every fault has a reason code.

A general decoder knows tags (shared references among them) with which a few hundred octets expand to gigabytes. The
profile uses none of that, so this one builds integers, strings, arrays, maps, null and booleans, and nothing else.
"""

from typing import Any, NamedTuple

from .reasons import Reason

_DEPTH = 8


class Undecodable(ValueError):
    """Octets that are no CBOR, or not all of it."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason


class Tagged(NamedTuple):
    number: int
    value: Any


class Other(NamedTuple):
    """A simple value or float: well-formed, and nowhere in the profile."""

    octets: bytes


class Item(NamedTuple):
    """One decoded item."""

    value: Any
    end: int
    """Where the next one begins."""
    fault: Reason | None
    """The first departure from deterministic encoding (RFC 8949 section 4.2.1): NOT_CANONICAL or DUPLICATE_KEY."""


def decode(data: bytes, at: int = 0) -> Item:
    """The item that begins at `at`. Raises Undecodable: TRUNCATED, MALFORMED, or NOT_CANONICAL for an indefinite
    length, which is not followed any further."""
    reader = _Reader(data, at)
    return Item(reader.item(0), reader.at, reader.fault)


def decode_all(data: bytes) -> Any:
    """The value of the one item that the data is, in its one encoding. Raises Undecodable otherwise."""
    value, end, fault = decode(data)
    if fault is None and end != len(data):
        fault = Reason.NOT_CANONICAL
    if fault is not None:
        raise Undecodable(fault)
    return value


class _Reader:
    def __init__(self, data: bytes, at: int) -> None:
        self.data = data
        self.at = at
        self.fault: Reason | None = None

    def item(self, depth: int) -> Any:
        if depth > _DEPTH:
            raise Undecodable(Reason.MALFORMED)
        start = self.at
        major, n = self._head()
        if major == 0:
            return n
        if major == 1:
            return -1 - n
        if major == 6:
            return Tagged(n, self.item(depth + 1))
        if major == 7:
            simple = {0xF4: False, 0xF5: True, 0xF6: None}
            octets = self.data[start : self.at]
            return simple.get(octets[0], Other(octets))
        if n > len(self.data) - self.at:
            raise Undecodable(Reason.TRUNCATED)  # n members take at least n octets, too
        if major == 4:
            return [self.item(depth + 1) for _ in range(n)]
        if major == 5:
            return self._map(n, depth)
        raw = self.data[self.at : self.at + n]
        self.at += n
        if major == 2:
            return raw
        try:
            return raw.decode()
        except UnicodeDecodeError:
            raise Undecodable(Reason.MALFORMED) from None

    def _head(self) -> tuple[int, int]:
        if self.at >= len(self.data):
            raise Undecodable(Reason.TRUNCATED)
        major, info = self.data[self.at] >> 5, self.data[self.at] & 31
        self.at += 1
        if info < 24:
            return major, info
        if info == 31 and major in (2, 3, 4, 5):
            raise Undecodable(Reason.NOT_CANONICAL)
        if info > 27:
            raise Undecodable(Reason.MALFORMED)
        size = 1 << info - 24
        n = int.from_bytes(self.data[self.at : self.at + size], "big")
        self.at += size
        if self.at > len(self.data):
            raise Undecodable(Reason.TRUNCATED)
        if major != 7 and (n < 24 or (size > 1 and n < 1 << 4 * size)):
            self._found(Reason.NOT_CANONICAL)
        return major, n

    def _map(self, n: int, depth: int) -> dict[Any, Any]:
        pairs: dict[Any, Any] = {}
        last = b""
        for _ in range(n):
            start = self.at
            key = self.item(depth + 1)
            encoded = self.data[start : self.at]
            if type(key) not in (int, bytes, str):
                raise Undecodable(Reason.MALFORMED)
            if key in pairs:
                self._found(Reason.DUPLICATE_KEY)
            elif encoded < last:
                self._found(Reason.NOT_CANONICAL)
            last = encoded
            pairs[key] = self.item(depth + 1)
        return pairs

    def _found(self, fault: Reason) -> None:
        self.fault = self.fault or fault
