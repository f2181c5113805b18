"""What a card's SIM signs beside a device: it corroborates an accusation at once, and is missed where it should be."""

from pathlib import Path

import pytest
from sqlalchemy import text

from simbond_agent import claims
from simbond_verifier.reasons import Reason, Tier
from support.attester import ICCID, Attester, Sim
from support.verifier import SCENARIO, Desk
from support.verifier import desk as make_desk

pytestmark = pytest.mark.usefixtures("store")

OTHER_IMEI = "353456060000024"
OTHER_ICCID = "89860012345678904447"


def meter_with_sim(desk: Desk) -> tuple[Attester, Sim]:
    """A bound device whose card's SIM signs, too."""
    sim = Sim()
    meter = Attester(sim=sim)
    desk.bind(meter)
    desk.sim_key(ICCID, sim)
    return meter, sim


def foreign(desk: Desk, sim: Sim | None) -> Attester:
    device = Attester(imei=OTHER_IMEI, imsi=None, sim=sim)
    desk.add(device)
    return device


def state(desk: Desk, iccid: str = ICCID) -> str:
    return str(desk.card(iccid)["state"])


def accusations(desk: Desk) -> list[tuple[str, str]]:
    """(outcome, source) of every one, oldest first."""
    with desk.database.read() as connection:
        found = connection.execute(text("SELECT outcome, source FROM accusation ORDER BY id"))
        return [(row[0], row[1]) for row in found]


def test_the_bound_device_with_its_sims_statement_is_affirmed(desk: Desk) -> None:
    meter, _ = meter_with_sim(desk)
    result = desk.attest(meter)
    assert (result.tier, result.reasons) == (Tier.AFFIRMING, ())


def test_a_foreign_device_with_the_sims_statement_suspends_at_once(desk: Desk) -> None:
    _, sim = meter_with_sim(desk)
    thief = foreign(desk, sim)
    result = desk.attest(thief)
    assert (result.tier, result.reasons) == (Tier.CONTRAINDICATED, (Reason.FOREIGN_DEVICE,))
    assert result.changed
    assert not result.accused, "nobody has to be asked any more"
    assert state(desk) == "suspended"
    assert [line["kind"] for line in desk.history(ICCID)[-2:]] == ["sim-key-registered", "suspend"]
    suspension = desk.history(ICCID)[-1]
    assert suspension["detail"] == {"foreign_imei": OTHER_IMEI[:14], "corroborated_by": "sim"}
    assert suspension["device"] == thief.kid.hex()
    assert accusations(desk) == [("upheld", "sim")]


def test_it_takes_its_sim_to_come_back(desk: Desk) -> None:
    meter, sim = meter_with_sim(desk)
    desk.attest(foreign(desk, sim))
    meter.sim = None
    for _ in range(3):
        desk.now += 10
        assert desk.attest(meter).reasons == (Reason.SIM_STATEMENT_MISSING,)
    assert state(desk) == "suspended"
    meter.sim = sim
    for _ in range(2):
        desk.now += 10
        desk.attest(meter)
    assert state(desk) == "bound"


def test_the_sims_word_counts_also_from_who_was_refuted_before(desk: Desk) -> None:
    meter, sim = meter_with_sim(desk)
    liar = foreign(desk, None)
    desk.attest(liar)
    desk.now += 5
    desk.attest(meter)
    assert state(desk) == "bound"
    liar.sim = sim
    desk.attest(liar)
    assert state(desk) == "suspended"
    assert accusations(desk) == [("refuted", "bound device"), ("upheld", "sim")]


def test_what_was_claimed_before_is_upheld_with_it(desk: Desk) -> None:
    _, sim = meter_with_sim(desk)
    thief = foreign(desk, None)
    desk.attest(thief)
    thief.sim = sim
    desk.attest(thief)
    assert state(desk) == "suspended"
    assert accusations(desk) == [("upheld", "sim")] * 2


def test_a_device_with_many_claims_open_may_still_prove_one(desk: Desk) -> None:
    _, sim = meter_with_sim(desk)
    thief = foreign(desk, None)
    for n in range(5, 8):
        other = Attester(imei=f"8612340500{n:04}0", iccid=f"898600123456789{n:05}", imsi=f"4600012345{n:05}")
        desk.bind(other)
        thief.iccid = other.iccid
        desk.attest(thief)
    thief.iccid, thief.sim = ICCID, sim
    desk.attest(thief)
    assert state(desk) == "suspended"


@pytest.mark.parametrize(
    ("registered", "reason"), [(True, Reason.SIM_STATEMENT_INVALID), (False, Reason.SIM_KEY_UNKNOWN)]
)
def test_a_statement_by_another_key_is_ignored_and_said_to_be(desk: Desk, registered: bool, reason: Reason) -> None:
    meter, sim = meter_with_sim(desk)
    if not registered:
        desk.sim_key(ICCID, None)
    result = desk.attest(foreign(desk, Sim() if registered else sim))
    assert (result.tier, result.reasons) == (Tier.WARNING, (Reason.FOREIGN_DEVICE_CLAIM, reason))
    assert state(desk) == "warned"
    meter.sim = sim if registered else None
    desk.now += 5
    desk.attest(meter)
    assert state(desk) == "bound"


def test_a_statement_over_other_evidence_is_none_over_this(desk: Desk) -> None:
    """The thief puts what the SIM signed for the meter, or for his own Evidence before, beside his next."""
    meter, sim = meter_with_sim(desk)
    thief = foreign(desk, None)
    for source in (meter, thief):
        recorded = sim.countersign(source.evidence(desk.nonce(source)))
        forged = bytearray(thief.evidence(desk.nonce(thief)))
        forged[16:17] = recorded[16:84]
        assert desk.hand_in(bytes(forged)).reasons == (Reason.FOREIGN_DEVICE_CLAIM, Reason.SIM_STATEMENT_INVALID)
    assert state(desk) == "warned"


def test_evidence_counts_once_whichever_header_it_comes_with(desk: Desk) -> None:
    meter, sim = meter_with_sim(desk)
    meter.sim = None
    plain = meter.evidence(desk.nonce(meter))
    assert desk.hand_in(sim.countersign(plain)).tier is Tier.AFFIRMING
    assert desk.hand_in(plain).reasons == (Reason.REPLAYED,)


@pytest.mark.parametrize(
    ("step", "after"), [("ignore", "bound"), ("alert", "warned"), ("suspend", "suspended"), (None, "warned")]
)
@pytest.mark.parametrize("reason", [Reason.SIM_STATEMENT_MISSING, Reason.SIM_STATEMENT_INVALID])
def test_the_scenario_weighs_a_bound_device_without_its_sims_statement(
    tmp_path: Path, reason: Reason, step: str | None, after: str
) -> None:
    with make_desk(tmp_path, SCENARIO + (f'{reason} = "{step}"\n' if step else "")) as desk:
        meter, _ = meter_with_sim(desk)
        meter.sim = None if reason is Reason.SIM_STATEMENT_MISSING else Sim()
        result = desk.attest(meter)
        assert result.reasons == (() if step == "ignore" else (reason,))
        assert state(desk) == after


def test_a_card_whose_sims_key_nobody_registered_misses_nothing(desk: Desk) -> None:
    meter = Attester()
    desk.bind(meter)
    assert desk.attest(meter).reasons == ()
    meter.sim = Sim()
    result = desk.attest(meter)
    assert (result.tier, result.reasons) == (Tier.AFFIRMING, (Reason.SIM_KEY_UNKNOWN,))
    assert state(desk) == "bound"


def test_another_cards_sim_speaks_for_its_own_card_only(desk: Desk) -> None:
    _, sim = meter_with_sim(desk)
    neighbour = Attester(imei=OTHER_IMEI, iccid=OTHER_ICCID, imsi="460001234560002")
    desk.bind(neighbour)
    other_sim = Sim()
    desk.sim_key(OTHER_ICCID, other_sim)
    neighbour.iccid, neighbour.imsi, neighbour.sim = ICCID, None, other_sim
    result = desk.attest(neighbour)
    assert result.reasons == (Reason.CARD_CHANGED, Reason.FOREIGN_DEVICE_CLAIM, Reason.SIM_STATEMENT_INVALID)
    assert state(desk) == "warned"
    neighbour.sim = sim
    desk.attest(neighbour)
    assert state(desk) == "suspended"


def test_an_empty_tray_needs_no_statement(desk: Desk) -> None:
    meter, sim = meter_with_sim(desk)
    meter.iccid, meter.status, meter.sim = None, claims.TRAY_EMPTY, None
    assert desk.attest(meter).reasons == (Reason.TRAY_EMPTY,)
    meter.sim = sim
    assert desk.attest(meter).reasons == (Reason.TRAY_EMPTY,), "nor does one make the tray full"


def test_a_revoked_or_forged_device_moves_nothing_with_the_sims_word(desk: Desk) -> None:
    """Evidence that does not verify changes no card, whoever has signed beside it."""
    _, sim = meter_with_sim(desk)
    thief = foreign(desk, sim)
    message = bytearray(sim.countersign(thief.evidence(b"12345678")))
    assert desk.hand_in(bytes(message)).reasons == (Reason.NONCE_WRONG,)
    assert state(desk) == "bound"
