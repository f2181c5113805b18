"""What was found on the cable and at the verifier.

A device is free to say anything: what is not of the type that is stated here counts as not said.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, TypeVar, get_type_hints

T = TypeVar("T")
_BEYOND_MEANING = 1e15
_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True)
class Cable:
    """port: what was opened; speaks: what was found there (field.find.Kind); problem: a FieldError's code, and its
    words. program: who has the port instead, where that is known. said: the last line that a board printed before it
    came to the MicroPython prompt."""

    port: str = ""
    speaks: str = ""
    problem: str = ""
    words: str = ""
    program: str = ""
    said: str = ""


@dataclass(frozen=True)
class Modem:
    """identity and cell as in docs/modems.md, pin and functionality the answers to AT+CPIN? and AT+CFUN? as they came.
    error: it did not answer the agent, which says so."""

    model: str = ""
    imei: str = ""
    iccid: str = ""
    sim: str = ""
    pin: str = ""
    functionality: str = ""
    reg: str = ""
    rat: str = ""
    plmn: str = ""
    operator: str = ""
    rsrp_dbm: int | None = None
    rssi_dbm: int | None = None
    error: str = ""


@dataclass(frozen=True)
class Agent:
    """mute: it reports events and answers nothing. ended: why it did not start. kid: its key. ahead_s: how far its
    clock is ahead of this machine's. waiting: why, as its event says; error: its last error (what), detail: its words;
    code: of docs/error-codes.md, of what it ended by, else of its last error; tier, reasons: of its last attestation;
    flags: of its Evidence (claims.SIM_CHANGED ...)."""

    mute: bool = False
    ended: str = ""
    kid: str = ""
    url: str = ""
    scenario: int | None = None
    ahead_s: float | None = None
    waiting: str = ""
    error: str = ""
    detail: str = ""
    code: str = ""
    tier: str = ""
    reasons: tuple[str, ...] = ()
    flags: int = 0


@dataclass(frozen=True)
class Register:
    """What the verifier knows: card and device as GET /v1/cards/{iccid} and /v1/devices/{kid} answer, or the code of
    its refusal. problem: why it could not be asked, in words. orders_of: when the work orders were made (seconds since
    1970) that this was taken from instead."""

    url: str = ""
    problem: str = ""
    orders_of: float | None = None
    card: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)
    card_problem: str = ""
    device: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)
    device_problem: str = ""


@dataclass(frozen=True)
class Findings:
    """A part is None where it was not found, or nobody looked."""

    cable: Cable = Cable()
    modem: Modem | None = None
    agent: Agent | None = None
    verifier: Register | None = None

    @classmethod
    def read(cls, document: object) -> "Findings":
        """Of a document of this form, as JSON has it. Never fails."""
        parts = members(document)
        return cls(
            _part(Cable, parts.get("cable")) or Cable(),
            _part(Modem, parts.get("modem")),
            _part(Agent, parts.get("agent")),
            _part(Register, parts.get("verifier")),
        )


def text(document: object, *path: str) -> str:
    """The text at a path in nested objects; "" where there is none."""
    for name in path:
        document = members(document).get(name)
    return document if isinstance(document, str) else ""


def texts(value: object) -> tuple[str, ...]:
    """The texts in a list."""
    return tuple(v for v in value if isinstance(v, str)) if isinstance(value, list | tuple) else ()


def members(value: object) -> Mapping[str, Any]:
    """The members of an object; none where it is something else."""
    return value if isinstance(value, Mapping) else _NOTHING


def _part(kind: type[T], value: object) -> T | None:
    if not isinstance(value, Mapping):
        return None
    return kind(**{name: _READERS[wanted](value.get(name)) for name, wanted in get_type_hints(kind).items()})


def _number(value: object) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _BEYOND_MEANING
    return float(value) if is_number else None  # type: ignore[arg-type]


def _whole(value: object) -> int | None:
    number = _number(value)
    return None if number is None else int(number)


_READERS: dict[Any, Callable[[object], Any]] = {
    str: lambda value: value if isinstance(value, str) else "",
    bool: lambda value: value is True,
    int: lambda value: _whole(value) or 0,
    int | None: _whole,
    float | None: _number,
    tuple[str, ...]: texts,
    Mapping[str, Any]: members,
}
