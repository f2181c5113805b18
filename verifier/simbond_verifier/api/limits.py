"""How much one client may send: rates per address and per device, in bounded memory, asked before any signature is
checked (docs/operations.md)."""

from collections.abc import Callable, Hashable, Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from itertools import islice

from ..policy import Limits

_KEYS = 100_000


class Rate:
    """At most `burst` at once and `per_s` in the long run, for each key (generic cell rate algorithm: what is kept of a
    key is the one time at which it will have its whole burst again)."""

    def __init__(self, per_s: float, burst: int, keys: int = _KEYS) -> None:
        """keys: how many are remembered at most. The ones that came first are forgotten first."""
        self._each_s = 1 / per_s
        self._burst = burst
        self._burst_s = burst * self._each_s
        self._keys = keys
        self._full_at: dict[Hashable, float] = {}

    def wait_s(self, key: Hashable, now: float, cost: int = 1) -> float:
        """Seconds until the key may spend so much; 0.0 for at once. What costs more than a burst costs a burst."""
        full_at = self._full_at.get(key)
        if full_at is None or full_at <= now:
            return 0.0
        wait = full_at - now + min(cost, self._burst) * self._each_s - self._burst_s
        return wait if wait > 0 else 0.0

    def take(self, key: Hashable, now: float, cost: int = 1) -> float:
        """The same, and where it is 0.0 it is counted."""
        wait = self.wait_s(key, now, cost)
        if not wait:
            self.spend(key, now, cost)
        return wait

    def spend(self, key: Hashable, now: float, cost: int = 1) -> None:
        """Counts it, allowed or not."""
        full_at = self._full_at.get(key)
        if full_at is None and len(self._full_at) >= self._keys:
            self._forget(now)
        self._full_at[key] = max(full_at or now, now) + min(cost, self._burst) * self._each_s

    def _forget(self, now: float) -> None:
        """Makes room: those who have their whole burst again, and an eighth of the others, so that it is rare."""
        left = {key: full_at for key, full_at in self._full_at.items() if full_at > now}
        too_many = len(left) - self._keys * 7 // 8
        self._full_at = dict(islice(left.items(), max(too_many, 0), None))


def origins(exempt: Iterable[IPv4Network | IPv6Network]) -> Callable[[str], str]:
    """What an address is counted by: itself, or its /64, which is what one IPv6 customer has; "" for those that are
    exempt."""
    free = tuple(exempt)

    @lru_cache(maxsize=4096)
    def origin(address: str) -> str:
        try:
            ip = ip_address(address.partition("%")[0])
        except ValueError:
            return address  # a socket that is no IP
        if isinstance(ip, IPv6Address) and ip.ipv4_mapped is not None:
            ip = ip.ipv4_mapped
        if any(ip in network for network in free):
            return ""
        return str(ip) if isinstance(ip, IPv4Address) else str(IPv6Address(int(ip) >> 64 << 64))

    return origin


class Throttle:
    """The rates of one verifier, by its policy. Clients are known by the `origin` of their address."""

    def __init__(self, limits: Limits) -> None:
        self._address = Rate(limits.address_per_s, limits.address_burst)
        self._refused = Rate(limits.refused_per_s, limits.refused_burst)
        self._device = Rate(limits.device_per_s, limits.device_burst)
        self.origin = origins(limits.exempt)

    def address_wait_s(self, origin: str, now: float, messages: int = 1) -> float:
        """Seconds until so many messages are taken from there; 0.0: now, and they are counted."""
        if not origin:
            return 0.0
        wait = max(self._refused.wait_s(origin, now), self._address.wait_s(origin, now, messages))
        if not wait:
            self._address.spend(origin, now, messages)
        return wait

    def device_wait_s(self, kid: bytes, origin: str, now: float) -> float:
        """The same for one message of a key. Key ids are no secret: by its address, too, because nobody shall use up
        a device's share from elsewhere."""
        return self._device.take((kid, origin), now)

    def refused(self, origin: str, now: float, messages: int = 1) -> None:
        """Counts messages that were refused: unknown keys, bad signatures, junk."""
        if origin and messages:
            self._refused.spend(origin, now, messages)
