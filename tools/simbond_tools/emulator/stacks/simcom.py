"""SIMCom SIM7500/SIM7600 and A76xx: certificates and TLS contexts, which the MQTT and HTTP stacks share.

Source: SIM7500_SIM7600 Series AT Command Manual V2.00, chapter "AT Commands for SSL".
"""

from ..atline import Command
from ..behaviours import behaviour
from ..module import CommandError, Module, Part
from .bridge import Security
from .common import Files, arguments, number

_SSL_CONTEXTS = range(10)
_SSL_SETTINGS = ("sslversion", "authmode", "ignorelocaltime", "negotiatetime", "cacert", "clientcert", "clientkey")
_SNI = "enablesni"
_NO_VERIFICATION = ("0", "3")


@behaviour("simcom-certificate")
def _certificate(module: Module, command: Command) -> list[str]:
    """AT+CCERTDOWN=<name>,<length>: the content behind ">"."""
    name, length = arguments(command, 2)[:2]

    def done(content: bytes) -> list[str]:
        module.part(Files).content[name] = content
        return []

    return module.ask_data(">", number(length, range(1, 10241)), done)


@behaviour("simcom-certificates")
def _certificates(module: Module, command: Command) -> list[str]:
    """AT+CCERTLIST"""
    return [f'+CCERTLIST: "{name}"' for name in sorted(module.part(Files).content)]


@behaviour("simcom-certificate-delete")
def _delete(module: Module, command: Command) -> list[str]:
    """AT+CCERTDELE=<name>"""
    if module.part(Files).content.pop(arguments(command)[0], None) is None:
        raise CommandError
    return []


class SslContexts(Part):
    """The settings of +CSSLCFG by context and name; a power cycle forgets them."""

    def __init__(self, module: Module) -> None:
        super().__init__(module)
        self.settings: dict[tuple[int, str], str] = {}

    def boot(self) -> None:
        self.settings.clear()

    def security(self, context: int) -> Security:
        """How a connection under this context is secured. These modules compare no names."""
        if self.settings.get((context, "authmode"), "0") in _NO_VERIFICATION:
            return Security()
        return Security(
            self.module.part(Files).content.get(self.settings.get((context, "cacert"), ""), b"no such file")
        )


@behaviour("simcom-ssl")
def _ssl(module: Module, command: Command) -> list[str]:
    """AT+CSSLCFG=<name>,<context>,<value>"""
    name, context, value = arguments(command, 3)[:3]
    if name.lower() not in (*_SSL_SETTINGS, _SNI):
        raise CommandError
    module.part(SslContexts).settings[number(context, _SSL_CONTEXTS), name.lower()] = value
    return []
