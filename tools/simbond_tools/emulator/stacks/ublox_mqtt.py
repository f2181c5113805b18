"""The MQTT client of u-blox SARA-R5.

Source: SARA-R5 series AT commands manual UBX-19047455, chapter MQTT; error codes of its appendix.
"""

from functools import partial

from ..atline import Command
from ..behaviours import behaviour
from ..module import CommandError, Module, Part
from .bridge import Trouble
from .common import Context, arguments, number
from .mqtt_link import MqttLink
from .ublox import Profiles

_CLIENT, _SERVER, _USER, _KEEPALIVE, _SECURE, _CLEAN = "0", "2", "4", "10", "11", "12"
_SETTINGS = (_CLIENT, _SERVER, _USER, _KEEPALIVE, _SECURE, _CLEAN)
_LOGOUT, _LOGIN, _PUBLISH, _SUBSCRIBE, _READ = 0, 1, 2, 4, 6
_CONNECTION_LOST = 101
# <error_class>,<error_code> of +UMQTTER
_NO_ERROR, _NOT_CONNECTED, _NO_NAME, _NO_CONNECTION, _TLS_FAILED, _REFUSED = (
    "0,0",
    "13,3",
    "13,12",
    "13,13",
    "13,20",
    "13,5",
)


class UbloxMqtt(Part):
    """Settings, which a power cycle forgets, the session, and the messages that were not read yet."""

    def __init__(self, module: Module) -> None:
        super().__init__(module)
        self.settings: dict[str, list[str]] = {}
        self.link: MqttLink | None = None
        self.connected = False
        self.error = _NO_ERROR
        self._unread: list[tuple[int, str, bytes]] = []
        self._packet = 0

    def boot(self) -> None:
        self._drop()
        self.settings.clear()

    def lose_context(self) -> None:
        if self.link:
            self._lost()

    def _drop(self) -> None:
        link, self.link = self.link, None
        self.connected = False
        self._unread.clear()
        if link:
            link.close()

    def tell(self, *values: object) -> None:
        self.module.announcements.append("+UUMQTTC: " + ",".join(map(str, values)))

    def fail(self, operation: int, error: str) -> None:
        self.error = error
        self.tell(operation, 0)

    def session(self) -> MqttLink:
        """Raises CommandError where there is none."""
        if self.link is None or not self.connected:
            self.error = _NOT_CONNECTED
            raise CommandError(3)
        return self.link

    def packet(self) -> int:
        self._packet = self._packet % 0xFFFF + 1
        return self._packet

    def log_in(self) -> None:
        host, port = (*self.settings.get(_SERVER, [""]), "1883")[:2]
        if self.link or not host:
            raise CommandError(3)
        if not self.module.part(Context).active:
            self.fail(_LOGIN, _NO_CONNECTION)
            return
        secure, profile = (*self.settings.get(_SECURE, ["0"]), "0")[:2]
        security = self.module.part(Profiles).security(int(profile), host) if secure == "1" else None
        self.link = MqttLink(self.module, self._received, self._lost)
        self.link.open(host, number(port, range(1, 65536)), security, self._opened)

    def _opened(self, trouble: Trouble | None) -> None:
        if trouble or self.link is None:
            self._drop()
            self.fail(
                _LOGIN, {"name": _NO_NAME, "tls": _TLS_FAILED}.get(trouble.kind if trouble else "", _NO_CONNECTION)
            )
            return
        user, password = (*self.settings.get(_USER, []), "", "")[:2]
        name = self.settings.get(_CLIENT, [self.module.imei])[0]
        self.link.connect(name, user, password, int(self.settings.get(_KEEPALIVE, ["0"])[0]), self._logged_in)

    def _logged_in(self, code: int) -> None:
        if code:
            self._drop()
            self.fail(_LOGIN, _REFUSED)
            return
        self.connected = True
        self.tell(_LOGIN, 1)

    def log_out(self) -> None:
        self.session().disconnect()
        self._drop()
        self.tell(_LOGOUT, 1)

    def _lost(self) -> None:
        self._drop()
        self.tell(_LOGOUT, _CONNECTION_LOST)

    def _received(self, packet: int, topic: str, payload: bytes) -> None:
        self._unread.append((min(packet, 1), topic, payload))
        self.tell(_READ, len(self._unread), sum(len(topic) + len(payload) for _, topic, payload in self._unread))

    def read(self) -> list[str]:
        """The oldest message."""
        if not self._unread:
            raise CommandError(3)
        qos, topic, payload = self._unread.pop(0)
        size = len(topic) + len(payload)
        return [f'+UMQTTC: {_READ},{qos},{size},{len(topic)},"{topic}",{len(payload)},"{payload.decode("latin-1")}"']


@behaviour("ublox-mqtt-config")
def _configure(module: Module, command: Command) -> list[str]:
    """AT+UMQTT=<parameter>,<value>[,<value>]"""
    parameter, *values = arguments(command, 2)
    if parameter not in _SETTINGS or module.part(UbloxMqtt).link:
        raise CommandError(50)
    module.part(UbloxMqtt).settings[parameter] = values
    return []


@behaviour("ublox-mqtt-command")
def _command(module: Module, command: Command) -> list[str]:
    """AT+UMQTTC=<operation>[,...]: OK, then +UUMQTTC: <operation>,<result>, 1 for done."""
    stack = module.part(UbloxMqtt)
    operation, *rest = arguments(command)
    match number(operation, range(10)), rest:
        case (0, []):
            stack.log_out()
        case (1, []):
            stack.log_in()
        case (2, [qos, retain, "0", topic, text]):
            flags = number(qos, range(2)) << 1 | number(retain, range(2))
            done = partial(stack.tell, _PUBLISH)
            stack.session().publish(
                stack.packet(), topic, text.encode("latin-1"), flags, lambda failed: done(1 - failed)
            )
        case (4, [qos, topic]):
            done = partial(_subscribed, stack, topic)
            stack.session().subscribe(stack.packet(), topic, number(qos, range(3)), done)
        case (6, ["1"]):
            return stack.read()
        case _:
            raise CommandError(50)
    return []


def _subscribed(stack: UbloxMqtt, topic: str, granted: int) -> None:
    stack.tell(_SUBSCRIBE, int(granted < 128), granted, f'"{topic}"')


@behaviour("ublox-mqtt-error")
def _error(module: Module, command: Command) -> list[str]:
    """AT+UMQTTER: class and code of the last error."""
    return [f"+UMQTTER: {module.part(UbloxMqtt).error}"]
