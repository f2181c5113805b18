"""Reads as much of a CBOR item as there is. For explaining broken messages; what is trusted goes through
simbond_verifier.strict_cbor, which gives all or nothing."""

from typing import Any, NamedTuple

_DEEPEST = 8


class Parts(NamedTuple):
    """What could be read of a COSE_Sign1; empty maps where nothing could."""

    protected: dict[Any, Any]
    payload: dict[Any, Any]
    countersigned: bool = False
    """Something stands in the unprotected header."""


class _End(Exception):
    """The octets end, or are of no kind that the profile uses."""


def salvage(message: bytes) -> Parts:
    """The headers and claims of a COSE_Sign1 (RFC 9052 section 4.2) that may be cut off or damaged anywhere."""
    found = _Reader(message).items()
    protected, payload = (found[i] if len(found) > i and isinstance(found[i], bytes) else b"" for i in (0, 2))
    return Parts(_map(protected), _map(payload), len(found) > 1 and bool(found[1]))


def _map(encoded: bytes) -> dict[Any, Any]:
    try:
        found = _Reader(encoded).item()
    except _End:
        return {}
    return found if isinstance(found, dict) else {}


class _Reader:
    """Definite lengths only. A string or container that is cut off is given as far as it goes; nothing follows it."""

    def __init__(self, octets: bytes) -> None:
        self._octets = octets
        self._at = 0
        self._depth = 0

    def items(self) -> list[Any]:
        """The elements of an array that may be tagged."""
        try:
            found = self.item()
        except _End:
            return []
        return found if isinstance(found, list) else []

    def item(self) -> Any:
        """The next item. Raises _End when there is not even its head."""
        major, value = self._head()
        while major == 6:  # a loop: a message may be nothing but tags
            major, value = self._head()
        match major:
            case 0:
                return value
            case 1:
                return -1 - value
            case 2:
                return self._take(value)
            case 3:
                return self._take(value).decode("utf-8", "replace")
            case 4:
                return self._elements(value)
            case 5:
                flat = self._elements(2 * value)
                return {k: v for k, v in zip(flat[::2], flat[1::2], strict=False) if isinstance(k, int | str | bytes)}
        return {20: False, 21: True}.get(value)

    def _elements(self, count: int) -> list[Any]:
        found: list[Any] = []
        self._depth += 1
        while len(found) < count and self._depth <= _DEEPEST:
            try:
                found.append(self.item())
            except _End:
                break
        self._depth -= 1
        return found

    def _head(self) -> tuple[int, int]:
        (first,) = self._take(1) or self._end()
        major, info = first >> 5, first & 31
        if info < 24:
            return major, info
        size = {24: 1, 25: 2, 26: 4, 27: 8}.get(info) or self._end()
        octets = self._take(size)
        return (major, int.from_bytes(octets, "big")) if len(octets) == size else self._end()

    def _take(self, size: int) -> bytes:
        taken = self._octets[self._at : self._at + size]
        self._at += size
        return taken

    def _end(self) -> Any:
        raise _End
