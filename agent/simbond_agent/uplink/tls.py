"""TLS with a server that must prove who it is."""

try:
    import tls
except ImportError:
    import ssl as tls


def options(board, host):
    """What asyncio.open_connection() takes besides, for a server that has to prove that it is host.

    To be made once and kept: it takes 2 KiB of heap in one piece (3 with words of 64 bits), which a heap that has been
    in use for days may not have. board.ca: the certificate authority that vouches for the server, in DER: octets, or
    the path of a file. Raises ValueError.
    """
    ca = getattr(board, "ca", None)
    if not ca:
        raise ValueError(board.url.partition(":")[0] + " needs the CA of the server: set ca to its certificate in DER")
    if isinstance(ca, str):
        try:
            with open(ca, "rb") as f:
                ca = f.read()
        except OSError as e:
            raise ValueError("ca: cannot read {}: {}".format(ca, e))
    context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
    context.verify_mode = tls.CERT_REQUIRED
    try:
        try:
            context.load_verify_locations(cadata=ca)
        except TypeError:  # MicroPython takes it by position only
            context.load_verify_locations(ca)
    except (OSError, ValueError) as e:  # ssl.SSLError is an OSError
        raise ValueError("ca is to be a certificate in DER: {}".format(e))
    return {"ssl": context, "server_hostname": host}
