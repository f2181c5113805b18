"""Key rotation: another key in the place of the device's, endorsed by that one (docs/evidence.md).

A part of Agent, apart from it so that a board without software key or rotation need not carry it.
"""

from . import cbor, claims, cose
from .signer.software import SoftwareSigner


async def order(signer, request, nonce, bootcount, uptime):
    """An order to put another key in the signer's place, as a signed message. request: that key's enrolment request."""
    payload = {
        claims.NONCE: nonce,
        claims.UPTIME: uptime,
        claims.BOOTCOUNT: bootcount,
        claims.NEXT_KEY: request,
    }
    return await cose.sign1(signer, cbor.encode(payload))


async def rotate(agent):
    """Asks the verifier to take the agent's next key, and adopts that when it has. Returns whether that is settled.

    Raises UplinkError; the next key is kept, and the verifier answers the same order again as it did before.
    """
    keystore = agent._keystore
    signer = SoftwareSigner(keystore.next_key())
    async with agent.port:
        request = await agent._enrolment(signer)
    nonce = agent._nonce
    agent._nonce = None
    message = await order(agent._signer, request, nonce, keystore.bootcount, await agent._next_uptime())
    answer = await agent._send("rotation", message)
    if answer.tier == "affirming":
        keystore.adopt_next()
        await agent._take(signer)
    agent._report.event("rotation", tier=answer.tier, reasons=answer.reasons, kid=agent.kid())
    return not answer.again
