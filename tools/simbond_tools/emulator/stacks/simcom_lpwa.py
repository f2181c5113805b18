"""SIMCom SIM7070, SIM7080, SIM7090: application network, files, TLS contexts and the MQTT client.

Source: SIM7070_SIM7080_SIM7090 Series AT Command Manual V1.05, chapters on IP application, file system, SSL, MQTT(S).
"""

from ..atline import Command
from ..behaviours import behaviour
from ..module import CommandError, Module, Part
from .bridge import Security, Trouble
from .common import Context, Files, arguments, number
from .mqtt_link import MqttLink

_NETWORKS = range(4)
_CUSTOMER = "3"  # the folder for certificates
_CONVERT_CA = "2"
_SSL_SETTINGS = ("sslversion", "ignorertctime", "sni", "ciphersuite", "protocol")
_SETTINGS = ("clientid", "url", "keeptime", "cleanss", "username", "password", "qos", "topic", "message", "retain")


@behaviour("simcom-lpwa-apn")
def _apn(module: Module, command: Command) -> list[str]:
    """AT+CNCFG=<pdp>,<type>,<apn>"""
    given = arguments(command, 2)
    module.part(Context).apns[number(given[0], _NETWORKS)] = given[2] if len(given) > 2 else ""
    return []


@behaviour("simcom-lpwa-activate")
def _activate(module: Module, command: Command) -> list[str]:
    """AT+CNACT=<pdp>,<action>: OK, then +APP PDP: <pdp>,ACTIVE."""
    context = module.part(Context)
    if command.is_read:
        return [
            f'+CNACT: {pdp},{int(pdp in context.active)},"{"10.64.0.1" if pdp in context.active else "0.0.0.0"}"'  # noqa: S104
            for pdp in _NETWORKS
        ]
    pdp, action = (number(text, _NETWORKS) for text in arguments(command, 2)[:2])
    if not action:
        module.lose_context()
    elif pdp in context.active:
        raise CommandError
    else:
        context.activate(pdp)
        module.announcements.append(f"+APP PDP: {pdp},ACTIVE")
    return []


class SimcomLpwa(Part):
    """The open file system, the settings of +CSSLCFG and +SMCONF, and the one MQTT session."""

    def __init__(self, module: Module) -> None:
        super().__init__(module)
        self.files_open = False
        self.converted: set[str] = set()
        self.ssl: tuple[int, str] = (0, "")
        self.settings: dict[str, list[str]] = {}
        self.link: MqttLink | None = None
        self.connected = False
        self._packet = 0

    def boot(self) -> None:
        self.drop()
        self.files_open = False
        self.ssl = (0, "")
        self.settings.clear()

    def lose_context(self) -> None:
        if self.link:
            self._lost()

    def drop(self) -> None:
        link, self.link = self.link, None
        self.connected = False
        if link:
            link.close()

    def _lost(self) -> None:
        self.drop()
        self.module.announcements.append("+SMSTATE: 0")

    def packet(self) -> int:
        self._packet = self._packet % 0xFFFF + 1
        return self._packet

    def session(self) -> MqttLink:
        """Raises CommandError where there is none."""
        if self.link is None or not self.connected:
            raise CommandError(3)
        return self.link

    def log_in(self) -> None:
        host, port = (*self.settings.get("url", [""]), "1883")[:2]
        if self.link or not host or not self.module.part(Context).active:
            raise CommandError(3)
        index, ca = self.ssl
        security = None
        if index:
            usable = ca in self.converted
            security = (
                Security(self.module.part(Files).content[ca] if usable else b"not converted") if ca else Security()
            )
        self.link = MqttLink(self.module, self._received, self._lost)
        self.link.open(host, number(port, range(1, 65536)), security, self._opened)

    def _setting(self, name: str, default: str) -> str:
        return self.settings.get(name, [default])[0]

    def _opened(self, trouble: Trouble | None) -> None:
        if trouble or self.link is None:
            self.drop()
            self.module.finish(failed=True)
            return
        names = (
            self._setting("clientid", self.module.imei),
            self._setting("username", ""),
            self._setting("password", ""),
        )
        self.link.connect(*names, int(self._setting("keeptime", "60")), self._logged_in)

    def _logged_in(self, code: int) -> None:
        if code:
            self.drop()
        self.connected = not code
        self.module.finish(failed=bool(code))

    def _received(self, packet: int, topic: str, payload: bytes) -> None:
        self.module.announcements.append(f'+SMSUB: "{topic}","{payload.decode("latin-1")}"')


def _files(module: Module) -> dict[str, bytes]:
    if not module.part(SimcomLpwa).files_open:
        raise CommandError
    return module.part(Files).content


@behaviour("simcom-lpwa-files-open")
def _files_open(module: Module, command: Command) -> list[str]:
    """AT+CFSINIT"""
    stack = module.part(SimcomLpwa)
    if stack.files_open:
        raise CommandError
    stack.files_open = True
    return []


@behaviour("simcom-lpwa-files-close")
def _files_close(module: Module, command: Command) -> list[str]:
    """AT+CFSTERM"""
    _files(module)
    module.part(SimcomLpwa).files_open = False
    return []


@behaviour("simcom-lpwa-file-size")
def _file_size(module: Module, command: Command) -> list[str]:
    """AT+CFSGFIS=<folder>,<name>"""
    folder, name = arguments(command, 2)
    if folder != _CUSTOMER or name not in _files(module):
        raise CommandError
    return [f"+CFSGFIS: {len(_files(module)[name])}"]


@behaviour("simcom-lpwa-file-write")
def _file_write(module: Module, command: Command) -> list[str]:
    """AT+CFSWFILE=<folder>,<name>,<mode>,<size>,<ms>: DOWNLOAD, the content, OK."""
    folder, name, mode, size, _milliseconds = arguments(command, 5)
    files = _files(module)
    if folder != _CUSTOMER or mode != "0":
        raise CommandError(50)

    def done(content: bytes) -> list[str]:
        files[name] = content
        return []

    return module.ask_data("DOWNLOAD", number(size, range(1, 10241)), done)


@behaviour("simcom-lpwa-ssl")
def _ssl(module: Module, command: Command) -> list[str]:
    """AT+CSSLCFG="convert",2,<name> makes a CA of a file; the other settings change nothing here."""
    name, *rest = arguments(command, 2)
    if name.lower() == "convert" and rest[0] == _CONVERT_CA and rest[1] in module.part(Files).content:
        module.part(SimcomLpwa).converted.add(rest[1])
    elif name.lower() not in _SSL_SETTINGS:
        raise CommandError
    return []


@behaviour("simcom-lpwa-mqtt-ssl")
def _mqtt_ssl(module: Module, command: Command) -> list[str]:
    """AT+SMSSL=<index>[,<ca>[,<certificate>]]: 0 is TCP, others TLS; without a CA nothing is verified."""
    index, ca = (*arguments(command), "")[:2]
    module.part(SimcomLpwa).ssl = (number(index, range(7)), ca)
    return []


@behaviour("simcom-lpwa-mqtt-config")
def _mqtt_configure(module: Module, command: Command) -> list[str]:
    """AT+SMCONF=<name>,<value>[,<value>]"""
    name, *values = arguments(command, 2)
    if name.lower() not in _SETTINGS or module.part(SimcomLpwa).link:
        raise CommandError(3)
    module.part(SimcomLpwa).settings[name.lower()] = values
    return []


@behaviour("simcom-lpwa-mqtt-connect")
def _mqtt_connect(module: Module, command: Command) -> list[str]:
    """AT+SMCONN: OK when the session stands."""
    module.part(SimcomLpwa).log_in()
    return module.defer()


@behaviour("simcom-lpwa-mqtt-state")
def _mqtt_state(module: Module, command: Command) -> list[str]:
    """AT+SMSTATE?"""
    return [f"+SMSTATE: {int(module.part(SimcomLpwa).connected)}"]


@behaviour("simcom-lpwa-mqtt-disconnect")
def _mqtt_disconnect(module: Module, command: Command) -> list[str]:
    """AT+SMDISC"""
    stack = module.part(SimcomLpwa)
    stack.session().disconnect()
    stack.drop()
    return []


@behaviour("simcom-lpwa-mqtt-subscribe")
def _mqtt_subscribe(module: Module, command: Command) -> list[str]:
    """AT+SMSUB=<topic>,<qos>: OK when the broker has granted it."""
    topic, qos = arguments(command, 2)
    stack = module.part(SimcomLpwa)
    stack.session().subscribe(
        stack.packet(), topic, number(qos, range(3)), lambda granted: module.finish(failed=granted > 2)
    )
    return module.defer()


@behaviour("simcom-lpwa-mqtt-publish")
def _mqtt_publish(module: Module, command: Command) -> list[str]:
    """AT+SMPUB=<topic>,<length>,<qos>,<retain>: the payload behind ">", OK when the broker has it."""
    topic, length, qos, retain = arguments(command, 4)
    stack = module.part(SimcomLpwa)
    flags = number(qos, range(2)) << 1 | number(retain, range(2))
    link = stack.session()

    def publish(payload: bytes) -> list[str]:
        lines = module.defer()
        link.publish(stack.packet(), topic, payload, flags, lambda failed: module.finish(failed=bool(failed)))
        return lines

    return module.ask_data(">", number(length, range(1, 513)), publish)
