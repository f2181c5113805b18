"""Connections over usocket and ussl, each call in a thread of its own, and what the agent uses of the module tls.

ussl verifies a server only where wrap_socket() takes its authority as `ca`: in the published port that argument turns
verification on (modussl_mbedtls.c), the documented ones do not. Elsewhere there is no TLS: it would prove nothing.
"""

from binascii import b2a_base64

from .loop import in_thread

PROTOCOL_TLS_CLIENT = 0
CERT_REQUIRED = 2

_TIMEOUT_S = 30


class SSLContext:
    """Holds the authority until a connection is made."""

    def __init__(self, protocol):
        self.verify_mode = CERT_REQUIRED
        self._ca = None

    def load_verify_locations(self, cadata):
        """cadata: a certificate in DER."""
        lines = b2a_base64(cadata).decode().strip()
        self._ca = "-----BEGIN CERTIFICATE-----\n" + lines + "\n-----END CERTIFICATE-----\n"

    def wrap(self, socket, host):
        import ussl

        try:
            return ussl.wrap_socket(socket, server_hostname=host, ca=self._ca)
        except TypeError:
            raise OSError("this firmware's ussl cannot verify a server (docs/quecpython.md)")


async def open_connection(host, port, ssl=None, server_hostname=None):
    """As asyncio's: a reader and a writer, here the same object. Raises OSError."""
    stream = await in_thread(_connect, host, port, ssl, server_hostname)
    return stream, stream


def _connect(host, port, context, server_hostname):
    import usocket

    addresses = usocket.getaddrinfo(host, port)
    if not addresses:
        raise OSError("no address of " + host)
    socket = usocket.socket(usocket.AF_INET, usocket.SOCK_STREAM)
    try:
        socket.settimeout(_TIMEOUT_S)
        socket.connect(addresses[0][-1])
        return _Stream(context.wrap(socket, server_hostname) if context else socket)
    except Exception:
        socket.close()
        raise


class _Stream:
    def __init__(self, socket):
        self._socket = socket
        self._out = b""
        # In the port's source a wrapped socket has read() alone, which waits for all of n octets or the end.
        self._receive = getattr(socket, "recv", None) or socket.read

    def write(self, octets):
        self._out += octets

    async def drain(self):
        out = self._out
        self._out = b""
        await in_thread(self._socket.write, out)

    async def read(self, n):
        return await in_thread(self._receive, n) or b""

    def close(self):
        self._socket.close()

    async def wait_closed(self):
        pass
