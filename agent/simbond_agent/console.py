"""The agent on a serial console: a line of JSON in, a line of JSON out, for a technician's tool or the maker's own.

    {"do": "status", "id": 7}               -> {"event": "reply", "id": 7, "status": {...}, "kid": "3925b726f7929926"}
    {"do": "attest"}                        -> {"event": "reply", "id": null}, and in time an event "attested"
    {"do": "prove", "nonce": "00112233445566778899aabbccddeeff"}
                                            -> {"event": "reply", "id": null, "evidence": "d2844da2..."}
    {"do": "look"}                          -> {"event": "reply", "id": null, "identity": {...}, "cell": {...}, ...}
    {"do": "enrolment"}                     -> {"event": "reply", "id": null, "request": "d2844da2..."}
    {"do": "rotate"}                        -> {"event": "reply", "id": null}, and in time an event "rotation"

Whatever is wrong is answered by {"event": "reply", "id": ..., "error": "...", "code": "..."} (codes.py; or null).
"""

import asyncio
import json
import time
from binascii import hexlify, unhexlify

from . import codes
from .status import failure

_LINE_MAX = 256
_RAW = ("AT+CPIN?", "AT+CFUN?")  # locks, failures and a radio that is off have no word among the agent's own


async def serve(agent, stream):
    """Answers what comes on stream, which is one that asyncio.StreamReader takes, until it ends."""
    reader = asyncio.StreamReader(stream)
    line = b""
    while True:
        try:
            octet = await reader.read(1)
        except OSError:
            return
        if not octet:
            return
        if octet not in b"\r\n":
            line += octet
            if len(line) <= _LINE_MAX:
                continue
        if line:
            await answer(agent, line)
            line = b""


async def answer(agent, line):
    """Carries out one line (octets) and reports the reply."""
    asked = {}
    reply = {}
    try:
        asked = json.loads(line)
        if not isinstance(asked, dict):
            asked = {}
        reply = await _DO[asked.get("do")](agent, asked)
    except KeyError:
        reply["error"] = "do is to be one of " + ", ".join(sorted(_DO))
        reply["code"] = codes.UNKNOWN_COMMAND
    except Exception as e:
        reply["error"], reply["code"] = failure(e)
    given = asked.get("id")
    reply["id"] = given if isinstance(given, (int, str)) else None  # a list in lists would break whoever writes it
    agent.report("reply", reply)


async def _status(agent, asked):
    return {"status": agent.status, "kid": agent.kid()}


async def _attest(agent, asked):
    agent.attest_now()
    return {}


async def _prove(agent, asked):
    nonce = unhexlify(asked.get("nonce", ""))
    if len(nonce) != 16:
        raise ValueError("nonce is to be 32 hex digits")
    return {"evidence": hexlify(await agent.prove(nonce)).decode()}


async def _look(agent, asked):
    board = agent._board
    reply = {"url": board.url, "scenario": board.scenario}
    if hasattr(time, "gmtime"):
        reply["time"] = time.gmtime()[:6]
    try:
        async with agent.port as transport:
            reply["identity"] = await agent.port.identity()
            reply["cell"] = await agent.port.modem.cell()
            for command in _RAW:
                final, lines = await transport.command(command)
                reply[command] = lines[-1] if lines else final
    except Exception as e:
        reply["modem_error"], _code = failure(e)
    return reply


async def _enrolment(agent, asked):
    return {"request": hexlify(await agent.enrolment()).decode()}


async def _rotate(agent, asked):
    agent.rotate_key()
    return {}


_DO = {
    "status": _status,
    "attest": _attest,
    "prove": _prove,
    "look": _look,
    "enrolment": _enrolment,
    "rotate": _rotate,
}
