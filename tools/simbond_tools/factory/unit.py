"""One unit on a cable: has it prove itself, looks at what it is, and vouches for it."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from simbond_tools.field.console import Console
from simbond_tools.field.errors import FieldError
from simbond_tools.field.line import BAUD, open_line
from simbond_tools.i18n import _
from simbond_verifier.endorsement import Unit
from simbond_verifier.envelope import BadEvidence, open_envelope, verify
from simbond_verifier.evidence import FIELD_NONCE_OCTETS, read_field_claims
from simbond_verifier.p256 import load_key

from .errors import Stop
from .label import Label
from .manifest import Expected, Manifest
from .station import Station, read_request

_TEST_TAC = "00"
"""Reporting body of numbers for tests (GSMA TS.06)."""


class Stage(StrEnum):
    """How far a unit is."""

    WAITING = "waiting"
    ASKED = "asked"
    """Its agent answers."""
    REQUESTED = "requested"
    """It has made its key, and says who it is."""
    PROVED = "proved"
    ENDED = "ended"


class Outcome(StrEnum):
    """What became of a unit."""

    ENDORSED = "endorsed"
    KNOWN = "known"
    """It was endorsed before, by this station: nothing was changed."""
    STOPPED = "stopped"


@dataclass(frozen=True)
class Result:
    """One unit. code, reason: why it was stopped, for machines and in words. imei: 14 digits. entry: in the log."""

    port: str
    outcome: Outcome
    seconds: float
    kid: str | None = None
    imei: str | None = None
    iccid: str | None = None
    order: str = ""
    label: str = ""
    entry: int | None = None
    code: str = ""
    reason: str = ""

    def as_label(self) -> Label | None:
        """None for a unit that was stopped."""
        if self.outcome is Outcome.STOPPED or self.kid is None or self.imei is None:
            return None
        return Label(self.kid, self.imei, self.iccid, self.order, self.label)


@dataclass(frozen=True)
class Plan:
    """What is made. manifest: None takes any card. order: the one of the manifest that is made now, or a name for all
    units where there is no manifest. baud: of the consoles."""

    manifest: Manifest | None = None
    order: str | None = None
    baud: int = BAUD


def provision(
    station: Station,
    port: str,
    plan: Plan,
    *,
    told: Callable[[Stage], None] = lambda stage: None,
) -> Result:
    """Provisions the unit behind a port. Whatever is wrong with that unit is in the result; raises FactoryError where
    the station itself cannot go on. told: hears of each stage."""
    began = time.monotonic()
    unit: Unit | None = None
    try:
        with open_line(port, plan.baud) as line:
            console = Console(line)
            console.status()
            told(Stage.ASKED)
            request = console.enrolment()
            unit = read_request(request)
            told(Stage.REQUESTED)
            expected = _look(unit, plan)
            _prove(console, unit)
            told(Stage.PROVED)
        endorsed = station.endorse(request, imei2=expected.imei2, order=expected.order, label=expected.label)
    except (FieldError, Stop) as e:
        told(Stage.ENDED)
        return Result(
            port,
            Outcome.STOPPED,
            time.monotonic() - began,
            unit and unit.kid.hex(),
            unit and unit.imei,
            unit and unit.iccid,
            code=e.code,
            reason=str(e),
        )
    told(Stage.ENDED)
    return Result(
        port,
        Outcome.ENDORSED if endorsed.new else Outcome.KNOWN,
        time.monotonic() - began,
        unit.kid.hex(),
        unit.imei,
        unit.iccid,
        endorsed.order,
        endorsed.label,
        endorsed.seq,
    )


def _prove(console: Console, unit: Unit) -> None:
    """Has the device sign now: a request that was recorded elsewhere checks, too."""
    nonce = os.urandom(FIELD_NONCE_OCTETS)
    try:
        envelope = open_envelope(console.prove(nonce))
        verify(envelope, load_key(unit.point))
        said = read_field_claims(envelope)
    except BadEvidence as e:
        raise Stop(
            "not-proved", _("It does not prove that it holds its key ({reason}).").format(reason=e.reason)
        ) from None
    if said.nonce != nonce:
        raise Stop("not-proved", _("It proved something else than it was asked: what it says was recorded."))
    if (said.imei, said.iccid, said.imsi) != (unit.imei, unit.iccid, unit.imsi):
        raise Stop("changed", _("Its card or its IMEI changed while it was looked at; try again."))


def _look(unit: Unit, plan: Plan) -> Expected:
    """Raises Stop where such a unit is not to leave the factory."""
    if unit.imei is None:
        raise Stop("imei-missing", _("The modem gives no IMEI, or one of zeros: the module was never programmed."))
    if unit.imei.startswith(_TEST_TAC):
        raise Stop("imei-test", _("IMEI {imei} is a number for tests (TAC 00...).").format(imei=unit.imei))
    if unit.iccid is None or unit.imsi is None:
        raise Stop("no-card", _("No card can be read: is one in the tray, the right way round, without a PIN?"))
    if plan.manifest is None:
        return Expected(unit.iccid, plan.order or "")
    return plan.manifest.expected(unit, plan.order)
