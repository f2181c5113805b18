"""TLS with a server that must prove who it is."""

try:
    import tls
except ImportError:
    import ssl as tls


def context(ca):
    """A client context. ca: the certificate authority that vouches for the server, in DER: octets, or the path of a
    file, which is read anew for each connection and then costs no heap in between. Raises OSError, ValueError.
    """
    if isinstance(ca, str):
        with open(ca, "rb") as f:
            ca = f.read()
    made = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
    made.verify_mode = tls.CERT_REQUIRED
    try:
        made.load_verify_locations(cadata=ca)
    except TypeError:  # MicroPython takes it by position only
        made.load_verify_locations(ca)
    return made
