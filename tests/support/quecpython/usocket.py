"""usocket. https://python.quectel.com/doc/quecpython/API_reference/en/stdlib/usocket.html"""

from socket import AF_INET, SOCK_STREAM, getaddrinfo  # noqa: F401
from socket import socket as _socket


class socket:
    def __init__(self, af=AF_INET, type=SOCK_STREAM):
        self._socket = _socket(af, type)
        self.settimeout = self._socket.settimeout
        self.connect = self._socket.connect
        self.read = self._socket.read
        self.recv = self._socket.recv
        self.write = self._socket.write
        self.send = self._socket.send
        self.close = self._socket.close
