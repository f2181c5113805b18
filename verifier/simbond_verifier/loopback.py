"""Hosts that only this machine reaches: what goes there in the clear is seen by nobody else."""

from ipaddress import ip_address


def is_loopback(host: str) -> bool:
    """Whether a host name or address is loopback, as far as its text says."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
