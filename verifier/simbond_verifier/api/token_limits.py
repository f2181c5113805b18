"""How often the operator API may be asked: rates per token, and per address of whoever brings none that is in force
(docs/operations.md)."""

from collections import OrderedDict

from ..policy import Limits
from .limits import Rate, origins

_REMEMBERED = 10_000


class TokenThrottle:
    """The rates of one verifier's operator API. To be asked from one thread."""

    def __init__(self, limits: Limits) -> None:
        self._origin = origins(limits.exempt)
        self._token = Rate(limits.token_per_s, limits.token_burst)
        self._wrong = Rate(limits.wrong_token_per_s, limits.wrong_token_burst)
        self._known: OrderedDict[bytes, None] = OrderedDict()

    def stranger_wait_s(self, address: str, digest: bytes, now: float) -> float:
        """Seconds until a token is looked up that comes from there; 0.0: now. One that was in force lately does not
        wait for those who guess at the same address."""
        origin = self._origin(address)
        return self._wrong.wait_s(origin, now) if origin and digest not in self._known else 0.0

    def refused(self, address: str, now: float) -> None:
        """Counts a request without a token, or with one that is not in force."""
        origin = self._origin(address)
        if origin:
            self._wrong.spend(origin, now)

    def holder_wait_s(self, name: str, digest: bytes, now: float) -> float:
        """Seconds until the holder of a token may ask again; 0.0: now, and it is counted."""
        self._known[digest] = None
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return self._token.take(name, now)
