"""Packets that do not say when they were made count once: who has recorded one cannot make it speak of now."""

from hashlib import blake2b

from .endpoint import Asked
from .reading import is_dated

_REMEMBERED = 200_000
"""About twenty megabytes: a quarter of an hour of a million cards that are reported every hour."""


class Undated:
    """The packets of late without a time of their own. What is repeated within half a minute is answered before it
    gets here."""

    def __init__(self, at_most: int = _REMEMBERED) -> None:
        self._at_most = at_most
        self._known: dict[bytes, None] = {}

    def counted(self, asked: Asked) -> bool:
        """Whether this packet was counted before, as far as is remembered. One with a time of its own never was: its
        time says what it is about."""
        return not is_dated(asked.request) and _digest(asked) in self._known

    def count(self, asked: Asked) -> None:
        """What the packet says is on disk."""
        if is_dated(asked.request):
            return
        if len(self._known) >= self._at_most:
            del self._known[next(iter(self._known))]
        self._known[_digest(asked)] = None


def _digest(asked: Asked) -> bytes:
    request = asked.request
    told = bytes([request.code, request.identifier]) + request.authenticator + asked.host.encode()
    return blake2b(told, digest_size=16).digest()
