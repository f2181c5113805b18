"""The state of one emulated module: what its replies are made of. No time, no bytes."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from queue import Empty, SimpleQueue
from typing import TypeVar

from .card import Card, normal_imei
from .cell import Cell, cesq, csq, rsrp_index, rsrq_index
from .errors import EmulatorError, ProfileError
from .profile import Alternative, Profile
from .template import render
from .tray import SIM_ERRORS, Sim, Tray

# 3GPP TS 27.007 clause 7.2 (+CREG <stat>)
_STATS = {"none": 0, "home": 1, "searching": 2, "denied": 3, "roaming": 5}
_NO_SERVICE = 30
# <AcT> of +COPS and +CEREG; a profile with other habits says so in [words.act].
_ACTS = {"GSM": "0", "UMTS": "2", "LTE": "7", "LTE-M": "7", "NB-IoT": "9"}
_REGISTRATION_COMMANDS = ("+CREG", "+CGREG", "+CEREG")
_E_UTRAN = ("LTE", "LTE-M", "NB-IoT")


class CommandError(Exception):
    """A command that fails: `code` as in TS 27.007 clause 9.2, 0 for a plain ERROR."""

    def __init__(self, code: int = 0) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class DataMode:
    """A command that waits for data: `length` octets, or None: as many as come before Ctrl-Z.

    `done` takes them and goes on where the behaviour stopped: it returns lines, or raises CommandError.
    """

    prompt: str
    length: int | None
    done: Callable[[bytes], list[str]]


class Part:
    """Something in the module with a state of its own: a file system, a protocol stack."""

    def __init__(self, module: "Module") -> None:
        self.module = module

    def boot(self) -> None:
        """Power came back: drop what does not survive that."""
        self.lose_context()

    def lose_context(self) -> None:
        """The network took the data connection away, and all that went over it."""


_P = TypeVar("_P", bound=Part)


def _now() -> datetime:
    return datetime.now(UTC)


class Module:
    """State, and the fields and conditions that profiles refer to.

    `events`: what happened since the engine last looked, by the names of the profile's [urcs], plus "reset". Behaviours
    append to it; lines they want sent unsolicited go to `announcements`. `data_mode`: what a command waits for.
    """

    def __init__(
        self,
        profile: Profile,
        imei: str | None = None,
        card: Card | None = None,
        cell: Cell | None = None,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        self.profile = profile
        self.imei = normal_imei(imei) if imei else profile.imei
        self.tray = Tray(card)
        self.cell = cell
        self.events: list[str] = []
        self.announcements: list[str] = []
        self.data_mode: DataMode | None = None
        self.deferred = False  # the final result of the command is still to come
        self.outcome: bool | None = None  # whether what was deferred has failed
        self.wake: Callable[[], None] = lambda: None  # tells the engine's owner that something was posted
        self._parts: dict[type, Part] = {}
        self._inbox: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self.echo = True
        self.radio = 1  # +CFUN
        self.operator_format = 0  # +COPS=3,<format>
        self.settings: dict[str, str] = {}
        self._clock = clock
        self.restore_defaults()
        self._reported = self._registration_views()
        self._check_templates()

    @property
    def cell(self) -> Cell | None:
        return self._cell

    @cell.setter
    def cell(self, cell: Cell | None) -> None:
        if cell is not None and cell.rat not in self.profile.rats:
            raise EmulatorError(f"{self.profile.name} has no {cell.rat}; it has {', '.join(self.profile.rats)}")
        self._cell = cell

    def restore_defaults(self) -> None:
        """What a power cycle and AT&F do to settings."""
        self.echo = True
        self.operator_format = 0
        self.settings = {name: setting.default for name, setting in self.profile.settings.items()}

    def boot(self) -> None:
        """Power came back: defaults, and the card is read anew."""
        self.restore_defaults()
        self.radio = 1
        self.tray.power_on()
        self.data_mode = self.outcome = None
        self.deferred = False
        for part in self._parts.values():
            part.boot()

    # --- parts, and the world outside -----------------------------------------------------------------------------

    def part(self, kind: type[_P]) -> _P:
        """The module's own `kind`, made when it is first asked for."""
        if kind not in self._parts:
            self._parts[kind] = kind(self)
        part = self._parts[kind]
        assert isinstance(part, kind)
        return part

    def lose_context(self) -> None:
        """The network takes the data connection away from every part that has one."""
        for part in self._parts.values():
            part.lose_context()

    def post(self, action: Callable[[], None]) -> None:
        """Have `action` done by the engine: the one way in for other threads."""
        self._inbox.put(action)
        self.wake()

    def take_posted(self) -> bool:
        """Do what was posted. Whether there was something."""
        done = False
        while True:
            try:
                self._inbox.get_nowait()()
            except Empty:
                return done
            done = True

    def ask_data(self, prompt: str, length: int | None, done: Callable[[bytes], list[str]]) -> list[str]:
        """For a behaviour to return: the host is prompted, and `done` goes on with what it sends."""
        self.data_mode = DataMode(prompt, length, done)
        return []

    def defer(self) -> list[str]:
        """For a behaviour to return: the final result follows when finish() is called."""
        self.deferred = True
        return []

    def finish(self, *, failed: bool = False) -> None:
        """OK, or ERROR, for the command that was deferred."""
        if self.deferred:
            self.outcome = failed

    # --- registration ---------------------------------------------------------------------------------------------

    @property
    def registration(self) -> str:
        """none, home, searching, denied or roaming."""
        if self.radio != 1 or self.tray.state is not Sim.READY or self.tray.card is None:
            return "none"
        if self.cell is None:
            return "searching"
        if self.cell.registration != "auto":
            return self.cell.registration
        return "home" if self.tray.card.imsi.startswith(self.cell.plmn) else "roaming"

    def stat(self, command: str) -> int:
        """<stat> of +CREG, +CGREG or +CEREG; the last says nothing of GSM and UMTS."""
        if command == "+CEREG" and self.cell is not None and self.cell.rat not in _E_UTRAN:
            return 0
        return _STATS[self.registration]

    def registration_line(self, command: str, *, read: bool) -> str:
        """The line of `command`: with <n> as the answer to a read, without it as a URC."""
        n = self.settings.get(command, "0")
        line = f"{command}: " + (f"{n}," if read else "") + str(self.stat(command))
        if n >= "2" and self.stat(command) in (1, 5):
            line += "," + self.render('"{tac:04X}","{cell_id:08X}",{act}')
        return line

    def registration_urcs(self) -> list[str]:
        """The registration URCs that are due since the last call: <n> 1 tells a new <stat>, 2 a new cell too."""
        before, self._reported = self._reported, self._registration_views()
        due = []
        for command, view in self._reported.items():
            seen = {"0": 0, "1": 1}.get(self.settings[command], 2)  # how much of the view <n> shows
            if view[:seen] != before[command][:seen]:
                due.append(self.registration_line(command, read=False))
        return due

    def _registration_views(self) -> dict[str, tuple[int, object]]:
        place = self.cell and (self.cell.tac, self.cell.cell_id, self.cell.rat)
        return {c: (self.stat(c), place) for c in _REGISTRATION_COMMANDS if c in self.settings}

    # --- what profiles refer to -----------------------------------------------------------------------------------

    def conditions(self) -> set[str]:
        """The words that hold now, for `when` and [words] in a profile."""
        state = self.tray.state
        held = {f"sim-{state}"}
        if state in (Sim.PIN, Sim.PUK, Sim.READY):
            held.add("sim-present")
        if self.cell is None or self.radio != 1 or self.registration == "searching":
            held.add("no-service")
        else:
            held |= {self.cell.rat, "service" if self.registration in ("home", "roaming") else "limited"}
        for name, value in self.settings.items():
            held |= {f"{name}={value}", f"{name}={value.partition(',')[0]}"}
        return held

    def fields(self) -> dict[str, object]:
        """The fields of reply templates; those of an absent card or cell are empty or 0."""
        profile, card, held = self.profile, self.tray.card, self.conditions()
        seen = None if "no-service" in held else self.cell
        cell = seen or Cell(rat=profile.rats[0], plmn="00000", tac=0, cell_id=0)
        words = {
            name: next((text for condition, text in table.items() if condition in held), "")
            for name, table in profile.words.items()
        }
        clock = self._clock()
        quarters = int((clock.utcoffset() or clock - clock).total_seconds() // 900)
        known: dict[str, object] = {
            "manufacturer": profile.manufacturer,
            "model": profile.model,
            "revision": profile.revision,
            "imei": self.imei,
            "imeisv": self.imei[:14] + profile.svn,
            "svn": profile.svn,
            "iccid": card.iccid if card else "",
            "iccid_filled": card.iccid_filled if card else "",
            "imsi": card.imsi if card else "",
            "inserted": int(card is not None),
            "radio": self.radio,
            "stat": _STATS[self.registration],
            "plmn": cell.plmn,
            "mcc": cell.plmn[:3],
            "mnc": cell.plmn[3:],
            "act": _ACTS[cell.rat],
            "tac": cell.tac,
            "cell_id": cell.cell_id,
            "pci": cell.pci,
            "earfcn": cell.earfcn,
            "band": cell.band,
            "duplex": "TDD" if 33 <= cell.band <= 53 else "FDD",
            "operator": cell.operator_name if seen else "",
            "rsrp": cell.rsrp_dbm,
            "rsrq": cell.rsrq_db,
            "rssi": cell.rssi_dbm,
            "sinr": cell.sinr_db,
            "rsrp_tenths": cell.rsrp_dbm * 10,
            "rsrq_tenths": cell.rsrq_db * 10,
            "rssi_tenths": cell.rssi_dbm * 10,
            "rsrp_magnitude": -cell.rsrp_dbm,
            "sinr_fifths": (cell.sinr_db + 20) * 5,
            "rsrp_index": rsrp_index(cell),
            "rsrq_index": rsrq_index(cell),
            "csq": csq(seen),
            "cesq": cesq(seen),
            "clock": f"{clock:%y/%m/%d,%H:%M:%S}{quarters:+03d}",
            "clock_utc": f"{clock.astimezone(UTC):%y/%m/%d,%H:%M:%S}{quarters:+03d}",
        }
        return known | words

    def render(self, template: str, **more: object) -> str:
        return render(template, self.fields() | more)

    def answer(self, alternatives: tuple[Alternative, ...]) -> list[str]:
        """The lines of the first alternative that holds. Raises CommandError: its error; where none holds, why not."""
        held = self.conditions()
        for alternative in alternatives:
            if alternative.when <= held:
                if alternative.error is not None:
                    raise CommandError(alternative.error)
                return [self.render(line) for line in alternative.lines]
        self.require_sim()
        raise CommandError(_NO_SERVICE)

    def urcs(self, event: str) -> list[str]:
        """The lines of every alternative of the event that holds."""
        held = self.conditions()
        holding = (a for a in self.profile.urcs.get(event, ()) if a.when <= held)
        return [self.render(line) for alternative in holding for line in alternative.lines]

    def require_sim(self) -> Card:
        """The card, ready for use. Raises CommandError with the SIM's state otherwise."""
        if self.tray.card is None or self.tray.state is not Sim.READY:
            raise CommandError(SIM_ERRORS[self.tray.state])
        return self.tray.card

    def _check_templates(self) -> None:
        """A wrong field in a profile is found when it is loaded, not when its command is sent."""
        for kind, table in (("replies", self.profile.replies), ("urcs", self.profile.urcs)):
            for name, alternatives in table.items():
                for line in (line for alternative in alternatives for line in alternative.lines):
                    self._check_template(line, f"{kind}.{name}")
        for name, setting in self.profile.settings.items():
            self._check_template(setting.read, f"settings.{name}.read", value="")

    def _check_template(self, line: str, where: str, **more: object) -> None:
        try:
            self.render(line, **more)
        except ValueError as problem:
            raise ProfileError(f"profile {self.profile.name}: {where}: {problem}") from None
