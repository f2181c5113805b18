"""How a command ends for each error of the cable, of a board and of the technician's folder: one table for all of them.

The documents have the same codes and numbers; a test compares.
"""

from simbond_tools.field.errors import FieldError
from simbond_tools.onsite.errors import OnSiteError

from .common import LOCAL, NOT_FOUND, REFUSED, UNREACHABLE, USAGE, Failure

CABLE = {
    "no-port": LOCAL,
    "port-busy": LOCAL,
    "port-not-allowed": LOCAL,
    "not-a-serial-port": LOCAL,
    "speed": LOCAL,
    "no-answer": UNREACHABLE,
    "no-modem": UNREACHABLE,
    "no-agent": UNREACHABLE,
    "unplugged": UNREACHABLE,
    "agent-refused": LOCAL,
    "port": LOCAL,
}
"""docs/probe.md"""

BOARD = {
    "board-file": USAGE,
    "board-folder": USAGE,
    "no-micropython": UNREACHABLE,
    "not-started": UNREACHABLE,
    "board-unfit": REFUSED,
    "board-full": REFUSED,
    "board": LOCAL,
    "not-written": LOCAL,
    "not-built": LOCAL,
}
"""docs/flashing.md"""

FOLDER = {
    "no-work-orders": LOCAL,
    "work-orders-expired": REFUSED,
    "clock-wrong": LOCAL,
    "work-orders-forged": REFUSED,
    "verifier-key-changed": REFUSED,
    "not-in-orders": NOT_FOUND,
    "enrolment-bad": LOCAL,
    "folder": LOCAL,
}
"""docs/work-orders.md"""

_ALL = CABLE | BOARD | FOLDER


def failure(error: FieldError | OnSiteError) -> Failure:
    """What ends a command that met this error."""
    return Failure(error.code, str(error), exit_code=_ALL[error.code])
