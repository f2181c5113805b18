"""The operator's own rules, for the whole fleet: one TOML file (`serve --policy`), read as strictly as a scenario.

Without one every default below holds. A scenario says what a card is sold for; the policy says how much the verifier
may do by itself and what it keeps.
"""

from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, field_validator

from . import strict_toml
from .scenario import TypeAllocationCode
from .strict_toml import Table


class InvalidPolicy(ValueError):
    """A policy file that cannot be used; the message names file, field and cause."""


class BlastRadius(Table):
    """How many cards one rule, and all of them, may restrict or suspend within a window before a person is asked."""

    window_s: int = Field(3600, ge=60, le=604800)
    number: int = Field(100, ge=1)
    share: float = Field(0.01, gt=0, le=1)
    """Of the cards that are bound. The rule is stopped when it passes both: in a small fleet one card is a large
    share, in a large one a hundred are a small number."""
    total_number: int = Field(300, ge=1)
    """Cards that all rules together may cut off within the window; past this and the next, the kill switch goes on."""
    total_share: float = Field(0.03, gt=0, le=1)


class TwoPersons(Table):
    """Decisions that one person asks for and another makes. Appeals and announced swaps always take two."""

    resume: bool = False
    """Lifting a suspension without re-verification. Whoever ordered a second check does not confirm it, then."""
    retire: bool = False
    erase: bool = False
    """Deleting what is personal about a retired card."""
    rebind: bool = False
    """Taking a card from its device, or to another one or into another scenario, without an announced swap; and stating
    the IMEI of a device's second slot."""
    release: bool = True
    """Carrying out what a stopped rule withheld, starting that rule again, and switching the kill switch off."""
    expires_s: int = Field(86400, ge=60, le=2592000)
    """How long a request waits for the second person."""


class Remedy(Table):
    """What a suspended card's holder is told (docs/re-verification.md)."""

    channel: str = Field("", max_length=400)
    """Where to appeal: telephone, address, URL. 救济渠道. A scenario may name its own."""
    materials: tuple[str, ...] = Field((), max_length=20)
    """What to hand in. A scenario may name its own."""
    basis: str = Field("", max_length=400)
    """The legal basis, as the operator's lawyers put it."""
    further: str = Field("", max_length=400)
    """Where to turn after an appeal was rejected: the regulator, a court."""
    time_zone: str = "UTC"
    """Of the times in the text of a notice, such as Asia/Shanghai."""

    @field_validator("time_zone")
    @classmethod
    def _known(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"'{name}' is no time zone that this machine knows, such as Asia/Shanghai") from None
        return name


class Checks(Table):
    """Second checks and re-verifications (docs/re-verification.md)."""

    grace_s: int = Field(3600, ge=0, le=86400)
    """How much longer a check runs, at most, because the verifier was away: down, or without its database. Never longer
    than it was away, nor than its scenario's interval and tolerance."""
    technician_confirms: bool = False
    """A technician on site may confirm a second check, too, not only an operator."""


class Appeals(Table):
    """Appeals (docs/appeals.md). Whoever decides one has not filed it, and took no part in what it is about."""

    decide_s: int = Field(259200, ge=60, le=2592000)
    """How long a decision may take before somebody is reminded, and how long until the next time."""


class Retention(Table):
    """How long things are kept, in days; None: for good. The ledger stays valid without what is deleted."""

    evidence_days: int | None = Field(None, ge=1)
    """The octets of Evidence that has led to nothing."""
    observation_days: int | None = Field(180, ge=1)


class ImsiFrom(StrEnum):
    """Where a RADIUS client says which card it means."""

    IMSI_3GPP = "3gpp-imsi"
    USER_NAME = "user-name"
    CALLING_STATION_ID = "calling-station-id"


class RadiusClient(Table):
    """A GGSN, P-GW or SMF that asks and reports by RADIUS."""

    address: IPv4Network | IPv6Network
    """An address, or a prefix whose every address is such a client."""
    secret_file: Path
    """What it shares with the verifier: the first line, at least 16 octets."""
    imsi_from: tuple[ImsiFrom, ...] = Field((ImsiFrom.IMSI_3GPP,), min_length=1)
    """In this order. A user name comes from the device, which may state another card's: only for a client that
    checks it."""
    require_message_authenticator: bool = True
    """In Access-Request (CVE-2024-3596)."""
    disconnect: bool = True
    """It listens for Disconnect-Request and CoA-Request (RFC 5176)."""
    coa_port: int = Field(3799, ge=1, le=65535)


class Radius(Table):
    """RADIUS for gateways (docs/radius.md)."""

    listen: IPv4Address | IPv6Address = IPv4Address("127.0.0.1")
    auth_port: int = Field(1812, ge=0, le=65535)
    """0: any free one; the log says which."""
    acct_port: int = Field(1813, ge=0, le=65535)
    clients: tuple[RadiusClient, ...] = Field(min_length=1)
    reject_unknown: bool = False
    """Access-Request from a card that was never imported."""
    reject_foreign_imei: bool = True
    """Access-Request from another device than the bound one; false: only observed."""
    filter_id: str = Field("simbond-restricted", min_length=1, max_length=253)
    """The gateway's name for what it lets a restricted card do."""

    def beside(self, folder: Path) -> "Radius":
        """The same with its files' paths from a folder, the policy file's."""
        clients = [client.model_copy(update={"secret_file": folder / client.secret_file}) for client in self.clients]
        return self.model_copy(update={"clients": tuple(clients)})


class Phones(Table):
    """Which type allocation codes (TAC: the first eight digits of an IMEI) are phones'. There is none in here: GSMA's
    database of them is licensed. Its export, or the codes seen at home in phone tariffs, make one."""

    file: Path | None = None
    """One TAC a line; what follows a `#` is for people. Relative to the policy file."""
    tac: frozenset[TypeAllocationCode] = frozenset()


class Limits(Table):
    """What one client may send before it is answered 429 (docs/operations.md). A batch counts as its messages."""

    address_per_s: float = Field(500, gt=0, le=1e6)
    address_burst: int = Field(5000, ge=1, le=10_000_000)
    refused_per_s: float = Field(50, gt=0, le=1e6)
    """Messages of an address that are refused: unknown keys, bad signatures, junk."""
    refused_burst: int = Field(5000, ge=1, le=10_000_000)
    device_per_s: float = Field(10, gt=0, le=1e6)
    """Messages of a key from one address; those in batches are not counted."""
    device_burst: int = Field(2000, ge=1, le=10_000_000)
    token_per_s: float = Field(100, gt=0, le=1e6)
    """Requests of a token to the operator API."""
    token_burst: int = Field(5000, ge=1, le=10_000_000)
    wrong_token_per_s: float = Field(1, gt=0, le=1e6)
    """Requests of an address without a token that is in force."""
    wrong_token_burst: int = Field(100, ge=1, le=10_000_000)
    exempt: tuple[IPv4Network | IPv6Network, ...] = (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))
    """Networks whose addresses stand for many clients: gateways, proxies. There is no limit by address for them."""


class Poll(Table):
    """Asking a target that sees cards (osmo-hlr) which device each is in, one after the other."""

    per_second: float = Field(1.0, gt=0, le=1000)


class Policy(Table):
    """Everything that a policy file may say."""

    blast_radius: BlastRadius = BlastRadius()
    two_persons: TwoPersons = TwoPersons()
    remedy: Remedy = Remedy()
    checks: Checks = Checks()
    appeals: Appeals = Appeals()
    retention: Retention = Retention()
    phones: Phones = Phones()
    poll: Poll = Poll()
    radius: Radius | None = None
    limits: Limits = Limits()


def parse(text: str, source: str) -> Policy:
    """Reads a policy file. Raises InvalidPolicy."""
    try:
        return strict_toml.read(Policy, text, source)
    except strict_toml.Unreadable as e:
        raise InvalidPolicy(str(e)) from None


def read(path: Path) -> Policy:
    """Reads a policy file and the list of phones that it names. Raises InvalidPolicy."""
    policy = parse(_text(path), str(path))
    if policy.radius is not None:
        policy = policy.model_copy(update={"radius": policy.radius.beside(path.parent)})
    if policy.phones.file is None:
        return policy
    file = path.parent / policy.phones.file
    lines = (line.partition("#")[0].strip() for line in _text(file).splitlines())
    listed = frozenset(line for line in lines if line)
    for tac in sorted(listed):
        if len(tac) != 8 or not tac.isascii() or not tac.isdecimal():
            raise InvalidPolicy(f"{file}: '{tac}' is no type allocation code: eight digits, one code a line")
    phones = policy.phones.model_copy(update={"tac": policy.phones.tac | listed})
    return policy.model_copy(update={"phones": phones})


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as e:
        raise InvalidPolicy(f"{path} cannot be read: {e}") from None
