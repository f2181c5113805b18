"""The main job on real parts: a card moves into a foreign device and a real HLR refuses it, until it is back."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from simbond_agent import claims
from simbond_tools.gsup_peer import ServingNode
from simbond_tools.hlr import PrivateHlr
from simbond_verifier.enforcement.gsup import CancelType, Domain
from support import needs
from support.attester import Attester
from support.field import Field, eventually, new_device
from support.server import VerifierServer

GPRS_NOT_ALLOWED = 7
PLMN_NOT_ALLOWED = 11
FOREIGN_IMEI = "353456060000024"


@pytest.fixture(scope="module")
def hlr() -> Iterator[PrivateHlr]:
    needs.program("osmo-hlr", package="osmo-hlr")
    with PrivateHlr() as running:
        yield running


@pytest.fixture(scope="module")
def field(hlr: PrivateHlr, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Field]:
    folder = tmp_path_factory.mktemp("verifier")
    with VerifierServer(folder, target=f"{hlr.url}?cancel-wait=5") as server, Field(server) as made:
        yield made


class Network:
    """The nodes that serve a card, and the card."""

    def __init__(self, sgsn: ServingNode, msc: ServingNode, imsi: str) -> None:
        self.sgsn = sgsn
        self.msc = msc
        self.imsi = imsi

    async def attach(self, imei: str) -> tuple[int | None, int | None]:
        """The card attaches in a device: the MSC checks the IMEI, both update the location. The causes of refusal."""
        await self.msc.check_imei(self.imsi, imei)
        answers = [await node.update_location(self.imsi) for node in (self.sgsn, self.msc)]
        return answers[0].cause, answers[1].cause

    async def cancelled(self) -> None:
        """Waits until both nodes were told to drop the card."""
        for node in (self.sgsn, self.msc):
            async with asyncio.timeout(90):
                cancel = await node.cancelled.get()
            assert (cancel.imsi, cancel.domain, cancel.cancel_type) == (
                self.imsi,
                node.domain,
                CancelType.SUBSCRIPTION_WITHDRAWN,
            )
            assert self.imsi not in node.serving


ACCEPTED = (None, None)
REFUSED = (GPRS_NOT_ALLOWED, PLMN_NOT_ALLOWED)


@asynccontextmanager
async def network(hlr: PrivateHlr, imsi: str) -> AsyncIterator[Network]:
    async with (
        ServingNode(hlr.host, "sgsn-1", Domain.PS) as sgsn,
        ServingNode(hlr.host, "msc-1", Domain.CS) as msc,
    ):
        yield Network(sgsn, msc, imsi)


@pytest.fixture
def meter(field: Field, hlr: PrivateHlr) -> Attester:
    """A device with its card, bound, attested, and a subscriber of the HLR."""
    device = new_device()
    hlr.add_subscriber(str(device.imsi), f"4670{device.imsi[-7:]}")  # type: ignore[index]
    field.bind(device)
    assert field.attest(device).verdict == (2, [])
    return device


@pytest.fixture
def foreign(field: Field) -> Iterator[Attester]:
    """A foreign device with a key of its own: enrolled, bound to nothing."""
    device = Attester(imei=FOREIGN_IMEI, iccid=None, imsi=None, status=claims.TRAY_EMPTY)
    field.add(device)
    yield device
    with field.server.api() as api:
        api.post(f"/v1/devices/{device.kid.hex()}/revoke", {"reason": "its IMEI is enrolled anew in the next test"})


def take(device: Attester, card: str | None) -> None:
    """What the device's tray holds from now on."""
    device.iccid, device.imsi = card, None
    device.status = claims.TRAY_EMPTY if card is None else 0


async def away(work: Callable[..., Any], *arguments: Any) -> Any:
    """Blocking work beside the loop, so that the nodes go on serving."""
    return await asyncio.to_thread(work, *arguments)


def re_verify(field: Field, device: Attester) -> None:
    """The device attests over each answer's nonce, as the answers ask for, until its card is bound again."""
    answer = field.attest(device)
    for _ in range(20):
        assert answer.tier == 2
        if answer.interval_s > 0 and field.state(device.iccid) == ("bound", "allowed"):
            return
        time.sleep(0.3)  # a nonce counts in whole seconds
        answer = field.attest(device, answer.nonce)
    raise AssertionError(f"not re-verified: {field.history(device.iccid)}")


def confirmed(field: Field, iccid: str, access: str) -> dict[str, Any]:
    """The card's last command, once the HLR has confirmed it."""

    def found() -> dict[str, Any] | None:
        last = field.card(iccid)["enforcement"]
        return last if last and (last["access"], last["outcome"]) == (access, "confirmed") else None

    return dict(eventually(found) or {})


@pytest.mark.parametrize("first", ["network", "claim"])
def test_a_moved_card_is_refused_by_the_network_until_it_is_back(
    field: Field, hlr: PrivateHlr, meter: Attester, foreign: Attester, first: str
) -> None:
    iccid, imsi = str(meter.iccid), str(meter.imsi)

    async def story() -> None:
        async with network(hlr, imsi) as net:
            assert await net.attach(meter.imei) == ACCEPTED

            take(foreign, iccid)
            if first == "network":
                assert await net.attach(FOREIGN_IMEI) == ACCEPTED
            claim = await away(field.attest, foreign)
            assert (claim.tier, claim.reasons) == (32, ["foreign-device-claim"])
            if first == "claim":
                assert (await away(field.state, iccid)) == ("warned", "allowed")
                assert await net.attach(FOREIGN_IMEI) == ACCEPTED

            await net.cancelled()
            assert await net.attach(FOREIGN_IMEI) == REFUSED
            bar = await away(confirmed, field, iccid, "barred")
            assert bar["ms"] > 0
            assert (await away(field.attest, foreign)).reasons == ["foreign-device-claim", "card-suspended"]

            await away(re_verify, field, meter)
            await away(confirmed, field, iccid, "allowed")
            assert await net.attach(meter.imei) == ACCEPTED

    asyncio.run(story())
    lines = field.history(iccid)
    assert [line["kind"] for line in lines] == ["import", "bind", "alert", "suspend", "affirm", "affirm"]
    assert [line["state"] for line in lines][2:] == ["warned", "suspended", "reverifying", "bound"]
    suspension = lines[3]
    assert suspension["reasons"] == ["foreign-device"]
    assert suspension["device"] == foreign.kid.hex()
    assert suspension["detail"]["corroborated_by"] == "network view"
    assert suspension["detail"]["foreign_imei"] == FOREIGN_IMEI[:14]
    assert suspension["evidence"] == lines[2]["evidence"]
    assert [line["enforcement"] and line["enforcement"]["outcome"] for line in lines][3:] == [
        "confirmed",
        None,
        "confirmed",
    ]


def test_a_liar_suspends_nothing_while_the_network_sees_the_card_elsewhere(
    field: Field, hlr: PrivateHlr, meter: Attester, foreign: Attester
) -> None:
    iccid, imsi = str(meter.iccid), str(meter.imsi)

    async def story() -> None:
        async with network(hlr, imsi) as net:
            assert await net.attach(meter.imei) == ACCEPTED
            take(foreign, iccid)
            for _ in range(3):
                assert (await away(field.attest, foreign)).tier == 32
                await asyncio.sleep(1)  # the network is asked at once, after 0.5 s, after 1 s
            assert (await away(field.state, iccid)) == ("warned", "allowed")
            assert net.sgsn.serving == net.msc.serving == {imsi}
            assert await net.attach(meter.imei) == ACCEPTED

            await away(re_verify, field, meter)
            assert (await away(field.state, iccid)) == ("bound", "allowed")
            assert net.sgsn.cancelled.empty()
            assert net.msc.cancelled.empty()

    asyncio.run(story())
    kinds = [line["kind"] for line in field.history(iccid)]
    assert "accusation-refuted" in kinds
    assert "suspend" not in kinds
    with field.server.api() as api:
        assert api.get(f"/v1/devices/{foreign.kid.hex()}")["refuted"] == 1


def test_an_operators_suspension_takes_an_online_card_off_the_network(
    field: Field, hlr: PrivateHlr, meter: Attester
) -> None:
    iccid, imsi = str(meter.iccid), str(meter.imsi)

    def decide(what: str, **more: Any) -> None:
        with field.server.api("operator") as api:
            api.post(f"/v1/cards/{iccid}/{what}", {"reason": "court order"} | more)

    async def story() -> None:
        async with network(hlr, imsi) as net:
            assert await net.attach(meter.imei) == ACCEPTED
            await away(decide, "suspend")
            await net.cancelled()
            assert await net.attach(meter.imei) == REFUSED
            await asyncio.to_thread(decide, "resume", reverify=False)
            await away(confirmed, field, iccid, "allowed")
            assert await net.attach(meter.imei) == ACCEPTED

    asyncio.run(story())


def test_the_empty_tray_corroborates_without_any_network_view(tmp_path: Path) -> None:
    """The embedded target has no view of the network; what it has is the word of the bound device."""
    with VerifierServer(tmp_path) as server, Field(server) as field, server.api("viewer") as equipment:
        meter, foreign = new_device(), Attester(imei=FOREIGN_IMEI, iccid=None, imsi=None)
        iccid, imsi = str(meter.iccid), str(meter.imsi)
        field.bind(meter)
        field.add(foreign)
        field.attest(meter)
        assert equipment.get(f"/v1/subscribers/{imsi}")["access"] == "allowed"

        take(foreign, iccid)
        assert field.attest(foreign).reasons == ["foreign-device-claim"]
        assert equipment.get(f"/v1/subscribers/{imsi}")["access"] == "allowed"
        take(meter, None)
        field.attest(meter)
        confirmed(field, iccid, "barred")
        assert equipment.get(f"/v1/subscribers/{imsi}")["access"] == "barred"
        assert field.history(iccid)[-1]["detail"]["corroborated_by"] == "bound device"

        take(foreign, None)
        meter.iccid, meter.imsi, meter.status = iccid, imsi, 0
        re_verify(field, meter)
        confirmed(field, iccid, "allowed")
        assert equipment.get(f"/v1/subscribers/{imsi}")["access"] == "allowed"
