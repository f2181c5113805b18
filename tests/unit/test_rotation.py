"""A device's next key, endorsed by its present one: taken once, and the old one is good for nothing from then on."""

from collections.abc import Callable
from typing import Any

import cbor2
import pytest
from sqlalchemy import text

from simbond_verifier import fleet
from simbond_verifier.enrolment import read_rotation
from simbond_verifier.envelope import BadEvidence, open_envelope
from simbond_verifier.evidence import read_claims
from simbond_verifier.ingest.rotate import SHORTEST_S
from simbond_verifier.reasons import Reason, Tier
from simbond_verifier.refusal import Conflict, NotFound
from simbond_verifier.store.schema import metadata
from support.attester import ICCID, Attester, Sim
from support.damage import flipped
from support.verifier import Desk

pytestmark = pytest.mark.usefixtures("store")

OTHER_IMEI = "353456060000024"
NONCE = bytes(range(8))


def bound(desk: Desk) -> Attester:
    meter = Attester()
    desk.bind(meter)
    assert desk.attest(meter).tier is Tier.AFFIRMING
    return meter


def dump(desk: Desk) -> dict[str, list[Any]]:
    with desk.database.read() as connection:
        return {name: list(connection.execute(text(f"SELECT * FROM {name}"))) for name in metadata.tables}


def show(desk: Desk, kid: bytes) -> dict[str, Any]:
    with desk.database.read() as connection:
        return fleet.show_device(connection, kid.hex())


def kinds(desk: Desk) -> list[str]:
    return [line["kind"] for line in desk.history(ICCID)]


# Reading


def test_a_rotation_is_read_as_it_was_made() -> None:
    old = Attester(bootcount=3)
    new = old.successor()
    asked = read_rotation(open_envelope(old.rotation(NONCE, new.enrolment())))
    assert (asked.nonce, asked.bootcount, asked.uptime) == (NONCE, 3, old.uptime)
    assert (asked.successor.kid, asked.successor.point) == (new.kid, new.point)


def refusal(message: bytes) -> Reason:
    with pytest.raises(BadEvidence) as refused:
        read_rotation(open_envelope(message))
    return refused.value.reason


def stolen(old: Attester) -> bytes:
    """A request that names the victim's key, signed by the attacker's."""
    victim = old.successor()
    key = {1: 2, -1: 1, -2: victim.point[1:33], -3: victim.point[33:]}
    payload = cbor2.dumps({8: {1: key}, -70001: victim.binding()}, canonical=True)
    return old.sign(payload, header={1: -7, 4: victim.kid})


@pytest.mark.parametrize(
    "request_of",
    [
        lambda old: b"",
        lambda old: bytes(213),
        lambda old: old.successor().enrolment()[:-1],
        lambda old: flipped(old.successor().enrolment()),
        lambda old: old.evidence(NONCE),
        lambda old: old.rotation(NONCE, b""),
        lambda old: Sim().countersign(old.successor().enrolment()),
        stolen,
    ],
)
def test_a_next_key_that_does_not_prove_itself_is_refused(request_of: Callable[[Attester], bytes]) -> None:
    old = Attester()
    assert refusal(old.rotation(NONCE, request_of(old))) is Reason.NEXT_KEY_INVALID


@pytest.mark.parametrize(
    "change",
    [
        {10: b"short"},
        {261: -1},
        {267: 1 << 32},
        {-70003: "text"},
        {-70003: None},
        {99: 1},
        {-70001: []},
    ],
)
def test_claims_that_are_none_of_a_rotation_are_refused(change: dict[int, Any]) -> None:
    old = Attester()
    claims = {10: NONCE, 261: 5, 267: 1, -70003: old.successor().enrolment()} | change
    assert refusal(old.sign(cbor2.dumps(claims, canonical=True))) is Reason.CLAIMS_INVALID


def test_no_kind_of_message_passes_for_another() -> None:
    old = Attester()
    assert refusal(old.evidence(NONCE)) is Reason.CLAIMS_INVALID
    assert refusal(old.enrolment()) is Reason.CLAIMS_INVALID
    assert refusal(Sim().countersign(old.rotation(NONCE, old.successor().enrolment()))) is Reason.MALFORMED
    with pytest.raises(BadEvidence, match="claims-invalid"):
        read_claims(open_envelope(old.rotation(NONCE, old.successor().enrolment())))


# Taking


def test_the_new_key_takes_the_old_ones_place(desk: Desk) -> None:
    old = bound(desk)
    new = old.successor(uptime=0, bootcount=1)
    before = show(desk, old.kid)
    desk.now += 10
    result = desk.rotate(old, new)
    assert (result.tier, result.reasons, result.kid) == (Tier.AFFIRMING, (), new.kid)
    after = show(desk, new.kid)
    retired = {"kid": old.kid.hex(), "at": desk.now, "used_at": None}
    changed = {"kid": new.kid.hex(), "point": new.point.hex(), "rotated_at": desk.now, "retired_key": retired}
    assert after == before | changed
    assert desk.card(ICCID)["device"] == {"kid": new.kid.hex(), "imei": new.imei[:14]}
    assert desk.attest(new).tier is Tier.AFFIRMING, "with counters of its own"
    line = desk.history(ICCID)[-1]
    assert (line["kind"], line["actor"], line["state"]) == ("key-rotated", "verifier", "bound")
    assert line["detail"] == {"from_key": old.kid.hex(), "to_key": new.kid.hex()}


def test_the_old_key_is_good_for_nothing(desk: Desk) -> None:
    """The attacker has taken it off the flash before, and comes with it now."""
    old = bound(desk)
    new = old.successor()
    recorded = old.evidence(desk.nonce(old))
    desk.rotate(old, new)
    before = dump(desk)
    assert desk.hand_in(recorded).reasons == (Reason.KEY_REVOKED,)
    assert desk.attest(old, bytes(8)).reasons == (Reason.KEY_REVOKED,)
    assert desk.rotate(old, old.successor()).reasons == (Reason.KEY_REVOKED,)
    assert dump(desk) == before


def test_a_retired_key_is_told_of_its_own_successor_only(desk: Desk) -> None:
    old, other = bound(desk), Attester(imei=OTHER_IMEI)
    desk.add(other)
    desk.rotate(old, old.successor())
    assert refused(desk, old, other) == (Reason.KEY_REVOKED,)


def test_a_rotation_that_its_device_does_not_know_of_is_seen(desk: Desk) -> None:
    """Who has the present key can rotate the honest device away: its next Evidence shows that, once."""
    honest = bound(desk)
    thief = honest.successor()
    desk.rotate(honest, thief)
    for _ in range(3):
        desk.now += 60
        assert desk.attest(honest).reasons == (Reason.KEY_REVOKED,)
    assert kinds(desk)[-2:] == ["key-rotated", "retired-key-used"]
    line = desk.history(ICCID)[-1]
    assert line["detail"] == {"retired_key": honest.kid.hex()}
    assert show(desk, thief.kid)["retired_key"]["used_at"] == line["at"]
    assert desk.card(ICCID)["state"] == "bound"


def test_revoking_the_device_ends_the_new_key(desk: Desk) -> None:
    old = bound(desk)
    new = old.successor()
    desk.rotate(old, new)
    with pytest.raises(NotFound, match=f"its key is {new.kid.hex()} now"):
        desk.do(fleet.revoke, old.kid.hex(), reason="stolen", actor="olga")
    desk.do(fleet.revoke, new.kid.hex(), reason="stolen", actor="olga")
    assert desk.attest(new).reasons == (Reason.KEY_REVOKED,)
    assert desk.rotate(new, new.successor()).reasons == (Reason.KEY_REVOKED,)
    message = old.rotation(desk.nonce(old), new.enrolment())
    assert desk.hand_in_rotation(old, message).reasons == (Reason.KEY_REVOKED,)


def test_an_answer_that_was_lost_is_given_again(desk: Desk) -> None:
    """Also to a device that lost power meanwhile, and signs the same wish anew."""
    old = bound(desk)
    new = old.successor()
    message = old.rotation(desk.nonce(old), new.enrolment())
    first = desk.hand_in_rotation(old, message)
    before = dump(desk)
    desk.now += 86400
    assert desk.hand_in_rotation(old, message) == first
    old.bootcount, old.uptime = 2, 0
    assert desk.rotate(old, new) == first
    assert dump(desk) == before
    assert desk.attest(new).tier is Tier.AFFIRMING


def test_a_chain_of_keys_ends_at_the_last(desk: Desk) -> None:
    first = bound(desk)
    second = first.successor()
    third = second.successor()
    wish = first.rotation(desk.nonce(first), second.enrolment())
    desk.hand_in_rotation(first, wish)
    desk.now += SHORTEST_S
    assert desk.rotate(second, third).tier is Tier.AFFIRMING
    assert desk.hand_in_rotation(first, wish).reasons == (Reason.KEY_REVOKED,)
    for gone in (first, second):
        with pytest.raises(NotFound, match=third.kid.hex()):
            show(desk, gone.kid)
    assert show(desk, third.kid)["retired_key"]["kid"] == second.kid.hex()


# Refusing: then nothing has changed


def refused(desk: Desk, device: Attester, successor: Attester, nonce: bytes | None = None) -> tuple[Reason, ...]:
    before = dump(desk)
    result = desk.rotate(device, successor, nonce)
    assert result.tier is Tier.CONTRAINDICATED
    assert result.kid == device.kid
    assert dump(desk) == before
    return result.reasons


def test_a_key_is_used_once(desk: Desk) -> None:
    meter = bound(desk)
    twin = Attester()
    desk.do(
        fleet.enrol, twin.enrolment(), imei=None, label="", allow_duplicate_imei=True, actor="olga"
    )  # of a batch that shares its IMEI
    assert refused(desk, meter, meter) == (Reason.NEXT_KEY_USED,)
    assert refused(desk, meter, twin) == (Reason.NEXT_KEY_USED,)
    new = meter.successor()
    desk.rotate(meter, new)
    desk.now += SHORTEST_S
    assert refused(desk, new, meter) == (Reason.NEXT_KEY_USED,), "nor does one come back"
    assert refused(desk, twin, meter) == (Reason.NEXT_KEY_USED,)
    with pytest.raises(Conflict, match="used once"):
        desk.do(fleet.enrol, meter.enrolment(), imei=None, label="", allow_duplicate_imei=True, actor="olga")


@pytest.mark.parametrize("imei", [OTHER_IMEI, ""])
def test_another_devices_key_cannot_be_taken_for_ones_own(desk: Desk, imei: str) -> None:
    """Its enrolment request is printed on its console, and names its IMEI."""
    attacker = bound(desk)
    victim = Attester(imei=imei)
    assert refused(desk, attacker, victim) == (Reason.NEXT_KEY_INVALID,)


def test_freshness_and_order_are_as_for_evidence(desk: Desk) -> None:
    meter = bound(desk)
    new = meter.successor()
    assert refused(desk, meter, new, b"12345678") == (Reason.NONCE_WRONG,)
    assert refused(desk, meter, new, bytes(8)) == (Reason.LATE,)
    meter.uptime = 0
    assert refused(desk, meter, new) == (Reason.REPLAYED,)
    meter.bootcount = 0
    assert refused(desk, meter, new) == (Reason.COUNTER_BACK,)
    meter.bootcount = 2
    old = desk.nonce(meter)
    desk.now += 86401
    assert refused(desk, meter, new, old) == (Reason.LATE,)
    assert desk.rotate(meter, new).tier is Tier.AFFIRMING


def test_one_rotation_an_hour(desk: Desk) -> None:
    first = bound(desk)
    second = first.successor()
    third = second.successor()
    desk.rotate(first, second)
    desk.now += SHORTEST_S - 1
    assert refused(desk, second, third) == (Reason.ROTATION_TOO_SOON,)
    desk.now += 1
    assert desk.rotate(second, third).tier is Tier.AFFIRMING


def test_a_key_that_nobody_enrolled_has_no_successor(desk: Desk) -> None:
    stranger = Attester()
    assert refused(desk, stranger, stranger.successor()) == (Reason.KEY_UNKNOWN,)


def test_a_rotation_lifts_nothing_and_answers_nothing(desk: Desk) -> None:
    meter = bound(desk)
    desk.do(fleet.suspend, ICCID, reason="court order", actor="olga")
    before = desk.card(ICCID)
    new = meter.successor()
    desk.now += 5
    desk.rotate(meter, new)
    after = desk.card(ICCID)
    assert after | {"device": before["device"]} == before


def test_a_device_without_a_card_may_rotate_too(desk: Desk) -> None:
    lone = Attester(iccid=None, imsi=None)
    desk.add(lone)
    new = lone.successor()
    assert desk.rotate(lone, new).tier is Tier.AFFIRMING
    assert show(desk, new.kid)["rotated_at"] == desk.now
