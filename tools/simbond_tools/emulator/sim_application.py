"""AT commands that reach applications on the card (3GPP TS 27.007 clauses 8.17, 8.43, 8.45 and 8.46)."""

from .atline import Command
from .behaviours import INVALID_PARAMETER, NOT_ALLOWED, behaviour
from .module import CommandError, Module
from .uicc import Uicc

_NOT_FOUND = 22


def _uicc(module: Module) -> Uicc:
    """The running card. Raises CommandError with the SIM's state where it cannot be used."""
    module.require_sim()
    assert module.tray.uicc is not None
    return module.tray.uicc


def _octets(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise CommandError(INVALID_PARAMETER) from None


def _number(text: str) -> int:
    if not text.isdecimal():
        raise CommandError(INVALID_PARAMETER)
    return int(text)


@behaviour("sim-open")
def _open(module: Module, command: Command) -> list[str]:
    """+CCHO: the session's number is that of the card's channel."""
    uicc = _uicc(module)
    match command.arguments:
        case [aid]:
            channel = uicc.open_channel()
            if channel is None:
                raise CommandError(NOT_ALLOWED)
            if not uicc.select(channel, _octets(aid)):
                uicc.close_channel(channel)
                raise CommandError(_NOT_FOUND)
            return [f"+CCHO: {channel}"]
    raise CommandError(INVALID_PARAMETER)


@behaviour("sim-close")
def _close(module: Module, command: Command) -> list[str]:
    """+CCHC."""
    uicc = _uicc(module)
    match command.arguments:
        case [session] if uicc.close_channel(_number(session)):
            return []
    raise CommandError(INVALID_PARAMETER)


@behaviour("sim-use")
def _use(module: Module, command: Command) -> list[str]:
    """+CGLA: the module puts the channel into the class."""
    uicc = _uicc(module)
    match command.arguments:
        case [session, length, apdu] if len(apdu) == _number(length) and _number(session) in uicc.channels:
            return [_line("+CGLA", uicc.exchange(_octets(apdu), _number(session)))]
    raise CommandError(INVALID_PARAMETER)


@behaviour("sim-command")
def _card_command(module: Module, command: Command) -> list[str]:
    """+CSIM: the channel is the one in the class."""
    uicc = _uicc(module)
    match command.arguments:
        case [length, apdu] if len(apdu) == _number(length):
            return [_line("+CSIM", uicc.exchange(_octets(apdu)))]
    raise CommandError(INVALID_PARAMETER)


def _line(name: str, answer: bytes) -> str:
    return f'{name}: {2 * len(answer)},"{answer.hex().upper()}"'
