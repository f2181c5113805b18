"""u-blox SARA-R5: packet switched data profiles, certificates and TLS profiles.

Source: SARA-R5 series AT commands manual UBX-19047455 (+UPSD, +UPSDA, +UPSND, +USECMNG, +USECPRF).
"""

from ..atline import Command
from ..behaviours import behaviour
from ..module import CommandError, Module, Part
from .bridge import Security
from .common import CONTEXTS, Context, Files, arguments, number

_PROFILES = range(7)
_SSL_PROFILES = range(5)
_IMPORT, _REMOVE, _LIST = "0", "2", "3"
_ACTIVATE, _DEACTIVATE = "3", "4"
_STATUS = "8"
_CID = "100"
_LEVEL, _ROOT, _HOST = "0", "3", "4"
_WITH_NAME = "2"


class Profiles(Part):
    """The PDP context of each data profile, and the values of each TLS profile; a power cycle forgets them."""

    def __init__(self, module: Module) -> None:
        super().__init__(module)
        self.contexts: dict[int, int] = {}
        self.tls: dict[tuple[int, str], str] = {}

    def boot(self) -> None:
        self.contexts.clear()
        self.tls.clear()

    def security(self, profile: int, host: str) -> Security:
        """Level 0 verifies nothing, 1 the chain, 2 the name too, 3 the dates as well."""
        level = self.tls.get((profile, _LEVEL), "0")
        if level == "0":
            return Security()
        ca = self.module.part(Files).content.get(self.tls.get((profile, _ROOT), ""), b"no such certificate")
        named = self.tls.get((profile, _HOST), host)
        if level >= _WITH_NAME and named != host:
            ca = b"the certificate is not for that name"
        return Security(ca, level >= _WITH_NAME)


@behaviour("ublox-profile")
def _profile(module: Module, command: Command) -> list[str]:
    """AT+UPSD=<profile>,<tag>,<value>: tag 100 names the PDP context."""
    profile, tag, value = arguments(command, 3)
    if tag == _CID:
        module.part(Profiles).contexts[number(profile, _PROFILES)] = number(value, CONTEXTS)
    return []


@behaviour("ublox-activate")
def _activate(module: Module, command: Command) -> list[str]:
    """AT+UPSDA=<profile>,<action>: 3 activates; OK, then +UUPSDA: <result>,<address>."""
    profile, action = arguments(command, 2)
    index = number(profile, _PROFILES)
    if action == _ACTIVATE:
        module.part(Context).activate(module.part(Profiles).contexts.get(index, 1))
        module.announcements.append('+UUPSDA: 0,"10.64.0.1"')
    elif action == _DEACTIVATE:
        module.lose_context()
        module.announcements.append(f"+UUPSDD: {index}")
    else:
        raise CommandError(50)
    return []


@behaviour("ublox-status")
def _status(module: Module, command: Command) -> list[str]:
    """AT+UPSND=<profile>,8: whether it is active."""
    profile, tag = arguments(command, 2)
    index = number(profile, _PROFILES)
    if tag != _STATUS:
        raise CommandError(50)
    active = module.part(Profiles).contexts.get(index, 1) in module.part(Context).active
    return [f"+UPSND: {index},{_STATUS},{int(active)}"]


@behaviour("ublox-certificate")
def _certificate(module: Module, command: Command) -> list[str]:
    """AT+USECMNG=0,<type>,<name>,<size> takes one behind ">", 2 removes it, 3 lists them."""
    files = module.part(Files).content
    operation, *rest = arguments(command)
    if operation == _LIST:
        return [f'"CA","{name}","simbond demo CA","2030/01/01"' for name in sorted(files)]
    if operation == _REMOVE and len(rest) == 2 and files.pop(rest[1], None) is not None:
        return []
    if operation != _IMPORT or len(rest) != 3:
        raise CommandError(50)
    kind, name, size = rest

    def done(content: bytes) -> list[str]:
        files[name] = content
        return [f'+USECMNG: 0,{kind},"{name}","00"']

    return module.ask_data(">", number(size, range(1, 16385)), done)


@behaviour("ublox-ssl")
def _ssl(module: Module, command: Command) -> list[str]:
    """AT+USECPRF=<profile>[,<tag>,<value>]; the profile alone resets it."""
    profile, *rest = arguments(command)
    index, tls = number(profile, _SSL_PROFILES), module.part(Profiles).tls
    if not rest:
        for key in [key for key in tls if key[0] == index]:
            del tls[key]
    elif len(rest) == 2:
        tls[index, rest[0]] = rest[1]
    else:
        raise CommandError(50)
    return []
