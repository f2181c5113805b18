"""What operators may do with cards and devices, and what is refused: then nothing has changed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text, update

from simbond_verifier import fleet
from simbond_verifier.card_import import Row
from simbond_verifier.refusal import Conflict, Invalid, NotFound, Refusal
from simbond_verifier.store.schema import device as device_table
from simbond_verifier.store.schema import metadata
from support.attester import ICCID, IMSI, Attester, Sim
from support.damage import flipped
from support.verifier import SCENARIO, Desk
from support.verifier import desk as make_desk

pytestmark = pytest.mark.usefixtures("store")

OTHER = ("89860012345678904447", "460001234560002")
OTHER_IMEI = "353456060000024"
ROW = Row(2, ICCID, IMSI, "meter", "8613812345678", "Water works")


def dump(desk: Desk) -> dict[str, list[Any]]:
    """Everything that is in the database."""
    with desk.database.read() as connection:
        return {name: list(connection.execute(text(f"SELECT * FROM {name}"))) for name in metadata.tables}


def refused(desk: Desk, code: str, kind: type[Refusal], unit: Callable[..., Any], *arguments: Any, **more: Any) -> str:
    """What the refusal says; it leaves no trace in the database."""
    before = dump(desk)
    with pytest.raises(kind) as e:
        desk.do(unit, *arguments, **more)
    assert type(e.value) is kind
    assert e.value.code == code
    assert dump(desk) == before
    return str(e.value)


def enrol(desk: Desk, device: Attester, **more: Any) -> Any:
    order = {"imei": None, "label": "", "allow_duplicate_imei": False, "actor": "olga"} | more
    return desk.do(fleet.enrol, device.enrolment(), **order)


def bind(desk: Desk, iccid: str, device: Attester, scenario: str | None = None) -> Any:
    return desk.do(fleet.bind, iccid, device.kid.hex(), scenario=scenario, scenarios=desk.scenarios, actor="olga")


def check(desk: Desk, *rows: Row) -> fleet.Checked:
    with desk.database.read() as connection:
        return fleet.check_import(connection, list(rows))


def resume(desk: Desk, iccid: str, **more: Any) -> Any:
    order = {"reason": "", "reverify": True, "scenarios": desk.scenarios, "actor": "olga"} | more
    return desk.do(fleet.resume, iccid, **order)


# Imports


def test_repeating_an_import_changes_nothing(desk: Desk) -> None:
    assert check(desk, ROW) == ([ROW], 0, [])
    desk.do(fleet.add_cards, [ROW], actor="olga")
    assert check(desk, ROW) == ([], 1, [])


@pytest.mark.parametrize(
    ("change", "column"),
    [
        ({"imsi": OTHER[1]}, "iccid"),
        ({"scenario": "bike"}, "iccid"),
        ({"msisdn": ""}, "iccid"),
        ({"customer": "Gas works"}, "iccid"),
        ({"iccid": OTHER[0]}, "imsi"),
    ],
)
def test_a_card_that_is_there_with_other_values_is_a_fault(desk: Desk, change: dict[str, str], column: str) -> None:
    desk.do(fleet.add_cards, [ROW], actor="olga")
    row = ROW._replace(line=7, **change)
    assert check(desk, row) == ([], 0, [(7, column, "is imported already, with other values")])


def test_a_long_list_is_checked_as_a_short_one(desk: Desk) -> None:
    rows = [Row(n, f"8986001234{n:010}", f"46000{n:010}", "meter", "", "") for n in range(2500)]
    desk.do(fleet.add_cards, rows[:1200], actor="olga")
    assert check(desk, *rows) == (rows[1200:], 1200, [])
    desk.do(fleet.add_cards, rows[1200:], actor="olga")
    with desk.database.read() as connection:
        assert len(fleet.list_cards(connection, state=None, after="", limit=10_000)) == 2500
    assert [line["kind"] for line in desk.history(rows[2499].iccid)] == ["import"]


def test_an_import_that_another_one_overtook(desk: Desk) -> None:
    desk.do(fleet.add_cards, [ROW], actor="olga")
    fresh = Row(3, *OTHER, "meter", "", "")
    assert "repeat it" in refused(desk, "import-overtaken", Conflict, fleet.add_cards, [fresh, ROW], actor="oleg")


# Keys of SIMs


def sim_key(desk: Desk, key: str | None, iccid: str = ICCID) -> None:
    desk.do(fleet.set_sim_key, iccid, key, reason="ticket 1", actor="olga")


def test_a_sims_key_comes_with_the_list_or_later_and_goes(desk: Desk) -> None:
    sim, other = Sim(), Sim()
    desk.do(fleet.add_cards, [ROW._replace(sim_key=sim.point)], actor="olga")
    assert desk.card(ICCID)["sim_key"] == sim.point.hex()
    sim_key(desk, other.point.hex())
    assert desk.card(ICCID)["sim_key"] == other.point.hex()
    sim_key(desk, None)
    assert desk.card(ICCID)["sim_key"] is None
    lines = desk.history(ICCID)[1:]
    assert [line["kind"] for line in lines] == ["sim-key-registered", "sim-key-removed"]
    assert [(line["actor"], line["detail"], line["state"]) for line in lines] == [
        ("olga", {"reason": "ticket 1"}, "stock")
    ] * 2


@pytest.mark.parametrize("key", [None, Sim().point.hex()])
def test_setting_the_same_sims_key_again_changes_nothing(desk: Desk, key: str | None) -> None:
    desk.do(fleet.add_cards, [ROW], actor="olga")
    sim_key(desk, key)
    before = dump(desk)
    sim_key(desk, key)
    assert dump(desk) == before


def test_a_sims_key_belongs_to_one_card(desk: Desk) -> None:
    sim = Sim()
    held, free = ROW._replace(sim_key=sim.point), Row(3, *OTHER, "meter", "", "")
    desk.do(fleet.add_cards, [held, free], actor="olga")
    more = {"reason": "ticket 1", "actor": "olga"}
    words = refused(desk, "sim-key-registered", Conflict, fleet.set_sim_key, OTHER[0], sim.point.hex(), **more)
    assert ICCID in words
    third = Row(4, "89860012345678909990", "460001234560003", "meter", "", "", sim.point)
    assert check(desk, third) == ([], 0, [(4, "sim_key", "is imported already, with other values")])
    refused(desk, "import-overtaken", Conflict, fleet.add_cards, [third], actor="olga")


@pytest.mark.parametrize("key", ["", "04", "02" + Sim().point[1:33].hex(), "04" + "00" * 64])
def test_what_is_no_key_is_not_registered(desk: Desk, key: str) -> None:
    desk.do(fleet.add_cards, [ROW], actor="olga")
    more = {"reason": "ticket 1", "actor": "olga"}
    assert "P-256" in refused(desk, "sim-key-invalid", Invalid, fleet.set_sim_key, ICCID, key, **more)


def test_a_list_without_a_sims_key_says_nothing_about_it(desk: Desk) -> None:
    desk.do(fleet.add_cards, [ROW], actor="olga")
    sim = Sim()
    sim_key(desk, sim.point.hex())
    assert check(desk, ROW) == ([], 1, [])
    assert check(desk, ROW._replace(sim_key=sim.point)) == ([], 1, [])
    assert check(desk, ROW._replace(sim_key=Sim().point)).faults[0].column == "iccid"


# Devices


def test_enrolling_again_is_the_same_device(desk: Desk) -> None:
    device = Attester()
    assert enrol(desk, device) == device.kid.hex()
    before = dump(desk)
    assert enrol(desk, device, label="again") == device.kid.hex()
    assert dump(desk) == before


def test_a_request_that_does_not_prove_the_key(desk: Desk) -> None:
    request = flipped(Attester().enrolment())
    more = {"imei": None, "label": "", "allow_duplicate_imei": False, "actor": "olga"}
    words = refused(desk, "enrolment-request", Invalid, fleet.enrol, request, **more)
    assert "signature" in words


def test_the_label_and_the_device_must_agree(desk: Desk) -> None:
    device = Attester()
    more = {"label": "", "allow_duplicate_imei": False, "actor": "olga"}
    refused(desk, "imei-differs", Conflict, fleet.enrol, device.enrolment(), imei=OTHER_IMEI, **more)
    refused(desk, "imei-invalid", Invalid, fleet.enrol, device.enrolment(), imei="12345", **more)
    assert enrol(desk, device, imei=device.imei[:14] + "78") == device.kid.hex(), "an IMEISV is of the same device"


def test_a_key_is_used_once(desk: Desk) -> None:
    device = Attester()
    enrol(desk, device)
    desk.do(fleet.revoke, device.kid.hex(), reason="lost", actor="olga")
    more = {"imei": None, "label": "", "allow_duplicate_imei": True, "actor": "olga"}
    refused(desk, "key-enrolled", Conflict, fleet.enrol, device.enrolment(), **more)


def test_another_key_with_the_same_key_id_is_not_the_same_device(desk: Desk) -> None:
    """A key id has eight octets: somebody may have searched for a second key."""
    enrolled, found = Attester(), Attester()
    enrol(desk, enrolled)
    with desk.database.write() as connection:
        connection.execute(update(device_table).values(kid=found.kid))
    more = {"imei": None, "label": "", "allow_duplicate_imei": True, "actor": "olga"}
    assert "new key" in refused(desk, "key-enrolled", Conflict, fleet.enrol, found.enrolment(), **more)


def test_the_card_tells_who_revoked_its_device_s_key_and_why(desk: Desk) -> None:
    meter = Attester()
    desk.bind(meter)
    desk.do(fleet.revoke, meter.kid.hex(), reason="opened by a stranger", actor="oleg")
    line = desk.history(ICCID)[-1]
    assert (line["kind"], line["actor"], line["device"]) == ("key-revoked", "oleg", meter.kid.hex())
    assert (line["detail"], line["state"]) == ({"reason": "opened by a stranger"}, "bound")
    before = dump(desk)
    desk.do(fleet.revoke, meter.kid.hex(), reason="again", actor="olga")
    assert dump(desk) == before, "once more is nothing new"


def test_two_keys_share_an_imei_only_by_permission_or_after_revocation(desk: Desk) -> None:
    lost, new, twin = Attester(), Attester(), Attester()
    enrol(desk, lost)
    more = {"imei": None, "label": "", "allow_duplicate_imei": False, "actor": "olga"}
    assert lost.kid.hex() in refused(desk, "imei-enrolled", Conflict, fleet.enrol, new.enrolment(), **more)
    desk.do(fleet.revoke, lost.kid.hex(), reason="lost", actor="olga")
    enrol(desk, new)
    enrol(desk, twin, allow_duplicate_imei=True)


@pytest.mark.parametrize("kid", ["00" * 8, "zz", "", "00" * 9, "é" * 16])
def test_a_device_that_is_not_there(desk: Desk, kid: str) -> None:
    kind, code = (NotFound, "device-unknown") if kid in ("", "00" * 8) else (Invalid, "kid-invalid")
    refused(desk, code, kind, fleet.revoke, kid, reason="", actor="olga")
    with desk.database.read() as connection, pytest.raises(kind):
        fleet.show_device(connection, kid)


# Cards


@pytest.mark.parametrize("unit", [fleet.suspend, fleet.retire])
def test_a_card_that_is_not_there(desk: Desk, unit: Callable[..., Any]) -> None:
    refused(desk, "card-unknown", NotFound, unit, ICCID, reason="", actor="olga")
    refused(desk, "iccid-invalid", Invalid, unit, "12", reason="", actor="olga")


def test_binding_tells_who_and_when(desk: Desk) -> None:
    meter = Attester()
    desk.stock((ICCID, IMSI))
    enrol(desk, meter)
    bind(desk, ICCID, meter)
    card = desk.card(ICCID)
    assert (card["state"], card["device"]) == ("bound", {"kid": meter.kid.hex(), "imei": meter.imei[:14]})
    line = desk.history(ICCID)[-1]
    assert (line["kind"], line["actor"], line["device"]) == ("bind", "olga", meter.kid.hex())
    before = dump(desk)
    bind(desk, ICCID, meter)
    assert dump(desk) == before, "once more is nothing new"


def test_a_device_has_one_card(desk: Desk) -> None:
    meter = Attester()
    desk.bind(meter)
    desk.stock(OTHER)
    more = {"scenario": None, "scenarios": desk.scenarios, "actor": "olga"}
    assert ICCID in refused(desk, "device-bound", Conflict, fleet.bind, OTHER[0], meter.kid.hex(), **more)


def test_what_cannot_be_bound(desk: Desk) -> None:
    meter = Attester()
    desk.stock((ICCID, IMSI))
    enrol(desk, meter)
    kid = meter.kid.hex()
    more = {"scenarios": desk.scenarios, "actor": "olga"}
    refused(desk, "scenario-unknown", Invalid, fleet.bind, ICCID, kid, scenario="tram", **more)
    refused(desk, "device-unknown", NotFound, fleet.bind, ICCID, "00" * 8, scenario=None, **more)
    desk.do(fleet.revoke, kid, reason="lost", actor="olga")
    refused(desk, "device-revoked", Conflict, fleet.bind, ICCID, kid, scenario=None, **more)
    desk.do(fleet.retire, ICCID, reason="lost", actor="olga")
    second = Attester(imei=OTHER_IMEI)
    enrol(desk, second)
    refused(desk, "state", Conflict, fleet.bind, ICCID, second.kid.hex(), scenario=None, **more)


def test_a_model_that_the_scenario_does_not_allow(tmp_path: Path) -> None:
    with make_desk(tmp_path, SCENARIO + '[models]\ntac = ["99999999"]\n') as desk:
        meter = Attester()
        desk.stock((ICCID, IMSI))
        enrol(desk, meter)
        more = {"scenario": None, "scenarios": desk.scenarios, "actor": "olga"}
        refused(desk, "model-not-allowed", Conflict, fleet.bind, ICCID, meter.kid.hex(), **more)


def test_binding_anew_does_not_lift_a_suspension(desk: Desk) -> None:
    meter, new = Attester(), Attester(imei=OTHER_IMEI)
    desk.bind(meter)
    enrol(desk, new)
    desk.do(fleet.suspend, ICCID, reason="abroad", actor="olga")
    bind(desk, ICCID, new)
    assert (desk.card(ICCID)["state"], desk.card(ICCID)["access"]) == ("suspended", "barred")


def test_a_card_that_is_re_verified_and_then_bound_anew_is_barred_again(desk: Desk) -> None:
    """Otherwise an opening for one device would be an opening for another."""
    meter, new = Attester(), Attester(imei=OTHER_IMEI)
    desk.bind(meter)
    enrol(desk, new)
    desk.do(fleet.suspend, ICCID, reason="abroad", actor="olga")
    resume(desk, ICCID)
    bind(desk, ICCID, new)
    assert (desk.card(ICCID)["state"], desk.card(ICCID)["access"]) == ("suspended", "barred")


def test_suspending_and_resuming_a_card_that_was_never_bound(desk: Desk) -> None:
    desk.stock((ICCID, IMSI))
    desk.do(fleet.suspend, ICCID, reason="stolen from the store", actor="olga")
    assert desk.history(ICCID)[-1]["detail"] == {"reason": "stolen from the store"}
    resume(desk, ICCID, reason="found")
    assert (desk.card(ICCID)["state"], desk.card(ICCID)["access"]) == ("stock", "allowed")
    assert [c[1:] for c in desk.commands()] == [("barred", "superseded"), ("allowed", "pending")]


@pytest.mark.parametrize("reverify", [True, False])
def test_only_what_is_suspended_is_resumed(desk: Desk, reverify: bool) -> None:
    desk.bind(Attester())
    more = {"reason": "", "reverify": reverify, "scenarios": desk.scenarios, "actor": "olga"}
    assert "bound" in refused(desk, "state", Conflict, fleet.resume, ICCID, **more)


def test_a_retired_card_is_barred_for_good_and_its_device_is_free(desk: Desk) -> None:
    meter = Attester()
    desk.bind(meter)
    desk.do(fleet.retire, ICCID, reason="worn out", actor="olga")
    card = desk.card(ICCID)
    assert (card["state"], card["access"], card["device"]) == ("retired", "barred", None)
    more = {"reason": "", "reverify": False, "scenarios": desk.scenarios, "actor": "olga"}
    refused(desk, "state", Conflict, fleet.resume, ICCID, **more)
    desk.stock(OTHER)
    bind(desk, OTHER[0], meter)
    assert desk.card(OTHER[0])["state"] == "bound"


def test_lists_come_in_pages(desk: Desk) -> None:
    desk.stock((ICCID, IMSI), OTHER)
    devices = [Attester(imei=f"35345606000{n:03}0") for n in range(3)]
    desk.add(*devices)
    kids = sorted(d.kid.hex() for d in devices)
    with desk.database.read() as connection:
        assert [d["kid"] for d in fleet.list_devices(connection, after=kids[0], limit=1)] == kids[1:2]
        assert [d["kid"] for d in fleet.list_devices(connection, after="", limit=9)] == kids
        with pytest.raises(Invalid):
            fleet.list_devices(connection, after="xyz", limit=1)
        first = fleet.list_cards(connection, state=None, after="", limit=1)
        assert [c["iccid"] for c in first] == [min(ICCID, OTHER[0])]
        rest = fleet.list_cards(connection, state=None, after=first[0]["iccid"], limit=9)
        assert [c["iccid"] for c in rest] == [max(ICCID, OTHER[0])]
