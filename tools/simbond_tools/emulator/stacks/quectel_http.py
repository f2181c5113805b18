"""Quectel's HTTP(S) client.

Sources: EC2x&EG9x&EG2x-G&EM05 Series HTTP(S) Application Note V1.1, BG95&BG77&BG600L Series HTTP(S) Application Note
V1.1.
"""

from ..atline import Command
from ..behaviours import behaviour
from ..module import CommandError, Module, Part
from .bridge import HttpRequest, Response, Trouble, Url, read_url
from .common import Context, arguments, number
from .quectel import SslContexts

_SETTINGS = ("contextid", "sslctxid", "requestheader", "responseheader", "contenttype")
_TYPES = ("application/x-www-form-urlencoded", "text/plain", "application/octet-stream", "multipart/form-data")
# Result codes of the note's last chapter
_BUSY, _NO_REQUEST, _URL_ERROR, _DNS_ERROR, _SOCKET_CONNECT, _SSL = 703, 705, 711, 714, 716, 732
_NO_CONTEXT = 0
_MAX_BODY = range(1, 1024001)


class QuectelHttp(Part):
    """Settings, URL, the request under way and the last response."""

    def __init__(self, module: Module) -> None:
        super().__init__(module)
        self.settings: dict[str, str] = {}
        self.url: Url | None = None
        self.request: HttpRequest | None = None
        self.response: Response | None = None

    def boot(self) -> None:
        self.lose_context()
        self.settings.clear()
        self.url = self.response = None

    def lose_context(self) -> None:
        if self.request:
            self.request.cancel()
            self.request = None

    def get(self, name: str) -> int:
        return int(self.settings.get(name, "1" if name in ("contextid", "sslctxid") else "0"))

    def post(self, body: bytes) -> list[str]:
        """The request leaves; +QHTTPPOST: <err>[,<status>[,<length>]] follows."""
        assert self.url is not None
        headers = {"Content-Type": _TYPES[self.get("contenttype")], "User-Agent": "QUECTEL_MODULE", "Accept": "*/*"}
        security = self.module.part(SslContexts).security(self.get("sslctxid"))
        self.response = None
        self.request = HttpRequest(self.module, self.url, headers, body, security, self._answered)
        return []

    def _answered(self, outcome: Response | Trouble) -> None:
        self.request = None
        if isinstance(outcome, Trouble):
            code = {"name": _DNS_ERROR, "tls": _SSL}.get(outcome.kind, _SOCKET_CONNECT)
            self.module.announcements.append(f"+QHTTPPOST: {code}")
            return
        self.response = outcome
        self.module.announcements.append(f"+QHTTPPOST: 0,{outcome.status},{len(outcome.body)}")


@behaviour("quectel-http-config")
def _configure(module: Module, command: Command) -> list[str]:
    """AT+QHTTPCFG=<name>[,<value>]"""
    name, *value = arguments(command)
    stack = module.part(QuectelHttp)
    if name.lower() not in _SETTINGS:
        raise CommandError(50)
    if not value:
        return [f'+QHTTPCFG: "{name}",{stack.get(name.lower())}']
    stack.settings[name.lower()] = str(number(value[0], range(17)))
    return []


@behaviour("quectel-http-url")
def _url(module: Module, command: Command) -> list[str]:
    """AT+QHTTPURL=<length>[,<timeout>]: CONNECT, the URL, OK."""
    length = number(arguments(command)[0], range(1, 701))

    def done(text: bytes) -> list[str]:
        url = read_url(text.decode("latin-1"))
        if url is None:
            raise CommandError(_URL_ERROR)
        module.part(QuectelHttp).url = url
        return []

    return module.ask_data("CONNECT", length, done)


@behaviour("quectel-http-post")
def _post(module: Module, command: Command) -> list[str]:
    """AT+QHTTPPOST=<length>[,<input time>[,<response time>]]: CONNECT, the body, OK, and the URC."""
    stack = module.part(QuectelHttp)
    length = number(arguments(command)[0], _MAX_BODY)
    if stack.request:
        raise CommandError(_BUSY)
    if stack.url is None:
        raise CommandError(_URL_ERROR)
    if stack.get("contextid") not in module.part(Context).active:
        raise CommandError(_NO_CONTEXT)
    return module.ask_data("CONNECT", length, stack.post)


@behaviour("quectel-http-read")
def _read(module: Module, command: Command) -> list[str]:
    """AT+QHTTPREAD[=<wait>]: CONNECT, headers if asked for, body, OK, then +QHTTPREAD: 0."""
    stack = module.part(QuectelHttp)
    if stack.response is None:
        raise CommandError(_NO_REQUEST)
    response, stack.response = stack.response, None
    head = [*response.headers, ""] if stack.get("responseheader") else []
    module.announcements.append("+QHTTPREAD: 0")
    return ["CONNECT", *head, response.body.decode("latin-1")]


@behaviour("quectel-http-stop")
def _stop(module: Module, command: Command) -> list[str]:
    """AT+QHTTPSTOP: gives the request up."""
    module.part(QuectelHttp).lose_context()
    return []
