"""Keeps subscriber and device identities out of logs: of ICCID, IMSI, MSISDN and IMEI the last four digits are left.

It goes by form, whatever field or text a number is in: ten digits and more in a row are one of these, or might be. Key
ids are hexadecimal, and are left alone in the fields that hold them.
"""

import re
from collections.abc import Mapping
from typing import Any

from structlog.typing import EventDict, WrappedLogger

KEPT = 4
_LONG = re.compile(r"89\d{3}[0-9A-Fa-f]{14,15}(?![0-9A-Fa-f])|\d{10,}")  # some operators' ICCIDs have letters
_SMALLEST_NUMBER = 10**10
"""Of a number that is no text: a time in seconds is smaller."""
_IDENTITIES = frozenset({"iccid", "imsi", "msisdn", "imei", "imeisv"})
_KEY_IDS = frozenset({"kid", "successor"})
_KEY_ID = re.compile(r"[0-9a-f]{16}")


def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """A structlog processor: the last before the renderer, when tracebacks are text already."""
    return {name: _field(name, value) for name, value in event.items()}


def mask(text: str) -> str:
    """The text with every identity in it masked but for its last digits."""
    return _LONG.sub(lambda found: _masked(found[0]), text)


def _masked(number: str) -> str:
    return "*" * (len(number) - KEPT) + number[-KEPT:]


def _field(name: Any, value: Any) -> Any:
    if name in _KEY_IDS and isinstance(value, str) and _KEY_ID.fullmatch(value):
        return value
    if name in _IDENTITIES and isinstance(value, str | int) and not isinstance(value, bool):
        return _masked(str(value))  # an MSISDN may be short
    return _value(value)


def _value(value: Any) -> Any:
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        return value if abs(value) < _SMALLEST_NUMBER else mask(str(value))
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, Mapping):
        return {_value(name): _field(name, inner) for name, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_value(inner) for inner in value]
    text = str(value)
    masked = mask(text)
    return value if masked == text else masked
