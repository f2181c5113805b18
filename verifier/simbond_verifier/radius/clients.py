"""Who may talk RADIUS with the verifier, and by which secret."""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import NamedTuple

from ..policy import InvalidPolicy, RadiusClient

_SECRET_OCTETS = 16
"""At least: whoever overhears one packet may try secrets offline (RFC 2865 section 3)."""


class Client(NamedTuple):
    """One line of the policy, its secret read."""

    section: RadiusClient
    secret: bytes


class Clients:
    """Finds clients by address; of overlapping prefixes the longest counts. Raises InvalidPolicy."""

    def __init__(self, sections: Iterable[RadiusClient]) -> None:
        found = [Client(section, _read_secret(section.secret_file)) for section in sections]
        self._clients = sorted(found, key=lambda client: client.section.address.prefixlen, reverse=True)
        addresses = [client.section.address for client in found]
        for address in addresses:
            if addresses.count(address) > 1:
                raise InvalidPolicy(f"radius.clients: {address} is there twice")

    def find(self, address: str) -> Client | None:
        try:
            wanted = _plain(ip_address(address.partition("%")[0]))
        except ValueError:
            return None
        return next((client for client in self._clients if wanted in client.section.address), None)


def _plain(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """An IPv4 client of a socket that takes both comes as ::ffff:a.b.c.d."""
    return (isinstance(address, IPv6Address) and address.ipv4_mapped) or address


def _read_secret(file: Path) -> bytes:
    try:
        lines = file.read_bytes().splitlines()
    except OSError as e:
        raise InvalidPolicy(f"radius.clients.secret_file: {file} cannot be read: {e.strerror}") from None
    secret = lines[0] if lines else b""
    if len(secret) < _SECRET_OCTETS:
        raise InvalidPolicy(
            f"radius.clients.secret_file: {file} holds fewer than {_SECRET_OCTETS} octets, which are soon guessed; "
            "make a secret with: openssl rand -hex 16"
        )
    return secret
