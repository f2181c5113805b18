"""The HTTP(S) client of SIMCom SIM7500/SIM7600 and A76xx.

Source: SIM7500_SIM7600 Series AT Command Manual V2.00, chapter "AT Commands for HTTP(S)"; error codes of its table.
"""

from ..atline import Command
from ..behaviours import behaviour
from ..module import CommandError, Module, Part
from .bridge import HttpRequest, Response, Trouble, read_url
from .common import Context, arguments, number
from .simcom import SslContexts

_PARAMETERS = ("url", "content", "sslcfg", "connectto", "recvto", "accept")
_NETWORK, _DNS, _TLS, _CONNECT = 702, 714, 715, 705
_POST = "1"


class SimcomHttp(Part):
    def __init__(self, module: Module) -> None:
        super().__init__(module)
        self.running = False
        self.parameters: dict[str, str] = {}
        self.data = b""
        self.request: HttpRequest | None = None
        self.response: Response | None = None

    def boot(self) -> None:
        self.lose_context()
        self.running = False
        self.parameters.clear()
        self.data, self.response = b"", None

    def lose_context(self) -> None:
        if self.request:
            self.request.cancel()
            self.request = None
            self._tell(_NETWORK, 0)

    def _tell(self, status: int, length: int) -> None:
        self.module.announcements.append(f"+HTTPACTION: {_POST},{status},{length}")

    def post(self) -> None:
        url = read_url(self.parameters.get("url", ""))
        if self.request or url is None:
            raise CommandError
        if 1 not in self.module.part(Context).active:
            self._tell(_NETWORK, 0)
            return
        security = self.module.part(SslContexts).security(int(self.parameters.get("sslcfg", "0")))
        headers = {"Content-Type": self.parameters.get("content", "text/plain"), "User-Agent": "SIMCOM_MODULE"}
        self.response = None
        self.request = HttpRequest(self.module, url, headers, self.data, security, self._answered)

    def _answered(self, outcome: Response | Trouble) -> None:
        self.request = None
        if isinstance(outcome, Trouble):
            self._tell({"name": _DNS, "tls": _TLS}.get(outcome.kind, _CONNECT), 0)
            return
        self.response = outcome
        self._tell(outcome.status, len(outcome.body))


def _running(module: Module) -> SimcomHttp:
    stack = module.part(SimcomHttp)
    if not stack.running:
        raise CommandError
    return stack


@behaviour("simcom-http-start")
def _start(module: Module, command: Command) -> list[str]:
    """AT+HTTPINIT"""
    stack = module.part(SimcomHttp)
    if stack.running:
        raise CommandError
    stack.running = True
    return []


@behaviour("simcom-http-stop")
def _stop(module: Module, command: Command) -> list[str]:
    """AT+HTTPTERM"""
    _running(module).boot()
    return []


@behaviour("simcom-http-parameter")
def _parameter(module: Module, command: Command) -> list[str]:
    """AT+HTTPPARA=<name>,<value>"""
    name, value = arguments(command, 2)[:2]
    if name.lower() not in _PARAMETERS:
        raise CommandError
    _running(module).parameters[name.lower()] = value
    return []


@behaviour("simcom-http-data")
def _data(module: Module, command: Command) -> list[str]:
    """AT+HTTPDATA=<length>,<seconds>: DOWNLOAD, the body, OK."""
    stack = _running(module)
    length, seconds = arguments(command, 2)
    number(seconds, range(10, 65536))

    def done(octets: bytes) -> list[str]:
        stack.data = octets
        return []

    return module.ask_data("DOWNLOAD", number(length, range(1, 153601)), done)


@behaviour("simcom-http-action")
def _action(module: Module, command: Command) -> list[str]:
    """AT+HTTPACTION=1: OK, then +HTTPACTION: 1,<status>,<length>."""
    stack = _running(module)
    if arguments(command)[0] != _POST:
        raise CommandError
    stack.post()
    return []


@behaviour("simcom-http-head")
def _head(module: Module, command: Command) -> list[str]:
    """AT+HTTPHEAD: +HTTPHEAD: DATA,<length>, and the headers."""
    response = _running(module).response
    if response is None:
        raise CommandError
    return [f"+HTTPHEAD: DATA,{sum(len(line) + 2 for line in response.headers)}", *response.headers]


@behaviour("simcom-http-read")
def _read(module: Module, command: Command) -> list[str]:
    """AT+HTTPREAD=<offset>,<length>: OK, then +HTTPREAD: DATA,<length>, the body, and +HTTPREAD: 0."""
    response = _running(module).response
    offset, length = (number(text, range(1 << 20)) for text in arguments(command, 2)[:2])
    if response is None:
        raise CommandError
    part = response.body[offset : offset + length]
    module.announcements.append(f"+HTTPREAD: DATA,{len(part)}\r\n{part.decode('latin-1')}\r\n+HTTPREAD: 0")
    return []
