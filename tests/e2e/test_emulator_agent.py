"""What the agent reads from an emulated modem is what was set in it: every profile and RAT, with the agent's code."""

import asyncio
from typing import Any

import pytest

from simbond_agent.at import Channel
from simbond_agent.modem import probe
from simbond_tools.emulator import Card, Cell, Fault, Modem, load_profile, profile_names
from support.port_stream import opened

CARD = Card(iccid="89860000001234567897", imsi="460001234567890")
IMEI = "004999010640018"
DIALECTS = {
    "generic": "generic",
    "quectel-bg95": "quectel",
    "quectel-ec25": "quectel",
    "simcom-sim7080": "simcom",
    "simcom-sim7600": "simcom",
    "telit-me910": "telit",
    "ublox-sara-r5": "ublox",
}
PLACES = [(name, rat) for name in profile_names() for rat in load_profile(name).rats]


def look(modem: Modem) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """The dialect that the agent finds, and the identity and cell that it reads."""

    async def ask() -> tuple[str, dict[str, Any], dict[str, Any]]:
        with opened(modem.port) as stream:
            channel = Channel(stream, stream)
            try:
                agent = await probe(channel)
                await agent.setup()
                return agent.name, await agent.identity(), await agent.cell()
            finally:
                channel.close()
                await asyncio.sleep(0)

    return asyncio.run(ask())


def area_of(cell: Cell) -> str:
    return "lac" if cell.rat in ("GSM", "UMTS") else "tac"


@pytest.mark.parametrize(("profile", "rat"), PLACES)
def test_agent_reads_what_was_set(profile: str, rat: str) -> None:
    cell = Cell(rat=rat, plmn="46000", tac=0x52C8, cell_id=0xABCD, rsrp_dbm=-101, rsrq_db=-13, rssi_dbm=-71)
    with Modem(profile, imei=IMEI, card=CARD, cell=cell) as modem:
        dialect, identity, seen = look(modem)
    assert dialect == DIALECTS[profile]
    assert (identity["imei"], identity["iccid"], identity["imsi"]) == (IMEI, CARD.iccid, CARD.imsi)
    assert identity["sim"] == "ready"
    assert "iccid_mismatch" not in identity
    assert (seen["plmn"], seen[area_of(cell)], seen["cell_id"]) == (cell.plmn, cell.tac, cell.cell_id)
    assert seen["reg"] == "home"
    # What AcT 7 leaves open on a module that has LTE-M is not guessed; levels are those that the RAT and module have.
    assert seen.get("rat", rat) == rat
    assert "rat" in seen or dialect in ("telit", "ublox")
    if rat not in ("GSM", "UMTS"):
        assert seen["rsrp_dbm"] == pytest.approx(cell.rsrp_dbm, abs=1)


@pytest.mark.parametrize("profile", profile_names())
def test_agent_sees_an_empty_tray(profile: str) -> None:
    with Modem(profile, imei=IMEI, card=None) as modem:
        _, identity, _ = look(modem)
    assert identity == {"imei": IMEI, "sim": "absent"}


@pytest.mark.parametrize("fault", [Fault.BYTEWISE, Fault.CR_ONLY, Fault.ECHO, Fault.LATE_URC])
def test_agent_reads_the_same_through_faults(fault: Fault) -> None:
    with Modem("quectel-bg95", imei=IMEI, card=CARD) as modem:
        modem.fault(fault, None, 0.0001 if fault is Fault.BYTEWISE else None)
        _, identity, seen = look(modem)
    assert (identity["imei"], identity["iccid"], identity["imsi"]) == (IMEI, CARD.iccid, CARD.imsi)
    assert (seen["plmn"], seen["tac"], seen["cell_id"]) == ("00101", 0x1A2B, 0x1A2B3C)
