"""Scenarios: what a card is sold for. One TOML file each, read strictly: a typing error is found at once."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from .evidence import read_cell
from .observation import Place, Use
from .places import distance_km
from .reasons import Reason
from .strict_toml import Table, Unreadable, read

Plmn = Annotated[str, StringConstraints(pattern=r"^\d{5,6}$")]
CountryOrPlmn = Annotated[str, StringConstraints(pattern=r"^\d{3}(\d{2,3})?$")]
Apn = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.-]{1,100}$")]
Circle = tuple[
    Annotated[float, Field(ge=-90, le=90)], Annotated[float, Field(ge=-180, le=180)], Annotated[float, Field(gt=0)]
]
TypeAllocationCode = Annotated[str, StringConstraints(pattern=r"^\d{8}$")]


class Step(StrEnum):
    """What one sign leads to, from the mildest to the gravest."""

    IGNORE = "ignore"
    ALERT = "alert"
    RECHECK = "recheck"
    """A second check (二次核验): suspended unless the device affirms by the deadline."""
    RESTRICT = "restrict"
    SUSPEND = "suspend"

    @property
    def weight(self) -> int:
        return _WEIGHTS[self]


_WEIGHTS = {step: weight for weight, step in enumerate(Step)}


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
    Reason.KEY_PROTECTION: Step.ALERT,
    Reason.CLONE: Step.RECHECK,
    Reason.NETWORK_IMEI_DIFFERS: Step.RECHECK,
    Reason.TRAFFIC_UNATTESTED: Step.RECHECK,
    Reason.SILENT: Step.ALERT,
    Reason.NEVER_USED: Step.ALERT,
    Reason.SLEEPING: Step.ALERT,
    Reason.MANY_CARDS: Step.RECHECK,
    Reason.PHONE: Step.RECHECK,
    Reason.ROAMING: Step.ALERT,
    Reason.IMPOSSIBLE_TRAVEL: Step.ALERT,
    Reason.USE_NOT_ALLOWED: Step.ALERT,
    Reason.APN_NOT_ALLOWED: Step.ALERT,
    Reason.OFTEN_WARNED: Step.RECHECK,
}


class InvalidScenario(ValueError):
    """A scenario file that cannot be used; the message names file, field and cause."""


class Reporting(Table):
    """How often the device attests. Asleep (PSM) is not stolen: tolerance_s is how late is still in time."""

    interval_s: int = Field(3600, ge=5, le=604800)
    tolerance_s: int = Field(600, ge=0, le=604800)


class Area(Table):
    """Where the card may be used. An empty list allows everything; cells are (TAC or LAC, cell identity) pairs, circles
    (latitude, longitude, radius in km)."""

    plmn: frozenset[Plmn] = frozenset()
    tac: frozenset[int] = frozenset()
    cells: frozenset[tuple[int, int]] = frozenset()
    circles: tuple[Circle, ...] = ()

    def allows(self, cell: bytes) -> bool:
        """Whether a serving cell (octets as in the Evidence) is inside."""
        seen = read_cell(cell)
        return self.holds(Place(seen.get("plmn"), seen.get("tac", seen.get("lac")), seen.get("cell_id")))

    def holds(self, place: Place) -> bool:
        """Whether a place is inside. What nobody can say is not held against it."""
        plmn, area, cell, lat, lon = place
        return not (
            (self.plmn and plmn is not None and plmn not in self.plmn)
            or (self.tac and area is not None and area not in self.tac)
            or (self.cells and area is not None and cell is not None and (area, cell) not in self.cells)
            or (self.circles and lat is not None and lon is not None and not self._rounds((lat, lon)))
        )

    def _rounds(self, point: tuple[float, float]) -> bool:
        return any(distance_km(point, (lat, lon)) <= radius for lat, lon, radius in self.circles)


class KeyProtection(StrEnum):
    """How a device says that it keeps its key, from the weakest; their places are the numbers in the Evidence."""

    SOFTWARE = "software"
    ENCRYPTED_FLASH = "encrypted-flash"
    SECURE_ELEMENT = "secure-element"
    SIM = "sim"


KEY_PROTECTIONS = tuple(KeyProtection)


class Models(Table):
    """Allowed device models by type allocation code, the first eight digits of the IMEI. Empty allows all."""

    tac: frozenset[TypeAllocationCode] = frozenset()
    key_protection: KeyProtection = KeyProtection.SOFTWARE
    """The least that the device may say of its key."""

    @property
    def least_protection(self) -> int:
        return KEY_PROTECTIONS.index(self.key_protection)


class Network(Table):
    """What the network itself may see of the card (docs/detection.md)."""

    home: frozenset[CountryOrPlmn] = frozenset()
    """Country codes (MCC) or networks; elsewhere is roaming. Empty: everywhere is home."""
    cards_per_imei: int = Field(4, ge=1, le=1000000)
    """How many cards that do not belong there one IMEI may be seen with within cards_within_s."""
    cards_within_s: int = Field(86400, ge=60, le=31536000)
    max_kmh: int = Field(1000, ge=1, le=100000)
    """How fast the card can get from one place to another."""
    country_change_s: int = Field(600, ge=0, le=604800)
    """How long it takes to another country at least; 0: beside a border, no time at all."""


class Functions(Table):
    """What the card may be used for. An empty list allows everything."""

    uses: frozenset[Use] = frozenset()
    apn: frozenset[Apn] = frozenset()
    """Access point names, without the operator's part; capitals do not matter."""


class Absence(Table):
    """When a card or its device has been away for too long."""

    missed: int = Field(3, ge=1, le=1000)
    """Reporting intervals without evidence until the device counts as silent."""
    traffic_grace_s: int = Field(3600, ge=0, le=2592000)
    """How long after the deadline of its evidence a card may still be in use."""
    never_used_days: int = Field(90, ge=1, le=3650)
    """静默卡: since it was bound."""
    sleeping_days: int = Field(90, ge=1, le=3650)
    """睡眠卡: since its device or the network last told of it."""


class Warnings(Table):
    """How often is too often."""

    number: int = Field(5, ge=2, le=10000)
    within_s: int = Field(604800, ge=60, le=31536000)


class Accusation(Table):
    """What happens when another device claims the card and nothing independent agrees yet."""

    window_s: int = Field(86400, ge=60, le=2592000)
    """How long the claim waits for a second source."""
    suspend_on_silence_s: int | None = Field(None, ge=5, le=86400)
    """Suspend when the bound device, challenged, has not answered for so long. Absent: never on silence alone."""


class Reverification(Table):
    """How a suspended card comes back."""

    automatic: bool = True
    """Fresh affirming Evidence from the bound device starts re-verification; false: only an operator does."""
    deadline_s: int = Field(86400, ge=60, le=2592000)
    """After an operator opened the network again: suspended once more unless the device has attested by then."""


class SecondCheck(Table):
    """The second check (二次核验) that a sign may lead to."""

    deadline_s: int = Field(86400, ge=60, le=2592000)
    """Suspended unless the device has affirmed by then, or by the time its next report is due, if that is later."""
    remind_s: int = Field(21600, ge=0, le=2592000)
    """How long before the deadline its holder is reminded; 0: never."""


class Hysteresis(Table):
    """What it takes to end a warning."""

    affirmations: int = Field(1, ge=1, le=100)
    """Affirming Evidence in a row."""
    rest_s: int = Field(604800, ge=0, le=31536000)
    """How long a sign that a person has settled (an appeal, a lifted warning) leads to a warning at most."""


class Mode(StrEnum):
    """How a card and its device come to belong together."""

    PAIR = "pair"
    """An operator states the pair."""
    FIRST_USE = "first-use"
    """The first enrolled device of an allowed model that attests it inside the provisioning window, too."""
    POOL = "pool"
    """Any enrolled device of an allowed model, one after the other."""
    SET = "set"
    """A device may have several cards: eSIM profiles, two slots."""


class Binding(Table):
    """How cards of this scenario are bound."""

    mode: Mode = Mode.PAIR
    window_s: int = Field(604800, ge=60, le=31536000)
    """Of FIRST_USE: how long after its import a card may be bound by use."""
    one_at_a_time: bool = False
    """Of SET: a device uses one of its cards at a time, and attests the one that it uses. Another one that the network
    sees in use is unattested."""
    rebinds: int = Field(3, ge=0, le=1000)
    """How often a card may move to another device within rebinds_within_s, whoever asks."""
    rebinds_within_s: int = Field(2592000, ge=3600, le=31536000)


class Swap(Table):
    """A change of device that was announced and approved."""

    grace_s: int = Field(86400, ge=60, le=2592000)
    """How long the new device may take to attest, from the approval on."""


class Remedy(Table):
    """What notices about these cards state, where it differs from the policy's."""

    channel: str = Field("", max_length=400)
    materials: tuple[str, ...] = Field((), max_length=20)


class Rung(Table):
    """What one sign leads to, and how often it must come before it does. Until then it only warns."""

    step: Step
    confirm: int = Field(1, ge=1, le=100)
    within_s: int = Field(86400, ge=60, le=2592000)

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: object) -> object:
        return {"step": value} if isinstance(value, str) else value


class Scenario(Table):
    """One approved use."""

    id: int = Field(ge=0, le=65535)
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")
    title: str = ""
    reporting: Reporting = Reporting()
    area: Area = Area()
    models: Models = Models()
    network: Network = Network()
    functions: Functions = Functions()
    absence: Absence = Absence()
    warnings: Warnings = Warnings()
    accusation: Accusation = Accusation()
    reverification: Reverification = Reverification()
    second_check: SecondCheck = SecondCheck()
    hysteresis: Hysteresis = Hysteresis()
    binding: Binding = Binding()
    swap: Swap = Swap()
    remedy: Remedy = Remedy()
    ladder: dict[Reason, Rung] = Field(default_factory=dict)

    def rung(self, reason: Reason) -> Rung:
        """What the sign leads to in this scenario."""
        return self.ladder.get(reason) or _DEFAULT_RUNGS[reason]

    def step(self, reason: Reason) -> Step:
        """The same without how often it must come."""
        return self.rung(reason).step

    @property
    def nonce_age_s(self) -> int:
        """How old a nonce may be when it comes back: it was issued with the previous answer."""
        return self.reporting.interval_s + self.reporting.tolerance_s

    @model_validator(mode="after")
    def _binds_safely(self) -> Self:
        if self.binding.mode in (Mode.FIRST_USE, Mode.POOL) and not self.models.tac:
            raise ValueError(f"binding.mode '{self.binding.mode}' takes models.tac: nobody states which device it is")
        if self.binding.mode is Mode.SET and self.accusation.suspend_on_silence_s is not None:
            raise ValueError(
                "binding.mode 'set' goes without accusation.suspend_on_silence_s: a profile that sleeps cannot answer"
            )
        return self


_DEFAULT_RUNGS = {reason: Rung(step=step) for reason, step in DEFAULT_LADDER.items()}


def parse(text: str, source: str) -> Scenario:
    """Reads one scenario file. Raises InvalidScenario."""
    try:
        scenario = read(Scenario, text, source)
    except Unreadable as e:
        raise InvalidScenario(str(e)) from None
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
