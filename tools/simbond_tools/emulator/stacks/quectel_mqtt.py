"""Quectel's MQTT client.

Sources: EC2x&EG2x&EG9x&EM05 Series MQTT Application Note V1.3, BG95&BG77&BG600L Series MQTT Application Note V1.1.
"""

from collections.abc import Callable
from functools import partial

from ..atline import Command
from ..behaviours import behaviour
from ..module import CommandError, Module, Part
from .bridge import Trouble
from .common import Context, arguments, number
from .mqtt_link import MqttLink
from .quectel import SslContexts

_CLIENTS = range(6)
_SETTINGS = ("version", "pdpcid", "ssl", "keepalive", "session", "timeout", "recv/mode")
_NO_CONTEXT, _NO_NAME, _NO_CONNECTION = 3, 4, 5
_OCCUPIED = 2
_TLS_FAILED = -1
_OPENING, _INITIALISED, _CONNECTED = 0, 1, 3
_CLOSED_BY_PEER = 1


class Client:
    """One <client_idx>: its connection, and how far that has come."""

    def __init__(self, link: MqttLink, host: str, port: int) -> None:
        self.link = link
        self.address = f'"{host}",{port}'
        self.state = _OPENING


class QuectelMqtt(Part):
    """All clients, and the settings of +QMTCFG, which a power cycle forgets."""

    def __init__(self, module: Module) -> None:
        super().__init__(module)
        self.clients: dict[int, Client] = {}
        self.settings: dict[tuple[int, str], list[str]] = {}

    def boot(self) -> None:
        self.lose_context()
        self.settings.clear()

    def lose_context(self) -> None:
        for index in list(self.clients):
            self.drop(index)
            self.tell(f"+QMTSTAT: {index},{_CLOSED_BY_PEER}")

    def drop(self, index: int) -> None:
        self.clients.pop(index).link.close()

    def tell(self, line: str) -> None:
        self.module.announcements.append(line)

    def client(self, text: str, state: int = _CONNECTED) -> tuple[int, Client]:
        """The client in that state. Raises CommandError otherwise."""
        index = number(text, _CLIENTS)
        if index not in self.clients or self.clients[index].state != state:
            raise CommandError
        return index, self.clients[index]

    # --- connecting -----------------------------------------------------------------------------------------------

    def open(self, index: int, host: str, port: int) -> None:
        if index in self.clients:
            self.tell(f"+QMTOPEN: {index},{_OCCUPIED}")
            return
        try:
            cid = int(self.settings.get((index, "pdpcid"), ["1"])[0])
            self.module.part(Context).activate(cid)
        except CommandError:
            self.tell(f"+QMTOPEN: {index},{_NO_CONTEXT}")
            return
        ssl, context = (*self.settings.get((index, "ssl"), ["0"]), "0")[:2]
        security = self.module.part(SslContexts).security(int(context)) if ssl == "1" else None
        link = MqttLink(self.module, partial(self._received, index), partial(self._lost, index))
        self.clients[index] = Client(link, host, port)
        link.open(host, port, security, partial(self._opened, index))

    def _opened(self, index: int, trouble: Trouble | None) -> None:
        if trouble:
            self.drop(index)
            code = {"name": _NO_NAME, "tls": _TLS_FAILED}.get(trouble.kind, _NO_CONNECTION)
            self.tell(f"+QMTOPEN: {index},{code}")
            return
        self.clients[index].state = _INITIALISED
        self.tell(f"+QMTOPEN: {index},0")

    def connected(self, index: int, code: int) -> None:
        if code:
            self.drop(index)
            self.tell(f"+QMTCONN: {index},2,{code}")
            return
        self.clients[index].state = _CONNECTED
        self.tell(f"+QMTCONN: {index},0,0")

    def _lost(self, index: int) -> None:
        self.drop(index)
        self.tell(f"+QMTSTAT: {index},{_CLOSED_BY_PEER}")

    # --- messages -------------------------------------------------------------------------------------------------

    def _received(self, index: int, packet: int, topic: str, payload: bytes) -> None:
        # The payload is no text of its own: where it holds CR or LF or quotes, the host has to live with it.
        self.tell(f'+QMTRECV: {index},{packet},"{topic}","{payload.decode("latin-1")}"')


@behaviour("quectel-mqtt-config")
def _configure(module: Module, command: Command) -> list[str]:
    """AT+QMTCFG=<name>,<client_idx>[,<value>...]"""
    name, client, *values = arguments(command, 2)
    name, index = name.lower(), number(client, _CLIENTS)
    if name not in _SETTINGS:
        raise CommandError(50)
    settings = module.part(QuectelMqtt).settings
    if not values:
        return [f'+QMTCFG: "{name}",{",".join(settings.get((index, name), ["0"]))}']
    settings[index, name] = values
    return []


@behaviour("quectel-mqtt-open")
def _open(module: Module, command: Command) -> list[str]:
    """AT+QMTOPEN=<client_idx>,<host>,<port>: OK, then +QMTOPEN: <client_idx>,<result>."""
    stack = module.part(QuectelMqtt)
    if command.is_read:
        return [f"+QMTOPEN: {index},{client.address}" for index, client in stack.clients.items()]
    index, host, port = arguments(command, 3)[:3]
    stack.open(number(index, _CLIENTS), host, number(port, range(1, 65536)))
    return []


@behaviour("quectel-mqtt-connect")
def _connect(module: Module, command: Command) -> list[str]:
    """AT+QMTCONN=<client_idx>,<client>[,<user>[,<password>]]: OK, then +QMTCONN: <client_idx>,<result>,<ret_code>."""
    stack = module.part(QuectelMqtt)
    if command.is_read:
        return [f"+QMTCONN: {index},{client.state}" for index, client in stack.clients.items() if client.state]
    given = arguments(command, 2)
    name, user, password = (*given[1:4], "", "")[:3]
    index, client = stack.client(given[0], _INITIALISED)
    keepalive = int(stack.settings.get((index, "keepalive"), ["120"])[0])
    client.link.connect(name, user, password, keepalive, partial(stack.connected, index))
    return []


@behaviour("quectel-mqtt-subscribe")
def _subscribe(module: Module, command: Command) -> list[str]:
    """AT+QMTSUB=<client_idx>,<msgid>,<topic>,<qos>: OK, then +QMTSUB: <client_idx>,<msgid>,0,<granted or 128>."""
    stack = module.part(QuectelMqtt)
    client, message, topic, qos = arguments(command, 4)
    (index, at), packet = stack.client(client), number(message, range(1, 65536))

    def done(granted: int) -> None:
        stack.tell(f"+QMTSUB: {index},{packet},0,{granted}")

    at.link.subscribe(packet, topic, number(qos, range(3)), done)
    return []


@behaviour("quectel-mqtt-publish")
def _publish(module: Module, command: Command) -> list[str]:
    """AT+QMTPUB=<client_idx>,<msgid>,<qos>,<retain>,<topic>: the payload up to Ctrl-Z behind "> "; OK, then +QMTPUB:
    <client_idx>,<msgid>,<result>.
    """
    given = arguments(command, 5)
    return module.ask_data("> ", None, _publisher(module, given, "+QMTPUB"))


@behaviour("quectel-mqtt-publish-length")
def _publish_length(module: Module, command: Command) -> list[str]:
    """AT+QMTPUBEX=<client_idx>,<msgid>,<qos>,<retain>,<topic>,<length>: the same with a length instead of Ctrl-Z."""
    given = arguments(command, 6)
    return module.ask_data("> ", number(given[5], range(1, 1501)), _publisher(module, given, "+QMTPUBEX"))


def _publisher(module: Module, given: list[str], name: str) -> Callable[[bytes], list[str]]:
    stack = module.part(QuectelMqtt)
    (index, client), packet = stack.client(given[0]), number(given[1], range(65536))
    qos, retain, topic = number(given[2], range(2)), number(given[3], range(2)), given[4]
    if (packet == 0) != (qos == 0):
        raise CommandError(50)

    def publish(payload: bytes) -> list[str]:
        def done(result: int) -> None:
            stack.tell(f"{name}: {index},{packet},{result}")

        client.link.publish(packet, topic, payload, qos << 1 | retain, done)
        return []

    return publish


@behaviour("quectel-mqtt-disconnect")
def _disconnect(module: Module, command: Command) -> list[str]:
    """AT+QMTDISC=<client_idx>: OK, then +QMTDISC: <client_idx>,0; the connection is gone with it."""
    stack = module.part(QuectelMqtt)
    index, client = stack.client(arguments(command)[0])
    client.link.disconnect()
    del stack.clients[index]
    stack.tell(f"+QMTDISC: {index},0")
    return []


@behaviour("quectel-mqtt-close")
def _close(module: Module, command: Command) -> list[str]:
    """AT+QMTCLOSE=<client_idx>: OK, then +QMTCLOSE: <client_idx>,0."""
    stack = module.part(QuectelMqtt)
    index = number(arguments(command)[0], _CLIENTS)
    if index not in stack.clients:
        raise CommandError
    stack.drop(index)
    stack.tell(f"+QMTCLOSE: {index},0")
    return []
