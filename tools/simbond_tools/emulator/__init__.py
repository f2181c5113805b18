"""Emulated cellular modems on pseudo-terminals, for tests without hardware (docs/emulator.md).

with Modem("quectel-bg95", card=Card(iccid="89...", imsi="00101...")) as modem:
    talk_to(modem.port)
    card = modem.remove()
"""

from . import sim_application as _sim_application  # noqa: F401 - registers its behaviours
from . import stacks as _stacks  # noqa: F401 - registers the behaviours of the modules' own protocol stacks
from .atline import Command
from .behaviours import behaviour
from .card import Card
from .cell import Cell
from .control import Bench
from .errors import EmulatorError, ProfileError
from .faults import Fault
from .modem import Chunk, Modem, swap
from .module import CommandError, Module
from .profile import Profile, load_profile, profile_names
from .replay import ReplayedModem

__all__ = [
    "Bench",
    "Card",
    "Cell",
    "Chunk",
    "Command",
    "CommandError",
    "EmulatorError",
    "Fault",
    "Modem",
    "Module",
    "Profile",
    "ProfileError",
    "ReplayedModem",
    "behaviour",
    "load_profile",
    "profile_names",
    "swap",
]
