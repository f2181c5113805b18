"""No sequence of decisions lets one person alone do what takes two."""

from pathlib import Path
from shutil import copyfile
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simbond_agent import claims
from simbond_verifier import fleet
from simbond_verifier.decisions import about_device, about_rule, about_withheld
from simbond_verifier.lifecycle import Event
from simbond_verifier.reasons import Reason
from simbond_verifier.refusal import Refusal
from simbond_verifier.store import cards, gate, proposals, signs
from simbond_verifier.store.proposals import Kind, Order
from simbond_verifier.store.signs import Told
from support.attester import ICCID, Attester
from support.persons import STRICT, Persons
from support.verifier import desk as make_desk

NEW_IMEI = "353456060000024"
OTHER = ("89860012345678904447", "460001234560002")

_KINDS = [
    "resume",
    "open",
    "retire",
    "unbind",
    "bind",
    "second-slot",
    "swap",
    "start",
    "kill-switch-off",
    "release",
    "dismiss",
]
_acts = st.lists(
    st.tuples(
        st.sampled_from([*_KINDS, "approve", "approve", "withdraw", "suspend", "attest", "attest-spare", "wait"]),
        st.sampled_from(["olga", "oleg"]),
        st.integers(0, 3),
    ),
    max_size=14,
)
_TAKES_TWO = {"lift", "retire", "unbind", "swap-opened", "second-slot", "rule-started", "kill-switch-off"}


@pytest.fixture(name="scene", scope="module")
def _scene(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Attester, Attester]:
    """A card that is suspended, another one that a stopped rule would suspend, a spare device, and the kill switch."""
    folder = tmp_path_factory.mktemp("scene")
    meter, spare = Attester(), Attester(imei=NEW_IMEI, iccid=None, imsi=None, status=claims.TRAY_EMPTY)
    with make_desk(folder) as desk:
        desk.bind(meter)
        desk.bind(Attester(imei="861234050000047", iccid=OTHER[0], imsi=OTHER[1]))
        desk.add(spare)
        with desk.database.write() as connection:
            gate.set_kill_switch(connection, True, reason="test", actor="vera", now=desk.now)
            about = cards.by_iccid(connection, OTHER[0])
            assert about is not None
            told = Told(desk.now, "feed")
            signs.enforce(connection, about, Event.SUSPEND, [Reason.SILENT], STRICT, told)
            connection.execute(gate.breaker.insert().values(rule=Reason.SILENT, tripped_at=desk.now, enforced=1))
        desk.do(fleet.suspend, ICCID, reason="fraud", actor="vera")
    return folder / "test.db", meter, spare


def _act(persons: Persons, scene: tuple[Path, Attester, Attester], what: str, actor: str, which: int) -> None:
    desk, (_, meter, spare) = persons.desk, scene
    card_orders: dict[str, tuple[Kind, dict[str, Any]]] = {
        "resume": (Kind.RESUME, {"reverify": False}),
        "open": (Kind.RESUME, {"reverify": True}),
        "retire": (Kind.RETIRE, {}),
        "unbind": (Kind.UNBIND, {}),
        "bind": (Kind.BIND, {"kid": spare.kid.hex(), "scenario": None, "force": False}),
        "swap": (Kind.SWAP, {"kid": spare.kid.hex(), "force": False}),
    }
    if what in card_orders:
        kind, detail = card_orders[what]
        persons.order(actor, kind, **detail)
        return

    def take(connection: Any, now: float) -> int | None:
        wishes = {
            "start": lambda: Order(Kind.START_RULE, "r", detail={"rule": "silent"}),
            "second-slot": lambda: about_device(
                connection, Kind.SECOND_SLOT, meter.kid.hex(), imei2="352099001761481", reason="r"
            ),
            "kill-switch-off": lambda: Order(Kind.START_ALL, "r"),
            "release": lambda: about_withheld(connection, Kind.RELEASE, 1, reason="r"),
            "dismiss": lambda: about_rule(connection, Kind.DISMISS_ALL, Reason.SILENT, reason="r"),
        }
        return persons.decisions.take(connection, wishes[what](), actor=actor, now=now)

    if what == "approve":
        persons.approve(actor, which + 1)
    elif what == "withdraw":
        desk.do(proposals.withdraw, which + 1, actor=actor)
    elif what == "suspend":
        desk.do(fleet.suspend, ICCID, reason="r", actor=actor)
    elif what == "attest":
        desk.attest(meter)
    elif what == "attest-spare":
        spare.iccid, spare.imsi, spare.status = meter.iccid, meter.imsi, 0
        desk.attest(spare)
    elif what != "wait":
        desk.do(take)


@pytest.mark.many_databases
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=_acts, alone=st.booleans())
def test_no_sequence_of_decisions_lets_one_person_do_what_takes_two(
    tmp_path_factory: pytest.TempPathFactory, scene: tuple[Path, Attester, Attester], acts: Any, alone: bool
) -> None:
    folder = tmp_path_factory.mktemp("detour")
    copyfile(scene[0], folder / "test.db")
    with make_desk(folder) as desk:
        persons = Persons(desk)
        before = len(persons.events())
        for what, actor, which in acts:
            desk.now += 60
            try:
                _act(persons, scene, what, "olga" if alone else actor, which)
            except Refusal:
                continue
        new = persons.events()[before:]
        with desk.database.read() as connection:
            spare_id = fleet.lookup.find_device(connection, scene[2].kid.hex())["id"]
        for row in new:
            moved = row.kind == "bind" and row.device_id == spare_id and row.actor != "verifier"
            released = row.kind == "suspend" and "withheld_at" in row.detail
            if row.kind in _TAKES_TWO or moved or released:
                assert row.detail["asked_by"] != row.actor
                assert not alone
        if alone:
            with desk.database.read() as connection:
                assert gate.kill_switch(connection) is not None
                assert [rule["rule"] for rule in gate.stopped(connection)] == ["silent"]
            assert desk.card(OTHER[0])["access"] == "allowed"
            device = desk.card(ICCID)["device"]
            assert device["kid"] == scene[1].kid.hex()
