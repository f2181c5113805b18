"""Messages as text: the AT commands of many modems carry no binary, so on every transport a message may come in base64
(RFC 4648 section 4, with padding). Its answer then goes out in base64, too.

Nothing announces the form, and nothing needs to: CBOR maps, arrays and tags begin with an octet from 0x80 on, base64
never does; a key id alone is 8 octets, or 12 characters.
"""

from base64 import b64decode, b64encode

from simbond_agent import claims

MAX_OCTETS = -(-claims.MAX_OCTETS // 3) * 4
"""Of the longest message as text."""


def read(body: bytes) -> tuple[bytes, bool]:
    """The message, and whether it came as text. What is neither form stays as it came: it is refused for what it is."""
    if not body or body[0] >= 0x80 or len(body) == claims.KID_OCTETS or len(body) > MAX_OCTETS:
        return body, False
    try:
        message = b64decode(body, validate=True)
    except ValueError:
        return body, False
    return (message, True) if b64encode(message) == body else (body, False)  # as on the wire, one encoding is right


def write(answer: bytes, as_text: bool) -> bytes:
    """An answer in the form of its message."""
    return b64encode(answer) if as_text else answer
