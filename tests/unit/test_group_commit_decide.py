"""Deciding over Evidence together gives what deciding over one after the other gives, to the last row; and so does the
short way of ordinary Evidence."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from simbond_agent import claims
from simbond_verifier import fleet
from simbond_verifier.envelope import open_envelope
from simbond_verifier.evidence import Evidence, read_claims
from simbond_verifier.freshness import issue
from simbond_verifier.ingest.ordinary import Ordinary, Pair
from simbond_verifier.ingest.result import Verified
from simbond_verifier.scenario import Scenario
from simbond_verifier.store.schema import metadata
from support.attester import Attester
from support.verifier import SECRET, Desk
from support.verifier import desk as make_desk

pytestmark = pytest.mark.usefixtures("store")

ICCIDS = ["89860012345678901237", "89860012345678904447", "89860012345678909990"]


def fleet_of_three() -> list[Attester]:
    """Two meters with cards, and a device without."""
    bound = [
        Attester(imei=f"86123405000{n}000", iccid=ICCIDS[n], imsi=f"46000123456{n}000", uptime=99) for n in range(2)
    ]
    return [*bound, Attester(imei="353456060000024", iccid=None, imsi=None, uptime=99)]


def prepare(desk: Desk, devices: list[Attester]) -> None:
    desk.bind(devices[0])
    desk.bind(devices[1])
    desk.add(devices[2])
    desk.do(fleet.suspend, ICCIDS[1], reason="abroad", actor="olga")


def evidence(devices: list[Attester], desk: Desk, told: tuple[int, int, str, int]) -> Verified:
    who, holds, trouble, passed = told
    desk.now += passed
    device = devices[who]
    device.iccid = None if holds == 3 else ICCIDS[holds]
    device.imsi = None
    device.status = claims.TRAY_EMPTY if holds == 3 else 0
    if trouble == "back":
        device.uptime -= 2
    if trouble == "replayed":
        device.uptime -= 1
    old = 9000 if trouble == "old nonce" else 0
    nonce = bytes(8) if trouble == "no nonce" else issue(SECRET, device.kid, desk.now - old)
    message = device.evidence(nonce)
    return Verified(read_claims(open_envelope(message)), message, desk.now)


def dump(desk: Desk) -> dict[str, list[Any]]:
    with desk.database.read() as connection:
        kept = {name: list(connection.execute(text(f"SELECT * FROM {name}"))) for name in metadata.tables}
    # Enrolment requests are signed anew by each desk's devices.
    kept["event"] = [line for line in kept["event"] if line.kind != "device-enrolled"]
    return kept


class NothingIs(Ordinary):
    def affirms(self, evidence: Evidence, pair: Pair, scenario: Scenario) -> bool:
        return False


told = st.tuples(
    st.integers(0, 2),
    st.integers(0, 3),
    st.sampled_from(["", "", "", "back", "replayed", "old nonce", "no nonce"]),
    st.integers(0, 9),
)


@pytest.mark.many_databases
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(told, min_size=1, max_size=12))
def test_together_as_one_by_one(
    tmp_path_factory: pytest.TempPathFactory, story: list[tuple[int, int, str, int]]
) -> None:
    folder: Path = tmp_path_factory.mktemp("story")
    (folder / "one").mkdir()
    (folder / "all").mkdir()
    devices = fleet_of_three()
    with make_desk(folder / "one") as one, make_desk(folder / "all") as together:
        prepare(one, devices)
        prepare(together, devices)
        one.decider._ordinary = NothingIs()
        items = [evidence(devices, one, each) for each in story]
        apart = []
        for item in items:
            with one.database.write() as connection:
                apart += one.decider.decide(connection, [item])
        with together.database.write() as connection:
            at_once = together.decider.decide(connection, items)
        assert [r._replace(message_id=None) for r in at_once] == [r._replace(message_id=None) for r in apart]
        assert dump(together) == dump(one)
