"""What the stacks of all makes have: files that outlive a boot, and the data connection under everything."""

from ..atline import Command
from ..behaviours import NOT_ALLOWED, behaviour
from ..module import CommandError, Module, Part

CONTEXTS = range(1, 17)


class Files(Part):
    """The module's file system: name -> content. It survives a boot, and the loss of the network."""

    def __init__(self, module: Module) -> None:
        super().__init__(module)
        self.content: dict[str, bytes] = {}


class Context(Part):
    """PDP contexts: APN by number, and which are active."""

    def __init__(self, module: Module) -> None:
        super().__init__(module)
        self.apns: dict[int, str] = {}
        self.active: set[int] = set()

    def lose_context(self) -> None:
        self.active.clear()

    def activate(self, number: int) -> None:
        """Raises CommandError without registration."""
        if self.module.registration not in ("home", "roaming"):
            raise CommandError(NOT_ALLOWED)
        self.active.add(number)


def arguments(command: Command, least: int = 1, wrong: int = 50) -> list[str]:
    """What is set, at least so many. Raises CommandError(wrong)."""
    given = command.arguments
    if given is None or len(given) < least:
        raise CommandError(wrong)
    return given


def number(text: str, allowed: range, wrong: int = 50) -> int:
    """Raises CommandError(wrong)."""
    if not text.isdecimal() or int(text) not in allowed:
        raise CommandError(wrong)
    return int(text)


@behaviour("context-define")
def _define(module: Module, command: Command) -> list[str]:
    """AT+CGDCONT=<cid>,<type>,<apn> (TS 27.007 clause 10.1.1)"""
    given = arguments(command, 2)
    module.part(Context).apns[number(given[0], CONTEXTS)] = given[2] if len(given) > 2 else ""
    return []


@behaviour("context-activate")
def _activate(module: Module, command: Command) -> list[str]:
    """AT+CGACT=<state>,<cid> (TS 27.007 clause 10.1.10)"""
    context = module.part(Context)
    if command.is_read:
        return [f"+CGACT: {cid},{int(cid in context.active)}" for cid in sorted({1, *context.apns, *context.active})]
    state, cid = arguments(command, 2)
    if number(state, range(2)):
        context.activate(number(cid, CONTEXTS))
    else:
        module.lose_context()
    return []
