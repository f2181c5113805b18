"""The SIM as a signer under real MicroPython, on an emulated modem whose card has an IoT SAFE applet."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from simbond_agent import cose
from simbond_tools.agent_process import AgentProcess
from simbond_tools.emulator import Card, Modem
from support.cards import CARD
from support.es256 import is_signature, public_octets

KEY = ec.derive_private_key(0x51B0D, ec.SECP256R1())
KEYED = Card(CARD.iccid, CARD.imsi, private_key=f"{0x51B0D:064x}")
PROGRAM = """
import asyncio
import json

from simbond_agent.agent import Agent
from simbond_agent.posix import from_environment
from simbond_agent.signer.error import SignerError
from simbond_agent.signer.iot_safe import IotSafeSigner


async def main():
    port = Agent(from_environment()).port
    signer = IotSafeSigner()
    async with port:
        signer.attach(port.modem)
        try:
            await signer.open()
            for i in range(3):
                signature = await signer.sign(b"message %d" % i)
                said = {"event": "signed", "number": i, "signature": signature.hex(), "kid": signer.kid.hex()}
                print(json.dumps(said))
        except SignerError as e:
            print(json.dumps({"event": "error", "detail": str(e)}))


asyncio.run(main())
"""
WITHOUT_CCHO = """
extends = "generic"
name = "old"
title = "A module without +CCHO"
[behaviours]
"+CCHO" = false
"+CGLA" = false
"+CCHC" = false
"""


@pytest.fixture
def device(tmp_path, rom):
    """Starts PROGRAM on the modem."""
    (tmp_path / "main.py").write_text(PROGRAM)

    def start(modem):
        settings = {"url": "http://x", "rom": rom, "state_dir": tmp_path / "state", "program": tmp_path / "main.py"}
        return AgentProcess(tty=modem.port, **settings)

    return start


@pytest.mark.parametrize("has_ccho", [True, False])
def test_the_sim_signs(has_ccho, device, tmp_path):
    profile = tmp_path / "old.toml"
    profile.write_text(WITHOUT_CCHO)
    with Modem("generic" if has_ccho else profile, card=KEYED) as modem, device(modem) as process:
        for number in range(3):
            said = process.wait_for("signed", number=number)
            assert is_signature(KEY, bytes.fromhex(said["signature"]), b"message %d" % number)
            assert said["kid"] == cose.kid(public_octets(KEY)).hex()
        used = b"".join(chunk.data for chunk in modem.transcript if chunk.sender == "host")
        assert (b"AT+CGLA=" in used) == has_ccho
        assert (b"AT+CSIM=" in used) != has_ccho


def test_a_card_without_the_applet_is_said(device):
    with Modem("generic", card=CARD) as modem, device(modem) as process:
        assert "no application A0000005590010" in process.wait_for("error")["detail"]


def test_an_empty_tray_is_said(device):
    with Modem("generic") as modem, device(modem) as process:
        assert "+CME ERROR" in process.wait_for("error")["detail"]
