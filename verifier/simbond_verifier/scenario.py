"""Scenarios: what a card is sold for. One TOML file each, read strictly: a typing error is found at once."""

import tomllib
from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from .evidence import read_cell
from .reasons import Reason

Plmn = Annotated[str, StringConstraints(pattern=r"^\d{5,6}$")]
TypeAllocationCode = Annotated[str, StringConstraints(pattern=r"^\d{8}$")]


class Step(StrEnum):
    """What one sign leads to: the rungs of a scenario's ladder."""

    IGNORE = "ignore"
    ALERT = "alert"
    SUSPEND = "suspend"


# The signs a scenario may weigh, and their weight where it says nothing. A corroborated foreign device always suspends.
DEFAULT_LADDER: dict[Reason, Step] = {
    Reason.TRAY_EMPTY: Step.ALERT,
    Reason.CARD_UNREADABLE: Step.ALERT,
    Reason.CARD_CHANGED: Step.ALERT,
    Reason.IMEI_MISMATCH: Step.SUSPEND,
    Reason.IMEI_UNREADABLE: Step.ALERT,
    Reason.IMSI_MISMATCH: Step.ALERT,
    Reason.ICCID_MISMATCH: Step.ALERT,
    Reason.SCENARIO_MISMATCH: Step.ALERT,
    Reason.MODEL_NOT_ALLOWED: Step.ALERT,
    Reason.OUT_OF_AREA: Step.ALERT,
    Reason.TAMPER: Step.ALERT,
    Reason.SIM_STATEMENT_MISSING: Step.ALERT,
    Reason.SIM_STATEMENT_INVALID: Step.ALERT,
}


class InvalidScenario(ValueError):
    """A scenario file that cannot be used; the message names file, field and cause."""


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Reporting(_Table):
    """How often the device attests. Asleep (PSM) is not stolen: tolerance_s is how late is still in time."""

    interval_s: int = Field(3600, ge=5, le=604800)
    tolerance_s: int = Field(600, ge=0, le=604800)


class Area(_Table):
    """Where the card may be used. An empty list allows everything; cells are (TAC or LAC, cell identity) pairs."""

    plmn: frozenset[Plmn] = frozenset()
    tac: frozenset[int] = frozenset()
    cells: frozenset[tuple[int, int]] = frozenset()

    def allows(self, cell: bytes) -> bool:
        """Whether a serving cell (octets as in the Evidence) is inside. What the device cannot say is not held
        against it."""
        seen = read_cell(cell)
        plmn, ci = seen.get("plmn"), seen.get("cell_id")
        area = seen.get("tac", seen.get("lac"))
        return not (
            (self.plmn and plmn is not None and plmn not in self.plmn)
            or (self.tac and area is not None and area not in self.tac)
            or (self.cells and area is not None and ci is not None and (area, ci) not in self.cells)
        )


class Models(_Table):
    """Allowed device models by type allocation code, the first eight digits of the IMEI. Empty allows all."""

    tac: frozenset[TypeAllocationCode] = frozenset()


class Accusation(_Table):
    """What happens when another device claims the card and nothing independent agrees yet."""

    window_s: int = Field(86400, ge=60, le=2592000)
    """How long the claim waits for a second source."""
    suspend_on_silence_s: int | None = Field(None, ge=5, le=86400)
    """Suspend when the bound device, challenged, has not answered for so long. Absent: never on silence alone."""


class Reverification(_Table):
    """How a suspended card comes back."""

    automatic: bool = True
    """Fresh affirming Evidence from the bound device starts re-verification; false: only an operator does."""
    deadline_s: int = Field(86400, ge=60, le=2592000)
    """After an operator opened the network again: suspended once more unless the device has attested by then."""


class Scenario(_Table):
    """One approved use."""

    id: int = Field(ge=0, le=65535)
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")
    title: str = ""
    reporting: Reporting = Reporting()
    area: Area = Area()
    models: Models = Models()
    accusation: Accusation = Accusation()
    reverification: Reverification = Reverification()
    ladder: dict[Reason, Step] = {}

    def step(self, reason: Reason) -> Step:
        """What the sign leads to in this scenario."""
        return self.ladder.get(reason) or DEFAULT_LADDER[reason]

    @property
    def nonce_age_s(self) -> int:
        """How old a nonce may be when it comes back: it was issued with the previous answer."""
        return self.reporting.interval_s + self.reporting.tolerance_s


def parse(text: str, source: str) -> Scenario:
    """Reads one scenario file. Raises InvalidScenario."""
    try:
        scenario = Scenario.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as e:
        raise InvalidScenario(f"{source}: not TOML: {e}") from None
    except ValidationError as e:
        faults = "; ".join(f"{'.'.join(map(str, f['loc'])) or 'file'}: {f['msg']}" for f in e.errors())
        raise InvalidScenario(f"{source}: {faults}") from None
    unknown = scenario.ladder.keys() - DEFAULT_LADDER.keys()
    if unknown:
        raise InvalidScenario(
            f"{source}: ladder: {', '.join(sorted(unknown))} cannot be weighed; "
            f"choose among {', '.join(sorted(DEFAULT_LADDER))}"
        )
    return scenario


class Scenarios:
    """The loaded scenarios, by name. Raises InvalidScenario when two share a name or an id."""

    def __init__(self, scenarios: Iterable[Scenario]) -> None:
        self._by_name: dict[str, Scenario] = {}
        ids: dict[int, str] = {}
        for s in scenarios:
            if s.name in self._by_name or s.id in ids:
                raise InvalidScenario(f"scenario {s.name} (id {s.id}) is there twice; names and ids are unique")
            self._by_name[s.name] = s
            ids[s.id] = s.name

    def get(self, name: str) -> Scenario | None:
        return self._by_name.get(name)

    def names(self) -> list[str]:
        return sorted(self._by_name)
