"""One command line carried out on a module: lookup in the profile, reply lines, final result."""

from dataclasses import dataclass, field

from .atline import Command, split
from .behaviours import BEHAVIOURS, INVALID_PARAMETER
from .errors import ProfileError
from .module import CommandError, Module
from .profile import Profile, Setting

# 3GPP TS 27.007 clause 9.2.1
_CME_TEXTS = {
    3: "operation not allowed",
    4: "operation not supported",
    10: "SIM not inserted",
    11: "SIM PIN required",
    12: "SIM PUK required",
    13: "SIM failure",
    14: "SIM busy",
    16: "incorrect password",
    30: "no network service",
    50: "Incorrect parameters",
    100: "unknown",
}


@dataclass
class Reply:
    """Information text in blocks, one for each command, and the final result."""

    blocks: list[list[str]] = field(default_factory=list)
    final: str = "OK"


def execute(module: Module, line: str) -> Reply | None:
    """Carry out a command line; None if it is none (no AT in it)."""
    commands = split(line)
    if commands is None:
        return None
    reply = Reply()
    try:
        for command in commands:
            lines = _run(module, command)
            if lines:
                reply.blocks.append(lines)
    except CommandError as failure:
        reply.final = error_result(module, failure.code)
    return reply


def error_result(module: Module, code: int) -> str:
    """The final result for a failure, in the form that +CMEE asks for."""
    mode = module.settings.get("+CMEE", "0")
    if not code or mode == "0":
        return "ERROR"
    return f"+CME ERROR: {code if mode == '1' else _CME_TEXTS.get(code, 'unknown')}"


def check_behaviours(profile: Profile) -> None:
    """Raises ProfileError if the profile names a behaviour that nobody registered."""
    for command, name in profile.behaviours.items():
        if name not in BEHAVIOURS:
            known = ", ".join(sorted(BEHAVIOURS))
            raise ProfileError(f"profile {profile.name}: behaviours.{command}: no {name!r}; there are {known}")


def _run(module: Module, command: Command) -> list[str]:
    profile = module.profile
    replies = profile.replies.get(command.key)
    if replies is None and command.arguments is not None:
        replies = profile.replies.get(f"{command.name}=*")
    if replies is not None:
        return module.answer(replies)
    setting = profile.settings.get(command.name)
    name = profile.behaviours.get(command.name)
    if command.is_test and (setting or name):
        return _ranges(command.name, setting) if setting else []
    if setting and command.arguments is not None:
        _store(module, command.name, setting, command.arguments)
        return []
    if name:
        return BEHAVIOURS[name](module, command)
    if setting and command.is_read:
        return [module.render(setting.read, value=module.settings[command.name])]
    raise CommandError(profile.unknown_command_error)


def _ranges(name: str, setting: Setting) -> list[str]:
    return [f"{name}: " + ",".join(f"({text})" for text in setting.ranges)]


def _store(module: Module, name: str, setting: Setting, arguments: list[str]) -> None:
    """Arguments that are left out keep what they were."""
    if len(arguments) > len(setting.values):
        raise CommandError(INVALID_PARAMETER)
    stored = module.settings[name].split(",")
    for i, (argument, allowed) in enumerate(zip(arguments, setting.values, strict=False)):
        if argument not in allowed:
            raise CommandError(INVALID_PARAMETER)
        stored[i : i + 1] = [argument]
    module.settings[name] = ",".join(stored)
