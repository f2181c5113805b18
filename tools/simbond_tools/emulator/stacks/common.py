"""What the stacks of all makes have: files that outlive a boot, and the data connection under everything."""

from ..atline import Command
from ..module import CommandError, Module, Part

OPERATION_NOT_ALLOWED = 3


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
            raise CommandError(OPERATION_NOT_ALLOWED)
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
