"""What the uplinks through a modem's own stack share. Messages travel as base64 text: no stack is binary-safe."""

import gc
from binascii import a2b_base64, b2a_base64, hexlify
from hashlib import sha256

from .. import codes
from ..at import name_of
from . import UplinkError, bad_answer, parse_url


def base64(octets):
    """RFC 4648 section 4, with padding, on one line."""
    return b2a_base64(octets)[:-1]


def _octets(text):
    try:
        octets = a2b_base64(text)
    except ValueError:
        octets = b""
    if not octets or base64(octets) != text.encode():  # the decoder skips what it does not know
        raise bad_answer("no base64")
    return octets


class Native:
    """board: url; ca, as the other uplinks take it; own_ca: whether that CA vouches for nothing but the verifier, which
    a stack that compares no names needs; apn. Raises ValueError.
    """

    def __init__(self, board, scheme, port, tls_port):
        scheme = "modem+" + scheme
        self._tls, self._host, given, self._prefix = parse_url(board.url, (scheme, scheme + "s"))
        self._port = given or (tls_port if self._tls else port)
        self._apn = getattr(board, "apn", None)
        self._ca = getattr(board, "ca", None)
        self._own_ca = getattr(board, "own_ca", False)
        if self._tls and not self._ca:
            raise ValueError("TLS needs the CA of the server: set ca to its certificate in DER")
        self._up = False

    def attach(self, modem):
        self._channel = modem.channel
        self._model = modem.model.upper()
        self._up = False

    async def _do(self, command, timeout_ms=5000, data=None, good=None):
        """The lines of the reply. good: of the line that completes the command after its OK, the start, and how it goes
        on when all is well.

        Raises UplinkError with what the module says instead.
        """
        until, well = good or (None, "")
        final, lines = await self._channel.command(command, timeout_ms, data, until)
        if final == "OK" and (not until or lines[-1][len(until) :].replace(" ", "").startswith(well)):
            return lines
        # A plain OK or ERROR says less than the line before it.
        said = lines[-1] if lines and final in ("OK", "ERROR") else final or "no answer"
        raise UplinkError(codes.MODEM_STACK, "AT{}: {}".format(name_of(command), said))

    async def _try(self, command, good=None, timeout_ms=5000):
        """Whether the module did it."""
        try:
            await self._do(command, timeout_ms, good=good)
        except UplinkError:
            return False
        return True

    async def _has(self, query, start):
        """Whether the module answers query with a line that begins with start."""
        _final, lines = await self._channel.command(query)
        return any(line.replace(" ", "").startswith(start) for line in lines)

    def _require_own_ca(self):
        if not self._own_ca:
            raise UplinkError(
                codes.OWN_CA,
                "this module checks the server's certificate but not its name: "
                "use a CA that vouches for nothing but the verifier and set own_ca",
            )

    def _pem(self):
        """Name for a file of the module, which changes with the CA, and the CA in PEM."""
        ca = self._ca
        if isinstance(ca, str):
            with open(ca, "rb") as f:
                ca = f.read()
        lines = [b2a_base64(ca[i : i + 48]) for i in range(0, len(ca), 48)]
        pem = b"-----BEGIN CERTIFICATE-----\n" + b"".join(lines) + b"-----END CERTIFICATE-----\n"
        return "sb" + hexlify(sha256(ca).digest()[:4]).decode() + ".pem", pem

    async def send(self, kind, message):
        gc.collect()
        try:
            if not (self._up and await self._alive()):
                await self.close()  # a known state, whatever went before
                await self._connect()
                self._up = True
            return _octets(await self._exchange(kind, message))
        except UplinkError:
            await self.close()
            raise
        except (OSError, ValueError, IndexError, MemoryError) as e:
            await self.close()
            raise UplinkError(codes.CONNECTION, "{}: {}".format(self._host, e))

    async def close(self):
        """Leaves the module's stack as it was found."""
        self._up = False
        await self._drop()
