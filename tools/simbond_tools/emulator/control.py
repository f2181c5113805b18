"""The bench's commands as text: one line in, one JSON-ready answer out. docs/emulator.md lists them."""

import shlex
from collections.abc import Callable, Mapping

from .card import Card
from .errors import EmulatorError
from .modem import Modem, swap

Answer = dict[str, object]

HELP = {
    "insert": "insert NAME iccid=... imsi=... [pin=...]",
    "remove": "remove NAME",
    "swap": "swap NAME NAME",
    "move": "move NAME off | field=value ... (rat, plmn, tac, cell_id, rsrp_dbm, registration, ...)",
    "imei": "imei NAME DIGITS",
    "fault": "fault NAME KIND [COUNT | forever] [VALUE] | fault NAME clear",
    "urc": "urc NAME LINE",
    "reset": "reset NAME",
    "status": "status",
    "help": "help",
}


class Bench:
    """Several modems under their names, and the commands on them."""

    def __init__(self, modems: Mapping[str, Modem]) -> None:
        self.modems = dict(modems)
        self._actions: dict[str, Callable[[list[str]], Answer]] = {
            "insert": self._insert,
            "remove": self._remove,
            "swap": self._swap,
            "move": self._move,
            "imei": self._imei,
            "fault": self._fault,
            "urc": self._urc,
            "reset": self._reset,
            "status": self._status,
            "help": lambda words: {"commands": HELP},
        }

    def execute(self, line: str) -> Answer:
        """Carry out one line. The answer has "ok", and "error" with what to do where that is false."""
        try:
            words = shlex.split(line)
            if not words:
                raise EmulatorError("no command; try help")
            action = self._actions.get(words[0])
            if action is None:
                raise EmulatorError(f"no command {words[0]!r}; there are {', '.join(HELP)}")
            return {"ok": True} | action(words[1:])
        except ValueError as problem:  # EmulatorError, and unbalanced quotes from shlex
            return {"ok": False, "error": str(problem)}

    def _modem(self, words: list[str], command: str, more: range) -> tuple[Modem, list[str]]:
        """The modem that the first word names, and the other words, of which there must be as many as `more` says."""
        if not words or len(words) - 1 not in more:
            raise EmulatorError(f"usage: {HELP[command]}")
        if words[0] not in self.modems:
            raise EmulatorError(f"no modem {words[0]!r}; there are {', '.join(self.modems)}")
        return self.modems[words[0]], words[1:]

    def _insert(self, words: list[str]) -> Answer:
        modem, rest = self._modem(words, "insert", range(2, 4))
        modem.insert(card_from(assignments(rest)))
        return describe(modem)

    def _remove(self, words: list[str]) -> Answer:
        modem, _ = self._modem(words, "remove", range(1))
        card = modem.remove()
        return {"iccid": card.iccid, "imsi": card.imsi}

    def _swap(self, words: list[str]) -> Answer:
        first, rest = self._modem(words, "swap", range(1, 2))
        second, _ = self._modem(rest, "swap", range(1))
        swap(first, second)
        return self._status([])

    def _move(self, words: list[str]) -> Answer:
        modem, rest = self._modem(words, "move", range(1, 99))
        if rest == ["off"]:
            modem.lose_cell()
        else:
            modem.move(**assignments(rest))
        return describe(modem)

    def _imei(self, words: list[str]) -> Answer:
        modem, (imei,) = self._modem(words, "imei", range(1, 2))
        modem.imei = imei
        return describe(modem)

    def _fault(self, words: list[str]) -> Answer:
        modem, (kind, *rest) = self._modem(words, "fault", range(1, 4))
        if kind == "clear":
            modem.clear_faults()
            return describe(modem)
        count = rest[0] if rest else "1"
        if count != "forever" and not count.isdecimal():
            raise EmulatorError(f"fault count {count!r}: a number or the word forever is needed")
        modem.fault(kind, None if count == "forever" else int(count), rest[1] if len(rest) > 1 else None)
        return describe(modem)

    def _urc(self, words: list[str]) -> Answer:
        modem, rest = self._modem(words, "urc", range(1, 99))
        modem.urc(" ".join(rest))
        return {}

    def _reset(self, words: list[str]) -> Answer:
        modem, _ = self._modem(words, "reset", range(1))
        modem.reset()
        return {}

    def _status(self, words: list[str]) -> Answer:
        return {"modems": {name: describe(modem) for name, modem in self.modems.items()}}


def assignments(words: list[str]) -> dict[str, str]:
    """["tac=0x1A2B", "rat=LTE"] as a dict. Raises EmulatorError for a word without =."""
    pairs: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name:
            raise EmulatorError(f"{word!r}: name=value is needed")
        pairs[name] = value
    return pairs


def card_from(values: dict[str, str]) -> Card:
    """A Card from iccid, imsi and pin. Raises EmulatorError if one is missing or there are others."""
    if not {"iccid", "imsi"} <= set(values) <= {"iccid", "imsi", "pin"}:
        raise EmulatorError("a card needs iccid=... and imsi=..., and may have pin=...")
    return Card(**values)


def describe(modem: Modem) -> Answer:
    """The modem's state, ready for JSON."""
    card, cell = modem.card, modem.cell
    return {
        "profile": modem.profile.name,
        "port": modem.port,
        "link": str(modem.link) if modem.link else None,
        "imei": modem.imei,
        "iccid": card.iccid if card else None,
        "imsi": card.imsi if card else None,
        "sim": modem.sim,
        "registration": modem.registration,
        "rat": cell.rat if cell else None,
        "plmn": cell.plmn if cell else None,
        "tac": cell.tac if cell else None,
        "cell_id": cell.cell_id if cell else None,
        "rsrp_dbm": cell.rsrp_dbm if cell else None,
        "faults": modem.armed_faults,
    }
