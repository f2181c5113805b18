"""A verifier's store and decisions without HTTP: what most tests of behaviour need."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import select

from simbond_verifier import fleet, freshness
from simbond_verifier.card_import import Row
from simbond_verifier.enrolment import read_rotation
from simbond_verifier.envelope import open_envelope, verify
from simbond_verifier.evidence import read_claims
from simbond_verifier.ingest.decide import Decider
from simbond_verifier.ingest.result import Result, Verified
from simbond_verifier.ingest.rotate import rotate
from simbond_verifier.p256 import load_key
from simbond_verifier.scenario import Scenarios, parse
from simbond_verifier.store.database import Database
from simbond_verifier.store.schema import command

from .attester import Attester, Sim
from .stores import place

SCENARIO = """
id = 1
name = "meter"
[reporting]
interval_s = 3600
tolerance_s = 600
[area]
plmn = ["46000"]
[ladder]
out-of-area = "suspend"
"""
SECRET = bytes(range(32))
NOW = 1_800_000_000.0


class Desk:
    """An operator's desk with a clock of its own: import, enrol, bind, attest, look."""

    def __init__(self, path: Path, scenario: str = SCENARIO) -> None:
        self.database = Database(place(path))
        self.scenarios = Scenarios([parse(scenario, "test")])
        self.decider = Decider(self.scenarios, SECRET)
        self.now = NOW

    def add(self, *devices: Attester) -> None:
        """Enrols devices."""
        for device in devices:
            self.do(
                fleet.enrol,
                device.enrolment(),
                imei=None,
                label="",
                allow_duplicate_imei=False,
                actor="olga",
            )

    def stock(self, *cards: tuple[str, str]) -> None:
        """Imports cards: (ICCID, IMSI)."""
        rows = [Row(i + 2, iccid, imsi, "meter", "", "") for i, (iccid, imsi) in enumerate(cards)]
        self.do(fleet.add_cards, rows, actor="olga")

    def bind(self, device: Attester) -> None:
        """Imports the device's card and binds the two."""
        assert device.iccid is not None
        assert device.imsi is not None
        self.stock((device.iccid, device.imsi))
        self.add(device)
        self.do(fleet.bind, device.iccid, device.kid.hex(), scenario=None, scenarios=self.scenarios, actor="olga")

    def do(self, unit: Any, *arguments: Any, **more: Any) -> Any:
        """Runs a unit of work now."""
        with self.database.write() as connection:
            return unit(connection, *arguments, **more, now=self.now)

    def nonce(self, device: Attester) -> bytes:
        return freshness.issue(SECRET, device.kid, self.now)

    def attest(self, device: Attester, nonce: bytes | None = None) -> Result:
        """The result of the device's next Evidence, over a nonce issued now unless given."""
        return self.hand_in(device.evidence(nonce or self.nonce(device)))

    def hand_in(self, message: bytes) -> Result:
        evidence = read_claims(open_envelope(message))
        with self.database.write() as connection:
            return self.decider.decide(connection, [Verified(evidence, message, self.now)])[0]

    def rotate(self, device: Attester, successor: Attester, nonce: bytes | None = None) -> Result:
        """The result of the device's wish to go on as its successor."""
        return self.hand_in_rotation(device, device.rotation(nonce or self.nonce(device), successor.enrolment()))

    def hand_in_rotation(self, device: Attester, message: bytes) -> Result:
        envelope = open_envelope(message)
        verify(envelope, load_key(device.point))
        asked = read_rotation(envelope)
        with self.database.write() as connection:
            return rotate(connection, SECRET, envelope.kid, asked, message, self.now)

    def sim_key(self, iccid: str, sim: Sim | None) -> None:
        """Registers a SIM's key for a card, or removes it."""
        self.do(fleet.set_sim_key, iccid, sim and sim.point.hex(), reason="ticket 1", actor="olga")

    def card(self, iccid: str) -> dict[str, Any]:
        with self.database.read() as connection:
            return fleet.show_card(connection, iccid)

    def history(self, iccid: str) -> list[dict[str, Any]]:
        with self.database.read() as connection:
            return fleet.history(connection, iccid)

    def commands(self) -> list[tuple[str, str, str]]:
        """(IMSI, access, outcome) of everything that went to the outbox, in order."""
        query = select(command.c.imsi, command.c.access, command.c.outcome).order_by(command.c.id)
        with self.database.read() as connection:
            return [tuple(row) for row in connection.execute(query)]  # type: ignore[misc]


@contextmanager
def desk(folder: Path, scenario: str = SCENARIO) -> Iterator[Desk]:
    made = Desk(folder / "test.db", scenario)
    try:
        yield made
    finally:
        made.database.close()
