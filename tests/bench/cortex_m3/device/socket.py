"""Runs on the emulated board in the place of MicroPython's socket: a network without delay, a verifier that affirms."""

import io

import board

SOCK_STREAM = 1
_POLL = 3  # MicroPython's MP_STREAM_POLL
# A result (docs/evidence.cddl): affirming, no reasons, an hour, a nonce.
_RESULT = b"\xa4\x01\x02\x02\x80\x04\x19\x0e\x10\x0a\x48\x00\x01\x02\x03\x04\x05\x06\x07"
_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(_RESULT), _RESULT)

sent = []
"""(path, body, instructions executed until then) of every request."""


def getaddrinfo(*_):
    return [(0, 0, 0, None, None)]


class socket(io.IOBase):
    def __init__(self, *_):
        self._answer = _ANSWER

    def setblocking(self, _):
        pass

    def connect(self, _):
        pass

    def ioctl(self, request, argument):
        return argument if request == _POLL else 0

    def write(self, request):
        head, _, body = bytes(request).partition(b"\r\n\r\n")
        sent.append((head.split()[1], body, board.instructions()))
        return len(request)

    def read(self, _):
        answer, self._answer = self._answer, b""
        return answer

    def close(self):
        pass
