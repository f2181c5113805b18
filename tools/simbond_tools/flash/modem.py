"""Asks the modem, by way of the board that it hangs on, who made it: the board's own board.py opens the port."""

from dataclasses import dataclass

from simbond_agent import modem as dialects
from simbond_tools.i18n import _

from .board import Board, BoardError, literal
from .needs import UnclearNeeds

# A module that was just switched on takes some 20 s until it answers.
_ASK = """\
import time
import board
_feed = getattr(board, "watchdog", lambda: None)
_port = board.at_stream()
def _ask(command, ms):
    _port.write(command + b"\\r")
    said = b""
    end = time.ticks_add(time.ticks_ms(), ms)
    while time.ticks_diff(end, time.ticks_ms()) > 0:
        said = (said + (_port.read(64) or b""))[-256:]
        if b"OK\\r" in said or b"ERROR" in said:
            break
        _feed()
        time.sleep_ms(20)
    return said
for _ in range(25):
    if b"OK" in _ask(b"AT", 1000):
        print("answers")
        break
    print(".")
_ask(b"ATE0", 1000)
print([_ask(c, 3000) for c in (b"AT+CGMI", b"AT+CGMM", b"ATI")])
"""


@dataclass(frozen=True)
class Answer:
    """dialect: "generic" where the agent has none for this module. said: maker and model. has_watchdog: whether the
    board restarts by itself now, unless somebody feeds it.
    """

    dialect: str
    said: str
    has_watchdog: bool


def ask(board: Board) -> Answer:
    """Raises UnclearNeeds when no modem answers, and Unplugged."""
    try:
        printed = board.run(_ASK)
        has_watchdog = board.value("hasattr(board, 'watchdog')")
    except BoardError as e:
        raise UnclearNeeds(
            _("board.py cannot open the modem's port ({said}). Name the modem's dialect, as by --with quectel.").format(
                said=e.said
            )
        ) from None
    if "answers" not in printed:
        raise UnclearNeeds(
            _("The modem does not answer: check its power and the wiring of TX and RX, or name its dialect by --with.")
        )
    match literal(printed.splitlines()[-1]):
        case [bytes(), bytes(), bytes()] as replies:
            vendor, model, both = map(_said, replies)
        case other:
            raise BoardError(repr(other))
    said = " ".join(filter(None, (vendor, model))) or both
    return Answer(dialects.dialect_of(said, ""), said, has_watchdog)


def _said(reply: bytes) -> str:
    """What a modem says of itself, without echo, result code and prefix."""
    lines = [line.strip() for line in reply.decode("ascii", "replace").splitlines()]
    told = [line for line in lines if line and line not in ("OK", "ERROR") and not line.startswith(("AT", "+CME"))]
    return " ".join(line.partition(":")[2].strip(' "') if line.startswith("+") else line.strip('"') for line in told)
