"""What an osmo-hlr's own records say, asked as the verifier asks."""

import asyncio
from collections.abc import Iterable

from simbond_tools.hlr import PrivateHlr
from simbond_verifier.enforcement import from_url

from .attester import Attester


def recorded(hlr: PrivateHlr, devices: Iterable[Attester]) -> list[str]:
    """The access of the devices' cards."""

    async def ask() -> list[str]:
        target = from_url(hlr.url)
        try:
            return [(await target.state(str(device.imsi))).value for device in devices]
        finally:
            await target.close()

    return asyncio.run(ask())
