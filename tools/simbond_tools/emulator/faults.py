"""Faults on demand: each is armed for a number of commands, or until it is cleared."""

from enum import StrEnum

from .errors import EmulatorError


class Fault(StrEnum):
    """What real modems do to their hosts. `value` is what Modem.fault() takes beside the count."""

    LATE_URC = "late-urc"  # an unsolicited line between command and reply; value: the line
    ECHO = "echo"  # the command comes back although ATE0 was sent
    GARBAGE = "garbage"  # binary noise and the boot banner in front of the reply, and noise at the next boot
    ERROR = "error"  # the command fails; value: a CME code, else a plain ERROR
    SILENCE = "silence"  # neither echo nor reply, the command is not carried out
    SLOW = "slow"  # the reply comes late; value: seconds
    BYTEWISE = "bytewise"  # the reply comes one byte at a time; value: seconds between two bytes
    CR_ONLY = "cr-only"  # lines end in CR alone
    OK_FIRST = "ok-first"  # the final result comes before the data
    RESET = "reset"  # half of the reply, then the module boots


_SECONDS = {Fault.SLOW: 2.0, Fault.BYTEWISE: 0.002}


class FaultBox:
    """The armed faults of one module."""

    def __init__(self) -> None:
        self._armed: dict[Fault, tuple[int | None, str]] = {}

    def arm(self, kind: str, count: int | None = 1, value: str | float | None = None) -> None:
        """Arm `kind` for the next `count` commands; None: until cleared. Raises EmulatorError for bad values."""
        try:
            fault = Fault(kind)
        except ValueError:
            raise EmulatorError(f"no fault {kind!r}; there are {', '.join(Fault)}") from None
        if count is not None and count < 1:
            raise EmulatorError(f"fault count {count}: 1 or more is needed")
        text = "" if value is None else str(value)
        if fault in _SECONDS:
            text = text or str(_SECONDS[fault])
            if not _is_seconds(text):
                raise EmulatorError(f"fault {fault} takes seconds, not {text!r}")
        elif fault is Fault.ERROR and text and not text.isdecimal():
            raise EmulatorError(f"fault error takes a CME error code, not {text!r}")
        self._armed[fault] = (count, text)

    def clear(self) -> None:
        self._armed.clear()

    def __contains__(self, fault: Fault) -> bool:
        return fault in self._armed

    def use(self) -> dict[Fault, str]:
        """The faults that hold for one command, with their values; each is counted down."""
        values = {fault: value for fault, (_, value) in self._armed.items()}
        for fault in values:
            self.spend(fault)
        return values

    def spend(self, fault: Fault) -> bool:
        """Whether `fault` is armed; it is counted down."""
        if fault not in self._armed:
            return False
        count, value = self._armed.pop(fault)
        if count is None or count > 1:
            self._armed[fault] = (count and count - 1, value)
        return True

    def listing(self) -> dict[str, int | None]:
        return {str(fault): count for fault, (count, _) in self._armed.items()}


def _is_seconds(text: str) -> bool:
    try:
        return 0 <= float(text) < float("inf")
    except ValueError:
        return False
