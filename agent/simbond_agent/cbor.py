"""CBOR: a deterministic encoder (RFC 8949 section 4.2.1) and a strict decoder for short answers.

Only what the evidence profile needs: integers up to 64 bits, byte and text strings, arrays, maps, tags, true, false
and null. No floats, nothing of indefinite length.
"""

_MAX_DEPTH = 4


class Tag:
    """A tagged item, to encode. The decoder meets no tags: the verifier's answers have none."""

    def __init__(self, number, value):
        self.number = number
        self.value = value


def _head(major, n):
    major <<= 5
    if n < 24:
        return bytes((major | n,))
    for info, size in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if n < 1 << 8 * size:
            return bytes((major | info,)) + n.to_bytes(size, "big")
    raise ValueError("over 64 bits")


def encode(value):
    """The deterministic encoding of value as bytes.

    value: int, bytes, str, list or tuple, dict, Tag, bool, None. Raises TypeError for anything else, ValueError for an
    integer beyond 64 bits.
    """
    if value is None:
        return b"\xf6"
    if isinstance(value, bool):
        return b"\xf5" if value else b"\xf4"
    if isinstance(value, int):
        return _head(0, value) if value >= 0 else _head(1, -1 - value)
    if isinstance(value, (bytes, bytearray)):
        return _head(2, len(value)) + bytes(value)
    if isinstance(value, str):
        value = value.encode()
        return _head(3, len(value)) + value
    if isinstance(value, (list, tuple)):
        return _head(4, len(value)) + b"".join([encode(v) for v in value])
    if isinstance(value, dict):
        pairs = sorted([(encode(k), encode(v)) for k, v in value.items()])
        return _head(5, len(pairs)) + b"".join([k + v for k, v in pairs])
    if isinstance(value, Tag):
        return _head(6, value.number) + encode(value.value)
    raise TypeError("cannot encode " + type(value).__name__)


def decode(data):
    """The one item that data (bytes) holds. Maps become dicts, arrays lists.

    Raises ValueError for what is truncated, followed by more, not in its shortest form, of indefinite length, nested
    deeper than 4, a map with a duplicate or compound key, invalid UTF-8, or of a type that the module does not know.
    """
    value, end = _item(data, 0, 0)
    if end != len(data):
        raise ValueError("data after the item")
    return value


def _item(data, at, depth):
    if depth > _MAX_DEPTH:
        raise ValueError("nested too deeply")
    if at >= len(data):
        raise ValueError("truncated")
    major, n = data[at] >> 5, data[at] & 31
    at += 1
    if major == 7:
        if not 20 <= n <= 22:
            raise ValueError("no float or simple value")
        return (False, True, None)[n - 20], at
    if n > 27:
        raise ValueError("indefinite length")
    if n >= 24:
        size = 1 << n - 24
        n = int.from_bytes(data[at : at + size], "big")
        at += size
        if at > len(data):
            raise ValueError("truncated")
        if n < 24 or (size > 1 and n < 1 << 4 * size):
            raise ValueError("not in its shortest form")
    if major == 0:
        return n, at
    if major == 1:
        return -1 - n, at
    if n > len(data) - at:
        raise ValueError("truncated")  # an array or map of n items has at least n octets, too
    if major < 4:
        raw = bytes(data[at : at + n])
        return (raw if major == 2 else _text(raw)), at + n
    if major == 4:
        items = []
        for _ in range(n):
            value, at = _item(data, at, depth + 1)
            items.append(value)
        return items, at
    if major == 5:
        pairs = {}
        for _ in range(n):
            key, at = _item(data, at, depth + 1)
            if isinstance(key, (list, dict)) or key in pairs:
                raise ValueError("duplicate or compound key")
            pairs[key], at = _item(data, at, depth + 1)
        return pairs, at
    raise ValueError("unexpected tag")


def _text(raw):
    try:
        return raw.decode()
    except UnicodeError:
        raise ValueError("invalid UTF-8")
