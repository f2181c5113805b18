"""The MQTT client of SIMCom SIM7500/SIM7600 and A76xx.

Source: SIM7500_SIM7600_SIM7800 Series MQTT AT Command Manual V1.00; result codes of its chapter 3.
"""

from functools import partial

from ..atline import Command
from ..behaviours import behaviour
from ..module import CommandError, Module, Part
from .bridge import Security, Trouble
from .common import Context, arguments, number
from .mqtt_link import MqttLink
from .simcom import SslContexts

_CLIENTS = range(2)
_CONNECT_FAILED, _NO_NETWORK, _NOT_CONNECTED, _USED, _NOT_ACQUIRED = 3, 7, 11, 19, 20
_NOT_RELEASED, _OPENED, _NO_NAME, _REFUSED, _HANDSHAKE = 21, 23, 25, 26, 32
_CLOSED_BY_SERVER = 3
_URL = "tcp://"


class Client:
    """One acquired client."""

    def __init__(self, name: str, tls: bool) -> None:
        self.name = name
        self.tls = tls
        self.ssl_context = 0
        self.link: MqttLink | None = None
        self.connected = ""  # the arguments of the connection that stands
        self.topic = self.payload = b""


class SimcomMqtt(Part):
    def __init__(self, module: Module) -> None:
        super().__init__(module)
        self.started = False
        self.clients: dict[int, Client] = {}
        self._packet = 0

    def boot(self) -> None:
        for index in self.clients:
            self.drop(index)
        self.clients.clear()
        self.started = False

    def lose_context(self) -> None:
        if self.started:
            self.boot()
            self.tell("+CMQTTNONET")

    def tell(self, line: str) -> None:
        self.module.announcements.append(line)

    def client(self, text: str) -> tuple[int, Client]:
        """Raises CommandError unless it was acquired."""
        index = number(text, _CLIENTS)
        if index not in self.clients:
            raise CommandError
        return index, self.clients[index]

    def drop(self, index: int) -> None:
        link, self.clients[index].link = self.clients[index].link, None
        self.clients[index].connected = ""
        if link:
            link.close()

    def packet(self) -> int:
        self._packet = self._packet % 0xFFFF + 1
        return self._packet

    def connect(self, index: int, given: list[str]) -> None:
        url, client = given[0], self.clients[index]
        host, _, port = url.removeprefix(_URL).rpartition(":")
        if not url.startswith(_URL) or not host or client.link:
            raise CommandError
        security: Security | None = self.module.part(SslContexts).security(client.ssl_context) if client.tls else None
        client.link = MqttLink(self.module, partial(self._received, index), partial(self._lost, index))
        client.link.open(host, number(port, range(1, 65536)), security, partial(self._opened, index, given))

    def _opened(self, index: int, given: list[str], trouble: Trouble | None) -> None:
        client = self.clients[index]
        if trouble:
            self.drop(index)
            code = {"name": _NO_NAME, "tls": _HANDSHAKE}.get(trouble.kind, _CONNECT_FAILED)
            self.tell(f"+CMQTTCONNECT: {index},{code}")
            return
        keepalive, user, password = given[1], *(*given[3:], "", "")[:2]
        assert client.link is not None
        client.link.connect(client.name, user, password, int(keepalive), partial(self._connected, index, given))

    def _connected(self, index: int, given: list[str], code: int) -> None:
        if code:
            self.drop(index)
        else:
            self.clients[index].connected = f'"{given[0]}",{given[1]},{given[2]}'
        self.tell(f"+CMQTTCONNECT: {index},{_REFUSED + code if code else 0}")

    def _lost(self, index: int) -> None:
        self.drop(index)
        self.tell(f"+CMQTTCONNLOST: {index},{_CLOSED_BY_SERVER}")

    def _received(self, index: int, packet: int, topic: str, payload: bytes) -> None:
        for line in (
            f"+CMQTTRXSTART: {index},{len(topic)},{len(payload)}",
            f"+CMQTTRXTOPIC: {index},{len(topic)}\r\n{topic}",
            f"+CMQTTRXPAYLOAD: {index},{len(payload)}\r\n{payload.decode('latin-1')}",
            f"+CMQTTRXEND: {index}",
        ):
            self.tell(line)


@behaviour("simcom-mqtt-start")
def _start(module: Module, command: Command) -> list[str]:
    """AT+CMQTTSTART: OK, then +CMQTTSTART: <err>; it opens the data connection."""
    stack = module.part(SimcomMqtt)
    if stack.started:
        stack.tell(f"+CMQTTSTART: {_OPENED}")
        raise CommandError
    try:
        module.part(Context).activate(1)
    except CommandError:
        stack.tell(f"+CMQTTSTART: {_NO_NETWORK}")
        return []
    stack.started = True
    stack.tell("+CMQTTSTART: 0")
    return []


@behaviour("simcom-mqtt-stop")
def _stop(module: Module, command: Command) -> list[str]:
    """AT+CMQTTSTOP: OK, then +CMQTTSTOP: <err>."""
    stack = module.part(SimcomMqtt)
    if stack.clients:
        stack.tell(f"+CMQTTSTOP: {_NOT_RELEASED}")
        raise CommandError
    if not stack.started:
        raise CommandError
    stack.started = False
    stack.tell("+CMQTTSTOP: 0")
    return []


@behaviour("simcom-mqtt-acquire")
def _acquire(module: Module, command: Command) -> list[str]:
    """AT+CMQTTACCQ=<index>,<client>[,<server type>]: 0 is TCP, 1 TLS."""
    stack = module.part(SimcomMqtt)
    if command.is_read:
        return [f'+CMQTTACCQ: {index},"{client.name}",{int(client.tls)}' for index, client in stack.clients.items()]
    given = arguments(command, 2)
    index = number(given[0], _CLIENTS)
    if not stack.started or index in stack.clients:
        if stack.started:
            stack.tell(f"+CMQTTACCQ: {index},{_USED}")
        raise CommandError
    stack.clients[index] = Client(given[1], given[2:3] == ["1"])
    return []


@behaviour("simcom-mqtt-release")
def _release(module: Module, command: Command) -> list[str]:
    """AT+CMQTTREL=<index>"""
    stack = module.part(SimcomMqtt)
    index, client = stack.client(arguments(command)[0])
    if client.link:
        stack.tell(f"+CMQTTREL: {index},{_NOT_RELEASED}")
        raise CommandError
    del stack.clients[index]
    return []


@behaviour("simcom-mqtt-ssl")
def _ssl(module: Module, command: Command) -> list[str]:
    """AT+CMQTTSSLCFG=<index>,<TLS context>"""
    client, context = arguments(command, 2)
    module.part(SimcomMqtt).client(client)[1].ssl_context = number(context, range(10))
    return []


@behaviour("simcom-mqtt-connect")
def _connect(module: Module, command: Command) -> list[str]:
    """AT+CMQTTCONNECT=<index>,"tcp://<host>:<port>",<keepalive>,<clean>[,<user>[,<password>]]: OK, then the result."""
    stack = module.part(SimcomMqtt)
    if command.is_read:
        return [f"+CMQTTCONNECT: {i}" + (c.connected and f",{c.connected}") for i, c in stack.clients.items()]
    given = arguments(command, 4)
    index, _client = stack.client(given[0])
    number(given[2], range(1, 64801))
    stack.connect(index, given[1:])
    return []


@behaviour("simcom-mqtt-disconnect")
def _disconnect(module: Module, command: Command) -> list[str]:
    """AT+CMQTTDISC=<index>,<timeout>: OK, then +CMQTTDISC: <index>,<err>."""
    stack = module.part(SimcomMqtt)
    index, client = stack.client(arguments(command)[0])
    if client.link is None:
        stack.tell(f"+CMQTTDISC: {index},{_NOT_CONNECTED}")
        raise CommandError
    client.link.disconnect()
    stack.drop(index)
    stack.tell(f"+CMQTTDISC: {index},0")
    return []


@behaviour("simcom-mqtt-subscribe")
def _subscribe(module: Module, command: Command) -> list[str]:
    """AT+CMQTTSUB=<index>,<length>,<qos>: the topic behind ">", OK, then +CMQTTSUB: <index>,<err>."""
    stack = module.part(SimcomMqtt)
    given = arguments(command, 3)
    index, link = _connected(stack, given[0])
    qos = number(given[2], range(3))

    def subscribe(topic: bytes) -> list[str]:
        link.subscribe(
            stack.packet(),
            topic.decode("latin-1"),
            qos,
            lambda granted: stack.tell(f"+CMQTTSUB: {index},{granted >> 7}"),
        )
        return []

    return module.ask_data(">", number(given[1], range(1, 1025)), subscribe)


@behaviour("simcom-mqtt-topic")
def _topic(module: Module, command: Command) -> list[str]:
    """AT+CMQTTTOPIC=<index>,<length>: of the next message; the text behind ">"."""
    return _input(module, command, "topic", 1024)


@behaviour("simcom-mqtt-payload")
def _payload(module: Module, command: Command) -> list[str]:
    """AT+CMQTTPAYLOAD=<index>,<length>: of the next message; the octets behind ">"."""
    return _input(module, command, "payload", 10240)


def _input(module: Module, command: Command, field: str, longest: int) -> list[str]:
    client, length = arguments(command, 2)
    at = module.part(SimcomMqtt).client(client)[1]

    def done(octets: bytes) -> list[str]:
        setattr(at, field, octets)
        return []

    return module.ask_data(">", number(length, range(1, longest + 1)), done)


@behaviour("simcom-mqtt-publish")
def _publish(module: Module, command: Command) -> list[str]:
    """AT+CMQTTPUB=<index>,<qos>,<timeout>: OK, then +CMQTTPUB: <index>,<err>."""
    stack = module.part(SimcomMqtt)
    given = arguments(command, 3)
    index, link = _connected(stack, given[0])
    client, qos = stack.clients[index], number(given[1], range(2))
    number(given[2], range(60, 181))
    if not client.topic:
        raise CommandError
    topic, payload = client.topic.decode("latin-1"), client.payload
    client.topic = client.payload = b""
    link.publish(stack.packet(), topic, payload, qos << 1, lambda result: stack.tell(f"+CMQTTPUB: {index},{result}"))
    return []


def _connected(stack: SimcomMqtt, text: str) -> tuple[int, MqttLink]:
    index, client = stack.client(text)
    if client.link is None or not client.connected:
        raise CommandError
    return index, client.link
