"""The story, step by step. A step returns what was observed, and raises when it was not what it has to be."""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from simbond_agent.claims import TRAY_EMPTY

from .world import CARD, CELL, Device, World

_PATIENCE_S = 30.0


class NotObserved(Exception):
    """What had to happen did not."""


class Step(NamedTuple):
    name: str
    title: str
    run: Callable[[World], str]


def enrol(world: World) -> str:
    for device in (world.meter, world.foreign):
        request = device.agent.wait_for("enrolment", _PATIENCE_S)["request"]
        found = world.api.post("/v1/devices", {"request": request, "imei": device.modem.imei, "label": device.name})
        device.kid = found["kid"]
    makes = " and ".join(d.make for d in (world.meter, world.foreign))
    return f"two devices ({makes}) proved their keys, made on the device"


def bind(world: World) -> str:
    scenario = "demo-meter"
    rows = f"iccid,imsi,scenario,customer\n{CARD.iccid},{CARD.imsi},{scenario},Demo water works\n"
    world.api.post_csv("/v1/cards/import", rows.encode())
    world.api.post(f"/v1/cards/{CARD.iccid}/bind", {"device": world.meter.kid})
    _expect_state(world, "bound", "allowed")
    accepted, seen = world.network.attach(CARD.imsi, world.meter.modem.imei)
    _expect(accepted, seen)
    return f"card …{CARD.iccid[-4:]} bound to IMEI {world.meter.modem.imei}; network: {seen}"


def attest(world: World) -> str:
    world.meter.agent.tell(do="attest")  # it may have done so before anybody knew its card, and be waiting
    event = _attested(world.meter, tier="affirming")
    _expect_state(world, "bound", "allowed")
    return f"affirming; {event['octets']} octets of Evidence, {CELL.rat} cell {CELL.cell_id} in {CELL.plmn}"


def refuse_forged(world: World) -> str:
    """Somebody without the key signs the meter's claims."""
    protected, _, payload, _ = cbor2.loads(world.last_evidence()).value
    key = ec.generate_private_key(ec.SECP256R1())
    to_be_signed = cbor2.dumps(["Signature1", protected, b"", payload])
    r, s = decode_dss_signature(key.sign(to_be_signed, ec.ECDSA(SHA256())))
    signature = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    return _refused(world, cbor2.dumps(cbor2.CBORTag(18, [protected, {}, payload, signature])), "signature-invalid")


def refuse_replayed(world: World) -> str:
    message = world.last_evidence()
    _attested(world.meter, tier="affirming")  # so that it is surely not the newest any more
    return _refused(world, message, "counter-back", "replayed")


def refuse_flipped(world: World) -> str:
    message = bytearray(world.last_evidence())
    message[60] ^= 1
    return _refused(world, bytes(message), "signature-invalid")


def liar(world: World) -> str:
    """The foreign device's modem claims the card's numbers while the meter holds the card."""
    world.foreign.modem.insert(CARD)
    _attested(world.foreign, "foreign-device-claim")
    _expect(world.card()["access"] == "allowed", "the claim alone suspended the card")
    _until(lambda: world.card()["accused_at"] is None, "the meter did not refute the claim")
    _expect_state(world, "bound", "allowed")
    refuted = world.api.get(f"/v1/devices/{world.foreign.kid}")["refuted"]
    _expect(refuted == 1, "the lie was not counted")
    world.foreign.modem.remove()
    _until(lambda: world.api.get(f"/v1/devices/{world.foreign.kid}")["holds"] is None, "it still claims the card")
    return "an accusation was noted, the meter answered the challenge, nothing was suspended"


def move(world: World) -> str:
    if world.network.sees_imei:
        world.meter.agent.stop()  # the thief cuts the meter's power: it cannot say that its card is gone
    world.meter.modem.remove()
    world.foreign.modem.insert(CARD)
    world.network.attach(CARD.imsi, world.foreign.modem.imei)
    _until(lambda: _enforced(world, "barred") is not None, "the suspension was not confirmed")
    _expect_state(world, "suspended", "barred")
    line = _enforced(world, "barred")
    assert line is not None
    ms = (line["enforcement"]["done_at"] - line["evidence_at"]) * 1000
    by = line["detail"]["corroborated_by"]
    return (
        f"foreign device, corroborated by the {by}: suspended, {ms:.0f} ms from the Evidence to {world.target}'s word"
    )


def empty_tray(world: World) -> str:
    if world.network.sees_imei:
        world.meter.agent.restart()
    event = world.meter.agent.wait_for("attested", _PATIENCE_S, iccid=None)
    _expect(bool(event["flags"] & TRAY_EMPTY), "the tray was not reported empty")
    power = "with its power back, " if world.network.sees_imei else ""
    return f"{power}the first device signed that its tray is empty"


def refused_by_network(world: World) -> str:
    how = world.network.expelled(CARD.imsi, 5)
    _expect(how is not None, "the card was left online")
    accepted, seen = world.network.attach(CARD.imsi, world.foreign.modem.imei)
    _expect(not accepted, f"the network let the suspended card in: {seen}")
    return f"{how}; {seen}"


def back(world: World) -> str:
    world.foreign.modem.remove()
    world.meter.modem.insert(CARD)
    _until(lambda: world.card()["state"] == "bound", "re-verification did not end")
    _until(lambda: _enforced(world, "allowed") is not None, "the resumption was not confirmed")
    states = [line["state"] for line in world.history()]
    _expect("reverifying" in states, "the card came back without re-verification")
    accepted, seen = world.network.attach(CARD.imsi, world.meter.modem.imei)
    _expect(accepted, f"the network refuses the resumed card: {seen}")
    return f"two fresh affirming Evidences: re-verified and resumed; {seen}"


STORY = (
    Step("enrol", "Enrol two devices", enrol),
    Step("bind", "Import a card and bind it to the meter", bind),
    Step("attest", "The meter attests", attest),
    Step("forged", "A forged Evidence is refused", refuse_forged),
    Step("replayed", "A replayed Evidence is refused", refuse_replayed),
    Step("flipped", "A flipped bit is refused", refuse_flipped),
    Step("liar", "A device lies about a card it does not hold", liar),
    Step("move", "The card moves into the foreign device", move),
    Step("empty-tray", "The meter reports its empty tray", empty_tray),
    Step("refused", "The network refuses the card", refused_by_network),
    Step("back", "Moved back, re-verified, resumed", back),
)


def _attested(device: Device, reason: str | None = None, **fields: object) -> dict[str, Any]:
    """The device's next attestation like that."""
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        event = device.agent.wait_for("attested", max(deadline - time.monotonic(), 0.1), **fields)
        if reason is None or reason in event["reasons"]:
            return event


def _refused(world: World, message: bytes, *reasons: str) -> str:
    before = world.card(), world.history()
    result = cbor2.loads(world.send(message))
    _expect(result[1] == 96 and result[2][0] in reasons, f"the verifier answered {result[1]}, {result[2]}")
    after = world.card(), world.history()
    _expect(before == after, "it changed the card")
    return f"refused: {result[2][0]}; the card's state is unchanged"


def _enforced(world: World, access: str) -> dict[str, Any] | None:
    """The last line of the history whose command was confirmed."""
    for line in reversed(world.history()):
        command = line["enforcement"]
        if command is not None:
            return line if command["access"] == access and command["outcome"] == "confirmed" else None
    return None


def _expect_state(world: World, state: str, access: str) -> None:
    card = world.card()
    _expect((card["state"], card["access"]) == (state, access), f"the card is {card['state']}, {card['access']}")


def _expect(condition: bool, otherwise: str) -> None:
    if not condition:
        raise NotObserved(otherwise)


def _until(condition: Callable[[], bool], otherwise: str) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while not condition():
        if time.monotonic() > deadline:
            raise NotObserved(otherwise)
        time.sleep(0.02)
