"""Duplicate detection (RFC 5080 section 2.2.2): a request that is repeated gets the reply that it had."""

from collections import OrderedDict
from typing import NamedTuple

_KEPT_S = 30.0
"""Gateways repeat a request for less than this."""


class Key(NamedTuple):
    """What two packets of one exchange have in common, besides their authenticators."""

    host: str
    port: int
    code: int
    identifier: int


class Exchange:
    """One request and, once there is one, its reply."""

    def __init__(self, authenticator: bytes, ends: float) -> None:
        self.authenticator = authenticator
        self.ends = ends
        self.reply: bytes | None = None


class Replies:
    """The exchanges of the last half minute, and not more than a number of them."""

    def __init__(self, most: int = 50_000) -> None:
        self._most = most
        self._exchanges: OrderedDict[Key, Exchange] = OrderedDict()

    def known(self, key: Key, authenticator: bytes, now: float) -> Exchange | None:
        """The exchange that the packet repeats. now: of a monotonic clock, in seconds."""
        found = self._exchanges.get(key)
        return found if found and found.authenticator == authenticator and found.ends > now else None

    def begin(self, key: Key, authenticator: bytes, now: float) -> Exchange:
        self._exchanges.pop(key, None)
        while self._exchanges and (
            len(self._exchanges) >= self._most or next(iter(self._exchanges.values())).ends <= now
        ):
            self._exchanges.popitem(last=False)
        made = self._exchanges[key] = Exchange(authenticator, now + _KEPT_S)
        return made

    def forget(self, key: Key, exchange: Exchange) -> None:
        """It came to nothing: when it is repeated, it is tried again."""
        if self._exchanges.get(key) is exchange:
            del self._exchanges[key]
