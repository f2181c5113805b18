"""Quectel: PDP contexts, files and TLS contexts, which the MQTT and HTTP stacks share.

Sources: EC2x&EG9x&EM05 TCP(IP) Application Note V1.1 (+QICSGP, +QIACT), FILE Application Note V1.0 (+QFUPL, +QFLST,
+QFDEL), EC2x&EG9x&EG2x-G&EM05 SSL Application Note V1.1 (+QSSLCFG).
"""

from ..atline import Command
from ..behaviours import behaviour
from ..module import CommandError, Module, Part
from .bridge import Security
from .common import CONTEXTS, Context, Files, arguments, number

_SSL_CONTEXTS = range(6)
_FILE_NOT_FOUND = 405
_FILE_EXISTS = 407
_SSL_SETTINGS = ("sslversion", "ciphersuite", "cacert", "clientcert", "clientkey", "seclevel", "ignorelocaltime", "sni")


@behaviour("quectel-context")
def _context(module: Module, command: Command) -> list[str]:
    """AT+QICSGP=<cid>,<type>,<apn>[,...]"""
    given = arguments(command, 2)
    module.part(Context).apns[number(given[0], CONTEXTS)] = given[2] if len(given) > 2 else ""
    return []


@behaviour("quectel-activate")
def _activate(module: Module, command: Command) -> list[str]:
    """AT+QIACT=<cid>; AT+QIACT? lists <cid>,1,<type>,<address> of those that are active."""
    context = module.part(Context)
    if command.is_read:
        return [f'+QIACT: {cid},1,1,"10.64.0.{cid}"' for cid in sorted(context.active)]
    cid = number(arguments(command)[0], CONTEXTS)
    if cid in context.active:
        raise CommandError
    context.activate(cid)
    return []


@behaviour("quectel-upload")
def _upload(module: Module, command: Command) -> list[str]:
    """AT+QFUPL=<name>,<size>[,<timeout>]: CONNECT, the content, +QFUPL: <size>,<checksum>."""
    name, size, *_ = arguments(command, 2)
    files = module.part(Files).content
    if name in files:
        raise CommandError(_FILE_EXISTS)

    def done(content: bytes) -> list[str]:
        files[name] = content
        checksum = 0
        for i in range(0, len(content), 2):  # the exclusive or of pairs of octets
            checksum ^= int.from_bytes(content[i : i + 2].ljust(2, b"\0"), "big")
        return [f"+QFUPL: {len(content)},{checksum:x}"]

    return module.ask_data("CONNECT", number(size, range(1, 1 << 20)), done)


@behaviour("quectel-files")
def _list_files(module: Module, command: Command) -> list[str]:
    """AT+QFLST=<name> or "*": <name>,<size>"""
    files = module.part(Files).content
    (pattern, *_) = arguments(command)
    names = sorted(files) if pattern == "*" else [pattern] if pattern in files else []
    if not names:
        raise CommandError(_FILE_NOT_FOUND)
    return [f'+QFLST: "{name}",{len(files[name])}' for name in names]


@behaviour("quectel-delete")
def _delete(module: Module, command: Command) -> list[str]:
    """AT+QFDEL=<name>"""
    if module.part(Files).content.pop(arguments(command)[0], None) is None:
        raise CommandError(_FILE_NOT_FOUND)
    return []


class SslContexts(Part):
    """The settings of +QSSLCFG by context and name; a power cycle forgets them."""

    def __init__(self, module: Module) -> None:
        super().__init__(module)
        self._settings: dict[tuple[int, str], str] = {}

    def boot(self) -> None:
        self._settings.clear()

    def set(self, context: int, name: str, value: str) -> None:
        self._settings[context, name] = value

    def get(self, context: int, name: str) -> str:
        return self._settings.get((context, name), "0")

    def security(self, context: int) -> Security:
        """How a connection under this context is secured: <seclevel> 0 verifies nothing."""
        if self.get(context, "seclevel") == "0":
            return Security()
        path = self.get(context, "cacert").removeprefix("UFS:")
        ca = self.module.part(Files).content.get(path, b"no such file")
        return Security(ca, self.get(context, "checkhost") == "1")


@behaviour("quectel-ssl")
def _ssl(module: Module, command: Command) -> list[str]:
    """AT+QSSLCFG=<name>,<context>[,<value>]"""
    return _configure_ssl(module, command, _SSL_SETTINGS)


@behaviour("quectel-ssl-checkhost")
def _ssl_with_names(module: Module, command: Command) -> list[str]:
    """The same on firmware that can compare the name in the certificate (LTE Standard SSL Application Note V1.3)."""
    return _configure_ssl(module, command, (*_SSL_SETTINGS, "checkhost"))


def _configure_ssl(module: Module, command: Command, names: tuple[str, ...]) -> list[str]:
    name, context, *value = arguments(command, 2)
    name, index = name.lower(), number(context, _SSL_CONTEXTS)
    if name not in names:
        raise CommandError(50)
    if not value:
        return [f'+QSSLCFG: "{name}",{index},{module.part(SslContexts).get(index, name)}']
    module.part(SslContexts).set(index, name, value[0])
    return []
