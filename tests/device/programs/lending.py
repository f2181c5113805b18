"""A maker's application beside the agent, with a modem command of its own and a raw look at the port."""

import asyncio
import json

from simbond_agent.agent import Agent
from simbond_agent.posix import from_environment


async def main():
    agent = Agent(from_environment())
    attesting = asyncio.create_task(agent.run())
    while "attested" not in agent.status:  # noqa: ASYNC110 - no event is set for it
        await asyncio.sleep(0.05)
    async with agent.port as transport:
        final, lines = await transport.command("AT+CSQ")
        agent.attest_now()
        await asyncio.sleep(1)  # nothing of the agent's comes in between
        before = dict(agent.status["attested"])
        transport.close()
    print(json.dumps({"event": "application", "final": final, "lines": lines, "uptime": before["uptime"]}))
    await attesting


asyncio.run(main())
