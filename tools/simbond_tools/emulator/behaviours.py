"""Commands that do something, by the name under which a profile's [behaviours] refers to them.

A behaviour takes the module and one command, changes the module's state, and returns the lines of the reply;
CommandError is its way to fail. New command families (a modem's own MQTT or HTTP stack) come in by the same decorator.
"""

from collections.abc import Callable

from .atline import Command
from .card import normal_imei
from .errors import EmulatorError
from .module import CommandError, Module
from .tray import WRONG_PASSWORD, Sim

Behaviour = Callable[[Module, Command], list[str]]
BEHAVIOURS: dict[str, Behaviour] = {}

NOT_ALLOWED = 3
INVALID_PARAMETER = 50
# EF_ICCID and EF_IMSI (ETSI TS 102 221, 3GPP TS 31.102); READ BINARY (TS 27.007 clause 8.18)
_EF_ICCID, _EF_IMSI, _READ_BINARY = "12258", "28423", "176"


def behaviour(name: str) -> Callable[[Behaviour], Behaviour]:
    """Register a behaviour for the [behaviours] table of profiles. Raises ValueError if the name is taken."""

    def register(function: Behaviour) -> Behaviour:
        if name in BEHAVIOURS:
            raise ValueError(f"behaviour {name!r} is there already")
        BEHAVIOURS[name] = function
        return function

    return register


def _arguments(command: Command, least: int) -> list[str]:
    arguments = command.arguments
    if arguments is None or len(arguments) < least:
        raise CommandError(INVALID_PARAMETER)
    return arguments


@behaviour("echo")
def _echo(module: Module, command: Command) -> list[str]:
    """ATE0, ATE1 (V.250 clause 6.2.4)."""
    if command.suffix not in ("", "0", "1"):
        raise CommandError
    module.echo = command.suffix == "1"
    return []


@behaviour("defaults")
def _defaults(module: Module, command: Command) -> list[str]:
    """ATZ, AT&F (V.250 clauses 6.1.1, 6.1.2)."""
    module.restore_defaults()
    return []


@behaviour("pin")
def _pin(module: Module, command: Command) -> list[str]:
    """+CPIN (TS 27.007 clause 8.3)."""
    if command.is_read:
        asked = {Sim.PIN: "SIM PIN", Sim.PUK: "SIM PUK"}
        if module.tray.state not in asked:
            module.require_sim()
        return [f"+CPIN: {asked.get(module.tray.state, 'READY')}"]
    (pin, *_) = _arguments(command, 1)
    if module.tray.state is not Sim.PIN:
        module.require_sim()
        raise CommandError(NOT_ALLOWED)
    if not module.tray.verify(pin):
        raise CommandError(WRONG_PASSWORD)
    module.events.append("ready")
    return []


@behaviour("functionality")
def _functionality(module: Module, command: Command) -> list[str]:
    """+CFUN (TS 27.007 clause 8.2): 0 switches radio and SIM off, 4 the radio, 1 both on; ",1" boots."""
    if command.is_read:
        return [f"+CFUN: {module.radio}"]
    level, *reset = _arguments(command, 1)
    if level not in ("0", "1", "4") or reset not in ([], ["0"], ["1"]):
        raise CommandError(INVALID_PARAMETER)
    was, module.radio = module.radio, int(level)
    if reset == ["1"]:
        module.events.append("reset")
    elif level == "0" and was != 0:
        module.tray.power_off()
        module.events.append("off")
    elif level != "0" and was == 0:
        module.tray.power_on()
        module.events.append("reading")
    return []


@behaviour("operator")
def _operator(module: Module, command: Command) -> list[str]:
    """+COPS (TS 27.007 clause 7.3): the format is stored, a selection is accepted and changes nothing."""
    if command.is_read:
        if module.registration not in ("home", "roaming"):
            return ["+COPS: 0"]
        template = '"{plmn}"' if module.operator_format == 2 else '"{operator}"'
        return [module.render("+COPS: 0,{format}," + template + ",{act}", format=module.operator_format)]
    mode, *rest = _arguments(command, 1)
    if mode not in ("0", "1", "2", "3", "4") or (rest and rest[0] not in ("", "0", "1", "2")):
        raise CommandError(INVALID_PARAMETER)
    if rest and rest[0]:
        module.operator_format = int(rest[0])
    return []


@behaviour("registration")
def _registration(module: Module, command: Command) -> list[str]:
    """The reads of +CREG, +CGREG, +CEREG (TS 27.007 clauses 7.2, 10.1.20, 10.1.22); <n> is a setting."""
    if not command.is_read:
        raise CommandError
    return [module.registration_line(command.name, read=True)]


@behaviour("read-file")
def _read_file(module: Module, command: Command) -> list[str]:
    """+CRSM=176 on EF_ICCID, which a locked card shows too, and EF_IMSI; other files are not found (SW 6A82)."""
    code, file, *rest = _arguments(command, 2)
    if module.tray.state in (Sim.PIN, Sim.PUK) and module.tray.card and file == _EF_ICCID:
        card = module.tray.card
    else:
        card = module.require_sim()
    content = {_EF_ICCID: card.ef_iccid, _EF_IMSI: card.ef_imsi}.get(file)
    if code != _READ_BINARY or content is None:
        return ['+CRSM: 106,130,""']
    try:
        offset = (int(rest[0]) << 8 | int(rest[1])) if len(rest) > 1 else 0
        length = int(rest[2]) if len(rest) > 2 else 0
    except ValueError:
        raise CommandError(INVALID_PARAMETER) from None
    if offset < 0 or length < 0 or 2 * (offset + length) > len(content):
        return ['+CRSM: 103,0,""']  # 67 00: wrong length
    return [f'+CRSM: 144,0,"{content[2 * offset : 2 * (offset + length) if length else None]}"']


def _rewrite_imei(module: Module, imei: str) -> list[str]:
    try:
        module.imei = normal_imei(imei)
    except EmulatorError:
        raise CommandError(INVALID_PARAMETER) from None
    return []


@behaviour("egmr")
def _egmr(module: Module, command: Command) -> list[str]:
    """AT+EGMR=0,7 reads and AT+EGMR=1,7,"<imei>" writes the IMEI, as Quectel modules take it."""
    match _arguments(command, 2):
        case ["0", "7"]:
            return [module.render('+EGMR: "{imei}"')]
        case ["1", "7", imei]:
            return _rewrite_imei(module, imei)
    raise CommandError(INVALID_PARAMETER)


@behaviour("simei")
def _simei(module: Module, command: Command) -> list[str]:
    """AT+SIMEI? reads and AT+SIMEI=<imei> writes the IMEI, as SIMCom modules take it."""
    if command.is_read:
        return [module.render("+SIMEI: {imei}")]
    return _rewrite_imei(module, _arguments(command, 1)[0])
