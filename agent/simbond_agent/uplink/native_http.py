"""HTTP through a modem's own stack: what all makes have in common."""

from .. import codes
from . import UplinkError
from .native import Native


class Http(Native):
    """HTTP by the module: one POST a message."""

    def __init__(self, board, kid):
        super().__init__(board, "http", 80, 443)

    def _url(self, kind):
        scheme = "https" if self._tls else "http"
        return "{}://{}:{}{}/v1/{}".format(scheme, self._host, self._port, self._prefix, kind).encode()

    def _body(self, status, lines):
        """The last of lines, which may have headers in front. Raises UplinkError unless status is "200"."""
        if status == "200" and lines:
            return lines[-1]
        retry_after = 0
        for line in lines:
            name, _, value = line.partition(":")
            if name.lower() == "retry-after" and value.strip().isdigit():
                retry_after = int(value)
        raise UplinkError(codes.HTTP_STATUS, "{}: HTTP {}".format(self._host, status), retry_after)
