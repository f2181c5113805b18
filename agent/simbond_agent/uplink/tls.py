"""TLS with a server that must prove who it is."""

import gc
import sys

try:
    import tls
except ImportError:
    import ssl as tls

# A connection takes a piece of heap this large, with some more for what is made on the way to it.
_ROOM = 2816 if sys.maxsize < 1 << 32 else 4096
_room = None


def reserve():
    """Keeps room for the next connection: a heap that has been in use for days may have no such piece free any more."""
    global _room
    gc.collect()
    if hasattr(gc, "mem_free") and not _room:
        try:
            _room = bytearray(_ROOM)
        except MemoryError:
            pass  # the next connection may still find some


def context(ca):
    """A client context; the room that is reserved is free from now on. Raises OSError, ValueError.

    ca: the certificate authority that vouches for the server, in DER: octets, or the path of a file, which is read anew
    for each connection and then costs no heap in between.
    """
    global _room
    if isinstance(ca, str):
        with open(ca, "rb") as f:
            ca = f.read()
    made = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
    made.verify_mode = tls.CERT_REQUIRED
    try:
        made.load_verify_locations(cadata=ca)
    except TypeError:  # MicroPython takes it by position only
        made.load_verify_locations(ca)
    _room = None
    gc.collect()
    return made
