"""The cell that serves the emulated module, in plain units and in the codes that modules print."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Self

from .errors import EmulatorError

RATS = ("GSM", "UMTS", "LTE", "LTE-M", "NB-IoT")
REGISTRATIONS = ("auto", "home", "roaming", "denied", "searching")
_TEST_NETWORK = "00101"

# name: (lowest, highest) of the numeric fields
_RANGES = {
    "tac": (0, 0xFFFF),
    "cell_id": (0, 0xFFFFFFF),
    "rsrp_dbm": (-156, -25),
    "rsrq_db": (-34, 0),
    "rssi_dbm": (-120, -25),
    "sinr_db": (-20, 30),
    "pci": (0, 503),
    "earfcn": (0, 262143),
    "band": (1, 88),
}


@dataclass(frozen=True)
class Cell:
    """A cell. Levels are in dBm and dB; `rsrp_dbm` is RSCP on UMTS and RxLev on GSM, `rsrq_db` Ec/Io on UMTS.

    `tac` is the LAC on GSM and UMTS. `registration`: "auto" registers at home if the card's IMSI starts with `plmn` and
    as a guest otherwise; the other words force that answer of the network. Raises EmulatorError outside the ranges.
    """

    rat: str = "LTE"
    plmn: str = _TEST_NETWORK
    tac: int = 0x1A2B
    cell_id: int = 0x01A2B3C
    rsrp_dbm: int = -95
    rsrq_db: int = -11
    rssi_dbm: int = -67
    sinr_db: int = 12
    pci: int = 101
    earfcn: int = 1825
    band: int = 3
    operator: str = ""
    registration: str = "auto"

    def __post_init__(self) -> None:
        if self.rat not in RATS:
            raise EmulatorError(f"rat {self.rat!r}: one of {', '.join(RATS)} is needed")
        if self.registration not in REGISTRATIONS:
            raise EmulatorError(f"registration {self.registration!r}: one of {', '.join(REGISTRATIONS)} is needed")
        if not re.fullmatch(r"\d{5,6}", self.plmn):
            raise EmulatorError(f"plmn {self.plmn!r}: MCC and MNC in 5 or 6 digits are needed")
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise EmulatorError(f"{name} {value}: a number from {low} to {high} is needed")
        if self.rat == "GSM" and self.cell_id > 0xFFFF:
            raise EmulatorError(f"cell_id {self.cell_id}: a GSM cell identity has 16 bits")

    def changed(self, changes: Mapping[str, object]) -> Self:
        """This cell with `changes`, whose numbers may be text ("0x1A2B"). Raises EmulatorError for unknown names."""
        return replace(self, **read_fields(changes))

    @property
    def operator_name(self) -> str:
        return self.operator or ("Test PLMN 1-1" if self.plmn == _TEST_NETWORK else self.plmn)


def read_fields(changes: Mapping[str, object]) -> dict[str, Any]:
    """Field values for a Cell from text or numbers; numbers as text may be decimal or 0x-hexadecimal."""
    known = [f.name for f in fields(Cell)]
    read: dict[str, Any] = {}
    for name, value in changes.items():
        if name not in known:
            raise EmulatorError(f"a cell has no {name!r}; it has {', '.join(known)}")
        try:
            read[name] = int(str(value), 0) if name in _RANGES else str(value)
        except ValueError:
            raise EmulatorError(f"{name} {value!r} is not a number") from None
    return read


def csq(cell: Cell | None) -> int:
    """RSSI as +CSQ codes it (3GPP TS 27.007 clause 8.5); 99 without a cell."""
    return 99 if cell is None else max(0, min(31, (cell.rssi_dbm + 113) // 2))


def rsrp_index(cell: Cell) -> int:
    """RSRP as TS 36.133 clause 9.1.4 reports it: 0 below -140 dBm, 97 from -44 dBm on."""
    return max(0, min(97, cell.rsrp_dbm + 141))


def rsrq_index(cell: Cell) -> int:
    """RSRQ as TS 36.133 clause 9.1.7 reports it: 0 below -19.5 dB, 34 from -3 dB on."""
    return max(0, min(34, 2 * cell.rsrq_db + 40))


def cesq(cell: Cell | None) -> str:
    """The six values of +CESQ (TS 27.007 clause 8.69): RxLev, BER, RSCP, Ec/N0, RSRQ, RSRP."""
    if cell is None:
        return "99,99,255,255,255,255"
    if cell.rat == "GSM":
        return f"{max(0, min(63, cell.rsrp_dbm + 111))},99,255,255,255,255"
    if cell.rat == "UMTS":
        ecno = max(0, min(49, 2 * cell.rsrq_db + 49))
        return f"99,99,{max(0, min(96, cell.rsrp_dbm + 121))},{ecno},255,255"
    return f"99,99,255,255,{rsrq_index(cell)},{rsrp_index(cell)}"
